"""`/app`, `/installation`, rate limits and versions."""

from __future__ import annotations

import re
import secrets

from cli.sandbox import payloads
from cli.sandbox.answers import Answer, Fields, not_accessible, not_found, unprocessable
from cli.sandbox.auth import AppCaller, InstallationCaller, narrow
from cli.sandbox.keys import new_key, public_half
from cli.sandbox.rest.routing import NEWEST_VERSION, READ_METADATA, Call, Endpoint
from cli.sandbox.state import Installation, Json, Repository, new_id, stamp
from cli.sandbox.webhooks import Delivery, page

UNREACHABLE = "There is at least one repository that does not exist or is not accessible to the parent installation."
# GitHub Docs, "Create an installation access token for an app": up to 500 repositories.
TOKEN_REPOSITORIES = 500


def get_app(call: Call) -> Answer:
    """GET /app."""
    counted = {"installations_count": len(call.site.world.installations)}
    return Answer({**payloads.app(call.site.world), **counted})


def list_installations(call: Call) -> Answer:
    """GET /app/installations."""
    world = call.site.world
    return call.page([*world.installations.values()], lambda one: payloads.installation(world, one))


def _installation(call: Call) -> Installation:
    found = call.site.world.installations.get(call.integer("id"))
    if found is None:
        raise not_found()
    return found


def get_installation(call: Call) -> Answer:
    """GET /app/installations/{id}."""
    return Answer(payloads.installation(call.site.world, _installation(call)))


def create_token(call: Call) -> Answer:
    """POST /app/installations/{id}/access_tokens."""
    installation = _installation(call)
    if not isinstance(call.caller, AppCaller):
        raise not_accessible()
    fields = call.fields("repositories", "repository_ids", "permissions")
    chosen = _chosen(installation, fields)
    wanted = fields.child("permissions")
    permissions = {name: wanted.required(name) for name in wanted} if wanted else None
    caller = narrow(call.caller, installation, chosen, permissions)
    body: Json = {
        "token": call.site.tokens.issue(caller),
        "expires_at": stamp(caller.expires_at),
        "permissions": caller.permissions,
        "repository_selection": "selected" if chosen is not None else installation.selection,
    }
    if chosen is not None:
        body["repositories"] = [payloads.repository(call.site.world, one) for one in chosen]
    return Answer(body, 201)


def _chosen(installation: Installation, fields: Fields) -> tuple[Repository, ...] | None:
    names, ids = fields.items("repositories"), fields.items("repository_ids")
    if names is None and ids is None:
        return None
    chosen = []
    for wanted in [*(names or []), *(ids or [])]:
        found = next((one for one in installation.repositories if wanted in (one.name, one.id)), None)
        if found is None:
            raise unprocessable(message=UNREACHABLE)
        chosen.append(found)
    if len(chosen) > TOKEN_REPOSITORIES:
        raise unprocessable(message="Too many repositories for installation")
    return tuple(dict.fromkeys(chosen))


