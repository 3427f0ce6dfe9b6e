"""A BuildKit daemon by itself as a builder; what it shares with Docker's engines is in test_buildx.py."""

from __future__ import annotations

import re
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from cli.doctor import examine
from tests.rules.cases import table
from tests.workers.builders.conftest import LIMITS, Yard, build
from tests.workers.builders.relay import relay_buildkit
from workers.builders.buildkit import BuildKit, open_buildkit
from workers.builders.buildx import LACKS
from workers.builders.model import Outcome, Recipe
from workers.builders.series import Source, build_series

pytestmark = pytest.mark.slow


@pytest.fixture
def daemon(buildkit: dict[str, str]) -> BuildKit:
    return open_buildkit(buildkit)


def test_what_it_says_of_itself(daemon: BuildKit, yard: Yard, busybox: str) -> None:
    able = daemon.examine()
    assert (able.works, able.lacks, able.takes_strangers) == (True, LACKS, False)
    said = (
        rf"BuildKit (\d+\.\d+|of an unknown version) at {re.escape(daemon.address)} without TLS; nothing known limits"
    )
    assert re.match(said, able.sentence)
    # So what strangers propose is not built.
    bench = replace(yard, builder=daemon).bench(trusted=False)
    found = build_series(bench, None, Source(yard.work, f"FROM {busybox}\n")).head
    assert (found.outcome, found.seconds) == (Outcome.IMPOSSIBLE, 0.0)
    assert found.reason == "buildkit cannot limit memory, processes, disk, network, cpu here"


def test_what_is_packed_is_packed_once(daemon: BuildKit, yard: Yard, busybox: str, context: Path) -> None:
    """The next image of a series shares the blobs of the one before it."""
    bench = replace(yard, builder=daemon).bench(store="packed")
    start = f"FROM {busybox}\nRUN head -c 2000000 /dev/urandom > /a\n"
    series = build_series(bench, Source(context, start), Source(context, start + "RUN echo > /b\n"))
    assert series.base is not None
    base, head = series.base.layout, series.head.layout
    assert base is not None
    assert head is not None
    same = {each.name for each in (base / "blobs/sha256").iterdir()} & {
        each.name for each in (head / "blobs/sha256").iterdir()
    }
    assert len(same) == 2
    assert all((base / "blobs/sha256" / name).samefile(head / "blobs/sha256" / name) for name in same)


def test_other_platforms(daemon: BuildKit, context: Path) -> None:
    found = daemon.build(Recipe(context, "FROM scratch\n", platform="linux/s390x"), LIMITS, "tests", context.parent)
    assert found.outcome is Outcome.IMPOSSIBLE
    assert re.fullmatch(r"this builder is for linux/amd64, .*, not linux/s390x", found.reason)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with what daemon and client show each other, signed by one authority, and that of another."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("ours", "other"):
        (folder / name).mkdir()
        run = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ]
        names = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        files = ["-keyout", str(folder / name / "key.pem"), "-out", str(folder / name / "cert.pem")]
        subprocess.run([*run, *names, *files], check=True, capture_output=True)
        (folder / name / "ca.pem").write_bytes((folder / name / "cert.pem").read_bytes())
    return folder


def test_certificates(
    buildkit: dict[str, str], new_engine: dict[str, str], certificates: Path, busybox: str, context: Path
) -> None:
    """Both ends show one: whoever has none, or another's, is not answered, nor asked."""
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(certificates / "ours" / "cert.pem", certificates / "ours" / "key.pem")
    ours.load_verify_locations(certificates / "ours" / "ca.pem")
    ours.verify_mode = ssl.CERT_REQUIRED
    ours.set_alpn_protocols(["h2"])
    with relay_buildkit(new_engine["DOCKER_HOST"], ours) as address:
        environ = {**buildkit, "BUILDKIT_HOST": address}
        daemon = open_buildkit({**environ, "DOCKSLIM_BUILDKIT_CERTIFICATES": str(certificates / "ours")})
        assert "without TLS" not in daemon.examine().sentence
        assert build(daemon, f"FROM {busybox}\nCOPY file /\n", context).outcome is Outcome.BUILT
        for more in ({}, {"DOCKSLIM_BUILDKIT_CERTIFICATES": str(certificates / "other")}):
            able = open_buildkit({**environ, **more}).examine()
            assert (able.works, able.sentence) == (False, f"no BuildKit answers at {address}")


@table(
    ("more", "sentence"),
    {
        "no address": ({"BUILDKIT_HOST": ""}, "BUILDKIT_HOST is to be tcp://HOST:PORT or unix:///PATH"),
        "another scheme": (
            {"BUILDKIT_HOST": "docker-container://x"},
            "BUILDKIT_HOST is to be tcp://HOST:PORT or unix:///PATH",
        ),
        "no certificates": (
            {"DOCKSLIM_BUILDKIT_CERTIFICATES": "/nowhere"},
            "DOCKSLIM_BUILDKIT_CERTIFICATES is a directory without ca.pem",
        ),
        "hosts": (
            {"DOCKSLIM_BUILD_HOSTS": "example.org"},
            "DOCKSLIM_BUILD_HOSTS is set, and buildkit keeps no RUN to some hosts",
        ),
        "no client": ({"PATH": "/nowhere"}, "docker is not installed: its client, with buildx, is what asks BuildKit"),
        "no buildx": ({"DOCKER_CONFIG": "/nowhere"}, "docker's client has no buildx, which is what asks BuildKit"),
        "no daemon": ({}, "no BuildKit answers at tcp://127.0.0.1:1"),
    },
)
def test_where_there_is_none(buildkit: dict[str, str], more: dict[str, str], sentence: str) -> None:
    if more == {"DOCKER_CONFIG": "/nowhere"} and Path("/usr/libexec/docker/cli-plugins/docker-buildx").exists():
        pytest.skip("this machine has buildx for all clients")
    lines, _ = examine({**buildkit, "BUILDKIT_HOST": "tcp://127.0.0.1:1", **more})
    assert (lines[-1].about, lines[-1].state, lines[-1].found) == ("builder", "problem", sentence)
