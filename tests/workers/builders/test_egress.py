"""Where a build, and what fetches its images, may connect to."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import socket
import threading
from pathlib import Path

import pytest

from tests.rules.cases import table
from tests.workers.builders.conftest import LIMITS
from tests.workers.builders.registry import MANIFEST, find_missing
from tests.workers.builders.serving import serving
from workers.builders.buildah import Buildah, find_version
from workers.builders.egress import Hosts, _RefusedError, _relay, is_public
from workers.builders.model import Outcome, Recipe


@table(
    ("address", "expected"),
    {
        "public": ("1.1.1.1", True),
        "public IPv6": ("2606:4700::1111", True),
        "loopback": ("127.0.0.1", False),
        "private": ("10.0.0.5", False),
        "metadata": ("169.254.169.254", False),
        "shared": ("100.100.100.200", False),
        "local IPv6": ("fe80::1%eth0", False),
        "unique local": ("fd00:ec2::254", False),
        "multicast": ("224.0.0.1", False),
        "mapped": ("::ffff:169.254.169.254", False),
        "NAT64": ("64:ff9b::a9fe:a9fe", False),
        "NAT64 of a public one": ("64:ff9b::101:101", True),
        "6to4": ("2002:a00:5::1", False),
    },
)
def test_public(address: str, expected: bool) -> None:
    assert is_public(address) is expected


@table(
    ("hosts", "host", "port", "reason"),
    {
        "not listed": (Hosts(("a.example",)), "b.example", 443, "not on the list"),
        "odd port": (Hosts(("127.0.0.1",)), "127.0.0.1", 6379, "not on the list"),
        "not public": (Hosts(("127.0.0.1",)), "127.0.0.1", 80, "is not public"),
        "anywhere is not here": (Hosts((), anywhere=True), "127.0.0.1", 6379, "is not public"),
        "nor by its other names": (Hosts((), anywhere=True), "localhost.", 80, "is not public"),
        "nor as a number": (Hosts((), anywhere=True), "2130706433", 80, "is not public"),
        "nor by ours": (Hosts((), anywhere=True), "loopback.dockslim", 80, "is not public"),
        "no name at all": (Hosts((), anywhere=True), "a" * 70 + ".example", 80, "has no address"),
    },
)
def test_refused(hosts: Hosts, host: str, port: int, reason: str) -> None:
    with pytest.raises(_RefusedError, match=reason):
        hosts.resolve(host, port)


def test_more_than_a_thousand_descriptors() -> None:
    """A worker with many files open relays as well as one with few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2048)), hard))
    fillers = [os.dup(0) for _ in range(1100)]
    try:
        build, ours = socket.socketpair()
        theirs, upstream = socket.socketpair()
        relay = threading.Thread(target=_relay, args=(ours, theirs), kwargs={"both": True})
        relay.start()
        for one, other in ((build, upstream), (upstream, build)):
            one.sendall(b"some bytes")
            other.settimeout(5.0)
            assert other.recv(100) == b"some bytes"
        for each in (build, upstream):
            each.close()
        relay.join(5.0)
        for each in (ours, theirs):
            each.close()
    finally:
        for descriptor in fillers:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@pytest.mark.slow
@pytest.mark.skipif(bool(find_missing()), reason="cannot build here")
def test_layer_that_lies_elsewhere(tmp_path: Path) -> None:
    """A manifest says where its layers are, and whoever pushed the image wrote it: no address of ours is asked."""
    kind = "application/vnd.docker"
    config = json.dumps({"os": "linux", "rootfs": {"type": "layers", "diff_ids": [_digest(b"x")]}}).encode()
    with serving(lambda _: (404, b"")) as (metadata, told):
        layer = {"mediaType": f"{kind}.image.rootfs.foreign.diff.tar.gzip", "size": 9, "digest": _digest(b"y")}
        layer["urls"] = [f"http://127.0.0.1:{metadata}/a", f"http://localhost:{metadata}/b", f"http://0:{metadata}/c"]
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {
                    "mediaType": f"{kind}.container.image.v1+json",
                    "size": len(config),
                    "digest": _digest(config),
                },
                "layers": [layer],
            }
        ).encode()
        files = {
            "/v2/": b"{}",
            f"/v2/evil/manifests/{_digest(manifest)}": manifest,
            f"/v2/evil/blobs/{_digest(config)}": config,
        }
        with serving(lambda path: (200, files[path]) if path in files else (404, b"")) as (port, asked):
            image = f"127.0.0.1:{port}/evil@{_digest(manifest)}"
            for each in ("context", "out"):
                (tmp_path / each).mkdir()
            buildah = Buildah(tmp_path / "stores", insecure=(f"127.0.0.1:{port}",), version=find_version())
            recipe = Recipe(tmp_path / "context", f"FROM {image}\n", images=(image,))
            build = buildah.build(recipe, LIMITS, "tests", tmp_path / "out")
    assert build.outcome is Outcome.IMPOSSIBLE
    assert "cannot be pulled" in build.reason
    assert f"/v2/evil/manifests/{_digest(manifest)}" in asked
    assert told == []
