"""Hostile builds, for real: each ends at its limit and says which, nothing of it is left, and the next one works."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.workers.builders.conftest import LIMITS, Yard
from tests.workers.builders.serving import serving
from workers.builders import sandbox
from workers.builders.cgroups import ROOT
from workers.builders.model import Build, Outcome
from workers.builders.series import Source, build_series
from workers.image import measure, read_image

pytestmark = pytest.mark.slow

SECRET = "hush-hush-4711"


def answer(_: str) -> tuple[int, bytes]:
    return 200, b"from outside\n"


def left_behind(stores: Path) -> list[str]:
    """Return what builds of this process left on the machine: groups, mounts, loop devices, processes of its users."""
    groups = [str(each) for each in ROOT.glob(f"**/dockslim/{os.getpid()}-*/cgroup.procs")]
    mounts = [
        line for line in Path("/proc/self/mounts").read_text().splitlines() if "ext4 " in line and "/store" in line
    ]
    loops = [
        each for each in subprocess.check_output(["losetup", "-a"], text=True).splitlines() if f"{stores}/" in each
    ]
    # Somebody else may be building here, in groups of their own.
    others = re.compile(rf"/dockslim/(?!{os.getpid()}-)")
    processes = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if each.stat().st_uid < 1_500_000_000 or others.search((each / "cgroup").read_text()):
                continue
            status = (each / "status").read_text()
            # What has ended is in no group; it is ours where we have not looked after our child.
            if "State:\tZ" not in status or f"PPid:\t{os.getpid()}\n" in status:
                processes.append(f"{(each / 'cmdline').read_text()} {status}")
        except OSError:
            continue
    return [*groups, *mounts, *loops, *processes]


def check_next(yard: Yard, busybox: str) -> None:
    """The builder is as good as before, and clean."""
    until = time.monotonic() + 5
    while left_behind(yard.buildah.stores) and time.monotonic() < until:
        time.sleep(0.1)  # a loop device goes when the kernel gets to it
    assert left_behind(yard.buildah.stores) == []
    assert yard.build(f"FROM {busybox}\nRUN echo fine > /fine\n").outcome is Outcome.BUILT


HOSTILE = {
    "endless": ("RUN sleep 1000", replace(LIMITS, seconds=4.0), "stopped after 4 s (line 2)"),
    "endless in the background": (
        "RUN (trap '' TERM HUP INT; while :; do sleep 1; done) & trap '' TERM; setsid sleep 1001; sleep 1002",
        replace(LIMITS, seconds=4.0),
        "stopped after 4 s (line 2)",
    ),
    "fork bomb": (
        "RUN b() { b | b & }; b; sleep 4; exit 1",
        replace(LIMITS, seconds=12.0),
        "it starts more than 256 processes",
    ),
    "memory": (
        "RUN head -c 300000000 /dev/zero | tail | wc -c",
        replace(LIMITS, memory=128 << 20),
        "it needs more than 134 MB of memory (line 2)",
    ),
    "disk": (
        "RUN dd if=/dev/zero of=/big bs=1M count=10000",
        replace(LIMITS, disk=500_000_000),
        "it needs more than 500 MB of disk (line 2)",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_limits(yard: Yard, busybox: str, name: str) -> None:
    line, limits, reason = HOSTILE[name]
    started = time.monotonic()
    build = yard.build(f"FROM {busybox}\n{line}\n", limits, store=f"hostile-{limits.disk}")
    assert (build.outcome, build.layout) == (Outcome.LIMITED, None), build
    assert reason in build.reason
    assert build.failed_line == 2
    assert time.monotonic() - started < limits.seconds + 5
    check_next(yard, busybox)


def test_log(yard: Yard, busybox: str) -> None:
    build = yard.build(f"FROM {busybox}\nRUN yes long | head -c 30000000; echo the end\n")
    assert build.outcome is Outcome.BUILT
    assert len(build.log) < LIMITS.log + 100
    assert " bytes left out]" in build.log
    assert build.log.startswith("STEP 1/2")
    assert "the end" in build.log


SEARCH = r"""set +e; env; id; echo == proc; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\0' '\n'
echo == mounts; cat /proc/mounts; echo == net; cat /proc/net/route /proc/net/dev; ls -a / /root /run /tmp /dev
for port in PORT 6379; do nc -w 2 127.0.0.1 $port < /dev/null && echo reached $port; done
for place in 169.254.169.254:80 10.0.0.1:80; do wget -T 2 -O - http://$place/ && echo reached $place; done
mknod /tmp/disk b 254 0 && head -c 10 /tmp/disk && echo reached the disk
mount -t tmpfs none /mnt && echo mounted; mount -o remount,rw /proc/sys && echo mounted
ls /proc/1/root/in /in /proc/1/root/store /store && echo reached the sandbox
echo 1 > /proc/sys/kernel/panic && echo wrote; for each in /sys/fs/cgroup/memory /sys/fs/cgroup/pids /sys/fs/cgroup
do echo $$ > $each/cgroup.procs && echo reached groups; done
kill -9 -1; true
"""


def test_search(yard: Yard, busybox: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A RUN finds nothing of the worker: neither its environment nor its processes, files or network."""
    monkeypatch.setenv("DOCKSLIM_REDIS_URL", f"redis://:{SECRET}@127.0.0.1:6379/0")
    monkeypatch.setenv("DOCKSLIM_PRIVATE_KEY", SECRET)
    (tmp_path / SECRET).write_text(SECRET)
    context = tmp_path / "context"
    context.mkdir()
    with serving(answer) as (port, asked):
        (context / "search").write_text(SEARCH.replace("PORT", str(port)))
        build = yard.build(f"FROM {busybox}\nCOPY search /\nRUN sh /search\n", context=context)
    assert build.outcome in (Outcome.BUILT, Outcome.FAILED)
    assert asked == []
    assert "uid=0(root)" in build.log
    assert "== net" in build.log
    for word in (SECRET, "DOCKSLIM", "redis", "pytest", "reached", "mounted", "wrote", str(tmp_path)):
        assert word not in build.log
    check_next(yard, busybox)


