"""From changed files to what is posted, with the real rules."""

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bot.configuration.model import DEFAULT, Configuration, Image, Threshold
from bot.review.diff import parse_patch
from bot.review.fingerprint import REVIEW_MARKER, mark_summary, read_fingerprints, read_ignored
from bot.review.markdown import size
from bot.review.model import ChangedFile, Origin, Said, Standing, Sticky
from bot.review.plan import plan
from bot.review.render import render_settled
from rules.check import check
from rules.dockerfile import parse
from rules.finding import Severity
from tests.bot.review.patches import OUR_HTML, Button, blocks, changed, inline_tokens, pull_requests, right_sides
from tests.rules.debian.archive import known

NOTHING = Standing()
CLEAN = "FROM debian:12-slim\nRUN true\n"
CRON = f"{CLEAN}RUN apt-get update && apt-get install -y cron\n"
FLASK = f"{CLEAN}RUN pip install flask\n"


def marks(review):
    """Return every fingerprint that a posted review leaves on the pull request."""
    bodies = [review.body, *(comment.body for comment in review.comments)] if review else []
    return frozenset().union(*map(read_fingerprints, bodies))


def standing(review, **changes):
    """Return what GitHub would show of a posted review."""
    if review is None:
        return NOTHING
    said = tuple(
        replace(Said(f"C{at}", f"T{at}", each.path, each.body, read_fingerprints(each.body)), **changes)
        for at, each in enumerate(review.comments)
    )
    return Standing(marks(review), said)


def anchors(review):
    return [(comment.path, comment.start_line, comment.line) for comment in review.comments]


def test_a_review_of_a_change():
    planned = plan([changed(CRON, CLEAN, "api/Dockerfile")], NOTHING)
    assert anchors(planned.review) == [("api/Dockerfile", None, 3)]
    [comment] = planned.review.comments
    assert blocks(comment.body, "suggestion") == [
        "RUN apt-get update && apt-get install --no-install-recommends -y cron && rm -rf /var/lib/apt/lists/*\n"
    ]
    assert len(read_fingerprints(comment.body)) == 2
    assert planned.review.body == f"**dockslim** · 1 suggestion, at least 7.2 MB (estimated)\n\n{REVIEW_MARKER}"
    assert planned.check.conclusion == "neutral"
    assert planned.check.title == "1 suggestion in api/Dockerfile"
    assert "| 3 | DS201 7.2 MB of recommended" in planned.check.summary


@pytest.mark.parametrize(
    ("files", "conclusion", "title"),
    [
        pytest.param([], "skipped", "No Dockerfile in this pull request", id="none"),
        pytest.param(
            [ChangedFile("Dockerfile", "removed", None, "", CRON)],
            "skipped",
            "No Dockerfile in this pull request",
            id="removed",
        ),
        pytest.param([changed(CLEAN)], "success", "No size findings in Dockerfile", id="clean"),
        pytest.param(
            [changed(CLEAN), changed(CLEAN, path="b")], "success", "No size findings in 2 Dockerfiles", id="two clean"
        ),
        pytest.param(
            [changed(f"{CRON}RUN true\n", CRON)], "success", "No new size findings in Dockerfile", id="older findings"
        ),
        pytest.param(
            [changed("FROM debian:12-slim\nRUN <<EOF\n", path="api/Dockerfile")],
            "neutral",
            "Not read: api/Dockerfile (line 2: the here-document 'EOF' is not terminated)",
            id="no Dockerfile",
        ),
        pytest.param(
            [replace(changed("", path="big"), problem="2.3 MB, GitHub sends up to 1 MB")],
            "neutral",
            "Not read: big (2.3 MB, GitHub sends up to 1 MB)",
            id="a problem of the worker",
        ),
    ],
)
def test_nothing_to_say(files, conclusion, title):
    planned = plan(files, NOTHING)
    assert planned.review is None
    assert (planned.check.conclusion, planned.check.title) == (conclusion, title)
    assert planned.check.summary


