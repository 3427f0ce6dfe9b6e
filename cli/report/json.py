"""Findings as JSON: a list, one object each, as issue 2 lays it down and the README repeats it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from cli.report.checked import Checked, as_unicode, locate
from cli.trouble import TroubleError
from rules.dockerfile import Dockerfile
from rules.finding import Finding, Snippet
from rules.fix import Edit, Fix


def render_json(results: Iterable[Checked], troubles: Sequence[TroubleError]) -> Iterator[str]:  # noqa: ARG001
    """Yield the document, a line for each finding; lines and columns as in `Region`: an end column is exclusive."""
    found = (json.dumps(_describe(each, finding)) for each in results for finding in each.findings)
    last = next(found, None)
    if last is None:
        yield "[]"
        return
    yield "["
    for line in found:
        yield f" {last},"
        last = line
    yield from (f" {last}", "]")


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
        "snippet": _describe_snippet(finding.snippet) if finding.snippet else None,
    }


def _describe_fix(dockerfile: Dockerfile, fix: Fix) -> dict[str, object]:
    return {"edits": [_describe_edit(dockerfile, edit) for edit in sorted(set(fix.edits))]}


def _describe_edit(dockerfile: Dockerfile, edit: Edit) -> dict[str, object]:
    region = locate(dockerfile, edit.span)
    return {
        "start_line": region.start_line,
        "start_column": region.start_column,
        "end_line": region.end_line,
        "end_column": region.end_column,
        "replacement": as_unicode(edit.replacement),
    }


def _describe_snippet(snippet: Snippet) -> dict[str, object]:
    return {
        "title": as_unicode(snippet.title),
        "text": as_unicode(snippet.text),
        "language": as_unicode(snippet.language),
    }
