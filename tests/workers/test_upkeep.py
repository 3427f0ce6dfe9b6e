"""What stands on a pull request and what is configured: the worker's code in this process, on the sandbox GitHub."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.deliveries import Deliveries, State
from bot.review.fingerprint import SUMMARY_MARKER
from cli.sandbox import PullRequestHandle, RepositoryHandle, server_error
from cli.sandbox.conversation import comment
from cli.sandbox.reviews import Draft, create_review
from cli.sandbox.state import Anchor
from tests.workers.stage import CLEAN, PIP, WASTEFUL, Stage

pytestmark = pytest.mark.slow

CONFIGURATION = ".github/dockslim.yml"
FIXED = f"FROM debian:12-slim\n{PIP}"


def _the_check(pull: PullRequestHandle) -> tuple[str | None, str | None]:
    (run,) = pull.check_runs
    return run.conclusion, run.title


def _the_summary(pull: PullRequestHandle) -> str:
    (found,) = pull.issue_comments
    return found.body


class TestHealing:
    def test_of_duplicates_the_oldest_stay(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.perform(pull)
        site, bot = stage.sandbox.site, stage.sandbox.site.world.app.bot
        oldest = [*pull.review_comments, *pull.issue_comments]
        drafts = [
            Draft(each.body, Anchor("Dockerfile", each.thread.original.line, "RIGHT")) for each in pull.review_comments
        ]
        create_review(site, pull.record, bot, body="twice", event="COMMENT", drafts=drafts)
        comment(site, pull.record, bot, f"twice\n\n{SUMMARY_MARKER}")
        stage.perform(pull)
        assert [*pull.review_comments, *pull.issue_comments] == oldest

    def test_a_summary_that_somebody_else_wrote_is_not_ours(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        forged = pull.comment(f"forged\n\n{SUMMARY_MARKER}", author="mallory")
        quoted = comment(stage.sandbox.site, pull.record, stage.sandbox.site.world.app.bot, f"{SUMMARY_MARKER} was")
        stage.perform(pull)
        assert (forged.body, quoted.body) == (f"forged\n\n{SUMMARY_MARKER}", f"{SUMMARY_MARKER} was")
        assert len(pull.issue_comments) == 3

    def test_a_summary_that_was_written_in_spite_of_502_is_not_written_again(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.sandbox.faults.add(server_error(502, after=True, operation="DockslimChanges"))
        job = stage.job(pull)
        assert stage.performer.perform(job) == timedelta(seconds=10)
        assert sum("DockslimChanges" in each for each in stage.say_requests()) == 1
        assert stage.performer.perform(job) is None
        assert (len(pull.issue_comments), len(pull.reviews)) == (1, 1)

    def test_what_github_refuses_does_not_stop_the_rest(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.perform(pull)
        stage.repository.commit("feature", {"Dockerfile": FIXED})
        # Between the reading and the writing somebody deletes the summary.
        stage.sandbox.accept_permissions(stage.repository, contents="write")
        apt, pip = pull.review_comments

        def delete(files: object, _: object) -> object:
            pull.delete_comment(pull.issue_comments[0])
            return files

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("workers.review.look_up", delete)
            stage.perform(pull, reason="synchronize")
        assert apt.thread.resolved_by is not None
        assert pip.thread.resolved_by is None
        stage.perform(pull, reason="synchronize")
        assert "1 suggestion" in _the_summary(pull)

    def test_the_strong_token_is_asked_for_once_where_it_is_refused(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": f"{WASTEFUL}RUN pip install django\n"})
        stage.perform(pull)
        stage.sandbox.requests.clear()
        for text in (f"{FIXED}RUN pip install django\n", FIXED, CLEAN + "ENV A=1\n"):
            stage.repository.commit("feature", {"Dockerfile": text})
            stage.perform(pull, reason="synchronize")
        assert [each.minimized for each in pull.review_comments] == ["resolved"] * 3
        minted = [each for each in stage.say_requests() if "access_tokens" in each]
        assert [each.rpartition(" ")[2] for each in minted] == ["422"]


class TestSuperseded:
    def test_before_it_starts(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        old, new = stage.job(pull, moment=1000), stage.job(pull, moment=1001)
        for job in (new, old):
            Deliveries(stage.redis).supersede(job)
        stage.sandbox.requests.clear()
        assert stage.performer.perform(old) is None
        assert len(stage.sandbox.requests) == 0
        assert Deliveries(stage.redis).state(old.delivery) == State.DONE
        assert stage.performer.perform(new) is None
        assert len(pull.reviews) == 1

    def test_before_it_writes(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        old, new = stage.job(pull, moment=1000), stage.job(pull, moment=1001)
        monkeypatch.setattr("workers.review.look_up", lambda files, _: Deliveries(stage.redis).supersede(new) or files)
        assert stage.performer.perform(old) is None
        assert (pull.reviews, pull.check_runs) == ([], [])

    def test_neither_by_one_of_the_same_second_nor_what_somebody_asked_for(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        Deliveries(stage.redis).supersede(stage.job(pull, moment=1000))
        stage.perform(pull, moment=1000)
        assert len(pull.reviews) == 1
        Deliveries(stage.redis).supersede(stage.job(pull, moment=2000))
        pull.record.threads.clear()
        pull.record.reviews.clear()
        stage.perform(pull, reason="rerequested", head_sha=None, base_branch=None, sender="alice")
        assert len(pull.reviews) == 1


def test_a_check_suite_that_leads_nowhere_is_given_up(stage: Stage) -> None:
    pull = stage.open({"Dockerfile": WASTEFUL})
    suite = stage.repository.record.suites[pull.head_sha]
    job = stage.job(pull, number=0, suite=suite.id, sender="alice")
    assert stage.performer.perform(job) is None
    assert Deliveries(stage.redis).state(job.delivery) == State.FAILED
    stage.sandbox.faults.add(server_error(502, path="/check-suites/", times=3))
    assert stage.perform(pull, number=0, suite=suite.id, sender="alice") == timedelta(seconds=10)


def _organisation(stage: Stage, text: str) -> RepositoryHandle:
    return stage.sandbox.create_repository("acme/.github", {"dockslim.yml": text})


def _forget(stage: Stage) -> None:
    """Let what is kept of organisations' defaults run out."""
    for key in stage.redis.scan_iter("dockslim:default:*:fresh"):
        stage.redis.delete(key)


