"""debug-information-shipped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from rules.base_images.swap import find_origin
from rules.dockerfile import Dockerfile, Instruction, ShellCommand, Span, Stage, Word
from rules.edits import insert_words, with_words
from rules.finding import Finding, Severity, Snippet
from rules.fix import Applicability, Edit, Fix
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run

_FLAGS = "-s -w"
_HINTS = ("go build", "go install", "cargo", '"go"')
_STRIPPED = regex(r"(?:^|\s|=|'|\")-s(?:\s|$|'|\")|(?:^|\s|=|'|\")-w(?:\s|$|'|\")")
# Somebody strips, packs or debugs the program.
_ELSEWHERE = regex(
    r"\bstrip\b|\bupx\b|\bdlv\b|delve|-gcflags|-buildmode|GOFLAGS|goreleaser|LDFLAGS|GO_LDFLAGS|ldflags[\s=]{0,9}\$"
)
_HOLDS_TOOLS = regex(r"(?:^|/)bin(?:/|$)|^/(?:go/?)?$|[$*]")
_CARGO_STRIPS = regex(r"^[ \t]*strip[ \t]*=[ \t]*(?:true|\"symbols\"|\"debuginfo\")", re.MULTILINE)
_CARGO_SET = regex(r"\bstrip\b|CARGO_PROFILE_RELEASE_\w+|RUSTFLAGS|\bupx\b")


class DebugInformationShipped(Rule):
    """Go and Rust programs shipped with their symbol tables and debug information.

    ## What it does
    Finds `go build` and `go install` without `-ldflags="-s -w"`, and `cargo build --release` without strip, in a stage
    whose program reaches the image.

    ## Why it costs
    The symbol table and DWARF are for debuggers. Measured with Go 1.19 on a JSON server of the standard library: 6.6
    MB, and 4.6 MB without them. With Rust 1.95 on a program that counts words: 0.47 MB, and 0.36 MB stripped.

    ## Fix safety
    For Go a click adds the flags. Stack traces keep their function names and lines, since Go needs those itself;
    debuggers and `nm` lose the symbols, and the click says so. For Rust the setting belongs into `Cargo.toml`, which is
    written out.

    ## When it is silent
    `-s` or `-w` is among the linker flags; flags come from a variable, GOFLAGS or a script; the stage strips, packs
    (upx), debugs (dlv, `-gcflags`) or makes a library or plugin (`-buildmode`); several packages are compiled and
    nothing is written (`go build ./...`); no shipped stage is made from that stage or copies from it; `Cargo.toml` is
    known and strips.
    """

    code = "DS403"
    triggers = _HINTS
    techniques = ("strip-binary",)
    good = (
        "FROM golang:1.22 AS build\nRUN go build -ldflags='-s -w' -o /x .\nFROM scratch\nCOPY --from=build /x /x\n",
        "FROM golang:1.22 AS build\nRUN go build -o /x . && strip /x\nFROM scratch\nCOPY --from=build /x /x\n",
    )
    bad = (
        Bad(
            "FROM golang:1.22 AS build\nRUN go build -o /x .\nFROM scratch\nCOPY --from=build /x /x\n",
            'FROM golang:1.22 AS build\nRUN go build -ldflags="-s -w" -o /x .\nFROM scratch\nCOPY --from=build /x /x\n',
        ),
        Bad(
            "FROM golang:1.22 AS build\nRUN go build -ldflags '-X main.v=1' -o /x .\nFROM scratch\n"
            "COPY --from=build /x /\n",
            "FROM golang:1.22 AS build\nRUN go build -ldflags '-s -w -X main.v=1' -o /x .\nFROM scratch\n"
            "COPY --from=build /x /\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each command that writes a program with debug information."""
        for stage in _reaching(dockerfile, surroundings):
            for each in stage.runs():
                if not (each.heredocs or any(map(each.value.__contains__, _HINTS))):
                    continue
                scope = dockerfile.scope(stage, each)
                if (each.exec_words is None and not scope.is_posix) or not each.script.parsed:
                    continue
                run = Run(dockerfile, stage, each, scope)
                for command in each.commands:
                    finding = self._look_at(run, command, surroundings)
                    if finding is not None:
                        yield finding

    def _look_at(self, run: Run, command: ShellCommand, surroundings: Surroundings) -> Finding | None:
        texts = command.texts
        if command.name == "go" and len(texts) > 1 and texts[1] in ("build", "install"):
            if (
                _is_thrown_away(texts)
                or _is_a_tool(run, texts, surroundings)
                or _happens_elsewhere(run.dockerfile, run.stage.index, _ELSEWHERE)
                or any(each.text.startswith("$") and not each.literal for each in _options(command))
            ):
                return None
            fix = _fix_go(run, command)
            if fix is None:
                return None
            return self.finding(
                run.instruction,
                _span(command),
                "The program is linked with its symbol table and debug information",
                f"`go {texts[1]}` writes both unless the linker is told otherwise.",
                fix,
            )
        if command.name == "cargo" and texts[1:2] == ("build",) and command.has_flag("--release", "-r"):
            if _happens_elsewhere(run.dockerfile, run.stage.index, _CARGO_SET) or _cargo_strips(surroundings):
                return None
            return self.finding(
                run.instruction,
                _span(command),
                "The program is linked with its symbol table",
                "`cargo build --release` keeps the symbols unless the profile strips them.",
                snippet=Snippet("In `Cargo.toml`", "[profile.release]\nstrip = true\n", "toml"),
                severity=Severity.INFO,
            )
        return None


def _span(command: ShellCommand) -> Span:
    return Span(command.words[0].span.start, command.words[1].span.end)


