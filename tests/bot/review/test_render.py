"""The words, exactly."""

import pytest
from hypothesis import given

from bot.configuration.model import DEFAULT
from bot.review.fingerprint import read_fingerprints
from bot.review.markdown import LIMIT, size
from bot.review.model import Origin, Said
from bot.review.render import (
    Counts,
    ImageRow,
    Outcome,
    Row,
    Section,
    Unplaced,
    render_annotation,
    render_remark,
    render_review,
    render_settled,
    render_sticky,
    render_suggestion,
    render_summary,
    render_title,
)
from bot.review.suggestion import Obstacle, Remark, Suggestion
from rules.dockerfile import parse
from rules.finding import Finding, Provenance, Saving, Severity, Snippet
from rules.fix import Applicability
from rules.sizes import format_bytes
from tests.bot.review.findings import finding, fix, replace_text
from tests.bot.review.patches import OUR_HTML, blocks, inline_tokens
from tests.bot.review.test_markdown import HOSTILE

TEXT = "FROM debian:12\nRUN apt-get update \\\n    && apt-get install -y cron\nRUN true\n"
DOCKERFILE = parse(TEXT)
MARKS = ["0123456789abcdef"]


def adds_flag(**more):
    return fix(replace_text(TEXT, "-y", "-y --no-install-recommends"), **more)


RECOMMENDED = finding(
    DOCKERFILE,
    1,
    adds_flag(caution="Changes behaviour if something here sends mail through exim4."),
    "DS201",
    19_900_000,
    "19.9 MB of recommended packages come along",
    "`cron` recommends exim4 and 13 more.",
)
LISTS = finding(DOCKERFILE, 1, adds_flag(), "DS202", 19_800_000, "19.8 MB of package lists stay in the layer")


def test_a_suggestion():
    lines = ("    && apt-get install -y --no-install-recommends cron \\", "    && rm -rf /var/lib/apt/lists/*")
    body = render_suggestion(Suggestion(3, 3, lines, (LISTS, RECOMMENDED)), MARKS)
    assert body == (
        "**19.9 MB of recommended packages come along** · DS201\n"
        "`cron` recommends exim4 and 13 more.\n"
        "Changes behaviour if something here sends mail through exim4.\n"
        "\n"
        "```suggestion\n"
        "    && apt-get install -y --no-install-recommends cron \\\n"
        "    && rm -rf /var/lib/apt/lists/*\n"
        "```\n"
        "Also: 19.8 MB of package lists stay in the layer (DS202). `it` is written here.\n"
        "Together 39.7 MB.\n"
        "<sub>DS201 19.9 MB, estimated from the index of Debian 12 · "
        "DS202 19.8 MB, estimated from the index of Debian 12</sub>\n"
        "\n"
        "<!-- dockslim:fp=0123456789abcdef -->"
    )


@pytest.mark.parametrize(
    ("savings", "expected"),
    [
        pytest.param((2_000_000, 3_000_000), "Together 5 MB.", id="both known"),
        pytest.param((2_000_000, 3_000_000, None), "Together at least 5 MB.", id="one unknown"),
        pytest.param((2_000_000, None), None, id="one known"),
        pytest.param((None, None), None, id="none known"),
    ],
)
def test_what_one_click_saves_together(savings, expected):
    found = tuple(
        finding(DOCKERFILE, 1, fix(replace_text(TEXT, "-y", "-y -q")), f"DS90{at}", saving)
        for at, saving in enumerate(savings)
    )
    lines = render_suggestion(Suggestion(3, 3, ("x",), found), MARKS).split("\n")
    assert [line for line in lines if line.startswith("Together")] == ([expected] if expected else [])


def test_a_figure_stands_in_the_first_line_once():
    made = fix(replace_text(TEXT, "-y", "-y -q"))
    known = finding(DOCKERFILE, 1, made, saving=2_000_000)
    said = finding(DOCKERFILE, 1, made, saving=2_000_000, message="2 MB stay in the layer")
    first = [render_suggestion(Suggestion(3, 3, ("x",), (each,)), MARKS).split("\n")[0] for each in (known, said)]
    assert first == ["**Something stays in the layer, 2 MB** · DS900", "**2 MB stay in the layer** · DS900"]


def test_a_deletion_is_an_empty_block():
    assert "\n```suggestion\n```\n" in render_suggestion(Suggestion(4, 4, (), (RECOMMENDED,)), MARKS)


