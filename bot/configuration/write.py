"""The configuration written out: as a file, as the schema of such files, and as the page that explains them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from bot.configuration.keys import ROOT, Key, ListOf, RuleTable, Section
from bot.configuration.model import DEFAULT, FILE, ORGANISATION_FILE, Configuration

SCHEMA_FILE = "dockslim.schema.json"
FIRST_LINE = f"# yaml-language-server: $schema={SCHEMA_FILE}"
"""What editors look for: https://github.com/redhat-developer/yaml-language-server#using-inlined-schema."""


@dataclass(frozen=True, slots=True)
class Change:
    """One key by which two configurations differ, with both values as a file has them; "" where nothing is said."""

    key: str
    before: str
    after: str


def compare(before: Configuration, after: Configuration) -> Iterator[Change]:
    """Yield what one configuration says otherwise than another, key by key in the order of the page."""
    return _compare(ROOT, before, after, "")


def write_configuration(configuration: Configuration, origin: str) -> str:
    """Return a file that says all that a configuration says; `origin` tells in one line where it comes from."""
    return "\n".join((FIRST_LINE, f"# {origin}", *_write_section(ROOT, configuration, "", False))) + "\n"


def write_sample() -> str:
    """Return a file with every key and its default, and with what it means above it."""
    head = f"# Every key of {FILE} with its default. Take what you want to have otherwise."
    return "\n".join((FIRST_LINE, head, *_write_section(ROOT, DEFAULT, "", True))) + "\n"


def write_schema() -> str:
    """Return the JSON Schema of configuration files."""
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"dockslim: {FILE}",
        **ROOT.schema(),
    }
    return json.dumps(schema, indent=2) + "\n"


def write_page() -> str:
    """Return the page that explains configuration files, as Markdown."""
    parts = [
        "# Configuration",
        f"dockslim needs none. What a repository wants otherwise stands in `{FILE}`, and counts from the branch that a "
        f"pull request goes into; what an organisation wants otherwise stands in `{ORGANISATION_FILE}` of its "
        "repository `.github`. The repository's file counts over the organisation's, key by key, and both over the "
        "defaults below; lists are replaced as a whole.",
        "A file with a problem is not obeyed in part: what lies below it counts, and the problem is reported with its "
        "line and key. `dockslim config check FILE` tells it before a commit does, `dockslim config show` prints what "
        "counts in a folder. `dockslim check` and `dockslim fix` obey the file at the top of the git work tree, "
        "`dockslim review` that of the revision that the change goes into; with `--no-config` they obey none.",
        f"[`dockslim.yml`](dockslim.yml) has every key. Its first line, `{FIRST_LINE}`, gives an editor completion and "
        f"checks where a copy of [`{SCHEMA_FILE}`]({SCHEMA_FILE}) lies beside the file; `dockslim config schema` "
        "prints that of the installed version.",
        "The file is plain YAML of up to 64 KiB: no aliases, no tags, no key twice, no more than 8 levels and 5,000 "
        "values.",
        *_explain(ROOT, DEFAULT, "", "Keys"),
    ]
    return "\n\n".join(parts) + "\n"


def _compare(section: Section, before: Any, after: Any, prefix: str) -> Iterator[Change]:
    for each in section.keys:
        place = f"{prefix}{each.name}"
        old, new = getattr(before, each.name), getattr(after, each.name)
        if old == new:
            continue
        if isinstance(each.kind, Section):
            yield from _compare(each.kind, old, new, f"{place}.")
        elif isinstance(each.kind, RuleTable):
            for rule in dict.fromkeys((*old, *new)):
                if old.get(rule) != new.get(rule):
                    yield Change(f"{place}.{rule}", old.get(rule, ""), new.get(rule, ""))
        else:
            yield Change(place, each.kind.write(old), each.kind.write(new))


def _write_section(section: Section, values: Any, indent: str, explained: bool) -> Iterator[str]:
    for each in section.keys:
        value = getattr(values, each.name)
        if explained:
            yield ""
            yield from (f"{indent}# {line}" for line in wrap(each.meaning, 116 - len(indent)))
        if isinstance(each.kind, Section):
            yield f"{indent}{each.name}:"
            yield from _write_section(each.kind, value, indent + "  ", explained)
        elif isinstance(each.kind, ListOf) and value:
            yield f"{indent}{each.name}:"
            yield from (f"{indent}  - {each.kind.kind.write(member)}" for member in value)
        elif isinstance(each.kind, RuleTable) and value:
            yield f"{indent}{each.name}:"
            yield from (f"{indent}  {rule}: {choice}" for rule, choice in value.items())
        else:
            yield f"{indent}{each.name}: {each.kind.write(value)}"


def _explain(section: Section, default: Any, prefix: str, title: str) -> Iterator[str]:
    yield f"## {title}"
    rows = [_row(each, default, prefix) for each in section.keys if not isinstance(each.kind, Section)]
    if rows:
        yield "\n".join(("| Key | Default | |", "|---|---|---|", *rows))
    for each in section.keys:
        place = f"{prefix}{each.name}"
        if isinstance(each.kind, Section):
            heading, *table = _explain(each.kind, getattr(default, each.name), f"{place}.", f"`{place}`")
            yield from (heading, each.meaning, *table)
        elif isinstance(each.kind, ListOf) and isinstance(each.kind.kind, Section):
            yield from _explain(each.kind.kind, None, f"{place}[].", f"Members of `{place}`")


def _row(key: Key, default: Any, prefix: str) -> str:
    said = "" if default is None else f"`{key.kind.write(getattr(default, key.name))}`"
    return f"| `{prefix}{key.name}` | {said} | {key.meaning} |"
