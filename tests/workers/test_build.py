"""Pull requests whose images are built for real: sandbox GitHub, Valkey, registry, buildah; workers in this process."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.deliveries import Deliveries
from bot.github.client import GitHubApp
from bot.jobs import ReviewJob
from bot.review.sizes import signed
from bot.webhooks.decide import BUILD
from cli.sandbox import PullRequestHandle
from rules.sizes import format_bytes
from tests.workers.builders.conftest import (
    LIMITS,
    Yard,
    buildkit,
    busybox,
    debian,
    new_engine,
    old_engine,
    open_yard,
    registries,
    registry,
    stores,
    yard,
)
from tests.workers.builders.debian import SLIM, Debian
from tests.workers.builders.registry import Registry
from tests.workers.line import Line, running_line
from tests.workers.stage import Stage
from tests.workers.web import wait_until
from workers.build import Workshop
from workers.builders.buildah import Buildah
from workers.builders.model import Build, Limits, Recipe
from workers.image import measure, read_image
from workers.orders import BUILD_JOB, MEASURED, PATIENCE, Orders

__all__ = [
    "buildkit",
    "busybox",
    "debian",
    "new_engine",
    "old_engine",
    "open_yard",
    "registries",
    "registry",
    "stores",
    "yard",
]

pytestmark = pytest.mark.slow

ALWAYS = {".github/dockslim.yml": "builds: always\n"}
# What apt would do, without a mirror: a file where packages are installed, and lists that nobody deletes.
APT = r"""#!/bin/sh
case "$*" in
*update*) mkdir -p /var/lib/apt/lists; head -c 6000000 /dev/urandom > /var/lib/apt/lists/index ;;
*install*)
  mkdir -p /usr/share
  case "$*" in *no-install-recommends*) ;; *) head -c 3000000 /dev/urandom > /usr/recommended ;; esac
  head -c 5000000 /dev/urandom > /usr/share/cron ;;
esac
"""


class Shop:
    """A repository with a base image of its own, reviewed and built in this process."""

    def __init__(self, stage: Stage, yard: Yard, busybox: str) -> None:
        self.stage = stage
        self.yard = yard
        self.orders = Orders(stage.redis)
        sandbox = stage.sandbox
        app = GitHubApp(app_id=sandbox.app_id, private_key=sandbox.private_key, api_url=sandbox.url)
        self.workshop = Workshop(app, stage.redis, yard.buildah, yard.registries, LIMITS)
        self.base = f"FROM {busybox}\nCOPY apt-get /bin/apt-get\nRUN chmod 755 /bin/apt-get\n"
        self.orders.announce()

    def commit(self, files: dict[str, str]) -> None:
        self.stage.repository.commit("main", {"Dockerfile": self.base, "apt-get": APT, **files})

    def open(self, text: str, branch: str = "feature") -> PullRequestHandle:
        return self.stage.open({"Dockerfile": text}, branch)

    def due(self) -> list[ReviewJob]:
        """Take the jobs that are due and build those that are to be built, whatever else is there is left."""
        return Deliveries(self.stage.redis).take_due()

    def build(self) -> list[ReviewJob]:
        """Build what was ordered; return the jobs that this leads to."""
        (job,) = [each for each in self.due() if each.reason == BUILD_JOB]
        assert self.workshop.perform(job) is None
        return self.due()

    def work(self) -> None:
        """Build, and tell the pull request."""
        (job,) = self.build()
        assert job.reason == MEASURED
        assert self.stage.performer.perform(job) is None


@pytest.fixture
def shop(stage: Stage, yard: Yard, busybox: str) -> Shop:
    made = Shop(stage, yard, busybox)
    made.commit(ALWAYS)
    return made


@pytest.fixture
def debian_shop(stage: Stage, open_yard: Callable[..., Yard], debian: Debian) -> Shop:
    """A repository on Debian, whose builds reach Debian's own packages."""
    yard = open_yard(*debian.hosts)
    made = Shop(stage, yard, debian.name(SLIM))
    made.base = f"FROM {debian.name(SLIM)}\n"
    made.workshop = replace(made.workshop, limits=replace(LIMITS, seconds=300.0))
    made.commit(ALWAYS)
    return made


