"""The App itself: who it is, where it is installed, what it lacks, and how it comes into being."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from githubkit import AppAuthStrategy, GitHub, UnauthAuthStrategy

from bot.github.client import HASTY_TIMEOUT, GitHubApp, call
from bot.github.failures import BrokenError, RefusedError
from bot.github.limits import Meter
from bot.github.paths import join

MAX_INSTALLATIONS = 300


@dataclass(frozen=True, slots=True)
class InstallationFacts:
    """One installation; `url` is the page where an owner grants what is missing."""

    id: int
    account: str
    selection: str
    suspended: bool
    permissions: Mapping[str, str]
    events: tuple[str, ...]
    url: str


@dataclass(frozen=True, slots=True)
class AppFacts:
    """The App as GitHub knows it; `settings_url` is the page where its permissions are asked for."""

    id: int
    name: str
    url: str
    settings_url: str
    permissions: Mapping[str, str]
    events: tuple[str, ...]
    hook_url: str
    hook_type: str
    installations: tuple[InstallationFacts, ...]
    complete: bool = True
    """Whether all installations are listed."""


@dataclass(frozen=True, slots=True)
class NewApp:
    """An App that GitHub just made, with its credentials."""

    id: int
    name: str
    url: str
    webhook_secret: str = field(repr=False)
    private_key: str = field(repr=False)


def web_url(api_url: str) -> str:
    """Return where people see what the API at `api_url` is about."""
    parts = urlsplit(api_url)
    # api.github.com, and api.SUBDOMAIN.ghe.com; GitHub Enterprise Server serves both under one name.
    host = parts.netloc.removeprefix("api.") if parts.path in {"", "/"} else parts.netloc
    return f"{parts.scheme}://{host}"


def read_app(app_id: int, private_key: str, api_url: str, meter: Meter | None = None) -> AppFacts:
    """Ask GitHub about the App; raise GitHubError where it does not answer."""
    app = GitHubApp(app_id=app_id, private_key=private_key, api_url=api_url)
    site = web_url(api_url)
    with app.connect(AppAuthStrategy(app_id, private_key), meter or Meter(), hasty=True) as client:
        about = _object(client, join("app"))
        try:
            hook = _object(client, join("app", "hook", "config"))
        except RefusedError as error:
            if error.status != 404:
                raise
            # An App without a webhook.
            hook = {}
        installations: list[InstallationFacts] = []
        more = True
        for page in range(1, MAX_INSTALLATIONS // 100 + 1):
            answer = call(client, "GET", join("app", "installations"), params={"per_page": 100, "page": page})
            installations += [_installation(each, site) for each in answer.json()]
            more = 'rel="next"' in answer.headers.get("link", "")
            if not more:
                break
    owner, slug = dict(about.get("owner") or {}), str(about.get("slug") or "")
    place = f"organizations/{owner.get('login')}/settings" if owner.get("type") == "Organization" else "settings"
    return AppFacts(
        int(about["id"]),
        str(about.get("name") or slug),
        _on(site, about.get("html_url")),
        f"{site}/{place}/apps/{slug}/permissions",
        _levels(about.get("permissions")),
        tuple(map(str, about.get("events") or ())),
        str(hook.get("url") or ""),
        str(hook.get("content_type") or ""),
        tuple(installations),
        not more,
    )


def create_app(api_url: str, code: str) -> NewApp:
    """Exchange the code of the manifest flow for the App and its credentials; raise GitHubError where that fails."""
    with GitHub(
        UnauthAuthStrategy(),
        base_url=api_url,
        user_agent="dockslim",
        timeout=HASTY_TIMEOUT,
        http_cache=False,
        # The code is good for one exchange.
        auto_retry=False,
    ) as client:
        answer = call(client, "POST", join("app-manifests", code, "conversions"))
    try:
        made = answer.json()
        return NewApp(
            int(made["id"]),
            str(made["name"]),
            _on(web_url(api_url), made["html_url"]),
            str(made["webhook_secret"]),
            str(made["pem"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenError(answer.status_code) from error


def _object(client: GitHub[Any], path: str) -> Mapping[str, Any]:
    answer = call(client, "GET", path)
    try:
        return dict(answer.json())
    except (ValueError, TypeError) as error:
        raise BrokenError(answer.status_code) from error


def _installation(found: Mapping[str, Any], site: str) -> InstallationFacts:
    events: Sequence[Any] = found.get("events") or ()
    account = dict(found.get("account") or {})
    return InstallationFacts(
        int(found["id"]),
        # An enterprise has a slug.
        str(account.get("login") or account.get("slug") or "unknown"),
        str(found.get("repository_selection") or ""),
        found.get("suspended_at") is not None,
        _levels(found.get("permissions")),
        tuple(map(str, events)),
        _on(site, found.get("html_url")),
    )


def _levels(found: Any) -> dict[str, str]:
    return {str(name): str(level) for name, level in dict(found or {}).items()}


def _on(site: str, address: Any) -> str:
    """Return an address that is on GitHub's own site, and the site itself for any other: it becomes a link."""
    text = str(address or "")
    return text if text.startswith(f"{site}/") else site