@pytest.mark.parametrize(
    ("saving", "expected"),
    [
        pytest.param(Saving(), "", id="unknown"),
        pytest.param(Saving(5), "", id="a figure of unknown source"),
        pytest.param(Saving(340_000, Provenance.MEASURED), "<sub>340 kB, measured</sub>", id="measured"),
        pytest.param(
            Saving(340_000, Provenance.MEASURED, "built at 4f1c2ab"),
            "<sub>340 kB, measured (built at 4f1c2ab)</sub>",
            id="measured, with its source",
        ),
        pytest.param(Saving(340_000, Provenance.ESTIMATED), "<sub>340 kB, estimated</sub>", id="estimated"),
    ],
)
def test_where_a_figure_comes_from(saving, expected):
    found = Finding("DS1", "x", Severity.WARNING, "m", "r", LISTS.span, 1, None, saving)
    body = render_remark(DOCKERFILE, Remark(found), MARKS)
    assert body == "\n".join(
        filter(
            None,
            [
                f"**m{', 340 kB' if expected else ''}** · DS1",
                "r",
                expected,
                "\n" + "<!-- dockslim:fp=0123456789abcdef -->",
            ],
        )
    )


@pytest.mark.parametrize("obstacle", [each for each in Obstacle if each is not Obstacle.MANY])
def test_a_remark_says_why_it_is_no_suggestion(obstacle):
    body = render_remark(DOCKERFILE, Remark(RECOMMENDED, obstacle), MARKS)
    assert blocks(body, "suggestion") == []
    assert blocks(body, "diff") == [
        "-    && apt-get install -y cron\n+    && apt-get install -y --no-install-recommends cron\n"
    ]
    assert body.split("\n")[3].endswith(":")


def test_a_diff_of_edits_apart_is_numbered():
    made = fix(replace_text(TEXT, "12", "12-slim\nUSER x"), replace_text(TEXT, "true", "false"))
    body = render_remark(DOCKERFILE, Remark(finding(DOCKERFILE, 1, made), Obstacle.OUTSIDE), MARKS)
    assert blocks(body, "diff") == [
        "@@ -1,1 +1,2 @@\n-FROM debian:12\n+FROM debian:12-slim\n+USER x\n@@ -4,1 +5,1 @@\n-RUN true\n+RUN false\n"
    ]


def test_a_diff_shows_no_carriage_return():
    text = TEXT.replace("\n", "\r\n")
    found = finding(parse(text), 1, fix(replace_text(text, "-y", "-y\r-q")))
    body = render_remark(parse(text), Remark(found, Obstacle.LINE_ENDS), MARKS)
    assert "\r" not in body
    assert "+    && apt-get install -y\\x0d-q cron\n" in body


def test_a_long_diff_is_cut():
    made = fix(replace_text(TEXT, "true", "\\\n".join(["x" * 100] * 1000)))
    body = render_remark(DOCKERFILE, Remark(finding(DOCKERFILE, 2, made), Obstacle.LENGTH), MARKS)
    assert size(body) < LIMIT
    assert "more lines of this diff left out.\n" in body
    assert len(blocks(body, "diff")) == 1


def unplaced(found, outcome=Outcome.OUTSIDE, obstacle=None, path="api/Dockerfile"):
    return Unplaced(path, DOCKERFILE, Remark(found, obstacle), outcome)


def sticky(left=(), rows=(), counts=None):
    counts = counts or Counts(1, 0, ())
    return render_sticky("1 finding in a", counts, rows or [ImageRow("a", "", counts)], left, DEFAULT, Origin())


def test_a_review():
    assert render_review(Counts(2, 2, (RECOMMENDED, LISTS)), MARKS) == (
        "**dockslim** · 2 suggestions, 39.7 MB (estimated)\n\n"
        "<!-- dockslim:review -->\n<!-- dockslim:fp=0123456789abcdef -->"
    )


def test_a_sticky_summary():
    tiny = LISTS._replace(saving=Saving(340_000, Provenance.ESTIMATED, "x"), message="pip keeps its cache")
    body = sticky(
        [unplaced(LISTS), unplaced(RECOMMENDED, Outcome.OVER), unplaced(tiny, Outcome.SMALL)],
        [ImageRow("api/Dockerfile", "", Counts(2, 1, (RECOMMENDED,))), ImageRow("a|b", "debug", Counts(0, 0, ()))],
        Counts(2, 1, (RECOMMENDED,)),
    )
    diff = "\n\n```diff\n-    && apt-get install -y cron\n+    && apt-get install -y --no-install-recommends cron\n```"
    assert body == (
        "**dockslim** · 2 findings, 1 suggestion, 19.9 MB (estimated)\n\n"
        "| Image | Found | Saves if applied |\n|---|---|---:|\n"
        "| `api/Dockerfile` | 2 findings, 1 suggestion | 19.9 MB (estimated) |\n\n"
        "<details><summary>Without a comment: 3</summary>\n\n"
        "On lines that the diff does not show:\n\n"
        "`api/Dockerfile:2` **19.8 MB of package lists stay in the layer** · DS202\n"
        f"`it` is written here.{diff}\n\n"
        "Over the limit of 20 comments on one pull request:\n\n"
        "`api/Dockerfile:2` **19.9 MB of recommended packages come along** · DS201\n"
        "`cron` recommends exim4 and 13 more.\n"
        f"Changes behaviour if something here sends mail through exim4.{diff}\n\n"
        "Below the threshold of 1 MB:\n\n"
        "`api/Dockerfile:2` DS202 pip keeps its cache, 340 kB, estimated from x\n\n"
        "</details>\n\n<sub>Configuration: built-in defaults · `/dockslim help`</sub>\n\n<!-- dockslim:summary -->"
    )


