"""Reviews on the sandbox GitHub: real HTTP, real git, real Valkey; the worker's code in this process."""

from __future__ import annotations

import io
import re
import threading
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
from billiard.exceptions import SoftTimeLimitExceeded

from bot.deliveries import Deliveries, State
from bot.github import pulls as pulls_module
from bot.github import snapshot as snapshot_module
from bot.github.client import RepositoryRef
from bot.github.failures import RefusedError
from bot.github.limits import Meter
from bot.logs import configure_logs
from bot.review.fingerprint import read_fingerprints, write_marker
from bot.review.model import Comment, Review
from cli.sandbox import File, PullRequestHandle, primary_limit, secondary_limit, server_error, slow
from cli.sandbox.faults import RequestFault
from tests.workers.stage import APT, CLEAN, PIP, WASTEFUL, Stage
from workers import repository as repository_module
from workers import review as review_module
from workers.review import MAX_DOCKERFILES, Target
from workers.turns import Turns

pytestmark = pytest.mark.slow


def _the_check(pull: PullRequestHandle) -> tuple[str, str | None, str | None]:
    (run,) = pull.check_runs
    return run.status, run.conclusion, run.title


def _only_review(pull: PullRequestHandle) -> Review:
    (found,) = pull.reviews
    return found  # type: ignore[return-value]


