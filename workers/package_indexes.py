"""Package indexes from the archives that the operator names, and from no other host; kept on disk between runs.

`DOCKSLIM_APT_SOURCES` holds lines as in sources.list, the path of such a file, or the word `machine` for what apt uses
on this machine. An index is only read for numbers: nothing is installed, so signatures are not checked.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import mmap
import os
import re
import subprocess
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

import httpx
import structlog

from rules.debian.index import Buffer, PackageIndex, condense
from rules.debian.releases import TITLES

MACHINE = "machine"
FRESH_SECONDS = 24 * 3600.0
FAILED_SECONDS = 600.0
BUDGET_SECONDS = 30.0
"""For all indexes that one review wants; what is not there by then is not known."""
MAX_FETCHED = 64 << 20
MAX_UNPACKED = 512 << 20
MAX_REDIRECTS = 3
MAX_SOURCES = 64

_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_LISTS = Path("/var/lib/apt/lists")
_APT = Path("/etc/apt")
_CAT = "/usr/lib/apt/apt-helper"
_LINE = re.compile(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.+)")
_SUITE = re.compile(r"([a-z]+)(?:-updates|-security|/updates)?")

log = structlog.get_logger("dockslim.packages")


class SourcesError(ValueError):
    """Say what is wrong with the sources that somebody configured."""


@dataclass(frozen=True, slots=True)
class Source:
    """One component of one suite of an archive."""

    address: str
    suite: str
    component: str

    @property
    def codename(self) -> str:
        """Return the release that the suite belongs to."""
        found = _SUITE.fullmatch(self.suite)
        return found[1] if found else ""

    @property
    def folder(self) -> str:
        """Return where its index lies, without the ending."""
        return f"{self.address.rstrip('/')}/dists/{self.suite}/{self.component}/binary-amd64/Packages"


def read_sources(setting: str) -> tuple[Source, ...]:
    """Read the setting; raise SourcesError when it names nothing that can be used."""
    setting = setting.strip()
    if setting == MACHINE:
        paths = [_APT / "sources.list", *sorted((_APT / "sources.list.d").glob("*"))]
        texts = [path.read_text(errors="replace") for path in paths if path.is_file()]
    elif setting.startswith("/"):
        try:
            texts = [Path(setting).read_text(errors="replace")]
        except OSError as error:
            raise SourcesError(f"{setting} cannot be read ({(error.strerror or '').lower()})") from None
    else:
        texts = [setting.replace("\\n", "\n")]
    found = tuple(dict.fromkeys(source for text in texts for source in _parse(text) if source.codename in TITLES))
    if not found:
        raise SourcesError(
            "names no archive of a release that is known. A line reads deb https://HOST/debian bookworm main"
        )
    return found[:MAX_SOURCES]


def _parse(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        found = _LINE.fullmatch(line.partition("#")[0].strip())
        if found:
            yield from _sources([found[2]], [found[3]], found[4].split())
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields = dict(re.findall(r"^(Types|URIs|Suites|Components|Enabled):[ \t]*(.*)$", stanza, re.MULTILINE))
        if "deb" in fields.get("Types", "").split() and fields.get("Enabled", "yes").strip() != "no":
            yield from _sources(*(fields.get(name, "").split() for name in ("URIs", "Suites", "Components")))


def _sources(addresses: Iterable[str], suites: Sequence[str], components: Sequence[str]) -> Iterator[Source]:
    for address in addresses:
        if urlsplit(address).scheme in ("http", "https") and urlsplit(address).hostname:
            yield from (Source(address, suite, each) for suite in suites for each in components)


class Packages(Protocol):
    """Whoever knows package indexes."""

    def find(self, codenames: Iterable[str]) -> Mapping[str, PackageIndex]:
        """Return the indexes of releases, as far as they are known."""


@dataclass(slots=True)
class PackageIndexes:
    """The indexes of the configured sources; each is looked for when it is first asked for."""

    sources: tuple[Source, ...]
    cache: Path | None
    """Where condensed indexes are kept; None for nowhere."""
    use_machine: bool = False
    """Whether apt's own copies may be read."""
    _known: dict[str, tuple[float, PackageIndex | None]] = field(default_factory=dict)

    def find(self, codenames: Iterable[str]) -> Mapping[str, PackageIndex]:
        """Return the indexes of releases, as far as they are known."""
        deadline = time.monotonic() + BUDGET_SECONDS
        found = {name: self._find(name, deadline) for name in sorted(set(codenames))}
        return {name: index for name, index in found.items() if index is not None}

    def _find(self, codename: str, deadline: float) -> PackageIndex | None:
        until, index = self._known.get(codename, (0.0, None))
        if time.monotonic() < until:
            return index
        wanted = [source for source in self.sources if source.codename == codename]
        parts = [self._part(source, deadline) for source in wanted]
        # Without one of them packages would be missing, and with them figures would be wrong.
        index = PackageIndex(TITLES[codename], [part for part in parts if part]) if wanted and all(parts) else None
        self._known[codename] = (time.monotonic() + (FRESH_SECONDS if index else FAILED_SECONDS), index)
        return index

    def _part(self, source: Source, deadline: float) -> Buffer | None:
        try:
            return (self.use_machine and self._read_machine(source)) or self._read(source, deadline)
        except (OSError, ValueError, EOFError, lzma.LZMAError, zlib.error, httpx.HTTPError) as error:
            log.warning("index not read", suite=source.suite, component=source.component, error=type(error).__name__)
            return None

    def _read_machine(self, source: Source) -> Buffer | None:
        name = source.folder.partition("://")[2].replace("/", "_")
        for path in sorted(_LISTS.glob(f"{name}*")):
            if path.suffix in ("", ".lz4", ".xz", ".gz", ".zst") and os.path.exists(_CAT):
                status = path.stat()
                kept = self._place(f"{path} {status.st_mtime_ns} {status.st_size}")
                if kept is not None and kept.exists():
                    return _map(kept)
                with subprocess.Popen([_CAT, "cat-file", str(path)], stdout=subprocess.PIPE) as helper:
                    assert helper.stdout is not None  # noqa: S101 - it is a pipe
                    text = condense(_limited(iter(lambda: helper.stdout.read(1 << 20), b""), MAX_UNPACKED))  # type: ignore[union-attr]
                return _keep(kept, text)
        return None

    def _read(self, source: Source, deadline: float) -> Buffer | None:
        kept = self._place(source.folder)
        notes = _notes(kept)
        if kept is not None and notes and time.time() - notes.get("checked", 0) < FRESH_SECONDS:
            return _map(kept)
        with httpx.Client(
            timeout=_TIMEOUT, headers={"user-agent": "dockslim", "accept-encoding": "identity"}
        ) as client:
            for ending in (".xz", ".gz"):
                conditions: dict[str, str | None] = {
                    "if-none-match": notes.get("etag"),
                    "if-modified-since": notes.get("modified"),
                }
                same = notes.get("ending") == ending
                headers = {name: value for name, value in conditions.items() if same and value}
                with self._get(client, source.folder + ending, headers) as response:
                    if response.status_code == 404:
                        continue
                    if response.status_code == 304 and kept is not None:
                        _note(kept, {**notes, "checked": time.time()})
                        return _map(kept)
                    response.raise_for_status()
                    pieces = _limited(response.iter_raw(1 << 16), MAX_FETCHED, deadline)
                    text = condense(_limited(_unpack(pieces, ending), MAX_UNPACKED, deadline))
                    found = {"etag": response.headers.get("etag"), "modified": response.headers.get("last-modified")}
                made = _keep(kept, text)
                if kept is not None:
                    _note(kept, {**found, "ending": ending, "checked": time.time()})
                return made
        raise ValueError("there is no index")

    def _get(self, client: httpx.Client, address: str, headers: Mapping[str, str]) -> _Response:
        """Return an answer that is not read yet; a redirect may only lead to another of the configured hosts."""
        hosts = {urlsplit(source.address).netloc.rpartition("@")[2] for source in self.sources}
        for _ in range(MAX_REDIRECTS + 1):
            response = client.send(client.build_request("GET", address, headers=dict(headers)), stream=True)
            if not response.has_redirect_location:
                return _Response(response)
            response.close()
            address = urljoin(address, response.headers.get("location", ""))
            if urlsplit(address).netloc not in hosts or urlsplit(address).scheme not in ("http", "https"):
                raise ValueError("it redirects to another host")
        raise ValueError("it redirects too often")

    def _place(self, name: str) -> Path | None:
        return self.cache / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.packages" if self.cache else None


