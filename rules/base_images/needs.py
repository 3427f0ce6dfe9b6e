"""What a stage uses of a full base image that its slim sibling lacks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from rules.base_images.families import Families, Sibling, families
from rules.base_images.program import read_program
from rules.base_images.swap import find_origin, is_taken_elsewhere
from rules.dockerfile import Dockerfile, Instruction, ShellCommand, SourceMap, Stage
from rules.dockerfile.shell import parse_script
from rules.dockerfile.words import parse_exec
from rules.patterns import regex
from rules.runs import Run
from rules.surroundings import Surroundings
from rules.tools import apt, npm, pip, ruby
from rules.tools.options import Call

_PROVES_NOTHING = frozenset(
    {"sh", "bash", "dash", "xargs", "eval", "su", "env", "exec", "install", "chroot", "timeout"}
)
_REQUIREMENT = regex(r"([A-Za-z0-9][\w.-]*)(?:\[([^\]]*)\])?\s*(?:[=<>!~;#@\s]|$)")
# Extras that bring pure Python only: `requests[socks]`, `celery[redis]`, `flask[async]`, `pymongo[srv]`.
_PURE_EXTRAS = frozenset({"socks", "redis", "async", "dotenv", "srv", ""})
_LONGEST_REQUIREMENTS = 64 * 1024
_COMPILERS = frozenset({"gcc", "g++", "make"})
_CONFIGURES = frozenset({"configure", "cmake", "node-gyp", "autogen.sh", "bootstrap.sh"})
_INTERPRETERS = frozenset({"python", "python3", "node", "nodejs", "ruby", "irb", "perl", "erl", "iex"})
_NOWHERE = SourceMap((0,), (0,))
_SHELLS = frozenset({"sh", "bash", "dash", "ash"})
_CHECK = regex(r"\bCMD\b", re.IGNORECASE)
# Where the files of a system lie, `/usr/src` left aside, where people put their own.
_OF_THE_SYSTEM = regex(r"^/(?:usr/(?!src)|lib|s?bin|etc|opt|$)")
# What tar asks another program to unpack: by name, by a long option, by a letter.
_UNPACKED = (
    ("xz-utils", regex(r"\.(?:t?xz|t?lzma)\b|--(?:xz|lzma)\b"), "J"),
    ("bzip2", regex(r"\.(?:bz2|tbz2?)\b|--bzip2\b"), "j"),
)


@dataclass(slots=True)
class Needs:
    """`packages` are known to be needed; `doubt` is why there may be more, empty where there cannot be."""

    packages: list[str] = field(default_factory=list)
    doubt: str = ""

    @property
    def compiles(self) -> bool:
        """Tell whether the stage compiles."""
        return "build-essential" in self.packages

    def need(self, *packages: str) -> None:
        """Note packages once each."""
        for each in packages:
            name = "build-essential" if each in _COMPILERS else each
            if name not in self.packages and not (each == "libc6-dev" and self.compiles):
                self.packages.append(name)

    def wonder(self, doubt: str) -> None:
        """Note a first reason for doubt."""
        self.doubt = self.doubt or doubt


def find_needs(dockerfile: Dockerfile, stage: Stage, sibling: Sibling, surroundings: Surroundings) -> Needs:
    """Go through a stage and all that is built from it."""
    known = families()
    needs = Needs()
    _look_at_program(dockerfile, stage, known, needs)
    script = Run(dockerfile, stage, stage.start, stage.end).later_script() if not needs.doubt else None
    if script is not None:
        needs.wonder(
            f"what `{script[:40]}` calls is not here to be read" if " " not in script else f"{script} is called"
        )
    if is_taken_elsewhere(dockerfile, stage, _OF_THE_SYSTEM):
        needs.wonder("another stage takes files of the system from it")
    installed: set[str] = set(sibling.has)
    family = {stage.index, *(child.index for child in dockerfile.children(stage))}
    for owner, each in dockerfile.after(stage, stage.start):
        if each.keyword == "COPY" and each.flag("from") is not None:
            origin = find_origin(dockerfile, each)
            if origin is None or origin.index not in family:
                needs.wonder(f"what line {each.line} copies was made elsewhere and may load libraries")
        elif each.keyword == "ONBUILD":
            needs.wonder("what ONBUILD brings in is not here to be read")
        elif each.keyword == "RUN":
            # Where there is a doubt already, only a known need is news.
            if needs.doubt and not any(map(each.value.__contains__, known.hints)) and not each.heredocs:
                continue
            if not each.script.parsed or not dockerfile.scope(owner, each).is_posix:
                needs.wonder("one RUN cannot be read")
            for command in each.commands:
                _look_at(command, known, needs, installed, surroundings)
        elif each.keyword in ("CMD", "ENTRYPOINT", "HEALTHCHECK"):
            for name in _programs(each):
                _call(name, known, needs, installed)
                if each.keyword == "HEALTHCHECK" and not _is_plain(name, known):
                    needs.wonder(f"what `{name[:40] or 'HEALTHCHECK'}` calls is not here to be read")
    return needs


def _is_plain(name: str, known: Families) -> bool:
    """Tell whether a program is known to need nothing, or known to need what it needs."""
    return name in known.packages or name in known.programs or (
        name in known.everywhere and name not in _PROVES_NOTHING
    )  # fmt: skip


def _look_at_program(dockerfile: Dockerfile, stage: Stage, known: Families, needs: Needs) -> None:
    """Doubt what a container runs unless it is an interpreter or a server of the image's own language."""
    children = dockerfile.children(stage)
    words = read_program(dockerfile, children[-1] if children else stage).words
    if words is None:
        needs.wonder("what a container runs is not here to be read")
    elif len(words) == 1 and words[0].rpartition("/")[2] in _INTERPRETERS:
        needs.wonder("what it is given to run is not here to be read")
    elif words[0].rpartition("/")[2].rstrip(".0123456789") not in known.programs and words[0] not in known.programs:
        needs.wonder(f"what `{words[0][:40]}` calls is not here to be read")


