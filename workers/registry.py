"""Sizes of base images, as registries state them in manifests; no image is pulled.

`DOCKSLIM_REGISTRIES` lists the registries that may be asked, and whoever writes a FROM cannot make dockslim ask another
host: a name that is not on the list, an address that is not public, a redirect, or a token service elsewhere ends the
look-up. Nobody's credentials are sent; tokens are anonymous ones.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx
import structlog

BUDGET_SECONDS = 10.0
"""For all images of one review; what is not known by then is not known."""
FRESH_SECONDS = 3600.0
MAX_IMAGES = 20
MAX_ANSWER = 4 << 20
PLATFORM = ("linux", "amd64")

_HUB = "docker.io"
_HOSTS = {_HUB: "registry-1.docker.io"}
_REALMS = {_HUB: "auth.docker.io"}
_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')

log = structlog.get_logger("dockslim.registry")


class NoAnswerError(Exception):
    """A registry does not tell, which says nothing about the image."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image in a registry, by tag or digest."""

    registry: str
    name: str
    version: str


def read_image(reference: str) -> Image | None:
    """Read a reference as Docker does: https://docs.docker.com/reference/cli/docker/image/tag/; None for none."""
    if len(reference) > 512:
        return None
    name, _, digest = reference.partition("@")
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry, name = first.lower(), rest
    else:
        registry = _HUB
    name, _, tag = name.partition(":")
    if registry in (_HUB, "index.docker.io"):
        registry = _HUB
        name = name if "/" in name else f"library/{name}"
    version = digest or tag or "latest"
    pattern = _DIGEST if digest else _TAG
    return Image(registry, name, version) if _NAME.fullmatch(name) and pattern.fullmatch(version) else None


class Images(Protocol):
    """Whoever knows sizes of images."""

    def sizes(self, references: Iterable[str]) -> Mapping[str, int | None]:
        """Return the compressed sizes, None for images that a registry does not have; unknown ones are absent."""


