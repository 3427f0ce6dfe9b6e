"""check(): what dockslim has to say about one Dockerfile. Pragmas, configuration and the gate are applied here, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from rules.config import DEFAULT, Config
from rules.dockerfile import Dockerfile, DockerfileError, Instruction, parse
from rules.dockerfile.pragmas import read_pragmas
from rules.finding import Finding
from rules.fix import Command, Fix, OverlapError, apply
from rules.registry import RULES
from rules.rule import Surroundings


@dataclass(frozen=True, slots=True)
class Refusal:
    """A fix that did not pass the gate, and why; the finding is reported without it."""

    finding: Finding
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """Findings in the order of the text; `refused` is for the people who maintain the rules."""

    findings: tuple[Finding, ...]
    refused: tuple[Refusal, ...] = ()


def check(dockerfile: Dockerfile, config: Config = DEFAULT, surroundings: Surroundings | None = None) -> Report:
    """Run the rules that `config` wants; every fix in the report has passed the gate."""
    surroundings = surroundings or Surroundings(targets=config.targets)
    found = _run_rules(dockerfile, surroundings)
    if not found:
        return Report(())
    pragmas = read_pragmas(dockerfile)
    wanted = {rule.code for rule in RULES if config.wants(rule)}
    findings: list[Finding] = []
    refused: list[Refusal] = []
    for finding in found:
        names = frozenset(
            {f"dockslim:{finding.code.lower()}", f"dockslim:{finding.name}", *(a.lower() for a in finding.aliases)}
        )
        if finding.code not in wanted or pragmas.silence(finding.instruction, names):
            continue
        reason = _gate(dockerfile, (finding,), found, surroundings) if finding.fix else None
        if reason is not None:
            refused.append(Refusal(finding, reason))
            finding = replace(finding, fix=None)  # noqa: PLW2901
        findings.append(finding)
    return Report(tuple(findings), tuple(refused))


def refuse(dockerfile: Dockerfile, findings: Iterable[Finding], surroundings: Surroundings) -> str | None:
    """Return why the fixes of `findings` may not be applied together, None when they may.

    The result must parse; its commands must differ only as the fixes say; the findings must be gone, none new.
    """
    return _gate(dockerfile, tuple(findings), _run_rules(dockerfile, surroundings), surroundings)


def _run_rules(dockerfile: Dockerfile, surroundings: Surroundings) -> tuple[Finding, ...]:
    found = [finding for rule in RULES for finding in rule.check(dockerfile, surroundings)]
    return tuple(sorted(found, key=lambda each: (each.span, each.code)))


def _gate(
    dockerfile: Dockerfile, fixed: tuple[Finding, ...], found: tuple[Finding, ...], surroundings: Surroundings
) -> str | None:
    fixes = [each.fix for each in fixed if each.fix is not None]
    try:
        text = apply(dockerfile.text, fixes)
    except OverlapError as error:
        return str(error)
    if text == dockerfile.text:
        return "it changes nothing"
    try:
        result = parse(text)
    except DockerfileError as error:
        return f"the result does not parse: {error}"
    if _other_instructions(result) != _other_instructions(dockerfile):
        return "it changes an instruction that it should leave alone"
    if _unread(result) > _unread(dockerfile):
        return "a RUN that could be read before cannot be read afterwards"
    reason = _compare_commands(dockerfile, result, fixes)
    if reason is not None:
        return reason
    left = Counter(each.code for each in _run_rules(result, surroundings))
    allowed = Counter(each.code for each in found)
    allowed.subtract(each.code for each in fixed)
    worse = [code for code, count in left.items() if count > allowed[code]]
    return f"afterwards there is more of {', '.join(sorted(worse))} than before" if worse else None


def _other_instructions(dockerfile: Dockerfile) -> list[tuple[str, str]]:
    return [(each.keyword, each.value) for each in dockerfile.instructions if _run_of(each) is None]


def _run_of(each: Instruction) -> Instruction | None:
    run = each.trigger if each.trigger is not None else each
    return run if run.keyword == "RUN" else None


def _unread(dockerfile: Dockerfile) -> int:
    runs = (_run_of(each) for each in dockerfile.instructions)
    return sum(1 for run in runs if run is not None and not run.script.parsed)


def _commands(dockerfile: Dockerfile) -> Counter[Command]:
    runs = (_run_of(each) for each in dockerfile.instructions)
    return Counter(command.texts for run in runs if run is not None for command in run.commands)


def _compare_commands(before: Dockerfile, after: Dockerfile, fixes: list[Fix]) -> str | None:
    expected = _commands(before)
    for fix in fixes:
        expected.subtract(fix.removed)
        expected.update(fix.added)
    actual = _commands(after)
    if +expected == +actual and min(expected.values(), default=0) >= 0:
        return None
    missing, extra = expected - actual, actual - expected
    return f"its commands are not the intended ones: missing {_show(missing)}, unexpected {_show(extra)}"


def _show(commands: Counter[Command]) -> str:
    return "; ".join(" ".join(words) for words in commands) or "none"
