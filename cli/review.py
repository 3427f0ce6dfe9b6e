"""`dockslim review`: what a pull request would get, from two revisions of a local git repository."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.configuration.model import DEFAULT, FILE, Configuration
from bot.configuration.read import NOTHING_SAID, Reading, merge, read_configuration
from bot.review.model import ChangedFile, Plan, Standing
from bot.review.plan import plan
from bot.review.surroundings import find_curious, surround
from cli.configuration import as_trouble
from cli.files import decode
from cli.trouble import TroubleError
from rules.context.gather import MAX_FILES, Tree, choose_texts

_STATUSES = {"A": "added", "C": "copied", "D": "removed", "M": "modified", "R": "renamed", "T": "changed"}
_REGULAR = ("100644", "100755")
_DIFF = ("diff", "--find-renames", "--no-color", "--no-ext-diff", "--no-textconv", "--diff-algorithm=myers")


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository on disk, only ever read."""

    path: str

    def resolve(self, revision: str) -> str:
        """Return the commit that a revision names."""
        if revision.startswith("-") or not revision.strip() or "\0" in revision:
            raise TroubleError(revision or "revision", "is no revision")
        found = self._try("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        if found is None:
            raise TroubleError(revision, f"is no commit in {self.path}")
        return found.decode().strip()

    def merge_base(self, base: str, head: str) -> str:
        """Return where two commits parted."""
        found = self._try("merge-base", base, head)
        if found is None:
            raise TroubleError(self.path, "the two revisions have no commit in common")
        return found.decode().strip()

    def read_configuration(self, commit: str) -> Reading:
        """Return what the configuration in a commit says."""
        found = decode(self._run("ls-tree", "-z", "--full-tree", commit, FILE))
        described = found.partition("\t")[0].split()
        if not described:
            return Reading(NOTHING_SAID)
        mode, _, blob = described
        # What GitHub has of a link is where it leads.
        return read_configuration(self._text(blob) if mode in _REGULAR else "link", FILE)

    def changed_files(self, base: str, head: str, configuration: Configuration = DEFAULT) -> Iterator[ChangedFile]:
        """Yield the Dockerfiles that differ between two commits, as GitHub would hand them over."""
        fields = iter(decode(self._run(*_DIFF, "--raw", "-z", "--no-abbrev", base, head)).split("\0"))
        for field in fields:
            if not field:
                continue
            old_mode, new_mode, old_blob, new_blob, status = field[1:].split(" ")
            old_path = new_path = next(fields)
            if status[0] in "RC":
                new_path = next(fields)
            if not configuration.covers(new_path) or status[0] not in _STATUSES or status[0] == "D":
                continue
            if new_mode in _REGULAR:
                patch = self._patch(base, head, dict.fromkeys((old_path, new_path)))
                old = self._text(old_blob) if old_mode in _REGULAR else None
                yield ChangedFile(new_path, _STATUSES[status[0]], patch, self._text(new_blob), old)

    def look_around(
        self, commit: str, files: Sequence[ChangedFile], configuration: Configuration = DEFAULT
    ) -> Iterable[ChangedFile]:
        """Return the files with what a commit's tree tells about them."""
        curious = dict(find_curious(files))
        if not curious:
            return files
        sizes: dict[str, int] = {}
        regular: dict[str, str] = {}
        for line in decode(self._run("ls-tree", "-r", "-z", "--long", "--full-tree", commit)).split("\0")[:-1]:
            described, _, path = line.partition("\t")
            mode, kind, blob, size = described.split()
            if kind == "blob":
                sizes[path] = int(size)
            if mode in _REGULAR:
                regular[path] = blob
        if len(sizes) > MAX_FILES:
            return files
        wanted = [path for path in choose_texts(sizes, list(curious)) if path in regular]
        tree = Tree(sizes, {path: self._text(regular[path]) for path in wanted})
        return surround(files, curious, tree, configuration)

    def check_is_one(self) -> None:
        """Raise TroubleError where the path is no git repository."""
        if not os.path.isdir(self.path):
            raise TroubleError(self.path, "is no directory")
        done = self._git("rev-parse", "--git-dir")
        if done.returncode:
            raise TroubleError(self.path, _first_line(done.stderr) or "is no git repository")

    def _patch(self, base: str, head: str, paths: dict[str, None]) -> str | None:
        """Return the hunks alone, as GitHub does; None for what git takes for binary."""
        found = decode(self._run(*_DIFF, "--unified=3", "--inter-hunk-context=0", base, head, "--", *paths))
        start = found.find("\n@@ ")
        return found[start + 1 :].removesuffix("\n") if start >= 0 else None

    def _text(self, blob: str) -> str:
        return decode(self._run("cat-file", "blob", blob))

    def _try(self, *arguments: str) -> bytes | None:
        done = self._git(*arguments)
        return done.stdout if done.returncode == 0 else None

    def _run(self, *arguments: str) -> bytes:
        done = self._git(*arguments)
        if done.returncode:
            raise TroubleError(self.path, f"git {arguments[0]}: {_first_line(done.stderr)}")
        return done.stdout

    def _git(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        # GIT_DIR and its like, set inside a hook, would point at another repository.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        command = ["git", "--literal-pathspecs", "--no-pager", "-C", self.path, *arguments]
        try:
            return subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        except FileNotFoundError:
            raise TroubleError("git", "is not installed, and a review reads a git repository with it") from None


def plan_review(
    path: str,
    base: str,
    head: str,
    report: Callable[[TroubleError], None] = lambda _: None,
    *,
    configured: bool = True,
) -> tuple[list[ChangedFile], Plan]:
    """Return the changed Dockerfiles and what dockslim would post about them.

    The configuration is the one of `base`; `report` is told of its problems.
    """
    repository = Repository(path)
    repository.check_is_one()
    after = repository.resolve(head)
    tip = repository.resolve(base)
    before = repository.merge_base(tip, after)
    reading = repository.read_configuration(tip) if configured else Reading(NOTHING_SAID)
    for problem in reading.problems:
        report(as_trouble(problem))
    configuration = merge([reading.layer])
    changed = list(repository.changed_files(before, after, configuration))
    files = list(repository.look_around(after, changed, configuration))
    return files, plan(files, Standing(), configuration)


def review(path: str, base: str, head: str, *, configured: bool = True) -> int:
    """Print what dockslim would post; nothing is posted. Return 2 where the configuration has problems, else 0."""
    troubles: list[TroubleError] = []
    files, planned = plan_review(path, base, head, troubles.append, configured=configured)
    for trouble in troubles:
        print(trouble, file=sys.stderr)
    from cli.report.review import show_plan

    show_plan(planned, {file.path: file.head for file in files})
    return 2 if troubles else 0


def _first_line(said: bytes) -> str:
    line = decode(said).strip().partition("\n")[0]
    return line.removeprefix("fatal: ")