@dataclass(slots=True)
class Registries:
    """The registries that may be asked, each with the address it is reached at."""

    addresses: Mapping[str, str]
    cache: Path | None = None
    """Where sizes are kept by digest, which never change."""
    _tags: dict[Image, tuple[float, int | None]] = field(default_factory=dict)
    _tokens: dict[tuple[str, str], tuple[float, str]] = field(default_factory=dict)

    def sizes(self, references: Iterable[str]) -> Mapping[str, int | None]:
        """Return the compressed sizes, None for images that a registry does not have; unknown ones are absent."""
        deadline = time.monotonic() + BUDGET_SECONDS
        found: dict[str, int | None] = {}
        with httpx.Client(timeout=httpx.Timeout(5.0, connect=3.0), headers={"user-agent": "dockslim"}) as client:
            for reference in sorted(set(references))[:MAX_IMAGES]:
                image = read_image(reference)
                if image is None or image.registry not in self.addresses:
                    continue
                try:
                    found[reference] = self._size(_Conversation(self, client, image, deadline))
                except (NoAnswerError, httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
                    log.info("size unknown", image=reference, reason=str(error) or type(error).__name__)
        return found

    def resolve(self, reference: str) -> str | None:
        """Return an image's full name with the digest that its tag has now, None where no registry tells."""
        image = read_image(reference)
        if image is None or image.registry not in self.addresses:
            return None
        try:
            with httpx.Client(timeout=httpx.Timeout(5.0, connect=3.0), headers={"user-agent": "dockslim"}) as client:
                asked = _Conversation(self, client, image, time.monotonic() + BUDGET_SECONDS)
                digest = image.version if _DIGEST.fullmatch(image.version) else asked.digest()
        except (NoAnswerError, httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
            log.info("digest unknown", image=reference, reason=str(error) or type(error).__name__)
            return None
        return f"{image.registry}/{image.name}@{digest}" if digest is not None else None

    def _size(self, asked: _Conversation) -> int | None:
        until, size = self._tags.get(asked.image, (0.0, None))
        if time.monotonic() < until:
            return size
        digest = asked.image.version if _DIGEST.fullmatch(asked.image.version) else asked.digest()
        size = self._size_of(asked, digest) if digest is not None else None
        self._tags[asked.image] = (time.monotonic() + FRESH_SECONDS, size)
        return size

    def _size_of(self, asked: _Conversation, digest: str) -> int:
        kept = self.cache / f"{digest.replace(':', '-')}.size" if self.cache is not None else None
        if kept is not None and kept.is_file():
            return int(kept.read_text())
        manifest = asked.manifest(digest)
        if isinstance(manifest.get("manifests"), list):
            manifest = asked.manifest(_choose(manifest["manifests"]))
        layers = manifest.get("layers")
        found = [each.get("size") for each in layers if isinstance(each, dict)] if isinstance(layers, list) else []
        sizes = [each for each in found if isinstance(each, int) and each >= 0]
        if not sizes or len(sizes) != len(found):
            raise NoAnswerError("the manifest names no layers")
        if kept is not None:
            kept.write_text(str(sum(sizes)))
        return sum(sizes)

    def token(self, asked: _Conversation, challenge: str) -> str:
        """Return an anonymous token for one repository, from the token service of the registry itself."""
        key = (asked.image.registry, asked.image.name)
        until, token = self._tokens.get(key, (0.0, ""))
        if time.monotonic() < until:
            return token
        kind, _, rest = challenge.partition(" ")
        fields = dict(_CHALLENGE.findall(rest[:2000]))
        realm = urlsplit(fields.get("realm", ""))
        own = urlsplit(asked.address)
        if kind.lower() != "bearer" or (realm.scheme, realm.netloc) not in (
            (own.scheme, own.netloc),
            ("https", _REALMS.get(asked.image.registry, own.netloc)),
        ):
            raise NoAnswerError("its token service is another host")
        wanted = {"service": fields.get("service", ""), "scope": f"repository:{asked.image.name}:pull"}
        answer = asked.ask("GET", realm._replace(query="", fragment="").geturl(), params=wanted)
        told = json.loads(answer.content) if answer.status_code == 200 else {}
        given = told.get("token") or told.get("access_token") if isinstance(told, dict) else None
        if not isinstance(given, str) or not re.fullmatch(r"[\x21-\x7e]{1,20000}", given):
            raise NoAnswerError("it gives no anonymous token")
        self._tokens[key] = (time.monotonic() + 60, given)
        return given


@dataclass(slots=True)
class _Conversation:
    """What one image takes to be asked about."""

    registries: Registries
    client: httpx.Client
    image: Image
    deadline: float

    @property
    def address(self) -> str:
        return self.registries.addresses[self.image.registry]

    def digest(self) -> str | None:
        """Return the digest of the tag, None where there is no such image. A HEAD counts against no limit."""
        answer = self._manifest("HEAD", self.image.version)
        if answer.status_code == 404:
            return None
        digest = answer.headers.get("docker-content-digest", "")
        if answer.status_code != 200 or not _DIGEST.fullmatch(digest):
            raise NoAnswerError(f"it answers {answer.status_code}")
        return str(digest)

    def manifest(self, digest: str) -> dict[str, Any]:
        """Return a manifest or index that has the digest."""
        answer = self._manifest("GET", digest)
        if answer.status_code != 200:
            raise NoAnswerError(f"it answers {answer.status_code}")
        if f"sha256:{hashlib.sha256(answer.content).hexdigest()}" != digest:
            raise NoAnswerError("the manifest is not the one that was asked for")
        found = json.loads(answer.content)
        if not isinstance(found, dict):
            raise NoAnswerError("the manifest is no object")
        return found

    def _manifest(self, method: str, version: str) -> httpx.Response:
        address = f"{self.address}/v2/{self.image.name}/manifests/{version}"
        answer = self.ask(method, address)
        if answer.status_code == 401:
            token = self.registries.token(self, answer.headers.get("www-authenticate", ""))
            answer = self.ask(method, address, headers={"authorization": f"Bearer {token}"})
        return answer

    def ask(self, method: str, address: str, **more: Any) -> httpx.Response:
        """Ask once, follow nothing, and read no more than a manifest may have."""
        parts = urlsplit(address)
        if parts.scheme == "https":
            _insist_on_public(parts.hostname or "", parts.port or 443)
        headers = {"accept": ", ".join(_TYPES), "accept-encoding": "identity", **more.pop("headers", {})}
        with self.client.stream(method, address, headers=headers, follow_redirects=False, **more) as answer:
            if answer.is_redirect:
                raise NoAnswerError("it redirects")
            content = b""
            for piece in answer.iter_raw(1 << 16):
                content += piece
                if len(content) > MAX_ANSWER or time.monotonic() > self.deadline:
                    raise NoAnswerError("its answer is too long")
        if time.monotonic() > self.deadline:
            raise NoAnswerError("there is no time left")
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)


def _choose(manifests: list[Any]) -> str:
    """Return the digest of the manifest for our platform; attestations have none that is known."""
    for each in manifests:
        platform = each.get("platform") if isinstance(each, dict) else None
        if isinstance(platform, dict) and (platform.get("os"), platform.get("architecture")) == PLATFORM:
            digest = each.get("digest")
            if isinstance(digest, str) and _DIGEST.fullmatch(digest):
                return digest
    raise NoAnswerError("there is none for linux/amd64")


def _insist_on_public(host: str, port: int) -> None:
    """Refuse a name that leads into the operator's own network; behind a proxy that is for the proxy to know."""
    if "https" in getproxies():
        return
    for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if not ipaddress.ip_address(str(place[0]).partition("%")[0]).is_global:
            raise NoAnswerError("its address is not public")


def open_registries(setting: str, cache: Path | None = None) -> Registries | None:
    """Return the registries that a setting lists, None where it lists none.

    `http://HOST:PORT` is for one of the operator's own, which may have any address.
    """
    addresses = {}
    for entry in filter(None, re.split(r"[\s,]+", setting.lower())):
        name = entry.removeprefix("http://").removeprefix("https://").rstrip("/")
        if not re.fullmatch(r"[a-z0-9.-]+(?::\d{1,5})?", name):
            raise ValueError(f"{entry[:60]!r} is not the name of a registry. It reads docker.io, or HOST:PORT")
        scheme = "http" if entry.startswith("http://") else "https"
        addresses[name] = f"{scheme}://{_HOSTS.get(name, name)}"
    return Registries(addresses, cache) if addresses else None
