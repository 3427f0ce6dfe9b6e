"""dockslim as deploy/compose.yml runs it, on a real engine: from `make up` to a review, whatever is killed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from cli.sandbox import PullRequestHandle, RepositoryHandle, Sandbox
from tests.chromium import DESKTOP, PHONE, Page, browsing
from tests.deploy.engine import Engine
from tests.engine import do_without
from tests.ports import free_port
from tests.workers.builders.registry import find_missing, make_busybox, serve_registry
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
    base_image: str
    """An image that builds may start from."""

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

    def choose(self, **settings: str) -> None:
        """Change deploy/.env, as an owner would."""
        file = self.clone / "deploy" / ".env"
        kept = [line for line in file.read_text().splitlines() if line.partition("=")[0] not in settings]
        file.write_text("".join(f"{line}\n" for line in (*kept, *(f"{name}={it}" for name, it in settings.items()))))

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
def base_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    missing = find_missing()
    if missing:
        do_without(f"cannot build here: {missing}")
    with serve_registry(tmp_path_factory.mktemp("registry"), _own_address()) as registry:
        yield registry.push("busybox:1", [make_busybox()])


@pytest.fixture(scope="module")
def machine(
    engine: Engine, images: dict[str, str], python_image: str, base_image: str, sandbox: Sandbox, clone: Path
) -> Iterator[Machine]:
    if shutil.which("docker-compose") is None and engine.attempt("compose", "version").returncode:
        do_without("neither `docker compose` nor docker-compose is installed")
    port = free_port()
    ours = ("DOCKSLIM_", "COMPOSE_")
    outside = {name: value for name, value in engine.environ.items() if not name.startswith(ours)} | {
        # The engine's own DOCKER_BUILDKIT; compose 1 asks for it by another name.
        "COMPOSE_DOCKER_CLI_BUILD": "0",
    }
    machine = Machine(engine, clone, outside, port, base_image)
    shutil.copy(clone / "deploy" / ".env.example", clone / "deploy" / ".env")
    machine.choose(
        COMPOSE_PROFILES="builder",
        DOCKSLIM_PUBLIC_URL=machine.url,
        DOCKSLIM_BIND=f"127.0.0.1:{port}",
        DOCKSLIM_GITHUB_API_URL=sandbox.url,
        DOCKSLIM_REGISTRIES=f"http://{base_image.partition('/')[0]}",
        DOCKSLIM_WEB_IMAGE=images["web"],
        DOCKSLIM_WORKER_IMAGE=images["worker"],
        DOCKSLIM_BUILDER_IMAGE=images["builder"],
        VALKEY_IMAGE=images["valkey"],
        CADDY_IMAGE=images["caddy"],
        PYTHON_IMAGE=python_image,
    )
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
    for name, most, user in (("web", 120, "10001:10001"), ("worker", 120, "10001:10001"), ("builder", 175, "0:0")):
        size = engine.size(images[name])
        print(f"{name}: {size / MB:.1f} MB, {(size - base) / MB:.1f} MB of it on top of its base")
        assert size - base < most * MB
        config = json.loads(engine.run("image", "inspect", "--format", "{{json .Config}}", images[name]))
        assert config["User"] == user
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
    _look(browser, tmp_path, "setup")
    browser.fill("#organization", "acme")
    browser.click("Continue")
    browser.click("Create the App for acme")
    browser.fill("[name=name]", "Acme dockslim")
    browser.click("Create GitHub App for acme")
    _look(browser, tmp_path, "registered")
    assert "Acme dockslim is registered" in browser.text
    browser.click("Install it on repositories")
    browser.click("Install")

    pull = _open(sandbox, repository, "feature")
    wait_until(lambda: pull.reviews, SECONDS)
    assert len(pull.review_comments) == 2
    browser.open(pull.url)
    _look(browser, tmp_path, "pull")
    browser.open(f"{machine.url}/")
    _look(browser, tmp_path, "status")
    assert "acme/shop#1" in browser.text


def test_images_are_built_when_somebody_asks_also_by_a_builder_that_is_killed(
    machine: Machine, sandbox: Sandbox
) -> None:
    wait_until(lambda: " limited" in machine.compose("logs", "builder"), SECONDS)
    assert "memory, processes, disk, processor and network are limited" in machine.compose("logs", "builder")
    repository = sandbox.repository("acme/shop")
    base = f"FROM {machine.base_image}\n"
    repository.commit("main", {"grown/Dockerfile": base, ".github/dockslim.yml": "builds: on-request\n"})
    repository.commit("grown", {"grown/Dockerfile": f"{base}RUN sleep 3; head -c 2000000 /dev/urandom > /a\n"})
    pull = sandbox.open_pull_request(repository, "grown")
    wait_until(lambda: _concluded(pull), SECONDS)
    pull.comment("/dockslim build")
    wait_until(lambda: any(" · building " in str(run.title) for run in pull.check_runs), SECONDS)
    machine.kill("builder")
    wait_until(lambda: any("Line 2 adds 2 MB" in comment.body for comment in pull.issue_comments), SECONDS)
    # Builds are in groups below the container's, so that its own limits hold for all of them together.
    assert machine.inspect("builder", ".HostConfig.Privileged") == "false"


def test_what_a_builder_cannot_limit_strangers_do_not_get(machine: Machine) -> None:
    """On a machine whose control groups have no controllers."""
    script = f"{BARE_GROUPS}\n/opt/builder doctor\n{ASK}"
    said = machine.compose("run", "--rm", "--no-deps", "-T", "--entrypoint", "sh", "builder", "-c", script)
    assert re.search(r"^note +builder +buildah [\d.]+; nothing here limits memory, processes, cpu$", said, re.MULTILINE)
    assert "What others than writers propose is not built here." in said
    assert re.search(r"^impossible: buildah cannot limit memory, processes, cpu here$", said, re.MULTILINE)


BARE_GROUPS = """\
mount -t tmpfs none /sys/fs/cgroup
for each in memory pids cpu; do
    mkdir /sys/fs/cgroup/$each && mount -t cgroup -o none,name=bare-$each none /sys/fs/cgroup/$each