def _look_at(
    command: ShellCommand, known: Families, needs: Needs, installed: set[str], surroundings: Surroundings
) -> None:
    call = apt.read_apt(command)
    if call is not None:
        if call.verb == "install":
            installed.update(re.split(r"[=:/]", word.text, maxsplit=1)[0] for word in call.operands)
            if "build-essential" in installed:
                installed.update(("gcc", "g++", "make", "libc6-dev", "dpkg-dev"))
        return
    package = "gcc" if command.name in _CONFIGURES else known.packages.get(command.name)
    if package is not None:
        _need(package, needs, installed)
        return
    python = pip.read_pip(command)
    if python is not None:
        _look_at_pip(python, known, needs, installed, surroundings)
        return
    gem = ruby.read_gem(command)
    if gem is not None and gem.verb == "install":
        for word in gem.operands:
            _call(_bare_gem(word.text), known, needs, installed)
            needs.need(*(package for package in known.gems.get(_bare_gem(word.text), ()) if package not in installed))
    node = npm.read_npm(command)
    for word in node.operands if node is not None and node.verb in npm.INSTALLS else ():
        _call(word.text.partition("@")[0], known, needs, installed)
    _call(command.name, known, needs, installed)
    if command.name == "tar":
        _look_at_tar(command, needs, installed)
    if command.name in known.everywhere and command.name not in _PROVES_NOTHING and not _hands_on(command):
        return
    if command.words:
        needs.wonder(f"`{command.words[0].text[:40]}` may need more")


def _hands_on(command: ShellCommand) -> bool:
    """Tell whether a command runs another one, or unpacks a package that may depend on what the full image has."""
    if command.name == "find":
        return not {"-exec", "-execdir", "-ok", "-okdir"}.isdisjoint(command.texts)
    return command.name == "dpkg" and command.has_flag("-i", "--install", "--unpack")


def _look_at_tar(command: ShellCommand, needs: Needs, installed: set[str]) -> None:
    """Need what tar calls to unpack an archive; a variable, or `-I`, may hold any."""
    texts = command.texts[1:]
    letters = texts[0] if texts and texts[0].isalpha() else ""
    for package, names, letter in _UNPACKED:
        if package not in installed and (
            letter in letters or command.has_flag(f"-{letter}") or any(map(names.search, texts))
        ):
            needs.need(package)
    is_gzip = "z" in letters or command.has_flag("-z", "--gzip", "--gunzip")
    if command.has_flag("-I", "--use-compress-program") or not (
        is_gzip or all(word.literal for word in command.arguments)
    ):
        needs.wonder("what an archive is packed with is not here to be read")