def test_one_file_that_cannot_be_read_does_not_silence_another():
    planned = plan([changed("FROM a\nRUN <<EOF\n", path="a"), changed(FLASK, path="b")], NOTHING)
    assert anchors(planned.review) == [("b", None, 3)]
    assert planned.check.title.startswith("1 suggestion in b; not read: a (line 2: ")


@pytest.mark.parametrize(
    ("base", "head", "lines"),
    [
        pytest.param(CRON, f"{CRON}RUN pip install flask\n", [4], id="only what is new"),
        pytest.param(CRON, f"FROM debian:12-slim\nENV A=1\n{CRON.partition(chr(10))[2]}", [], id="moved down"),
        pytest.param(CRON, CRON.replace("&& apt", "\\\n    && apt"), [], id="reformatted"),
        pytest.param(FLASK, f"{FLASK}RUN pip install flask\n", [4], id="a second equal one below"),
        pytest.param(FLASK, FLASK.replace("RUN true", "RUN pip install flask\nRUN true"), [2], id="a second one above"),
        pytest.param(CRON, CRON.replace("cron", "cron less"), [3], id="changed"),
        pytest.param(None, CRON, [3], id="a new file"),
        pytest.param("FROM a\nRUN <<EOF\n", FLASK, [3], id="an old text that cannot be read"),
    ],
)
def test_only_what_the_pull_request_introduced(base, head, lines):
    review = plan([changed(head, base)], NOTHING).review
    assert [comment.line for comment in review.comments] == lines if lines else review is None


@pytest.mark.parametrize("patch", [True, False])
def test_of_a_base_that_could_not_be_read_only_the_diff_is_new(patch):
    base = CRON + "# a\n# b\n# c\n# d\n"
    file = changed(base + "RUN pip install flask\n", base)
    blind = replace(file, base=None, base_unreadable=True, patch=file.patch if patch else None)
    review = plan([blind], NOTHING).review
    assert (anchors(review) if review else []) == ([("Dockerfile", None, 8)] if patch else [])


def test_a_rename_introduces_nothing():
    file = ChangedFile("new/Dockerfile", "renamed", None, CRON, CRON)
    assert plan([file], NOTHING).review is None


def test_nothing_is_said_twice():
    files = [changed(f"{CRON}RUN pip install flask\n", CLEAN)]
    first = plan(files, NOTHING)
    second = plan(files, standing(first.review))
    assert second.review is None
    assert (second.check.conclusion, second.check.title) == (first.check.conclusion, first.check.title)
    assert "already on this pull request" in second.check.summary


def test_a_push_says_only_what_is_new():
    first = plan([changed(CRON, CLEAN)], NOTHING)
    pushed = changed(f"{CRON}RUN pip install flask\n", CLEAN)
    second = plan([pushed], standing(first.review))
    assert anchors(second.review) == [("Dockerfile", None, 4)]
    assert second.check.title == "2 suggestions in Dockerfile"


def test_what_stands_is_not_carried_again():
    planned = plan([changed(CRON, CLEAN)], NOTHING)
    first, second = sorted(marks(planned.review))
    [comment] = plan([changed(CRON, CLEAN)], Standing(frozenset({first}))).review.comments
    assert read_fingerprints(comment.body) == {second}
    assert "Also:" not in comment.body


def test_a_click_brings_back_nothing_that_was_said_beside_it():
    # vim's recommends are a fix to be read; the click that deletes the lists changes the same instruction.
    first = plan([changed(CRON.replace("cron", "cron vim"), CLEAN)], NOTHING)
    [suggested] = [each for each in first.review.comments if Button.of(each)]
    assert len(first.review.comments) == 2
    pressed = Button.of(suggested).press(CRON.replace("cron", "cron vim"))
    second = plan([changed(pressed, CLEAN)], standing(first.review))
    assert second.review is None
    assert second.check.title == "1 finding in Dockerfile"


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(replace(changed(CRON, CLEAN), patch=None), id="GitHub left the patch out"),
        pytest.param(
            replace(changed(CRON, CLEAN), patch="@@ -1,1 +1,1 @@\n FROM debian:12-slim"), id="outside the hunks"
        ),
    ],
)
def test_what_cannot_be_placed_is_in_the_summary(file):
    planned = plan([file], NOTHING)
    assert planned.review is None
    assert "On lines that the diff does not show:\n\n`Dockerfile:3` **" in planned.summary
    assert len(blocks(planned.summary, "diff")) == 2
    assert [(each.start, each.end, each.level) for each in planned.check.annotations] == [(3, 3, "warning")] * 2
    assert planned.check.title == "2 findings in Dockerfile"
    assert "| outside the diff |" in planned.check.summary


