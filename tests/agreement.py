"""`make agreement`: dockslim and hadolint on the equivalents, instruction by instruction over the corpus.

Which rules are equivalent is what the rules themselves say (`aliases`), and KIN for what is near and not the same.
What the classes of disagreement come from, and whose mistake each is, is judged in `docs/agreement.md`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from rules.check import check
from rules.dockerfile import Dockerfile, DockerfileError, Instruction, parse
from rules.registry import RULES
from rules.runs import Run
from rules.tools import apk, apt, pip
from tests.corpus import ARCHIVE, corpus_texts
from tests.hadolint import Hit, lint

KIN = {"DL3059": ("DS101", "DS102", "DS206")}
"""Codes of hadolint whose point a rule shares only where bytes depend on it."""
_Patterns = list[tuple[str, str]]
_THEIRS: dict[str, _Patterns] = {
    "DL3009": [("the same RUN deletes them in another way", r"find /var/lib/apt|rm -r -f|dist-?clean|/var/lib/apt\b")],
    "DL3015": [
        (
            "it names no package, or a file",
            r"(?:-\w*f|--fix-broken)\b.*\binstall|install\s+(?:-\w*f|(?:-\S+\s+)*\.?/\S)",
        ),
        ("the same RUN turns recommends off, or on", r"(?i)apt::install-recommends"),
    ],
    "DL3019": [("the same RUN empties the cache", r"/var/cache/apk|/var/cache\b|apk\s+cache\s+clean|rm\s.*/var/\S*")],
    "DL3042": [
        ("the same RUN deletes the cache", r"rm\s[^;&]*(?:\.cache|\.pip|/root\b)|pip\d?\s+cache\s+purge"),
        ("exec form", r"^RUN\s+\["),
    ],
    "DL3046": [("the number is a variable", r"-u\s*\"?\$")],
    "DL3060": [("the same RUN deletes the cache", r"rm\s[^;&]*(?:\.cache|share/\.cache)|cache\s+clean")],
}
"""First sorting of what only hadolint reports, by what the source of the instruction holds."""
_OURS: dict[str, _Patterns] = {
    "DS201": [
        ("behind sudo", r"\bsudo\b.*\binstall"),
        ("`apt install`", r"\bapt\s+(?:-\S+\s+)*install"),
        ("aptitude", r"\baptitude\b"),
    ],
    "DS202": [
        ("behind sudo", r"\bsudo\b.*\bupdate"),
        ("an `rm -rf` of something else counts as the clean-up", r"\brm\s+(?:-\S+\s+)*-\w*[rf]"),
        ("`apt update`", r"\bapt\s+(?:-\S+\s+)*update"),
    ],
    "DS203": [("`apk update` or `apk upgrade` leaves an index too", r"\bapk\s+(?:-\S+\s+)*(?:update|upgrade)")],
    "DS204": [
        ("behind sudo", r"\bsudo\b.*\bpip"),
        ("by path or version, `/opt/x/bin/pip3.6`", r"/pip|pip\d?\.\d|pip-\d|python\d\.\d"),
    ],
    "DS209": [
        (
            "`update`, `upgrade`, `localinstall`, `groupinstall`, ... fill it too",
            r"(?:yum|dnf)\b.*\b(?:update|upgrade|re\w*|\w+install)\b",
        )
    ],
    "DS210": [
        ("`update`, `source-install`, ... fill it too", r"zypper\b.*\b(?:up|update|dup|ref\w*|source-install)\b")
    ],
    "DS231": [
        ("`yarn`, `yarn add`, `yarn global add`: without the word `install`", r"\byarn\b(?!\s+(?:-\S+\s+)*install)")
    ],
}
"""First sorting of what only dockslim reports."""
NO_RULE = {
    "DL3014": "`-y` is missing: the build stops and asks; no bytes",
    "DL3047": "wget's progress bar fills the log; no bytes",
}
"""Codes that are often named beside these, and have no rule here."""


@dataclass
class Pair:
    """Codes of hadolint with the rules that mean the same, and where either speaks."""

    theirs: frozenset[str]
    ours: frozenset[str]
    both: int = 0
    only_hadolint: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    only_dockslim: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def main() -> int:
    """Print the table, and examples of every class."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--examples", type=int, default=3, help="files named for each class")
    options.add_argument("--show", metavar="CODE", help="print the source of the examples for this code")
    asked = options.parse_args()
    if not ARCHIVE.is_file():
        print(f"agreement: {ARCHIVE} is not here, and there is nothing to compare on")
        return 0
    texts = corpus_texts()
    said = lint(text for _, text in texts)
    pairs = list(_pairs())
    others: Counter[str] = Counter()
    for name, text in texts:
        others.update({hit.code for hit in said[text]} & set(NO_RULE))
        try:
            dockerfile = parse(text)
        except DockerfileError:
            continue
        _compare(name, dockerfile, said[text], pairs)
    for pair in pairs:
        _print_pair(pair, asked.examples)
        if asked.show in pair.theirs | pair.ours:
            _show(pair, asked.examples, dict(texts))
    print("no rule here, files with a finding of hadolint's:")
    for code, why in NO_RULE.items():
        print(f"  {code} {others[code]:5}  {why}")
    return 0