def _call(program: str, known: Families, needs: Needs, installed: set[str]) -> None:
    """Need what a program is in, or calls."""
    own = known.packages.get(program)
    for package in (*((own,) if own is not None else ()), *known.calls.get(program, ())):
        _need(package, needs, installed)


def _need(package: str, needs: Needs, installed: set[str]) -> None:
    if package in installed:
        return
    needs.need(package)
    if package in ("curl", "wget", "git") and "ca-certificates" not in installed:
        needs.need("ca-certificates")


def _bare_gem(text: str) -> str:
    """Return the name of a gem without its version: `rails:7.0`."""
    return text.partition(":")[0]


def _look_at_pip(call: Call, known: Families, needs: Needs, installed: set[str], surroundings: Surroundings) -> None:
    if call.verb not in ("install", "download", "wheel"):
        return
    for name in _required(call, needs, surroundings):
        bare = name.lower().replace("_", "-")
        _call(bare, known, needs, installed)
        for package in (*known.builds.get(bare, ()), *known.loads.get(bare, ())):
            if package not in installed:
                needs.need(package)
        installed.add(bare)
        if bare not in known.harmless and bare not in known.builds and bare not in known.loads:
            needs.wonder(f"{bare} may have no wheel for this Python")


def _required(call: Call, needs: Needs, surroundings: Surroundings) -> Iterator[str]:
    for word in call.operands:
        if "git+" in word.text:
            needs.need("git")
            needs.wonder("a package comes from git")
            continue
        match = _REQUIREMENT.match(word.text) if word.literal and "/" not in word.text else None
        if match is None or word.text.startswith("."):
            needs.wonder(f"what `{word.text[:40]}` requires is not here to be read")
        else:
            yield _bare(match, needs)
    if call.has("--no-binary"):
        needs.wonder("pip is told to build packages")
    for option, value in pairwise((*call.options, "")):
        if option in ("-r", "--requirement", "-e", "--editable", "-c", "--constraint"):
            yield from _read_requirements(value, needs, surroundings)
        elif option.startswith(("-r", "--requirement=", "-e", "--editable=")):
            yield from _read_requirements(re.sub(r"^(?:--\w+=|-[re])", "", option), needs, surroundings)


def _read_requirements(path: str, needs: Needs, surroundings: Surroundings) -> Iterator[str]:
    name = path.rpartition("/")[2]
    texts = surroundings.context.texts if surroundings.context is not None else {}
    found = [text for key, text in texts.items() if key == path.removeprefix("./") or key.rpartition("/")[2] == name]
    if len(found) != 1 or len(found[0]) > _LONGEST_REQUIREMENTS:
        needs.wonder(f"{name or 'a file'} may ask for packages that have no wheel")
        return
    for line in found[0].splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _REQUIREMENT.match(stripped)
        if match is None or "://" in stripped:
            if "git+" in stripped:
                needs.need("git")
            needs.wonder(f"`{stripped[:40]}` in {name} is not understood")
        else:
            yield _bare(match, needs)


def _bare(match: re.Match[str], needs: Needs) -> str:
    """Return the name of a required package, and doubt its extras unless they are known."""
    if not _PURE_EXTRAS.issuperset(each.strip() for each in (match[2] or "").split(",")):
        needs.wonder(f"what `{match[0][:40].strip()}` adds may have no wheel")
    return match[1]


def _programs(each: Instruction) -> Iterator[str]:
    """Yield the programs that CMD, ENTRYPOINT or HEALTHCHECK start, empty where the line does not show one."""
    text = each.arguments
    if each.keyword == "HEALTHCHECK":
        text = _CHECK.split(text, maxsplit=1)[-1].strip()
        if text.upper() == "NONE":
            return
    words = parse_exec(text, 0, _NOWHERE)
    if words is not None:
        if len(words) < 3 or words[0].text.rpartition("/")[2] not in _SHELLS or not words[-2].text.endswith("c"):
            yield words[0].text.rpartition("/")[2] if words else ""
            return
        text = words[-1].text
    script = parse_script(text, _NOWHERE)
    yield from (command.name for command in script.commands)
    if not script.parsed:
        yield ""