def _reaching(dockerfile: Dockerfile, surroundings: Surroundings) -> list[Stage]:
    """Return the stages that are shipped or that a shipped stage copies from, directly or through others."""
    names = {stage.name: stage.index for stage in dockerfile.stages if stage.name}
    pending = [stage.index for stage in dockerfile.shipped(surroundings.targets)]
    reached: set[int] = set()
    while pending:
        index = pending.pop()
        if index in reached:
            continue
        reached.add(index)
        stage = dockerfile.stages[index]
        if stage.parent is not None:
            pending.append(stage.parent)
        for each in stage.instructions:
            flag = each.flag("from") if each.keyword == "COPY" and each.flags else None
            if flag is None or not flag.value:
                continue
            value = flag.value.lower()
            origin = names.get(value, int(value) if value.isdecimal() and len(value) < 5 else -1)
            if 0 <= origin < index:
                pending.append(origin)
    return [dockerfile.stages[index] for index in sorted(reached)]


def _is_thrown_away(texts: tuple[str, ...]) -> bool:
    """Tell whether `go build` only compiles: of several packages it writes nothing."""
    several = any(text.endswith("/...") or text == "std" for text in texts)
    if "/dev/null" in texts:
        return True
    return several and (texts[1] == "build" or texts[-1] == "std") and "-o" not in texts


def _options(command: ShellCommand) -> Iterator[Word]:
    """Yield the words that may hold options: all but the value of `-o` and the last one, a package."""
    words = command.words
    return (word for before, word in pairwise(words[:-1]) if before.text != "-o")


def _is_a_tool(run: Run, texts: tuple[str, ...], surroundings: Surroundings) -> bool:
    """Tell whether `go install` brings what only the build calls: no shipped stage takes it from where it is put."""
    remote = any("." in text.split("/", 1)[0] for text in texts[2:] if not text.startswith(("-", ".")))
    if texts[1] != "install" or not remote or run.stage in run.dockerfile.shipped(surroundings.targets):
        return False
    family = {run.stage.index, *(child.index for child in run.dockerfile.children(run.stage))}
    for stage in run.dockerfile.stages:
        for each in stage.instructions:
            origin = find_origin(run.dockerfile, each)
            if origin is not None and origin.index in family and any(map(_HOLDS_TOOLS.search, _texts(each))):
                return False
    return True


def _texts(each: Instruction) -> tuple[str, ...]:
    return tuple(word.text for word in each.words[:-1])


@lru_cache(maxsize=64)
def _happens_elsewhere(dockerfile: Dockerfile, stage: int, pattern: re.Pattern[str]) -> bool:
    """Tell whether a stage, or the final one, has `pattern` in a line; found out once for each stage."""
    lines = (*(each for _, each in dockerfile.lineage(dockerfile.stages[stage])), *dockerfile.stages[-1].instructions)
    return any(
        each.keyword in ("RUN", "ENV", "ARG", "CMD", "ENTRYPOINT") and pattern.search(each.value) is not None
        for each in lines
    )


def _cargo_strips(surroundings: Surroundings) -> bool:
    texts = surroundings.context.texts if surroundings.context is not None else {}
    return any(path.endswith("Cargo.toml") and _CARGO_STRIPS.search(text) for path, text in texts.items())


def _fix_go(run: Run, command: ShellCommand) -> Fix | None:
    """Return the fix; None where the flags are there already, or cannot be added to."""
    caution = "Debuggers and `nm` find no symbols in the program afterwards; stack traces keep names and lines."
    words = command.words
    at = next((i for i, word in enumerate(words) if re.fullmatch(r"--?ldflags(?:=.*)?", word.text, re.DOTALL)), None)
    if at is None:
        written = f"-ldflags={_FLAGS}" if command.from_exec else f'-ldflags="{_FLAGS}"'
        return Fix(
            (insert_words(command, words[1], written),),
            Applicability.UNSAFE,
            removed=(command.texts,),
            added=(with_words(command, words[1], f"-ldflags={_FLAGS}"),),
            caution=caution,
        )
    value = words[at] if "=" in words[at].text else words[at + 1] if at + 1 < len(words) else None
    if value is None or command.from_exec:
        return None
    flags = re.sub(r"^--?ldflags=", "", value.text).strip("'\"")
    if flags.startswith("$") or "$(" in flags or "`" in flags or _STRIPPED.search(flags):
        return None
    return _extend(run, command, value, caution)


def _extend(run: Run, command: ShellCommand, value: Word, caution: str) -> Fix | None:
    """Put the flags in front of those that are there, inside their quotes."""
    raw = value.span.of(run.dockerfile.text)
    quote = next((char for char in raw if char in "'\""), "")
    if not quote or raw.count(quote) != 2 or not raw.endswith(quote) or "\\" in raw:
        return None
    at = value.span.start + raw.index(quote) + 1
    if not value.literal:
        if value.text != raw:
            return None
        changed = raw[: at - value.span.start] + f"{_FLAGS} " + raw[at - value.span.start :]
    elif value.text.startswith(("-ldflags=", "--ldflags=")):
        head, _, tail = value.text.partition("=")
        if raw.index(quote) != len(head) + 1:
            return None
        changed = f"{head}={_FLAGS} {tail}"
    else:
        if raw.index(quote) != 0:
            return None
        changed = f"{_FLAGS} {value.text}"
    texts = tuple(changed if word is value else word.text for word in command.words)
    return Fix(
        (Edit(Span(at, at), f"{_FLAGS} "),),
        Applicability.UNSAFE,
        removed=(command.texts,),
        added=(texts,),
        caution=caution,
    )
