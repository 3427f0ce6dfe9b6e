from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from rules.debian.index import PackageIndex, condense
from rules.debian.releases import read_base
from rules.debian.versions import compares, version_key
from tests.rules.cases import table
from tests.rules.debian.archive import make_index, packages_text

SETS = {
    "alone": ("readme",),
    "recommends-an-alternative": ("clockd",),
    "needs-an-alternative": ("mailer",),
    "named-wins-over-default": ("mailer", "poster"),
    "virtual": ("agent-user",),
    "recommends-of-what-is-needed": ("fetch",),
    "loop-and-versioned-provides": ("loop-a",),
    "several": ("clockd", "fetch", "openssl"),
}


def _install(index: PackageIndex, names: tuple[str, ...], recommends: bool) -> set[str] | None:
    installed = index.minimal()
    assert installed is not None
    added = index.install(installed, names, recommends=recommends)
    return {each.name for each in added} if added is not None else None


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("apt-get") is None, reason="apt-get is not here to be compared with")
def test_installs_what_apt_installs(tmp_path: Path) -> None:
    (tmp_path / "Packages").write_text(packages_text())
    for folder in ("lists/partial", "cache/archives/partial", "etc"):
        (tmp_path / folder).mkdir(parents=True)
    index = make_index()
    base = index.minimal()
    assert base is not None
    stanzas = {each.split("\n")[0].removeprefix("Package: "): each for each in packages_text().split("\n\n")}
    (tmp_path / "status").write_text(
        "\n\n".join(
            stanzas[name].replace("\nVersion", "\nStatus: install ok installed\nVersion") for name in base.packages
        )
        + "\n\n"
    )
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] file:{tmp_path} ./\n")
    options = {
        "Dir::State::status": tmp_path / "status",
        "Dir::State::lists": tmp_path / "lists",
        "Dir::State::extended_states": tmp_path / "extended",
        "Dir::Cache": tmp_path / "cache",
        "Dir::Etc": tmp_path / "etc",
        "Dir::Etc::sourcelist": tmp_path / "sources.list",
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "root",
        "APT::Architecture": "amd64",
    }
    apt = ["apt-get", *(f"-o{name}={value}" for name, value in options.items())]
    subprocess.run([*apt, "update"], check=True, capture_output=True)
    for label, names in SETS.items():
        for recommends in (False, True):
            command = [*apt, f"-oAPT::Install-Recommends={int(recommends)}", "--simulate", "install", *names]
            said = subprocess.run(command, check=False, capture_output=True, text=True)
            theirs = {line.split()[1] for line in said.stdout.splitlines() if line.startswith("Inst ")}
            ours = _install(index, names, recommends)
            print(f"{label:32} {'with' if recommends else 'without':8} apt {len(theirs):3}  here {len(ours or ()):3}")
            assert ours == theirs or (ours is None and not theirs), said.stdout + said.stderr


def test_recommends_make_the_difference() -> None:
    index = make_index()
    assert _install(index, ("clockd",), recommends=False) == {"clockd"}
    assert _install(index, ("clockd",), recommends=True) == {
        "clockd",
        "default-post",
        "poster-light",
        "libtls",
        "readme",
    }


@table(
    "names",
    {"absent": ("nothing",), "needs-what-is-not-there": ("newer",), "one-of-two": ("readme", "nothing")},
)
def test_what_cannot_be_told_is_not(names: tuple[str, ...]) -> None:
    assert _install(make_index(), names, recommends=True) is None


def test_the_newest_version_of_all_parts_counts() -> None:
    index = make_index("Package: readme\nVersion: 1.1\nInstalled-Size: 3000\n\n", "Package: readme\nVersion: 1~rc\n\n")
    package = index.package("readme")
    assert package is not None
    assert (package.version, package.size) == ("1.1", 3000 * 1024)


def test_pieces_of_any_length_give_the_same() -> None:
    text = packages_text().encode()
    assert condense(text[at : at + 7] for at in range(0, len(text), 7)) == condense([text])


def test_every_name_is_found_by_halves() -> None:
    many = "".join(f"Package: p{n}\nVersion: {n}\n\n" for n in range(1000))
    index = PackageIndex("x", [condense([many.encode()])])
    assert [index.package(f"p{n}").version for n in range(1000)] == [str(n) for n in range(1000)]  # type: ignore[union-attr]
    assert all(index.package(name) is None for name in ("", "a", "p", "p1000", "p99x", "zzz", "!dockslim-packages-1"))


@table(
    "text",
    {"empty": "", "no-index": "<html>\n\n</html>", "no-name": "Version: 1\n\n", "odd-size": "Package: a\nVersion: 1\n"
     "Installed-Size: -5\n\n", "tabs": "Package: a\nVersion: 1\nDepends: b\tc\n\n"},
)  # fmt: skip
def test_odd_texts_do_no_harm(text: str) -> None:
    index = PackageIndex("x", [condense([text.encode()]), b"something else", b""])
    assert index.package("b") is None
    assert index.minimal() is None
    assert getattr(index.package("a"), "size", 0) == 0


def test_what_is_far_too_long_is_no_index() -> None:
    with pytest.raises(ValueError, match="no package index"):
        condense([b"x" * (2 << 20)])


@table(
    "versions",
    {
        "tilde": ("1.0~rc1", "1.0"),
        "revision": ("1.0-1", "1.0-2"),
        "numbers": ("1.9", "1.10"),
        "epoch": ("9.9", "1:0.1"),
        "letters-before-signs": ("1.0a", "1.0+b"),
        "end-before-letters": ("1.0", "1.0a"),
        "update": ("2.36-9", "2.36-9+deb12u1"),
        "backport": ("1.0-1~bpo12+1", "1.0-1"),
    },
)
def test_versions_sort_as_dpkg_sorts_them(versions: tuple[str, str]) -> None:
    older, newer = versions
    assert version_key(older) < version_key(newer)
    assert compares(older, "<<", newer)
    assert compares(newer, ">=", older)
    assert not compares(older, "=", newer)


@table(
    ("image", "codename"),
    {
        "number": ("debian:12", "bookworm"),
        "point-release": ("debian:12.5-slim", "bookworm"),
        "codename": ("debian:bookworm-slim", "bookworm"),
        "dated": ("debian:bookworm-20240612-slim", "bookworm"),
        "library": ("docker.io/library/debian:11@sha256:00", "bullseye"),
        "ubuntu": ("ubuntu:22.04", "jammy"),
        "ubuntu-name": ("ubuntu:jammy", "jammy"),
        "python": ("python:3.12-slim-bookworm", "bookworm"),
        "node": ("node:20-bookworm", "bookworm"),
        "moving": ("debian:latest", None),
        "untagged": ("debian", None),
        "no-release": ("python:3.12-slim", None),
        "somebody-elses": ("example/app:bookworm", None),
        "wrong-family": ("debian:jammy", None),
        "alpine": ("python:3.12-alpine", None),
        "variable": ("debian:${TAG}", None),
    },
)
def test_the_release_of_an_image(image: str, codename: str | None) -> None:
    base = read_base(image)
    assert (base.codename if base else None) == codename
