"""`dockslim doctor` against the sandbox and a real Valkey: what it finds, and what it says to do about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.settings import read_settings
from cli.doctor import Line, examine
from cli.sandbox import Sandbox, server_error
from tests.workers.web import Web
from workers.valkey import embedded_valkey

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with embedded_valkey() as url:
        yield url


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox, sandbox.serving():
        sandbox.webhook_url = "https://dockslim.example/webhooks"
        # Nobody is listening there, and nothing is to be sent.
        sandbox.site.webhooks.clear()
        yield sandbox


def _environ(sandbox: Sandbox, redis_url: str) -> dict[str, str]:
    return {
        "DOCKSLIM_APP_ID": str(sandbox.app_id),
        "DOCKSLIM_PRIVATE_KEY": sandbox.private_key,
        "DOCKSLIM_WEBHOOK_SECRET": "hush",
        "DOCKSLIM_GITHUB_API_URL": sandbox.url,
        "DOCKSLIM_REDIS_URL": redis_url,
        "DOCKSLIM_PUBLIC_URL": "https://dockslim.example",
        "DOCKSLIM_STATUS_TOKEN": "0123456789abcdef",
    }


def _install(sandbox: Sandbox) -> Any:
    url, sandbox.webhook_url = sandbox.webhook_url, None
    repository = sandbox.create_repository("acme/shop", {"Dockerfile": "FROM debian:12\n"})
    sandbox.webhook_url = url
    return repository


def test_everything_in_order(sandbox: Sandbox, redis_url: str) -> None:
    _install(sandbox)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DOCKSLIM_")}
    ran = subprocess.run(
        [sys.executable, "-m", "cli.main", "doctor"],
        env={**environ, **_environ(sandbox, redis_url)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[-1] == "Everything is in order."
    for about in ("settings", "key", "clock", "app", "permissions", "events", "webhook", "installations", "redis"):
        assert f"ok       {about} " in ran.stdout
    assert "note     builder        none: images are not built" in ran.stdout
    assert "hush" not in ran.stdout
    assert "PRIVATE" not in ran.stdout


def _take_permission(sandbox: Sandbox) -> None:
    sandbox.accept_permissions(sandbox.repository("acme/shop"), checks="none")


@pytest.mark.parametrize(
    ("break_it", "environ", "about", "found", "todo"),
    [
        pytest.param(
            _take_permission,
            {},
            "permissions",
            "acme has not granted checks: write.",
            "/settings/installations/",
            id="p",
        ),
        pytest.param(
            lambda sandbox: sandbox.suspend(sandbox.repository("acme/shop")),
            {},
            "installations",
            "The installation of acme is suspended.",
            "/settings/installations/",
            id="suspended",
        ),
        pytest.param(
            lambda sandbox: sandbox.site.world.installations.clear(),
            {},
            "installations",
            "The App is installed nowhere.",
            "/apps/dockslim/installations/new",
            id="nowhere",
        ),
        pytest.param(
            lambda sandbox: setattr(sandbox.site.world.app, "events", ("push",)),
            {},
            "events",
            "The App is not sent check_run",
            "/apps/dockslim/permissions",
            id="events",
        ),
        pytest.param(
            None,
            {"DOCKSLIM_PUBLIC_URL": "https://other.example"},
            "webhook",
            "Webhooks go to https://dockslim.example/webhooks, not to https://other.example/webhooks.",
            "/settings/apps/dockslim",
            id="webhook",
        ),
        pytest.param(None, {"DOCKSLIM_APP_ID": "999"}, "app", "GitHub answered 401", "DOCKSLIM_APP_ID", id="App ID"),
        pytest.param(
            lambda sandbox: sandbox.faults.add(server_error(502, path="/app$")),
            {},
            "app",
            "GitHub answered 502",
            "later",
            id="GitHub",
        ),
        pytest.param(
            None,
            {"DOCKSLIM_REDIS_URL": "redis://127.0.0.1:1/0"},
            "redis",
            "does not answer (ConnectionError)",
            "DOCKSLIM_REDIS_URL",
            id="Redis",
        ),
        pytest.param(
            None,
            {"DOCKSLIM_GITHUB_API_URL": "http://127.0.0.1:1"},
            "github",
            "http://127.0.0.1:1 does not answer (ConnectError)",
            "DOCKSLIM_GITHUB_API_URL",
            id="unreachable",
        ),
    ],
)
def test_what_is_amiss_and_what_to_do(
    sandbox: Sandbox,
    redis_url: str,
    break_it: Callable[[Sandbox], object] | None,
    environ: dict[str, str],
    about: str,
    found: str,
    todo: str,
) -> None:
    _install(sandbox)
    url, sandbox.webhook_url = sandbox.webhook_url, None
    if break_it is not None:
        break_it(sandbox)
    sandbox.webhook_url = url
    lines, code = examine(_environ(sandbox, redis_url) | environ)
    [line] = [each for each in lines if each.state == "problem"]
    assert code == 1
    assert line.about == about
    assert found in line.found
    assert todo in line.todo


@pytest.mark.parametrize(
    ("offset", "state", "found"),
    [(20, "ok", "s from GitHub's"), (90, "problem", "s ahead of GitHub's"), (-90, "problem", "s behind GitHub's")],
)
def test_the_clock(sandbox: Sandbox, redis_url: str, offset: int, state: str, found: str) -> None:
    _install(sandbox)
    lines, code = examine(_environ(sandbox, redis_url), lambda: datetime.now(UTC) + timedelta(seconds=offset))
    [line] = [each for each in lines if each.about == "clock"]
    assert (line.state, code) == (state, int(state == "problem"))
    assert found in line.found


def test_settings_that_would_not_start() -> None:
    lines, code = examine({"DOCKSLIM_APP_ID": "x", "DOCKSLIM_PRIVATE_KEY": "y", "DOCKSLIM_WEBHOOK_SECRET": "z"})
    assert code == 2
    assert [line.about for line in lines] == ["settings"]
    assert lines[0].found.startswith("DOCKSLIM_PRIVATE_KEY is not an RSA private key")


def test_before_the_set_up(sandbox: Sandbox) -> None:
    lines, code = examine({"DOCKSLIM_GITHUB_API_URL": sandbox.url})
    assert code == 1
    assert lines[0] == Line("settings", "problem", "there is no App yet", lines[0].todo)
    assert "open /setup" in lines[0].todo
    assert [line.about for line in lines] == ["settings", "pages", "clock", "redis", "builder"]


def test_a_builder_that_limits_nothing(sandbox: Sandbox, engine_host: str) -> None:
    environ = {"DOCKSLIM_GITHUB_API_URL": sandbox.url, "DOCKSLIM_BUILDER": "docker"}
    # The client that came with the engine: another may want buildx.
    lines, _ = examine({**environ, "DOCKER_HOST": engine_host, "PATH": "/usr/bin:/bin"})
    assert (lines[-1].about, lines[-1].state) == ("builder", "note")
    assert lines[-1].found.startswith("docker 2")
    assert lines[-1].found.endswith("; nothing here limits memory, processes, disk, network, cpu")
    assert lines[-1].todo == "What others than writers propose is not built here."
    lines, code = examine({**environ, "DOCKER_HOST": "tcp://127.0.0.1:1"})
    assert (lines[-1].state, lines[-1].found, code) == ("problem", "no engine answers at tcp://127.0.0.1:1", 1)


@pytest.mark.parametrize(
    ("secret", "code", "todo"),
    [
        ("other", 401, "DOCKSLIM_WEBHOOK_SECRET"),
        ("hush", 503, "/settings/apps/dockslim/advanced"),
        (None, 502, "/advanced"),
    ],
)
def test_deliveries_that_were_not_taken(
    sandbox: Sandbox, redis_url: str, secret: str | None, code: int, todo: str
) -> None:
    """From GitHub's own log: another secret here, no queue behind the web process, no web process."""
    environ = _environ(sandbox, redis_url)
    _install(sandbox)
    settings = read_settings(environ)
    with Web(settings, redis_url if code != 503 else "redis://127.0.0.1:1/0") as url:
        sandbox.site.world.app.webhook_secret = secret or "hush"
        sandbox.webhook_url = f"{url if secret else 'http://127.0.0.1:1'}/webhooks"
        repository = sandbox.repository("acme/shop")
        repository.commit("feature", {"Dockerfile": "FROM debian:13\n"})
        sandbox.open_pull_request(repository, "feature")
        sandbox.wait_until_delivered()
    del environ["DOCKSLIM_PUBLIC_URL"]
    lines, _ = examine(environ)
    [line] = [each for each in lines if each.about == "deliveries"]
    assert line.state == "problem"
    assert f"were not taken (answered {code})" in line.found
    assert todo in line.todo


def test_as_json(sandbox: Sandbox, redis_url: str) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DOCKSLIM_")}
    ran = subprocess.run(
        [sys.executable, "-m", "cli.main", "doctor", "--format", "json"],
        env={**environ, **_environ(sandbox, redis_url)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    lines = json.loads(ran.stdout)
    assert {"about": "redis", "state": "ok"}.items() <= lines[-2].items()
    assert set(lines[0]) == {"about", "state", "found", "todo"}
