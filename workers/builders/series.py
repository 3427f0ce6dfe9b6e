"""Three builds of one image: as it was, as the pull request has it, and with our suggestions."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from rules.dockerfile import DockerfileError, parse
from workers.builders.dialect import find_unsupported
from workers.builders.model import Build, Builder, Limits, Outcome, Recipe
from workers.builders.preflight import find_refusals
from workers.builders.references import find_references, pin

Suggested = TypeVar("Suggested")
Resolve = Callable[[str], str | None]
"""An image's name -> the same with the digest that its tag has now; None where nobody knows."""


@dataclass(frozen=True, slots=True)
class Source:
    """One state of an image's files. `context` is a directory that `read_context` made."""

    context: Path
    dockerfile: str
    target: str | None = None
    build_args: tuple[tuple[str, str], ...] = ()
    platform: str = ""


@dataclass(frozen=True, slots=True)
class Series(Generic[Suggested]):
    """What came of the three. `suggested` is with all suggestions but those withdrawn, None where there were none."""

    base: Build | None
    head: Build
    suggested: Build | None = None
    withdrawn: tuple[Suggested, ...] = ()
    """Suggestions that do not build: an error of ours."""
    untried: tuple[Suggested, ...] = ()
    """Suggestions that are not in it because there was no time left: nothing is known of them."""


@dataclass(slots=True)
class Bench:
    """Where builds are made one after another: they share their cache, and what a tag means."""

    builder: Builder
    resolve: Resolve
    registries: Container[str]
    limits: Limits
    store: str
    work: Path
    trusted: bool = False
    """Whether only those who may push to the repository had a hand in it."""
    _pins: dict[str, str] | None = None
    _count: int = 0
    _layouts: tuple[Path, ...] = ()

    def build(self, source: Source) -> Build:
        """Build one state, or say why it is not built."""
        prepared = self._prepare(source)
        if isinstance(prepared, Build):
            return prepared
        self._count += 1
        into = self.work / f"image-{self._count}"
        into.mkdir()
        recipe = replace(prepared, earlier=self._layouts)
        build = self.builder.build(recipe, self.limits, self.store, into)
        if build.layout is not None:
            self._layouts += (build.layout,)
        return build

    def _prepare(self, source: Source) -> Recipe | Build:
        try:
            dockerfile = parse(source.dockerfile)
        except DockerfileError as error:
            return Build(Outcome.FAILED, str(error))
        refusals = find_refusals(dockerfile, self.registries, source.build_args)
        refusals = refusals or find_unsupported(dockerfile, self.builder.name, self.builder.version)
        if refusals:
            return Build(Outcome.IMPOSSIBLE, f"line {refusals[0].line}: {refusals[0].reason}")
        pins = self._pins = {} if self._pins is None else self._pins
        for each in find_references(dockerfile, source.build_args):
            if each.image not in pins:
                pinned = self.resolve(each.image)
                if pinned is None:
                    return Build(Outcome.IMPOSSIBLE, f"line {each.line}: the registry does not have {each.image}")
                pins[each.image] = pinned
        names = {pins[each.image]: None for each in find_references(dockerfile, source.build_args)}
        text = pin(dockerfile, pins, source.build_args)
        return Recipe(source.context, text, source.target, source.build_args, source.platform, tuple(names))


def build_series(
    bench: Bench,
    base: Source | None,
    head: Source,
    suggestions: Sequence[Suggested] = (),
    write: Callable[[Sequence[Suggested]], str] | None = None,
    progress: Callable[[str], None] = lambda _: None,
    seconds: float = 1800.0,
) -> Series[Suggested]:
    """Build base, head, and head with suggestions; `write` returns the Dockerfile with some of them.

    Where the third does not build, suggestions are dropped by halves until it does, each after a second try; one that
    was not tried within `seconds` is left out. `progress` is told "base", "head", "suggestions" before each.
    """
    deadline = time.monotonic() + seconds
    if not bench.trusted:
        able = bench.builder.examine()
        if not able.takes_strangers:
            said = (
                able.sentence if not able.works else f"{bench.builder.name} cannot limit {', '.join(able.lacks)} here"
            )
            return Series(None, Build(Outcome.IMPOSSIBLE, said))
    before = None
    if base is not None:
        progress("base")
        before = bench.build(base)
    progress("head")
    after = bench.build(head)
    if after.outcome is not Outcome.BUILT or not suggestions or write is None:
        return Series(before, after)
    progress("suggestions")
    return _build_suggested(bench, head, Series(before, after), suggestions, write, deadline)


def _build_suggested(
    bench: Bench,
    head: Source,
    so_far: Series[Suggested],
    suggestions: Sequence[Suggested],
    write: Callable[[Sequence[Suggested]], str],
    deadline: float,
) -> Series[Suggested]:
    kept: list[Suggested] = []
    dropped: list[Suggested] = []
    untried: list[Suggested] = []
    best: Build | None = None
    groups = [list(suggestions)]
    while groups:
        group = groups.pop(0)
        late = time.monotonic() > deadline
        source = replace(head, dockerfile=write([*kept, *group]))
        build = None if late else bench.build(source)
        if build is not None and build.outcome in (Outcome.FAILED, Outcome.LIMITED) and len(group) == 1:
            # Before it is blamed: the network may have failed, or a host that packages come from.
            late = time.monotonic() > deadline
            build = None if late else bench.build(source)
        if build is not None and build.outcome is Outcome.BUILT:
            kept += group
            best = build
        elif build is not None and build.outcome is Outcome.IMPOSSIBLE and not kept and len(group) == len(suggestions):
            # Nothing was learned about any of them.
            return replace(so_far, suggested=build)
        elif late:
            untried += group
        elif len(group) == 1:
            dropped += group
        else:
            half = len(group) // 2
            groups[:0] = [group[:half], group[half:]]
    order = list(suggestions)
    return replace(
        so_far,
        suggested=best,
        withdrawn=tuple(sorted(dropped, key=order.index)),
        untried=tuple(sorted(untried, key=order.index)),
    )
