"""Obey the commands of one comment: read it, see who asks, do it, say what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from bot.answers import (
    join_answers,
    mark_answer,
    say_branch_gone,
    say_build,
    say_build_moved,
    say_building,
    say_closed_fork,
    say_commit_refused,
    say_committed,
    say_configuration,
    say_explanation,
    say_foreign,
    say_heard,
    say_help,
    say_ignored,
    say_may_not_push,
    say_moved,
    say_not_done,
    say_nothing_to_commit,
    say_rule_missing,
    say_too_many,
    say_unknown,
    say_unknown_rule,
    say_writers_only,
    sign_commit,
    write_message,
)
from bot.commands import FORMS, MOST, Command, Unknown, Verb, is_permitted, parse_commands
from bot.github.client import Session
from bot.github.comments import Branch, Question, answer, find_answer, react, read_question
from bot.github.commits import commit, is_stale
from bot.github.failures import GitHubError, RefusedError, is_forbidden, is_gone, is_uncertain
from bot.github.pulls import may_write, read_pull
from bot.github.snapshot import read_snapshot
from bot.jobs import ReviewJob
from bot.review.plan import find_fixes
from bot.review.render import read_codes
from rules.registry import find_close_rules, find_rule
from rules.rule import Rule
from workers.configuration import combine, trace
from workers.review import LOOK_AGAIN_SECONDS, MAX_TARGETS, Ending, Outcome, StaleError, Surveyor, look_up, read, review

SEEN, DONE, NOT_DONE = "eyes", "rocket", "confused"

log = structlog.get_logger("dockslim.commands")


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a command, and what there is to say about it."""

    is_done: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """A rule to be silent about, or no longer; it is done by the review that comes with it."""

    rule: Rule
    silences: bool
    reason: str = ""

    def apply(self, ignored: frozenset[str]) -> frozenset[str]:
        """Return the codes that are ignored after it."""
        return ignored | {self.rule.code} if self.silences else ignored - {self.rule.code}

    def say(self, ignored: frozenset[str], *, again: bool) -> Reply:
        """Return what came of it, where these were ignored before; `again` where it may have been done already."""
        if self.silences:
            return Reply(True, say_ignored(self.rule, self.reason))
        was_ignored = again or self.rule.code in ignored
        return Reply(was_ignored, say_heard(self.rule, was_ignored))


@dataclass(frozen=True, slots=True)
class _Build:
    """Images to build; they are ordered by the review that comes with it."""

    def say(self, outcome: Outcome) -> Reply:
        """Return what came of it."""
        if outcome.built:
            return Reply(True, say_building(outcome.built))
        return Reply(False, outcome.not_built or say_not_done(outcome.title))


def obey(job: ReviewJob, session: Session, sleep: Callable[[float], None], surveyor: Surveyor) -> Outcome:
    """Obey the commands of a comment, once; raise GitHubError when GitHub does not let us."""
    try:
        question = read_question(session, job.number, job.comment or "")
    except RefusedError as error:
        if not is_gone(error):
            raise
        return Outcome(Ending.SKIPPED, "the comment is gone")
    reason = _find_reason_not_to(question)
    if reason is not None:
        return Outcome(Ending.SKIPPED, reason)
    commands = parse_commands(question.body)
    permitted = _sort_out(session, question, commands[:MOST], job.sender or "")
    if not any(is_allowed for _, is_allowed in permitted):
        log.info("not permitted", sender=job.sender)
        react(session, question, NOT_DONE)
        return Outcome(Ending.SKIPPED, "whoever asked for it may not")
    if SEEN not in question.reactions:
        react(session, question, SEEN)
    errand = _Errand(job, session, sleep, surveyor, question)
    replies, outcome = errand.run(permitted)
    if len(commands) > MOST:
        replies.append(Reply(False, say_too_many(len(commands) - MOST)))
    _close(session, job, question, replies)
    return outcome


def give_up(job: ReviewJob, session: Session, reason: str) -> None:
    """Say that a comment was not obeyed, and why."""
    question = read_question(session, job.number, job.comment or "")
    if _find_reason_not_to(question) is None:
        _close(session, job, question, [Reply(False, say_not_done(reason))])


def _find_reason_not_to(question: Question) -> str | None:
    if question.is_edited:
        return "the comment was edited"
    if not question.pull.is_open:
        return "the pull request is closed"
    return "the comment was answered before" if question.reactions & {DONE, NOT_DONE} else None