def test_add_of_an_address(yard: Yard, busybox: str) -> None:
    with serving(answer) as (port, asked):
        build = yard.build(f"FROM {busybox}\nADD http://127.0.0.1:{port}/secret /s\n")
        assert build.outcome is Outcome.IMPOSSIBLE
        assert build.reason == "line 2: ADD would have the builder fetch an address"
        # Behind the first wall is a second: the builder itself has no network.
        recipe_text = f"FROM scratch\nADD http://127.0.0.1:{port}/secret /s\n"
        forced = _build_unchecked(yard, recipe_text)
        assert (forced.outcome, asked) == (Outcome.FAILED, [])
    check_next(yard, busybox)


def _build_unchecked(yard: Yard, text: str) -> Build:
    from workers.builders.model import Recipe

    context, into = yard.work / "empty", yard.work / "unchecked"
    context.mkdir(exist_ok=True)
    into.mkdir()
    return yard.buildah.build(Recipe(context, text), LIMITS, "tests", into)


def test_proxy(open_yard: Callable[..., Yard], busybox: str) -> None:
    """Only hosts on the list are reached, by their exact names and ports."""
    with serving(answer) as (port, asked), serving(answer) as (other, refused):
        yard = open_yard(f"127.0.0.1:{port}")
        get = "http_proxy=http://127.0.0.1:3128 wget -q -O - http://127.0.0.1"
        lines = f"RUN {get}:{port}/yes && echo got it; {get}:{other}/no; {get}:{port}/again\n"
        build = yard.build(f"FROM {busybox}\n{lines}")
    assert build.outcome is Outcome.BUILT, build.reason
    assert "from outside\ngot it" in build.log
    assert (asked, refused) == (["/yes", "/again"], [])


def test_strangers_are_refused_where_nothing_limits(yard: Yard, busybox: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = yard.bench(trusted=False)
    assert bench.builder.examine().takes_strangers
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    head = Source(yard.work, f"FROM {busybox}\n")
    found = build_series(bench, None, head).head
    assert found.outcome is Outcome.IMPOSSIBLE
    assert found.reason == "dockslim does not run as root, which making a sandbox takes"


def test_ruined_store(yard: Yard, busybox: str) -> None:
    """A sandbox that cannot be made says nothing about the Dockerfile, and the next one can."""
    text = f"FROM {busybox}\nRUN true\n"
    with (yard.buildah.stores / "ruined.ext4").open("wb") as file:
        file.truncate(LIMITS.disk)
    build = yard.build(text, store="ruined")
    assert build.outcome is Outcome.IMPOSSIBLE
    assert build.reason.startswith("the sandbox cannot be made: ")
    assert yard.build(text, store="ruined").outcome is Outcome.BUILT
    assert left_behind(yard.buildah.stores) == []


@pytest.mark.usefixtures("registry")
def test_sandbox_that_is_never_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever hangs while it is made, as a write to a pipe that nobody reads does, holds no worker up."""
    monkeypatch.setattr(sandbox, "PATIENCE", 1.0)
    os.mkfifo(tmp_path / "pipe")
    store = sandbox.open_store(tmp_path, "store", 32 << 20)
    box = sandbox.Sandbox(store, LIMITS, files={"/in/pipe": "text"})
    started = time.monotonic()
    with pytest.raises(sandbox.SandboxError, match="cannot be made: timed out"):
        box.run("/bin/true", binds=[(tmp_path / "pipe", "/in/pipe")])
    assert time.monotonic() - started < 10


def test_failing_instruction(yard: Yard, busybox: str) -> None:
    build = yard.build(f"FROM {busybox} AS one\nRUN true\n\nFROM {busybox}\nCOPY --from=one /bin/sh /sh\nRUN exit 3\n")
    assert (build.outcome, build.reason, build.failed_line) == (Outcome.FAILED, "line 6 fails", 6)


def test_parallel_builds_of_one_store(yard: Yard, busybox: str) -> None:
    """They wait for each other instead of ruining it, and each gets its own image."""
    texts = [f"FROM {busybox}\nRUN sleep 1; echo > /made-by-{each}\n" for each in range(3)]
    benches = [yard.bench(store="shared") for _ in texts]
    (yard.work / "empty").mkdir(exist_ok=True)
    with ThreadPoolExecutor(len(texts)) as pool:
        builds = list(pool.map(lambda at: benches[at].build(Source(yard.work / "empty", texts[at])), range(len(texts))))
    for at, build in enumerate(builds):
        assert build.layout is not None, build
        made = [path for path in measure(read_image(build.layout)).files if path.startswith("made-by-")]
        assert made == [f"made-by-{at}"]
