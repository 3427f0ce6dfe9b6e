"""dockslim as deploy/compose.yml runs it, on a real engine: from `make up` to a review, whatever is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from cli.sandbox import PullRequestHandle, RepositoryHandle, Sandbox
from tests.bot.pages.server import free_port
from tests.chromium import Page, browsing
from tests.deploy.engine import Engine
from tests.engine import do_without
from tests.workers.stage import CLEAN, WASTEFUL
from tests.workers.web import wait_until

pytestmark = pytest.mark.slow

SECONDS = 180.0
MB = 1_000_000


@dataclass(frozen=True)
class Machine:
    """A machine on which somebody has cloned dockslim."""

    engine: Engine
    clone: Path
    environ: dict[str, str]
    port: int

    @property
    def url(self) -> str:
        """Where its web process is reached."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        """The password that `make up` has made."""
        return (self.clone / "deploy" / "secrets" / "status_token").read_text()

    def up(self) -> str:
        """Run `make up` and return what it says."""
        done = self._run(["make", "--no-print-directory", "up"], self.clone)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def compose(self, *arguments: str) -> str:
        """Run compose as an owner would."""
        name = (
            ["docker", "compose"] if self._run(["docker", "compose", "version"]).returncode == 0 else ["docker-compose"]
        )
        done = self._run([*name, "-f", "compose.yml", *arguments], self.clone / "deploy")
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def container(self, service: str) -> str:
        """Return the container of a service."""
        return self.compose("ps", "--quiet", service).split()[0]

    def inspect(self, service: str, path: str) -> str:
        """Return what the engine knows of a service's container."""
        return self.engine.run("inspect", "--format", f"{{{{{path}}}}}", self.container(service))

    def kill(self, service: str) -> None:
        """Kill the first process of a service, as a machine does that runs out of memory; it is started again."""
        before = int(self.inspect(service, ".RestartCount"))
        os.kill(int(self.inspect(service, ".State.Pid")), signal.SIGKILL)
        wait_until(lambda: int(self.inspect(service, ".RestartCount")) > before, SECONDS)

    def _run(self, command: Sequence[str], directory: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=directory,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def _own_address() -> str:
    """Return an address of this machine that its containers reach; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.254", 9))
        return str(probe.getsockname()[0])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox, sandbox.serving(host=_own_address()):
        yield sandbox


@pytest.fixture(scope="module")
def machine(
    engine: Engine, images: dict[str, str], python_image: str, sandbox: Sandbox, clone: Path
) -> Iterator[Machine]:
    if shutil.which("docker-compose") is None and engine.attempt("compose", "version").returncode:
        do_without("neither `docker compose` nor docker-compose is installed")
    port = free_port()
    example = (clone / "deploy" / ".env.example").read_text()
    chosen = {
        "DOCKSLIM_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DOCKSLIM_BIND": f"127.0.0.1:{port}",
        "DOCKSLIM_GITHUB_API_URL": sandbox.url,
        "DOCKSLIM_WEB_IMAGE": images["web"],
        "DOCKSLIM_WORKER_IMAGE": images["worker"],
        "VALKEY_IMAGE": images["valkey"],
        "PYTHON_IMAGE": python_image,
    }
    (clone / "deploy" / ".env").write_text(
        "".join(f"{line}\n" for line in example.splitlines() if line.partition("=")[0] not in chosen)
        + "".join(f"{name}={value}\n" for name, value in chosen.items())
    )
    ours = ("DOCKSLIM_", "COMPOSE_")
    outside = {name: value for name, value in engine.environ.items() if not name.startswith(ours)} | {
        # The engine's own DOCKER_BUILDKIT; compose 1 asks for it by another name.
        "COMPOSE_DOCKER_CLI_BUILD": "0",
    }
    machine = Machine(engine, clone, outside, port)
    try:
        yield machine
    finally:
        print(machine.compose("logs", "--no-color", "--tail", "40"))
        machine.compose("down", "--volumes", "--timeout", "20")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browsing(tmp_path_factory.mktemp("chromium")) as page:
        yield page


def test_what_the_images_hold(engine: Engine, images: dict[str, str], python_image: str) -> None:
    base = engine.size(python_image)
    for name in ("web", "worker"):
        size = engine.size(images[name])
        print(f"{name}: {size / MB:.1f} MB, {(size - base) / MB:.1f} MB of it on top of its base")
        assert size - base < 120 * MB
        config = json.loads(engine.run("image", "inspect", "--format", "{{json .Config}}", images[name]))
        assert config["User"] == "10001:10001"
        assert config["Healthcheck"]["Test"] == ["CMD", "/opt/dockslim/bin/dockslim", "alive", name]
    found = engine.run(
        *("run", "--rm", "--network", "none", "--entrypoint", "sh", images["web"], "-c"),
        "cd /opt/dockslim; ls -d lib/python3*/site-packages/pip lib/python3*/site-packages/tests; "
        "ls -A /src /root/.cache; command -v gcc cc strip curl git; true",
    )
    assert found == "", "what nobody needs at run time is in the image"


def test_a_newcomer_gets_a_review(machine: Machine, sandbox: Sandbox, browser: Page, tmp_path: Path) -> None:
    """Clone, `make up`, /setup, an App from the manifest, its installation, a pull request, its review."""
    repository = sandbox.create_repository("acme/shop", {"Dockerfile": CLEAN}, install=False)
    said = machine.up()
    assert f"Open {machine.url}/setup and sign in" in said
    assert "deploy/secrets/status_token" in said
    assert machine.token not in said
    wait_until(lambda: _answers(machine), SECONDS)

    assert httpx.get(f"{machine.url}/setup", trust_env=False).status_code == 401
    browser.ask("Network.setExtraHTTPHeaders", headers={"Authorization": f"Bearer {machine.token}"})
    browser.open(f"{machine.url}/setup")
    browser.screenshot(tmp_path / "setup.png")
    browser.fill("#organization", "acme")
    browser.click("Continue")
    browser.click("Create the App for acme")
    browser.fill("[name=name]", "Acme dockslim")
    browser.click("Create GitHub App for acme")
    assert "Acme dockslim is registered" in browser.text
    browser.click("Install it on repositories")
    browser.click("Install")

    pull = _open(sandbox, repository, "feature")
    wait_until(lambda: pull.reviews, SECONDS)
    assert len(pull.review_comments) == 2
    browser.open(pull.url)
    browser.screenshot(tmp_path / "pull.png")
    browser.open(f"{machine.url}/")
    browser.screenshot(tmp_path / "status.png")
    assert "acme/shop#1" in browser.text


def test_every_container_is_healthy_and_confined(machine: Machine) -> None:
    for service in ("web", "worker", "valkey"):
        container = machine.container(service)
        # What the engine asks every 30 seconds, asked at once.
        check = json.loads(machine.inspect(service, "json .Config.Healthcheck.Test"))
        assert check[0] == "CMD"
        machine.engine.run("exec", container, *check[1:])
        assert machine.inspect(service, ".HostConfig.ReadonlyRootfs") == "true"
        assert machine.inspect(service, ".HostConfig.CapDrop") == "[ALL]"
        assert int(machine.inspect(service, ".HostConfig.Memory")) > 0
        assert machine.inspect(service, ".RestartCount") == "0"
        # No secret is in what everybody who may ask the engine can read.
        assert machine.token not in machine.engine.run("inspect", container)
    assert machine.inspect("web", ".Config.User") == "10001:10001"
    # As root without capabilities, the entry point of Valkey's image ends where it may not look: after the first start.
    assert machine.inspect("valkey", ".Config.User") == "999:999"
    assert machine.inspect("valkey", "json .HostConfig.CapAdd") in {"[]", "null"}
    # The queue has no way out, and nothing of it is published.
    assert machine.inspect("valkey", "len .NetworkSettings.Networks") == "1"
    assert machine.inspect("valkey", "json .HostConfig.PortBindings") in {"{}", "null"}


def test_whatever_is_killed_nothing_is_lost(machine: Machine, sandbox: Sandbox) -> None:
    repository = sandbox.repository("acme/shop")
    pulls = []
    machine.compose("stop", "web")
    pulls.append(_open(sandbox, repository, "while-web-is-away"))
    sandbox.wait_until_delivered()
    machine.compose("start", "web")
    wait_until(lambda: _answers(machine), SECONDS)
    for service in ("web", "valkey", "worker"):
        pulls.append(_open(sandbox, repository, f"{service}-is-killed"))
        machine.kill(service)
        wait_until(lambda: _answers(machine), SECONDS)
    for pull in pulls:
        wait_until(lambda one=pull: one.reviews, SECONDS)
    wait_until(lambda: all(_concluded(pull) for pull in pulls), SECONDS)
    for pull in pulls:
        assert len(pull.reviews) == 1
        assert len(pull.review_comments) == 2
        print(f"#{pull.number} {pull.record.head_ref}: one review, two comments")


def _open(sandbox: Sandbox, repository: RepositoryHandle, branch: str) -> PullRequestHandle:
    repository.commit(branch, {f".branch/{branch}": branch, "Dockerfile": WASTEFUL})
    return sandbox.open_pull_request(repository, branch)


def _concluded(pull: PullRequestHandle) -> bool:
    return any(run.status == "completed" for run in pull.check_runs)


def _answers(machine: Machine) -> bool:
    try:
        return httpx.get(f"{machine.url}/readyz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