def test_a_fix_to_be_read_says_so_in_the_summary_too():
    found = finding(DOCKERFILE, 1, adds_flag(applicability=Applicability.DISPLAY))
    assert "\nTo adapt by hand:\n" in sticky([unplaced(found, obstacle=Obstacle.DISPLAY)])


def test_a_sticky_summary_is_cut_between_findings_and_stays_whole():
    rows = [ImageRow(f"{at:03}/{'d' * 200}/Dockerfile", "", Counts(1, 0, ())) for at in range(200)]
    body = sticky([unplaced(LISTS)] * 1000, rows)
    assert LIMIT - 500 < size(body) <= LIMIT
    left = 1000 - len(blocks(body, "diff"))
    assert f"\n\nAnd {left} more findings; the check run lists what there is room for.\n\n</details>\n" in body
    assert f"\n{200 - body.count('/Dockerfile` |')} more images without room here.\n" in body
    assert body.endswith("<sub>Configuration: built-in defaults · `/dockslim help`</sub>\n\n<!-- dockslim:summary -->")


def test_a_settled_comment_keeps_what_stood_there_without_its_button():
    body = render_suggestion(Suggestion(3, 3, ("x",), (LISTS,)), MARKS)
    settled = render_settled(Said("C1", "T1", "a", body, frozenset(MARKS)), "0123456789" * 4)
    assert settled.startswith("Settled at 0123456: this pull request no longer brings it.\n\n<details><summary>")
    assert blocks(settled, "suggestion") == []
    assert blocks(settled, "dockerfile") == ["x\n"]
    assert read_fingerprints(settled) == frozenset()
    assert read_fingerprints(settled, "gone") == frozenset(MARKS)


def test_an_annotation_is_plain_text():
    title, message = render_annotation(LISTS._replace(message="`apt`\n\u202e keeps", reason="`Why`."))
    assert title == "DS202 apt \\u202e keeps"
    assert message == "Why. (19.8 MB, estimated from the index of Debian 12)"


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param(Counts(1, 0, ()), "1 finding", id="one finding"),
        pytest.param(Counts(3, 0, ()), "3 findings", id="findings"),
        pytest.param(Counts(2, 1, (LISTS, RECOMMENDED)), "1 suggestion, 39.7 MB (estimated)", id="all in one click"),
        pytest.param(
            Counts(2, 2, (RECOMMENDED, finding(DOCKERFILE, 1))),
            "2 suggestions, at least 19.9 MB (estimated)",
            id="one figure unknown",
        ),
    ],
)
def test_the_first_line_of_a_review(counts, expected):
    assert render_review(counts, []).split("\n")[0] == f"**dockslim** · {expected}"


def section(path, *outcomes, problem=None):
    return Section(path, tuple(Row(2, LISTS, each) for each in outcomes), problem)


NEW, OLD = Outcome.SUGGESTED, Outcome.OLDER


@pytest.mark.parametrize(
    ("counts", "sections", "expected"),
    [
        pytest.param(Counts(0, 0, ()), [], "No Dockerfile in this pull request", id="no files"),
        pytest.param(Counts(0, 0, ()), [section("a")], "No size findings in a", id="one clean"),
        pytest.param(
            Counts(0, 0, ()), [section("a"), section("b")], "No size findings in 2 Dockerfiles", id="two clean"
        ),
        pytest.param(Counts(0, 0, ()), [section("a", OLD)], "No new size findings in a", id="only older"),
        pytest.param(Counts(2, 2, (LISTS, LISTS)), [section("a", NEW, NEW)], "2 suggestions in a", id="suggestions"),
        pytest.param(
            Counts(3, 2, (LISTS, LISTS)),
            [section("a", NEW, NEW), section("b", Outcome.COMMENTED)],
            "3 findings in 2 Dockerfiles, 2 suggestions",
            id="findings and suggestions",
        ),
        pytest.param(
            Counts(1, 1, (LISTS,)), [section("a", OLD), section("b", NEW)], "1 suggestion in b", id="older not counted"
        ),
        pytest.param(
            Counts(0, 0, ()),
            [section("a", problem="line 3: unterminated")],
            "Not read: a (line 3: unterminated)",
            id="unread",
        ),
        pytest.param(
            Counts(0, 0, ()),
            [section("a", problem="x"), section("b"), section("c", problem="y")],
            "No size findings in b; not read: 2 Dockerfiles",
            id="some unread",
        ),
        pytest.param(
            Counts(0, 0, ()),
            [section("a\nb\u202e", problem="x" * 400)],
            f"Not read: a b\\u202e ({'x' * 228}…",
            id="a title is one plain line",
        ),
    ],
)
def test_title(counts, sections, expected):
    assert render_title(counts, sections) == expected