def test_a_line_that_costs_and_what_the_suggestions_make_of_it(debian_shop: Shop) -> None:
    shop = debian_shop
    pull = shop.open(shop.base + "RUN apt-get update && apt-get install -y cron\n")
    shop.stage.sandbox.requests.clear()
    shop.stage.perform(pull)
    # As many as without a builder: 5, the token and the look for the organisation's file.
    assert len(shop.stage.say_requests()) == 7, shop.stage.say_requests()
    (run,) = pull.check_runs
    assert run.status == "completed"
    assert str(run.title).endswith(" · builds queued")
    # Of an image that is not Docker's, recommends are no click: what else it holds may rely on them.
    comment, shown = pull.review_comments
    assert "```suggestion" not in shown.body
    assert "measured" not in comment.body
    (job,) = shop.build()
    (run,) = pull.check_runs
    assert str(run.title).endswith(" · building with suggestions")
    assert shop.stage.performer.perform(job) is None
    measured = shop.orders.measured(job)
    assert measured is not None
    (image,) = measured.images
    assert image.before is not None
    assert image.after is not None
    assert image.suggested is not None, image
    grown, saved = image.after.written - image.before.written, image.after.written - image.suggested.written
    assert 15_000_000 < saved < grown
    # Each state as it was measured, in the summary and where one clicks.
    (summary,) = pull.issue_comments
    assert f"\n\nLine 2 adds {format_bytes(grown)}: /var/lib/apt/lists " in summary.body
    before, after, suggested = (format_bytes(each.written) for each in (image.before, image.after, image.suggested))
    assert f" · {after} → {suggested} if applied (built and measured at " in summary.body
    assert f"| `Dockerfile` | {before}<br>" in summary.body
    assert f" | {after} ({signed(grown)}" in summary.body
    assert f" | {suggested} ({signed(-saved)}" in summary.body
    (run,) = pull.check_runs
    assert str(run.title).startswith(f"+{format_bytes(grown)} in Dockerfile; ")
    assert list(image.savings.values()) == [saved]
    comment, _ = pull.review_comments
    assert f"\n<sub>{format_bytes(saved)}, measured (built with and without it at " in comment.body
    # Applied by the button, and built once more where nothing is cached: the size that was promised.
    pull.apply_suggestion(comment.id)
    text = pull.head_text("Dockerfile")
    assert "rm -rf /var/lib/apt/lists/*" in text
    built = shop.yard.build(text, replace(LIMITS, seconds=300.0), store="applied")
    assert built.layout is not None, built.reason
    assert measure(read_image(built.layout)).written == pytest.approx(image.suggested.written, rel=0.01)


def test_a_suggestion_that_breaks_the_build_is_withdrawn(shop: Shop, log: io.StringIO) -> None:
    shop.base = shop.base.replace("apt-get", "apk")
    shop.commit({**ALWAYS, "apk": '#!/bin/sh\ncase "$*" in *--no-cache*) exit 1 ;; esac\n'})
    text = shop.base + "RUN apk add curl\n"
    pull = shop.open(text)
    shop.stage.perform(pull)
    shop.work()
    (comment,) = pull.review_comments
    assert comment.body.startswith("Withdrawn: with this suggestion the image did not build")
    assert "suggestion\n" not in comment.body
    assert comment.minimized
    (summary,) = pull.issue_comments
    assert "1 suggestion did not build and is withdrawn." in summary.body
    assert '"event": "suggestions do not build"' in log.getvalue()
    # Nor does it come back with the next push.
    shop.stage.repository.commit("feature", {"Dockerfile": text + "RUN echo\n"})
    shop.stage.perform(pull)
    assert len(pull.review_comments) == 1
    assert len(pull.reviews) == 1


def test_images_share_what_was_fetched(shop: Shop) -> None:
    """A commit is on the disk once, for however many images."""
    names = []

    class Watching(Buildah):
        def build(self, recipe: Recipe, limits: Limits, store: str, into: Path) -> Build:
            names.append((recipe.context / "Dockerfile").stat().st_nlink)
            return super().build(recipe, limits, store, into)

    buildah = shop.yard.buildah
    builder = Watching(buildah.stores, buildah.hosts, buildah.insecure, buildah.version)
    shop.workshop = replace(shop.workshop, builder=builder)
    text = shop.base.splitlines()[0] + "\nRUN echo > /x\n"
    shop.commit({**ALWAYS, "a/Dockerfile": text, "b/Dockerfile": text})
    pull = shop.stage.open({"a/Dockerfile": text + "RUN echo\n", "b/Dockerfile": text + "RUN echo\n"})
    shop.stage.perform(pull)
    shop.work()
    assert str(pull.check_runs[0].title).startswith("±0 in 2 images; ")
    assert names == [2] * 4


def test_over_budget(shop: Shop) -> None:
    shop.commit({".github/dockslim.yml": "builds: always\nmax_growth: 1MB\n"})
    pull = shop.open(shop.base + "RUN head -c 2000000 /dev/urandom > /a\n")
    shop.stage.perform(pull)
    (run,) = pull.check_runs
    # Nobody merges what may yet fail.
    assert (run.status, run.conclusion) == ("in_progress", None)
    shop.work()
    (run,) = pull.check_runs
    assert run.conclusion == "failure"
    assert run.title == "Dockerfile: +2 MB, over max_growth of 1 MB, most of it in line 4"
    assert [(each.path, each.start_line, each.annotation_level) for each in run.annotations] == [
        ("Dockerfile", 4, "failure")
    ]


