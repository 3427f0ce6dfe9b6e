"""Sizes from a registry of our own: a server on this machine that speaks the distribution API."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.rules.cases import table
from workers.registry import Image, Registries, open_registries, read_image

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def _manifest(*sizes: int) -> bytes:
    layers = [{"digest": "sha256:" + "0" * 64, "size": size} for size in sizes]
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": layers}).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Registry(ThreadingHTTPServer):
    """Holds `manifests` by digest and `tags`; asks for a token and is strict about it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.manifests: dict[str, bytes] = {}
        self.tags: dict[str, str] = {}
        self.asked: list[str] = []
        self.name = f"127.0.0.1:{self.server_address[1]}"
        self.realm = f"http://{self.name}/token"
        self.status: int | None = None
        self.lies = False

    def put(self, tag: str, content: bytes) -> str:
        """Store a manifest under its digest and a tag."""
        digest = _digest(content)
        self.manifests[digest] = content
        self.tags[tag] = digest
        return digest

    def open(self, cache: Path | None = None) -> Registries:
        """Return registries of which this is the only one."""
        found = open_registries(f"http://{self.name}", cache)
        assert found is not None
        return found


class _Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        server = self.server
        parts = urlsplit(self.path)
        server.asked.append(f"{self.command} {parts.path}")
        if parts.path == "/token":
            assert "authorization" not in self.headers
            scope = parse_qs(parts.query)["scope"][0]
            self._send(200, json.dumps({"token": f"for-{scope}", "expires_in": 300}).encode(), {})
            return
        if server.status is not None:
            self._send(server.status, b"", {"location": "http://127.0.0.1:1/"})
            return
        name, _, version = parts.path.removeprefix("/v2/").rpartition("/manifests/")
        if self.headers.get("authorization") != f"Bearer for-repository:{name}:pull":
            challenge = f'Bearer realm="{server.realm}",service="here",scope="repository:{name}:pull"'
            self._send(401, b"{}", {"www-authenticate": challenge})
            return
        digest = server.tags.get(version, version)
        content = server.manifests.get(digest)
        if content is None or name != "team/app":
            self._send(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', {})
            return
        assert INDEX in self.headers["accept"]
        self._send(200, content + b" " * server.lies, {"docker-content-digest": digest})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def registry() -> Iterator[Registry]:
    server = Registry()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def _index(registry: Registry, **sizes: int) -> bytes:
    entries: list[dict[str, Any]] = [
        {"digest": registry.put(name, _manifest(size)), "platform": {"os": "linux", "architecture": name}}
        for name, size in sizes.items()
    ]
    attestation = {"digest": "sha256:" + "1" * 64, "platform": {"os": "unknown", "architecture": "unknown"}}
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [attestation, *entries]}).encode()


def test_the_size_is_that_of_the_layers(registry: Registry) -> None:
    registry.put("1", _manifest(30, 12))
    image = f"{registry.name}/team/app:1"
    assert registry.open().sizes([image]) == {image: 42}


def test_of_an_index_our_platform_counts(registry: Registry) -> None:
    registry.put("1", _index(registry, arm64=5, amd64=7))
    image = f"{registry.name}/team/app:1"
    assert registry.open().sizes([image]) == {image: 7}
    methods = [asked.partition(" ")[0] for asked in registry.asked if "/token" not in asked]
    # Each path is asked for twice, without and with the token.
    assert methods == ["HEAD", "HEAD", "GET", "GET", "GET", "GET"]
    assert sum("/token" in asked for asked in registry.asked) == 1


def test_what_was_asked_is_kept(registry: Registry, tmp_path: Path) -> None:
    registry.put("1", _manifest(9))
    image = f"{registry.name}/team/app:1"
    opened = registry.open(tmp_path)
    opened.sizes([image])
    asked = len(registry.asked)
    assert opened.sizes([image]) == {image: 9}
    assert len(registry.asked) == asked
    assert registry.open(tmp_path).sizes([image]) == {image: 9}
    assert not any(each.startswith("GET /v2") for each in registry.asked[asked:])


