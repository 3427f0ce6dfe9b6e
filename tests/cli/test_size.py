"""`dockslim size` and `dockslim compare`: what they print, and what they say of what they cannot read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.dockerfiles import run
from tests.workers.image.stacks import PACKS, Member, file, folder, make_image, write_archive, write_layer, write_layout

MINUS = "\N{MINUS SIGN}"
LISTED = b"/usr/bin/gcc\n"
BASE = [folder("usr"), file("usr/bin/sh", 50_000)]
APT = [
    file("usr/bin/gcc", 30_000),
    file("var/lib/dpkg/info/gcc.list", LISTED),
    file("var/lib/apt/lists/main", 20_000),
]
COPY = [file("app/a", 9_000), file("app/b", 1_000)]
CHOWN = [file("app/a", 9_000), file("app/b", 1_000), file("var/lib/apt/lists/.wh.main", 0)]
DOCKERFILE = """FROM debian
RUN apt-get update \\
    && apt-get install gcc
COPY . /app
RUN chown -R app /app && rm /var/lib/apt/lists/*
CMD ["sh"]
"""
HISTORY = [
    ("# debian.sh --arch 'amd64' out/ 'bookworm'", False),
    ("RUN /bin/sh -c apt-get update     && apt-get install gcc # buildkit", False),
    ("COPY . /app # buildkit", False),
    ("RUN /bin/sh -c chown -R app /app && rm /var/lib/apt/lists/* # buildkit", False),
    ('CMD ["sh"]', True),
]
FIXED = """FROM debian
RUN apt-get update \\
    && apt-get install gcc && rm /var/lib/apt/lists/*
COPY --chown=app . /app
CMD ["sh"]
"""


def build(layers: list[list[Member]], history: list[tuple[str, bool]], path: Path, pack: str = "plain") -> Path:
    """Write an archive."""
    return write_archive(make_image([write_layer(layer) for layer in layers], history, PACKS[pack]), path)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory with an image before and after, and their Dockerfiles."""
    monkeypatch.chdir(tmp_path)
    build([BASE, APT, COPY, CHOWN], HISTORY, tmp_path / "before.tar")
    install = (HISTORY[1][0].replace("gcc #", "gcc && rm /var/lib/apt/lists/* #"), False)
    build([BASE, APT[:2], COPY], [HISTORY[0], install, *HISTORY[2:3], HISTORY[4]], tmp_path / "after.tar")
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "Dockerfile.fixed").write_text(FIXED)
    return tmp_path


@pytest.mark.usefixtures("here")
def test_size() -> None:
    result = run("size", "before.tar", "--dockerfile", "Dockerfile")
    assert result.exit_code == 0
    assert result.stdout.replace(MINUS, "-").splitlines() == [
        "before.tar  linux/amd64",
        "120 kB in 4 layers; 90 kB of them in the image, 30 kB lost",
        "",
        "  base            50 kB  ████████████████████  1 layer",
        "                                               /usr/bin 50 kB",
        "  lines 2-3       50 kB  ████████████████████  RUN apt-get update && apt-get install gcc",
        "                                               gcc 30 kB; 20 kB in none: /var/lib/apt/lists 20 kB",
        "  line 4          10 kB  ████                  COPY . /app",
        "                                               /app 10 kB",
        "  line 5          10 kB  ████                  RUN chown -R app /app && rm /var/lib/apt/lists/*",
        "                                               /app 10 kB",
        "",
        "Lost: in a layer, and not in the image",
        "       20 kB  1 file in /var/lib/apt/lists: written by lines 2-3, deleted by line 5",
        "       10 kB  2 files in /app: written by line 4, written again with only owner or mode changed by line 5",
    ]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "options", [(), ("--dockerfile", "Dockerfile.fixed"), ("--dockerfile", "Dockerfile", "--target", "x")]
)
def test_without_the_dockerfile_that_it_was_built_from(options: tuple[str, ...]) -> None:
    """Layers are counted then, and no line is named."""
    shown = run("size", "before.tar", *options).stdout
    assert "  layer 1       50 kB  ████████████████████  # debian.sh --arch 'amd64' out/ 'bookworm'\n" in shown
    assert "written by layer 2, deleted by layer 4\n" in shown
    assert "line" not in shown.replace("outline", "")


def test_size_in_markdown(here: Path) -> None:
    build([BASE, APT, COPY, CHOWN], HISTORY, here / "packed.tar", "gzip")
    shown = (
        run("size", "packed.tar", "--dockerfile", "Dockerfile", "--format", "markdown")
        .stdout.replace(MINUS, "-")
        .splitlines()
    )
    assert shown[0].startswith("**packed.tar** · 120 kB in 4 layers; 90 kB of them in the image, 30 kB lost; ")
    assert shown[0].endswith(" compressed")
    assert shown[2:4] == ["| Line | Adds | Compressed | Lost | |", "|---|---:|---:|---:|---|"]
    rows = [[cell.strip() for cell in row.split(" | ")] for row in shown[4:8]]
    assert [[row[0], row[1], row[3], row[4]] for row in rows] == [
        ["| base", "50 kB", "", "1 layer<br>/usr/bin 50 kB |"],
        [
            "| lines 2-3",
            "50 kB",
            "20 kB",
            "`RUN apt-get update && apt-get install gcc`<br>gcc 30 kB; 20 kB in none: /var/lib/apt/lists 20 kB |",
        ],
        ["| line 4", "10 kB", "10 kB", "`COPY . /app`<br>/app 10 kB |"],
        ["| line 5", "10 kB", "", "`RUN chown -R app /app && rm /var/lib/apt/lists/*`<br>/app 10 kB |"],
    ]
    assert all(row[2].endswith("bytes") for row in rows)
    assert shown[9:] == [
        "Lost: in a layer, and not in the image",
        "",
        "- 20 kB 1 file in /var/lib/apt/lists: written by lines 2-3, deleted by line 5",
        "- 10 kB 2 files in /app: written by line 4, written again with only owner or mode changed by line 5",
    ]


@pytest.mark.usefixtures("here")
def test_size_in_json() -> None:
    said = json.loads(run("size", "before.tar", "--dockerfile", "Dockerfile", "--format", "json").stdout)
    assert {key: said[key] for key in ("name", "platform", "written", "visible", "lost", "compressed")} == {
        "name": "before.tar", "platform": "linux/amd64", "written": 120_013, "visible": 90_013, "lost": 30_000,
        "compressed": None,
    }  # fmt: skip
    assert [(each["layer"], each["line"], each["end_line"], each["base"]) for each in said["layers"]] == [
        (1, None, None, True), (2, 2, 3, False), (3, 4, 4, False), (4, 5, 5, False),
    ]  # fmt: skip
    assert [(each["written"], each["lost"], each["deleted"], each["copied"]) for each in said["layers"]] == [
        (50_000, 0, 0, 0), (50_013, 20_000, 0, 0), (10_000, 10_000, 0, 0), (10_000, 0, 20_000, 10_000),
    ]  # fmt: skip
    assert said["losses"] == [
        {
            "written_by": 2,
            "lost_by": 4,
            "how": "deleted",
            "bytes": 20_000,
            "files": 1,
            "directory": "/var/lib/apt/lists",
        },
        {"written_by": 3, "lost_by": 4, "how": "copied", "bytes": 10_000, "files": 2, "directory": "/app"},
    ]
    assert said["packages"] == [{"manager": "dpkg", "name": "gcc", "bytes": 30_013}]
    assert said["layers"][1]["directories"][1] == {"directory": "/var/lib/apt/lists", "bytes": 20_000}


@pytest.mark.usefixtures("here")
def test_compare() -> None:
    result = run("compare", "before.tar", "after.tar", "--dockerfile", "Dockerfile", "--dockerfile", "Dockerfile.fixed")
    assert result.exit_code == 0
    assert result.stdout.replace(MINUS, "-").splitlines() == [
        "before.tar -> after.tar",
        "  image            120 kB ->      90 kB  -30 kB (-25.0%)",
        "  lost              30 kB ->    0 bytes  -30 kB (-100.0%)",
        "",
        "By line",
        "  lines 2-3         -20 kB  ░░░░░░░░░░░░░░░░░░░░  "
        "RUN apt-get update && apt-get install gcc && rm /var/lib/apt/lists/*",
        "  line 5 (gone)     -10 kB  ░░░░░░░░░░            RUN chown -R app /app && rm /var/lib/apt/lists/*",
    ]


@pytest.mark.usefixtures("here")
def test_compare_what_grew() -> None:
    shown = run("compare", "after.tar", "before.tar").stdout.replace(MINUS, "-").splitlines()
    assert shown[5:] == [
        "  layer 2     +20 kB  ████████████████████  "
        "RUN apt-get update && apt-get install gcc (gcc 30 kB; 20 kB in none: /var/lib/apt/lists 20 kB)",
        "  layer 4     +10 kB  ██████████            RUN chown -R app /app && rm /var/lib/apt/lists/* (/app 10 kB)",
    ]


def test_compare_packages_and_files(here: Path) -> None:
    more = [*APT[:2], file("usr/bin/vim", 7_000), file("var/lib/dpkg/info/vim.list", b"/usr/bin/vim\n")]
    build([BASE, more, [file("app/a", 8_000), file("app/c", 500)]], [HISTORY[0], *HISTORY[1:3]], here / "more.tar")
    shown = run("compare", "after.tar", "more.tar").stdout.replace(MINUS, "-").splitlines()
    assert shown[shown.index("By package") :] == [
        "By package",
        "       +7 kB  vim",
        "",
        "By directory",
        "       +7 kB  /usr/bin",
        "       -2 kB  /app",
        "   +13 bytes  /var/lib/dpkg/info",
        "",
        "Files",
        "  3 added, +8 kB",
        "  1 removed, -1 kB",
        "  1 changed, -1 kB",
    ]


@pytest.mark.usefixtures("here")
def test_compare_in_markdown() -> None:
    shown = run("compare", "before.tar", "after.tar", "--dockerfile", "Dockerfile", "--format", "markdown").stdout
    assert shown.replace(MINUS, "-").splitlines() == [
        "| | before.tar | after.tar | |",
        "|---|---:|---:|---:|",
        "| image | 120 kB | 90 kB | -30 kB (-25.0%) |",
        "| lost | 30 kB | 0 bytes | -30 kB (-100.0%) |",
        "",
        "| Line | Before | After | | |",
        "|---|---:|---:|---:|---|",
        "| layer 2 | 50 kB | 30 kB | -20 kB | `RUN apt-get update && apt-get install gcc && rm /var/lib/apt/lists/*` |",
        "| line 5 (gone) | 10 kB |  | -10 kB | `RUN chown -R app /app && rm /var/lib/apt/lists/*` |",
    ]


@pytest.mark.usefixtures("here")
def test_compare_in_json() -> None:
    said = json.loads(run("compare", "before.tar", "after.tar", "--format", "json").stdout)
    assert (said["difference"], said["before"]["written"], said["after"]["written"]) == (-30_000, 120_013, 90_013)
    assert said["lines"] == [
        {"before": [1], "after": [1], "shared": True, "difference": 0},
        {"before": [2], "after": [2], "shared": False, "difference": -20_000},
        {"before": [3], "after": [3], "shared": False, "difference": 0},
        {"before": [4], "after": [], "shared": False, "difference": -10_000},
    ]
    assert said["files"] == {kind: {"files": 0, "bytes": 0} for kind in ("added", "removed", "changed")}


@pytest.mark.usefixtures("here")
def test_compare_with_itself() -> None:
    assert run("compare", "after.tar", "after.tar").stdout.replace(MINUS, "-").splitlines() == [
        "after.tar -> after.tar",
        "  image             90 kB ->      90 kB  0 bytes",
    ]


def test_a_layout_is_a_path_too(here: Path) -> None:
    write_layout(make_image([write_layer(BASE)]), here / "layout")
    assert run("size", "layout").stdout.replace(MINUS, "-").splitlines()[:2] == [
        "layout  linux/amd64",
        "50 kB in 1 layer",
    ]


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_names_are_shown_and_not_obeyed(form: str, here: Path) -> None:
    evil = "a\x1b[2J\n| x | @everyone <script> \u202e`b`"
    build([[file(f"{evil}/x", 900), file(f"srv/{evil}/y", 5000)]], [(f"RUN {evil}", False)], here / "evil.tar")
    for command in (("size", "evil.tar"), ("compare", "after.tar", "evil.tar")):
        result = run(*command, "--format", form)
        assert result.exit_code == 0
        assert "\x1b" not in result.stdout
        assert "\u202e" not in result.stdout
        if form == "markdown":
            assert "<script>" not in result.stdout.replace("`", "").replace("\\", "") or "`" in result.stdout
            assert all(
                line.count(" | ") in (0, 3, 4)
                for line in result.stdout.replace(MINUS, "-").splitlines()
                if line.startswith("|")
            )


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("size", "./none.tar"), "dockslim: ./none.tar: cannot be read: no such file or directory"),
        (("size", "Dockerfile"), "dockslim: Dockerfile: neither an OCI archive nor a docker-archive: it is no tar"),
        (("size", "--", "-x"), "dockslim: -x: neither a path nor the reference of an image"),
        (
            ("size", "before.tar", "--platform", "linux/arm64"),
            "dockslim: before.tar: no image for linux/arm64 in it, but linux/amd64",
        ),
        (("size", "before.tar", "--dockerfile", "none"), "dockslim: none: no such file or directory"),
        (("compare", "before.tar", "./none.tar"), "dockslim: ./none.tar: cannot be read: no such file or directory"),
        (
            ("compare", "before.tar", "after.tar", *(("--dockerfile", "Dockerfile") * 3)),
            "dockslim: --dockerfile: given more than twice, and there are two images",
        ),
    ],
)
def test_what_cannot_be_read(arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"{said}\n")


def test_a_reference_without_an_engine(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(here))
    result = run("size", "app:latest")
    assert (result.exit_code, result.stderr) == (
        2,
        "dockslim: app:latest: no such file or directory; and none of docker, podman and buildah is here to ask\n",
    )


def put_engine(here: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program in the place of an engine's, and nothing else beside it but the shell's own."""
    program = here / "bin" / name
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}")


def test_an_engine_that_fails_is_quoted(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_engine(here, "docker", "echo; echo 'Error: No such image: app:latest' >&2; exit 1", monkeypatch)
    result = run("size", "app:latest")
    assert result.exit_code == 2
    assert result.stderr == (
        "dockslim: app:latest: no such file or directory; docker save: Error: No such image: app:latest\n"
    )


def test_an_engine_that_writes_no_image(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may go on for ever: it is ended, and what it wrote is named."""
    put_engine(here, "docker", "while echo words words words words words; do :; done", monkeypatch)
    result = run("size", "app:latest")
    assert result.exit_code == 2
    assert result.stderr == "dockslim: app:latest: neither an OCI archive nor a docker-archive: it is no tar\n"