def test_what_the_diff_shows_later_gets_its_comment():
    hidden = replace(changed(CRON, CLEAN), patch="@@ -1,1 +1,1 @@\n FROM debian:12-slim")
    assert plan([hidden], NOTHING).review is None
    assert anchors(plan([changed(CRON, CLEAN)], NOTHING).review) == [("Dockerfile", None, 3)]


def test_a_stage_that_becomes_shipped_is_told_of_in_the_summary():
    base = f"{FLASK.replace('debian:12-slim', 'debian:12-slim AS a')}FROM debian:12-slim\n" + "RUN true\n" * 9
    head = base.replace("FROM debian:12-slim\n", "FROM a\n")
    planned = plan([changed(head, base, context=0)], NOTHING)
    assert planned.review is None
    assert "`Dockerfile:3` **" in planned.summary


def test_a_remark_stands_on_a_changed_line_of_its_instruction():
    base = "FROM debian:12-slim\r\nRUN apt-get update \\\r\n    && true \\\r\n    && true \\\r\n    && true\r\n"
    head = base.replace("true\r\n", "apt-get install -y --no-install-recommends cron\r\n")
    head = head.replace("install -y", "install -y", 1)
    planned = plan([changed(head, base, context=0)], NOTHING)
    assert [comment.line for comment in planned.review.comments] == [5]
    body = planned.review.comments[0].body
    assert "CRLF" in body
    assert "\r" not in body
    assert blocks(body, "suggestion") == []


def test_no_more_than_some_comments():
    most = DEFAULT.review.comments
    head = CLEAN + "".join(f"RUN pip install flask{n}\n" for n in range(most + 3))
    planned = plan([changed(head)], NOTHING)
    assert len(planned.review.comments) == most
    assert f"Over the limit of {most} comments on one pull request:" in planned.summary
    assert len(blocks(planned.summary, "diff")) == 3
    assert planned.check.title == f"{most + 3} findings in Dockerfile, {most} suggestions"
    assert len(marks(planned.review)) == most + 3
    assert plan([changed(head)], standing(planned.review)).review is None


def test_the_limit_is_that_of_the_pull_request_and_the_rest_does_not_follow():
    most = DEFAULT.review.comments
    head = CLEAN + "".join(f"RUN pip install flask{n}\n" for n in range(most + 3))
    first = plan([changed(head)], NOTHING)
    more = changed(f"{head}RUN pip install more\n")
    assert plan([more], standing(first.review)).review is None
    # Two are fixed: there is room for what is new, and for nothing that was left out before.
    fixed = more.head.replace("RUN pip install flask1\n", "").replace("RUN pip install flask2\n", "")
    second = plan([changed(fixed)], standing(first.review))
    assert [each.body.count("pip install --no-cache-dir more") for each in second.review.comments] == [1]
    assert len(blocks(second.summary, "diff")) == 3


def test_more_than_a_review_can_hold_is_not_said_later(monkeypatch):
    monkeypatch.setattr("bot.review.plan.MAX_SAID", 5)
    head = CLEAN + "".join(f"RUN pip install flask{n}\n" for n in range(8))
    planned = plan([changed(head)], NOTHING)
    assert len(planned.review.comments) == 5
    assert len(blocks(planned.summary, "diff")) == 3
    assert plan([changed(head)], standing(planned.review)).review is None
    pushed = changed(f"{head}RUN pip install more\n")
    assert len(plan([pushed], standing(planned.review)).review.comments) == 1


