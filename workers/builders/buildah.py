"""Buildah with runc, in the sandbox. https://github.com/containers/buildah"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from rules.dockerfile import Dockerfile, Instruction, parse
from workers.builders import sandbox
from workers.builders.context import ContextError, unpack
from workers.builders.egress import LOOPBACK, Hosts
from workers.builders.model import Ability, Build, Limits, Outcome, Recipe, Step
from workers.builders.output import Capped
from workers.builders.packed import find_packed, put_back
from workers.builders.sandbox import Ran, Sandbox, SandboxError

_STORE = ("--root", "/store/images", "--runroot", "/run/buildah")
_STEP = re.compile(r"^(?:\[(\d{1,6})/\d+\] )?STEP (\d{1,6})/\d+: (.*)$", re.MULTILINE)
_ENVIRONMENT = {"STORAGE_DRIVER": "overlay", "_CONTAINERS_USERNS_CONFIGURED": "1"}
_FULL = re.compile(r"no space left on device", re.IGNORECASE)
_TAG = "localhost/dockslim"
# What push finds under the digest that a layer has unpacked, it neither packs nor writes.
_EXPORT = """
rm -rf /store/out && mkdir -p /store/out/blobs/sha256 && cd /store/out/blobs/sha256 &&
for each in $PACKED; do : > "$each" || exit; done && "$@" >&2 && rm -f $PACKED && exec tar -C /store/out -cf - .
"""


@dataclass(frozen=True, slots=True)
class Buildah:
    """Builds with buildah; `stores` is where caches are kept, `insecure` the registries that speak plain HTTP."""

    stores: Path
    hosts: Hosts = field(default_factory=Hosts)
    insecure: tuple[str, ...] = ()
    version: tuple[int, ...] = ()
    name: str = "buildah"

    def examine(self) -> Ability:
        """Try out what works on this machine."""
        if not self.version or shutil.which("runc") is None:
            return Ability(False, "buildah and runc are not both installed")
        try:
            with tempfile.TemporaryDirectory() as scratch:
                lacks = sandbox.find_lacks(Path(scratch))
        except SandboxError as error:
            return Ability(False, str(error))
        said = ".".join(map(str, self.version))
        if lacks:
            return Ability(True, f"buildah {said}; nothing here limits {', '.join(lacks)}", lacks)
        return Ability(True, f"buildah {said}; memory, processes, disk, processor and network are limited")

    def build(self, recipe: Recipe, limits: Limits, store: str, into: Path) -> Build:
        """Build into the empty directory `into`."""
        if recipe.platform not in ("", sandbox.host_platform()):
            return Build(Outcome.IMPOSSIBLE, f"this builder is for {sandbox.host_platform()}, not {recipe.platform}")
        try:
            # In it, what is built has one name; and it may be made anew.
            with sandbox.hold_store(self.stores, store):
                return self._build(recipe, limits, store, into)
        except SandboxError as error:
            return Build(Outcome.IMPOSSIBLE, str(error))

    def _build(self, recipe: Recipe, limits: Limits, store: str, into: Path) -> Build:
        started = time.monotonic()
        deadline = started + limits.seconds
        file_system = sandbox.open_store(self.stores, store, limits.disk)
        box = Sandbox(file_system, limits, self.hosts, _configure(self.insecure))
        with tempfile.TemporaryDirectory(prefix="dockslim-build-") as folder:
            file = Path(folder, "Dockerfile")
            file.write_text(recipe.dockerfile, encoding="utf-8", errors="surrogateescape")
            file.chmod(0o644)
            try:
                build = _build(box, _outside(self.insecure), recipe, file, into, deadline)
            except SandboxError as error:
                build = Build(Outcome.IMPOSSIBLE, str(error))
                # What cannot be mounted would not be the next time either.
                box.store.unlink(missing_ok=True)
        if build.outcome is Outcome.LIMITED and "disk" in build.reason:
            # Full, it would fail the next build.
            box.store.unlink(missing_ok=True)
        return Build(build.outcome, build.reason, build.layout, build.steps, build.log, time.monotonic() - started)


def find_version() -> tuple[int, ...]:
    """Return the version of buildah here, empty without one."""
    try:
        said = subprocess.run(["buildah", "--version"], capture_output=True, text=True, check=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    found = re.search(r"version (\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else ()


def _outside(insecure: Iterable[str]) -> Hosts:
    """Return what images may come from: a manifest may name any address for its layers, and who wrote it is anybody."""
    return Hosts(tuple(_reach(each) for each in insecure), anywhere=True)


def _reach(registry: str) -> str:
    """Return where the proxy finds a registry that speaks plain HTTP, as HOST:PORT."""
    host, _, port = registry.partition(":")
    is_here = host == "localhost" or host.startswith("127.")
    return f"{LOOPBACK if is_here else host}:{port or 80}"


def _build(box: Sandbox, outside: Hosts, recipe: Recipe, file: Path, into: Path, deadline: float) -> Build:
    def left() -> float:
        return max(deadline - time.monotonic(), 1.0)

    for image in recipe.images:
        fetching = replace(box, hosts=outside)
        ran = fetching.run(*_call("pull", "--policy", "ifnewer", "-q", image), environment=_ENVIRONMENT, seconds=left())
        if ran.status:
            return _judge(ran, (), f"{image} cannot be pulled", box.limits, Outcome.IMPOSSIBLE)
    binds = ((recipe.context, "/in/context"), (file, "/in/Dockerfile"))
    ran = box.run(*_bud(recipe), binds=binds, environment=_ENVIRONMENT, seconds=left())
    steps = tuple(_read_steps(ran.log, parse(recipe.dockerfile)))
    # What was killed inside a pipe may leave a build that goes on with half of the files.
    if ran.status or ran.hits:
        at = f"line {steps[-1].line} fails" if steps and steps[-1].line else "the build fails"
        return _judge(ran, steps, at, box.limits, Outcome.FAILED)
    packed = find_packed(recipe.earlier)
    known = " ".join(each.removeprefix("sha256:") for each in packed)
    with tempfile.TemporaryFile() as archive:
        pushed = box.run(
            "/bin/sh", "-c", _EXPORT, "push", *_call("push", "-q", _TAG, "oci:/store/out:image"),
            environment={**_ENVIRONMENT, "PACKED": known}, seconds=left(), output=Capped(archive, box.limits.disk),
        )  # fmt: skip
        if pushed.status:
            # It was built: no line of it is to blame, and its log is worth more than that of the export.
            judged = _judge(pushed, (), "the image cannot be written", box.limits, Outcome.IMPOSSIBLE)
            return replace(judged, log=f"{ran.log}{pushed.log}")
        archive.seek(0)
        try:
            unpack(archive, into, most_bytes=box.limits.disk)
            put_back(into, packed)
        except (ContextError, ValueError) as error:
            return Build(Outcome.IMPOSSIBLE, f"the image cannot be read: {error}", None, steps, ran.log)
    return Build(Outcome.BUILT, "", into, steps, ran.log)


def _bud(recipe: Recipe) -> Iterable[str]:
    # Without --layers everything is one layer; the OCI format has no SHELL and no HEALTHCHECK.
    yield from _call("bud", "--layers", "--format", "docker", "--force-rm", "--pull-never")
    yield from ("--isolation", "oci", "--runtime", "runc", "--network", "host", "-t", _TAG)
    for name, value in recipe.build_args:
        yield from ("--build-arg", f"{name}={value}")
    if recipe.target is not None:
        yield from ("--target", recipe.target)
    # What is ignored is gone already. Buildah alone knows .containerignore, and no ignore file beside a Dockerfile.
    yield from ("--ignorefile", "/dev/null", "-f", "/in/Dockerfile", "/in/context")


def _call(*arguments: str) -> tuple[str, ...]:
    script = 'mkdir -p /store/tmp && exec buildah "$@"'
    return ("/bin/sh", "-c", script, "buildah", *_STORE, *arguments)


def _judge(ran: Ran, steps: tuple[Step, ...], sentence: str, limits: Limits, otherwise: Outcome) -> Build:
    """Say which limit ended it, where one did."""
    reasons = {
        "time": f"stopped after {limits.seconds:.0f} s",
        "memory": f"it needs more than {limits.memory / 1e6:.0f} MB of memory",
        "processes": f"it starts more than {limits.processes} processes",
    }
    hits = [reasons[each] for each in ("memory", "processes", "time") if each in ran.hits]
    if not hits and _FULL.search(ran.log[-4000:]):
        hits = [f"it needs more than {limits.disk / 1e6:.0f} MB of disk"]
    line = f" (line {steps[-1].line})" if steps and steps[-1].line else ""
    if hits:
        return Build(Outcome.LIMITED, f"{', '.join(hits)}{line}", None, steps, ran.log)
    return Build(otherwise, sentence, None, steps, ran.log)


def _read_steps(log: str, dockerfile: Dockerfile) -> Iterator[Step]:
    found = list(_STEP.finditer(log))
    for at, step in enumerate(found):
        behind = log[step.end() : found[at + 1].start() if at + 1 < len(found) else len(log)]
        each = _find(dockerfile, int(step[1] or 1), int(step[2]))
        fits = each is not None and step[3].split(" ")[0].upper() == each.keyword.upper()
        yield Step(each.line if each is not None and fits else None, step[3], "--> Using cache" in behind)


def _find(dockerfile: Dockerfile, stage: int, step: int) -> Instruction | None:
    if not 1 <= stage <= len(dockerfile.stages):
        return None
    found = dockerfile.stages[stage - 1]
    every = (found.start, *found.instructions)
    return every[step - 1] if 1 <= step <= len(every) else None


def _configure(insecure: Iterable[str]) -> dict[str, str]:
    registries = "".join(
        f"[[registry]]\nprefix = {json.dumps(each)}\nlocation = {json.dumps(_reach(each))}\ninsecure = true\n"
        for each in insecure
    )
    # Names are resolved to digests before; a signature would say nothing more.
    policy = '{"default": [{"type": "insecureAcceptAnything"}]}'
    return {"/etc/containers/policy.json": policy, "/etc/containers/registries.conf": registries}
