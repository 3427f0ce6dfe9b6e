"""Fixes become whole lines, or words."""

import pytest

from bot.review import suggestion as suggestion_module
from bot.review.diff import Diff, Hunk, parse_patch
from bot.review.suggestion import (
    MAX_TRIED,
    Change,
    Obstacle,
    Proofs,
    Remark,
    Suggestion,
    changes,
    press,
    propose,
    worth,
)
from rules.check import check
from rules.dockerfile import parse
from rules.finding import Provenance, Saving, Severity
from rules.fix import Applicability, apply
from rules.rule import Surroundings
from tests.bot.review.findings import finding, fix, replace_text
from tests.bot.review.patches import git_diff

EVERYTHING = Diff((Hunk(1, 10_000, frozenset()),))


def propose_for(text, diff=EVERYTHING, most=20):
    dockerfile = parse(text)
    return propose(dockerfile, check(dockerfile).findings, diff, Proofs(dockerfile, Surroundings()), most)


def by_hand(text, *findings, diff=EVERYTHING, most=20):
    dockerfile = parse(text)
    return propose(dockerfile, findings, diff, Proofs(dockerfile, Surroundings()), most)


def codes(suggestion):
    return [each.code for each in suggestion.findings]


FOUR = "FROM debian:12\nRUN one\nRUN two\nRUN three\n"


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        pytest.param([("one", "uno")], [(2, 2, ["RUN uno"])], id="within a line"),
        pytest.param([("RUN two\n", "")], [(3, 3, [])], id="a whole line deleted"),
        pytest.param([("one\n", "")], [(2, 3, ["RUN RUN two"])], id="the end of a line deleted"),
        pytest.param([("one\n", "one\nUSER x\n")], [(2, 2, ["RUN one", "USER x"])], id="a line end replaced"),
        pytest.param([("", "USER x\n", 15)], [(2, 2, ["USER x", "RUN one"])], id="an insertion where a line starts"),
        pytest.param(
            [("", " \\\n  more", 22)], [(2, 2, ["RUN one \\", "  more"])], id="an insertion where a line ends"
        ),
        pytest.param([("", "USER x\n", 41)], [(4, 4, ["RUN three", "USER x"])], id="an insertion behind the last line"),
        pytest.param([("\nRUN three\n", "\n")], [(4, 4, [])], id="the last line deleted"),
        pytest.param([("one", "uno"), ("three", "tre")], [(2, 2, ["RUN uno"]), (4, 4, ["RUN tre"])], id="edits apart"),
        pytest.param(
            [("one", "uno"), ("two", "due")],
            [(2, 2, ["RUN uno"]), (3, 3, ["RUN due"])],
            id="edits on neighbouring lines",
        ),
        pytest.param(
            [("one\n", ""), ("two", "due")], [(2, 3, ["RUN RUN due"])], id="an edit on the line that moves up"
        ),
        pytest.param([("one", "one")], [], id="an edit that changes nothing"),
    ],
)
def test_changes(edits, expected):
    made = fix(*(replace_text(FOUR, *each) for each in edits))
    found = changes(parse(FOUR), made)
    assert [(each.start, each.end, list(each.new)) for each in found] == expected
    lines = FOUR.split("\n")
    for each in reversed(found):
        assert tuple(lines[each.start - 1 : each.end]) == each.old
        lines[each.start - 1 : each.end] = each.new
    assert "\n".join(lines) == apply(FOUR, [made])


def test_changes_of_a_file_without_a_final_newline():
    text = "FROM debian:12\nRUN one"
    assert changes(parse(text), fix(replace_text(text, "\nRUN one", ""))) == (Change(2, 2, ("RUN one",), ()),)
    assert changes(parse(text), fix(replace_text(text, "", " && b", 22))) == (
        Change(2, 2, ("RUN one",), ("RUN one && b",)),
    )


def test_one_instruction_has_one_suggestion():
    text = "FROM debian:12-slim\nRUN apt-get update \\\n    && apt-get install -y \\\n        cron\n"
    proposal = propose_for(text)
    [suggestion] = proposal.suggestions
    assert codes(suggestion) == ["DS201", "DS202"]
    assert proposal.remarks == ()
    assert (suggestion.start, suggestion.end) == (3, 4)
    assert suggestion.lines == (
        "    && apt-get install --no-install-recommends -y \\",
        "        cron \\",
        "    && rm -rf /var/lib/apt/lists/*",
    )