def _pairs() -> Iterator[Pair]:
    """Yield the codes of hadolint with their rules; those that share one are one pair."""
    groups: list[tuple[set[str], set[str]]] = []
    for rule in RULES:
        codes = {each.partition(":")[2] for each in rule.aliases if each.startswith("hadolint:")}
        codes |= {code for code, kin in KIN.items() if rule.code in kin}
        if not codes:
            continue
        ours = {rule.code}
        for group in [each for each in groups if each[0] & codes]:
            groups.remove(group)
            codes |= group[0]
            ours |= group[1]
        groups.append((codes, ours))
    for codes, ours in sorted(groups, key=lambda each: min(each[0])):
        yield Pair(frozenset(codes), frozenset(ours))


def _compare(name: str, dockerfile: Dockerfile, hits: tuple[Hit, ...], pairs: list[Pair]) -> None:
    findings = check(dockerfile).findings
    for pair in pairs:
        theirs = {_at(dockerfile, hit.line): hit.code for hit in hits if hit.code in pair.theirs}
        ours = {each.instruction: each for each in findings if each.code in pair.ours}
        pair.both += len(theirs.keys() & ours.keys())
        for index in sorted(theirs.keys() - ours.keys()):
            where = f"{name}:{dockerfile.instructions[index].line}"
            why = _why_silent(dockerfile, index, theirs[index], set(ours))
            pair.only_hadolint[why].append(where)
        for index in sorted(ours.keys() - theirs.keys()):
            instruction = dockerfile.instructions[index]
            why = _why_they_are_silent(dockerfile, instruction, ours[index].code, hits)
            pair.only_dockslim[f"{ours[index].code} {why}"].append(f"{name}:{instruction.line}")


def _at(dockerfile: Dockerfile, line: int) -> int:
    """Return the index of the instruction on a line; hadolint names the first line, or that of a word."""
    return next((each.index for each in dockerfile.instructions if each.line <= line <= each.end_line), 0)


def _stage_of(dockerfile: Dockerfile, index: int) -> int:
    """Return the index of the stage that an instruction is in, -1 above the first FROM."""
    return next((each.index for each in reversed(dockerfile.stages) if each.start.index <= index), -1)


