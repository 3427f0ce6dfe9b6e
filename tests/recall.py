"""`make recall`: what the rules say where a person made an image smaller.

`../shared/recall` lists real changes, its script re-creates them from git mirrors beside the repository (`../.mirror`).
A change counts for a technique when a rule that names this technique has a finding on an instruction that the person
touched for it. Nothing of other people's text is kept: it goes to a temporary folder, and a few lines to the terminal.
"""

from __future__ import annotations

import argparse
import difflib
import json
import posixpath
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from rules.check import check
from rules.dockerfile import Dockerfile, DockerfileError, parse
from rules.finding import Finding
from rules.fix import Applicability
from rules.registry import RULES
from rules.surroundings import Context, Surroundings

WORKPLACE = Path(__file__).resolve().parents[2]
SCRIPT = WORKPLACE / "shared" / "recall" / "human_prs.py"
MIRRORS = WORKPLACE / ".mirror"
GOAL = 0.8
READ_BY_RULES = 100_000
"""Bytes: no rule reads a longer file of the context than this."""
_TECHNIQUES = {rule.code: frozenset(rule.techniques) for rule in RULES}


@dataclass(frozen=True)
class File:
    """One Dockerfile before a change, the findings in it, and the lines that were changed, by technique."""

    path: str
    dockerfile: Dockerfile
    after: str
    findings: tuple[Finding, ...]
    touched: dict[str, frozenset[int]]

    def on(self, technique: str) -> list[Finding]:
        """Return the findings of rules for `technique` on the instructions that were changed for it."""
        lines = self.touched.get(technique, self.touched[""])
        return [each for each in self.findings_on(lines) if technique in _TECHNIQUES[each.code]]

    def near(self, technique: str) -> list[Finding]:
        """Return the findings of rules for `technique` elsewhere in the stages that were changed for it.

        Who turns a stage into a build stage changes its FROM and leaves the lines as they are that made it large.
        """
        lines = self.touched.get(technique, self.touched[""])
        last = self.dockerfile.instructions[-1].end_line
        starts = [*(each.start.line for each in self.dockerfile.stages), last + 1]
        whole = {
            line
            for first, end in pairwise(starts)
            if any(first <= line < end for line in lines)
            for line in range(first, end)
        }
        return [each for each in self.findings_on(whole - lines) if technique in _TECHNIQUES[each.code]]

    def findings_on(self, lines: Iterable[int]) -> list[Finding]:
        """Return the findings of any rule whose instruction, or whose own words, lie on one of `lines`."""
        wanted = set(lines)
        return [each for each in self.findings if not wanted.isdisjoint(self._lines_of(each))]

    def line_of(self, finding: Finding) -> int:
        """Return the line of the instruction that a finding is about."""
        return self.dockerfile.instructions[finding.instruction].line

    def _lines_of(self, finding: Finding) -> range:
        instruction = self.dockerfile.instructions[finding.instruction]
        first = min(instruction.line, self.dockerfile.position(finding.span.start)[0])
        return range(first, max(instruction.end_line, self.dockerfile.position(finding.span.end)[0]) + 1)


@dataclass(frozen=True)
class Change:
    """One change that a person made: what was done, the megabytes they state, and the files before it."""

    name: str
    title: str
    techniques: tuple[str, ...]
    saved: float | None
    counts: bool
    files: tuple[File, ...]

    def on(self, technique: str) -> list[Finding]:
        """Return the findings of rules for `technique` on the instructions that were changed for it."""
        return [finding for file in self.files for finding in file.on(technique)]

    def near(self) -> list[tuple[File, Finding]]:
        """Return the findings of rules for any technique of this change beside the lines that were changed."""
        return [(file, each) for technique in self.techniques for file in self.files for each in file.near(technique)]

    def found(self) -> list[Finding]:
        """Return the findings of rules for any technique of this change."""
        return [finding for technique in self.techniques for finding in self.on(technique)]


@dataclass
class Tally:
    """How many changes there are, on how many a rule speaks, and what it offers there."""

    changes: int = 0
    found: int = 0
    warned: int = 0
    one_click: int = 0
    shown: int = 0
    stated: float = 0
    reached: float = 0
    codes: set[str] = field(default_factory=set)

    def add(self, change: Change, findings: list[Finding]) -> None:
        """Count one change with what the rules find in it."""
        self.changes += 1
        self.found += bool(findings)
        self.warned += any(each.severity != "info" for each in findings)
        self.one_click += any(_is_one_click(each) for each in findings)
        self.shown += any(_is_shown(each) for each in findings) and not any(_is_one_click(each) for each in findings)
        self.stated += change.saved or 0
        self.reached += (change.saved or 0) if findings else 0
        self.codes.update(each.code for each in findings)

    def row(self, name: str) -> str:
        """Return one line of the table."""
        return (
            f"{name:26}{self.changes:5}{self.found:7}{self.warned:8}{self.one_click:10}{self.shown:9}"
            f"{_share(self.reached, self.stated):>10} of {self.stated:7,.0f} MB  {' '.join(sorted(self.codes))}"
        )


