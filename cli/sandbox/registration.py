"""The pages on which an App is registered from a manifest, and installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from cli.sandbox import repositories
from cli.sandbox.manifests import ManifestError, check_manifest
from cli.sandbox.site import Site

# Nothing is loaded and nothing runs. Where the last form leads is the manifest's to say.
PERSON = "alice"
"""Who is signed in."""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"


def routes(site: Site, environment: Environment) -> list[Route]:
    """Return the routes of the pages."""

    def show(template: str, status: int = 200, **values: Any) -> Response:
        text = environment.get_template(template).render(**values)
        return HTMLResponse(text, status, {"Content-Security-Policy": _POLICY})

    async def confirm(request: Request) -> Response:
        fields = _form(await request.body())
        try:
            manifest = check_manifest(fields.get("manifest", ""))
        except ManifestError as error:
            return show("registration.html", 422, problem=str(error))
        owner = request.path_params.get("organization") or PERSON
        state = request.query_params.get("state", "")
        return show(
            "registration.html", owner=owner, problem=None, manifest=manifest, text=fields["manifest"], state=state
        )

    async def register(request: Request) -> Response:
        fields = _form(await request.body())
        manifest = {**check_manifest(fields["manifest"]), "name": fields["name"]}
        with site.world.lock:
            owner = site.world.account(fields["owner"], "User" if fields["owner"] == PERSON else "Organization")
            code = site.registrations.issue(manifest, owner)
        query = urlencode({"code": code, "state": fields["state"]})
        return RedirectResponse(f"{manifest['redirect_url']}?{query}", 302)

    async def install(request: Request) -> Response:
        with site.world.lock:
            waiting = [one for one in site.world.repositories.values() if not site.world.installation_for(one)]
            if request.method == "POST":
                for repository in waiting:
                    repositories.install(site, repository)
                waiting = []
            names = [one.full_name for one in waiting]
            return show("installation.html", app=site.world.app, names=names, done=request.method == "POST")

    return [
        Route("/settings/apps/new", confirm, methods=["POST"]),
        Route("/organizations/{organization}/settings/apps/new", confirm, methods=["POST"]),
        Route("/settings/apps", register, methods=["POST"]),
        Route("/apps/{slug}/installations/new", install, methods=["GET", "POST"]),
    ]


def _form(body: bytes) -> Mapping[str, str]:
    return {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