def _sort_out(
    session: Session, question: Question, commands: tuple[Command | Unknown, ...], sender: str
) -> list[tuple[Command | Unknown, bool]]:
    """Return each command with whether whoever asks may have it."""
    # Of a pull request between branches of the repository, the author is whoever opened it, not who wrote it.
    is_fork_author = question.pull.is_from_fork and question.pull.author == sender
    writes = False
    if not all(is_permitted(each, writes=False, is_fork_author=is_fork_author) for each in commands):
        writes = may_write(session, sender)
    return [(each, is_permitted(each, writes=writes, is_fork_author=is_fork_author)) for each in commands]


def _close(session: Session, job: ReviewJob, question: Question, replies: list[Reply]) -> None:
    """Answer where there is something to say, and react."""
    comment = job.comment or ""
    body = join_answers((each.text for each in replies), comment)
    # A run that began before this one may have got as far as the answer.
    was_begun = SEEN in question.reactions
    if body and not (was_begun and find_answer(session, job.number, question, mark_answer(comment))):
        answer(session, job.number, question, body)
    react(session, question, DONE if all(each.is_done for each in replies) else NOT_DONE)


@dataclass(slots=True)
class _Errand:
    """The commands of one comment on their way, in order."""

    job: ReviewJob
    session: Session
    sleep: Callable[[float], None]
    surveyor: Surveyor
    question: Question
    edits: list[Edit] = field(default_factory=list)
    wants_review: bool = False
    wants_build: bool = False

    def run(self, commands: list[tuple[Command | Unknown, bool]]) -> tuple[list[Reply], Outcome]:
        """Obey the commands; return what came of each, and of the review if there was one."""
        # The commands of one comment share one review, which comes last.
        found = [self._obey(each) if is_allowed else _refuse(each) for each, is_allowed in commands]
        named = ", ".join(each.verb if isinstance(each, Command) else "unknown" for each, _ in commands)
        outcome, before = Outcome(Ending.OBEYED, f"commands: {named}"), frozenset[str]()
        if self.wants_review:
            outcome, before = self._review()
        is_reviewed = not self.wants_review or outcome.ending is Ending.REVIEWED
        replies: list[Reply] = []
        for each in found:
            if isinstance(each, Reply):
                replies.append(each)
            elif isinstance(each, _Build):
                replies.append(each.say(outcome))
            else:
                said = each.say(before, again=SEEN in self.question.reactions)
                replies.append(said if is_reviewed else Reply(False, say_not_done(outcome.title)))
                before = each.apply(before)
        if not is_reviewed and not self.edits and not self.wants_build:
            replies.append(Reply(False, say_not_done(outcome.title)))
        return replies, outcome

    def _obey(self, command: Command | Unknown) -> Reply | Edit | _Build:
        if isinstance(command, Unknown):
            return Reply(False, say_unknown(command))
        match command.verb:
            case Verb.RECHECK:
                self.wants_review = True
                return Reply(True)
            case Verb.FIX:
                return self._fix()
            case Verb.CONFIG:
                return self._tell_configuration()
            case Verb.HELP:
                return Reply(True, say_help())
            case Verb.BUILD:
                return self._build()
        rule, reason = _find_rule(command, self.question.about)
        if isinstance(rule, Reply):
            return rule
        if command.verb is Verb.EXPLAIN:
            return Reply(True, say_explanation(rule))
        edit = Edit(rule, command.verb is Verb.IGNORE, reason)
        self.edits.append(edit)
        self.wants_review = True
        return edit

    def _build(self) -> Reply | _Build:
        orders, pull = self.surveyor.orders, self.question.pull
        if orders is None or not orders.is_served():
            return Reply(False, say_build())
        asked_at = int(datetime.fromisoformat(self.question.asked_at).timestamp())
        if pull.is_from_fork and self.surveyor.has_moved(asked_at):
            return Reply(False, say_build_moved())
        self.wants_review = self.wants_build = True
        return _Build()

    def _amend(self, ignored: frozenset[str]) -> frozenset[str]:
        for edit in self.edits:
            ignored = edit.apply(ignored)
        return ignored

    def _review(self) -> tuple[Outcome, frozenset[str]]:
        """Review the pull request; return what came of it, and the codes that were ignored before."""
        before = frozenset[str]()

        def amend(ignored: frozenset[str]) -> frozenset[str]:
            nonlocal before
            before = ignored
            return self._amend(ignored)

        pull = self.question.pull
        for _ in range(MAX_TARGETS):
            job = replace(self.job, head_sha=pull.head_sha, base_branch=pull.base_branch)
            outcome = review(job, self.session, self.sleep, self.surveyor, amend, builds=self.wants_build)
            if outcome.ending is not Ending.SUPERSEDED:
                return outcome, before
            if self.wants_build and pull.is_from_fork:
                # Whoever asked has not seen what came since.
                return replace(outcome, not_built=say_build_moved()), before
            # What the comment asks for is not in the job of the push that moved the head.
            self.sleep(LOOK_AGAIN_SECONDS)
            pull = read_pull(self.session, self.job.number)
        raise GitHubError("its head moves faster than it can be read")

    def _tell_configuration(self) -> Reply:
        pull = self.question.pull
        snapshot = read_snapshot(self.session, self.job.number, pull.head_sha)
        sources = self.job.owner, self.surveyor.default(), snapshot.configuration
        origin = combine(*sources)[1]
        return Reply(True, say_configuration(origin, trace(*sources), pull.base_branch))

    def _fix(self) -> Reply:
        branch, pull = self.question.branch, self.question.pull
        if branch.message.rstrip().endswith(sign_commit(self.job.comment or "")):
            # This job has run before, and was stopped behind the commit.
            return Reply(True, say_committed(pull.head_sha, ""))
        hindrance = _find_hindrance(branch, pull.is_from_fork)
        if hindrance is not None:
            return Reply(False, hindrance)
        strong = self.session.strengthen()
        if strong is None:
            return Reply(False, say_may_not_push())
        job = replace(self.job, head_sha=pull.head_sha, base_branch=pull.base_branch)
        try:
            reading = read(job, self.session, self.surveyor)
        except StaleError as stale:
            moved = stale.outcome.ending is Ending.SUPERSEDED
            return Reply(False, say_moved() if moved else say_not_done(stale.outcome.title))
        standing = reading.snapshot.standing
        standing = replace(standing, ignored=self._amend(standing.ignored))
        fixes = find_fixes(look_up(reading.files, self.surveyor), standing, reading.configuration)
        if not fixes.files:
            return Reply(True, say_nothing_to_commit(fixes.said))
        message = write_message(fixes.suggestions, fixes.rules, self.job.comment or "")
        files = {each.path: each.text for each in fixes.files}
        return self._commit(strong, message, files, fixes.said)

    def _commit(self, strong: Session, message: tuple[str, str], files: dict[str, str], said: str) -> Reply:
        branch, pull = self.question.branch, self.question.pull
        try:
            made = commit(strong, branch, pull.head_sha, message, files)
        except RefusedError as error:
            if is_stale(error):
                return Reply(False, say_moved())
            if pull.is_from_fork and (is_forbidden(error) or is_gone(error)):
                return Reply(False, say_foreign(branch.repository, f"{self.job.owner}/{self.job.repository}"))
            if is_forbidden(error):
                return Reply(False, say_may_not_push())
            return Reply(False, say_branch_gone() if is_gone(error) else say_commit_refused(error.message))
        except GitHubError as error:
            if not is_uncertain(error):
                raise
            log.warning("commit uncertain", error=str(error))
            self.sleep(LOOK_AGAIN_SECONDS)
            now = read_question(self.session, self.job.number, self.job.comment or "")
            if not now.branch.message.rstrip().endswith(sign_commit(self.job.comment or "")):
                raise
            made = now.pull.head_sha
        log.info("committed", commit=made, files=len(files))
        # A review that comes with it is about the new head.
        self.question = replace(self.question, pull=replace(pull, head_sha=made))
        return Reply(True, say_committed(made, said))


