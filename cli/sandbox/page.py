"""The web page of a pull request, as a reader sees it on GitHub."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from cli.sandbox import suggestions
from cli.sandbox.comparisons import pull_commits, pull_diff
from cli.sandbox.diffs import Row, parse_patch
from cli.sandbox.markdown import render
from cli.sandbox.pushes import PushRejectedError
from cli.sandbox.site import Site
from cli.sandbox.state import (
    Account,
    CheckRun,
    IssueComment,
    PullRequest,
    Reaction,
    Review,
    ReviewComment,
    Thread,
    now,
)

# Nothing is loaded and nothing runs: the page is one document with its own style.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'"
EMOJI = {
    "+1": "\N{THUMBS UP SIGN}",
    "-1": "\N{THUMBS DOWN SIGN}",
    "laugh": "\N{SMILING FACE WITH OPEN MOUTH AND SMILING EYES}",
    "confused": "\N{CONFUSED FACE}",
    "heart": "\N{HEAVY BLACK HEART}",
    "hooray": "\N{PARTY POPPER}",
    "eyes": "\N{EYES}",
    "rocket": "\N{ROCKET}",
}
# GitHub shows this many lines of a diff above a comment on one line.
CONTEXT_ROWS = 4
SHOWN_FILES = 50
SHOWN_ROWS = 400


@dataclass(frozen=True, slots=True)
class Said:
    """One comment, ready to show."""

    anchor: str
    author: Account
    when: datetime
    body: Markup
    reactions: tuple[tuple[str, int], ...]
    minimized: str | None = None


@dataclass(frozen=True, slots=True)
class ShownThread:
    """One conversation on lines, with its excerpt of the diff."""

    path: str
    span: str
    rows: tuple[Row, ...]
    outdated: bool
    resolved_by: Account | None
    comments: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing of the timeline: a comment, or a review with its threads."""

    verb: str
    said: Said
    threads: tuple[ShownThread, ...] = field(default=())
    batch: tuple[int, ...] = field(default=())


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the templates of the pages."""
    made = Environment(
        loader=PackageLoader("cli.sandbox"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters["ago"] = ago
    made.filters["hue"] = lambda account: account.id * 47 % 360
    return made


def ago(when: datetime) -> str:
    """Say how long ago something happened."""
    seconds = int((now() - when).total_seconds())
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        count = seconds // size
        if count:
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "now"


def _reactions(reactions: Iterable[Reaction]) -> tuple[tuple[str, int], ...]:
    counts = Counter(reaction.content for reaction in reactions)
    return tuple((EMOJI[content], counts[content]) for content in EMOJI if content in counts)


def _old_lines(comment: ReviewComment) -> tuple[tuple[int, str], ...]:
    """Return the lines that a comment's suggestion replaces, as they were when it was made."""
    anchor = comment.thread.original
    data = comment.thread.pull.repository.git.store.file(comment.thread.original_commit, anchor.path)
    if data is None or anchor.line is None:
        return ()
    lines = data.decode(errors="replace").split("\n")
    first = anchor.start_line or anchor.line
    return tuple(enumerate(lines[first - 1 : anchor.line], first))


def _suggestion(comment: ReviewComment, number: int, lines: tuple[str, ...]) -> str:
    old = _old_lines(comment)
    first = old[0][0] if old else 1
    # The button commits the first suggestion of a comment.
    notice = suggestions.notice(comment) if number == 0 else "Only the first suggestion can be committed here."
    pull = comment.thread.pull
    target = f"/{pull.repository.full_name}/pull/{pull.number}/suggestions"
    template = environment().get_template("suggestion.html")
    return template.render(old=old, new=tuple(enumerate(lines, first)), notice=notice, target=target, comment=comment)


def _said_on_line(comment: ReviewComment) -> Said:
    return Said(
        f"discussion_r{comment.id}",
        comment.author,
        comment.created_at,
        render(comment.body, partial(_suggestion, comment)),
        _reactions(comment.reactions),
        comment.minimized,
    )


def _thread(thread: Thread) -> ShownThread:
    was = thread.original
    rows = parse_patch(thread.diff_hunk)[0].rows if thread.diff_hunk else ()
    wanted = CONTEXT_ROWS
    span = "on the file" if was.line is None else f"line {was.line}"
    if was.line is not None and was.start_line is not None:
        span = f"lines {was.start_line}\N{EN DASH}{was.line}"
        wanted = max(wanted, was.line - was.start_line + 2)
    return ShownThread(
        was.path,
        span,
        rows[-wanted:],
        thread.is_outdated,
        thread.resolved_by,
        tuple(_said_on_line(one) for one in thread.comments if one.review.state != "PENDING"),
    )


def _applicable(review: Review) -> tuple[int, ...]:
    found = [one for one in review.comments if suggestions.suggestions_in(one.body) and not suggestions.notice(one)]
    return tuple(one.id for one in found) if len(found) > 1 else ()


