"""The configuration that counts for a pull request: the base branch's, over its organisation's, over the defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from redis import Redis

from bot.answers import Setting
from bot.configuration.model import DEFAULT, FILE, ORGANISATION_FILE, Configuration
from bot.configuration.read import Layer, merge, read_configuration
from bot.configuration.write import compare
from bot.deliveries import milliseconds
from bot.github.client import GitHubApp, RepositoryRef
from bot.github.failures import RefusedError
from bot.github.limits import Meter
from bot.github.snapshot import Unread, read_default
from bot.jobs import ReviewJob
from bot.review.model import Origin

FRESH = timedelta(minutes=10)
"""How long an organisation's default is taken for what it was."""
KEEP = timedelta(days=90)
_REPOSITORY = ".github"
_NOTHING, _PUBLIC, _HIDDEN = b"-", b"=", b"#"

log = structlog.get_logger("dockslim.review")

Text = str | Unread | None


@dataclass(frozen=True, slots=True)
class Default:
    """An organisation's default: its text, and the last one without a problem, which stands in for it.

    What it says is for a pull request to tell only where it `is_public`.
    """

    text: Text = None
    last_good: str | None = None
    is_public: bool = False


@dataclass(frozen=True, slots=True)
class Defaults:
    """Reads organisations' defaults, each from GitHub once in a while, from Redis otherwise."""

    github: GitHubApp
    redis: Redis

    def find(self, job: ReviewJob, meter: Meter) -> Default:
        """Return the default of the account that a job's repository belongs to."""
        key = f"dockslim:default:{self.github.host}:{job.installation_id}"
        fresh, good = self.redis.mget(f"{key}:fresh", f"{key}:good")
        last_good = good.decode(errors="surrogateescape") if isinstance(good, bytes) else None
        if isinstance(fresh, bytes):
            known = None if fresh == _NOTHING else fresh[1:].decode(errors="surrogateescape")
            return Default(known, last_good, is_public=fresh.startswith(_PUBLIC))
        text, is_public = self._read(job, meter)
        if isinstance(text, Unread):
            return Default(text, last_good, is_public)
        mark = _PUBLIC if is_public else _HIDDEN
        kept = _NOTHING if text is None else mark + text.encode(errors="surrogateescape")
        self.redis.set(f"{key}:fresh", kept, px=milliseconds(FRESH))
        if text is not None and not read_configuration(text, ORGANISATION_FILE).problems:
            self.redis.set(f"{key}:good", text.encode(errors="surrogateescape"), px=milliseconds(KEEP))
        return Default(text, last_good, is_public)

    def _read(self, job: ReviewJob, meter: Meter) -> tuple[Text, bool]:
        place = RepositoryRef(job.installation_id, 0, job.owner, _REPOSITORY)
        try:
            with self.github.open(place, meter, permissions={"contents": "read", "metadata": "read"}) as session:
                return read_default(session, ORGANISATION_FILE)
        except RefusedError as error:
            # There is no such repository, or the App is not installed on it.
            log.info("no organisation default", status=error.status)
            return None, False


def combine(owner: str, default: Default, repository: Text) -> tuple[Configuration, Origin]:
    """Return what counts, and where it comes from; a file with problems is not obeyed, not even in part."""
    layers, problems = _read_layers(owner, default, repository)
    return merge(layers.values()), Origin(tuple(reversed(layers)), tuple(problems))


def trace(owner: str, default: Default, repository: Text) -> tuple[Setting, ...]:
    """Return every key that is not as it is built in, with the file that says so.

    A value that stands in a file that not everybody may read is left out.
    """
    layers, _ = _read_layers(owner, default, repository)
    changes = compare(DEFAULT, merge(layers.values()))
    files = list(reversed(layers.items()))
    found = [(each, next((name for name, layer in files if _mentions(layer, each.key)), "")) for each in changes]
    is_shown = {FILE: True}
    return tuple(
        Setting(each.key, each.after if is_shown.get(name, default.is_public) else None, name) for each, name in found
    )


def _mentions(layer: Layer, key: str) -> bool:
    value: Any = layer.values
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return False
        value = value[part]
    return True


def _read_layers(owner: str, default: Default, repository: Text) -> tuple[dict[str, Layer], list[str]]:
    """Return what the files say that count, by name and the most general first, and what is wrong with others."""
    layers: dict[str, Layer] = {}
    problems: list[str] = []
    name = f"{owner}/{_REPOSITORY}: {ORGANISATION_FILE}"
    for each, text, stand_in in ((name, default.text, default.last_good), (FILE, repository, None)):
        found = list(_find_problems(text, each))
        if found:
            if each == name and not default.is_public:
                # A problem quotes what it is about.
                found = [
                    f"`{each}` has a problem. Not everybody may read that repository: `dockslim config check` names it."
                ]
            instead = "the last one without a problem" if stand_in is not None else "what lies below it"
            problems += [*found, f"`{each}` is not obeyed; {instead} counts."]
        obeyed = stand_in if found else text
        if isinstance(obeyed, str):
            layers[each] = read_configuration(obeyed, each).layer
    return layers, problems


def preview(owner: str, default: Default, head: Text) -> tuple[Configuration | None, Sequence[str]]:
    """Return what would count with the file as the pull request has it, None where it would not, and what is wrong."""
    problems = list(_find_problems(head, FILE))
    return (None, problems) if problems else (combine(owner, default, head)[0], ())


def _find_problems(text: Text, name: str) -> Iterator[str]:
    if isinstance(text, Unread):
        yield f"`{name}` cannot be read: {text.reason}."
    elif text is not None:
        for problem in read_configuration(text, name).problems:
            key = f" {problem.key}:" if problem.key else ""
            yield f"`{problem.file}`, line {problem.line}:{key} {problem.sentence}"
