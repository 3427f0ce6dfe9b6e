"""The status page and the figures, from what is recorded and what the sandbox says about the App."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from bot.deliveries import Deliveries, State
from bot.record import DeliveryEntry, Record, stamp
from bot.review.measured import Line, Measured, MeasuredImage, Size
from bot.settings import Settings
from cli.sandbox import Sandbox, server_error
from tests.bot.pages.server import serving
from tests.bot.test_jobs import JOB
from tests.chromium import DESKTOP, PHONE, Page
from tests.ports import free_port
from tests.workers.web import wait_until

pytestmark = pytest.mark.slow

SECRETS = ("hush-hush-hush", "PRIVATE KEY", "0123456789abcdef")


@contextmanager
def _serving(sandbox: Sandbox, redis_url: str, **changes: Any) -> Iterator[httpx.Client]:
    listen = f"127.0.0.1:{free_port()}"
    values = {"listen": listen, "github_api_url": sandbox.url, "status_token": SECRETS[2], **changes}
    app = {"app_id": sandbox.app_id, "private_key": sandbox.private_key, "webhook_secret": SECRETS[0]}
    with serving(Settings(**values, **app), redis_url) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client


def _fill(redis: Redis) -> None:
    """Record what a busy day leaves, hostile texts among it."""
    record = Record(redis)
    good = DeliveryEntry(stamp(datetime.now(UTC)), "guid", "pull_request", "queued", 0.004, "opened", "acme/shop", 3)
    record.add_deliveries(
        [
            replace(good, event="", outcome="refused", reason="X-Hub-Signature-256 does not match"),
            *[good] * 20,
            replace(good, event="issue_comment", outcome="ignored", reason="no command in the comment", repository=""),
            replace(good, outcome="failed", reason="the queue is unreachable (ConnectionError)", repository=""),
        ]
    )
    for number in range(20):
        title = f"{number} suggestions in <script>alert(1)</script>/a/rather/long/path/to/some/services/Dockerfile"
        record.add_review(JOB, ending="reviewed", title=title, comments=number, requests=4, seconds=1.5)
    record.add_review(JOB, ending="skipped", title="the pull request is a draft", comments=0, requests=2, seconds=0.4)
    record.add_failure(JOB, "GitHub answered 502", again_in=timedelta(seconds=10))
    record.add_failure(JOB, 'the App lacks the permission "Pull requests: read and write"', again_in=None)
    record.add_findings(["DS201", "DS202", "DS201"])
    record.add_requests(84, JOB.installation_id, 4321)
    lines = (
        Line("base image", "1 layer", 75_000_000, 75_000_000),
        Line("lines 3-17", "RUN <script>", 1_000_000, 151_000_000),
        Line("line 20 (gone)", "RUN", 30_000_000, None),
        Line("line 21", "RUN", None, 1),
    )
    sizes = [Size(106_000_000), Size(226_000_001), Size(120_000_000)]
    image = MeasuredImage("a/rather/long/path/<b>/services/Dockerfile", "run", *sizes, lines=lines)
    refused = MeasuredImage("b/Dockerfile", problem="not measurable here, because line 1: <script> is no registry")
    record.add_builds(JOB, Measured("0" * 40, (image, refused)))
    deliveries = Deliveries(redis)
    for name in ("waiting", "under-way", "poison"):
        deliveries.claim(replace(JOB, delivery=name))
    deliveries.finish("poison", State.FAILED, "the worker stopped 3 times during the review")


def test_what_it_says(sandbox: Sandbox, redis: Redis, redis_url: str) -> None:
    _fill(redis)
    repository = sandbox.create_repository("acme/shop", {"Dockerfile": "FROM debian:12\n"})
    sandbox.accept_permissions(repository, checks="none", pull_requests="read")
    with _serving(sandbox, redis_url) as client:
        page = client.get("/", headers={"Accept": "text/html"}).text
    assert "acme has not granted checks: write, pull_requests: write." in page
    assert f"{sandbox.url}/settings/installations/{sandbox.installation(repository).id}" in page
    assert "A delivery was refused" not in page
    assert page.count(f'<a href="{sandbox.url}/acme/shop/pull/3">acme/shop#3</a>') == 1 + 2 + 10 + 8 + 2
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "GitHub answered 502; run again after 10 s" in page
    assert not [secret for secret in SECRETS if secret in page]


def test_a_secret_that_is_not_the_apps_shows(sandbox: Sandbox, redis: Redis, redis_url: str) -> None:
    with _serving(sandbox, redis_url) as client:
        sandbox.webhook_url = f"{client.base_url}/webhooks"
        sandbox.ping()
        wait_until(lambda: Record(redis).read().refused)
        page = client.get("/").text
        assert "A delivery was refused: X-Hub-Signature-256 does not match; the webhook secret here is not" in page
        sandbox.site.world.app.webhook_secret = SECRETS[0]
        sandbox.ping()
        wait_until(lambda: Record(redis).read().deliveries)
        page = client.get("/").text
    assert "A delivery was refused" not in page
    assert "Ignored: ping: dockslim is listening" in page


def test_what_the_app_itself_lacks(redis: Redis, redis_url: str) -> None:
    del redis
    with (
        Sandbox(permissions={"metadata": "read", "contents": "write"}, events=["push"]) as sandbox,
        sandbox.serving(),
        _serving(sandbox, redis_url) as client,
    ):
        sandbox.webhook_url = "https://elsewhere.example/webhooks"
        page = client.get("/").text
    settings = f"{sandbox.url}/organizations/dockslim-maintainers/settings/apps/dockslim"
    assert "The App does not ask for checks: write, issues: read, pull_requests: write." in page
    assert "The App is not sent" in page
    assert f'href="{settings}/permissions"' in page
    assert "The App is installed nowhere." in page


def test_a_webhook_that_goes_elsewhere(sandbox: Sandbox, redis: Redis, redis_url: str) -> None:
    del redis
    sandbox.webhook_url = "https://elsewhere.example/webhooks"
    with _serving(sandbox, redis_url, public_url="https://dockslim.example") as client:
        page = client.get("/", auth=("", SECRETS[2])).text
    assert "Webhooks go to https://elsewhere.example/webhooks, not to https://dockslim.example/webhooks." in page


def test_github_is_asked_once_a_minute(sandbox: Sandbox, redis: Redis, redis_url: str) -> None:
    with _serving(sandbox, redis_url) as client:
        for _ in range(3):
            client.get("/")
        assert len(sandbox.requests) == 3
        assert 0 < redis.ttl(f"dockslim:record:app:{sandbox.app_id}") <= 60
        redis.flushdb()
        client.get("/")
    assert len(sandbox.requests) == 6


def test_without_github_the_rest_is_shown(sandbox: Sandbox, redis: Redis, redis_url: str) -> None:
    _fill(redis)
    sandbox.faults.add(server_error(502, path="/app$"))
    with _serving(sandbox, redis_url) as client:
        answer = client.get("/")
    assert answer.status_code == 200
    assert "GitHub answered 502. What depends on it is not shown." in answer.text
    assert "acme/shop#3" in answer.text


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_sizes_by_line_are_drawn(
    sandbox: Sandbox, redis: Redis, redis_url: str, page: Page, size: tuple[int, int], tmp_path: Path
) -> None:
    _fill(redis)
    page.resize(size)
    with _serving(sandbox, redis_url) as client:
        page.open(f"{client.base_url}/")
        assert "106 MB → 226 MB, 120 MB with suggestions" in page.text
        assert "Not measurable here, because line 1: <script> is no registry" in page.text
        widths = page.evaluate(
            "[...document.querySelectorAll('.chart div')].map(row => [row.querySelector('svg').getBoundingClientRect()"
            ".width, ...[...row.querySelectorAll('rect')].map(each => each.getBoundingClientRect().width)])"
        )
        heights = page.evaluate(
            "[...document.querySelectorAll('.chart figcaption')].map(each => each.getBoundingClientRect().height)"
        )
        assert max(heights) < 160
        colours = page.evaluate(
            "[...document.querySelectorAll('.chart rect')].map(each => getComputedStyle(each).fill)"
        )
        assert page.overflowing() == []
        page.screenshot(tmp_path / "sizes.png")
    # To scale, in the order of the layers: before above after.
    whole = widths[0][0]
    assert whole > 100
    assert [[round(each / whole, 2) for each in bars] for _, *bars in widths] == [
        [0.5, 0.5],
        [0.01, 1],
        [0.2, 0],
        [0, 0],
    ]
    assert len(set(colours)) == 2
    page.resize(DESKTOP)
    assert page.problems == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_how_it_looks(
    sandbox: Sandbox, redis: Redis, redis_url: str, page: Page, size: tuple[int, int], tmp_path: Path
) -> None:
    page.resize(size)
    with _serving(sandbox, redis_url) as client:
        page.open(f"{client.base_url}/")
        assert "None yet" in page.text
        assert page.overflowing() == []
        page.screenshot(tmp_path / "empty.png")
        _fill(redis)
        redis.delete(f"dockslim:record:app:{sandbox.app_id}")
        for owner in ("acme", "an-organisation-with-a-rather-long-name"):
            repository = sandbox.create_repository(f"{owner}/shop", {"Dockerfile": "FROM debian:12\n"})
        sandbox.accept_permissions(repository, checks="none")
        page.open(f"{client.base_url}/")
        assert page.overflowing() == []
        page.screenshot(tmp_path / "busy.png")
    page.resize(DESKTOP)
    assert page.problems == []


def test_what_was_given_up_runs_again_at_a_click(sandbox: Sandbox, redis: Redis, redis_url: str, page: Page) -> None:
    _fill(redis)
    with _serving(sandbox, redis_url) as client:
        page.open(f"{client.base_url}/")
        assert "the worker stopped 3 times during the review" in page.text
        page.click("Run again")
        assert page.url == f"{client.base_url}/"
        assert "Given up" not in page.text
        assert Deliveries(redis).state("poison") == State.QUEUED
        assert client.post("/jobs/poison/retry").status_code == 404
        Deliveries(redis).finish("poison", State.FAILED, "again")
        assert client.post("/jobs/poison/retry", headers={"Origin": "https://evil.example"}).status_code == 403
        assert Deliveries(redis).state("poison") == State.FAILED
    assert page.problems == []


def test_the_figures(sandbox: Sandbox, redis: Redis, redis_url: str) -> None:
    _fill(redis)
    with _serving(sandbox, redis_url) as client:
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {each.name: each for each in text_string_to_metric_families(answer.text)}
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert samples["dockslim_deliveries_total", "pull_request", "queued"] == 20
    assert samples["dockslim_deliveries_total", "unverified", "refused"] == 1
    assert samples["dockslim_jobs_total", "reviewed", "opened"] == 20
    assert samples["dockslim_jobs_total", "put_back", "opened"] == 1
    assert samples["dockslim_findings_total", "DS201"] == 2
    assert samples["dockslim_builds_total", "measured"] == samples["dockslim_builds_total", "not_measured"] == 1
    assert samples["dockslim_github_requests_total", "installation"] == 84
    assert samples["dockslim_github_remaining_requests", "7"] == 4321
    assert samples["dockslim_suggested_bytes_total",] == samples["dockslim_accepted_bytes_total",] == 0
    assert samples["dockslim_queue_jobs",] == 2
    assert samples["dockslim_job_seconds_bucket", "1.0"] == 1
    assert samples["dockslim_job_seconds_bucket", "2.5"] == samples["dockslim_job_seconds_count",] == 21
    assert samples["dockslim_job_seconds_sum",] == pytest.approx(30.4)
    assert families["dockslim_job_seconds"].type == "histogram"


def test_nothing_recorded_is_no_error(sandbox: Sandbox, redis: Redis, redis_url: str) -> None:
    del redis
    with _serving(sandbox, redis_url) as client:
        assert "dockslim_suggested_bytes_total 0.0" in client.get("/metrics").text
        assert (client.get("/readyz").status_code, client.get("/healthz").json()) == (200, {"status": "ok"})
