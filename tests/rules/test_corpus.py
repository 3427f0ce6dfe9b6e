"""Every fix over the corpus: nothing breaks, nothing is lost, and a second run changes nothing."""

from __future__ import annotations

import pytest

from tests.corpus import corpus_texts
from tests.rules.survey import print_survey, take_survey

pytestmark = pytest.mark.slow


def test_fixes_over_the_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    survey = take_survey(corpus_texts())
    with capsys.disabled():
        print()
        print_survey(survey)
    assert survey.faults == []
    assert survey.changed > 1000