def _refuse(command: Command | Unknown) -> Reply:
    return Reply(False, say_writers_only(command.verb) if isinstance(command, Command) else "")


def _find_hindrance(branch: Branch, is_from_fork: bool) -> str | None:
    """Return why nothing can be committed to a branch, as far as the pull request tells."""
    if not branch.repository:
        return say_branch_gone()
    return say_closed_fork(branch.repository) if is_from_fork and not branch.is_open else None


def _find_rule(command: Command, about: str) -> tuple[Rule | Reply, str]:
    """Return the rule that a command is about, and the reason; below a comment of ours, it is that one's."""
    rule = find_rule(command.rule)
    if rule is not None:
        return rule, command.reason
    own = [found for found in map(find_rule, read_codes(about)) if found is not None]
    if command.rule and not (own and FORMS[command.verb].takes_reason and _is_word(command.rule)):
        return Reply(False, say_unknown_rule(command.rule)), command.reason
    if len(own) != 1:
        # Of several, which one is meant is not to be guessed.
        return Reply(False, say_rule_missing(command.verb, own)), command.reason
    return own[0], f"{command.rule} {command.reason}".strip()


def _is_word(text: str) -> bool:
    """Tell whether something is the beginning of a reason rather than a rule with a typing error."""
    return text[:2].lower() != "ds" and "-" not in text and not find_close_rules(text)