def _why_silent(dockerfile: Dockerfile, index: int, code: str, ours: set[int]) -> str:
    """Return a first sorting of what only hadolint reports, by what the file shows."""
    instruction = dockerfile.instructions[index]
    stage = _stage_of(dockerfile, index)
    run = instruction.trigger or instruction
    if stage not in {each.index for each in dockerfile.shipped()}:
        return "in a stage that is not shipped"
    if instruction.trigger is not None:
        return "behind ONBUILD"
    if (
        run.keyword == "RUN"
        and run.exec_words is None
        and not dockerfile.scope(dockerfile.stages[stage], instruction).is_posix
    ):
        return "not a POSIX shell"
    if run.keyword == "RUN" and not run.script.parsed:
        return "a RUN that dockslim cannot read"
    if run.mounts:
        return "with a mount"
    if run.keyword == "RUN":
        why = _why_there(
            Run(dockerfile, dockerfile.stages[stage], run, dockerfile.scope(dockerfile.stages[stage], run)), code
        )
        if why is not None:
            return why
    if any(_stage_of(dockerfile, each) == stage for each in ours):
        return "dockslim speaks at another instruction of the stage"
    return "other"


def _why_there(run: Run, code: str) -> str | None:
    """Return what this code's own exceptions say about a RUN."""
    source = run.instruction.span.of(run.dockerfile.text).replace("\\\n", " ")
    for why, pattern in _THEIRS.get(code, []):
        if re.search(pattern, source):
            return why
    if code == "DL3009" and apt.are_lists_used_later(run):
        return "a later RUN installs from these lists: without them its build fails"
    if code == "DL3015" and run.is_preceded_by(apt.mentions_recommends):
        return "apt may have been told above: Install-Recommends, or a file copied into /etc/apt"
    if code == "DL3019" and not apk.knows_no_cache(run.base):
        return "the apk of the base does not know the flag"
    if code == "DL3019" and run.is_preceded_by(_fetches_apk_index):
        return "an earlier layer holds the index, this RUN adds none"
    if code == "DL3042" and pip.may_be_too_old(run.base):
        return "the pip of the base may be too old for the flag, and keeps no cache by itself"
    return None


def _fetches_apk_index(each: Instruction) -> bool:
    calls = map(apk.read_apk, each.commands) if each.keyword == "RUN" and "apk" in each.value else ()
    return any(call is not None and not call.has("--no-cache") for call in calls)


def _why_they_are_silent(dockerfile: Dockerfile, instruction: Instruction, code: str, hits: tuple[Hit, ...]) -> str:
    """Return a first sorting of what only dockslim reports."""
    if any(hit.code == "DL1000" for hit in hits):
        return "hadolint cannot read the file"
    if instruction.trigger is not None:
        return "behind ONBUILD"
    source = instruction.span.of(dockerfile.text).replace("\\\n", " ")
    return next((why for why, pattern in _OURS.get(code, []) if re.search(pattern, source)), "other")


def _print_pair(pair: Pair, examples: int) -> None:
    theirs = sum(map(len, pair.only_hadolint.values()))
    ours = sum(map(len, pair.only_dockslim.values()))
    print(f"{' '.join(sorted(pair.theirs))} = {' '.join(sorted(pair.ours))}:", end=" ")
    print(f"both {pair.both}, only hadolint {theirs}, only dockslim {ours}")
    for title, classes in (("only hadolint", pair.only_hadolint), ("only dockslim", pair.only_dockslim)):
        for why, where in sorted(classes.items(), key=lambda each: -len(each[1])):
            print(f"  {title}: {len(where):5}  {why} ({', '.join(_spread(where, examples))})")
    print()


def _spread(where: list[str], count: int) -> list[str]:
    """Return some of a list, from all over it."""
    return where[:: max(1, len(where) // count)][:count] if count else []


def _show(pair: Pair, examples: int, texts: dict[str, str]) -> None:
    for title, classes in (("only hadolint", pair.only_hadolint), ("only dockslim", pair.only_dockslim)):
        for why, where in classes.items():
            for each in _spread(where, examples):
                name, _, line = each.rpartition(":")
                dockerfile = parse(texts[name])
                source = dockerfile.instructions[_at(dockerfile, int(line))].span.of(dockerfile.text)
                print(f"--- {title}, {why}: {each}\n{source[:1500]!s}")


if __name__ == "__main__":
    sys.exit(main())
