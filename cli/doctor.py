"""`dockslim doctor`: is everything as it has to be, and where not, what is to be done."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal, get_args

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from redis.exceptions import RedisError

from bot.github.apps import AppFacts, read_app
from bot.github.client import GitHubApp
from bot.github.failures import GitHubError, RefusedError
from bot.github.hook import list_attempts
from bot.pages.access import trusts_this_machine
from bot.queue import connect
from bot.settings import Hosting, NoAppError, Settings, SettingsError, read_hosting
from bot.tasks import About, find_tasks
from cli.formats import ListFormat
from cli.trouble import one_line
from workers.builders.choose import open_builder

# A JWT is dated back 60 s and ends after 9 minutes; GitHub takes at most 10 into its future.
MOST_SKEW = timedelta(seconds=30)
SECONDS = 10.0
State = Literal["ok", "note", "problem"]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at: what was found, and what is to be done about it."""

    about: str
    state: State
    found: str
    todo: str = ""


def doctor(form: ListFormat) -> int:
    """Print what was found; return 0 for all in order, 1 for something to do, 2 where dockslim would not start."""
    lines, code = examine(os.environ)
    if form is ListFormat.JSON:
        print(json.dumps([asdict(line) for line in lines], indent=2))
    else:
        print("\n".join(write(lines)))
    return code