def test_two_commands_at_one_place_are_joined():
    text = (
        "FROM debian:12-slim\nRUN apt-get update && apt-get install -y cron && curl -o /tmp/x http://x\nRUN rm /tmp/x\n"
    )
    proposal = propose_for(text)
    assert proposal.remarks == ()
    [suggestion] = proposal.suggestions
    assert sorted(codes(suggestion)) == ["DS101", "DS201", "DS202"]
    assert check(parse(press(text, suggestion))).findings == ()


def test_words_and_a_command_at_one_place_are_joined_in_the_order_that_the_gate_takes():
    text = "FROM debian:12-slim\nRUN apt-get update && apt-get install --no-install-recommends cron\n"
    dockerfile = parse(text)
    [lists] = check(dockerfile).findings
    words = ("apt-get", "install", "--no-install-recommends", "cron")
    at_end = fix(replace_text(text, "", " less", len(text) - 1))
    more = finding(dockerfile, 1, at_end._replace(removed=(words,), added=((*words, "less"),)), saving=5)
    for order in ([lists, more], [more, lists._replace(saving=Saving(9, Provenance.MEASURED))]):
        [suggestion] = by_hand(text, *order).suggestions
        assert suggestion.lines[0].endswith("cron less && rm -rf /var/lib/apt/lists/*")
        assert set(suggestion.findings) == set(order)


def test_instructions_apart_have_their_own():
    text = "FROM debian:12-slim\nRUN pip install flask\nRUN true\nRUN apt-get update && apt-get install -y cron\n"
    assert [(each.start, each.end) for each in propose_for(text).suggestions] == [(2, 2), (4, 4)]


@pytest.mark.parametrize(
    "head",
    [
        "FROM alpine:3.20\nRUN apk update\nRUN apk add curl\n",
        "FROM alpine:3.20\nRUN apk update\nRUN apk add curl",
    ],
    ids=["with a final newline", "without"],
)
def test_a_line_is_deleted_with_its_end(head):
    [suggestion] = propose_for(head).suggestions
    assert (suggestion.start, suggestion.end, suggestion.lines) == (2, 3, ("RUN apk add --no-cache curl",))
    assert press(head, suggestion) == head.replace("RUN apk update\n", "").replace("add", "add --no-cache")


APART = "FROM alpine:3.20\nRUN apk update\n" + "RUN true\n" * 9 + "RUN apk add curl\n"


def test_edits_apart_are_one_range_where_one_hunk_shows_it():
    [suggestion] = propose_for(APART).suggestions
    assert (suggestion.start, suggestion.end) == (2, 12)
    assert len(suggestion.lines) == 10


def test_edits_apart_in_two_hunks_are_never_half_a_suggestion():
    diff = parse_patch(git_diff("FROM alpine:3.20\n" + "RUN true\n" * 9, APART))
    assert len(diff.hunks) == 2
    proposal = propose_for(APART, diff)
    assert proposal.suggestions == ()
    assert {each.obstacle for each in proposal.remarks} == {Obstacle.OUTSIDE}


@pytest.mark.parametrize(
    ("text", "obstacle"),
    [
        pytest.param("FROM debian:12-slim\r\nRUN pip install flask\r\n", Obstacle.LINE_ENDS, id="CRLF"),
        pytest.param("FROM debian:12-slim\r\nRUN pip install flask\n", Obstacle.LINE_ENDS, id="mixed line ends"),
        pytest.param(
            "FROM debian:12-slim\n# caf\udce9\nRUN pip install flask\n", Obstacle.HIDDEN, id="no UTF-8 anywhere"
        ),
        pytest.param("FROM debian:12-slim\nRUN pip install flask '\u202e'\n", Obstacle.HIDDEN, id="bidi in the line"),
        pytest.param("FROM debian:12-slim\nRUN pip install flask '\x1b'\n", Obstacle.HIDDEN, id="control in the line"),
        pytest.param("\ufeffFROM debian:12-slim\nRUN pip install flask\n", None, id="a byte order mark elsewhere"),
        pytest.param("FROM debian:12-slim\nRUN pip install flask 'é漢'\n", None, id="other scripts"),
        pytest.param(f"FROM debian:12-slim\nRUN pip install flask {'x' * 40_000}\n", Obstacle.LENGTH, id="very long"),
    ],
)
def test_obstacles(text, obstacle):
    proposal = propose_for(text)
    if obstacle is None:
        assert len(proposal.suggestions) == 1
    else:
        assert [(each.obstacle, each.finding.code) for each in proposal.remarks] == [(obstacle, "DS204")]


PIP = "FROM debian:12-slim\nRUN pip install flask\nRUN pip install django\n"


