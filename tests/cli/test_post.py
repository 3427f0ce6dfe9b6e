"""`dockslim review --post` as a workflow runs it: a process of its own, with GitHub's variables, over real HTTP.

GITHUB_TOKEN is an installation token of GitHub's own App for workflows, which is what the sandbox has here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.github.client import GitHubApp, RepositoryRef
from bot.jobs import ReviewJob
from cli.post import read_workflow
from cli.sandbox import PullRequestHandle, RepositoryHandle, Sandbox
from cli.trouble import TroubleError
from tests.cli.dockerfiles import CLEAN, CRON
from tests.cli.sandbox.conftest import app_jwt, new_client
from workers.review import review

ROOT = Path(__file__).parents[2]
PERMISSIONS = {"contents": "read", "metadata": "read", "pull_requests": "write"}
READ_ONLY = {"contents": "read", "pull_requests": "read"}
WASTEFUL = f"{CRON}RUN pip install flask\n"


@dataclass(frozen=True)
class Actions:
    """GitHub Actions on a sandbox: a job's variables, and the process that a step starts."""

    sandbox: Sandbox
    repository: RepositoryHandle
    directory: Path

    @property
    def summary(self) -> str:
        return (self.directory / "summary.md").read_text()

    def token(self, permissions: Mapping[str, str] = PERMISSIONS) -> str:
        installation = self.sandbox.installation(self.repository).id
        with new_client(self.sandbox.url, {"Authorization": f"Bearer {app_jwt(self.sandbox)}"}) as app:
            body = {"repositories": [self.repository.record.name], "permissions": dict(permissions)}
            answer = app.post(f"/app/installations/{installation}/access_tokens", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    def run(self, permissions: Mapping[str, str] = PERMISSIONS, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the step for the newest event."""
        events = [each for each in self.sandbox.deliveries if each.event == "pull_request"]
        event = {name: value for name, value in events[-1].payload.items() if name != "installation"}
        (self.directory / "event.json").write_text(json.dumps(event))
        (self.directory / "summary.md").write_text("")
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "DOCKSLIM_"))},
            "GITHUB_API_URL": self.sandbox.url,
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(self.directory / "event.json"),
            "GITHUB_STEP_SUMMARY": str(self.directory / "summary.md"),
            "GITHUB_TOKEN": self.token(permissions),
            "NO_PROXY": "127.0.0.1",
            **variables,
        }
        command = [sys.executable, "-m", "cli.main", "review", "--post"]
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
        assert environ["GITHUB_TOKEN"] not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done


@pytest.fixture(scope="module")
def private_key() -> str:
    with Sandbox() as sandbox:
        return sandbox.private_key


@pytest.fixture
def actions(private_key: str, tmp_path: Path) -> Iterator[Actions]:
    sandbox = Sandbox(slug="github-actions", permissions=PERMISSIONS, private_key=private_key)
    with sandbox, sandbox.serving():
        yield Actions(sandbox, _repository(sandbox), tmp_path)


def _repository(sandbox: Sandbox) -> RepositoryHandle:
    return sandbox.create_repository("acme/shop", {"Dockerfile": CLEAN, "README.md": "shop\n"})


def _open(repository: RepositoryHandle, sandbox: Sandbox, text: str = WASTEFUL, **options: Any) -> PullRequestHandle:
    repository.commit("feature", {"Dockerfile": text})
    return sandbox.open_pull_request(repository, "feature", **options)


def _said(pull: PullRequestHandle) -> list[tuple[str, int, str]]:
    return [(each.thread.original.path, each.thread.original.line, each.body) for each in pull.review_comments]


@pytest.mark.slow
class TestPosted:
    def test_it_is_the_review_of_the_app(self, actions: Actions, private_key: str) -> None:
        pull = _open(actions.repository, actions.sandbox)
        done = actions.run()
        assert (done.returncode, done.stderr) == (0, "")
        with Sandbox(private_key=private_key) as hosted, hosted.serving() as url:
            repository = _repository(hosted)
            other = _open(repository, hosted)
            place = RepositoryRef(hosted.installation(repository).id, repository.id, "acme", "shop")
            job = ReviewJob("d", place.installation_id, place.id, "acme", "shop", 1, "opened", other.head_sha, "main")
            with GitHubApp(app_id=hosted.app_id, private_key=private_key, api_url=url).open(place) as session:
                outcome = review(job, session)
            assert _said(pull) == _said(other) != []
            assert [each.body for each in pull.reviews] == [each.body for each in other.reviews]
            assert [each.author.login for each in pull.reviews] == ["github-actions[bot]"]
            (summary,), (others,) = pull.issue_comments, other.issue_comments
            # Nobody hears of a command there.
            assert summary.body == others.body.replace(" · `/dockslim help`", "") != others.body
            assert outcome.check is not None
            assert actions.summary == f"{outcome.check.summary}\n"
            assert outcome.title in done.stdout
        assert pull.check_runs == []

    def test_a_second_run_says_nothing_twice(self, actions: Actions) -> None:
        pull = _open(actions.repository, actions.sandbox)
        actions.run()
        said = _said(pull)
        assert actions.run().returncode == 0
        assert (_said(pull), len(pull.reviews), len(pull.issue_comments)) == (said, 1, 1)

    def test_what_is_settled_is_closed(self, actions: Actions) -> None:
        pull = _open(actions.repository, actions.sandbox)
        actions.run()
        actions.repository.commit("feature", {"Dockerfile": CLEAN})
        assert actions.run().returncode == 0
        assert [bool(each.minimized) for each in pull.review_comments] == [True, True]

    def test_it_fails_where_the_configuration_wants_that(self, actions: Actions) -> None:
        actions.repository.commit("main", {".github/dockslim.yml": "fail: warning\n"})
        _open(actions.repository, actions.sandbox)
        assert actions.run().returncode == 1

    def test_a_draft_waits(self, actions: Actions) -> None:
        pull = _open(actions.repository, actions.sandbox, draft=True)
        done = actions.run()
        assert done.returncode == 0
        assert "draft" in done.stdout
        assert pull.reviews == []


@pytest.mark.slow
class TestNotPermitted:
    def test_a_fork_gets_its_review_in_the_log(self, actions: Actions) -> None:
        fork = actions.sandbox.fork(actions.repository, "mallory")
        hostile = "::add-mask::a"
        fork.commit("feature", {"Dockerfile": f"{WASTEFUL}RUN pip install {hostile}\n"})
        pull = actions.sandbox.open_pull_request(actions.repository, (fork, "feature"), author="mallory")
        done = actions.run(READ_ONLY)
        assert (done.returncode, pull.reviews) == (0, [])
        lines = done.stdout.splitlines()
        # What a pull request says is no command of ours.
        stop = next(at for at, line in enumerate(lines) if line.startswith("::stop-commands::"))
        token = lines[stop].removeprefix("::stop-commands::")
        go_on = lines.index(f"::{token}::")
        assert stop == 0
        assert any(hostile in line for line in lines[stop:go_on])
        assert not any(hostile in line for line in lines[go_on:])
        assert lines[go_on + 1].startswith("::notice title=dockslim::This pull request comes from a fork")
        assert any("--no-install-recommends" in line for line in lines[stop:go_on])
        assert "DS202" in actions.summary

    def test_a_workflow_without_the_permission_is_told_which(self, actions: Actions) -> None:
        pull = _open(actions.repository, actions.sandbox)
        done = actions.run(READ_ONLY)
        assert (done.returncode, pull.reviews) == (2, [])
        (line,) = done.stderr.splitlines()
        assert line.startswith("dockslim: GITHUB_TOKEN: may not write to pull requests")

    def test_a_token_that_is_none(self, actions: Actions) -> None:
        _open(actions.repository, actions.sandbox)
        done = actions.run(GITHUB_TOKEN="ghs_nonsense")
        assert done.returncode == 2
        assert done.stderr == "dockslim: acme/shop#1: GitHub answered 401: Bad credentials\n"


_EVENT = {
    "action": "opened",
    "repository": {"id": 1, "name": "shop", "owner": {"login": "acme"}},
    "sender": {"login": "alice"},
    "pull_request": {
        "number": 1,
        "state": "open",
        "head": {"sha": "a" * 40},
        "base": {"ref": "main"},
        "updated_at": "2026-11-24T00:00:00Z",
    },
}


@pytest.mark.parametrize(
    ("changes", "event", "said"),
    [
        pytest.param({"GITHUB_TOKEN": ""}, _EVENT, "GITHUB_TOKEN: is not set", id="no token"),
        pytest.param({"GITHUB_EVENT_PATH": ""}, _EVENT, "GITHUB_EVENT_PATH: is not set", id="no workflow"),
        pytest.param({"GITHUB_EVENT_PATH": "/nowhere"}, _EVENT, "/nowhere: No such file", id="no file"),
        pytest.param({"GITHUB_EVENT_NAME": "push"}, _EVENT, 'is "push"; run this in', id="another event"),
        pytest.param({"GITHUB_API_URL": "http://[::1"}, _EVENT, "GITHUB_API_URL: .* not the address", id="no address"),
        pytest.param(
            {"GITHUB_API_URL": "api.github.com"}, _EVENT, "GITHUB_API_URL: .* not the address", id="no scheme"
        ),
        pytest.param({}, [], "the body is not a JSON object", id="no object"),
        pytest.param({}, {**_EVENT, "pull_request": {}}, "pull_request.number", id="half an event"),
        pytest.param(
            {},
            {**_EVENT, "repository": {"id": 1, "name": "..", "owner": {"login": "acme"}}},
            "repository.name",
            id="a way out of the path",
        ),
    ],
)
def test_what_a_workflow_lacks_is_named(changes: dict[str, str], event: Any, said: str, tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event))
    environ = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(path), "GITHUB_TOKEN": "t", **changes}
    with pytest.raises(TroubleError, match=said.replace("(", r"\(")) as caught:
        read_workflow(environ)
    assert "\n" not in str(caught.value)


def test_an_event_that_changes_no_code_asks_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps({**_EVENT, "action": "labeled"}))
    environ = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(path), "GITHUB_TOKEN": "t"}
    assert read_workflow(environ) is None
    path.write_text(json.dumps(_EVENT))
    workflow = read_workflow(environ)
    assert workflow is not None
    assert workflow.job.head_sha == "a" * 40
    assert "'t'" not in repr(workflow)