def examine(
    environ: Mapping[str, str], now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> tuple[list[Line], int]:
    """Return what was found, and the exit code."""
    try:
        hosting = read_hosting(environ)
    except SettingsError as error:
        return [Line("settings", "problem", f"{error.name} {error.sentence}")], 2
    lines = [
        *_look_at_settings(hosting),
        *_look_at_github(hosting, now),
        *_look_at_queue(hosting),
        _look_at_builder(environ),
    ]
    return lines, int(any(line.state == "problem" for line in lines))


def write(lines: Sequence[Line]) -> Iterator[str]:
    """Yield the report for people."""
    width = max(len(line.about) for line in lines)
    for line in lines:
        yield f"{line.state:<8} {line.about:<{width}}  {one_line(line.found)}"
        if line.todo:
            yield f"{'':<8} {'':<{width}}  -> {one_line(line.todo)}"
    problems = sum(line.state == "problem" for line in lines)
    yield "Everything is in order." if not problems else f"{problems} problem{'s' if problems > 1 else ''}."


def _look_at_settings(hosting: Hosting) -> Iterator[Line]:
    if not isinstance(hosting, Settings):
        error = NoAppError()
        yield Line("settings", "problem", "there is no App yet", f"{error.name} {error.sentence}")
    else:
        stored = f", credentials from {hosting.credentials_dir}" if hosting.credentials_dir is not None else ""
        yield Line("settings", "ok", f"App {hosting.app_id} at {hosting.github_api_url}{stored}")
        key = load_pem_private_key(hosting.private_key.get_secret_value().encode(), None)
        size = key.key_size if isinstance(key, RSAPrivateKey) else 0
        yield Line("key", "ok", f"RSA, {size} bits")
    if hosting.status_token is None:
        todo = "Set DOCKSLIM_STATUS_TOKEN to see the status page and /metrics."
        to = "on this machine only" if trusts_this_machine(hosting) else "to nobody"
        yield Line("pages", "note", f"shown {to}", todo)
    else:
        yield Line("pages", "ok", "shown to whoever knows DOCKSLIM_STATUS_TOKEN")


def _look_at_github(hosting: Hosting, now: Callable[[], datetime]) -> Iterator[Line]:
    try:
        # Whatever the status: the answer is dated, also where it is a refusal.
        date = httpx.get(f"{hosting.github_api_url}/meta", timeout=SECONDS, follow_redirects=True).headers.get("date")
    except httpx.HTTPError as error:
        todo = "Let this machine reach it, or set DOCKSLIM_GITHUB_API_URL; a proxy goes into HTTPS_PROXY."
        yield Line("github", "problem", f"{hosting.github_api_url} does not answer ({type(error).__name__})", todo)
        return
    yield _look_at_clock(date, now())
    if not isinstance(hosting, Settings):
        return
    try:
        app = read_app(hosting.app_id, hosting.private_key.get_secret_value(), hosting.github_api_url)
    except RefusedError as error:
        todo = "The key has to be one of this App's, and the clock right: see DOCKSLIM_APP_ID and the private key."
        yield Line("app", "problem", str(error), todo)
        return
    except GitHubError as error:
        yield Line(
            "app", "problem", str(error), "Try again later; https://www.githubstatus.com tells about GitHub.com."
        )
        return
    yield from _look_at_app(app, hosting)
    yield _look_at_deliveries(hosting, f"{app.settings_url.removesuffix('/permissions')}/advanced", now())


def _look_at_clock(date: str | None, now: datetime) -> Line:
    try:
        skew = now - parsedate_to_datetime(date or "")
    except ValueError:
        return Line("clock", "note", "GitHub's answer carries no date to compare with")
    seconds = round(skew.total_seconds())
    if abs(skew) <= MOST_SKEW:
        return Line("clock", "ok", f"{abs(seconds)} s from GitHub's")
    found = f"{abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} GitHub's"
    return Line("clock", "problem", found, "Set it by NTP: GitHub refuses what is signed at the wrong time.")


def _look_at_app(app: AppFacts, settings: Settings) -> Iterator[Line]:
    yield Line("app", "ok", f"authenticates as {app.name}, {app.url}")
    fine = {
        "permissions": f"{len(app.permissions)} permissions, granted by every installation",
        "events": ", ".join(app.events),
        "webhook": f"goes to {app.hook_url or 'nowhere'}",
        "installations": ", ".join(each.account for each in app.installations[:20]),
    }
    tasks = find_tasks(app, settings.public_url)
    for about in get_args(About):
        found = [task for task in tasks if task.about == about]
        for task in found:
            yield Line(about, "problem", task.sentence, f"{task.label}: {task.address}")
        if found:
            continue
        if about == "webhook" and settings.public_url is None:
            todo = "Set DOCKSLIM_PUBLIC_URL to have this address checked."
            yield Line(about, "note", fine[about], todo)
        else:
            yield Line(about, "ok", fine[about])


def _look_at_deliveries(settings: Settings, log_url: str, now: datetime) -> Line:
    """Say how the latest deliveries went, each by its last attempt."""
    app = GitHubApp(
        app_id=settings.app_id,
        private_key=settings.private_key.get_secret_value(),
        api_url=settings.github_api_url,
    )
    latest: dict[str, int] = {}
    try:
        with app.open_app() as client:
            for attempt in list_attempts(client, now - timedelta(days=1), pages=1)[0]:
                latest.setdefault(attempt.guid, attempt.status_code)
    except GitHubError as error:
        return Line("deliveries", "note", f"not looked at: {error}")
    if not latest:
        return Line("deliveries", "note", "none within a day")
    failed = Counter(code for code in latest.values() if not 200 <= code < 300)
    if not failed:
        return Line("deliveries", "ok", f"{len(latest)} taken within a day")
    codes = ", ".join(map(str, sorted(failed)))
    found = f"{failed.total()} of the last {len(latest)} were not taken (answered {codes})"
    if 401 in failed:
        return Line("deliveries", "problem", found, "DOCKSLIM_WEBHOOK_SECRET has to be the App's webhook secret.")
    return Line("deliveries", "problem", found, f"GitHub's log says more: {log_url}")


def _look_at_queue(hosting: Hosting) -> Iterator[Line]:
    if hosting.redis_url is None:
        yield Line("redis", "note", "not set: `dockslim serve` brings a queue of its own, `web` and `worker` need one")
        return
    try:
        with connect(hosting.redis_url.get_secret_value()) as redis:
            about = redis.info("server")
    except RedisError as error:
        todo = "Start it, or mend DOCKSLIM_REDIS_URL."
        yield Line("redis", "problem", f"does not answer ({type(error).__name__})", todo)
        return
    name = "Valkey" if "valkey_version" in about else "Redis"
    yield Line("redis", "ok", f"{name} {about.get('valkey_version') or about.get('redis_version')}")


def _look_at_builder(environ: Mapping[str, str]) -> Line:
    try:
        builder = open_builder(environ)
    except ValueError as error:
        return Line(
            "builder",
            "problem",
            str(error),
            "DOCKSLIM_BUILDER is `buildah`, `docker`, `buildkit` or `none`: see docs/builds.md.",
        )
    if builder is None:
        found = "none: images are not built, sizes are estimated from package indexes and registries"
        return Line("builder", "note", found)
    able = builder.examine()
    if not able.works:
        todo = "See docs/builds.md, or set DOCKSLIM_BUILDER to `none`."
        return Line("builder", "problem", able.sentence, todo)
    if not able.takes_strangers:
        return Line("builder", "note", able.sentence, "What others than writers propose is not built here.")
    return Line("builder", "ok", able.sentence)
