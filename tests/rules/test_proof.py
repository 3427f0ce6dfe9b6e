"""The tools that print how good the rules are, on small input: what they count is what is there."""

from __future__ import annotations

from rules.dockerfile import parse
from tests.agreement import _pairs
from tests.recall import _guess_root, _lines_of
from tests.rules.survey import take_survey

FIXED = "FROM alpine:3.20\nRUN apk add --no-cache curl\n"


def test_the_survey_counts_files_findings_and_fixes() -> None:
    survey = take_survey([("a", "FROM alpine:3.20\nRUN apk add curl\n"), ("b", FIXED), ("c", "a\0")])
    assert (survey.files, survey.unread, survey.changed, survey.applied) == (3, 1, 1, 1)
    assert survey.results == {"a": ("FROM alpine:3.20\nRUN apk add curl\n", FIXED)}
    assert survey.offered == {("DS203", "safe"): 1}
    assert survey.faults == []


def test_every_code_of_hadolint_is_in_one_pair() -> None:
    codes = [code for pair in _pairs() for code in pair.theirs]
    assert len(codes) == len(set(codes))
    assert any(pair.theirs == {"DL3019"} and pair.ours == {"DS203"} for pair in _pairs())


def test_recall_widens_lines_to_instructions() -> None:
    dockerfile = parse("FROM a\nRUN b \\\n  c \\\n  d\n# e\nRUN f\n")
    assert _lines_of(dockerfile, [3]) == {2, 3, 4}
    assert _lines_of(dockerfile, [5]) == {6}
    assert _lines_of(dockerfile, [7]) == set()


def test_recall_guesses_the_context_by_what_is_copied() -> None:
    tree = {"docker/Dockerfile": 1, "docker/run.sh": 1, "app/main.py": 1, "setup.py": 1}
    assert _guess_root(tree, "docker/Dockerfile", parse("FROM a\nCOPY run.sh /\n")) == "docker"
    assert _guess_root(tree, "docker/Dockerfile", parse("FROM a\nCOPY app setup.py /\n")) == ""
