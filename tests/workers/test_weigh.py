"""Which suggestion saves what, told from two measurements of made-up layers."""

from __future__ import annotations

from bot.review.measured import Proposed
from rules.dockerfile import parse
from tests.rules.cases import table
from workers.image.model import Cost, Image, Measurement, Origin, Package, Sort
from workers.weigh import tell_apart, weigh

TEXT = "FROM a\nRUN one\nRUN two \\\n  more\nCOPY x y\n"


def cost(index: int, line: int | None, written: int, end: int | None = None, **more: object) -> Cost:
    origin = Origin("RUN", line, end or line) if line else None
    values = {"packages": {}, "directories": {}, "loose": {}, "created_by": f"RUN {line}", "is_base": line == 0, **more}
    return Cost(
        index, f"sha256:{index}:{written}", origin=origin, written=written, compressed=None, lost=0, overwrote=0,
        deleted=0, copied=0, **values,
    )  # type: ignore[arg-type]  # fmt: skip


def measured(*costs: tuple[int | None, int] | tuple[int | None, int, int]) -> Measurement:
    made = tuple(cost(at, *each) for at, each in enumerate(costs))
    return Measurement(Image("", "linux/amd64", (), ()), made, (), {}, {})


def proposed(start: int, end: int, *lines: str) -> Proposed:
    return Proposed(start, end, lines, (f"{start:016x}",))


ONE, TWO = proposed(2, 2, "RUN one && rm x"), proposed(3, 4, "RUN two more")
AFTER = measured((0, 100_000), (2, 50_000), (3, 30_000, 4), (5, 1000))


@table(
    ("after", "suggested", "kept", "expected"),
    {
        "one": (AFTER, measured((0, 100_000), (2, 20_000), (3, 30_000, 4), (5, 1000)), (ONE,), {ONE.key: 30_000}),
        "two-with-fewer-lines": (
            AFTER,
            measured((0, 100_000), (2, 20_000), (3, 10_000), (4, 1000)),
            (TWO, ONE),
            {ONE.key: 30_000, TWO.key: 20_000},
        ),
        "grows": (AFTER, measured((0, 100_000), (2, 60_000), (3, 30_000, 4), (5, 1000)), (ONE,), {ONE.key: -10_000}),
        "another-line-changed": (AFTER, measured((0, 100_000), (2, 20_000), (3, 5000, 4), (5, 1000)), (ONE,), {}),
        "a-layer-is-no-lines": (
            AFTER,
            measured((0, 100_000), (2, 20_000), (None, 30_000), (5, 1000)),
            (ONE,),
            {},
        ),
        "the-base": (
            AFTER,
            measured((0, 40_000), (2, 50_000), (3, 30_000, 4), (5, 1000)),
            (proposed(1, 1, "FROM a-slim"),),
            {f"{1:016x}": 60_000},
        ),
        "of-another-stage": (measured((0, 5), (5, 10)), measured((0, 5), (5, 10)), (ONE,), {}),
    },
)
def test_tell_apart(
    after: Measurement, suggested: Measurement, kept: tuple[Proposed, ...], expected: dict[str, int]
) -> None:
    assert tell_apart(after, suggested, parse(TEXT), kept) == expected


def test_lines_and_what_grew() -> None:
    gcc = Package(Sort.DPKG, "gcc-12")
    before = measured((0, 100_000), (2, 50_000))
    grown = cost(2, 3, 30_000, 4, packages={gcc: 20_000}, loose={"usr/share": 9000, "etc": 1000})
    after = Measurement(Image("", "", (), ()), (*before.costs, grown), (), {}, {})
    found = weigh("D", "", before, after, parse(TEXT))
    assert [(each.place, each.before, each.after, each.first, each.last) for each in found.lines] == [
        ("base image", 100_000, 100_000, 1, 1),
        ("line 2", 50_000, 50_000, 2, 2),
        ("lines 3-4", None, 30_000, 3, 4),
    ]
    assert found.lines[2].parts == (("gcc-12", 20_000), ("/usr/share", 9000))
    assert found.lines[2].text == "RUN two more"
    assert found.growth == 30_000


def test_a_line_that_is_gone() -> None:
    before = measured((0, 100_000), (2, 50_000))
    found = weigh("D", "", before, measured((0, 100_000)), parse("FROM a\n"))
    assert [(each.place, each.before, each.after, each.first) for each in found.lines] == [
        ("base image", 100_000, 100_000, 1),
        ("line 2 (gone)", 50_000, None, 0),
    ]