def repository_installation(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/installation."""
    world = call.site.world
    repository = world.repository(f"{call.parameters['owner']}/{call.parameters['repo']}")
    found = world.installation_for(repository) if repository else None
    if found is None:
        raise not_found()
    return Answer(payloads.installation(world, found))


def account_installation(call: Call) -> Answer:
    """GET /orgs/{login}/installation and GET /users/{login}/installation."""
    login = call.parameters["login"].lower()
    for found in call.site.world.installations.values():
        if found.account.login.lower() == login:
            return Answer(payloads.installation(call.site.world, found))
    raise not_found()


def list_repositories(call: Call) -> Answer:
    """GET /installation/repositories."""
    caller = call.caller
    if not isinstance(caller, InstallationCaller):
        raise not_accessible()
    seen = [one for one in caller.installation.repositories if caller.sees(one)]
    return call.page(seen, lambda one: payloads.repository(call.site.world, one), wrap="repositories")


def list_deliveries(call: Call) -> Answer:
    """GET /app/hook/deliveries."""
    _, size = call.paging()
    shown, cursor = page(call.site.webhooks, call.query.get("cursor"), size)
    return Answer([payloads.delivery(one) for one in shown], headers=call.cursor_link(cursor))


def _delivery(call: Call) -> Delivery:
    found = call.site.webhooks.find(call.integer("id"))
    if found is None:
        raise not_found()
    return found


def get_delivery(call: Call) -> Answer:
    """GET /app/hook/deliveries/{id}."""
    return Answer(payloads.full_delivery(_delivery(call)))


def redeliver(call: Call) -> Answer:
    """POST /app/hook/deliveries/{id}/attempts."""
    call.site.webhooks.send(_delivery(call).again())
    return Answer({}, 202)


def get_hook(call: Call) -> Answer:
    """GET /app/hook/config."""
    url = call.site.world.app.webhook_url or ""
    return Answer({"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": url})


def get_rate_limit(call: Call) -> Answer:
    """GET /rate_limit, which costs nothing."""
    label = call.caller.label if call.caller else "nobody"
    states = {name: call.site.limits.state(label, name) for name in call.site.limits.allowances}
    if call.version == NEWEST_VERSION:
        return Answer({"resources": states})
    return Answer({"resources": states, "rate": states["core"]})


def get_versions(call: Call) -> Answer:
    """GET /versions."""
    _ = call
    return Answer([NEWEST_VERSION, "2022-11-28"])


def get_meta(call: Call) -> Answer:
    """GET /meta."""
    _ = call
    return Answer({"verifiable_password_authentication": False, "hooks": ["127.0.0.0/8"]})


def get_user(call: Call) -> Answer:
    """GET /users/{login}."""
    found = call.site.world.accounts.get(call.parameters["login"].lower())
    if found is None:
        raise not_found()
    return Answer(payloads.account(call.site.world, found))


def convert(call: Call) -> Answer:
    """POST /app-manifests/{code}/conversions."""
    found = call.site.registrations.use(call.parameters["code"])
    if found is None:
        raise not_found()
    manifest, owner = found
    app, key = call.site.world.app, new_key()
    name = str(manifest["name"])
    app.id, app.name, app.owner = new_id("small"), name, owner
    app.slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    app.bot.login = f"{app.slug}[bot]"
    app.client_id = f"Iv23li{app.id:014d}"
    app.permissions = {**manifest.get("default_permissions", {}), "metadata": "read"}
    app.events = tuple(manifest.get("default_events", ()))
    app.public_key, app.webhook_secret = public_half(key), secrets.token_hex(20)
    hook = manifest.get("hook_attributes", {})
    app.webhook_url = hook.get("url") if hook.get("active", True) else None
    call.site.world.accounts[app.bot.login.lower()] = app.bot
    handed_out = {"client_secret": secrets.token_hex(20), "webhook_secret": app.webhook_secret, "pem": key}
    return Answer({**payloads.app(call.site.world), **handed_out}, 201)


ENDPOINTS = (
    Endpoint("POST", "/app-manifests/{code}/conversions", convert, audience="anyone", counted=False),
    Endpoint("GET", "/app", get_app, audience="app"),
    Endpoint("GET", "/app/installations", list_installations, audience="app"),
    Endpoint("GET", "/app/installations/{id}", get_installation, audience="app"),
    Endpoint("POST", "/app/installations/{id}/access_tokens", create_token, audience="app"),
    Endpoint("GET", "/app/hook/config", get_hook, audience="app"),
    Endpoint("GET", "/app/hook/deliveries", list_deliveries, audience="app"),
    Endpoint("GET", "/app/hook/deliveries/{id}", get_delivery, audience="app"),
    Endpoint("POST", "/app/hook/deliveries/{id}/attempts", redeliver, audience="app"),
    Endpoint("GET", "/repos/{owner}/{repo}/installation", repository_installation, audience="app"),
    Endpoint("GET", "/orgs/{login}/installation", account_installation, audience="app"),
    Endpoint("GET", "/users/{login}/installation", account_installation, audience="app"),
    Endpoint("GET", "/installation/repositories", list_repositories, (READ_METADATA,), audience="installation"),
    Endpoint("GET", "/users/{login}", get_user, audience="anyone"),
    Endpoint("GET", "/rate_limit", get_rate_limit, audience="anyone", counted=False),
    Endpoint("GET", "/versions", get_versions, audience="anyone"),
    Endpoint("GET", "/meta", get_meta, audience="anyone"),
)
