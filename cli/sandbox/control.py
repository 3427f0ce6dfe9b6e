"""`/_sandbox/`: what the Python API does, for other processes.

Whatever GitHub's own API can do (opening pull requests, commenting, merging) is done there, with a user token
from `POST /_sandbox/tokens`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cli.sandbox import faults, payloads, pushes, repositories
from cli.sandbox.answers import RefusedError
from cli.sandbox.site import Site
from cli.sandbox.state import Json, Repository

WAIT_SECONDS = 60.0
Action = Callable[[Json], object]


def routes(site: Site) -> list[Route]:
    """Return the routes of the control endpoint."""
    actions: dict[tuple[str, str], Action] = {
        ("GET", "requests"): lambda _: [dataclasses.asdict(one) for one in site.requests],
        ("DELETE", "requests"): lambda _: site.requests.clear(),
        ("GET", "faults"): lambda _: [
            {**dataclasses.asdict(fault), "left": left} for fault, left in site.faults.remaining.items()
        ],
        ("POST", "faults"): lambda body: site.faults.add(faults.from_json(body)),
        ("DELETE", "faults"): lambda _: site.faults.clear(),
        ("GET", "deliveries"): lambda _: [payloads.delivery(one) for one in site.webhooks],
        ("POST", "reset"): lambda _: site.reset(),
        ("POST", "wait"): lambda _: {"idle": site.webhooks.wait(WAIT_SECONDS)},
        ("PUT", "hook"): lambda body: _set_hook(site, body),
        ("POST", "tokens"): lambda body: {"token": site.tokens.issue_user(site.world.account(body["login"]))},
        ("POST", "repositories"): lambda body: _create(site, body),
        ("POST", "forks"): lambda body: _fork(site, body),
        ("POST", "commits"): lambda body: _commit(site, body),
        ("PUT", "roles"): lambda body: repositories.set_role(
            site, _repository(site, body), body["login"], body["role"]
        ),
    }

    def perform(action: Action, body: Json) -> Response:
        try:
            result = action(body)
        except KeyError as error:
            return JSONResponse({"message": f"{error.args[0]} is missing"}, 422)
        except (TypeError, ValueError, RefusedError, pushes.PushRejectedError) as error:
            return JSONResponse({"message": str(error)}, 422)
        return Response(status_code=204) if result is None else JSONResponse(result)

    def route(path: str) -> Route:
        async def answer(request: Request) -> Response:
            raw = await request.body()
            body = json.loads(raw) if raw else {}
            return await run_in_threadpool(perform, actions[request.method, path], body)

        return Route(f"/_sandbox/{path}", answer, methods=[method for method, name in actions if name == path])

    return [route(path) for path in dict.fromkeys(name for _, name in actions)]


def _set_hook(site: Site, body: Json) -> None:
    site.world.app.webhook_url = body["url"]


def _repository(site: Site, body: Json) -> Repository:
    found = site.world.repository(body["repository"])
    if found is None:
        raise RefusedError(422, f"there is no repository {body['repository']}")
    return found


def _create(site: Site, body: Json) -> Json:
    with site.world.lock:
        created = repositories.create(site, body["repository"], body["files"], private=body.get("private", False))
        repositories.install(site, created)
        return payloads.short_repository(created)


def _fork(site: Site, body: Json) -> Json:
    with site.world.lock:
        owner = site.world.account(body["login"])
        return payloads.short_repository(repositories.fork(site, _repository(site, body), owner))


def _commit(site: Site, body: Json) -> Json:
    with site.world.lock:
        repository, author = _repository(site, body), site.world.account(body.get("author", "alice"))
        repository.collaborators.setdefault(author.login, "write")
        sha = pushes.commit(
            site,
            repository,
            body["branch"],
            body["files"],
            body.get("message", "Change files"),
            author,
            parent=body.get("parent"),
            force=body.get("force", False),
        )
        return {"sha": sha}
