"""Git, driven by its command line: the only module that starts `git`."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Generic, Literal, TypeVar, cast

Kind = Literal["blob", "tree", "commit", "tag"]
FileMode = Literal["100644", "100755", "120000", "160000"]

_OID = re.compile(r"[0-9a-f]{40}")
_SIGNATURE = re.compile(rb"(?P<name>.*) <(?P<email>.*)> (?P<when>\d+) (?P<zone>[+-]\d{4})")
_MODE_KINDS: Mapping[str, Kind] = {"040000": "tree", "160000": "commit"}

Key = TypeVar("Key")
Value = TypeVar("Value")


class GitError(Exception):
    """Git refused: its own words."""


class Recent(OrderedDict[Key, Value], Generic[Key, Value]):
    """A mapping that forgets its oldest entries: objects are immutable, so nothing in it can go stale."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def remember(self, key: Key, value: Value) -> Value:
        """Keep a value and hand it back."""
        self[key] = value
        while len(self) > self._limit:
            self.popitem(last=False)
        return value


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One name in a tree."""

    mode: str
    oid: str
    name: str

    @property
    def kind(self) -> Kind:
        """What the name stands for."""
        return _MODE_KINDS.get(self.mode, "blob")

    @property
    def is_symlink(self) -> bool:
        """Whether the blob holds the target of a symbolic link."""
        return self.mode == "120000"


@dataclass(frozen=True, slots=True)
class Signature:
    """Who, and when."""

    name: str
    email: str
    when: datetime


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit, read."""

    oid: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str


@dataclass(frozen=True, slots=True)
class File:
    """Contents to commit when they are more than plain text: a mode other than 100644."""

    content: bytes
    mode: FileMode = "100644"


Contents = str | bytes | File | None
"""What a path becomes in a commit; None deletes it."""


