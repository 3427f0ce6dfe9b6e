"""The seven techniques, each built for real: as it is found, as it should be, and with what our rules offer.

Run with `pytest -s` for the table.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from cli.fix import fix_text
from rules.dockerfile import parse
from rules.fix import apply
from rules.rule import Surroundings
from rules.surroundings import Context
from tests.workers.builders.conftest import LIMITS
from tests.workers.builders.debian import FULL, SLIM, Debian
from workers.builders.buildah import Buildah, find_version
from workers.builders.context import read_context
from workers.builders.egress import Hosts
from workers.builders.model import Build, Outcome
from workers.builders.series import Bench, Source
from workers.image import Measurement, measure, read_image

pytestmark = pytest.mark.slow

MB = 1_000_000
LISTS = "rm -rf /var/lib/apt/lists/*"
INSTALL = "RUN apt-get update && apt-get install --no-install-recommends -y"
COMPILER = f"{INSTALL} gcc libc6-dev && {LISTS}\n"
HELLO = 'int puts(const char *); int main(void) { puts("hello"); return 0; }\n'


@dataclass(frozen=True)
class Technique:
    """Two Dockerfiles, their context, and how many bytes the second has to save.

    `shipped` is a file that every one of the images has to hold.
    """

    before: str
    after: str
    saving: range
    files: dict[str, int | str] = field(default_factory=dict)
    ignore: str | None = None
    shipped: str = "etc/debian_version"


def exactly(size: int) -> range:
    return range(size, size + 1)


def at_least(size: int) -> range:
    return range(size, size * 10)


TECHNIQUES = {
    "1: a lighter base image": Technique(
        f'FROM {FULL}\nCOPY run /usr/local/bin/\nCMD ["run"]\n',
        f'FROM {SLIM}\nCOPY run /usr/local/bin/\nCMD ["run"]\n',
        at_least(30 * MB),
        {"run": "#!/bin/sh\n"},
        shipped="usr/local/bin/run",
    ),
    "2: commands in one RUN, where nothing is deleted": Technique(
        f"FROM {SLIM}\nRUN mkdir /a\nRUN mkdir /a/b\nRUN mkdir /a/c\n",
        f"FROM {SLIM}\nRUN mkdir /a && mkdir /a/b && mkdir /a/c\n",
        exactly(0),
    ),
    "3: packages without what they recommend, without lists": Technique(
        f'FROM {SLIM}\nRUN apt-get update && apt-get install -y cron\nCMD ["cron", "-f"]\n',
        f'FROM {SLIM}\n{INSTALL} cron && {LISTS}\nCMD ["cron", "-f"]\n',
        at_least(30 * MB),
        shipped="usr/sbin/cron",
    ),
    "4: lists deleted in the layer that made them": Technique(
        f'FROM {SLIM}\n{INSTALL} cron\nRUN {LISTS}\nCMD ["cron", "-f"]\n',
        f'FROM {SLIM}\n{INSTALL} cron && {LISTS}\nCMD ["cron", "-f"]\n',
        at_least(15 * MB),
        shipped="usr/sbin/cron",
    ),
    "4: 100 MB owned by the right user from the start": Technique(
        f"FROM {SLIM}\nCOPY data /srv/data\nRUN chown -R www-data:www-data /srv/data\n",
        f"FROM {SLIM}\nCOPY --chown=www-data:www-data data /srv/data\n",
        exactly(100 * MB),
        {f"data/{each}": 20 * MB for each in range(5)},
        shipped="srv/data/4",
    ),
    "5: no build tools in the image": Technique(
        f'FROM {SLIM}\n{COMPILER}COPY hello.c .\nRUN gcc -o /usr/local/bin/hello hello.c\nCMD ["hello"]\n',
        f"FROM {SLIM}\nCOPY hello.c .\n{COMPILER.rstrip()} \\\n    && gcc -o /usr/local/bin/hello hello.c \\\n"
        '    && apt-get purge -y --auto-remove gcc libc6-dev\nCMD ["hello"]\n',
        at_least(100 * MB),
        {"hello.c": HELLO},
        shipped="usr/local/bin/hello",
    ),
    "6: an ignore file": Technique(
        f'FROM {SLIM}\nCOPY . /app\nCMD ["/app/run"]\n',
        f'FROM {SLIM}\nCOPY . /app\nCMD ["/app/run"]\n',
        # The file itself goes into the image.
        range(7 * MB - 100, 7 * MB),
        {"run": "#!/bin/sh\n", ".git/objects/pack": 5 * MB, "docs/manual.pdf": 2 * MB},
        ignore=".git\ndocs\n",
        shipped="app/run",
    ),
    "7: a build in a stage of its own": Technique(
        'FROM gcc:12-bookworm\nWORKDIR /src\nCOPY hello.c .\nRUN gcc -o hello hello.c\nCMD ["./hello"]\n',
        "FROM gcc:12-bookworm AS build\nWORKDIR /src\nCOPY hello.c .\nRUN gcc -o hello hello.c\n"
        f'FROM {SLIM}\nWORKDIR /src\nCOPY --from=build /src/hello .\nCMD ["./hello"]\n',
        at_least(100 * MB),
        {"hello.c": HELLO},
        shipped="src/hello",
    ),
}


@dataclass
class Works:
    """Builds and measures; what images have in common is built once."""

    bench: Bench

    def build(self, text: str, context: Path) -> Build:
        build = self.bench.build(Source(context, text))
        assert build.outcome is Outcome.BUILT, (text, build.reason, build.log[-1500:])
        return build

    def measure(self, text: str, context: Path) -> Measurement:
        build = self.build(text, context)
        assert build.layout is not None
        return measure(read_image(build.layout), parse(text))


@pytest.fixture(scope="module")
def works(debian: Debian, stores: Path, tmp_path_factory: pytest.TempPathFactory) -> Works:
    """One store for all; an image of a compiler is built here, and pushed under the name of the official one."""
    buildah = Buildah(stores, Hosts(debian.hosts), (debian.registry.name,), find_version())
    limits = replace(LIMITS, disk=6 * 10**9, seconds=300.0)
    work, nothing = tmp_path_factory.mktemp("techniques"), tmp_path_factory.mktemp("nothing")
    found = Works(Bench(buildah, debian.resolve, ("docker.io",), limits, "techniques", work, trusted=True))
    compiler = found.build(f"FROM {SLIM}\n{COMPILER}", nothing).layout
    assert compiler is not None
    debian.registry.push_layout("library/gcc:12-bookworm", compiler)
    print("\n| technique | before | after | with suggestions | saved |\n|---|---:|---:|---:|---:|")
    return found


def lay_out(root: Path, text: str, files: Mapping[str, int | str], ignore: str | None) -> Path:
    """Write a repository, and return the context that builders get of it; numbers are files of so many bytes."""
    for name, content in {**files, "Dockerfile": text, **({".dockerignore": ignore} if ignore else {})}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, int):
            path.touch()
            os.truncate(path, content)
        else:
            path.write_text(content)
    return read_context(root, "", "Dockerfile").directory


def take_offer(text: str, files: Mapping[str, int | str]) -> tuple[str, str | None]:
    """Return a Dockerfile with all that our rules offer, to click or to copy, and the ignore file that they write."""
    sizes = {name: content if isinstance(content, int) else len(content) for name, content in files.items()}
    fixed = fix_text(text, unsafe=True, surroundings=Surroundings(context=Context({**sizes, "Dockerfile": len(text)})))
    text, ignore = fixed.text, None
    for finding in fixed.left:
        shown = finding.snippet
        place = re.search(r"in place of lines (\d+) to (\d+)", shown.title) if shown is not None else None
        if shown is None:
            assert finding.fix is not None, finding
            text = apply(text, [finding.fix])
        elif shown.language != "dockerfile":
            ignore = shown.text
        elif place is not None:
            lines = text.splitlines(keepends=True)
            lines[int(place[1]) - 1 : int(place[2])] = [shown.text]
            text = "".join(lines)
        else:
            text = shown.text
    return text, ignore


@pytest.mark.parametrize("name", TECHNIQUES)
def test_technique(works: Works, tmp_path: Path, name: str) -> None:
    technique = TECHNIQUES[name]
    offer, ignore = take_offer(technique.before, technique.files)
    states = ((technique.before, None), (technique.after, technique.ignore), (offer, ignore))
    found = {
        state: works.measure(state[0], lay_out(tmp_path / str(at), state[0], technique.files, state[1]))
        for at, state in enumerate(dict.fromkeys(states))
    }
    before, after, offered = (found[each].written for each in states)
    print(f"| {name} | {' | '.join(f'{each / MB:.1f} MB' for each in (before, after, offered, before - offered))} |")
    assert before - after in technique.saving
    assert before - offered in technique.saving
    for each in found.values():
        assert technique.shipped in each.files


def test_sources_below_packages(works: Works, tmp_path: Path) -> None:
    """Technique 4, where it saves no byte: packages that were installed once stay, whatever becomes of the sources."""
    before = f'FROM {SLIM}\nCOPY . /app\n{INSTALL} cron && {LISTS}\nCMD ["cron", "-f"]\n'
    offered, _ = take_offer(before, {})
    works.build(f"FROM {SLIM}\n{INSTALL} cron && {LISTS}\n", lay_out(tmp_path / "none", "", {}, None))
    cached = []
    for at, text in enumerate((before, offered)):
        steps = works.build(text, lay_out(tmp_path / str(at), text, {"run": "new"}, None)).steps
        cached += [step.is_cached for step in steps if "apt-get" in step.text]
    assert cached == [False, True]