def test_what_is_not_built_is_no_failure(shop: Shop) -> None:
    pull = shop.open("FROM elsewhere.example/x:1\nRUN true <script>\n")
    shop.stage.perform(pull)
    shop.work()
    (summary,) = pull.issue_comments
    assert (
        "`Dockerfile`: not measurable here, because line 1: elsewhere.example is not one of the registries"
        in summary.body
    )
    (run,) = pull.check_runs
    assert run.conclusion in ("success", "neutral")


def test_what_fails_shows_its_log_and_obeys_none_of_it(shop: Shop) -> None:
    pull = shop.open(shop.base + "RUN echo '```' '@acme/all <b>' && false\n")
    shop.stage.perform(pull)
    shop.work()
    (summary,) = pull.issue_comments
    assert "does not build here: line 4 fails" in summary.body
    assert "````text" in summary.body


@contextmanager
def running_builder(line: Line, registry: Registry, cache: Path, **settings: str) -> Iterator[None]:
    """Run a builder in a process of its own, which is to end in order and to log no token."""
    own = {"DOCKSLIM_REGISTRIES": f"http://{registry.name}", "DOCKSLIM_CACHE": str(cache)}
    with (cache / "builder.log").open("wb") as log:
        command = [sys.executable, "-m", "cli.main", "builder"]
        builder = subprocess.Popen(command, env={**line.environ, **own, **settings}, stdout=log, stderr=log)
    try:
        wait_until(lambda: Orders(line.stage.redis).is_served() or builder.poll() is not None)
        yield
    finally:
        builder.terminate()
        told = (cache / "builder.log").read_text()
        assert builder.wait(30) == 0, told
    assert "ghs_" not in told


@pytest.mark.parametrize("end", ["old_engine", "buildkit"])
def test_the_whole_line(
    request: pytest.FixtureRequest,
    registry: Registry,
    busybox: str,
    redis_url: str,
    private_key: str,
    tmp_path: Path,
    end: str,
) -> None:
    """From the webhook to the measured summary, each process on its own."""
    base = f"FROM {busybox}\n"
    with running_line(redis_url, private_key, tmp_path / "worker.log") as line:
        line.stage.repository.commit("main", {"Dockerfile": base, **ALWAYS})
        with running_builder(line, registry, tmp_path, **request.getfixturevalue(end)):
            pull = line.stage.open({"Dockerfile": base + "RUN head -c 2000000 /dev/urandom > /a\n"})
            wait_until(lambda: pull.issue_comments)
            assert "Line 2 adds 2 MB" in pull.issue_comments[0].body
            wait_until(lambda: not line.deliveries.count_waiting())
            (run,) = pull.check_runs
            assert run.title == "+2 MB in Dockerfile; No size findings in Dockerfile"


def test_the_whole_line_with_apt(debian: Debian, redis_url: str, private_key: str, tmp_path: Path) -> None:
    """The same with buildah and Debian's own packages, on until the suggestion is applied and keeps its promise."""
    base = f"FROM {debian.name(SLIM)}\n"
    hosts = " ".join(debian.hosts)
    with running_line(redis_url, private_key, tmp_path / "worker.log") as line:
        line.stage.repository.commit("main", {"Dockerfile": base, **ALWAYS})
        orders = Orders(line.stage.redis)
        settings = {"DOCKSLIM_BUILDER": "buildah", "DOCKSLIM_BUILD_HOSTS": hosts}
        with running_builder(line, debian.registry, tmp_path, **settings):
            pull = line.stage.open({"Dockerfile": base + "RUN apt-get update && apt-get install -y cron\n"})
            wait_until(lambda: any(", measured (built " in each.body for each in pull.review_comments), 300)
            promised = _measured(orders, line.stage.job(pull))
            assert promised is not None
            (comment,) = [each for each in pull.review_comments if "```suggestion" in each.body]
            assert f" → {format_bytes(promised)} if applied" in pull.issue_comments[0].body
            pull.apply_suggestion(comment.id)
            wait_until(lambda: _measured(orders, line.stage.job(pull)), 300)
            line.wait_until_idle()
            assert _measured(orders, line.stage.job(pull)) == pytest.approx(promised, rel=0.01)


def _measured(orders: Orders, job: ReviewJob) -> int | None:
    """Return the bytes of the one image of a pull request with all suggestions, None until this head is measured."""
    found = orders.measured(job)
    if found is None or found.head_sha != job.head_sha:
        return None
    (image,) = found.images
    measured = image.suggested or image.after
    return measured and measured.written