def test_the_configuration_counts():
    assert plan([changed(CRON, CLEAN)], NOTHING, Configuration(rules={"DS2": "off"})).review is None
    hidden = f"{FLASK.replace('debian:12-slim', 'debian:12-slim AS tools')}FROM scratch\n"
    assert plan([changed(hidden)], NOTHING).review is None
    assert (
        plan([changed(hidden)], NOTHING, Configuration(images=(Image("Dockerfile", target="tools"),))).review
        is not None
    )


def test_a_pragma_silences():
    silent = FLASK.replace("RUN pip", "# dockslim ignore=DS204\nRUN pip")
    assert plan([changed(silent)], NOTHING).check.conclusion == "success"


def test_a_marker_in_a_dockerfile_is_no_marker():
    forged = "<!-- dockslim:fp=0123456789abcdef -->"
    planned = plan([changed(f"{CLEAN}RUN pip install flask && echo '{forged}'\n")], NOTHING)
    assert forged in planned.review.comments[0].body
    assert "0123456789abcdef" not in marks(planned.review)


HOSTILE = (
    "FROM debian:12-slim\nWORKDIR /<b>@octocat\n"
    "RUN pip install '@octocat/x' '<img src=x onerror=alert(1)>' '```' '\u202e' https://evil.example/#1\n"
    "RUN curl -o '/tmp/@octocat<script>`|' http://x && true\nRUN rm -rf '/tmp/@octocat<script>`|'\n"
)


def test_a_hostile_file_is_quoted_and_nothing_else():
    planned = plan([changed(HOSTILE, path="a/@octocat|`<b>\n# x/Dockerfile")], NOTHING)
    assert planned.review
    bodies = [
        planned.review.body,
        planned.check.summary,
        planned.summary,
        *(each.body for each in planned.review.comments),
    ]
    for body in bodies:
        for token in inline_tokens(body):
            if token.type in ("html_inline", "html_block"):
                assert OUR_HTML.sub("", token.content).strip() == ""
            if token.type == "text":
                assert "@o" not in token.content
            if token.type != "inline":
                assert "\u202e" not in token.content
    assert "\n" not in planned.check.title


SLOW = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def ranges(review):
    return [(comment.start_line or comment.line, comment.line) for comment in review.comments if Button.of(comment)]


@SLOW
@given(pull_requests())
def test_every_comment_stands_where_github_takes_it(pull):
    base, head, context = pull
    file = changed(head, base, context=context)
    review = plan([file], NOTHING).review
    if review is None:
        return
    sides = list(right_sides(file.patch))
    for comment in review.comments:
        assert comment.start_line is None or comment.start_line < comment.line
        assert any({comment.start_line or comment.line, comment.line} <= side.keys() for side in sides)
        assert size(comment.body) <= 65_535
        assert "\r" not in comment.body
    taken = ranges(review)
    for (start, end), (other, other_end) in combinations(taken, 2):
        assert end < other or other_end < start
    assert review.body
    assert plan([file], standing(review)).review is None


@SLOW
@given(pull_requests(), st.data())
def test_any_suggestions_may_be_clicked_in_any_order(pull, data):
    base, head, context = pull
    review = plan([changed(head, base, context=context)], NOTHING).review
    if review is None:
        return
    comments = [comment for comment in review.comments if Button.of(comment)]
    clicked = data.draw(st.lists(st.sampled_from(comments), unique=True)) if comments else []
    text = head
    for comment in sorted(clicked, key=lambda each: -each.line):
        pressed = Button.of(comment).press(text)
        assert pressed != text
        text = pressed
    # The first line names one finding, each "Also" another.
    fixed = sum(1 + comment.body.count("\nAlso: ") for comment in clicked)
    before, after = (check(parse(each)).findings for each in (head, text))
    # A click may settle more than it promises, such as what could only be told of in words.
    assert len(after) <= len(before) - fixed