def _is_one_click(finding: Finding) -> bool:
    return finding.fix is not None and finding.fix.applicability is not Applicability.DISPLAY


def _is_shown(finding: Finding) -> bool:
    return finding.fix is not None or finding.snippet is not None


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else "-"


def main() -> int:
    """Print the table and the misses; the exit status says whether the changes could be re-created."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quiet", action="store_true", help="leave out what each miss changed")
    options.add_argument("--out", type=Path, help="keep the re-created files here")
    asked = options.parse_args()
    if not SCRIPT.is_file():
        print(f"recall: {SCRIPT} is not here: there is nothing to compare with")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        out = asked.out or Path(folder)
        made = subprocess.run(
            [sys.executable, SCRIPT, "--mirrors", MIRRORS, "--out", out], capture_output=True, text=True, check=False
        )
        print("recall: " + made.stdout.strip().partition(" written")[0] + " changes re-created")
        for line in filter(None, made.stderr.splitlines()):
            print(f"  not here: {line}")
        changes = [_read_change(each.parent) for each in sorted(out.glob("*/meta.json"))]
    if not changes:
        print(f"recall: no mirror in {MIRRORS}: fetch the repositories that {SCRIPT.with_suffix('.json')} names")
        return 1
    _print_table([each for each in changes if each.counts])
    _print_misses(changes, quiet=asked.quiet)
    return 0


def _read_change(folder: Path) -> Change:
    meta = json.loads((folder / "meta.json").read_text())
    # `other` stands for what `other` of the entry names: a rule has to name that very thing.
    techniques = [each for each in meta["techniques"] if each != "other"] + meta.get("other", [])
    return Change(
        folder.name.replace("__", "/", 1).replace("__", "#"),
        meta["title"],
        tuple(techniques),
        meta["saved"],
        meta.get("effective") != "no",
        tuple(_read_files(folder, meta)),
    )


def _read_files(folder: Path, meta: dict[str, Any]) -> Iterator[File]:
    mirror = _mirror_of(meta["repo"])
    for each in meta["files"]:
        text = (folder / "before" / each["name"]).read_bytes().decode("utf-8", "surrogateescape")
        after = (folder / "after" / each["name"]).read_bytes().decode("utf-8", "surrogateescape")
        try:
            dockerfile = parse(text)
        except DockerfileError as error:
            print(f"  not read: {folder.name} {each['path']}: {error}")
            continue
        context = _read_context(mirror, meta["parent"], each["path"], dockerfile)
        report = check(dockerfile, surroundings=Surroundings(each["path"], context=context))
        touched = {"": _lines_of(dockerfile, each["lines"])}
        for technique, lines in (each.get("by_technique") or {}).items():
            touched[technique] = _lines_of(dockerfile, lines)
        yield File(each["path"], dockerfile, after, report.findings, touched)


def _lines_of(dockerfile: Dockerfile, lines: list[int]) -> frozenset[int]:
    """Return all lines of the instructions that `lines` touch.

    Where they touch none, text was added between two instructions, after a comment: it acts on the one that follows.
    """
    touched = [each for each in dockerfile.instructions if any(each.line <= line <= each.end_line for line in lines)]
    if not touched:
        touched = [each for each in dockerfile.instructions if each.line > max(lines, default=0)][:1]
    return frozenset(line for each in touched for line in range(each.line, each.end_line + 1))


def _mirror_of(repo: str) -> Path:
    mirror = MIRRORS / repo.replace("/", "+") / "repo"
    return mirror / ".git" if (mirror / ".git").is_dir() else mirror


def _git(mirror: Path, *command: str) -> bytes:
    return subprocess.run(["git", "--git-dir", mirror, *command], capture_output=True, check=False).stdout


@cache
def _read_tree(mirror: Path, commit: str) -> dict[str, int]:
    """Return the bytes of every file of a commit, 0 where the mirror lacks its content."""
    tree = {}
    for line in _git(mirror, "ls-tree", "-r", "-l", "-z", commit).decode("utf-8", "replace").split("\0"):
        about, _, path = line.partition("\t")
        if path:
            size = about.split()[3]
            tree[path] = int(size) if size.isdigit() else 0
    return tree


def _read_context(mirror: Path, commit: str, path: str, dockerfile: Dockerfile) -> Context | None:
    tree = _read_tree(mirror, commit)
    if not tree:
        return None
    root = _guess_root(tree, path, dockerfile)
    start = f"{root}/" if root else ""
    files = {each.removeprefix(start): size for each, size in tree.items() if each.startswith(start)}
    ignore_path = next((each for each in (f"{path}.dockerignore", f"{start}.dockerignore") if each in tree), None)
    texts = {
        each: _read_blob(mirror, commit, start + each)
        for each, size in files.items()
        if _may_be_read(each) and 0 < size <= READ_BY_RULES
    }
    return Context(
        files,
        root,
        ignore=_read_blob(mirror, commit, ignore_path) if ignore_path else None,
        ignore_path=ignore_path or f"{start}.dockerignore",
        texts=texts,
    )


def _may_be_read(path: str) -> bool:
    """Tell whether this is a manifest or the like, near the top of the context."""
    name = posixpath.basename(path)
    return path.count("/") <= 2 and (
        name.endswith((".json", ".toml", ".txt", ".lock", ".yml", ".yaml", ".gradle", ".cfg", ".mod", ".xml"))
        or name in ("Gemfile", "setup.py", "Makefile", ".npmrc", ".yarnrc", ".gitignore", ".gitattributes", "Pipfile")
    )


def _read_blob(mirror: Path, commit: str, path: str) -> str:
    return _git(mirror, "show", f"{commit}:{path}").decode("utf-8", "surrogateescape")


def _guess_root(tree: dict[str, int], path: str, dockerfile: Dockerfile) -> str:
    """Return the folder above or around a Dockerfile in which most of what it copies lies, the nearest of equals."""
    own = posixpath.dirname(path)
    folders = [own]
    while folders[-1]:
        folders.append(posixpath.dirname(folders[-1]))
    known = {*tree, *(folder for each in tree for folder in _folders_of(each))}
    sources = [
        word.text.removeprefix("./").rstrip("/")
        for each in dockerfile.instructions
        if each.keyword in ("COPY", "ADD") and each.flag("from") is None
        for word in each.words[:-1]
    ]
    return max(folders, key=lambda root: (sum(posixpath.join(root, each) in known for each in sources), len(root)))


def _folders_of(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path


def _print_table(changes: list[Change]) -> None:
    total, sighted = Tally(), Tally()
    by_technique: dict[str, Tally] = {}
    for change in changes:
        total.add(change, change.found())
        sighted.add(change, [each for file in change.files for each in file.findings_on(file.touched[""])])
        for technique in change.techniques:
            by_technique.setdefault(technique, Tally()).add(change, change.on(technique))
    print("\nof the changes, those on whose instructions a rule for the very technique has a finding; with its fix:\n")
    print(f"{'technique':26}{'all':>5}{'found':>7}{'warned':>8}{'one click':>10}{'snippet':>9}{'stated savings':>24}")
    for technique, tally in sorted(by_technique.items(), key=lambda each: (-each[1].changes, each[0])):
        print(tally.row(technique))
    print(total.row("one of its techniques"))
    print(sighted.row("any rule there").rstrip())
    named = {technique for techniques in _TECHNIQUES.values() for technique in techniques}
    print(f"techniques that no rule names: {' '.join(sorted(set(by_technique) - named)) or 'none'}")
    near = [each for each in changes if not each.found() and each.near()]
    print(f"\nnot counted, the finding is elsewhere in the stage that was changed: {len(near)}")
    for change in near:
        where = dict.fromkeys(f"{each.code} at line {file.line_of(each)}" for file, each in change.near())
        print(f"  {change.name}: {', '.join(where)}")
    print(f"\nrecall: {total.found} of {total.changes} ({_share(total.found, total.changes)}, the goal is {GOAL:.0%})")


def _print_misses(changes: list[Change], *, quiet: bool) -> None:
    without = [each.name for each in changes if not each.counts]
    print(f"left out, since the change has no effect: {', '.join(without) or 'none'}\n")
    for change in changes:
        if not change.counts or change.found():
            continue
        saved = f", {change.saved:,.0f} MB" if change.saved else ""
        print(f"MISS {change.name} ({', '.join(change.techniques)}{saved}): {change.title}")
        for file in change.files[:1] if quiet else change.files[:3]:
            seen = sorted({each.code for each in file.findings_on(file.touched[""])})
            print(f"  {file.path}: other findings on these lines: {' '.join(seen) or 'none'}")
            if not quiet:
                _print_difference(file)


def _print_difference(file: File) -> None:
    before, after = file.dockerfile.text.splitlines(), file.after.splitlines()
    for line in list(difflib.unified_diff(before, after, lineterm="", n=1))[2:62]:
        print("    " + line[:160].encode("ascii", "backslashreplace").decode())


if __name__ == "__main__":
    sys.exit(main())
