"""A pull request's whole life, for real: the sandbox GitHub over HTTP, Valkey, a web process and a worker process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from bot.app import CLOSED
from cli.sandbox import PullRequestHandle, shuffle
from cli.sandbox.state import CheckRun, IssueComment, ReviewComment
from tests.workers.line import Line, running_line
from tests.workers.stage import APT, CLEAN, PIP, WASTEFUL

pytestmark = pytest.mark.slow

LONG = "FROM debian:12-slim\n" + "".join(f"ENV LINE_{number}=1\n" for number in range(30))


@pytest.fixture(scope="module")
def line(redis_url: str, private_key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with running_line(redis_url, private_key, tmp_path_factory.mktemp("lifecycle") / "worker.log") as made:
        yield made


class Scene:
    """A repository of its own owner, so that nobody waits for the writes of another scene, and one pull request."""

    def __init__(self, line: Line, owner: str, files: Mapping[str, Any] | None = None) -> None:
        self.line = line
        self.sandbox = line.sandbox
        self.repository = self.sandbox.create_repository(f"{owner}/shop", {"Dockerfile": CLEAN, **(files or {})})
        self.pull: PullRequestHandle

    def open(self, files: Mapping[str, Any], **options: Any) -> PullRequestHandle:
        """Open the pull request, and wait until dockslim has nothing more to do."""
        self.repository.commit("feature", files)
        self.pull = self.sandbox.open_pull_request(self.repository, "feature", **options)
        self.line.wait_until_idle()
        return self.pull

    def push(self, files: Mapping[str, Any], **options: Any) -> None:
        """Push to it, and wait."""
        self.repository.commit("feature", files, **options)
        self.line.wait_until_idle()

    @property
    def ours(self) -> list[ReviewComment]:
        """The comments on lines that dockslim wrote, oldest first."""
        return [each for each in self.pull.review_comments if each.author.login == self.sandbox.bot]

    @property
    def summary(self) -> IssueComment:
        """The only summary."""
        (found,) = (each for each in self.pull.issue_comments if each.author.login == self.sandbox.bot)
        return found

    @property
    def check(self) -> CheckRun:
        """The only check run on the head."""
        (found,) = self.pull.check_runs
        return found


@pytest.fixture
def scene(line: Line, request: pytest.FixtureRequest) -> Scene:
    return Scene(line, request.node.name.replace("_", "-").split("[")[0][:39].strip("-"))


def _is_settled(comment: ReviewComment) -> bool:
    return comment.body.startswith("Settled at ")


def test_first_review(scene: Scene) -> None:
    pull = scene.open({"Dockerfile": WASTEFUL})
    assert len(pull.reviews) == 1
    assert [comment.thread.original.line for comment in scene.ours] == [2, 3]
    assert "| `Dockerfile` | 2 suggestions |" in scene.summary.body
    assert "Configuration: built-in defaults" in scene.summary.body
    assert (scene.check.status, scene.check.conclusion) == ("completed", "neutral")
    assert [action.identifier for action in scene.check.actions] == ["recheck"]
    assert scene.check.annotations == []


def test_push_with_one_finding_fixed_then_back(scene: Scene) -> None:
    scene.open({"Dockerfile": WASTEFUL})
    summary = scene.summary.id
    scene.push({"Dockerfile": f"FROM debian:12-slim\n{PIP}"})
    apt, pip = scene.ours
    assert (_is_settled(apt), apt.minimized, apt.thread.resolved_by) == (True, "resolved", None)
    assert "```suggestion" not in apt.body
    assert (_is_settled(pip), pip.minimized) == (False, None)
    assert len(scene.pull.reviews) == 1
    assert scene.summary.id == summary
    assert "| `Dockerfile` | 1 suggestion |" in scene.summary.body
    assert scene.check.title == "1 suggestion in Dockerfile"
    scene.push({"Dockerfile": f"{CLEAN}ENV A=1\n"})
    assert all(map(_is_settled, scene.ours))
    assert scene.summary.body.startswith("**dockslim** · No size findings in Dockerfile")
    assert scene.check.conclusion == "success"
    # What comes back is said again.
    scene.push({"Dockerfile": f"FROM debian:12-slim\n{PIP}"})
    assert [_is_settled(each) for each in scene.ours] == [True, True, False]
    assert scene.summary.id == summary


def test_threads_are_resolved_where_the_owner_lets_us(scene: Scene) -> None:
    scene.sandbox.accept_permissions(scene.repository, contents="write")
    scene.open({"Dockerfile": WASTEFUL})
    scene.push({"Dockerfile": f"FROM debian:12-slim\n{PIP}"})
    apt, pip = scene.ours
    assert apt.thread.resolved_by is not None
    assert (apt.thread.resolved_by.login, apt.minimized, _is_settled(apt)) == (scene.sandbox.bot, None, True)
    assert pip.thread.resolved_by is None


def test_push_that_changes_nothing(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.open({"Dockerfile": WASTEFUL})
    before = [comment.body for comment in scene.ours], scene.summary.updated_at
    scene.sandbox.requests.clear()
    scene.push({"README.md": "shop\n"})
    requests = [str(each).replace(f"/repos/{scene.repository.full_name}", "") for each in scene.sandbox.requests]
    with capsys.disabled():
        print("\nGitHub requests for a push that changes nothing:")
        print("\n".join(f"  {each}" for each in requests), f"\n  = {len(requests)}")
    assert len(requests) <= 4
    assert ([comment.body for comment in scene.ours], scene.summary.updated_at) == before
    assert scene.check.title == "2 suggestions in Dockerfile"


def test_force_push_and_rebase(scene: Scene) -> None:
    scene.open({"Dockerfile": WASTEFUL})
    scene.push({"Dockerfile": f"FROM debian:12-slim\nENV A=1\n\n{APT}{PIP}"}, parent="main", force=True)
    assert (len(scene.pull.reviews), len(scene.ours)) == (1, 2)
    scene.repository.commit("main", {"Dockerfile": "FROM debian:12-slim\nENV B=1\n", "x": "x"})
    scene.push({"Dockerfile": f"FROM debian:12-slim\nENV B=1\nENV A=1\n\n{APT}{PIP}"}, parent="main", force=True)
    assert (len(scene.pull.reviews), len(scene.ours)) == (1, 2)
    assert not any(map(_is_settled, scene.ours))
    assert scene.check.title == "2 suggestions in Dockerfile"


def test_fork_that_is_deleted(scene: Scene) -> None:
    fork = scene.sandbox.fork(scene.repository, "mallory")
    fork.commit("feature", {"Dockerfile": WASTEFUL}, author="mallory")
    scene.pull = scene.sandbox.open_pull_request(scene.repository, (fork, "feature"), author="mallory")
    scene.line.wait_until_idle()
    assert len(scene.ours) == 2
    fork.delete()
    jobs = scene.line.count_jobs()
    # The button, "Re-run" and "Re-run all": GitHub names no pull request of a fork in any of them.
    scene.pull.press(scene.check, "recheck", author="mallory")
    scene.pull.rerequest(scene.check, author="mallory")
    scene.pull.rerequest_all(author="mallory")
    scene.line.wait_until_idle()
    assert scene.line.count_jobs() == jobs + 3
    assert (len(scene.ours), len(scene.pull.reviews)) == (2, 1)
    assert not scene.check.suite.rerequested


def test_who_may_not_write_asks_in_vain(scene: Scene) -> None:
    scene.open({"Dockerfile": WASTEFUL}, draft=True)
    assert (scene.check.conclusion, scene.check.title) == ("skipped", "Skipped: draft")
    scene.sandbox.requests.clear()
    scene.pull.press(scene.check, "recheck", author="eve")
    scene.line.wait_until_idle()
    assert scene.check.title == "Skipped: draft"
    assert len(scene.sandbox.requests) == 2
    # The author of a pull request between two branches need not be who can write.
    scene.sandbox.set_permission(scene.repository, "alice", "read")
    scene.pull.comment("/dockslim recheck", author="alice")
    scene.line.wait_until_idle()
    assert scene.check.title == "Skipped: draft"
    scene.sandbox.set_permission(scene.repository, "alice", "write")
    scene.pull.comment("/dockslim recheck", author="alice")
    scene.line.wait_until_idle()
    assert scene.check.title == "2 suggestions in Dockerfile"


def test_draft_then_ready(scene: Scene) -> None:
    scene.open({"Dockerfile": WASTEFUL}, draft=True)
    assert (scene.ours, scene.pull.issue_comments) == ([], [])
    scene.pull.mark_ready()
    scene.line.wait_until_idle()
    assert len(scene.ours) == 2
    assert scene.check.conclusion == "neutral"


def test_base_changed(scene: Scene) -> None:
    scene.repository.push("feature", scene.repository.commit("next", {"Dockerfile": f"FROM debian:12-slim\n{APT}"}))
    scene.open({"Dockerfile": WASTEFUL})
    assert scene.check.title == "2 suggestions in Dockerfile"
    scene.pull.edit(title="Another title")
    scene.pull.change_base("next")
    scene.line.wait_until_idle()
    apt, pip = scene.ours
    assert (_is_settled(apt), _is_settled(pip)) == (True, False)
    assert scene.check.title == "1 suggestion in Dockerfile"


def test_human_reply_and_human_resolve(scene: Scene) -> None:
    scene.open({"Dockerfile": f"{WASTEFUL}RUN pip install django\n"})
    apt, pip, django = scene.ours
    reply = scene.pull.reply(apt.id, "We need exim here.")
    scene.pull.resolve(pip.id)
    scene.push({"Dockerfile": f"FROM debian:12-slim\nENV A=1\n{PIP}"})
    # Answered: edited, neither hidden nor deleted. Resolved by a person: not touched, though it still holds.
    assert (_is_settled(apt), apt.minimized) == (True, None)
    assert reply in scene.pull.review_comments
    assert (_is_settled(pip), pip.thread.resolved_by and pip.thread.resolved_by.login) == (False, "alice")
    assert (_is_settled(django), django.minimized) == (True, "resolved")
    assert len(scene.pull.reviews) == len({each.review.id for each in (apt, reply)})


def test_over_the_caps(scene: Scene) -> None:
    many = CLEAN + "".join(f"RUN pip install flask{number}\n" for number in range(75))
    scene.open({"Dockerfile": many})
    assert len(scene.ours) == 20
    assert "<summary>Without a comment: 55</summary>" in scene.summary.body
    assert "Over the limit of 20 comments on one pull request:" in scene.summary.body
    assert len(scene.check.annotations) == 55
    scene.pull.rerequest(scene.check)
    scene.line.wait_until_idle()
    # Annotations can only be added: another run takes the place of the first.
    first, second = scene.pull.check_runs
    assert (len(first.annotations), len(second.annotations)) == (55, 55)
    assert len(scene.ours) == 20


def test_no_dockerfile(scene: Scene) -> None:
    scene.open({"main.py": "print()\n"})
    assert (scene.pull.reviews, scene.pull.issue_comments) == ([], [])
    assert (scene.check.conclusion, scene.check.title) == ("skipped", "No Dockerfile in this pull request")


def test_deleted_dockerfile(scene: Scene) -> None:
    scene.open({"api/Dockerfile": WASTEFUL})
    scene.push({"api/Dockerfile": None, "x": "x"})
    assert all(map(_is_settled, scene.ours))
    assert scene.summary.body.startswith("**dockslim** · No Dockerfile in this pull request")
    assert scene.check.conclusion == "skipped"


def test_renamed_dockerfile(line: Line) -> None:
    scene = Scene(line, "renamed", {"Dockerfile": LONG})
    scene.open({"Dockerfile": LONG + PIP})
    scene.push({"Dockerfile": None, "docker/Dockerfile": LONG + PIP})
    assert (len(scene.ours), len(scene.pull.reviews)) == (1, 1)
    assert not _is_settled(scene.ours[0])
    assert "| `docker/Dockerfile` | 1 suggestion |" in scene.summary.body


def test_two_pull_requests_at_once(scene: Scene) -> None:
    scene.repository.commit("one", {"one/Dockerfile": WASTEFUL})
    scene.repository.commit("two", {"two/Dockerfile": WASTEFUL})
    pulls = [scene.sandbox.open_pull_request(scene.repository, branch) for branch in ("one", "two")]
    scene.line.wait_until_idle()
    for pull in pulls:
        assert (len(pull.reviews), len(pull.review_comments), len(pull.issue_comments)) == (1, 2, 1)
        assert [run.conclusion for run in pull.check_runs] == ["neutral"]


def test_two_pull_requests_with_one_head(scene: Scene) -> None:
    scene.repository.push("feature", scene.repository.commit("next", {"Dockerfile": f"FROM debian:12-slim\n{APT}"}))
    one = scene.open({"Dockerfile": WASTEFUL})
    two = scene.sandbox.open_pull_request(scene.repository, "feature", base="next")
    scene.line.wait_until_idle()
    titles = {run.name: run.title for run in one.check_runs}
    assert titles == {
        "dockslim": "2 suggestions in Dockerfile",
        f"dockslim (#{two.number})": "1 suggestion in Dockerfile",
    }
    jobs = scene.line.count_jobs()
    two.rerequest_all()
    scene.line.wait_until_idle()
    assert scene.line.count_jobs() == jobs + 2
    assert {run.name: run.title for run in one.check_runs} == titles
    assert [len(each.reviews) for each in (one, two)] == [1, 1]


def test_a_burst_out_of_order_and_twice_is_reviewed_once(scene: Scene) -> None:
    scene.open({"README.md": "x\n"})
    scene.sandbox.requests.clear()
    scene.sandbox.faults.add(shuffle(5))
    for number in range(4):
        scene.repository.commit("feature", {"Dockerfile": WASTEFUL, "n": str(number)})
    scene.repository.commit("feature", {"Dockerfile": f"{CLEAN}{APT}"})
    scene.line.wait_until_idle()
    scene.sandbox.faults.clear()
    assert (len(scene.pull.reviews), len(scene.ours)) == (1, 1)
    assert scene.check.title == "1 suggestion in Dockerfile"
    assert sum("/check-runs" in str(each) for each in scene.sandbox.requests) == 1
    pushed = [each for each in scene.sandbox.deliveries if each.action == "synchronize"]
    for delivery in pushed[-5:]:
        scene.sandbox.redeliver(delivery.id)
    scene.line.wait_until_idle()
    assert len(scene.pull.reviews) == 1


def test_closed_before_it_was_reviewed(scene: Scene) -> None:
    scene.open({"README.md": "x\n"})
    scene.repository.commit("feature", {"Dockerfile": WASTEFUL})
    scene.pull.close()
    scene.line.wait_until_idle()
    assert (scene.pull.reviews, scene.pull.check_runs) == ([], [])
    closed = [each for each in scene.sandbox.deliveries if each.action == "closed"][-1]
    assert (closed.status_code, json.loads(closed.response_body)) == (200, {"ignored": CLOSED})
    # Whatever was queued before that second stops before it asks GitHub anything.
    old = scene.line.stage.job(scene.pull, repository_id=scene.repository.record.id, moment=1)
    assert scene.line.deliveries.is_superseded(old)
    scene.pull.reopen()
    scene.line.wait_until_idle()
    assert len(scene.pull.reviews) == 1


def test_recheck(scene: Scene) -> None:
    scene.open({"Dockerfile": WASTEFUL})
    asked = scene.pull.comment("/dockslim recheck", author="alice")
    scene.line.wait_until_idle()
    assert [reaction.content for reaction in asked.reactions] == ["eyes", "rocket"]
    assert (len(scene.pull.reviews), len(scene.ours)) == (1, 2)
    assert scene.check.conclusion == "neutral"


def test_ignore_then_unignore(scene: Scene) -> None:
    scene.open({"Dockerfile": WASTEFUL})
    scene.pull.comment("/dockslim ignore DS204 the cache is wanted", author="alice")
    scene.line.wait_until_idle()
    assert scene.check.title == "1 suggestion in Dockerfile"
    scene.pull.comment("/dockslim unignore DS204", author="alice")
    scene.line.wait_until_idle()
    assert scene.check.title == "2 suggestions in Dockerfile"


def test_config_error(scene: Scene) -> None:
    scene.repository.commit("main", {".github/dockslim.yml": "fail: warning\nreview:\n  drafts: perhaps\n"})
    scene.open({"Dockerfile": WASTEFUL})
    assert "`.github/dockslim.yml`, line 3: review.drafts: " in scene.summary.body
    assert "Configuration: built-in defaults" in scene.summary.body
    assert (len(scene.ours), scene.check.conclusion) == (2, "neutral")


def test_organisation_default(scene: Scene) -> None:
    owner = scene.repository.full_name.partition("/")[0]
    scene.sandbox.create_repository(f"{owner}/.github", {"dockslim.yml": "rules: {DS204: off}\nfail: warning\n"})
    scene.open({"Dockerfile": WASTEFUL})
    assert [comment.thread.original.line for comment in scene.ours] == [2]
    assert f"Configuration: `{owner}/.github: dockslim.yml` over built-in defaults" in scene.summary.body
    assert scene.check.conclusion == "failure"
