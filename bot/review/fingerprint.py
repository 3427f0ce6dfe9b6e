"""Fingerprints: how a finding is known again after a push. They hang on what is said, never on line numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256

from rules.dockerfile import Dockerfile, Instruction
from rules.finding import Finding

REVIEW_MARKER = "<!-- dockslim:review -->"
SUMMARY_MARKER = "<!-- dockslim:summary -->"

_LENGTH = 16
# Only the end of a body counts: further up stands text from the Dockerfile, which may hold a marker of its own.
_MARKER = re.compile(r"<!-- dockslim:(fp|gone)=([0-9a-f]{16}(?:,[0-9a-f]{16})*) -->\s*\Z")
_IGNORED = re.compile(rf"<!-- dockslim:ignored=(DS\d+(?:,DS\d+)*) -->\n{SUMMARY_MARKER}\Z")
_ANY_MARKER = re.compile(r"<!-- dockslim:[^>]*-->")


def normalise(dockerfile: Dockerfile, instruction: Instruction) -> str:
    """Return an instruction without what reformatting changes: continuations, comments and the width of blanks."""
    parts = [instruction.keyword, *instruction.value.split()]
    for heredoc in instruction.heredocs:
        parts += ["\n", *heredoc.body.of(dockerfile.text).split()]
    return " ".join(parts)


def fingerprints(path: str, dockerfile: Dockerfile, findings: Iterable[Finding]) -> tuple[str, ...]:
    """Return one fingerprint for each finding; equal instructions are told apart by their number."""
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for finding in findings:
        text = normalise(dockerfile, dockerfile.instructions[finding.instruction])
        occurrence = seen[finding.code, text]
        seen[finding.code, text] += 1
        found.append(digest((finding.code, path, text, str(occurrence))))
    return tuple(found)


def digest(parts: Sequence[str]) -> str:
    """Return one short hash of several texts."""
    # The length in front keeps ("a", "bc") and ("ab", "c") apart.
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:_LENGTH]


def write_marker(found: Iterable[str], kind: str = "fp") -> str:
    """Return the hidden line that carries fingerprints; it must be the last one of a body.

    `fp` is what a body says, `gone` what it said until that was settled.
    """
    listed = ",".join(sorted(set(found)))
    return f"<!-- dockslim:{kind}={listed} -->" if listed else ""


def read_fingerprints(body: str, kind: str = "fp") -> frozenset[str]:
    """Return the fingerprints that a body of ours carries."""
    tail = body.rstrip()
    start = tail.rfind("<!--")
    match = _MARKER.match(tail, start) if start >= 0 else None
    return frozenset(match[2].split(",")) if match and match[1] == kind else frozenset()


def mark_summary(ignored: Iterable[str]) -> str:
    """Return the hidden lines that end a summary; they carry the codes of the rules that are ignored."""
    listed = ",".join(sorted(set(ignored)))
    return f"<!-- dockslim:ignored={listed} -->\n{SUMMARY_MARKER}" if listed else SUMMARY_MARKER


def read_ignored(body: str) -> frozenset[str]:
    """Return the codes of the rules that a summary of ours says are ignored."""
    tail = body.replace("\r\n", "\n").rstrip()
    start = tail.rfind("<!--", 0, tail.rfind("<!--"))
    match = _IGNORED.match(tail, start) if start >= 0 else None
    return frozenset(match[1].split(",")) if match else frozenset()


def strip_markers(body: str) -> str:
    """Return a body without the markers at its end: further up stands text from the Dockerfile."""
    body = body.rstrip()
    while (start := body.rfind("<!--")) >= 0 and _ANY_MARKER.fullmatch(body, start):
        body = body[:start].rstrip()
    return body
