"""Findings as workflow commands, which GitHub Actions turns into annotations.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands; the escaping is that of
actions/toolkit, packages/core/src/command.ts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bot.review.markdown import visible
from bot.review.model import Annotation
from cli.report.checked import Checked, locate
from cli.trouble import TroubleError
from rules.finding import Finding, Severity

_COMMANDS = {Severity.INFO: "notice", Severity.WARNING: "warning", Severity.ERROR: "error"}


def render_github(results: Iterable[Checked], troubles: Sequence[TroubleError]) -> Iterator[str]:  # noqa: ARG001
    """Yield one command for each finding."""
    for each in results:
        for finding in each.findings:
            yield _command(each, finding)


def _command(each: Checked, finding: Finding) -> str:
    region = locate(each.dockerfile, finding.span)
    properties = {
        "file": each.path,
        "line": str(region.start_line),
        "endLine": str(region.end_line),
        "title": f"{finding.code} {finding.name}",
    }
    message = f"{finding.message}. {finding.reason}" if finding.reason else finding.message
    return _render(_COMMANDS[finding.severity], properties, message)


def render_annotation(annotation: Annotation) -> str:
    """Return a remark of the check run as a command."""
    properties = {
        "file": annotation.path,
        "line": str(annotation.start),
        "endLine": str(annotation.end),
        "title": annotation.title,
    }
    return _render("error" if annotation.level == "failure" else annotation.level, properties, annotation.message)


def render_notice(message: str) -> str:
    """Return a remark of ours that is about no file."""
    return _render("notice", {"title": "dockslim"}, message)


def _render(command: str, properties: Mapping[str, str], message: str) -> str:
    said = ",".join(f"{name}={_escape_property(value)}" for name, value in properties.items())
    return f"::{command} {said}::{_escape_data(message)}"


def _escape_data(text: str) -> str:
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return visible(escaped)


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")
