"""`dockslim rules`, and the rules that --select and --ignore name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from cli.trouble import TroubleError
from rules.config import Config
from rules.dockerfile import parse
from rules.finding import Finding
from rules.fix import Applicability
from rules.registry import RULES, find_close_rules
from rules.rule import Rule

REMEDIES = (*Applicability, "snippet")


def choose(select: Iterable[str], ignore: Iterable[str]) -> Config:
    """Return the configuration that the two options ask for; each value may hold several names, with commas."""
    return Config(
        select=frozenset(_known_names("--select", select)),
        ignore=frozenset(_known_names("--ignore", ignore)),
    )


def refuse_unknown(option: str, name: str) -> TroubleError:
    """Return the error for a rule that does not exist, with the names that come close."""
    said = ", ".join(f"{rule.code} {rule.name}" for rule in find_close_rules(name))
    hint = f"Close to it: {said}" if said else "`dockslim rules` lists them"
    return TroubleError(option, f'there is no rule "{name.strip()}". {hint}.')


def remedies_of(rule: Rule) -> tuple[str, ...]:
    """Return what the examples of a rule show it to offer, fixes before snippets, the safest first."""
    found = {
        remedy
        for example in rule.bad
        for finding in rule.check(parse(example.text), example.surroundings)
        for remedy in _remedies(finding)
    }
    return tuple(each for each in REMEDIES if each in found)


def _remedies(finding: Finding) -> Iterator[str]:
    if finding.fix is not None:
        yield finding.fix.applicability
    if finding.snippet is not None:
        yield "snippet"


def has_one_click(remedies: Iterable[str]) -> bool:
    """Tell whether a click on a suggestion may be all there is to do."""
    return not {Applicability.SAFE, Applicability.UNSAFE}.isdisjoint(remedies)


def render_json() -> str:
    """Return the rules as a JSON list."""
    return json.dumps([_describe(rule) for rule in RULES], indent=2)


def render_text() -> Iterator[str]:
    """Yield one line for each rule, and how many there are."""
    remedies = {rule: remedies_of(rule) for rule in RULES}
    name_width = max(len(rule.name) for rule in RULES)
    fix_width = max(len(_say(each)) for each in remedies.values())
    for rule, each in remedies.items():
        said = f"{rule.severity if rule.is_default else 'off':<7}  {_say(each):<{fix_width}}"
        yield f"{rule.code}  {rule.name:<{name_width}}  {said}  {rule.summary}"
    clickable = sum(has_one_click(each) for each in remedies.values())
    yield f"{len(RULES)} rules, {clickable} with a fix that one click or `dockslim fix` applies"


def _say(remedies: Sequence[str]) -> str:
    return ", ".join(remedies) or "no fix"


def _describe(rule: Rule) -> dict[str, object]:
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity,
        "default": rule.is_default,
        "remedies": list(remedies_of(rule)),
        "aliases": list(rule.aliases),
        "summary": rule.summary,
    }


def _known_names(option: str, values: Iterable[str]) -> Iterator[str]:
    for value in values:
        for name in value.split(","):
            if not name.strip():
                continue
            if not any(Config(select=frozenset({name})).wants(rule) for rule in RULES):
                raise refuse_unknown(option, name)
            yield name