def flask_finding():
    """Return what the real rule says about the first `pip install`."""
    return check(parse(PIP)).findings[0]


def test_a_fix_to_be_read_is_no_suggestion():
    found = flask_finding()
    proposal = by_hand(PIP, found._replace(fix=found.fix._replace(applicability=Applicability.DISPLAY)))
    assert proposal.suggestions == ()
    assert [each.obstacle for each in proposal.remarks] == [Obstacle.DISPLAY]


def test_a_finding_without_a_fix_is_a_remark():
    found = finding(parse(PIP), 1)
    assert by_hand(PIP, found).remarks == (Remark(found),)


def test_what_the_gate_refuses_is_no_suggestion():
    # The commands change without the fix having promised it.
    found = finding(parse(PIP), 1, fix(replace_text(PIP, "flask", "quart")))
    assert by_hand(PIP, found).remarks == (Remark(found, Obstacle.DOUBT),)


def test_a_fix_that_changes_nothing_is_no_suggestion():
    found = finding(parse(PIP), 1, fix(replace_text(PIP, "flask", "flask")))
    assert by_hand(PIP, found).remarks == (Remark(found, Obstacle.DOUBT),)


def test_of_two_that_clash_the_more_valuable_stays():
    good = flask_finding()
    edit = replace_text(PIP, "install flask", "install --no-cache-dir flask")
    dear = good._replace(code="DS901", fix=good.fix._replace(edits=(edit,)), saving=Saving(7, Provenance.MEASURED))
    proposal = by_hand(PIP, good, dear)
    assert [codes(each) for each in proposal.suggestions] == [["DS901"]]
    assert proposal.remarks == (Remark(good, Obstacle.CLASH),)


def test_a_known_saving_goes_first_then_severity():
    dockerfile = parse(PIP)
    small = finding(dockerfile, 2, code="small", saving=10)
    large = finding(dockerfile, 2, code="large", saving=1000)
    error = finding(dockerfile, 2, code="error", severity=Severity.ERROR)
    early = finding(dockerfile, 1, code="early")
    late = finding(dockerfile, 2, code="late")
    note = finding(dockerfile, 1, code="note", severity=Severity.INFO)
    ranked = sorted([note, late, early, error, small, large], key=worth)
    assert [each.code for each in ranked] == ["large", "small", "error", "early", "late", "note"]


def test_no_more_suggestions_than_asked_for():
    text = "FROM debian:12-slim\n" + "".join(f"RUN pip install flask{n}\n" for n in range(5))
    proposal = propose_for(text, most=2)
    assert len(proposal.suggestions) == 2
    assert [each.obstacle for each in proposal.remarks] == [Obstacle.MANY] * 3


@pytest.fixture
def gates(monkeypatch):
    """Every question that the gate is asked."""
    asked = []
    refuse = suggestion_module.refuse
    monkeypatch.setattr(suggestion_module, "refuse", lambda *arguments: asked.append(1) or refuse(*arguments))
    return asked


def test_of_many_that_the_gate_refuses_not_all_are_tried(gates):
    text = "FROM debian:12-slim\n" + "".join(f"RUN pip install flask{n}\n" for n in range(90))
    dockerfile = parse(text)
    found = [finding(dockerfile, n + 1, fix(replace_text(text, f"flask{n}\n", "quart\n"))) for n in range(90)]
    proposal = by_hand(text, *found)
    obstacles = [each.obstacle for each in proposal.remarks]
    assert [obstacles.count(each) for each in (Obstacle.DOUBT, Obstacle.MANY)] == [MAX_TRIED, 90 - MAX_TRIED]
    assert len(gates) < 2 * MAX_TRIED


def test_the_gate_is_asked_everything_once(gates):
    text = "FROM python:3.12-slim\n" + "".join(f"RUN pip install flask{n}\n" for n in range(50))
    dockerfile = parse(text)
    proofs = Proofs(dockerfile, Surroundings())
    for _ in range(2):
        proposal = propose(dockerfile, check(dockerfile).findings, EVERYTHING, proofs, 20)
        assert len(proposal.suggestions) == 20
    # Each alone, and all together.
    assert len(gates) == 21


def test_a_suggestion_pressed_on_the_last_line_keeps_how_the_file_ends():
    assert press("a\nb", Suggestion(2, 2, ("c", "d"), ())) == "a\nc\nd"
    assert press("a\nb\n", Suggestion(2, 2, (), ())) == "a\n"
    assert press("a\nb", Suggestion(2, 2, (), ())) == "a"
