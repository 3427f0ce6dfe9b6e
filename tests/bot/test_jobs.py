from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from bot.jobs import JobError, ReviewJob
from tests.bot.payloads import SHA

JOB = ReviewJob("72d3162e-cc78-11e3-81ab-4c9367dc0958", 7, 42, "acme", "shop", 3, "opened", SHA, "feature/x")


def test_a_job_survives_json() -> None:
    assert ReviewJob.from_message(json.loads(json.dumps(JOB.to_message()))) == JOB


@pytest.mark.parametrize(
    "message",
    [
        *(None, [], "job", {}),
        *({**asdict(JOB), key: value} for key, value in {"owner": "a/b", "head_sha": "x", "number": -1}.items()),
        {**asdict(JOB), "token": "x"},
        {**asdict(JOB), "delivery": "a b"},
        {**asdict(JOB), "base_branch": "../x"},
    ],
)
def test_what_is_no_job_is_refused(message: Any) -> None:
    with pytest.raises(JobError, match="not a review job"):
        ReviewJob.from_message(message)