@SLOW
@given(pull_requests())
def test_clicking_every_suggestion_brings_nothing_new(pull):
    base, head, context = pull
    # Equal instructions are told apart by their number alone, and a click on one renumbers the others.
    runs = [each.value for each in parse(head).instructions if each.keyword == "RUN"]
    assume(len(runs) == len(set(runs)))
    review = plan([changed(head, base, context=context)], NOTHING).review
    if review is None:
        return
    text = head
    for comment in sorted(review.comments, key=lambda each: -each.line):
        button = Button.of(comment)
        text = button.press(text) if button else text
    again = plan([changed(text, base, context=context)], standing(review)).review
    # What could not be made together with another suggestion comes back as one of its own, and only that.
    assert again is None or "because" in "".join(each.body for each in review.comments) or len(review.comments) >= 20


@given(st.text(st.sampled_from("FROMRUN debian:12-slim\n\\@<>`#\r<-'\"&|;$"), max_size=80), st.text(max_size=40))
def test_no_text_and_no_patch_raises(head, patch):
    plan([ChangedFile("Dockerfile", "modified", patch, head, patch)], NOTHING)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(
            "FROM debian:12-slim\n" + "".join(f"RUN pip install {'`' * 200}{n}\n" for n in range(40)), id="fences"
        ),
        pytest.param(f"FROM debian:12-slim\nRUN pip install flask {'<@' * 20_000}\n", id="one long line"),
        pytest.param(
            f"FROM debian:12-slim\nRUN <<EOF\npip install flask\n{'echo ```漢字```' * 3000}\nEOF\n",
            id="wide characters",
        ),
        pytest.param(
            f"FROM debian:12-slim\nRUN curl -o /tmp/{'<' * 9000} x\nRUN rm /tmp/{'<' * 9000}\n", id="a long path"
        ),
    ],
)
def test_bodies_stay_within_limits(head):
    for patch in (changed(head).patch, None):
        planned = plan([replace(changed(head, path="<" * 4000), patch=patch)], NOTHING)
        bodies = [planned.check.summary, planned.summary or ""]
        if planned.review:
            bodies += [planned.review.body, *(comment.body for comment in planned.review.comments)]
        assert max(map(size, bodies)) <= 65_535
        assert len(planned.check.title) <= 255
        for comment in planned.review.comments if planned.review else ():
            assert parse_patch(patch).shows(comment.line, comment.line)


def test_what_saves_next_to_nothing_is_no_comment():
    text = "FROM debian:12\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\n"
    file = changed(text)
    small = plan([replace(file, packages=known().packages)], NOTHING)
    assert not any("DS201" in each.body for each in (small.review.comments if small.review else ()))
    assert "DS201" in small.check.summary
    assert not small.check.annotations


def test_one_suggestion_carries_what_all_its_fixes_save():
    text = "FROM debian:12-slim\nRUN apt-get update && apt-get install -y cron readme\n"
    file = replace(changed(text), packages=known().packages)
    (comment,) = plan([file], NOTHING, Configuration(floor=0)).review.comments
    assert "--no-install-recommends -y cron readme && rm -rf /var/lib/apt/lists/*" in comment.body
    assert comment.body.startswith("**19.9 MB of recommended packages come along** · DS201\n")
    assert "\nTogether 19.9 MB.\n" in comment.body


@pytest.mark.parametrize("most", [0, 1])
def test_the_cap_of_comments_is_configured(most: int) -> None:
    files = [changed(f"{CLEAN}RUN pip install flask\nRUN pip install django\n", CLEAN)]
    wanted = Configuration(review=replace(DEFAULT.review, comments=most))
    planned = plan(files, NOTHING, wanted)
    assert (len(planned.review.comments) if planned.review else 0) == most
    assert len(blocks(planned.summary, "diff")) == 2 - most
    assert plan(files, standing(planned.review), wanted).review is None


BOTH = f"{CRON}RUN pip install flask\n"


