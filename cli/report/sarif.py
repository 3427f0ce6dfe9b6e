"""Findings as SARIF 2.1.0, for GitHub's code scanning and for editors."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from cli.document import page_of
from cli.files import STDIN
from cli.report.checked import Checked, as_unicode, locate
from cli.trouble import TroubleError
from cli.version import VERSION
from rules.dockerfile import Dockerfile, Span
from rules.finding import Finding, Severity
from rules.fix import Applicability
from rules.registry import RULES
from rules.rule import Rule

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

_LEVELS = {Severity.INFO: "note", Severity.WARNING: "warning", Severity.ERROR: "error"}


def render_sarif(results: Iterable[Checked], troubles: Sequence[TroubleError]) -> Iterator[str]:
    """Yield the whole document; `troubles` is read after the last of `results`."""
    places = {rule.code: at for at, rule in enumerate(RULES)}
    found = [_result(each, finding, places) for each in results for finding in each.findings]
    run = {
        "tool": {"driver": _driver()},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The directory that dockslim ran in."}}},
        "invocations": [
            {
                "executionSuccessful": not troubles,
                "toolExecutionNotifications": [_notify(each) for each in troubles],
            }
        ],
        "results": found,
    }
    yield json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _driver() -> dict[str, object]:
    return {"name": "dockslim", "semanticVersion": VERSION, "rules": [_describe(rule) for rule in RULES]}


def _describe(rule: Rule) -> dict[str, object]:
    page = page_of(rule)
    return {
        "id": rule.code,
        "name": type(rule).__name__,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.summary},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": [rule.name, *rule.aliases]},
    }


def _result(each: Checked, finding: Finding, places: dict[str, int]) -> dict[str, object]:
    place = _locate_file(each.path)
    result: dict[str, object] = {
        "ruleId": finding.code,
        "ruleIndex": places[finding.code],
        "level": _LEVELS[finding.severity],
        "message": {"text": as_unicode(f"{finding.message}. {finding.reason}".strip())},
        "locations": [
            {"physicalLocation": {"artifactLocation": place, "region": _region(each.dockerfile, finding.span)}}
        ],
    }
    # SARIF 3.55: a viewer may apply a fix by itself, so one that is only to be read is none.
    if finding.fix is not None and finding.fix.applicability is not Applicability.DISPLAY:
        replacements = [
            {
                "deletedRegion": _region(each.dockerfile, edit.span),
                "insertedContent": {"text": as_unicode(edit.replacement)},
            }
            for edit in sorted(set(finding.fix.edits))
        ]
        said = finding.fix.caution or "The image holds the same at run time."
        change = {"artifactLocation": place, "replacements": replacements}
        result["fixes"] = [{"description": {"text": as_unicode(said)}, "artifactChanges": [change]}]
    return result


def _region(dockerfile: Dockerfile, span: Span) -> dict[str, int]:
    region = locate(dockerfile, span)
    return {
        "startLine": region.start_line,
        "startColumn": region.start_column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
    }


def _locate_file(path: str) -> dict[str, str]:
    if path == STDIN:
        return {"uri": "stdin"}
    relative = os.path.relpath(path)
    if relative.startswith(".."):
        return {"uri": Path(os.path.abspath(path)).as_uri()}
    return {"uri": quote(os.fsencode(relative.replace(os.sep, "/"))), "uriBaseId": "%SRCROOT%"}


def _notify(trouble: TroubleError) -> dict[str, object]:
    return {"level": "error", "message": {"text": str(trouble).removeprefix("dockslim: ")}}