def _review(review: Review) -> Entry:
    verbs = {"APPROVED": "approved these changes", "CHANGES_REQUESTED": "requested changes"}
    started = [one.thread for one in review.comments if one.thread.comments[0] is one]
    said = Said(
        f"pullrequestreview-{review.id}",
        review.author,
        review.submitted_at or review.created_at,
        render(review.body),
        (),
        review.minimized,
    )
    return Entry(verbs.get(review.state, "reviewed"), said, tuple(map(_thread, started)), _applicable(review))


def _comment(comment: IssueComment) -> Entry:
    said = Said(
        f"issuecomment-{comment.id}",
        comment.author,
        comment.created_at,
        render(comment.body),
        _reactions(comment.reactions),
        comment.minimized,
    )
    return Entry("commented", said)


def _timeline(pull: PullRequest) -> list[Entry]:
    # A reply stands under its thread; the empty review that carries it is not shown.
    telling = [
        review
        for review in pull.submitted()
        if review.body or review.state != "COMMENTED" or any(one.in_reply_to is None for one in review.comments)
    ]
    dated: list[tuple[int, Callable[[], Entry]]] = [
        *((review.id, partial(_review, review)) for review in telling),
        *((comment.id, partial(_comment, comment)) for comment in pull.comments.values()),
    ]
    return [make() for _, make in sorted(dated, key=lambda one: one[0])]


def _checks(pull: PullRequest) -> list[tuple[CheckRun, Markup, str]]:
    suite = pull.repository.suites.get(pull.head_sha)
    runs = suite.runs if suite else []
    return [(run, render("\n\n".join(filter(None, (run.summary, run.text)))), _mark(run)) for run in runs]


def _mark(run: CheckRun) -> str:
    if run.status != "completed":
        return "running"
    known = {"success": "success", "neutral": "neutral", "skipped": "neutral", "cancelled": "neutral"}
    return known.get(run.conclusion or "", "failure")


def show(pull: PullRequest, notice: str | None = None) -> str:
    """Render the page of a pull request."""
    diff = pull_diff(pull)
    state = "merged" if pull.merged_at else "draft" if pull.draft and pull.state == "open" else pull.state
    return (
        environment()
        .get_template("pull.html")
        .render(
            pull=pull,
            state=state,
            notice=notice,
            description=render(pull.body),
            reactions=_reactions(pull.reactions),
            timeline=_timeline(pull),
            checks=_checks(pull),
            commits=len(pull_commits(pull)),
            diff=diff,
            files=diff.files[:SHOWN_FILES],
            shown_rows=SHOWN_ROWS,
        )
    )


def _html(text: str, status: int = 200) -> Response:
    headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "same-origin"}
    return HTMLResponse(text, status, headers)


def routes(site: Site) -> list[Route]:
    """Return the routes of the pages."""

    def find(request: Request) -> PullRequest | None:
        repository = site.world.repository(f"{request.path_params['owner']}/{request.path_params['repo']}")
        return repository.pull(request.path_params["number"]) if repository else None

    def get(request: Request) -> Response:
        with site.world.lock:
            pull = find(request)
            return _html(show(pull)) if pull else _html("<h1>404</h1>", 404)

    def commit(request: Request) -> Response:
        with site.world.lock:
            pull = find(request)
            if pull is None:
                return _html("<h1>404</h1>", 404)
            if request.headers.get("origin") not in {None, str(request.base_url).rstrip("/")}:
                # Another site's form must not press the button.
                return _html(show(pull, "This form was sent from another site."), 403)
            wanted = {int(one) for one in request.path_params["comments"].split(",") if one.isdigit()}
            comments = [one for one in pull.review_comments() if one.id in wanted]
            if not comments:
                return _html(show(pull, suggestions.NONE), 422)
            try:
                suggestions.apply(site, comments, pull.author)
            except (suggestions.SuggestionRefusedError, PushRejectedError) as error:
                return _html(show(pull, str(error)), 422)
            return RedirectResponse(f"{_path(pull)}#discussion_r{comments[0].id}", 303)

    def index(_request: Request) -> Response:
        with site.world.lock:
            pulls = [one for repository in site.world.repositories.values() for one in repository.pulls]
            grouped = [(name, list(those)) for name, those in groupby(pulls, lambda one: one.repository.full_name)]
            return _html(environment().get_template("index.html").render(repositories=grouped))

    address = "/{owner}/{repo}/pull/{number:int}"
    return [
        Route("/_sandbox/", index, methods=["GET"]),
        Route(address, get, methods=["GET"]),
        Route(f"{address}/suggestions/{{comments}}", commit, methods=["POST"]),
    ]


def _path(pull: PullRequest) -> str:
    return f"/{pull.repository.full_name}/pull/{pull.number}"
