"""check(): all there is to say about one Dockerfile. Pragmas, configuration and the gate are applied here, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from rules.config import DEFAULT, Config
from rules.dockerfile import Dockerfile, DockerfileError, Instruction, parse
from rules.dockerfile.pragmas import NONE, read_pragmas
from rules.finding import Finding, Severity
from rules.fix import Command, Edit, Fix, OverlapError, Statement, apply, insert_edits
from rules.registry import RULES
from rules.rule import Rule, Surroundings


class Refusal(NamedTuple):
    """A fix that did not pass the gate, and why; the finding is reported without it."""

    finding: Finding
    reason: str


class Report(NamedTuple):
    """Findings in the order of the text; `refused` is for the people who maintain the rules."""

    findings: tuple[Finding, ...]
    refused: tuple[Refusal, ...] = ()


def check(dockerfile: Dockerfile, config: Config = DEFAULT, surroundings: Surroundings | None = None) -> Report:
    """Run the rules that `config` wants; every fix in the report has passed the gate."""
    surroundings = surroundings or Surroundings(targets=config.targets)
    rules = _wanted(config.select, config.on, config.ignore)
    found = run_rules(dockerfile, surroundings, rules)
    if not found:
        return Report(())
    pragmas = read_pragmas(dockerfile)
    wanted_findings = [
        each for each in found if pragmas is NONE or not pragmas.silence(each.instruction, _names_of(each))
    ]
    fixable = [(at, each) for at, each in enumerate(wanted_findings) if each.fix is not None]
    reasons = dict(
        refusal
        for group in _without_overlap(fixable)
        for refusal in _refusals(dockerfile, group, found, surroundings, rules)
    )
    return Report(
        tuple(
            _weigh(each._replace(fix=None) if at in reasons else each, config)
            for at, each in enumerate(wanted_findings)
        ),
        tuple(Refusal(wanted_findings[at], reason) for at, reason in reasons.items()),
    )


@lru_cache(maxsize=64)
def _wanted(select: frozenset[str], on: frozenset[str], ignore: frozenset[str]) -> tuple[Rule, ...]:
    config = Config(select=select, on=on, ignore=ignore)
    return tuple(rule for rule in RULES if config.wants(rule))


def _weigh(finding: Finding, config: Config) -> Finding:
    """Give a finding the severity that is wanted; one that is known to save next to nothing is mere information."""
    severity = config.severities.get(finding.code)
    if severity is not None:
        finding = finding._replace(severity=severity)
    if finding.saving.bytes is None or finding.saving.bytes >= config.floor:
        return finding
    return finding._replace(severity=Severity.INFO, is_small=True)


def _names_of(finding: Finding) -> frozenset[str]:
    own = (f"dockslim:{finding.code.lower()}", f"dockslim:{finding.name}")
    return frozenset({*own, *(alias.lower() for alias in finding.aliases)})


def _without_overlap(fixable: list[tuple[int, Finding]]) -> list[list[tuple[int, Finding]]]:
    """Sort fixes into groups that can be applied together, at most three; the rest stand alone."""
    groups: list[tuple[list[tuple[int, Finding]], list[Edit]]] = [([], []) for _ in range(3)]
    alone = []
    for at, finding in fixable:
        edits = finding.fix.edits if finding.fix is not None else ()
        for members, taken in groups:
            if insert_edits(taken, edits):
                members.append((at, finding))
                break
        else:
            alone.append([(at, finding)])
    return [members for members, _ in groups if members] + alone


def _refusals(
    dockerfile: Dockerfile,
    fixable: list[tuple[int, Finding]],
    found: tuple[Finding, ...],
    surroundings: Surroundings,
    rules: tuple[Rule, ...],
) -> Iterator[tuple[int, str]]:
    """Yield which fixes do not pass the gate, and why.

    They are tried together and, where that fails, by halves: one at a time costs the square of a file's length.
    """
    if not fixable:
        return
    reason = _gate(dockerfile, tuple(each for _, each in fixable), found, surroundings, rules)
    if reason is None:
        return
    if len(fixable) == 1:
        yield fixable[0][0], reason
        return
    middle = len(fixable) // 2
    yield from _refusals(dockerfile, fixable[:middle], found, surroundings, rules)
    yield from _refusals(dockerfile, fixable[middle:], found, surroundings, rules)


def refuse(
    dockerfile: Dockerfile,
    findings: Iterable[Finding],
    surroundings: Surroundings,
    found: tuple[Finding, ...] | None = None,
) -> str | None:
    """Return why the fixes of `findings` may not be applied together, None when they may.

    The result must parse; its commands must differ only as the fixes say; the findings must be gone, none new.
    Whoever asks often about one file hands over what `run_rules` finds in it.
    """
    if found is None:
        found = run_rules(dockerfile, surroundings)
    return _gate(dockerfile, tuple(findings), found, surroundings, RULES)


def run_rules(dockerfile: Dockerfile, surroundings: Surroundings, rules: Iterable[Rule] = RULES) -> tuple[Finding, ...]:
    """Return what rules find, whatever pragmas and configuration say."""
    found = [each for rule in _triggered(dockerfile, rules) for each in rule.check(dockerfile, surroundings)]
    return tuple(sorted(found, key=lambda each: (each.span, each.code)))


# What a RUN says may stand in a variable.
_WORDS_OF_RUNS = ("RUN", "ENV", "ARG", "ONBUILD")
# Most are triggers of several rules: each is looked for once.
_IN_RUN = tuple({trigger for rule in RULES if rule.reads == ("RUN",) for trigger in rule.triggers})
_ELSEWHERE = tuple({trigger for rule in RULES if rule.reads != ("RUN",) for trigger in rule.triggers})


def _triggered(dockerfile: Dockerfile, rules: Iterable[Rule]) -> Iterator[Rule]:
    """Yield the rules that may have something to say, by the triggers that the file holds."""
    text = dockerfile.text
    runs = "\n".join([each.span.of(text) for each in dockerfile.instructions if each.keyword in _WORDS_OF_RUNS])
    there = {*filter(runs.__contains__, _IN_RUN), *filter(text.__contains__, _ELSEWHERE)}
    return (rule for rule in rules if not rule.triggers or not there.isdisjoint(rule.triggers))


def _gate(
    dockerfile: Dockerfile,
    fixed: tuple[Finding, ...],
    found: tuple[Finding, ...],
    surroundings: Surroundings,
    rules: tuple[Rule, ...],
) -> str | None:
    # Several findings may have one fix, which is made once.
    fixes = list(dict.fromkeys(each.fix for each in fixed if each.fix is not None))
    try:
        text = apply(dockerfile.text, fixes)
    except OverlapError as error:
        return str(error)
    if text == dockerfile.text:
        return "it changes nothing"
    try:
        result = parse(text, like=dockerfile)
    except DockerfileError as error:
        return f"the result does not parse: {error}"
    old, new = _differing(dockerfile, result)
    if not _others_agree(old, new, fixes):
        return "it changes an instruction that it should leave alone"
    reason = _compare_runs(_runs(old, dockerfile.text), _runs(new, text), fixes)
    if reason is not None:
        return reason
    concerned = _concerned(dockerfile, result, fixed, rules)
    left = Counter(each.code for rule in concerned for each in rule.check(result, surroundings))
    allowed = Counter(each.code for each in found)
    allowed.subtract(each.code for each in fixed)
    worse = [code for code, count in left.items() if count > allowed[code]]
    return f"afterwards there is more of {', '.join(sorted(worse))} than before" if worse else None


def _concerned(
    before: Dockerfile, after: Dockerfile, fixed: tuple[Finding, ...], rules: tuple[Rule, ...]
) -> Iterable[Rule]:
    """Return those of `rules` whose findings a fix may have changed: to run them all would double the time of a check.

    Those that gave it, and those that look in a RUN for something in the words that come or go, or in a joined RUN.
    Where another instruction comes or goes, all: what FROM or ENV says reaches far.
    What is off by default is no loss.
    """
    fixes = [each.fix for each in fixed if each.fix is not None]
    if any(fix.removed_instructions or fix.added_instructions for fix in fixes):
        return _triggered(after, [rule for rule in rules if rule.is_default])
    codes = {each.code for each in fixed}
    if len(before.instructions) != len(after.instructions):
        text = "\n".join(each.span.of(after.text) for each in _differing(before, after)[1])
    else:
        text = "\n".join(line for fix in fixes for line in _changed_words(fix))
    there = {*filter(text.__contains__, (*_IN_RUN, *_ELSEWHERE))}
    return [
        rule
        for rule in rules
        if rule.is_default
        and (rule.code in codes or ("RUN" in rule.reads and (not rule.triggers or not there.isdisjoint(rule.triggers))))
    ]


def _changed_words(fix: Fix) -> Iterator[str]:
    """Yield the words that come or go in each command that a fix changes, all of those of a new or deleted one."""
    gone = [words for words in fix.removed if words not in fix.added]
    come = [words for words in fix.added if words not in fix.removed]
    for words in come:
        twin = next((each for each in gone if each[:1] == words[:1]), None)
        yield " ".join((*words, "") if twin is None else (*{*words}.symmetric_difference(twin), ""))
    for words in gone[len(come) :]:
        yield " ".join((*words, ""))


def _differing(before: Dockerfile, after: Dockerfile) -> tuple[tuple[Instruction, ...], tuple[Instruction, ...]]:
    """Return what lies between the instructions that both have at their start and at their end."""
    old, new = before.instructions, after.instructions
    first, end, shortest = 0, 0, min(len(old), len(new))
    while first < shortest and new[first] is old[first]:
        first += 1
    while end < shortest - first and (new[-1 - end] is old[-1 - end] or new[-1 - end].twin is old[-1 - end]):
        end += 1
    return old[first : len(old) - end], new[first : len(new) - end]


def _others_agree(old: tuple[Instruction, ...], new: tuple[Instruction, ...], fixes: list[Fix]) -> bool:
    """Tell whether all but the RUNs stay, in their order, save what the fixes take away and bring."""
    removed = Counter(each for fix in fixes for each in fix.removed_instructions)
    added = Counter(each for fix in fixes for each in fix.added_instructions)
    left = _without(old, removed)
    return left is not None and left == _without(new, added)


def _without(instructions: tuple[Instruction, ...], promised: Counter[Statement]) -> list[Statement] | None:
    left = []
    for each in instructions:
        if _run_of(each) is not None:
            continue
        statement = (each.keyword, each.value)
        if promised[statement] > 0:
            promised[statement] -= 1
        else:
            left.append(statement)
    return None if +promised else left


def _run_of(each: Instruction) -> Instruction | None:
    run = each.trigger if each.trigger is not None else each
    return run if run.keyword == "RUN" else None


def _runs(instructions: tuple[Instruction, ...], text: str) -> dict[str, list[Instruction]]:
    """Return the RUNs, those behind ONBUILD included, by their source."""
    runs: dict[str, list[Instruction]] = {}
    for each in instructions:
        run = _run_of(each)
        if run is not None:
            runs.setdefault(each.span.of(text), []).append(run)
    return runs


def _compare_runs(old: dict[str, list[Instruction]], new: dict[str, list[Instruction]], fixes: list[Fix]) -> str | None:
    """Hold the RUNs that differ against what the fixes promise of their commands."""
    gone = [run for source, runs in old.items() for run in runs[len(new.get(source, ())) :]]
    come = [run for source, runs in new.items() for run in runs[len(old.get(source, ())) :]]
    if sum(not run.script.parsed for run in come) > sum(not run.script.parsed for run in gone):
        return "a RUN that could be read before cannot be read afterwards"
    before = [words for run in gone for words in _words_of(run)]
    after = [words for run in come for words in _words_of(run)]
    # Most commands stay: to count what is the same on both sides is what this would cost most.
    same = next((at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), None)
    expected = Counter(before[same:])
    for fix in fixes:
        expected.subtract(fix.removed)
        expected.update(fix.added)
    actual = Counter(after[same:])
    if expected == actual:
        return None
    missing, extra = expected - actual, actual - expected
    return f"its commands are not the intended ones: missing {_show(missing)}, unexpected {_show(extra)}"


def _words_of(run: Instruction) -> Iterator[Command]:
    yield from (command.texts for command in run.commands)
    yield from (("RUN", flag.span.of(run.document)) for flag in run.flags)


def _show(commands: Counter[Command]) -> str:
    return "; ".join(" ".join(words) for words in commands) or "none"
