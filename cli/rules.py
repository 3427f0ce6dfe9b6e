"""`dockslim rules`, and the rules that --select and --ignore name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from cli.trouble import TroubleError
from rules.config import Config
from rules.dockerfile import parse
from rules.fix import Applicability
from rules.registry import RULES
from rules.rule import Rule, Surroundings

_CAUTION = (Applicability.SAFE, Applicability.UNSAFE, Applicability.DISPLAY)


def choose(select: Iterable[str], ignore: Iterable[str]) -> Config:
    """Return the configuration that the two options ask for; each value may hold several names, with commas."""
    return Config(
        select=frozenset(_known_names("--select", select)),
        ignore=frozenset(_known_names("--ignore", ignore)),
    )


def find_rule(name: str) -> Rule | None:
    """Return the rule with this code, name or equivalent elsewhere, such as `DL3015` or `hadolint:DL3015`."""
    wanted = name.strip().lower()
    for rule in RULES:
        if wanted in _names_of(rule):
            return rule
    return None


def refuse_unknown(option: str, name: str) -> TroubleError:
    """Return the error for a rule that does not exist, with the names that come close."""
    from difflib import get_close_matches

    wanted = name.strip().lower()
    names = {each: rule for rule in RULES for each in (rule.code.lower(), rule.name)}
    close = dict.fromkeys(names[each] for each in get_close_matches(wanted, names, n=3, cutoff=0.75))
    said = ", ".join(f"{rule.code} {rule.name}" for rule in close)
    hint = f"Close to it: {said}" if said else "`dockslim rules` lists them"
    return TroubleError(option, f'there is no rule "{name.strip()}". {hint}.')


def applicability_of(rule: Rule) -> Applicability | None:
    """Return how far the fixes of a rule go by themselves, the most cautious one that its examples show."""
    found = set()
    for example in rule.bad:
        for finding in rule.check(parse(example.text), Surroundings()):
            if finding.fix is not None:
                found.add(finding.fix.applicability)
    return max(found, key=_CAUTION.index, default=None)


def summary_of(rule: Rule) -> str:
    """Return what a rule is about in one sentence: the first paragraph of its page."""
    return " ".join((type(rule).__doc__ or "").strip().split("\n\n")[0].split())


def render_json() -> str:
    """Return the rules as a JSON list."""
    return json.dumps([_describe(rule) for rule in RULES], indent=2)


def render_text() -> Iterator[str]:
    """Yield one line for each rule."""
    width = max(len(rule.name) for rule in RULES)
    for rule in RULES:
        fix = applicability_of(rule)
        yield f"{rule.code}  {rule.name:<{width}}  {rule.severity:<7}  {_say(fix):<11}  {summary_of(rule)}"


def _say(fix: Applicability | None) -> str:
    return f"{fix} fix" if fix else "no fix"


def _describe(rule: Rule) -> dict[str, object]:
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity,
        "applicability": applicability_of(rule),
        "aliases": list(rule.aliases),
        "summary": summary_of(rule),
    }


def _known_names(option: str, values: Iterable[str]) -> Iterator[str]:
    for value in values:
        for name in value.split(","):
            if not name.strip():
                continue
            if not any(Config(select=frozenset({name})).wants(rule) for rule in RULES):
                raise refuse_unknown(option, name)
            yield name


def _names_of(rule: Rule) -> list[str]:
    aliases = [alias.lower() for alias in rule.aliases]
    return [rule.code.lower(), rule.name, *aliases, *(alias.rpartition(":")[2] for alias in aliases)]