done"""
ASK = """\
exec /opt/dockslim/bin/python - << 'END'
import os, pathlib
from workers.builders.choose import open_builder
from workers.builders.model import Limits
from workers.builders.series import Bench, Source, build_series

def resolve(image):
    raise AssertionError("nothing is asked for")

work = pathlib.Path("/tmp")
bench = Bench(open_builder(os.environ), resolve, (), Limits(), "strangers", work, trusted=False)
build = build_series(bench, None, Source(work, "FROM busybox")).head
print(f"{build.outcome}: {build.reason}")
END
"""


def test_every_container_is_healthy_and_confined(machine: Machine) -> None:
    for service in ("web", "worker", "valkey", "builder"):
        container = machine.container(service)
        wait_until(lambda one=service: machine.inspect(one, ".State.Health.Status") == "healthy", SECONDS)
        assert machine.inspect(service, ".HostConfig.ReadonlyRootfs") == "true"
        assert machine.inspect(service, ".HostConfig.CapDrop") == "[ALL]"
        assert int(machine.inspect(service, ".HostConfig.Memory")) > 0
        # The builder was killed once, above.
        assert machine.inspect(service, ".RestartCount") == ("1" if service == "builder" else "0")
        # No secret is in what everybody who may ask the engine can read.
        assert machine.token not in machine.engine.run("inspect", container)
    assert machine.inspect("web", ".Config.User") == "10001:10001"
    # As root without capabilities, the entry point of Valkey's image ends where it may not look: after the first start.
    assert machine.inspect("valkey", ".Config.User") == "999:999"
    assert machine.inspect("valkey", "json .HostConfig.CapAdd") in {"[]", "null"}
    assert set(json.loads(machine.inspect("builder", "json .HostConfig.CapAdd"))) == SANDBOX
    # The queue has no way out, and nothing of it is published; the builder meets nobody but the queue.
    networks = {each: _networks(machine, each) for each in ("web", "worker", "builder", "valkey")}
    for network in networks["valkey"]:
        assert machine.engine.run("network", "inspect", "--format", "{{.Internal}}", network) == "true"
    assert not networks["builder"] & (networks["web"] | networks["worker"])
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


def test_caddy_brings_tls(machine: Machine, tmp_path: Path) -> None:
    """For a name that is nobody's but this machine's, it is an authority itself."""
    machine.choose(COMPOSE_PROFILES="builder,tls", DOCKSLIM_PUBLIC_URL="https://localhost")
    assert "Open https://localhost/setup" in machine.up()
    root = "/data/caddy/pki/authorities/local/root.crt"
    caddy = machine.container("caddy")
    wait_until(lambda: machine.engine.attempt("exec", caddy, "test", "-e", root).returncode == 0, SECONDS)
    (tmp_path / "root.crt").write_text(machine.engine.run("exec", caddy, "cat", root))
    with httpx.Client(verify=ssl.create_default_context(cafile=tmp_path / "root.crt"), trust_env=False) as client:
        wait_until(lambda: client.get("https://localhost/readyz").status_code == 200, SECONDS)
        assert client.get("https://localhost/setup").status_code == 401
        moved = client.get("http://localhost/setup")
        assert (moved.status_code, moved.headers["location"]) == (308, "https://localhost/setup")
    check = json.loads(machine.inspect("caddy", "json .Config.Healthcheck.Test"))
    machine.engine.run("exec", caddy, *check[1:])


SANDBOX = {"CHOWN", "DAC_OVERRIDE", "KILL", "NET_ADMIN", "SETGID", "SETUID", "SYS_ADMIN"}


def _networks(machine: Machine, service: str) -> set[str]:
    return set(json.loads(machine.inspect(service, "json .NetworkSettings.Networks")))


def _look(browser: Page, directory: Path, name: str) -> None:
    """Take the picture of a page at a desk and on a phone, where nothing may lie beyond the edge."""
    browser.screenshot(directory / f"{name}.png")
    browser.resize(PHONE)
    browser.screenshot(directory / f"{name}-phone.png")
    assert browser.overflowing() == []
    browser.resize(DESKTOP)


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