def test_what_is_not_there_is_known_not_to_be(registry: Registry) -> None:
    image = f"{registry.name}/team/app:none"
    assert registry.open().sizes([image]) == {image: None}


@pytest.mark.parametrize("status", [301, 302, 403, 429, 500, 503])
def test_another_answer_says_nothing(registry: Registry, status: int) -> None:
    registry.put("1", _manifest(9))
    registry.status = status
    assert registry.open().sizes([f"{registry.name}/team/app:1"]) == {}
    assert len(registry.asked) == 1


@table(
    "realm",
    {
        "elsewhere": "http://localhost:9/token",
        "inside": "http://169.254.169.254/latest/meta-data",
        "user": "http://evil@127.0.0.1:9/token",
        "file": "file:///etc/passwd",
        "nothing": "",
    },
)
def test_a_token_is_asked_for_at_the_registry_only(registry: Registry, realm: str) -> None:
    registry.put("1", _manifest(9))
    registry.realm = realm
    assert registry.open().sizes([f"{registry.name}/team/app:1"]) == {}
    assert len(registry.asked) == 1


@table(
    "content",
    {
        "no-json": b"<html>",
        "no-object": b"[]",
        "no-layers": b'{"layers": []}',
        "odd-sizes": b'{"layers": [{"size": "9"}]}',
        "negative": b'{"layers": [{"size": -9}]}',
        "no-platform": b'{"manifests": [{"digest": "x"}, 7]}',
        "too-long": b" " * (5 << 20),
    },
)
def test_a_manifest_that_makes_no_sense_says_nothing(registry: Registry, content: bytes) -> None:
    registry.put("1", content)
    assert registry.open().sizes([f"{registry.name}/team/app:1"]) == {}


def test_a_manifest_must_have_its_digest(registry: Registry) -> None:
    registry.put("1", _manifest(9))
    registry.lies = True
    assert registry.open().sizes([f"{registry.name}/team/app:1"]) == {}


def test_other_registries_are_not_asked(registry: Registry) -> None:
    others = ["app:1", "localhost:9/app:1", "registry.example/app:1", f"{registry.name}.evil.example/app:1"]
    assert registry.open().sizes(others) == {}
    assert registry.asked == []


def test_an_address_inside_is_refused() -> None:
    found = open_registries("127.0.0.1:9, localhost:9")
    assert found is not None
    assert found.sizes(["127.0.0.1:9/app:1", "localhost:9/app:1"]) == {}


@table(
    ("reference", "image"),
    {
        "official": ("debian:12", Image("docker.io", "library/debian", "12")),
        "untagged": ("debian", Image("docker.io", "library/debian", "latest")),
        "of-somebody": ("team/app:1", Image("docker.io", "team/app", "1")),
        "prefixed": ("docker.io/library/debian:12", Image("docker.io", "library/debian", "12")),
        "elsewhere": ("ghcr.io/team/app:1", Image("ghcr.io", "team/app", "1")),
        "port": ("localhost:5000/app", Image("localhost:5000", "app", "latest")),
        "digest": (f"debian:12@sha256:{'a' * 64}", Image("docker.io", "library/debian", f"sha256:{'a' * 64}")),
        "variable": ("debian:${TAG}", None),
        "upwards": ("ghcr.io/../../x:1", None),
        "question": ("ghcr.io/a?b:1", None),
        "upper-case": ("Debian:12", None),
        "odd-digest": ("debian@sha256:../..", None),
        "empty": ("", None),
    },
)
def test_references_are_read_as_docker_reads_them(reference: str, image: Image | None) -> None:
    assert read_image(reference) == image


def test_settings() -> None:
    assert open_registries("") is None
    found = open_registries("docker.io, ghcr.io")
    assert found is not None
    assert found.addresses == {"docker.io": "https://registry-1.docker.io", "ghcr.io": "https://ghcr.io"}
    with pytest.raises(ValueError, match="not the name of a registry"):
        open_registries("https://ghcr.io/path")