def test_summary():
    assert render_summary(
        [
            section("api/Dockerfile", NEW, OLD),
            section("b", problem="line 3: the here-document 'EOF' is not terminated"),
            section("c"),
        ]
    ) == (
        "`api/Dockerfile`\n\n"
        "| Line | Finding | Saves | |\n|---:|---|---|---|\n"
        "| 2 | DS202 19.8 MB of package lists stay in the layer | 19.8 MB, estimated from the index of Debian 12"
        " | suggestion |\n"
        "| 2 | DS202 19.8 MB of package lists stay in the layer | 19.8 MB, estimated from the index of Debian 12"
        " | older than this pull request |\n\n"
        "`b`\nNot read: line 3: the here-document 'EOF' is not terminated\n\n"
        "`c`\nNo size findings.\n\n"
    )


def test_a_summary_is_cut_at_a_row():
    summary = render_summary([section("a", *[NEW] * 2000)])
    assert size(summary) <= LIMIT
    left = 2000 - summary.count("\n| 2 |")
    assert summary.endswith(f" |\n\n{left:,} more findings without room here.")


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1 kB"), (1499, "1 kB"), (340_000, "340 kB"),
        (999_499, "999 kB"), (999_500, "1 MB"), (19_900_000, "19.9 MB"), (64_000_000, "64 MB"), (99_949_999, "99.9 MB"),
        (240_400_000, "240 MB"), (999_600_000, "1 GB"), (1_130_000_000, "1.13 GB"), (12_345_678_901, "12.35 GB"),
    ],
)  # fmt: skip
def test_bytes(count, expected):
    assert format_bytes(count) == expected


@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_hostile_words_stay_words(message, reason, caution, path):
    made = adds_flag(caution=caution)
    found = finding(DOCKERFILE, 1, made, "DS201", 5, message or "x", reason)
    rows = Section(path or "x", (Row(1, found, NEW),))
    suggestion = Suggestion(3, 3, ("`" * 5,), (found, found))
    bodies = [
        render_suggestion(suggestion, MARKS),
        render_remark(DOCKERFILE, Remark(found, Obstacle.CLASH), MARKS),
        sticky([unplaced(found, path=path)], [ImageRow(path or "x", caution, Counts(1, 1, (found,)))]),
        render_settled(Said("C", "T", path, render_suggestion(suggestion, MARKS), frozenset(MARKS)), "0" * 40),
        render_summary([rows, Section(path or "x", problem=reason or "x")]),
    ]
    for body, fences in zip(bodies, (1, 1, 1, 1, 0), strict=True):
        tokens = list(inline_tokens(body))
        assert sum(token.type == "fence" for token in tokens) == fences
        for token in tokens:
            assert token.type not in {"image", "link_open", "heading_open", "bullet_list_open", "hr", "code_block"}
            if token.type in ("html_inline", "html_block"):
                assert OUR_HTML.sub("", token.content).strip() == ""
            if token.type == "text":
                assert "\r" not in token.content
                assert "\u202e" not in token.content
        body.encode()


def test_a_snippet_stands_below_the_finding_folded_where_it_is_long():
    dockerfile = parse("FROM a\nRUN b\n")
    snippet = Snippet("A `.dockerignore` beside it", ".git\nnode_modules\n", "text")
    short = finding(dockerfile, 1)._replace(snippet=snippet)
    body = render_remark(dockerfile, Remark(short), ["0" * 16])
    assert "\nA `.dockerignore` beside it:\n\n```text\n.git\nnode_modules\n```" in body
    long = short._replace(snippet=Snippet("The stage rewritten", "\n".join(f"RUN {i}" for i in range(20))))
    body = render_remark(dockerfile, Remark(long), ["0" * 16])
    assert "<details><summary>The stage rewritten</summary>\n\n```dockerfile\nRUN 0\n" in body
    assert "RUN 19\n```\n</details>" in body
