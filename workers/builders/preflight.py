"""What is not built, seen in the text before anything is built."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from rules.dockerfile import Dockerfile, Instruction
from workers.builders.references import find_references
from workers.registry import read_image

_ELSEWHERE = ("http://", "https://", "ftp://", "git://", "ssh://", "git@", "github.com/")
_OURS = re.compile(r"(?:docker\.io/)?docker/dockerfile(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a Dockerfile is not built: one sentence without a full stop. `line` is 1-based."""

    line: int
    reason: str


def find_refusals(
    dockerfile: Dockerfile, registries: Container[str], build_args: Iterable[tuple[str, str]] = ()
) -> tuple[Refusal, ...]:
    """Return what would make the builder fetch from elsewhere, run a foreign program itself, or give more."""
    given = tuple(build_args)
    found = [*_refuse_syntax(dockerfile), *_refuse_images(dockerfile, registries, given)]
    for name, _ in given:
        if name.upper().startswith("BUILDKIT_"):
            found.append(Refusal(1, f"the build argument {name} is one of the builder's own"))
    for each in dockerfile.instructions:
        found += _refuse_instruction(each.trigger or each)
    return tuple(sorted(set(found), key=lambda refusal: (refusal.line, refusal.reason)))


def _refuse_syntax(dockerfile: Dockerfile) -> Iterator[Refusal]:
    syntax = dockerfile.directives.get("syntax")
    if syntax is not None and not _OURS.fullmatch(syntax.strip()):
        yield Refusal(1, f"`# syntax={syntax.strip()[:100]}` is a program that the builder would run")
    # BuildKit reads `//syntax=` and {"syntax": ...} as well.
    first = dockerfile.instructions[0] if dockerfile.instructions else None
    if first is not None and first.keyword.startswith(("//", "{")):
        yield Refusal(first.line, f"`{first.keyword[:100].lower()}` may be a program that the builder would run")


def _refuse_images(
    dockerfile: Dockerfile, registries: Container[str], given: Iterable[tuple[str, str]]
) -> Iterator[Refusal]:
    for each in find_references(dockerfile, given):
        image = read_image(each.image) if each.image else None
        if image is None:
            yield Refusal(each.line, "which image it names is not known before it is built")
        elif image.registry not in registries:
            yield Refusal(each.line, f"{image.registry} is not one of the registries that dockslim may use")


def _refuse_instruction(each: Instruction) -> Iterator[Refusal]:
    if each.keyword == "ADD":
        for word in each.words[:-1]:
            # A variable can only make an address of what may yet become one.
            start = word.text.lower().split("$", 1)[0]
            is_open = "$" in word.text and any(one.startswith(start) for one in _ELSEWHERE)
            if is_open or start.startswith(_ELSEWHERE):
                yield Refusal(each.line, "ADD would have the builder fetch an address")
    if each.keyword == "RUN":
        for flag in each.flags:
            value = (flag.value or "").lower()
            if flag.name in ("security", "device") or (flag.name == "network" and value not in ("none", "default")):
                yield Refusal(each.line, f"RUN --{flag.name} asks for more than a build gets")
