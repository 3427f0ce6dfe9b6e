"""The record: what is kept, how much of it, and that nothing depends on it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from bot.queue import connect
from bot.record import MOST, REMAINING_KEEP, DeliveryEntry, Facts, FailureEntry, Record, ReviewEntry
from bot.review.model import Offer
from tests.bot.test_jobs import JOB
from tests.workers.stage import WASTEFUL, Stage

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
AT = "2026-11-24T12:00:00+00:00"
PLACE = f"{JOB.owner}/{JOB.repository}"
DELIVERY = DeliveryEntry(AT, "guid", "pull_request", "queued", 0.003, "opened", PLACE, JOB.number)


@pytest.fixture
def record(redis: Redis) -> Record:
    return Record(redis, lambda: NOON)


def test_nothing_yet(record: Record) -> None:
    assert record.read() == Facts()


def test_a_delivery_and_its_review(record: Record) -> None:
    record.add_deliveries([DELIVERY])
    record.add_review(
        JOB, ending="reviewed", title="1 suggestion in Dockerfile", comments=1, requests=4, seconds=1.2345
    )
    record.add_findings(["DS201", "DS202", "DS201"])
    facts = record.read()
    assert facts.deliveries == (DELIVERY,)
    assert facts.reviews == (
        ReviewEntry(AT, JOB.delivery, PLACE, JOB.number, "reviewed", "1 suggestion in Dockerfile", 1, 4, 1.23),
    )
    assert facts.counts == {
        ("deliveries", "pull_request", "queued"): 1,
        ("delivery_seconds", "0.01"): 1,
        ("delivery_seconds", "sum"): 0.003,
        ("jobs", JOB.reason, "reviewed"): 1,
        ("job_seconds", "2.5"): 1,
        ("job_seconds", "sum"): 1.2345,
        ("findings", "DS201"): 2,
        ("findings", "DS202"): 1,
    }


def test_counts_of_several_processes_add_up(redis: Redis, scratch_url: str) -> None:
    with connect(scratch_url) as other:
        for each in (redis, other, redis):
            Record(each).add_requests(3, JOB.installation_id)
        Record(redis).add_requests(2)
    assert Record(redis).read().counts == {("github_requests", "installation"): 9, ("github_requests", "app"): 2}


def test_entries_of_another_version_are_read_as_far_as_they_are_known(record: Record, redis: Redis) -> None:
    record.add_deliveries([DELIVERY])
    newer = {**asdict(DELIVERY), "branch": "main"}
    for row in (json.dumps(newer), '{"at": "then"}', "[]", "no JSON"):
        redis.lpush("dockslim:record:deliveries", row)
    redis.lpush("dockslim:record:failures", '{"at": "then", "text": "older"}')
    redis.hset("dockslim:record:remaining", "7", "4000")
    facts = record.read()
    assert (facts.deliveries, facts.failures, facts.remaining) == ((DELIVERY, DELIVERY), (), {})


def test_failures_say_whether_they_run_again(record: Record) -> None:
    record.add_failure(JOB, "GitHub answered 502", again_in=timedelta(seconds=10))
    record.add_failure(JOB, "GitHub answered 502", again_in=None)
    facts = record.read()
    assert [each.again_in for each in facts.failures] == [None, 10.0]
    assert facts.failures[0] == FailureEntry(AT, JOB.delivery, PLACE, JOB.number, "GitHub answered 502")
    assert facts.counts == {("jobs", JOB.reason, "put_back"): 1, ("jobs", JOB.reason, "failed"): 1}


def test_lists_are_short_and_run_out(record: Record, redis: Redis) -> None:
    for number in range(5):
        record.add_deliveries([replace(DELIVERY, delivery=f"early-{number}")])
    record.add_deliveries([replace(DELIVERY, delivery=f"guid-{number}") for number in range(MOST + 5)])
    kept = record.read().deliveries
    assert [kept[0].delivery, kept[-1].delivery, len(kept)] == [f"guid-{MOST + 4}", "guid-5", MOST]
    assert 0 < redis.ttl("dockslim:record:deliveries") <= 8 * 86_400


def test_strangers_cannot_push_out_what_github_sent(record: Record) -> None:
    refused = replace(DELIVERY, event="", outcome="refused", reason="does not match")
    record.add_deliveries([DELIVERY, *[refused] * (MOST + 1)])
    facts = record.read()
    assert [each.delivery for each in facts.deliveries] == ["guid"]
    assert len(facts.refused) == MOST
    assert facts.counts["deliveries", "unverified", "refused"] == MOST + 1


def test_texts_are_cut_and_printable(record: Record) -> None:
    record.add_failure(JOB, "a\n\x1b[31m" + "x" * 1000, again_in=None)
    [failure] = record.read().failures
    assert failure.reason.startswith("a??[31mx")
    assert len(failure.reason) == 300


@pytest.mark.parametrize(("left", "known"), [(timedelta(), {"7": 4000}), (REMAINING_KEEP, {})])
def test_what_is_left_is_forgotten_when_the_hour_is_over(redis: Redis, left: timedelta, known: dict[str, int]) -> None:
    Record(redis, lambda: NOON).add_requests(4, JOB.installation_id, 4000)
    assert Record(redis, lambda: NOON + left).read().remaining == known


HEAD = "FROM debian:12\nRUN a\nRUN b\nRUN a\n"


@pytest.mark.parametrize(
    ("lines", "later", "accepted"),
    [
        pytest.param(("RUN c",), HEAD.replace("RUN b", "RUN c"), 1, id="committed"),
        pytest.param(("RUN b \\", "  c"), HEAD.replace("RUN b", "RUN b \\\n  c"), 1, id="of two lines"),
        pytest.param(("RUN c",), HEAD, 0, id="not yet"),
        pytest.param(("RUN a",), HEAD, 0, id="stood elsewhere before"),
        pytest.param(("RUN a",), HEAD.replace("RUN b", "RUN a"), 1, id="stands once more than before"),
        pytest.param(("RUN c",), HEAD.replace("RUN b", "RUN c --more"), 0, id="changed by hand"),
    ],
)
def test_a_suggestion_is_accepted_when_its_lines_stand_in_the_file(
    record: Record, lines: tuple[str, ...], later: str, accepted: int
) -> None:
    record.add_offers(JOB, [Offer("Dockerfile", lines, 1000)], {"Dockerfile": HEAD})
    record.settle_offers(JOB, {"Dockerfile": later, "other": "RUN c\n"})
    record.settle_offers(JOB, {"Dockerfile": later})
    counts = record.read().counts
    assert counts["suggested_bytes",] == 1000
    assert counts.get(("suggestions", "accepted"), 0) == accepted
    assert counts.get(("accepted_bytes",), 0) == 1000 * accepted


def test_suggestions_that_another_version_remembers(record: Record, redis: Redis) -> None:
    record.add_offers(JOB, [Offer("Dockerfile", ("RUN b",), 1000)], {"Dockerfile": HEAD})
    [key] = redis.keys("dockslim:offers:*")
    redis.hset(key, mapping={"Dockerfile": "7", '["Dockerfile", 1]': "[]", "{": "{"})
    record.settle_offers(JOB, {"Dockerfile": f"{HEAD}RUN b\n"})
    assert record.read().counts["suggestions", "accepted"] == 1


def test_from_the_review_to_the_click(stage: Stage) -> None:
    record = Record(stage.redis)
    pull = stage.open({"Dockerfile": WASTEFUL})
    stage.perform(pull)
    offered = [comment.id for comment in pull.review_comments]
    pull.apply_suggestions(offered, "alice")
    stage.perform(pull, reason="synchronize")
    facts = record.read()
    assert [each.ending for each in facts.reviews] == ["reviewed", "reviewed"]
    assert facts.counts["suggestions", "made"] == facts.counts["suggestions", "accepted"] == len(offered) == 2
    assert facts.counts["suggested_bytes",] == facts.counts["accepted_bytes",]
    assert facts.counts["findings", "DS201"] == 1
    assert facts.counts["github_requests", "installation"] == sum(each.requests for each in facts.reviews)
    assert facts.remaining.keys() == {str(stage.installation.id)}


def test_no_line_of_a_dockerfile_is_kept(record: Record, redis: Redis) -> None:
    record.add_offers(JOB, [Offer("Dockerfile", ("RUN secret",), 1)], {"Dockerfile": HEAD})
    [key] = redis.keys("dockslim:offers:*")
    assert b"secret" not in b"".join(part for pair in redis.hgetall(key).items() for part in pair)


def test_without_redis_nothing_is_recorded_and_nothing_fails() -> None:
    with connect("redis://127.0.0.1:1/0") as nowhere:
        record = Record(nowhere)
        record.add_deliveries([DELIVERY])
        record.add_failure(JOB, "x", again_in=None)
        record.add_offers(JOB, [Offer("Dockerfile", ("RUN a",), 1)], {})
        record.settle_offers(JOB, {})