@pytest.mark.parametrize(
    ("head", "settled"),
    [
        pytest.param(BOTH, [], id="nothing happened"),
        pytest.param(BOTH.replace("RUN true\n", "RUN true\nENV A=1\n\n"), [], id="moved"),
        pytest.param(BOTH.replace("&& apt", "\\\n  && apt"), [], id="reformatted"),
        pytest.param(CRON, [4], id="one is gone"),
        pytest.param(CLEAN, [3, 4], id="all are gone"),
        pytest.param(None, [3, 4], id="the file is as it was before"),
        pytest.param(BOTH.replace("RUN pip", "# dockslim ignore=DS204\nRUN pip"), [4], id="silenced"),
        pytest.param("FROM a\nRUN <<EOF\n", [], id="the file cannot be read"),
    ],
)
def test_comments_are_settled_whose_findings_are_gone(head, settled):
    first = standing(plan([changed(BOTH, CLEAN)], NOTHING).review)
    files = [] if head is None else [changed(head, CLEAN)]
    planned = plan(files, first)
    lines = {"C0": 3, "C1": 4}
    assert [lines[each.id] for each in planned.settled] == settled
    assert planned.review is None
    assert plan(files, first, unseen=None).settled == ()
    assert plan(files, first, Configuration(review=replace(DEFAULT.review, resolve=False))).settled == ()


def test_a_comment_on_a_file_that_was_not_looked_at_stays():
    first = standing(plan([changed(BOTH, CLEAN)], NOTHING).review)
    assert plan([], first, unseen=["Dockerfile"]).settled == ()
    assert plan([replace(changed(BOTH, CLEAN), problem="too large")], first).settled == ()


def test_what_somebody_closed_is_left_alone_and_not_said_again():
    review = plan([changed(BOTH, CLEAN)], NOTHING).review
    closed = standing(review, is_closed=True)
    again = plan([changed(BOTH, CLEAN)], closed)
    assert (again.review, again.settled) == (None, ())
    assert plan([changed(CLEAN, CLEAN)], closed).settled == ()


def test_what_comes_back_is_said_again():
    review = plan([changed(BOTH, CLEAN)], NOTHING).review
    first = standing(review)
    settled = plan([changed(CRON, CLEAN)], first).settled
    told = [replace(each, body=render_settled(each, "0" * 40)) for each in settled]
    said = [replace(each, fingerprints=read_fingerprints(each.body)) for each in told]
    kept = tuple(each for each in first.comments if each not in settled)
    later = Standing(frozenset().union(*(each.fingerprints for each in kept)), (*kept, *said))
    assert anchors(plan([changed(BOTH, CLEAN)], later).review) == [("Dockerfile", None, 4)]
    assert plan([changed(CRON, CLEAN)], later).settled == ()


def test_a_finding_of_a_base_that_cannot_be_read_is_not_taken_for_gone():
    first = standing(plan([changed(CRON)], NOTHING).review)
    blind = replace(changed(CRON + "USER a\n", CRON), base=None, base_unreadable=True)
    assert plan([blind], first).settled == ()


def test_a_file_that_is_renamed_later_keeps_its_comments():
    first = standing(plan([changed(CRON, CLEAN, "old/Dockerfile")], NOTHING).review)
    moved = replace(changed(CRON, CLEAN, "new/Dockerfile"), status="renamed", previous="old/Dockerfile")
    planned = plan([moved], first)
    assert (planned.review, planned.settled) == (None, ())


def test_of_equal_findings_as_many_stand_as_the_pull_request_brought():
    head = f"{FLASK}RUN pip install flask\n"
    first = standing(plan([changed(head, FLASK)], NOTHING).review)
    # Git now takes the first of the two for the new one.
    other = replace(
        changed(head, FLASK), patch="@@ -2,2 +2,3 @@\n RUN true\n+RUN pip install flask\n RUN pip install flask"
    )
    planned = plan([other], first)
    assert (planned.review, planned.settled) == (None, ())