@dataclass(slots=True)
class ObjectStore:
    """The objects that a repository shares with all its forks, as GitHub's fork networks do."""

    directory: Path
    _reader: subprocess.Popen[bytes] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _objects: Recent[str, tuple[Kind, bytes]] = field(default_factory=lambda: Recent(2048))
    _trees: Recent[str, tuple[TreeEntry, ...]] = field(default_factory=lambda: Recent(4096))

    def run(self, *arguments: str, stdin: bytes | None = None, git_dir: Path | None = None) -> bytes:
        """Run git to its end and return what it printed."""
        finished = subprocess.run(
            ["git", *arguments],
            input=stdin,
            capture_output=True,
            env=self._environment(git_dir),
            check=False,
        )
        if finished.returncode:
            message = finished.stderr.decode(errors="replace").strip()
            raise GitError(f"git {arguments[0]}: {message or f'exit {finished.returncode}'}")
        return finished.stdout

    def succeeds(self, *arguments: str) -> bool:
        """Answer a yes-or-no question that git answers by its exit code."""
        finished = subprocess.run(["git", *arguments], capture_output=True, env=self._environment(None), check=False)
        return finished.returncode == 0

    def _environment(self, git_dir: Path | None) -> dict[str, str]:
        # The user's own git configuration (signing, hooks, rename limits) must not show through.
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_DIR": str(git_dir or self.directory),
            "GIT_OBJECT_DIRECTORY": str(self.directory / "objects"),
        }

    def _ask(self, name: str) -> tuple[str, Kind, bytes] | None:
        """Ask the long-lived `git cat-file --batch`, which saves a process per object."""
        with self._lock:
            if self._reader is None or self._reader.poll() is not None:
                self._reader = subprocess.Popen(
                    ["git", "cat-file", "--batch"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=self._environment(None),
                )
            requests, answers = cast(IO[bytes], self._reader.stdin), cast(IO[bytes], self._reader.stdout)
            requests.write(name.encode() + b"\n")
            requests.flush()
            words = answers.readline().split()
            if len(words) != 3 or not words[2].isdigit():
                return None  # "<name> missing" or "<name> ambiguous"
            data = answers.read(int(words[2]))
            answers.read(1)
            return words[0].decode(), cast(Kind, words[1].decode()), data

    def find(self, name: str) -> tuple[str, Kind, bytes] | None:
        """Look an object up by full or abbreviated id."""
        if name in self._objects:
            kind, data = self._objects[name]
            return name, kind, data
        if not re.fullmatch(r"[0-9a-f]{4,40}", name):
            return None
        found = self._ask(name)
        if found is not None and len(found[2]) < 1_000_000:
            self._objects.remember(found[0], found[1:])
        return found

    def read(self, oid: str) -> bytes:
        """Return the contents of an object that must exist."""
        found = self.find(oid)
        if found is None:
            raise GitError(f"object {oid} is missing")
        return found[2]

    def commit(self, name: str) -> Commit | None:
        """Return the commit of that full or abbreviated id."""
        found = self.find(name)
        if found is None:
            return None
        oid, kind, data = found
        if kind == "tag":
            return self.commit(data.split(b"\n", 1)[0].split()[1].decode())
        return _parse_commit(oid, data) if kind == "commit" else None

    def tree(self, oid: str) -> tuple[TreeEntry, ...]:
        """Return the entries of a tree."""
        if oid in self._trees:
            return self._trees[oid]
        return self._trees.remember(oid, tuple(_parse_tree(self.read(oid))))

    def entry(self, tree: str, path: str) -> TreeEntry | None:
        """Walk from a tree to the entry at a path; the empty path is the tree itself."""
        here = TreeEntry("040000", tree, "")
        for name in filter(None, path.split("/")):
            if here.kind != "tree":
                return None
            following = next((entry for entry in self.tree(here.oid) if entry.name == name), None)
            if following is None:
                return None
            here = following
        return here

    def file(self, commit: str, path: str) -> bytes | None:
        """Return a file as it is at a commit, or None where there is none."""
        found = self.commit(commit)
        entry = found and self.entry(found.tree, path)
        return self.read(entry.oid) if entry and entry.kind == "blob" else None

    def merge_base(self, one: str, other: str) -> str | None:
        """Return the best common ancestor of two commits."""
        try:
            return self.run("merge-base", one, other).decode().strip()
        except GitError:
            return None

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Say whether one commit is reachable from another."""
        return ancestor == descendant or self.succeeds("merge-base", "--is-ancestor", ancestor, descendant)

    def between(self, base: str, head: str) -> tuple[tuple[str, ...], int]:
        """Return the commits that only head has, oldest first, and how many only base has."""
        lines = self.run("rev-list", "--left-right", "--topo-order", f"{base}...{head}").decode().split()
        ahead = tuple(line[1:] for line in reversed(lines) if line.startswith(">"))
        return ahead, len(lines) - len(ahead)

    def write_blob(self, data: bytes) -> str:
        """Store bytes as a blob."""
        return self.run("hash-object", "-w", "--stdin", stdin=data).decode().strip()

    def close(self) -> None:
        """End the long-lived reader."""
        with self._lock:
            reader, self._reader = self._reader, None
        if reader is not None:
            for stream in (reader.stdin, reader.stdout):
                if stream is not None:
                    stream.close()
            reader.wait()


@dataclass(slots=True)
class BareRepository:
    """One bare repository on disk: its refs; its objects lie in the store of its network."""

    directory: Path
    store: ObjectStore

    def run(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        """Run git in this repository."""
        return self.store.run(*arguments, stdin=stdin, git_dir=self.directory)

    def set_refs(self, refs: Mapping[str, str | None]) -> None:
        """Move refs in one transaction; None deletes."""
        commands = (f"update {ref} {oid}\n" if oid else f"delete {ref}\n" for ref, oid in refs.items())
        self.run("update-ref", "--stdin", stdin="".join(commands).encode())

    def write_commit(
        self,
        ref: str,
        parents: Iterable[str],
        changes: Mapping[str, Contents],
        message: str,
        author: Signature,
        tree: str | None = None,
    ) -> str:
        """Commit changes upon the first parent (or the given tree) and move the ref there."""
        first, *others = [*parents, None]
        stream = [f"commit {ref}\nmark :1\n".encode()]
        stamp = f"{author.name} <{author.email}> {int(author.when.timestamp())} +0000\n".encode()
        stream += [b"author ", stamp, b"committer ", stamp, _data(message.encode())]
        if first:
            stream.append(f"from {first}\n".encode())
        stream += [f"merge {other}\n".encode() for other in others if other]
        if tree:
            stream.append(f'M 040000 {tree} ""\n'.encode())
        stream += [_change(path, contents) for path, contents in changes.items()]
        stream.append(b"\nget-mark :1\n")
        return self.run("fast-import", "--force", "--quiet", stdin=b"".join(stream)).decode().strip()


def create(directory: Path, store: ObjectStore | None = None) -> BareRepository:
    """Create a bare repository, in an existing object store when it is a fork."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    owning = store or ObjectStore(directory)
    subprocess.run(
        ["git", "init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(directory)],
        check=True,
        env={"PATH": os.environ.get("PATH", os.defpath), "GIT_CONFIG_GLOBAL": os.devnull},
    )
    if store is not None:
        # So that a plain `git clone` of the fork finds the objects too.
        (directory / "objects" / "info").mkdir(parents=True, exist_ok=True)
        (directory / "objects" / "info" / "alternates").write_text(f"{store.directory / 'objects'}\n")
    return BareRepository(directory, owning)


def is_oid(text: str) -> bool:
    """Say whether the text is a full object id."""
    return _OID.fullmatch(text) is not None


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _change(path: str, contents: Contents) -> bytes:
    quoted = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    if contents is None:
        return f'D "{quoted}"\n'.encode()
    if isinstance(contents, str | bytes):
        contents = File(contents.encode() if isinstance(contents, str) else contents)
    if contents.mode == "160000":
        return f'M 160000 {contents.content.decode()} "{quoted}"\n'.encode()
    return f'M {contents.mode} inline "{quoted}"\n'.encode() + _data(contents.content)


def _parse_tree(data: bytes) -> Iterable[TreeEntry]:
    at = 0
    while at < len(data):
        end = data.index(b"\0", at)
        mode, _, name = data[at:end].partition(b" ")
        yield TreeEntry(mode.decode().zfill(6), data[end + 1 : end + 21].hex(), name.decode(errors="replace"))
        at = end + 21


def _parse_commit(oid: str, data: bytes) -> Commit:
    header, _, message = data.partition(b"\n\n")
    fields: dict[bytes, list[bytes]] = {}
    for line in header.split(b"\n"):
        name, _, value = line.partition(b" ")
        fields.setdefault(name, []).append(value)
    return Commit(
        oid,
        fields[b"tree"][0].decode(),
        tuple(parent.decode() for parent in fields.get(b"parent", [])),
        _parse_signature(fields[b"author"][0]),
        _parse_signature(fields[b"committer"][0]),
        message.decode(errors="replace").rstrip("\n"),
    )


def _parse_signature(line: bytes) -> Signature:
    found = _SIGNATURE.fullmatch(line)
    if found is None:
        return Signature(line.decode(errors="replace"), "", datetime.fromtimestamp(0, UTC))
    return Signature(
        found["name"].decode(errors="replace"),
        found["email"].decode(errors="replace"),
        datetime.fromtimestamp(int(found["when"]), UTC),
    )
