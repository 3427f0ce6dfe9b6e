"""Commands on the sandbox GitHub: real HTTP, real git, real Valkey; the worker's code in this process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis

from bot.answers import mark_answer
from bot.deliveries import Deliveries, State
from bot.review.fingerprint import read_ignored
from cli.sandbox import PullRequestHandle, server_error, slow
from cli.sandbox.faults import RequestFault
from cli.sandbox.state import IssueComment, ReviewComment
from tests.workers.line import Line, running_line
from tests.workers.stage import APT, CLEAN, WASTEFUL, Stage
from tests.workers.test_lifecycle import Scene
from tests.workers.web import wait_until

pytestmark = pytest.mark.slow

Comment = IssueComment | ReviewComment
CRLF = WASTEFUL.replace("\n", "\r\n")


@pytest.fixture(autouse=True)
def writers(stage: Stage) -> None:
    stage.sandbox.set_permission(stage.repository, "carol", "write")
    stage.sandbox.set_permission(stage.repository, "rita", "read")
    stage.sandbox.set_permission(stage.repository, "tim", "triage")


def obey(stage: Stage, pull: PullRequestHandle, comment: Comment, **changes: Any) -> None:
    """Perform the job that the event of a comment leads to."""
    asked = {"reason": "command", "comment": comment.node_id, "sender": comment.author.login}
    stage.perform(pull, **{**asked, "head_sha": None, "base_branch": None, **changes})


def ask(stage: Stage, pull: PullRequestHandle, body: str, author: str = "carol") -> IssueComment:
    """Comment, and have that obeyed."""
    comment = pull.comment(body, author)
    obey(stage, pull, comment)
    return comment


def reply(stage: Stage, pull: PullRequestHandle, to: ReviewComment, body: str, author: str = "carol") -> ReviewComment:
    """Reply below a comment on lines, and have that obeyed."""
    comment = pull.reply(to.id, body, author)
    obey(stage, pull, comment)
    return comment


def reactions(comment: Comment) -> list[str]:
    return [each.content for each in comment.reactions]


def answers(stage: Stage, pull: PullRequestHandle) -> list[str]:
    """Return what dockslim answered in the conversation, without marks."""
    own = [each.body for each in pull.issue_comments if each.author.login == stage.sandbox.bot]
    return [each.rpartition("\n\n<!-- dockslim:answer=")[0] for each in own if "<!-- dockslim:answer=" in each]


def summary(stage: Stage, pull: PullRequestHandle) -> str:
    (found,) = (
        each.body
        for each in pull.issue_comments
        if each.author.login == stage.sandbox.bot and each.body.endswith("<!-- dockslim:summary -->")
    )
    return found


def open_reviewed(stage: Stage, text: str = WASTEFUL, **options: Any) -> PullRequestHandle:
    pull = stage.open({"Dockerfile": text}, **options)
    stage.perform(pull)
    return pull


def open_from_fork(stage: Stage, **options: Any) -> PullRequestHandle:
    fork = stage.other_repository()
    fork.commit("feature", {"Dockerfile": WASTEFUL}, author="mallory")
    pull = stage.sandbox.open_pull_request(stage.repository, (fork, "feature"), author="mallory", **options)
    stage.perform(pull)
    return pull


class TestWhoMay:
    @pytest.mark.parametrize("author", ["rita", "tim", "stranger"])
    def test_others_get_a_reaction_and_no_answer(self, stage: Stage, author: str) -> None:
        pull = open_reviewed(stage)
        head = pull.head_sha
        for body in ("/dockslim fix", "/dockslim help", "/dockslim ignore DS201", "/dockslim dance @carol"):
            assert reactions(ask(stage, pull, body, author)) == ["confused"], body
        assert answers(stage, pull) == []
        assert pull.head_sha == head
        assert len(pull.reviews) == 1

    def test_whoever_opened_a_pull_request_within_the_repository_is_nobody_special(self, stage: Stage) -> None:
        pull = open_reviewed(stage, author="rita")
        assert reactions(ask(stage, pull, "/dockslim recheck", "rita")) == ["confused"]

    def test_the_author_of_a_fork_may_have_it_reviewed_and_explained(self, stage: Stage) -> None:
        pull = open_from_fork(stage)
        runs = len(pull.check_runs)
        assert reactions(ask(stage, pull, "/dockslim recheck", "mallory")) == ["eyes", "rocket"]
        assert len(pull.check_runs) >= runs
        assert reactions(ask(stage, pull, "/dockslim explain DS201", "mallory")) == ["eyes", "rocket"]
        assert reactions(ask(stage, pull, "/dockslim fix\n/dockslim ignore DS201\n/dockslim config", "mallory")) == [
            "confused"
        ]
        assert read_ignored(summary(stage, pull)) == frozenset()
        mixed = ask(stage, pull, "/dockslim help\n/dockslim fix", "mallory")
        assert reactions(mixed) == ["eyes", "confused"]
        assert answers(stage, pull)[-1].endswith("`/dockslim fix` is for those who can write to this repository.")

    def test_permission_is_asked_of_github_for_the_sender(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        stage.sandbox.requests.clear()
        ask(stage, pull, "/dockslim help", "carol")
        assert any("/collaborators/carol/permission" in each for each in stage.say_requests())


class TestWhatIsNoCommandAnyMore:
    def test_an_edited_comment(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        comment = pull.comment("/dockslim help", "carol")
        pull.edit_comment(comment, "/dockslim fix", "carol")
        obey(stage, pull, comment)
        assert (reactions(comment), answers(stage, pull)) == ([], [])

    def test_a_deleted_comment(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        comment = pull.comment("/dockslim help", "carol")
        pull.delete_comment(comment, "carol")
        obey(stage, pull, comment, delivery="deleted")
        assert Deliveries(stage.redis).state("deleted") is State.DONE
        assert answers(stage, pull) == []

    def test_a_closed_pull_request(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        comment = pull.comment("/dockslim fix", "carol")
        pull.close()
        obey(stage, pull, comment)
        assert reactions(comment) == []

    def test_one_that_was_obeyed(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        comment = ask(stage, pull, "/dockslim help")
        stage.redis.flushdb()
        obey(stage, pull, comment)
        assert len(answers(stage, pull)) == 1


class TestAnswers:
    def test_help(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        assert reactions(ask(stage, pull, "/dockslim help")) == ["eyes", "rocket"]
        (said,) = answers(stage, pull)
        assert "| `/dockslim ignore RULE [reason]` |" in said

    def test_explain(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        ask(stage, pull, "/dockslim explain dl3015")
        (said,) = answers(stage, pull)
        assert said.startswith("**DS201 apt-recommended-packages** · Packages that apt adds")
        assert "`cron` takes 0.3 MB" in said

    def test_build_is_not_pretended(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        assert reactions(ask(stage, pull, "/dockslim build")) == ["eyes", "confused"]
        assert answers(stage, pull) == [
            "Nothing was built: dockslim is not set up to build images here, so it measures none."
        ]

    def test_unknown(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        assert reactions(ask(stage, pull, "/dockslim recheak @acme/all")) == ["eyes", "confused"]
        (said,) = answers(stage, pull)
        assert said.startswith("`/dockslim recheak @acme/all` is not a command. Close to it: `/dockslim recheck`.")

    def test_several_in_order_and_no_more_than_some(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        body = "\n".join(["/dockslim build", "/dockslim explain DS999", *["/dockslim explain DS202"] * 5])
        assert reactions(ask(stage, pull, body)) == ["eyes", "confused"]
        (said,) = answers(stage, pull)
        assert said.index("Nothing was built") < said.index("no rule `DS999`") < said.index("**DS202")
        assert said.count("**DS202 ") == 3
        assert said.endswith("One comment may hold 5 commands; 2 more were left.")

    def test_on_lines_the_answer_is_a_reply(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        first = pull.review_comments[1]
        asked = reply(stage, pull, first, "/dockslim explain")
        assert reactions(asked) == ["eyes", "rocket"]
        *_, said = first.thread.comments
        assert said.author.login == stage.sandbox.bot
        assert said.body.startswith("**DS204 pip-cache-left-behind**")
        assert answers(stage, pull) == []

    def test_a_comment_that_begins_a_thread_is_answered_there(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        asked = pull.comment_on("Dockerfile", 2, "/dockslim explain", "carol")
        obey(stage, pull, asked)
        assert "needs a rule" in asked.thread.comments[-1].body


class TestConfiguration:
    def test_each_key_with_its_file(self, stage: Stage) -> None:
        organisation = stage.sandbox.create_repository(
            "acme/.github", {"dockslim.yml": "rules:\n  DS204: off\n  DS201: info\nreview:\n  comments: 3\n"}
        )
        assert organisation.full_name == "acme/.github"
        stage.repository.commit("main", {".github/dockslim.yml": "rules:\n  DS201: error\n"})
        pull = open_reviewed(stage)
        ask(stage, pull, "/dockslim config")
        (said,) = answers(stage, pull)
        assert said.startswith(
            "On this pull request counts `.github/dockslim.yml` over `acme/.github: dockslim.yml` over the built-in "
            "defaults. `.github/dockslim.yml` is read from `main`."
        )
        assert "| `rules.DS201` | `error` | `.github/dockslim.yml` |" in said
        assert "| `rules.DS204` | `off` | `acme/.github: dockslim.yml` |" in said
        assert "| `review.comments` | `3` | `acme/.github: dockslim.yml` |" in said

    @pytest.mark.parametrize("warm", [False, True], ids=["from GitHub", "from Redis"])
    def test_what_not_everybody_may_read_is_not_shown(self, stage: Stage, warm: bool) -> None:
        secret = "images:\n  - dockerfile: Dockerfile\n    build_args: {TOKEN: hush-hush}\n"
        stage.sandbox.create_repository("acme/.github", {"dockslim.yml": secret}, private=True)
        pull = open_reviewed(stage)
        if not warm:
            stage.redis.flushdb()
        ask(stage, pull, "/dockslim config")
        (said,) = answers(stage, pull)
        assert "| `images` | not shown: its repository is not public | `acme/.github: dockslim.yml` |" in said
        assert "hush" not in said

    def test_nor_is_what_is_wrong_with_it(self, stage: Stage) -> None:
        stage.sandbox.create_repository("acme/.github", {"dockslim.yml": "fail: hush-hush\n"}, private=True)
        pull = open_reviewed(stage)
        assert "`acme/.github: dockslim.yml` has a problem." in summary(stage, pull)
        assert "hush" not in "".join(each.body for each in pull.issue_comments)

    def test_nothing_configured(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        ask(stage, pull, "/dockslim config")
        (said,) = answers(stage, pull)
        assert said.startswith(
            "On this pull request only the built-in defaults count: no `.github/dockslim.yml` of `main` does.\n\n"
            "Every key is as [built in]"
        )

    def test_problems_are_told_with_their_line(self, stage: Stage) -> None:
        stage.repository.commit("main", {".github/dockslim.yml": "rulez: {}\n"})
        pull = open_reviewed(stage)
        ask(stage, pull, "/dockslim config")
        (said,) = answers(stage, pull)
        assert "`.github/dockslim.yml`, line 1: " in said
        assert "is not obeyed" in said
        assert "Every key is as [built in]" in said


class TestIgnore:
    def test_a_rule_is_silent_until_it_is_taken_back(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        assert len(pull.review_comments) == 2
        asked = ask(stage, pull, "/dockslim ignore pip-cache-left-behind the <cache> is @wanted")
        assert reactions(asked) == ["eyes", "rocket"]
        assert read_ignored(summary(stage, pull)) == {"DS204"}
        assert "Ignored on this pull request: DS204." in summary(stage, pull)
        pip = next(each for each in pull.review_comments if "pip" in each.body)
        assert pip.body.startswith("Ignored on this pull request: DS204.")
        assert pip.minimized == "resolved"
        (said,) = answers(stage, pull)
        assert "is ignored on this pull request: the &lt;cache&gt; is @\u200bwanted" in said
        assert "# dockslim ignore=DS204" in said
        assert "rules:\n  DS204: off" in said

        # A push later, and after Redis is gone: GitHub remembers.
        stage.redis.flushdb()
        stage.repository.commit("feature", {"Dockerfile": f"{WASTEFUL}RUN pip install django\n"})
        stage.perform(pull, reason="synchronize")
        assert len(pull.reviews) == 1
        assert read_ignored(summary(stage, pull)) == {"DS204"}

        assert reactions(ask(stage, pull, "/dockslim unignore DS204")) == ["eyes", "rocket"]
        assert len(pull.reviews) == 2
        assert len(pull.reviews[-1].comments) == 2
        assert read_ignored(summary(stage, pull)) == frozenset()

    def test_in_a_thread_it_is_the_rule_of_the_comment(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        pip = pull.review_comments[1]
        asked = reply(stage, pull, pip, "/dockslim ignore because the cache is wanted")
        assert reactions(asked) == ["eyes", "rocket"]
        assert read_ignored(summary(stage, pull)) == {"DS204"}
        assert "is ignored on this pull request: because the cache is wanted" in pip.thread.comments[-1].body

    def test_where_a_comment_speaks_of_several_rules_one_has_to_be_named(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        apt = pull.review_comments[0]
        assert reactions(reply(stage, pull, apt, "/dockslim ignore")) == ["eyes", "confused"]
        assert apt.thread.comments[-1].body.startswith(
            "The comment above speaks of DS201 apt-recommended-packages, DS202 apt-lists-left-behind: "
            "`/dockslim ignore` needs one of them."
        )
        assert reactions(reply(stage, pull, apt, "/dockslim ignore DS201 mail")) == ["eyes", "rocket"]
        assert read_ignored(summary(stage, pull)) == {"DS201"}
        # What else the comment spoke of is said anew.
        *_, anew = (each for each in pull.review_comments if each.in_reply_to is None)
        assert "DS202" in anew.body
        assert "DS201" not in anew.body

    def test_what_somebody_else_wrote_names_no_rule(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        theirs = pull.comment_on("Dockerfile", 2, "**all** · DS201\n", "mallory")
        asked = reply(stage, pull, theirs, "/dockslim ignore")
        assert reactions(asked) == ["eyes", "confused"]
        assert "`/dockslim ignore` needs a rule" in theirs.thread.comments[-1].body
        assert read_ignored(summary(stage, pull)) == frozenset()

    def test_somebody_elses_summary_counts_for_nothing(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        pull.comment("<!-- dockslim:ignored=DS201,DS204 -->\n<!-- dockslim:summary -->", "mallory")
        stage.perform(pull)
        assert len(pull.review_comments) == 2

    def test_taking_back_what_was_not_ignored(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        assert reactions(ask(stage, pull, "/dockslim unignore DS201")) == ["eyes", "confused"]
        assert answers(stage, pull)[0].startswith("DS201 apt-recommended-packages was not ignored")

    def test_a_typing_error_in_a_thread_is_no_reason(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        first = pull.review_comments[0]
        reply(stage, pull, first, "/dockslim ignore apt-recomended-packages")
        assert "There is no rule `apt-recomended-packages`" in first.thread.comments[-1].body
        assert read_ignored(summary(stage, pull)) == frozenset()

    def test_of_a_comment_that_says_both_the_last_counts(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        ask(stage, pull, "/dockslim ignore DS201\n/dockslim ignore DS204\n/dockslim unignore DS201")
        assert read_ignored(summary(stage, pull)) == {"DS204"}

    def test_the_head_that_moves_meanwhile(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        pull = open_reviewed(stage)
        comment = pull.comment("/dockslim ignore DS204", "carol")
        _move_after(monkeypatch, "review", lambda: stage.repository.commit("feature", {"x": "x"}))
        obey(stage, pull, comment)
        assert reactions(comment) == ["eyes", "rocket"]
        assert read_ignored(summary(stage, pull)) == {"DS204"}


def _move_after(monkeypatch: pytest.MonkeyPatch, name: str, move: Callable[[], object]) -> None:
    """Move the head once, right before a step of the command begins."""
    from workers import commands

    step, moves = getattr(commands, name), [move]

    def moved(*arguments: Any, **named: Any) -> Any:
        if moves:
            moves.pop()()
        return step(*arguments, **named)

    monkeypatch.setattr(commands, name, moved)


class TestFix:
    def test_all_suggestions_as_one_commit(self, stage: Stage) -> None:
        stage.sandbox.accept_permissions(stage.repository, contents="write")
        pull = stage.open({"Dockerfile": WASTEFUL, "api/Dockerfile": WASTEFUL})
        stage.perform(pull)
        head = pull.head_sha
        asked = ask(stage, pull, "/dockslim fix")
        assert reactions(asked) == ["eyes", "rocket"]
        commit = stage.repository.record.commit(pull.head_sha)
        assert commit is not None
        assert commit.parents == (head,)
        assert commit.author.name == stage.sandbox.bot
        assert commit.message.startswith("Apply 4 suggestions by dockslim\n\nDS201 apt-recommended-packages, DS202")
        (said,) = answers(stage, pull)
        assert said.startswith(f"Committed as {pull.head_sha}: 4 suggestions in 2 Dockerfiles")
        for path in ("Dockerfile", "api/Dockerfile"):
            assert "--no-install-recommends" in pull.head_text(path)
            assert "--no-cache-dir" in pull.head_text(path)
        stage.perform(pull, reason="synchronize")
        assert len(pull.reviews) == 1
        assert pull.check_runs[-1].title == "No size findings in 2 Dockerfiles" or "api" in str(
            pull.check_runs[-1].title
        )

    def test_what_was_ignored_or_resolved_is_left(self, stage: Stage) -> None:
        stage.sandbox.accept_permissions(stage.repository, contents="write")
        pull = open_reviewed(stage)
        apt = next(each for each in pull.review_comments if "DS201" in each.body)
        pull.resolve(apt.id, "carol")
        ask(stage, pull, "/dockslim ignore DS204\n/dockslim fix")
        assert pull.head_text("Dockerfile") == WASTEFUL
        said = answers(stage, pull)[-1]
        assert "Nothing to commit" in said
        assert "its comment was resolved or hidden" in said

    def test_without_the_permission(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        head = pull.head_sha
        assert reactions(ask(stage, pull, "/dockslim fix")) == ["eyes", "confused"]
        assert answers(stage, pull) == [
            'Nothing was committed: the App lacks the permission "Contents: read and write". An owner grants it under '
            "Settings, Integrations, GitHub Apps."
        ]
        assert pull.head_sha == head

    def test_a_protected_branch(self, stage: Stage) -> None:
        stage.sandbox.accept_permissions(stage.repository, contents="write")
        pull = open_reviewed(stage)
        head = pull.head_sha
        stage.repository.protect("feature")
        assert reactions(ask(stage, pull, "/dockslim fix")) == ["eyes", "confused"]
        assert answers(stage, pull)[0].startswith(
            "Nothing was committed. GitHub refuses it: At least 1 approving review is required"
        )
        assert pull.head_sha == head

    def test_a_moved_head_is_not_overwritten(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        stage.sandbox.accept_permissions(stage.repository, contents="write")
        pull = open_reviewed(stage)
        _move_after(monkeypatch, "commit", lambda: stage.repository.commit("feature", {"Dockerfile": CLEAN}))
        asked = ask(stage, pull, "/dockslim fix")
        assert reactions(asked) == ["eyes", "confused"]
        assert "the branch moved meanwhile" in answers(stage, pull)[0]
        assert pull.head_text("Dockerfile") == CLEAN

    def test_a_head_that_was_taken_back_is_not_restored(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        stage.sandbox.accept_permissions(stage.repository, contents="write")
        first = stage.repository.commit("feature", {"Dockerfile": f"{CLEAN}{APT}"})
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.perform(pull)
        _move_after(monkeypatch, "commit", lambda: stage.repository.push("feature", first, force=True))
        ask(stage, pull, "/dockslim fix")
        assert pull.head_sha == first

    def test_a_fork_whose_author_allows_no_edits(self, stage: Stage) -> None:
        stage.sandbox.accept_permissions(stage.repository, contents="write")
        pull = open_from_fork(stage, maintainer_can_modify=False)
        assert reactions(ask(stage, pull, "/dockslim fix")) == ["eyes", "confused"]
        assert 'the branch is in `mallory/shop`, and its author has not ticked "Allow edits' in answers(stage, pull)[0]

    def test_a_fork_that_the_app_may_not_push_to(self, stage: Stage) -> None:
        stage.sandbox.accept_permissions(stage.repository, contents="write")
        pull = open_from_fork(stage)
        head = pull.head_sha
        assert reactions(ask(stage, pull, "/dockslim fix")) == ["eyes", "confused"]
        assert answers(stage, pull) == [
            "Nothing was committed: the branch is in `mallory/shop`, and GitHub lets the App push to `acme/shop` only. "
            "Whoever can push there can commit the suggestions."
        ]
        assert pull.head_sha == head

    def test_a_fork_that_is_gone(self, stage: Stage) -> None:
        stage.sandbox.accept_permissions(stage.repository, contents="write")
        pull = open_from_fork(stage)
        stage.sandbox.repository("mallory/shop").delete()
        ask(stage, pull, "/dockslim fix")
        assert answers(stage, pull) == ["Nothing was committed: the branch of this pull request is gone."]

    def test_what_a_commit_leaves_is_told(self, stage: Stage) -> None:
        stage.sandbox.accept_permissions(stage.repository, contents="write")
        pull = stage.open({"Dockerfile": WASTEFUL, "windows/Dockerfile": CRLF})
        stage.perform(pull)
        ask(stage, pull, "/dockslim fix")
        (said,) = answers(stage, pull)
        assert ": 2 suggestions in `Dockerfile`" in said
        assert "- `windows/Dockerfile:2` DS201 " in said
        assert said.count(": the file has CRLF line ends") == 3
        assert pull.head_text("windows/Dockerfile") == CRLF

    def test_with_a_recheck_that_follows(self, stage: Stage) -> None:
        stage.sandbox.accept_permissions(stage.repository, contents="write")
        pull = open_reviewed(stage)
        assert reactions(ask(stage, pull, "/dockslim fix\n/dockslim recheck")) == ["eyes", "rocket"]
        assert [run.conclusion for run in pull.check_runs] == ["success"]


class TestBadDays:
    @pytest.mark.parametrize(
        "fault",
        [
            pytest.param(server_error(502, after=True, path="/reactions$"), id="reaction"),
            pytest.param(server_error(502, after=True, method="POST", path=r"/issues/\d+/comments$"), id="answer"),
            pytest.param(server_error(502, path="/graphql$"), id="query"),
        ],
    )
    def test_one_answer_when_github_fails_in_between(self, stage: Stage, fault: RequestFault) -> None:
        pull = open_reviewed(stage)
        comment = pull.comment("/dockslim help", "carol")
        stage.sandbox.faults.add(fault)
        for _ in range(3):
            obey(stage, pull, comment, delivery="bad-day")
        assert reactions(comment) == ["eyes", "rocket"]
        assert len(answers(stage, pull)) == 1

    def test_what_was_taken_back_stays_so_when_github_fails_behind_it(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        ask(stage, pull, "/dockslim ignore DS204")
        comment = pull.comment("/dockslim unignore DS204", "carol")
        stage.sandbox.faults.add(server_error(502, method="POST", path=r"/issues/\d+/comments$"))
        for _ in range(2):
            obey(stage, pull, comment, delivery="taken-back")
        assert reactions(comment) == ["eyes", "rocket"]
        assert answers(stage, pull)[-1].endswith("is not ignored on this pull request any more.")

    def test_one_commit_when_github_fails_behind_it(self, stage: Stage) -> None:
        stage.sandbox.accept_permissions(stage.repository, contents="write")
        pull = open_reviewed(stage)
        stage.sandbox.faults.add(server_error(502, after=True, operation="DockslimCommit"))
        asked = ask(stage, pull, "/dockslim fix")
        assert reactions(asked) == ["eyes", "rocket"]
        assert f"Committed as {pull.head_sha}: 2 suggestions" in answers(stage, pull)[0]

    def test_a_job_that_was_stopped_behind_its_commit(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        from workers import commands

        stage.sandbox.accept_permissions(stage.repository, contents="write")
        pull = open_reviewed(stage)
        comment = pull.comment("/dockslim fix", "carol")

        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(commands, "_close", stop)
            with pytest.raises(KeyboardInterrupt):
                obey(stage, pull, comment)
        head = pull.head_sha
        obey(stage, pull, comment)
        assert pull.head_sha == head
        assert answers(stage, pull) == [f"Committed as {head}."]

    def test_given_up_with_a_reason(self, stage: Stage) -> None:
        pull = open_reviewed(stage)
        comment = pull.comment("/dockslim recheck", "carol")
        stage.sandbox.faults.add(server_error(500, path="/compare/", times=99))
        for _ in range(5):
            obey(stage, pull, comment, delivery="given-up")
        assert reactions(comment) == ["eyes", "confused"]
        assert answers(stage, pull) == ["Not done: GitHub answered 500."]


@pytest.mark.parametrize(
    ("body", "most"),
    [
        ("/dockslim help", 5),
        ("/dockslim explain DS201", 5),
        ("/dockslim config", 6),
        ("/dockslim recheck", 8),
        ("/dockslim ignore DS204", 10),
        ("/dockslim fix", 9),
        ("/dockslim dance", 5),
    ],
)
def test_number_of_requests(stage: Stage, body: str, most: int, capsys: pytest.CaptureFixture[str]) -> None:
    stage.sandbox.accept_permissions(stage.repository, contents="write")
    pull = open_reviewed(stage)
    comment = pull.comment(body, "carol")
    stage.sandbox.requests.clear()
    obey(stage, pull, comment)
    requests = stage.say_requests()
    with capsys.disabled():
        print(f"\nGitHub requests for {body}, warm token:")
        print("\n".join(f"  {each}" for each in requests), f"\n  = {len(requests)}")
    assert len(requests) <= most


def test_number_of_requests_for_a_stranger(stage: Stage) -> None:
    pull = open_reviewed(stage)
    comment = pull.comment("/dockslim fix", "stranger")
    stage.sandbox.requests.clear()
    obey(stage, pull, comment)
    assert len(stage.say_requests()) == 3


def test_the_mark_of_an_answer_is_that_of_its_comment(stage: Stage, redis: Redis) -> None:
    del redis
    pull = open_reviewed(stage)
    comment = ask(stage, pull, "/dockslim help")
    assert pull.issue_comments[-1].body.endswith(mark_answer(comment.node_id))


@pytest.fixture(scope="module")
def line(redis_url: str, private_key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with running_line(redis_url, private_key, tmp_path_factory.mktemp("commands") / "worker.log") as made:
        yield made


@pytest.mark.parametrize("path", ["/reactions$", "/issues/\\d+/comments$"], ids=["reaction", "answer"])
def test_for_real_a_worker_that_is_killed_in_between(line: Line, path: str) -> None:
    scene = Scene(line, f"killed-{len(path)}")
    scene.sandbox.accept_permissions(scene.repository, contents="write")
    pull = scene.open({"Dockerfile": WASTEFUL})
    before = pull.head_sha
    # GitHub finishes what it has begun, for as long as it takes up to ten seconds.
    line.sandbox.faults.add(slow(9, method="POST", path=path))
    comment = pull.comment("/dockslim fix\n/dockslim help", author="alice")
    line.sandbox.wait_until_delivered()
    wait_until(lambda: line.sandbox.faults.remaining == {})
    for child in line.children():
        os.kill(child, signal.SIGKILL)
    line.wait_until_idle()
    assert reactions(comment) == ["eyes", "rocket"]
    said = [each for each in pull.issue_comments if "dockslim:answer" in each.body]
    assert len(said) == 1
    commit = scene.repository.record.commit(pull.head_sha)
    assert commit is not None
    assert commit.parents == (before,)
    assert said[0].body.startswith(f"Committed as {pull.head_sha}")


def test_for_real_from_the_comment_to_the_commit(line: Line) -> None:
    scene = Scene(line, "umbrella")
    scene.sandbox.accept_permissions(scene.repository, contents="write")
    pull = scene.open({"Dockerfile": WASTEFUL})
    ignoring = pull.reply(scene.ours[1].id, "/dockslim ignore", author="alice")
    line.wait_until_idle()
    assert reactions(ignoring) == ["eyes", "rocket"]
    assert read_ignored(scene.summary.body) == {"DS204"}
    scene.push({"Dockerfile": f"{WASTEFUL}RUN pip install django\n"})
    assert len(pull.reviews[0].comments) == 2
    assert read_ignored(scene.summary.body) == {"DS204"}

    jobs = line.count_jobs()
    fixing = pull.comment("Please:\n\n/dockslim fix\n", author="alice")
    line.wait_until_idle()
    assert reactions(fixing) == ["eyes", "rocket"]
    assert "--no-install-recommends" in pull.head_text("Dockerfile")
    assert "--no-cache-dir" not in pull.head_text("Dockerfile")
    # The command, and the review of its commit: our own answers bring no job.
    assert line.count_jobs() == jobs + 2
    assert [run.status for run in pull.check_runs] == ["completed"]

    edited = pull.comment("dockslim, help", author="alice")
    pull.edit_comment(edited, "/dockslim help", author="alice")
    quoted = pull.comment("> /dockslim help\n\n```\n/dockslim help\n```", author="alice")
    line.wait_until_idle()
    assert (reactions(edited), reactions(quoted)) == ([], [])
    assert line.count_jobs() == jobs + 2
