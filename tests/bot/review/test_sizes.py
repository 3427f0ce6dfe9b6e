"""What is said about measured images: pure, over tables."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.configuration.model import Budget, Configuration, Image
from bot.review.markdown import LIMIT, size
from bot.review.measured import Excess, Line, Measured, MeasuredImage, Size, Waste
from bot.review.model import ChangedFile, Standing
from bot.review.plan import plan
from bot.review.sizes import MINUS as M
from bot.review.sizes import find_excesses, render_measured, say_excess, say_growth, say_total, signed
from tests.rules.cases import table

GROWN = Line(
    "line 3", "RUN apt-get install gcc", 1_000_000, 77_000_000, 3, 3, (("gcc-12", 66_600_000), ("/usr", 9_000_000))
)
BASE = Line("the base image", "1 layer", 900_000_000, 900_000_000, 1, 1)
IMAGE = MeasuredImage(
    "api/Dockerfile",
    before=Size(1_050_000_000, 400_000_000),
    after=Size(1_126_000_000, 430_000_000, 20_000_000),
    suggested=Size(890_000_000, 350_000_000),
    lines=(BASE, GROWN),
    wastes=(Waste(20_000_000, 2, "var/lib/apt/lists", "line 3", "line 4", "deleted"),),
)
MEASURED = Measured("4f1c2ab" + "0" * 33, (IMAGE,))
CHANGED = ChangedFile("api/Dockerfile", "modified", None, "FROM debian:12\nRUN a\nRUN b\n", "FROM debian:12\nRUN a\n")


def test_the_whole() -> None:
    assert render_measured(MEASURED) == (
        "| Image | Before | This pull request | With suggestions |\n|---|---:|---:|---:|\n"
        "| `api/Dockerfile` | 1.05 GB<br>400 MB compressed | "
        "1.13 GB (+76 MB, +7.2%)<br>430 MB compressed (+30 MB) | "
        f"890 MB ({M}236 MB, {M}21.0%)<br>350 MB compressed ({M}80 MB) |\n\n"
        "Line 3 adds 76 MB: gcc-12 66.6 MB, /usr 9 MB.\n\n"
        "<details><summary>By line: api/Dockerfile</summary>\n\n"
        "```text\n"
        "the base image    900 MB ████████████████████             1 layer\n"
        "line 3             77 MB ██                       +76 MB  RUN apt-get install gcc\n"
        "```\n\n"
        "In a layer, and not in the image:\n\n"
        "- 20 MB, 2 files in `/var/lib/apt/lists`: written by line 3, deleted by line 4\n"
        "</details>"
    )


@table(
    ("image", "expected"),
    {
        "refused": (
            MeasuredImage("D", problem="not measurable here, because line 2: `x` is odd"),
            "`D`: not measurable here, because line 2: `x` is odd.",
        ),
        "failed": (
            MeasuredImage("D", problem="does not build here: line 2 fails", log="a\n```\n@all\n"),
            "`D`: does not build here: line 2 fails.\n\n<details><summary>The end of its log</summary>\n\n"
            "````text\na\n```\n@all\n\n````\n</details>",
        ),
    },
)
def test_what_was_not_measured(image: MeasuredImage, expected: str) -> None:
    assert render_measured(Measured("0" * 40, (image,))) == expected


def test_nothing_was_measured() -> None:
    assert render_measured(Measured("0" * 40, problem="no builder finished")) == "Not measured: no builder finished."


def test_totals() -> None:
    assert say_total(MEASURED) == " · 1.13 GB → 890 MB if applied (built and measured at 4f1c2ab)"
    assert say_growth(MEASURED) == "+76 MB in api/Dockerfile"
    assert say_total(Measured("0" * 40)) == say_growth(Measured("0" * 40)) == ""


@table(
    ("count", "whole", "expected"),
    {
        "none": (0, 10, "±0"),
        "more": (76_000_000, 1_000_000_000, "+76 MB, +7.6%"),
        "less": (-500, 1000, f"{M}500 bytes, {M}50.0%"),
        "of-nothing": (5000, 0, "+5 kB"),
    },
)
def test_signed(count: int, whole: int, expected: str) -> None:
    assert signed(count, whole) == expected


@table(
    ("max_growth", "max_sizes", "expected"),
    {
        "no-budget": (None, {}, ()),
        "just-fits": (76_000_000, {("api/Dockerfile", ""): 1_126_000_000}, ()),
        "grows": (75_999_999, {}, (Excess("api/Dockerfile", "", "max_growth", 75_999_999, 76_000_000, GROWN),)),
        "too-large": (
            None,
            {("api/Dockerfile", ""): 1_000_000_000},
            (Excess("api/Dockerfile", "", "max_size", 1_000_000_000, 1_126_000_000, BASE),),
        ),
        "another-image": (None, {("Dockerfile", ""): 1, ("api/Dockerfile", "run"): 1}, ()),
    },
)
def test_budget(max_growth: int | None, max_sizes: dict[tuple[str, str], int], expected: tuple[Excess, ...]) -> None:
    assert find_excesses((IMAGE,), max_growth, max_sizes) == expected


def test_growth_without_a_base_is_none() -> None:
    assert find_excesses((replace(IMAGE, before=None),), 0, {}) == ()


def test_over_budget_fails_the_check_at_the_line() -> None:
    configuration = Configuration(max_growth=Budget(10_000_000))
    found = plan([CHANGED], Standing(measured=MEASURED), configuration)
    assert found.check.conclusion == "failure"
    assert found.check.title == "api/Dockerfile: +76 MB, over max_growth of 10 MB, most of it in line 3"
    assert [(each.path, each.start, each.end, each.level) for each in found.check.annotations] == [
        ("api/Dockerfile", 3, 3, "failure")
    ]
    assert found.check.summary.startswith("A failure: api/Dockerfile: +76 MB, over max\\_growth of 10 MB")


def test_max_size_is_that_of_its_image() -> None:
    configuration = Configuration(images=(Image("api/Dockerfile", max_size=1_000_000_000),))
    found = plan([CHANGED], Standing(measured=MEASURED), configuration)
    assert found.check.title == "api/Dockerfile: 1.13 GB, over max_size of 1 GB, most of it in the base image"


def test_within_budget_is_said_in_the_title() -> None:
    found = plan([CHANGED], Standing(measured=MEASURED))
    assert found.check.conclusion == "success"
    assert found.check.title == "+76 MB in api/Dockerfile; No new size findings in api/Dockerfile"
    assert found.summary is not None
    assert found.summary.startswith("**dockslim** · No size findings · 1.13 GB → 890 MB if applied")


HOSTILE = st.text(st.sampled_from("a`|<>&@#*_[]()!~\\\n\r \u202e-$:/"), max_size=30)


@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_what_others_wrote_is_shown_and_not_obeyed(path: str, name: str, text: str, log: str) -> None:
    line = replace(GROWN, text=text, parts=((name, 5_000_000),))
    waste = replace(IMAGE.wastes[0], directory=name)
    image = replace(IMAGE, path=path or "D", target=text, lines=(BASE, line), wastes=(waste,), notes=(name,))
    said = render_measured(Measured("0" * 40, (image, MeasuredImage(path or "D", problem=text, log=log))))
    html = MarkdownIt("commonmark").enable("table").enable("strikethrough").render(said)
    tags = set(re.findall(r"</?([a-z0-9]+)", html))
    assert tags <= {
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "p",
        "code",
        "pre",
        "br",
        "details",
        "summary",
        "ul",
        "li",
    }
    assert html.count("<tr>") == 2
    assert html.count("<details>") == html.count("</details>")
    assert say_excess(Excess(path, text, "max_size", 1, 2, line)).isprintable()


@pytest.mark.parametrize("count", [1, 50, 500])
def test_it_fits(count: int) -> None:
    image = replace(IMAGE, path="d" * 300, lines=tuple([replace(GROWN, text="x" * 200)] * 60), notes=("n" * 300,) * 5)
    assert size(render_measured(Measured("0" * 40, (image,) * count))) < LIMIT * 0.75
