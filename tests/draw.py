"""`make draw`: findings drawn at random from the corpus, each with its source and its fix, to be read by a person.

The same seed draws the same findings as long as the rules find the same.
"""

from __future__ import annotations

import argparse
import difflib
import random
import sys
from collections.abc import Iterator
from typing import NamedTuple

from rules.check import check
from rules.dockerfile import Dockerfile, DockerfileError, parse
from rules.finding import Finding
from rules.fix import apply
from tests.corpus import ARCHIVE, corpus_texts
from tests.rules.survey import offer_of

LONGEST = 60
"""Lines that are shown of an instruction."""


class Drawn(NamedTuple):
    """One finding with the file that it is in."""

    name: str
    dockerfile: Dockerfile
    finding: Finding


def main() -> int:
    """Draw, and print what was drawn."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=60)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--rule", action="append", default=[], help="only rules whose code starts so, such as DS1")
    options.add_argument(
        "--offer", action="append", default=[], help="only safe, unsafe, display, snippet, nothing, info"
    )
    options.add_argument("--each", action="store_true", help="draw so many of every rule")
    asked = options.parse_args()
    if not ARCHIVE.is_file():
        print(f"draw: {ARCHIVE} is not here, and there is nothing to draw from")
        return 0
    found = [each for each in _find() if _is_wanted(each.finding, asked.rule, asked.offer)]
    codes = sorted({each.finding.code for each in found})
    pools = [[each for each in found if each.finding.code == code] for code in codes] if asked.each else [found]
    chance = random.Random(asked.seed)  # noqa: S311 - a draw, no secret
    drawn = [each for pool in pools for each in chance.sample(pool, min(asked.count, len(pool)))]
    print(f"{len(drawn)} of {len(found)} findings, seed {asked.seed}\n")
    for number, each in enumerate(drawn, 1):
        _print(number, each)
    return 0


def _find() -> Iterator[Drawn]:
    for name, text in corpus_texts():
        try:
            dockerfile = parse(text)
        except DockerfileError:
            continue
        for finding in check(dockerfile).findings:
            yield Drawn(name, dockerfile, finding)


def _is_wanted(finding: Finding, codes: list[str], offers: list[str]) -> bool:
    return finding.code.startswith(tuple(codes or [""])) and (not offers or offer_of(finding) in offers)


def _print(number: int, drawn: Drawn) -> None:
    name, dockerfile, finding = drawn
    text = dockerfile.text
    instruction = dockerfile.instructions[finding.instruction]
    line, column = dockerfile.position(finding.span.start)
    print(f"=== {number}. {finding.code} {finding.name} ({offer_of(finding)})  {name}:{line}:{column}")
    print(f"  {finding.message}\n  {finding.reason}")
    print(f"  words: {_shown(finding.span.of(text))!r}")
    print(f"  from: {', '.join(stage.base for stage in dockerfile.stages)}")
    for at, source in enumerate(instruction.span.of(text).splitlines()[:LONGEST], instruction.line):
        print(f"  {at:5} | {_shown(source)}")
    if finding.fix is not None:
        if finding.fix.caution:
            print(f"  caution: {finding.fix.caution}")
        after = apply(text, [finding.fix])
        for source in list(difflib.unified_diff(text.splitlines(), after.splitlines(), lineterm="", n=1))[
            2 : LONGEST + 2
        ]:
            print(f"      {_shown(source)}")
    if finding.snippet is not None:
        print(f"  {finding.snippet.title}:")
        for source in finding.snippet.text.splitlines()[:LONGEST]:
            print(f"      {_shown(source)}")
    print()


def _shown(text: str) -> str:
    """Return a line as a terminal can take it: a stranger wrote it."""
    return "".join(each if each.isprintable() or each == "\t" else repr(each)[1:-1] for each in text)[:240]


if __name__ == "__main__":
    sys.exit(main())
