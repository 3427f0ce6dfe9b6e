"""What was really built, measured: every byte at the line that wrote it."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rules.dockerfile import parse
from tests.workers.builders.conftest import Yard
from workers.builders.model import Build, Outcome
from workers.builders.series import Source
from workers.image import Measurement, measure, read_image

pytestmark = pytest.mark.slow

COPIED = {f"file{each}": 3000 + each for each in range(8)}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("measured") / "context"
    directory.mkdir()
    for name, size in COPIED.items():
        (directory / name).write_bytes(bytes(size))
    return directory


class Writer:
    """Writes a Dockerfile of which each instruction that writes at all writes bytes of a number of its own."""

    def __init__(self, seed: int, base: str) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.base = base
        self.lines: list[str] = []
        self.files = list(COPIED)

    def write(self) -> tuple[str, list[tuple[int, int]]]:
        """Return the text, and line and bytes of what the last stage is made of, in order."""
        self.add(f"ARG BASE={self.base}")
        if self.random.random() < 0.4:
            self.add("# a comment")
        first = "$BASE" if self.random.random() < 0.5 else "${BASE:-scratch}"
        self.add(f"FROM {first} AS one")
        below = self.body()
        later: list[tuple[int, int]] = []
        if self.random.random() < 0.4:
            later.append((self.add("ONBUILD RUN head -c 777 /dev/zero > /onbuild"), 777))
        last = self.random.choice(["one", "base", "only"])
        if last == "only":
            return "\n".join(self.lines) + "\n", below
        self.add(f"FROM {'one' if last == 'one' else self.base} AS two")
        expected = [*below, *later] if last == "one" else []
        expected += self.body()
        if self.random.random() < 0.6:
            expected.append((self.add("COPY --from=one /bin/busybox /copied"), (Path("/bin/busybox").stat().st_size)))
        if self.random.random() < 0.5:
            self.add('CMD ["/bin/true"]')
        return "\n".join(self.lines) + "\n", expected

    def body(self) -> list[tuple[int, int]]:
        expected = []
        for _ in range(self.random.randint(1, 2)):
            size = self.random.randint(10_000, 900_000)
            match self.random.choice(["run", "run", "long", "copy", "exec", "env", "arg", "label", "workdir"]):
                case "run":
                    expected.append((self.add(f"RUN head -c {size} /dev/zero > /f{size}"), size))
                case "long":
                    line = self.add(f"RUN head -c {size} /dev/zero \\")
                    self.add("# in between\n\n    > /f" + str(size))
                    expected.append((line, size))
                case "copy" if self.files:
                    name = self.files.pop()
                    expected.append((self.add(f"COPY {name} /app/"), COPIED[name]))
                case "exec":
                    line = self.add(f'run ["dd", "if=/dev/zero", "of=/f{size}", "bs={size}", "count=1"]')
                    expected.append((line, size))
                case "env":
                    self.add('ENV A="b c" D=e')
                case "arg":
                    self.add("ARG LEVEL=7")
                case "label":
                    self.add("LABEL a=b")
                case _:
                    self.add("WORKDIR /app")
        return expected

    def add(self, line: str) -> int:
        """Return the line that it begins at."""
        self.lines += line.split("\n")
        return len(self.lines) - line.count("\n")


@pytest.mark.parametrize(
    ("each_yard", "seeds"),
    [
        ("yard", range(30)),
        # One builder with two engines.
        ("old_engine", range(0, 30, 2)),
        ("new_engine", range(1, 30, 2)),
        ("buildkit", range(30)),
    ],
    indirect=["each_yard"],
    ids=["buildah", "old_engine", "new_engine", "buildkit"],
)
def test_attribution(each_yard: Yard, seeds: range, busybox: str, context: Path) -> None:
    """30 Dockerfiles with each builder: every layer at its line, with exactly the bytes that this line wrote."""

    def check(seed: int) -> int:
        text, expected = Writer(seed, busybox).write()
        build = benches[seed].build(Source(context, text))
        assert build.outcome is Outcome.BUILT, (text, build)
        found = _measure(build, text)
        lines = [(cost.origin.line, cost.written) for cost in found.costs if cost.origin is not None and cost.written]
        assert lines == expected, text
        return len(expected)

    benches = {seed: each_yard.bench(store="measured") for seed in seeds}
    # An engine builds side by side; with buildah, one waits for the other.
    with ThreadPoolExecutor(4) as pool:
        instructions = sum(pool.map(check, seeds))
    assert instructions > len(seeds)
    print(f"attribution with {each_yard.builder.name}: {instructions} instructions, mismatches 0")


def _measure(build: Build, text: str) -> Measurement:
    assert build.layout is not None, build
    return measure(read_image(build.layout), parse(text))