class TestConfiguration:
    def test_the_base_branch_counts(self, stage: Stage) -> None:
        stage.repository.commit("main", {CONFIGURATION: "rules: {DS201: off, DS202: off}\nfail: warning\n"})
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.perform(pull)
        assert [each.thread.original.line for each in pull.review_comments] == [3]
        assert _the_check(pull) == ("failure", "1 suggestion in Dockerfile")
        assert "Configuration: `.github/dockslim.yml` over built-in defaults" in _the_summary(pull)

    @pytest.mark.parametrize(
        ("said", "options", "title"),
        [
            pytest.param("drafts: false", {"draft": True}, "Skipped: draft", id="no drafts"),
            pytest.param("drafts: true", {"draft": True}, "2 suggestions in Dockerfile", id="drafts"),
            pytest.param("bots: false", {"author": "renovate[bot]"}, "Skipped: opened by a bot", id="no bots"),
            pytest.param("bots: true", {"author": "renovate[bot]"}, "2 suggestions in Dockerfile", id="bots"),
        ],
    )
    def test_drafts_and_bots(self, stage: Stage, said: str, options: dict[str, object], title: str) -> None:
        stage.repository.commit("main", {CONFIGURATION: f"review: {{{said}}}\n"})
        pull = stage.open({"Dockerfile": WASTEFUL}, **options)
        stage.perform(pull)
        assert _the_check(pull)[1] == title

    def test_which_files_are_looked_at(self, stage: Stage) -> None:
        said = "paths: {exclude: [vendor/]}\nimages: [{dockerfile: images/api.build}]\n"
        stage.repository.commit("main", {CONFIGURATION: said})
        pull = stage.open({"vendor/Dockerfile": WASTEFUL, "images/api.build": WASTEFUL, "images/other.build": WASTEFUL})
        stage.perform(pull)
        assert {each.thread.original.path for each in pull.review_comments} == {"images/api.build"}

    def test_an_organisations_default_lies_below_and_costs_nothing_once_it_is_known(self, stage: Stage) -> None:
        _organisation(stage, "rules: {DS204: off}\nfail: warning\n")
        stage.repository.commit("main", {CONFIGURATION: "fail: never\n"})
        first = stage.open({"Dockerfile": WASTEFUL})
        stage.perform(first)
        assert [each.thread.original.line for each in first.review_comments] == [2]
        assert _the_check(first)[0] == "neutral"
        said = "`.github/dockslim.yml` over `acme/.github: dockslim.yml` over built-in defaults"
        assert said in _the_summary(first)
        stage.sandbox.requests.clear()
        stage.perform(stage.open({"Dockerfile": WASTEFUL}, branch="second"))
        assert len(stage.sandbox.requests) == 5

    def test_problems_are_told_with_line_and_key_and_what_lies_below_counts(self, stage: Stage) -> None:
        stage.repository.commit("main", {CONFIGURATION: "fail: warning\nreview:\n  drafts: perhaps @team\n"})
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.perform(pull)
        summary = _the_summary(pull)
        assert "`.github/dockslim.yml`, line 3: review.drafts: " in summary
        assert "@team" not in summary
        assert "Configuration: built-in defaults" in summary
        assert _the_check(pull)[0] == "neutral"

    def test_of_a_broken_default_the_last_good_one_counts(self, stage: Stage) -> None:
        organisation = _organisation(stage, "rules: {DS204: off}\n")
        stage.perform(stage.open({"Dockerfile": WASTEFUL}))
        organisation.commit("main", {"dockslim.yml": "rules: [\n"})
        _forget(stage)
        for branch in ("second", "third"):
            pull = stage.open({"Dockerfile": WASTEFUL}, branch=branch)
            stage.perform(pull)
            assert [each.thread.original.line for each in pull.review_comments] == [2]
            assert "`acme/.github: dockslim.yml`, line " in _the_summary(pull)
            assert "the last one without a problem counts" in _the_summary(pull)

    def test_a_change_is_previewed_and_not_obeyed(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL, CONFIGURATION: "rules: {all: off}\n"})
        stage.perform(pull)
        assert len(pull.review_comments) == 2
        assert "With the new one: No size findings in Dockerfile." in _the_summary(pull)
        (run,) = pull.check_runs
        assert "With the new one: No size findings in Dockerfile." in (run.summary or "")

    def test_a_change_with_problems_is_told_so_before_it_is_merged(self, stage: Stage) -> None:
        pull = stage.open({CONFIGURATION: "rules: {DS999: off}\n"})
        stage.perform(pull)
        assert "which would not be obeyed:\n\n- `.github/dockslim.yml`, line 1: rules.DS999: " in _the_summary(pull)
        assert _the_check(pull)[0] == "skipped"