def test_the_younger_of_two_equal_comments_is_repeated():
    said = standing(plan([changed(CRON, CLEAN)], NOTHING).review).comments[0]
    twins = (said, replace(said, id="C8"), replace(said, id="C9", is_answered=True))
    planned = plan([changed(CRON, CLEAN)], Standing(said.fingerprints, twins))
    assert [each.id for each in planned.repeated] == ["C8"]
    assert planned.settled == ()


def test_a_click_beside_a_remark_does_not_settle_it():
    head = CRON.replace("cron", "cron vim")
    first = plan([changed(head, CLEAN)], NOTHING)
    [suggested] = [each for each in first.review.comments if Button.of(each)]
    pressed = Button.of(suggested).press(head)
    settled = plan([changed(pressed, CLEAN)], standing(first.review)).settled
    assert [each.body for each in settled] == [suggested.body]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        pytest.param([changed(CLEAN)], None, id="clean"),
        pytest.param([changed(f"{CRON}RUN true\n", CRON)], None, id="older findings"),
        pytest.param([], None, id="no Dockerfile"),
        pytest.param(
            [changed(CRON, CLEAN, "a/Dockerfile"), changed(CLEAN, path="b/Dockerfile")],
            "**dockslim** · 1 suggestion, at least 7.2 MB (estimated)\n\n"
            "| Image | Found | Saves if applied |\n|---|---|---:|\n"
            "| `a/Dockerfile` | 1 suggestion | at least 7.2 MB (estimated) |\n\n"
            "<sub>Configuration: built-in defaults · `/dockslim help`</sub>\n\n<!-- dockslim:summary -->",
            id="one of two",
        ),
    ],
)
def test_summary_where_there_is_something_to_say(files, said):
    assert plan(files, NOTHING).summary == said
    silent = Configuration(review=replace(DEFAULT.review, summary=False))
    assert plan(files, NOTHING, silent).summary is None


def test_a_summary_that_stands_says_that_nothing_is_left():
    stands = Standing(summaries=(Sticky("I1", "old"),))
    assert plan([changed(CLEAN)], stands).summary.startswith("**dockslim** · No size findings in Dockerfile\n\n<sub>")
    assert plan([], stands).summary.startswith("**dockslim** · No Dockerfile in this pull request\n\n<sub>")


def test_one_row_for_each_image():
    text = "FROM debian:12-slim AS base\nRUN pip install flask\nFROM base AS debug\nRUN pip install pudb\nFROM base\n"
    wanted = Configuration(images=(Image("Dockerfile", target="debug"),), floor=0)
    rows = [line for line in plan([changed(text)], NOTHING, wanted).summary.split("\n") if line.startswith("| `")]
    assert rows == [
        "| `Dockerfile`, target `debug` | 2 suggestions |",
        "| `Dockerfile` | 1 suggestion |",
    ]


def test_where_the_configuration_comes_from_is_said_with_its_problems():
    origin = Origin((".github/dockslim.yml",), ("`x.yml`, line 3: Expected <b> or `c`.",), ("A note.",))
    summary = plan([], NOTHING, origin=origin).summary
    assert "`x.yml`, line 3: Expected &lt;b&gt; or `c`.\n\nA note.\n\n<sub>" in summary
    assert "<sub>Configuration: `.github/dockslim.yml` over built-in defaults · `/dockslim help`</sub>" in summary


@pytest.mark.parametrize(
    ("fail", "conclusion"),
    [
        (Threshold(), "neutral"),
        (Threshold(severity=Severity.INFO), "failure"),
        (Threshold(severity=Severity.WARNING), "failure"),
        (Threshold(severity=Severity.ERROR), "neutral"),
        (Threshold(bytes=10**12), "neutral"),
    ],
)
def test_the_check_fails_from_the_configured_threshold_on(fail: Threshold, conclusion: str) -> None:
    found = plan([changed(CRON, CLEAN)], NOTHING, Configuration(fail=fail)).check
    assert found.conclusion == conclusion
    assert found.summary.startswith("A failure, because the configuration says `fail: ") is (conclusion == "failure")
    assert plan([changed(f"{CRON}RUN true\n", CRON)], NOTHING, Configuration(fail=fail)).check.conclusion == "success"


