"""Review one pull request: read everything, think, write everything."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import structlog

from bot.answers import say_build, say_build_off, say_build_pending, say_nothing_to_build
from bot.configuration.model import ALWAYS, FILE, NEVER, Configuration
from bot.dockerfiles import is_dockerfile
from bot.github.checks import conclude
from bot.github.client import Session
from bot.github.conversation import make_changes
from bot.github.failures import GitHubError, RefusedError, is_forbidden, is_gone, is_uncertain, should_retry
from bot.github.pulls import LISTED_FILES, Comparison, FileChange, PullState, compare, may_write, read_pull
from bot.github.reviews import post_review
from bot.github.snapshot import Snapshot, Source, Unread, read_snapshot, read_sources
from bot.jobs import ReviewJob
from bot.notices import (
    CONTINUED,
    add_notes,
    say_left_out,
    say_not_permitted,
    say_preview,
    say_preview_problems,
    say_refused,
    say_unlisted,
    skipped,
    take_in,
)
from bot.review.fingerprint import read_fingerprints
from bot.review.measured import Measured
from bot.review.model import ChangedFile, Check, Comment, Offer, Origin, Plan, Review, Standing
from bot.review.plan import plan
from bot.review.surroundings import find_images, find_releases
from bot.review.upkeep import find_changes
from bot.webhooks.decide import BUILD
from workers.configuration import Default, Text, combine, preview
from workers.ordering import choose_images
from workers.orders import MEASURED, PATIENCE, Order, Orders
from workers.package_indexes import Packages
from workers.registry import Images
from workers.repository import look_around

MAX_DOCKERFILES = 100
MAX_TARGETS = 3
# GitHub's reads lag its writes by a moment.
LOOK_AGAIN_SECONDS = 2.0

_PLACE = re.compile(r"(?<![a-z])(?:lines?|hunks?|diff|path|position)(?![a-z])|could not be resolved", re.IGNORECASE)

log = structlog.get_logger("dockslim.review")


class Ending(StrEnum):
    """How a job ended."""

    REVIEWED = "reviewed"
    SKIPPED = "skipped"
    SUPERSEDED = "superseded"
    """The head moved: a newer job reviews it."""
    OBEYED = "obeyed"
    """A command was carried out that asks for no review."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job came to; `title` is what the check run or the log says.

    `told` are the codes of the findings that it told of, `offers` the suggestions that GitHub took, `texts` the
    Dockerfiles that it read, by path; `check` is what the check run says, where it was reviewed. `built` is the head
    that is going to be built, "" for none, and `not_built` why it is not.
    """

    ending: Ending
    title: str
    comments: int = 0
    told: tuple[str, ...] = ()
    offers: tuple[Offer, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    check: Check | None = None
    built: str = ""
    not_built: str = ""


class StaleError(Exception):
    """The pull request is no longer what the job was about."""

    def __init__(self, ending: Ending, title: str) -> None:
        super().__init__(title)
        self.outcome = Outcome(ending, title)


@dataclass(frozen=True, slots=True)
class Target:
    """The two ends of a pull request's diff."""

    number: int
    head_sha: str
    base_branch: str


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything a review is made from.

    `unseen` are the Dockerfiles that are not among `files`, None where not all of them are known.
    """

    target: Target
    files: tuple[ChangedFile, ...]
    snapshot: Snapshot
    configuration: Configuration
    origin: Origin
    unseen: tuple[str, ...] | None = ()
    merge_base: str = ""


@dataclass(frozen=True, slots=True)
class Surveyor:
    """What can be asked besides GitHub about this pull request, each of them where it is set up.

    `default` reads the organisation's configuration, `is_superseded` tells whether a later job has come. `orders` is
    where builds are ordered.
    """

    packages: Packages | None = None
    images: Images | None = None
    default: Callable[[], Default] = Default
    is_superseded: Callable[[], bool] = lambda: False
    orders: Orders | None = None
    has_moved: Callable[[int], bool] = lambda _: False
    """Whether a later event than that moment, in seconds since 1970, is known of the pull request."""


_NOTHING_ELSE = Surveyor()


def review(
    job: ReviewJob,
    session: Session,
    sleep: Callable[[float], None] = time.sleep,
    surveyor: Surveyor = _NOTHING_ELSE,
    amend: Callable[[frozenset[str]], frozenset[str]] = frozenset,
    *,
    builds: bool = False,
) -> Outcome:
    """Review a pull request and conclude its check run; raise GitHubError when GitHub does not let us.

    `amend` makes of the codes that were ignored on it those that are from now on. `builds` where somebody who may has
    asked for its images to be built.
    """
    try:
        return _review(job, session, sleep, surveyor, amend, builds or job.reason == BUILD)
    except StaleError as stale:
        return stale.outcome


def _review(
    job: ReviewJob,
    session: Session,
    sleep: Callable[[float], None],
    surveyor: Surveyor,
    amend: Callable[[frozenset[str]], frozenset[str]],
    builds: bool,
) -> Outcome:
    reading = read(job, session, surveyor)
    snapshot, target = reading.snapshot, reading.target
    reason = _find_reason_to_skip(job, reading)
    if reason is not None:
        check = skipped(reason)
        conclude(session, target.number, target.head_sha, check, snapshot.check_run)
        return Outcome(Ending.SKIPPED, check.title)
    files = look_up(reading.files, surveyor)
    standing = recall(job, replace(snapshot.standing, ignored=amend(snapshot.standing.ignored)), target, surveyor)
    found = plan(files, standing, reading.configuration, reading.origin, reading.unseen)
    if surveyor.is_superseded():
        raise StaleError(Ending.SUPERSEDED, "a later event has come")
    refused: Sequence[Comment] = ()
    if found.review is not None:
        refused = _post(session, target, found.review, sleep)
    _keep_up(session, reading, found)
    check = add_notes(found.check, [*reading.origin.notes, *([say_refused(len(refused))] if refused else [])])
    order, not_built = _decide_build(job, reading, standing, found, surveyor.orders, asked=builds)
    shown = _show_build(check, reading, order, surveyor.orders)
    run = conclude(session, target.number, target.head_sha, shown, snapshot.check_run)
    if order is not None and surveyor.orders is not None:
        order = replace(order, check_run=run, title=check.title, summary=check.summary)
        surveyor.orders.place(replace(job, head_sha=target.head_sha, base_branch=target.base_branch), order)
    taken = [each for each in found.review.comments if each not in refused] if found.review is not None else []
    offers = tuple(each.offer for each in taken if each.offer is not None)
    texts = {file.path: file.head for file in reading.files}
    built = order.head_sha if order is not None else ""
    return Outcome(Ending.REVIEWED, check.title, len(taken), found.told, offers, texts, check, built, not_built)


def recall(job: ReviewJob, standing: Standing, target: Target, surveyor: Surveyor) -> Standing:
    """Return what stands with what was measured for this head, and what was withdrawn at any."""
    orders = surveyor.orders
    if orders is None:
        return standing
    known = orders.measured(job)
    of_head = known if known is not None and known.head_sha == target.head_sha else None
    if job.reason == MEASURED and of_head is None:
        hours = PATIENCE.total_seconds() / 3600
        of_head = Measured(target.head_sha, problem=f"no builder finished within {hours:.0f} hours")
    return replace(standing, measured=of_head, withdrawn=frozenset(known.withdrawn if known is not None else ()))


def _decide_build(
    job: ReviewJob, reading: Reading, standing: Standing, found: Plan, orders: Orders | None, *, asked: bool
) -> tuple[Order | None, str]:
    """Return what is to be built, or why nothing is; what nobody asked for needs no reason.

    What comes from a fork is only built when somebody who may has asked for it, at this very head.
    """
    wanted, head = reading.configuration.builds, reading.target.head_sha
    is_foreign = reading.snapshot.pull.is_from_fork
    if orders is None or job.reason == MEASURED or not (asked or (wanted == ALWAYS and not is_foreign)):
        return None, ""
    if wanted == NEVER:
        return None, say_build_off()
    if not orders.is_served():
        return None, say_build()
    if orders.pending(job) == head:
        return None, say_build_pending(head)
    if not asked and standing.measured is not None:
        return None, ""
    images = choose_images(reading.files, found.suggestions, reading.configuration)
    if not images:
        return None, say_nothing_to_build()
    return Order(head, reading.merge_base, images, is_trusted=not is_foreign), ""


def _show_build(check: Check, reading: Reading, order: Order | None, orders: Orders | None) -> Check:
    """Return the check run with the button, and with what is under way."""
    if orders is None or reading.configuration.builds == NEVER or not orders.is_served():
        return check
    check = replace(check, offers_build=True)
    if order is None:
        return check
    has_budget = reading.configuration.max_growth.bytes is not None or any(
        each.max_size is not None for each in reading.configuration.images
    )
    # What may yet fail is not concluded: somebody would merge it meanwhile.
    conclusion = "" if has_budget and check.conclusion != "failure" else check.conclusion
    return replace(check, conclusion=conclusion, title=f"{check.title} · builds queued")


def _find_reason_to_skip(job: ReviewJob, reading: Reading) -> str | None:
    # Whoever asks for a review gets it.
    if job.sender is not None or job.reason == MEASURED:
        return None
    pull, wanted = reading.snapshot.pull, reading.configuration.review
    if pull.is_draft and not wanted.drafts:
        return "draft"
    return "opened by a bot" if pull.is_by_bot and not wanted.bots else None


def _keep_up(session: Session, reading: Reading, found: Plan) -> None:
    """Bring what stands on the pull request up to date."""
    strong = session.strengthen() if found.settled else None
    standing, target = reading.snapshot.standing, reading.target
    changes = find_changes(found, standing, reading.snapshot.id, target.head_sha, resolves=strong is not None)
    make_changes(strong or session, list(changes))


def look_up(files: tuple[ChangedFile, ...], surveyor: Surveyor) -> tuple[ChangedFile, ...]:
    """Return the files with what indexes and registries tell; nothing where they are not configured."""
    packages, images = surveyor.packages, surveyor.images
    if packages is None and images is None:
        return files
    known = packages.find(find_releases(files)) if packages is not None else {}
    sizes = images.sizes(find_images(files)) if images is not None else {}
    return tuple(replace(each, packages=known, image_sizes=sizes) for each in files)


def read(job: ReviewJob, session: Session, surveyor: Surveyor) -> Reading:
    """Read the diff, the texts and the conversation; raise StaleError when there is nothing to review any more."""
    target = _find_target(job, session)
    default = surveyor.default()
    for _ in range(MAX_TARGETS):
        comparison = _compare(session, target)
        snapshot = _take_snapshot(session, target, comparison)
        _insist(snapshot.pull, target)
        if snapshot.pull.base_branch == target.base_branch:
            return _read_files(job, session, target, comparison, snapshot, default)
        # Retargeted since the event: another diff.
        target = replace(target, base_branch=snapshot.pull.base_branch)
    raise GitHubError("its base branch changes faster than it can be read")


def _take_snapshot(session: Session, target: Target, comparison: Comparison) -> Snapshot:
    chosen = [file for file in comparison.files if is_dockerfile(file.path)]
    sources = _sources(_reviewable(chosen)[:MAX_DOCKERFILES], target, comparison)
    if any(file.path == FILE and file.status != "removed" for file in comparison.files):
        sources.insert(0, (target.head_sha, FILE))
    return read_snapshot(session, target.number, target.head_sha, sources)


def _read_files(
    job: ReviewJob, session: Session, target: Target, comparison: Comparison, snapshot: Snapshot, default: Default
) -> Reading:
    configuration, origin = combine(job.owner, default, snapshot.configuration)
    wanted = [file for file in _reviewable(comparison.files) if configuration.covers(file.path)]
    chosen, left_out = wanted[:MAX_DOCKERFILES], wanted[MAX_DOCKERFILES:]
    # Images that only the configuration knows for what they are.
    missing = [each for each in _sources(chosen, target, comparison) if each not in snapshot.texts]
    texts = {**snapshot.texts, **(read_sources(session, missing) if missing else {})}
    files = tuple(_changed(file, texts, target, comparison) for file in chosen)
    files = look_around(session, target.head_sha, files, configuration)
    notes = [say_left_out([file.path for file in left_out], MAX_DOCKERFILES)] if left_out else []
    listed, changed = len(comparison.files), snapshot.pull.changed_files
    is_complete = listed < LISTED_FILES or changed <= listed
    if not is_complete:
        notes.append(say_unlisted(listed, changed))
    if (target.head_sha, FILE) in texts:
        notes += _preview(job.owner, default, texts[target.head_sha, FILE], files)
    unseen = tuple(file.path for file in left_out) if is_complete else None
    # Without an installation, nobody hears of comments.
    origin = replace(origin, notes=tuple(notes), obeys=job.installation_id != 0)
    return Reading(target, files, snapshot, configuration, origin, unseen, comparison.merge_base)


def _preview(owner: str, default: Default, head: Text, files: Sequence[ChangedFile]) -> list[str]:
    """Say what would be different with the configuration as the pull request has it, which is not obeyed."""
    configuration, problems = preview(owner, default, head)
    if configuration is None:
        return [say_preview_problems(problems)]
    title = plan(files, Standing(), configuration).check.title
    return [say_preview(title)]


def _reviewable(files: Iterable[FileChange]) -> list[FileChange]:
    return [file for file in files if file.status != "removed"]


def _find_target(job: ReviewJob, session: Session) -> Target:
    # Who asked for it has been looked at where they are known all the same.
    if job.head_sha is not None and job.base_branch is not None:
        return Target(job.number, job.head_sha, job.base_branch)
    pull = read_pull(session, job.number)
    if not pull.is_open:
        raise StaleError(Ending.SKIPPED, "the pull request is closed")
    may = may_write if job.reason == BUILD else lambda session, sender: _may_ask(session, pull, sender)
    if job.sender is not None and not may(session, job.sender):
        log.info("not permitted", sender=job.sender)
        raise StaleError(Ending.SKIPPED, "whoever asked for it may not")
    if job.head_sha is not None and job.head_sha != pull.head_sha:
        raise StaleError(Ending.SUPERSEDED, "the head has moved")
    return Target(job.number, pull.head_sha, pull.base_branch)


def _may_ask(session: Session, pull: PullState, sender: str) -> bool:
    """Tell whether somebody may have a pull request reviewed: who can write, and the author of one from a fork.

    Of pull requests between branches of the repository the author is whoever opened it, not who wrote it.
    """
    return (pull.is_from_fork and pull.author == sender) or may_write(session, sender)


def _compare(session: Session, target: Target) -> Comparison:
    try:
        return compare(session, target.number, target.base_branch, target.head_sha)
    except GitHubError as error:
        if not is_gone(error):
            raise
        # The branch was renamed, or the commit was pushed away: the pull request itself knows.
        pull = read_pull(session, target.number)
        _insist(pull, target)
        if pull.base_branch == target.base_branch:
            if "common ancestor" in str(error):
                raise GitHubError(f"no common history with {target.base_branch}") from error
            raise
        return compare(session, target.number, pull.base_branch, target.head_sha)


def _insist(pull: PullState, target: Target) -> None:
    if not pull.is_open:
        raise StaleError(Ending.SKIPPED, "the pull request is closed")
    if pull.head_sha != target.head_sha:
        raise StaleError(Ending.SUPERSEDED, "the head has moved")


def _sources(files: Iterable[FileChange], target: Target, comparison: Comparison) -> list[Source]:
    files = list(files)
    # Heads first: only so many files are read one by one, and without its head a file is not reviewed at all.
    heads = [(target.head_sha, file.path) for file in files]
    return heads + [(comparison.merge_base, file.base_path) for file in files if file.base_path is not None]


def _changed(file: FileChange, texts: Mapping[Source, Text], target: Target, comparison: Comparison) -> ChangedFile:
    head = texts[target.head_sha, file.path]
    base = texts[comparison.merge_base, file.base_path] if file.base_path is not None else None
    problem = head.reason if isinstance(head, Unread) else None if head is not None else "GitHub does not find it"
    return ChangedFile(
        path=file.path,
        status=file.status,
        patch=file.patch,
        head=head if isinstance(head, str) else "",
        base=base if isinstance(base, str) else None,
        problem=problem,
        base_unreadable=isinstance(base, Unread),
        previous=file.previous if file.status == "renamed" else None,
    )


def _post(session: Session, target: Target, review: Review, sleep: Callable[[float], None]) -> Sequence[Comment]:
    """Post a review; return the comments that GitHub did not take, which the review then says in its text."""
    try:
        _post_once(session, target, review, sleep)
    except RefusedError as error:
        if error.status != 422 or should_retry(error, 1) is not None:
            raise _explain(error) from error
        log.warning("review refused", message=error.message, errors=error.errors, comments=len(review.comments))
        _insist(read_pull(session, target.number), target)
        if not review.comments or not _is_about_a_place(error):
            raise
        refused = _post_in_parts(session, target, review.comments, sleep)
        _post_once(session, target, take_in(review, refused), sleep)
        return refused
    return ()


def _post_in_parts(
    session: Session, target: Target, comments: Sequence[Comment], sleep: Callable[[float], None]
) -> list[Comment]:
    """Post comments by halves, since GitHub does not say which one it refuses; return those that it does."""
    refused: list[Comment] = []
    waiting = [comments[: len(comments) // 2], comments[len(comments) // 2 :]]
    while waiting:
        part = waiting.pop(0)
        if not part:
            continue
        try:
            _post_once(session, target, Review(CONTINUED, tuple(part)), sleep)
        except RefusedError as error:
            if not _is_about_a_place(error):
                raise _explain(error) from error
            if len(part) == 1:
                log.warning("comment refused", path=part[0].path, line=part[0].line, errors=error.errors)
                refused += part
            else:
                waiting[:0] = [part[: len(part) // 2], part[len(part) // 2 :]]
    return refused


def _post_once(session: Session, target: Target, review: Review, sleep: Callable[[float], None]) -> None:
    """Post a review exactly once: when GitHub fails, look whether it is there before anything else happens."""
    try:
        number = post_review(session, target.number, target.head_sha, review)
    except GitHubError as error:
        if not is_uncertain(error):
            raise
        log.warning("review uncertain", error=str(error))
        sleep(LOOK_AGAIN_SECONDS)
        if not _stands(session, target, review):
            # The job runs again later, and reads first what stands by then.
            raise
        log.info("review found", comments=len(review.comments))
    else:
        log.info("review posted", review=number, comments=len(review.comments))


def _stands(session: Session, target: Target, review: Review) -> bool:
    bodies = (review.body, *(comment.body for comment in review.comments))
    marks = {mark for body in bodies for mark in read_fingerprints(body)}
    return bool(marks) and marks <= read_snapshot(session, target.number, target.head_sha).standing.fingerprints


def _is_about_a_place(error: RefusedError) -> bool:
    """Tell whether GitHub refuses where a comment stands; no other reason goes away with some of the comments."""
    return error.status == 422 and _PLACE.search(" ".join((error.message, *error.errors))) is not None


def _explain(error: RefusedError) -> RefusedError:
    if is_forbidden(error) and "accessible by integration" in error.message:
        return RefusedError(error.status, say_not_permitted("Pull requests: read and write"), error.errors)
    return error
