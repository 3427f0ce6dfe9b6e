"""Images that a Dockerfile names: found, and replaced by what their tags mean now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rules.dockerfile import Dockerfile, Instruction, Span
from rules.dockerfile.parse import expand
from rules.fix import Applicability, Edit, Fix, apply


@dataclass(frozen=True, slots=True)
class Reference:
    """An image that the builder would fetch; `image` is empty where what is written is no plain name."""

    image: str
    line: int
    span: Span


def find_references(dockerfile: Dockerfile, build_args: Iterable[tuple[str, str]] = ()) -> tuple[Reference, ...]:
    """Return the images of FROM, COPY --from and mounts, in their order; stages are none."""
    return tuple(_find(dockerfile, dict(build_args)))


def pin(dockerfile: Dockerfile, pins: Mapping[str, str], build_args: Iterable[tuple[str, str]] = ()) -> str:
    """Return the text with every image replaced; no line moves."""
    edits = tuple(
        Edit(each.span, pins[each.image]) for each in find_references(dockerfile, build_args) if each.image in pins
    )
    return apply(dockerfile.text, [Fix(edits, Applicability.SAFE)])


def _find(dockerfile: Dockerfile, given: Mapping[str, str]) -> Iterator[Reference]:
    known: dict[str, str | None] = {}
    stages: list[str] = []
    for each in dockerfile.instructions:
        if each.keyword == "ARG" and not stages:
            for word in each.words:
                name, has_default, value = word.text.partition("=")
                default = expand(value, known) if has_default else None
                known[name] = given.get(name, default)
        if each.keyword == "FROM":
            yield from _find_base(each, known, stages)
            stages.append(_name(each))
        yield from _find_copied(each.trigger or each, dockerfile, stages)


def _find_base(each: Instruction, known: Mapping[str, str | None], stages: list[str]) -> Iterator[Reference]:
    if not each.words:
        return
    image = expand(each.words[0].text, known) or ""
    if image.lower() != "scratch" and image.lower() not in filter(None, stages):
        yield Reference(image, each.line, each.words[0].span)


def _find_copied(each: Instruction, dockerfile: Dockerfile, stages: list[str]) -> Iterator[Reference]:
    flags = [flag for flag in each.flags if flag.name in ("from", "mount")]
    for flag in flags:
        written = flag.span.of(dockerfile.text)
        pattern = r"--from=(.*)" if flag.name == "from" else r"(?:.*[=,])from=([^,]*)"
        found = re.fullmatch(rf"{pattern}(?:,.*)?" if flag.name == "mount" else pattern, written, re.DOTALL)
        if found is None:
            # Quoted, escaped, or over several lines: what it names is not certain.
            if flag.name == "from" or "from" in (flag.value or ""):
                yield Reference("", each.line, flag.span)
            continue
        image = found[1]
        if image.lower() in stages or (image.isdigit() and int(image) < len(stages)):
            continue
        start = flag.span.start + found.start(1)
        plain = re.fullmatch(r"[\w./:@-]+", image) is not None
        yield Reference(image if plain else "", each.line, Span(start, start + len(image)))


def _name(each: Instruction) -> str:
    words = each.words
    return words[2].text.lower() if len(words) >= 3 and words[1].text.lower() == "as" else ""