def test_another_severity_counts_for_the_threshold() -> None:
    configuration = Configuration(rules={"DS2": "info"}, fail=Threshold(severity=Severity.WARNING))
    assert plan([changed(CRON, CLEAN)], NOTHING, configuration).check.conclusion == "neutral"


def silence(stands, *codes):
    return replace(stands, ignored=frozenset(codes))


def test_an_ignored_rule_is_not_said_and_does_not_count():
    strict = Configuration(fail=Threshold(severity=Severity.INFO))
    file = changed(CRON, CLEAN)
    found = plan([file], silence(NOTHING, "DS201", "DS202"), strict)
    assert found.review is None
    assert (found.check.conclusion, found.check.title) == ("success", "No new size findings in Dockerfile")
    assert found.check.summary.count("ignored on this pull request") == 2
    assert "Ignored on this pull request: DS201, DS202. `/dockslim unignore RULE` takes it back." in found.summary
    assert read_ignored(found.summary) == {"DS201", "DS202"}


def test_a_comment_on_an_ignored_rule_is_settled_and_the_rest_of_it_said_anew():
    file = changed(CRON, CLEAN)
    first = standing(plan([file], NOTHING).review)
    found = plan([file], silence(first, "DS201"))
    assert [each.id for each in found.settled] == ["C0"]
    assert found.silenced == {"C0": ("DS201",)}
    (comment,) = found.review.comments
    assert "DS202" in comment.body
    assert "DS201" not in comment.body
    assert "--no-install-recommends" not in comment.body
    settled = render_settled(first.comments[0], "0" * 40, found.silenced["C0"])
    assert settled.startswith("Ignored on this pull request: DS201.\n")
    assert read_fingerprints(settled) == frozenset()


def test_what_is_ignored_no_longer_is_said_again():
    file = changed(FLASK, CLEAN)
    first = standing(plan([file], NOTHING).review)
    silenced = plan([file], silence(first, "DS204"))
    (said,) = silenced.settled
    after = Standing(comments=(replace(said, fingerprints=frozenset(), is_closed=True),))
    assert plan([file], silence(after, "DS204")).review is None
    assert anchors(plan([file], after).review) == [("Dockerfile", None, 3)]


@pytest.mark.parametrize("stands", [(), (Sticky("S", f"x\n\n{mark_summary(['DS204'])}"),)], ids=["first", "taken back"])
def test_what_is_ignored_is_remembered_even_without_a_summary(stands):
    quiet = Configuration(review=replace(DEFAULT.review, summary=False))
    ignored = frozenset() if stands else frozenset({"DS204"})
    found = plan([changed(CLEAN)], Standing(summaries=stands, ignored=ignored), quiet)
    assert read_ignored(found.summary) == ignored
    assert plan([changed(CLEAN)], NOTHING, quiet).summary is None


@pytest.mark.parametrize(
    ("body", "ignored"),
    [
        ("x\n\n<!-- dockslim:ignored=DS201,DS305 -->\n<!-- dockslim:summary -->", {"DS201", "DS305"}),
        ("x\r\n\r\n<!-- dockslim:ignored=DS201 -->\r\n<!-- dockslim:summary -->\r\n", {"DS201"}),
        ("x\n\n<!-- dockslim:summary -->", set()),
        ("<!-- dockslim:ignored=DS201 -->\n<!-- dockslim:summary -->\nx\n\n<!-- dockslim:summary -->", set()),
        ("<!-- dockslim:ignored=DS201 -->\nx\n<!-- dockslim:summary -->", set()),
        ("<!-- dockslim:ignored=all -->\n<!-- dockslim:summary -->", set()),
        ("", set()),
    ],
)
def test_only_the_end_of_a_summary_says_what_is_ignored(body, ignored):
    assert read_ignored(body) == ignored