class TestOpened:
    def test_one_review_with_suggestions_and_a_concluded_check(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        assert stage.perform(pull) is None
        _only_review(pull)
        assert [(c.thread.original.line, c.thread.original.start_line) for c in pull.review_comments] == [
            (2, None),
            (3, None),
        ]
        assert all("```suggestion\n" in comment.body for comment in pull.review_comments)
        status, conclusion, title = _the_check(pull)
        assert (status, conclusion) == ("completed", "neutral")
        assert title is not None
        assert "suggestions in Dockerfile" in title

    def test_applied_suggestions_leave_nothing_to_say(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.perform(pull)
        pull.apply_suggestions([comment.id for comment in pull.review_comments])
        assert "--no-install-recommends" in pull.head_text("Dockerfile")
        stage.perform(pull, reason="synchronize")
        _only_review(pull)
        assert _the_check(pull)[1] == "success"

    @pytest.mark.parametrize("warm", [False, True], ids=["cold token", "warm token"])
    def test_number_of_requests(self, stage: Stage, warm: bool, capsys: pytest.CaptureFixture[str]) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL, "api/Dockerfile": WASTEFUL, "web.Dockerfile": WASTEFUL})
        if warm:
            stage.perform(stage.open({"x": "x"}, branch="before"))
        stage.sandbox.requests.clear()
        stage.perform(pull)
        requests = stage.say_requests()
        with capsys.disabled():
            print(f"\nGitHub requests for a first review of 3 Dockerfiles, {'warm' if warm else 'cold'} token:")
            print("\n".join(f"  {each}" for each in requests), f"\n  = {len(requests)}")
        assert len(requests) == (5 if warm else 7)
        assert len(pull.review_comments) == 6

    def test_number_of_requests_where_all_is_copied(self, stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
        stage.repository.commit("main", {"package.json": "{}", ".dockerignore": "docs\n", "a/compose.yml": "a: b\n"})
        broad = {f"{name}Dockerfile": f"{CLEAN}COPY . /app\n" for name in ("", "api/", "web/")}
        pull = stage.open(broad)
        stage.sandbox.requests.clear()
        stage.perform(pull)
        requests = stage.say_requests()
        with capsys.disabled():
            print("\nGitHub requests for a first review of 3 Dockerfiles that copy everything, cold token:")
            print("\n".join(f"  {each}" for each in requests), f"\n  = {len(requests)}")
        assert len(requests) <= 9
        assert sum("git/trees" in each for each in requests) == 1

    def test_what_the_repository_holds_is_known(self, stage: Stage) -> None:
        package = '{"dependencies": {"express": "5"}}'
        files = {"package.json": package, "package-lock.json": "{}", ".dockerignore": "node_modules\n", "a.js": "x"}
        stage.repository.commit("main", files)
        pull = stage.open({"Dockerfile": "FROM node:22\nWORKDIR /app\nCOPY . .\nRUN npm ci --cache /tmp/x\n"})
        stage.perform(pull)
        said = [comment.body for comment in pull.review_comments]
        assert any("```suggestion\nCOPY package.json package-lock.json ./\n" in body for body in said), said

    @pytest.mark.parametrize("answer", ["truncated", "gone"])
    def test_review_without_a_tree(self, stage: Stage, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def read_no_tree(*_: object) -> None:
            if answer == "gone":
                raise RefusedError(404, "Not Found")

        monkeypatch.setattr(repository_module, "read_tree", read_no_tree)
        pull = stage.open({"Dockerfile": WASTEFUL + "COPY . /app\n"})
        stage.perform(pull)
        _only_review(pull)

    def test_no_dockerfile(self, stage: Stage) -> None:
        pull = stage.open({"src/main.py": "print()\n", "Dockerfile.dockerignore": "*\n"})
        stage.perform(pull)
        assert pull.reviews == []
        assert _the_check(pull) == ("completed", "skipped", "No Dockerfile in this pull request")

    def test_nothing_to_say(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": CLEAN + "USER nobody\n"})
        stage.perform(pull)
        assert pull.reviews == []
        assert _the_check(pull)[1] == "success"

    def test_deleted_dockerfile(self, stage: Stage) -> None:
        stage.repository.commit("main", {"old/Dockerfile": WASTEFUL})
        pull = stage.open({"old/Dockerfile": None})
        stage.perform(pull)
        assert _the_check(pull)[2] == "No Dockerfile in this pull request"

    def test_what_the_base_had_is_not_said_even_when_the_file_is_renamed(self, stage: Stage) -> None:
        stage.repository.commit("main", {"api/Dockerfile": WASTEFUL + "# " + "x" * 400 + "\n"})
        text = stage.repository.text("api/Dockerfile")
        pull = stage.open({"api/Dockerfile": None, "web/Dockerfile": text + "USER nobody\n"})
        stage.perform(pull)
        assert pull.reviews == []

    def test_others_merged_changes_are_not_this_pull_requests(self, stage: Stage) -> None:
        stage.repository.commit("feature", {"web.Dockerfile": CLEAN})
        stage.repository.commit("main", {"Dockerfile": WASTEFUL})
        pull = stage.sandbox.open_pull_request(stage.repository, "feature")
        stage.perform(pull)
        assert pull.reviews == []
        assert "web.Dockerfile" in (_the_check(pull)[2] or "")

    def test_base_branch_with_a_slash(self, stage: Stage) -> None:
        stage.repository.push("release/1.0", stage.repository.branches["main"])
        pull = stage.open({"Dockerfile": WASTEFUL}, base="release/1.0")
        stage.perform(pull)
        _only_review(pull)


class TestAgain:
    def test_second_run_on_the_same_head_posts_nothing_new(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.perform(pull)
        before = _the_check(pull)
        stage.perform(pull, reason="recheck", head_sha=None, base_branch=None)
        assert len(pull.reviews) == 1
        assert len(pull.review_comments) == 2
        assert _the_check(pull) == before

    def test_push_that_leaves_a_finding_does_not_repeat_it(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.perform(pull)
        said = {comment.body for comment in pull.review_comments}
        stage.repository.commit(
            "feature", {"Dockerfile": f"FROM debian:12-slim\n\n# moved\n{APT}{PIP}RUN pip install x\n"}
        )
        stage.perform(pull, reason="synchronize")
        assert len(pull.reviews) == 2
        new = [comment.body for comment in pull.review_comments if comment.body not in said]
        assert len(pull.review_comments) == 3
        assert len(new) == 1

    def test_more_than_a_page_of_conversation(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.perform(pull)
        for number in range(105):
            pull.comment(f"talk {number}")
            pull.review(f"review {number}")
            pull.comment_on("Dockerfile", 1, f"thread {number}")
        stage.sandbox.requests.clear()
        stage.perform(pull, reason="recheck", head_sha=None, base_branch=None)
        assert sum(review.author.login == stage.sandbox.bot for review in pull.reviews) == 1
        # One more page of threads and of comments, two of reviews: each of those comments was a review of its own.
        assert sum("DockslimPage" in each for each in stage.say_requests()) == 4

    def test_ours_after_a_page_of_others(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        for number in range(105):
            pull.comment_on("Dockerfile", 1, f"thread {number}")
        stage.perform(pull)
        stage.perform(pull, reason="recheck")
        assert sum(review.author.login == stage.sandbox.bot for review in pull.reviews) == 1

    def test_marker_in_somebody_elses_comment_counts_for_nothing(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.perform(pull)
        marks = {mark for comment in pull.review_comments for mark in read_fingerprints(comment.body)}
        other = stage.open({"Dockerfile": WASTEFUL}, branch="other")
        other.comment(write_marker(marks), author="mallory")
        other.comment(write_marker(marks), author="dockslim")
        stage.perform(other)
        assert len(other.review_comments) == 2

    def test_reopened(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.perform(pull)
        pull.close()
        pull.reopen()
        stage.perform(pull, reason="reopened")
        assert len(pull.reviews) == 1


class TestStale:
    def test_head_moved(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        job = stage.job(pull)
        stage.repository.commit("feature", {"x": "x"})
        assert stage.performer.perform(job) is None
        assert pull.reviews == []
        assert Deliveries(stage.redis).state(job.delivery) == State.DONE

    def test_head_was_pushed_away(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.perform(pull, head_sha="f" * 40)
        assert pull.reviews == []

    def test_closed_meanwhile(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        job = stage.job(pull)
        pull.close()
        stage.performer.perform(job)
        stage.perform(pull, head_sha=None, base_branch=None)
        assert (pull.reviews, pull.check_runs) == ([], [])

    def test_draft_meanwhile_unless_somebody_asks(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL}, draft=True)
        stage.perform(pull)
        assert pull.reviews == []
        assert _the_check(pull) == ("completed", "skipped", "Skipped: draft")
        stage.perform(pull, reason="recheck", head_sha=None, base_branch=None, sender="alice")
        assert len(pull.reviews) == 1
        assert _the_check(pull)[1] == "neutral"

    def test_a_retargeted_draft_is_reviewed_for_whoever_asks(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def read_and_retarget(*args: Any) -> Any:
            state = read_pull(*args)
            pull.change_base("next")
            return state

        stage.repository.commit("next", {"x": "x"})
        pull = stage.open({"Dockerfile": WASTEFUL}, draft=True)
        read_pull = review_module.read_pull
        monkeypatch.setattr(review_module, "read_pull", read_and_retarget)
        stage.perform(pull, reason="recheck", head_sha=None, base_branch=None, sender="alice")
        assert len(pull.reviews) == 1

    def test_a_base_that_never_stays_is_given_up(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        def retarget(*args: Any) -> Any:
            nonlocal compared
            compared += 1
            pull.change_base("main" if pull.record.base_ref == "next" else "next")
            return compare(*args)

        compared = 0
        compare = review_module.compare
        stage.repository.commit("next", {"x": "x"})
        pull = stage.open({"Dockerfile": WASTEFUL})
        monkeypatch.setattr(review_module, "compare", retarget)
        stage.perform(pull)
        assert compared == 3
        assert _the_check(pull)[2] == "Not reviewed: its base branch changes faster than it can be read"

    @pytest.mark.parametrize("gone", [False, True])
    def test_retargeted_meanwhile(self, stage: Stage, gone: bool) -> None:
        stage.repository.commit("next", {"Dockerfile": WASTEFUL})
        stage.repository.commit("feature", {"Dockerfile": WASTEFUL + "USER nobody\n"})
        pull = stage.sandbox.open_pull_request(stage.repository, "feature", "main")
        job = stage.job(pull, base_branch="vanished" if gone else "main")
        pull.change_base("next")
        stage.performer.perform(job)
        # The other branch has the same waste, on other history: compared with it, only the diff is new.
        assert len(pull.check_runs) == 1

    def test_repository_gone(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.sandbox.uninstall(stage.repository)
        job = stage.job(pull)
        assert stage.performer.perform(job) is None
        assert Deliveries(stage.redis).state(job.delivery) == State.FAILED


class TestForks:
    @pytest.mark.parametrize("deleted", [False, True], ids=["fork", "deleted fork"])
    def test_reviewed_through_the_base_repository(self, stage: Stage, deleted: bool) -> None:
        fork = stage.other_repository()
        fork.commit("feature", {"Dockerfile": WASTEFUL}, author="mallory")
        pull = stage.sandbox.open_pull_request(stage.repository, (fork, "feature"), author="mallory")
        if deleted:
            fork.delete()
        stage.perform(pull)
        assert len(pull.review_comments) == 2
        assert _the_check(pull)[:2] == ("completed", "neutral")


class TestFiles:
    def test_more_than_300_files_are_paged(self, stage: Stage) -> None:
        files = {f"src/{number:04}.txt": "x\n" for number in range(420)} | {"zz/Dockerfile": WASTEFUL}
        pull = stage.open(files)
        stage.sandbox.requests.clear()
        stage.perform(pull)
        assert len(pull.review_comments) == 2
        pages = [each for each in stage.say_requests() if "/files" in each]
        assert pages == [f"GET /pulls/1/files?per_page=100&page={page} -> 200" for page in range(1, 6)]

    def test_many_dockerfiles(self, stage: Stage) -> None:
        files = {f"{number:03}/Dockerfile": CLEAN for number in range(MAX_DOCKERFILES + 7)}
        pull = stage.open(files)
        stage.sandbox.requests.clear()
        stage.perform(pull)
        (run,) = pull.check_runs
        assert "Not reviewed" in (run.summary or "")
        assert "`106/Dockerfile`" in (run.summary or "")
        assert len(stage.sandbox.requests) < 9

    def test_bytes_that_are_no_utf8_are_read_as_they_are(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": b"FROM debian:12-slim\nLABEL who=Andr\xe9\n" + APT.encode()})
        stage.perform(pull)
        assert "apt-get update" in pull.review_comments[0].body
        assert "/contents/Dockerfile" in " ".join(stage.say_requests())

    def test_a_byte_order_mark_is_part_of_the_file(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        def strip(entry: Any) -> Any:
            blob = (entry or {}).get("object") or {}
            return read_entry(entry if "text" not in blob else entry | {"object": blob | {"text": blob["text"][1:]}})

        read_entry = snapshot_module._read_entry
        monkeypatch.setattr(snapshot_module, "_read_entry", strip)
        pull = stage.open({"Dockerfile": b"\xef\xbb\xbf" + WASTEFUL.encode()})
        stage.perform(pull)
        assert "/contents/Dockerfile" in " ".join(stage.say_requests())

    def test_old_findings_are_not_blamed_on_whoever_touches_many_files(self, stage: Stage) -> None:
        """Files that are no UTF-8 are read one by one, and only so many of them."""
        old = {f"{number:02}/Dockerfile": b"FROM debian:12-slim\n# Andr\xe9\n" + APT.encode() for number in range(12)}
        stage.repository.commit("main", old)
        pull = stage.open({path: text + b"# a\n# b\n# c\n# d\nUSER nobody\n" for path, text in old.items()})
        stage.perform(pull)
        assert pull.reviews == []
        assert _the_check(pull)[2] == "No new size findings in 12 Dockerfiles"

    def test_large_file_is_read_whole(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": "FROM debian:12-slim\n" + "# padding\n" * 60_000 + APT})
        stage.perform(pull)
        assert _the_check(pull)[1] == "neutral"

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            pytest.param(File(b"../Dockerfile", "120000"), "symbolic link", id="symbolic link"),
            pytest.param(b"FROM x\n" + b"#" * 1_048_577, "larger than 1 MB", id="too large"),
            pytest.param(b"FROM x\nRUN \x00\n", "", id="NUL"),
        ],
    )
    def test_what_cannot_be_read_is_named(self, stage: Stage, content: object, reason: str) -> None:
        pull = stage.open({"api/Dockerfile": content})
        stage.perform(pull)
        (run,) = pull.check_runs
        assert run.conclusion == "neutral"
        assert "api/Dockerfile" in f"{run.title} {run.summary}"
        assert reason in (run.summary or "")

    @pytest.mark.parametrize("path", ["a b/c#d?e/Dockerfile", "ü/Dockerfile", "%2e%2e/Dockerfile", 'q"q/Dockerfile'])
    def test_odd_paths(self, stage: Stage, path: str) -> None:
        # Not UTF-8, so that the path goes through REST as well.
        pull = stage.open({path: WASTEFUL.encode() + b"# \xff\n"})
        stage.perform(pull)
        assert {comment.thread.original.path for comment in pull.review_comments} == {path}


class TestTrouble:
    def test_review_that_was_written_in_spite_of_502_is_not_sent_again(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.sandbox.faults.add(server_error(502, after=True, method="POST", path="/reviews$"))
        assert stage.perform(pull) is None
        assert len(pull.reviews) == 1
        assert _the_check(pull)[:2] == ("completed", "neutral")
        assert sum("POST /pulls/1/reviews" in each for each in stage.say_requests()) == 1
        assert stage.slept == [review_module.LOOK_AGAIN_SECONDS]

    def test_review_that_was_not_written_is_sent_by_the_next_run(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.sandbox.faults.add(server_error(502, method="POST", path="/reviews$"))
        job = stage.job(pull)
        assert stage.performer.perform(job) == timedelta(seconds=10)
        assert (pull.reviews, pull.check_runs) == ([], [])
        assert stage.performer.perform(job) is None
        assert len(pull.reviews) == 1

    def test_check_that_was_not_written_is_written_by_the_next_run(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.sandbox.faults.add(server_error(502, method="POST", path="/check-runs$"))
        job = stage.job(pull)
        assert stage.performer.perform(job) == timedelta(seconds=10)
        assert stage.performer.perform(job) is None
        assert len(pull.reviews) == 1
        assert _the_check(pull)[1] == "neutral"

    @pytest.mark.parametrize(
        ("fault", "seconds"),
        [
            pytest.param(secondary_limit(retry_after=45, path="/compare/"), 45, id="secondary, with a header"),
            pytest.param(secondary_limit(retry_after=None, path="/compare/"), 60, id="secondary, in words"),
            pytest.param(primary_limit(retry_after=900, path="/compare/"), 900, id="primary"),
            pytest.param(secondary_limit(retry_after=45, path="/graphql"), 45, id="GraphQL"),
            pytest.param(secondary_limit(retry_after=45, path="/access_tokens"), 45, id="token"),
        ],
    )
    def test_rate_limits_are_waited_for(self, stage: Stage, fault: object, seconds: int) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.sandbox.faults.add(fault)  # type: ignore[arg-type]
        job = stage.job(pull)
        wait = stage.performer.perform(job)
        assert wait is not None
        assert abs(wait.total_seconds() - seconds) < 5
        assert pull.check_runs == []
        # Nobody asks GitHub anything for this installation meanwhile.
        stage.sandbox.requests.clear()
        assert stage.performer.perform(job) is not None
        assert stage.perform(pull) is not None
        assert len(stage.sandbox.requests) == 0
        left = stage.redis.pttl(f"dockslim:pause:{stage.installation.id}")
        assert abs(left / 1000 - seconds) < 5
        stage.redis.delete(f"dockslim:pause:{stage.installation.id}")
        assert stage.performer.perform(job) is None
        assert len(pull.reviews) == 1

    def test_after_so_many_failures_the_check_says_that_nobody_looked(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.sandbox.faults.add(server_error(502, path="/compare/", times=1000))
        job = stage.job(pull)
        waits = []
        while (wait := stage.performer.perform(job)) is not None:
            waits.append(wait.total_seconds())
        assert waits == [10, 20, 40, 80]
        assert _the_check(pull) == ("completed", "neutral", "Not reviewed: GitHub answered 502")
        assert Deliveries(stage.redis).state(job.delivery) == State.FAILED
        # Redelivered, or asked for: it runs again, and the same check run says something else.
        stage.sandbox.faults.clear()
        assert Deliveries(stage.redis).claim(job) is None
        assert stage.performer.perform(job) is None
        assert _the_check(pull)[2] == "2 suggestions in Dockerfile"

    def test_rate_limits_are_no_failures(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        job = stage.job(pull)
        for _ in range(6):
            stage.sandbox.faults.add(secondary_limit(retry_after=7, path="/compare/"))
            assert stage.performer.perform(job) == timedelta(seconds=7)
            stage.redis.delete(f"dockslim:pause:{stage.installation.id}")
        stage.sandbox.faults.add(server_error(502, method="POST", path="/reviews$"))
        assert stage.performer.perform(job) == timedelta(seconds=10)
        assert stage.performer.perform(job) is None
        assert len(pull.reviews) == 1

    @pytest.mark.parametrize("path", ["/compare/", "/reviews$", "/graphql"])
    def test_one_request_answered_with_404_still_concludes_the_check(self, stage: Stage, path: str) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.sandbox.faults.add(RequestFault("error", status=404, path=path, times=9))
        job = stage.job(pull)
        assert stage.performer.perform(job) is None
        assert (_the_check(pull)[2] or "").startswith("Not reviewed: GitHub answered 404")
        assert Deliveries(stage.redis).state(job.delivery) == State.FAILED

    def test_a_check_suite_that_makes_no_sense_is_given_up(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.sandbox.faults.add(RequestFault("error", status=200, path="/check-suites/", times=99))
        job = stage.job(pull, number=0, suite=77, sender="alice", head_sha=None, base_branch=None)
        waits = []
        while (wait := stage.performer.perform(job)) is not None:
            waits.append(wait.total_seconds())
        assert waits == [10, 20, 40, 80]
        assert Deliveries(stage.redis).state(job.delivery) == State.FAILED

    @pytest.mark.parametrize("operation", ["review", "summary", "check"])
    def test_a_turn_that_is_lost_between_two_writes_ends_the_job(self, stage: Stage, operation: str) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        job = stage.job(pull)
        written: list[str] = []
        paths = {"review": "/compare/", "summary": "/reviews$", "check": "/graphql"}

        def steal(request: httpx.Request) -> None:
            body = request.content.decode(errors="replace")
            is_it = re.search(paths[operation], request.url.path) and (operation != "check" or "mutation" in body)
            if is_it and not written:
                written.append(operation)
                stage.redis.set(f"dockslim:turn:{job.repository_id}:{job.number}", "another")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Meter, "count", lambda meter, request: (steal(request), setattr(meter, "requests", 1)))
            assert stage.performer.perform(job) == timedelta(seconds=3)
        assert written == [operation]
        assert pull.check_runs == []
        assert len(pull.reviews) == (operation != "review")
        stage.redis.delete(f"dockslim:turn:{job.repository_id}:{job.number}")
        assert stage.performer.perform(job) is None
        assert (len(pull.reviews), len(pull.check_runs)) == (1, 1)
        assert sum(each.author.login == stage.sandbox.bot for each in pull.issue_comments) == 1

    @pytest.mark.parametrize("more", [0, 1])
    def test_files_that_github_does_not_list(self, stage: Stage, more: int, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in (pulls_module, review_module):
            monkeypatch.setattr(module, "LISTED_FILES", 100, raising=False)
        monkeypatch.setattr(pulls_module, "COMPARED_FILES", 100)
        # The stage adds one more.
        pull = stage.open({"Dockerfile": WASTEFUL, **{f"x{number:03}": "x" for number in range(98 + more)}})
        stage.perform(pull)
        (run,) = pull.check_runs
        assert ("GitHub lists 100 of the 101 files" in (run.summary or "")) == bool(more)
        assert "files of this pull request" not in (run.summary or "") or more

    def test_unrelated_histories_are_said(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise RefusedError(404, "No common ancestor between main and abc.")

        monkeypatch.setattr(review_module, "compare", refuse)
        pull = stage.open({"Dockerfile": WASTEFUL})
        assert stage.perform(pull) is None
        assert _the_check(pull)[2] == "Not reviewed: no common history with main"

    def test_when_not_even_that_can_be_said_it_is_tried_again_later(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.sandbox.faults.add(server_error(502, times=1000))
        job = stage.job(pull)
        waits = [stage.performer.perform(job) for _ in range(5)]
        assert waits[-1] == timedelta(minutes=5)
        stage.sandbox.faults.clear()
        assert stage.performer.perform(job) is None
        assert len(pull.reviews) == 1

    def test_missing_permission_for_reviews_is_said_in_the_check(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.sandbox.accept_permissions(stage.repository, pull_requests="read")
        assert stage.perform(pull) is None
        title = _the_check(pull)[2] or ""
        assert title.startswith("Not reviewed: ")
        assert "Pull requests: read and write" in title

    def test_missing_permission_for_checks_leaves_the_review(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.sandbox.accept_permissions(stage.repository, checks="none")
        job = stage.job(pull)
        assert stage.performer.perform(job) is None
        assert len(pull.reviews) == 1
        assert pull.check_runs == []
        assert Deliveries(stage.redis).state(job.delivery) == State.DONE

    def test_expired_token_is_replaced(self, stage: Stage) -> None:
        first = stage.open({"Dockerfile": WASTEFUL})
        stage.perform(first)
        stage.sandbox.expire_tokens()
        stage.perform(first, reason="recheck")
        assert len(first.reviews) == 1
        assert _the_check(first)[1] == "neutral"

    def test_a_job_that_kills_its_worker_is_given_up(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        job = stage.job(pull)
        for _ in range(3):
            Deliveries(stage.redis).start(job)
        assert stage.performer.perform(job) is None
        assert _the_check(pull)[2] == "Not reviewed: the worker stopped 3 times during the review"

    def test_a_job_that_takes_too_long_is_given_up(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        def overrun(*_: object) -> None:
            raise SoftTimeLimitExceeded

        # Where Celery's signal may strike: below githubkit, which wraps whatever is raised there.
        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", overrun)
        pull = stage.open({"Dockerfile": WASTEFUL})
        job = stage.job(pull)
        assert stage.performer.perform(job) is None
        assert pull.check_runs == []
        assert Deliveries(stage.redis).state(job.delivery) == State.FAILED
        monkeypatch.undo()
        monkeypatch.setattr("workers.perform.review", overrun)
        assert Deliveries(stage.redis).retry(job.delivery)
        assert stage.performer.perform(job) is None
        assert _the_check(pull)[2] == "Not reviewed: it took longer than 120 seconds"

    def test_when_the_conversation_cannot_be_read_the_check_still_says_so(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.sandbox.faults.add(server_error(502, path="/graphql", times=1000))
        job = stage.job(pull)
        while stage.performer.perform(job) is not None:
            pass
        assert _the_check(pull)[2] == "Not reviewed: GitHub answered 502"

    def test_a_defect_of_ours_concludes_the_check(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise ZeroDivisionError("secret")

        monkeypatch.setattr("workers.perform.review", fail)
        pull = stage.open({"Dockerfile": WASTEFUL})
        assert stage.perform(pull) is None
        assert _the_check(pull)[2] == "Not reviewed: dockslim failed (ZeroDivisionError)"


class TestRefusedComments:
    """GitHub refuses a review as a whole, names no comment; `plan` makes none like that, so these are made up."""

    GOOD = tuple(Comment("Dockerfile", line, f"line {line}\n\n{write_marker([f'{line:016x}'])}") for line in (1, 2, 3))
    BAD = tuple(
        Comment("Dockerfile", line, f"```suggestion\nx\n```\nbad {line}\n\n{write_marker([f'{line:016x}'])}")
        for line in (70, 80)
    )

    def _post(self, stage: Stage, head_sha: str, *comments: Comment) -> list[Comment]:
        review = Review(f"**dockslim** · said\n\n{write_marker(['f' * 16])}", comments)
        place = RepositoryRef(stage.installation.id, stage.repository.id, "acme", "shop")
        with stage.performer.github.open(place) as session:
            return list(review_module._post(session, Target(1, head_sha, "main"), review, stage.slept.append))

    def test_the_others_are_posted_and_these_are_said_in_the_text(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        refused = self._post(stage, pull.head_sha, self.GOOD[0], self.BAD[0], self.GOOD[1], self.GOOD[2], self.BAD[1])
        assert refused == list(self.BAD)
        assert [comment.body for comment in pull.review_comments] == [comment.body for comment in self.GOOD]
        text = pull.reviews[-1].body
        assert text.startswith("**dockslim** · said")
        assert "`Dockerfile:70`" in text
        assert "bad 80" in text
        assert "```suggestion" not in text
        assert read_fingerprints(text) == {f"{70:016x}", f"{80:016x}", "f" * 16}

    def test_all_of_them(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        assert self._post(stage, pull.head_sha, *self.BAD) == list(self.BAD)
        assert len(pull.reviews) == 1

    def test_another_reason_is_not_looked_for_in_the_comments(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.sandbox.faults.add(RequestFault("error", status=422, method="POST", path="/reviews$", times=99))
        stage.sandbox.requests.clear()
        with pytest.raises(RefusedError):
            self._post(stage, pull.head_sha, *self.GOOD, *self.BAD)
        assert sum("POST /pulls/1/reviews" in each for each in stage.say_requests()) == 1

    @pytest.mark.parametrize(
        ("errors", "about"),
        [
            pytest.param(("Line could not be resolved",), True, id="line"),
            pytest.param(("Path could not be resolved, and Line could not be resolved",), True, id="path"),
            pytest.param(("pull_request_review_thread.line must be part of the diff",), True, id="diff"),
            pytest.param(("PullRequestReviewThread start_line invalid",), True, id="start line"),
            pytest.param(("start_line must be part of the same hunk as the line.",), True, id="hunk"),
            pytest.param(("User can only have one pending review per pull request",), False, id="pending review"),
            pytest.param(("Could not create: deadline exceeded",), False, id="another word"),
            pytest.param((), False, id="nothing"),
        ],
    )
    def test_which_reasons_are_about_a_place(self, errors: tuple[str, ...], about: bool) -> None:
        assert review_module._is_about_a_place(RefusedError(422, "Unprocessable Entity", errors)) is about

    def test_a_commit_that_is_not_everywhere_yet_is_waited_for(self, stage: Stage) -> None:
        def refuse(*_: object) -> None:
            raise RefusedError(422, "Unprocessable Entity", ("No commit found for SHA: abc",))

        pull = stage.open({"Dockerfile": WASTEFUL})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(review_module, "post_review", refuse)
            assert stage.perform(pull) == timedelta(seconds=10)

    def test_nothing_more_is_posted_when_the_head_moved(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        old = pull.head_sha
        stage.repository.commit("feature", {"x": "x"})
        with pytest.raises(review_module.StaleError):
            self._post(stage, old, *self.BAD)
        assert pull.reviews == []


class TestTurns:
    def test_a_second_job_waits_for_the_first(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        turns = Turns(stage.redis, timedelta(minutes=1))
        first, second = stage.job(pull), stage.job(pull)
        turn = turns.take(first)
        assert turn is not None
        assert stage.performer.perform(second) == timedelta(seconds=3)
        assert turn.give_back()
        assert not turn.give_back()
        assert stage.performer.perform(second) is None
        assert len(pull.reviews) == 1

    def test_one_delivery_in_two_messages_is_performed_once(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.sandbox.faults.add(slow(0.5, path="/reviews$", times=2))
        job = stage.job(pull)
        threads = [threading.Thread(target=stage.performer.perform, args=(job,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(pull.reviews), len(pull.check_runs)) == (1, 1)

    def test_who_stood_still_for_longer_than_the_turn_lasts_writes_nothing(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stand_still(*args: Any) -> Any:
            monkeypatch.setattr(review_module, "plan", plan)
            stage.redis.delete(f"dockslim:turn:{stage.repository.id}:{pull.number}")
            # Another process does the job meanwhile.
            assert stage.performer.perform(job) is None
            return plan(*args)

        plan = review_module.plan
        pull = stage.open({"Dockerfile": WASTEFUL})
        job = stage.job(pull)
        monkeypatch.setattr(review_module, "plan", stand_still)
        assert stage.performer.perform(job) == timedelta(seconds=3)
        assert (len(pull.reviews), len(pull.check_runs), len(pull.issue_comments)) == (1, 1, 1)
        assert stage.performer.perform(job) is None

    def test_a_turn_lasts_as_long_as_its_process_and_a_little_longer(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        first, second = stage.job(pull), stage.job(pull)
        turns = Turns(stage.redis, timedelta(milliseconds=200))
        turn = turns.take(first)
        assert turn is not None
        time.sleep(0.5)
        assert stage.performer.perform(second) is not None
        # The process is killed: nobody prolongs its turn.
        turn._ended.set()
        time.sleep(0.5)
        assert stage.performer.perform(second) is None
        assert not turn.give_back()

    def test_a_pause_does_not_shorten_another(self, stage: Stage) -> None:
        job = stage.job(stage.open({"Dockerfile": WASTEFUL}))
        turns = Turns(stage.redis, timedelta(minutes=1))
        for seconds, left in ((60, 60), (5, 60), (90, 90)):
            turns.pause(job, timedelta(seconds=seconds))
            assert abs((turns.pause_left(job) or timedelta()).total_seconds() - left) < 1

    def test_a_job_that_is_done_is_not_done_again(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        job = stage.job(pull)
        stage.performer.perform(job)
        stage.sandbox.requests.clear()
        assert stage.performer.perform(job) is None
        assert len(stage.sandbox.requests) == 0

    def test_the_turn_is_given_back_after_trouble(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.sandbox.faults.add(server_error(502, path="/compare/", times=3))
        stage.perform(pull)
        assert list(stage.redis.scan_iter("dockslim:turn:*")) == []


@pytest.mark.parametrize("watched", [False, True], ids=["to a file", "to a terminal"])
def test_log_has_no_secrets(stage: Stage, watched: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return watched

    def crash(*_: object) -> None:
        raise ZeroDivisionError

    stream = Terminal()
    configure_logs(stream)
    pull = stage.open({"Dockerfile": WASTEFUL})
    stage.sandbox.faults.add(server_error(502, path="/compare/", times=3))
    job = stage.job(pull)
    stage.performer.perform(job)
    stage.performer.perform(job)
    # A defect after everything was read: the frames of the traceback hold the token and the file.
    monkeypatch.setattr("workers.review.conclude", crash)
    stage.perform(pull)
    text = stream.getvalue()
    assert "job done" in text
    assert "ZeroDivisionError" in text
    assert job.delivery in text
    assert not re.search(r"gh[sp]_|BEGIN|apt-get|Bearer", text)
