"""`dockslim fix`: apply what the rules propose, until nothing more can be applied."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from bot.review.suggestion import worth
from cli.around import look_around
from cli.configuration import Configurations
from cli.files import STDIN, encode, find_dockerfiles, read_text, write_text
from cli.trouble import TroubleError, one_line
from rules.check import check, refuse
from rules.config import DEFAULT, Config
from rules.dockerfile import Dockerfile, DockerfileError, parse
from rules.finding import Finding
from rules.fix import Applicability, Fix, apply, overlap
from rules.rule import Surroundings

MAX_ROUNDS = 20
"""Each round makes the fixes that do not overlap; even a RUN that every rule has a fix for needs a few only."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """A text after its fixes: the findings that are gone, and those that are `left` in it."""

    text: str
    fixed: tuple[Finding, ...]
    left: tuple[Finding, ...]


def fix_text(
    text: str, config: Config = DEFAULT, unsafe: bool = False, surroundings: Surroundings | None = None
) -> Fixed:
    """Apply the safe fixes, with `unsafe` those too that may change what the image does.

    Raise DockerfileError where the text is no Dockerfile.
    """
    wanted = {Applicability.SAFE, Applicability.UNSAFE} if unsafe else {Applicability.SAFE}
    surroundings = surroundings or Surroundings(targets=config.targets)
    dockerfile = parse(text)
    fixed: list[Finding] = []
    findings = check(dockerfile, config, surroundings).findings
    for _ in range(MAX_ROUNDS):
        chosen = _choose([each for each in findings if _allows(each, wanted)], dockerfile, surroundings)
        if not chosen:
            break
        fixed += chosen
        dockerfile = parse(apply(dockerfile.text, _fixes(chosen)), like=dockerfile)
        findings = check(dockerfile, config, surroundings).findings
    return Fixed(dockerfile.text, tuple(fixed), findings)


def _allows(finding: Finding, wanted: Iterable[Applicability]) -> bool:
    return finding.fix is not None and finding.fix.applicability in wanted


def _fixes(findings: Iterable[Finding]) -> list[Fix]:
    return [each.fix for each in findings if each.fix is not None]


def _choose(findings: Iterable[Finding], dockerfile: Dockerfile, surroundings: Surroundings) -> list[Finding]:
    """Return findings whose fixes pass the gate together, the most valuable first."""
    apart: list[Finding] = []
    for finding in sorted(findings, key=worth):
        if not any(overlap(fix, mine) for mine in _fixes([finding]) for fix in _fixes(apart)):
            apart.append(finding)
    return _add([], apart, dockerfile, surroundings)


def _add(
    kept: list[Finding], group: list[Finding], dockerfile: Dockerfile, surroundings: Surroundings
) -> list[Finding]:
    """Return `kept` with as many of `group` as pass together with it, by halves: most groups pass as a whole."""
    if not group:
        return kept
    if refuse(dockerfile, [*kept, *group], surroundings) is None:
        return [*kept, *group]
    if len(group) == 1:
        return kept
    middle = len(group) // 2
    kept = _add(kept, group[:middle], dockerfile, surroundings)
    return _add(kept, group[middle:], dockerfile, surroundings)


@dataclass(slots=True)
class _Tally:
    files: int = 0
    changed: int = 0
    fixed: int = 0
    unsafe: int = 0
    troubles: list[TroubleError] = field(default_factory=list)

    def report(self, trouble: TroubleError) -> None:
        """Name what is wrong at once; the rest goes on."""
        self.troubles.append(trouble)
        print(trouble, file=sys.stderr)


def fix_paths(
    paths: Sequence[str],
    *,
    unsafe: bool,
    diff: bool,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    configured: bool = True,
) -> int:
    """Fix every Dockerfile under `paths`, or print the `diff` only; return 0, or 2 with trouble."""
    tally = _Tally()
    configurations = Configurations(select, ignore, report=tally.report, obeyed=configured)
    quiet_output = diff or STDIN in paths
    for found in find_dockerfiles(paths, configurations.judge_in):
        try:
            if isinstance(found, TroubleError):
                raise found
            _fix_file(found, configurations.config_for(found), unsafe, diff, tally)
        except TroubleError as trouble:
            tally.report(trouble)
    said = _sum_up(tally, diff)
    if said:
        print(said, file=sys.stderr if quiet_output else sys.stdout)
    return 2 if tally.troubles else 0


def _fix_file(path: str, config: Config, unsafe: bool, diff: bool, tally: _Tally) -> None:
    before = read_text(path)
    try:
        outcome = fix_text(before, config, unsafe, look_around(path, parse(before), config))
    except DockerfileError as error:
        if path == STDIN and not diff:
            _write_bytes(before)
        raise TroubleError(path, error.reason, error.line) from None
    tally.files += 1
    if diff:
        _show_diff(path, before, outcome.text)
    elif path == STDIN:
        _write_bytes(outcome.text)
    elif outcome.text != before:
        write_text(path, outcome.text)
    tally.changed += outcome.text != before
    tally.fixed += len(outcome.fixed)
    if not unsafe:
        tally.unsafe += sum(_allows(each, (Applicability.UNSAFE,)) for each in outcome.left)


def _write_bytes(text: str) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(encode(text))
    sys.stdout.buffer.flush()


def _show_diff(path: str, before: str, after: str) -> None:
    """Write a diff that `patch` and `git apply` take; a terminal gets it in colour and with nothing hidden."""
    lines = list(diff_lines(path, before, after))
    if not sys.stdout.isatty():
        _write_bytes("".join(lines))
        return
    from bot.review.markdown import visible
    from cli.report.colours import paint_for

    paint = paint_for(sys.stdout)
    styles = {"-": "red", "+": "green", "@": "cyan"}
    for line in lines:
        shown = visible(line.rstrip("\r\n"))
        print(paint(styles[line[0]], shown) if line[0] in styles else shown)


def diff_lines(path: str, before: str, after: str) -> Iterator[str]:
    """Yield the lines of a unified diff, with their ends."""
    from difflib import unified_diff

    name = one_line(path).lstrip("/")
    for line in unified_diff(_lines(before), _lines(after), f"a/{name}", f"b/{name}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(text: str) -> list[str]:
    """Split at newlines only: what else `str.splitlines` takes for a line end is none to git."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def _sum_up(tally: _Tally, diff: bool) -> str:
    from cli.report.text import count

    if not tally.files:
        return "" if tally.troubles else "No Dockerfile found"
    more = f"; {tally.unsafe:,} {'more ' if tally.fixed else ''}with --unsafe" if tally.unsafe else ""
    if not tally.fixed:
        return f"Nothing to fix in {count(tally.files, 'file')}{more}"
    verb = "Would fix" if diff else "Fixed"
    return f"{verb} {count(tally.fixed, 'finding')} in {count(tally.changed, 'file')}{more}"
