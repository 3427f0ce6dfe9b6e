"""How a page is made: one template, one style sheet, nothing from elsewhere, no script."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from bot.github.apps import web_url
from bot.pages.chart import draw, sum_up
from bot.settings import Hosting, Settings, complete


class PageError(Exception):
    """A page that is not shown: the status, a title, and one sentence on what to do."""

    def __init__(self, status: int, title: str, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.title = title
        self.sentence = sentence
        self.headers = dict(headers or {})


class Known:
    """The settings, and the App as soon as /setup has stored one, in this process or another."""

    def __init__(self, hosting: Hosting) -> None:
        self._hosting = hosting

    @property
    def hosting(self) -> Hosting:
        """How dockslim is run."""
        return self._hosting

    @property
    def settings(self) -> Settings | None:
        """The settings with the App; None while there is none. Raise SettingsError where the stored one is no good."""
        if not isinstance(self._hosting, Settings):
            self._hosting = complete(self._hosting) or self._hosting
        return self._hosting if isinstance(self._hosting, Settings) else None


def show(template: str, hosting: Hosting, *, status: int = 200, root: str = "", **values: Any) -> HTMLResponse:
    """Render a page; `root` leads from it to the top of the site, relative, since a proxy may serve it below a path."""
    github = web_url(hosting.github_api_url)
    policy = (
        f"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {github}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "strict-origin",
        "X-Content-Type-Options": "nosniff",
    }
    text = _environment().get_template(template).render(root=root, github=github, **values)
    return HTMLResponse(text, status, headers)


def refuse(request: Request, error: PageError, hosting: Hosting) -> Response:
    """Answer with the reason, as a page where one is wanted."""
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"error": error.sentence}, error.status, headers=error.headers)
    root = "../" * (request.url.path.count("/") - 1)
    page = show("notice.html", hosting, status=error.status, root=root, title=error.title, sentence=error.sentence)
    page.headers.update(error.headers)
    return page


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("bot.pages"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"ago": ago, "duration": duration, "draw": draw, "sum_up": sum_up}
    return environment


def ago(stamp: str) -> str:
    """Say how long ago a recorded time is."""
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds())
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "now"


def duration(seconds: float) -> str:
    """Say how long something took."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