class _Response:
    """An answer that is closed behind a `with`."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    def __enter__(self) -> httpx.Response:
        return self._response

    def __exit__(self, *_: object) -> None:
        self._response.close()


def open_indexes(environ: Mapping[str, str]) -> PackageIndexes | None:
    """Return the indexes that the environment configures, None where it configures none; raise SourcesError."""
    setting = environ.get("DOCKSLIM_APT_SOURCES", "").strip()
    if not setting:
        return None
    return PackageIndexes(read_sources(setting), make_cache(environ), use_machine=setting == MACHINE)


def make_cache(environ: Mapping[str, str]) -> Path | None:
    """Return the folder where what was looked up is kept, None where there is none to be had."""
    home = environ.get("XDG_CACHE_HOME") or (f"{environ['HOME']}/.cache" if environ.get("HOME") else "")
    cache: Path | None = Path(environ.get("DOCKSLIM_CACHE") or f"{home}/dockslim") if home else None
    if cache is not None:
        try:
            cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            cache = None
    return cache


def _limited(pieces: Iterable[bytes], room: int, deadline: float | None = None) -> Iterator[bytes]:
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            raise ValueError("it is too long")
        if deadline is not None and time.monotonic() > deadline:
            raise ValueError("it takes too long")
        yield piece


def _unpack(pieces: Iterable[bytes], ending: str) -> Iterator[bytes]:
    """Unpack a piece at a time, and of each piece no more than a mebibyte at once."""
    if ending == ".xz":
        unpacker = lzma.LZMADecompressor(memlimit=128 << 20)
        for piece in pieces:
            if unpacker.eof:
                break
            yield unpacker.decompress(piece, 1 << 20)
            while not unpacker.needs_input and not unpacker.eof:
                yield unpacker.decompress(b"", 1 << 20)
        if not unpacker.eof:
            raise EOFError("it ends too early")
        return
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    for piece in pieces:
        rest = piece
        while rest and not inflater.eof:
            yield inflater.decompress(rest, 1 << 20)
            rest = inflater.unconsumed_tail
    if not inflater.eof:
        raise EOFError("it ends too early")


def _map(path: Path) -> Buffer:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _keep(path: Path | None, text: bytes) -> Buffer:
    """Write an index to disk and map it from there, so that processes share it; keep it in memory where that fails."""
    if path is None:
        return text
    fresh = path.with_suffix(f".{os.getpid()}")
    try:
        fresh.write_bytes(text)
        fresh.replace(path)
        return _map(path)
    except OSError:
        return text


def _notes(path: Path | None) -> dict[str, Any]:
    try:
        found = json.loads(path.with_suffix(".json").read_text()) if path is not None and path.exists() else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _note(path: Path, notes: Mapping[str, object]) -> None:
    fresh = path.with_suffix(f".json.{os.getpid()}")
    try:
        fresh.write_text(json.dumps(notes))
        fresh.replace(path.with_suffix(".json"))
    except OSError:
        return
