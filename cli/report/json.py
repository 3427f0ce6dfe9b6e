"""Findings as JSON: a list, one object each, as issue 2 lays it down and the README repeats it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from cli.report.checked import Checked, as_unicode, locate
from cli.trouble import TroubleError
from rules.dockerfile import Dockerfile
from rules.finding import Finding
from rules.fix import Fix


def render_json(results: Iterable[Checked], troubles: Sequence[TroubleError]) -> Iterator[str]:  # noqa: ARG001
    """Yield the document, a line for each finding; lines and columns as in `Region`: an end column is exclusive."""
    found = (json.dumps(_describe(each, finding)) for each in results for finding in each.findings)
    yield f"[{_join(found)}]"


def _join(lines: Iterable[str]) -> str:
    text = ",\n ".join(lines)
    return f"\n {text}\n" if text else ""


def _describe(each: Checked, finding: Finding) -> dict[str, object]:
    region = locate(each.dockerfile, finding.span)
    return {
        "path": as_unicode(each.path),
        "code": finding.code,
        "name": finding.name,
        "aliases": list(finding.aliases),
        "severity": finding.severity,
        "message": as_unicode(finding.message),
        "line": region.start_line,
        "column": region.start_column,
        "end_line": region.end_line,
        "end_column": region.end_column,
        "applicability": finding.fix.applicability if finding.fix else None,
        "saving": {"bytes": finding.saving.bytes, "provenance": finding.saving.provenance},
        "fix": _describe_fix(each.dockerfile, finding.fix) if finding.fix else None,
        "snippet": {key: as_unicode(value) for key, value in asdict(finding.snippet).items()}
        if finding.snippet
        else None,
    }


def _describe_fix(dockerfile: Dockerfile, fix: Fix) -> dict[str, object]:
    return {
        "edits": [
            {**asdict(locate(dockerfile, edit.span)), "replacement": as_unicode(edit.replacement)}
            for edit in sorted(set(fix.edits))
        ]
    }