class TestWhoMay:
    def foreign(self, shop: Shop) -> PullRequestHandle:
        fork = shop.stage.other_repository()
        fork.commit("theirs", {"Dockerfile": shop.base + "RUN echo\n"})
        return shop.stage.sandbox.open_pull_request(shop.stage.repository, (fork, "theirs"), author="mallory")

    def reasons(self, shop: Shop) -> list[str]:
        return sorted(each.reason for each in shop.due() if each.reason == BUILD_JOB)

    def test_forks_wait_for_a_maintainer(self, shop: Shop) -> None:
        pull = self.foreign(shop)
        shop.stage.sandbox.set_permission(shop.stage.repository, "carol", "write")
        shop.stage.perform(pull)
        assert self.reasons(shop) == []
        asked = {"reason": "command", "head_sha": None, "base_branch": None}
        theirs = pull.comment("/dockslim build", "mallory")
        shop.stage.perform(pull, **asked, comment=theirs.node_id, sender="mallory")
        assert self.reasons(shop) == []
        ours = pull.comment("/dockslim build", "carol")
        shop.stage.perform(pull, **asked, comment=ours.node_id, sender="carol")
        (job,) = [each for each in shop.due() if each.reason == BUILD_JOB]
        order = shop.orders.read(job)
        assert order is not None
        assert not order.is_trusted
        assert order.head_sha == pull.head_sha
        assert "Building" in pull.issue_comments[-1].body

    def test_a_head_that_came_after_the_question(self, shop: Shop) -> None:
        pull = self.foreign(shop)
        shop.stage.sandbox.set_permission(shop.stage.repository, "carol", "write")
        ours = pull.comment("/dockslim build", "carol")
        newer = replace(shop.stage.job(pull), delivery="newer", moment=4_000_000_000)
        Deliveries(shop.stage.redis).claim(newer)
        asked = {"reason": "command", "head_sha": None, "base_branch": None}
        shop.stage.perform(pull, **asked, comment=ours.node_id, sender="carol")
        assert self.reasons(shop) == []
        assert pull.issue_comments[-1].body.startswith("Nothing was built: the pull request has changed since")

    @pytest.mark.parametrize(("level", "builds"), [("write", True), ("read", False)])
    def test_the_button(self, shop: Shop, level: str, builds: bool) -> None:
        shop.commit({".github/dockslim.yml": "builds: on-request\n"})
        shop.stage.sandbox.set_permission(shop.stage.repository, "dora", level)
        pull = shop.open(shop.base + "RUN echo\n")
        shop.stage.perform(pull)
        assert self.reasons(shop) == []
        (run,) = pull.check_runs
        assert [each.identifier for each in run.actions] == ["recheck", "build"]
        shop.stage.perform(pull, reason=BUILD, sender="dora", base_branch=None)
        assert self.reasons(shop) == ([BUILD_JOB] if builds else [])

    def test_a_button_on_an_older_head(self, shop: Shop) -> None:
        shop.stage.sandbox.set_permission(shop.stage.repository, "dora", "write")
        pull = shop.open(shop.base + "RUN echo\n")
        shop.stage.perform(pull, reason=BUILD, sender="dora", base_branch=None, head_sha="0" * 40)
        assert self.reasons(shop) == []

    @pytest.mark.parametrize(("setting", "said"), [("never", "`builds` is `never`"), ("on-request", "not set up")])
    def test_why_not(self, shop: Shop, setting: str, said: str) -> None:
        shop.commit({".github/dockslim.yml": f"builds: {setting}\n"})
        if setting == "on-request":
            shop.stage.redis.delete("dockslim:builder")
        shop.stage.sandbox.set_permission(shop.stage.repository, "carol", "write")
        pull = shop.open(shop.base + "RUN echo\n")
        asked = {"reason": "command", "head_sha": None, "base_branch": None}
        comment = pull.comment("/dockslim build", "carol")
        shop.stage.perform(pull, **asked, comment=comment.node_id, sender="carol")
        assert said in pull.issue_comments[-1].body
        assert [each.content for each in comment.reactions] == ["eyes", "confused"]


def test_nobody_builds(shop: Shop) -> None:
    """The check run is concluded all the same when patience has run out."""
    shop.commit({".github/dockslim.yml": "builds: always\nmax_growth: 1MB\n"})
    pull = shop.open(shop.base + "RUN echo\n")
    shop.stage.perform(pull)
    assert pull.check_runs[0].status == "in_progress"
    assert shop.stage.perform(pull, reason=MEASURED) is None
    assert pull.check_runs[0].status == "completed"
    assert f"no builder finished within {PATIENCE.total_seconds() / 3600:.0f} hours" in str(pull.check_runs[0].summary)
