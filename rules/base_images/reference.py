"""The image that a FROM names, in its parts, and the ways to name another one there."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from rules.dockerfile import Dockerfile, Instruction, Span, Stage
from rules.fix import Edit
from rules.patterns import regex

_REFERENCE = regex(r"([A-Za-z0-9][\w./-]*(?::\d+/[\w./-]+)?)(?::([\w][\w.-]*))?(@sha\d+:[0-9a-fA-F]+)?")
_HUB = ("docker.io/library/", "index.docker.io/library/", "registry-1.docker.io/library/", "library/", "docker.io/")
# Public copies of the official images, with the same tags.
_MIRRORS = ("public.ecr.aws/docker/library/", "mirror.gcr.io/library/")
_VARIABLE = regex(r"\$(?:\{([A-Za-z_]\w*)[^}]*\}|([A-Za-z_]\w*))")
_LONGEST = 512


class Reference(NamedTuple):
    """`name[:tag][@digest]`; `image` is the name without what Docker Hub's official images may be prefixed with."""

    name: str
    image: str
    tag: str
    digest: str

    def prefix_of(self, image: str) -> str:
        """Return what another image has to be prefixed with to come from the same place."""
        return self.name.removesuffix(self.image) if "/" not in image else ""


@lru_cache(maxsize=512)
def read_reference(text: str) -> Reference | None:
    """Split an image reference; None where it is none, such as one with a variable in it."""
    match = _REFERENCE.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    name = match[1]
    prefix = next((prefix for prefix in (*_HUB, *_MIRRORS) if name.startswith(prefix)), "")
    return Reference(name, name[len(prefix) :], match[2] or "", match[3] or "")


class NewBase(NamedTuple):
    """An edit that makes a FROM name another image; `instruction` is what it changes, `value` what that becomes."""

    edit: Edit
    instruction: Instruction
    value: str
    is_argument: bool
    """Whether the default of an ARG is what changes."""
    is_partial: bool
    """Whether the reference has a variable that stays, so that other values of it meet the new tag."""


def rename_base(dockerfile: Dockerfile, stage: Stage, new: str) -> NewBase | None:
    """Make the FROM of `stage` name the image `new`, digests left aside; None where that takes more than one edit.

    A variable is never replaced by what it holds. Where the whole reference is one variable its ARG is edited, if
    nothing else uses it.
    """
    if not stage.start.words:
        return None
    word = stage.start.words[0]
    raw = word.span.of(dockerfile.text)
    if raw != word.text or len(raw) > _LONGEST:
        return None
    if "$" not in raw:
        return _edit(stage.start, word.span, raw, new, is_argument=False, is_partial=False)
    variable = _VARIABLE.fullmatch(raw)
    if variable is not None:
        return _edit_argument(dockerfile, variable[1] or variable[2], stage.base, new)
    return _edit_literal_part(stage, word.span, raw, new)


def _edit(
    instruction: Instruction, span: Span, old: str, new: str, *, is_argument: bool, is_partial: bool
) -> NewBase | None:
    if instruction.value.count(old) != 1:
        return None
    edit = _shorten(span, old, new)
    return NewBase(edit, instruction, instruction.value.replace(old, new, 1), is_argument, is_partial)


def _shorten(span: Span, old: str, new: str) -> Edit:
    """Return the edit without what both have in front and behind: a reader sees what changes."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return Edit(Span(span.start + start, span.end - end), new[start : len(new) - end])


def _edit_literal_part(stage: Stage, span: Span, raw: str, new: str) -> NewBase | None:
    """Edit what stands behind the last variable, if all that differs stands there."""
    last = list(_VARIABLE.finditer(raw))[-1:]
    if not last or "$" in raw[last[0].end() :]:
        return None
    tail = raw[last[0].end() :]
    if not stage.base.endswith(tail):
        return None
    head = stage.base[: len(stage.base) - len(tail)]
    if not new.startswith(head):
        return None
    changed = raw[: last[0].end()] + new[len(head) :]
    return _edit(stage.start, span, raw, changed, is_argument=False, is_partial=True)


def _edit_argument(dockerfile: Dockerfile, name: str, old: str, new: str) -> NewBase | None:
    """Edit the default of a global ARG that one FROM uses and nothing else."""
    first = next((each.index for each in dockerfile.instructions if each.keyword == "FROM"), 0)
    declared = [
        each for each in dockerfile.instructions if each.keyword == "ARG" and re.match(rf"{name}\b", each.value)
    ]
    if len(declared) != 1 or declared[0].index > first:
        return None
    if len(re.findall(rf"\$\{{?{name}\b", dockerfile.text)) != 1:
        return None
    source = declared[0].span.of(dockerfile.text)
    at = source.find(old)
    if at < 0 or source.count(old) != 1:
        return None
    start = declared[0].span.start + at
    return _edit(declared[0], Span(start, start + len(old)), old, new, is_argument=True, is_partial=False)
