"""What an instruction certainly writes into its layer, as far as its words show."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from rules.dockerfile import Instruction, Scope, ShellCommand, Stage
from rules.patterns import regex
from rules.tools.archives import unpacked
from rules.tools.options import read_call
from rules.tools.remove import normalise

_URL = regex(r"(?:https?|ftp)://[^\s'\"]+$")
_CURL_VALUED = frozenset(
    {
        "-o", "--output", "-H", "--header", "-X", "--request", "-d", "--data", "-u", "--user", "-A", "--user-agent",
        "-x", "--proxy", "-e", "--referer", "--retry", "--retry-delay", "--connect-timeout", "-m", "--max-time",
        "--cacert", "-b", "--cookie", "-c", "--cookie-jar", "-w", "--write-out", "-T", "--upload-file", "--ciphers",
    }
)  # fmt: skip
_WGET_VALUED = frozenset(
    {
        "-O", "--output-document", "-P", "--directory-prefix", "--header", "-t", "--tries", "-T", "--timeout", "-U",
        "--user-agent", "--user", "--password", "-o", "--output-file", "-a", "-i", "--input-file", "--progress", "-w",
    }
)  # fmt: skip
_WGET_WRITES_ELSEWHERE = regex(r"-[a-zA-Z]*O.|--output-document=|-[a-zA-Z]*[ri]|--input|--recursive")
_GIT_CLONE_VALUED = frozenset({"-b", "--branch", "--depth", "-c", "--config", "-o", "--origin", "--reference", "-j"})


UNKNOWN_DIRECTORY = "/$WORKDIR/"
"""Stands for the directory that the base image sets: paths below it can be compared with each other only."""

_PACKED = regex(r"\.(?:tar|tgz|tbz2?|txz|tar\.\w+|gz|bz2|xz)$")
_OUTPUT = regex(r"-[a-zA-Z]*o")
_OUTPUT_DOCUMENT = regex(r"-[a-zA-Z]*O")
_TAR = regex(r"\.(?:tar(?:\.\w{1,4})?|t[gbx]z2?)$")
# Images that set no WORKDIR.
_STARTS_AT_ROOT = regex(
    r"^(?:docker\.io/)?(?:library/)?(?:alpine|almalinux|amazonlinux|buildpack-deps|busybox|centos|debian|fedora|java|nginx"
    r"|node|openjdk|oraclelinux|python|rockylinux|ruby|scratch|ubuntu)(?::|@|$)"
)


class Written(NamedTuple):
    """An absolute path that `instruction` writes."""

    path: str
    instruction: Instruction
    is_directory: bool = False


def working_directory(stage: Stage, scope: Scope) -> str | None:
    """Return where a RUN starts; a name of its own while the base image decides, None when it cannot be told."""
    if scope.workdir is not None:
        return scope.workdir
    if scope.workdir_given:
        return None
    return "/" if _STARTS_AT_ROOT.search(stage.base) else UNKNOWN_DIRECTORY


def written_paths(instruction: Instruction, stage: Stage, scope: Scope) -> Iterator[Written]:
    """Yield the paths that an instruction certainly writes; what cannot be told is left out."""
    cwd = working_directory(stage, scope)
    if instruction.keyword in ("COPY", "ADD"):
        yield from _copied(instruction, cwd)
    elif instruction.keyword == "RUN" and instruction.script.parsed:
        yield from _run(instruction, cwd)


def _copied(instruction: Instruction, cwd: str | None) -> Iterator[Written]:
    words = instruction.words
    if len(words) < 2 or instruction.heredocs or "$" in words[-1].text:
        return
    *sources, target = [word.text for word in words]
    if any("$" in posixpath.basename(source.split("?")[0].rstrip("/")) for source in sources):
        return
    if cwd is None and not target.startswith("/"):
        return
    destination = posixpath.join(cwd or "/", target)
    into_directory = target.endswith("/") or len(sources) > 1 or target in (".", "./")
    for source in sources:
        name = posixpath.basename(source.split("?")[0].rstrip("/"))
        if any(char in source for char in "*?[") or name == ".." or (name.startswith(".") and name != "."):
            continue
        has_suffix = "." in name.lstrip(".")
        if not has_suffix and destination.rstrip("/") not in ("", "/"):
            yield Written(normalise(destination), instruction, is_directory=True)
            continue
        if instruction.keyword == "ADD" and not _URL.match(source) and _is_archive(name):
            continue  # ADD unpacks it: the archive itself is not in the layer
        if into_directory:
            if has_suffix:  # the content of a directory is copied, not the directory: its name says nothing
                yield Written(normalise(posixpath.join(destination, name)), instruction)
        elif has_suffix and "." in posixpath.basename(target).lstrip("."):
            yield Written(normalise(destination), instruction)


def _is_archive(name: str) -> bool:
    return _PACKED.search(name) is not None


def _run(instruction: Instruction, cwd: str | None) -> Iterator[Written]:
    conditional = {each.statement for each in instruction.commands if each.name in ("[", "[[", "test", "if")}
    made: set[str] = set()
    for command in instruction.commands:
        if any(kind in ("if", "case", "loop", "function", "substitution") for kind in command.nesting):
            continue
        if command.before == "||" or command.statement in conditional:
            continue
        if command.name in ("cd", "pushd", "popd"):
            cwd = enter(cwd, command)
            if cwd is not None and normalise(cwd) in made:  # made to be worked in: it will not stay empty
                yield Written(normalise(cwd), instruction, is_directory=True)
            continue
        if command.name == "mkdir":
            made.update(_made(command, cwd))
            continue
        for path, is_directory in _command(command):
            if "$" in path or "`" in path:
                continue
            if path.startswith("/"):
                yield Written(normalise(path), instruction, is_directory)
            elif cwd is not None and not path.startswith("~"):
                yield Written(normalise(posixpath.join(cwd, path)), instruction, is_directory)


def enter(cwd: str | None, command: ShellCommand) -> str | None:
    """Return the directory after a `cd`, None when it cannot be told."""
    target = command.words[1] if len(command.words) == 2 else None
    if command.name != "cd" or target is None or not target.literal or command.nesting:
        return None
    if target.text.startswith("/"):
        return target.text
    return posixpath.join(cwd, target.text) if cwd is not None and not target.text.startswith(("~", "-")) else None


def _command(command: ShellCommand) -> Iterator[tuple[str, bool]]:
    match command.name:
        case "curl":
            yield from _curl(command)
        case "wget":
            yield from _wget(command)
        case "git":
            yield from _git_clone(command)
        case "npm" | "yarn" | "pnpm":
            if _fills_node_modules(command):
                yield "node_modules", True
        case "tar" | "unzip":
            yield from _unpacked(command)
        case "apt-get" | "apt":
            if command.words[1:2] and any(word.text == "update" for word in command.arguments):
                yield "/var/lib/apt/lists", True
    if command.name not in ("curl", "wget", "git"):
        for redirect in command.redirects:
            target = redirect.target
            if redirect.operator not in (">", ">|", "&>") or target is None or not target.literal:
                continue
            if not target.text.startswith("/dev/"):
                yield target.text, False


def _curl(command: ShellCommand) -> Iterator[tuple[str, bool]]:
    call = read_call(command, _CURL_VALUED)
    texts = command.texts
    operands = [word.text for word in (call.action, *call.operands) if word is not None]
    for option, value in pairwise(texts):
        if option in ("-o", "--output") or _OUTPUT.fullmatch(option):
            if value != "-" and not value.startswith("/dev/"):
                yield value, False
            return
    if call.has("-O", "--remote-name", "--remote-name-all") and not call.has("-J", "--remote-header-name"):
        for url in operands:
            if _URL.match(url):
                yield posixpath.basename(url.split("?")[0]), False
    for redirect in command.redirects:
        if redirect.operator == ">" and redirect.target is not None and redirect.target.literal:
            yield redirect.target.text, False


def _wget(command: ShellCommand) -> Iterator[tuple[str, bool]]:
    call = read_call(command, _WGET_VALUED)
    texts = command.texts
    for option, value in pairwise(texts):
        if option in ("-O", "--output-document") or _OUTPUT_DOCUMENT.fullmatch(option):
            if value != "-":
                yield value, False
            return
    if any(_WGET_WRITES_ELSEWHERE.match(text) for text in call.options):
        return
    prefix = next((value for option, value in pairwise(texts) if option in ("-P", "--directory-prefix")), "")
    if call.has("--content-disposition") or any(text.startswith("--directory-prefix=") for text in call.options):
        return
    for word in (call.action, *call.operands):
        if word is not None and _URL.match(word.text):
            name = posixpath.basename(word.text.split("?")[0])
            if name and "?" not in word.text:
                yield posixpath.join(prefix, name), False


def _git_clone(command: ShellCommand) -> Iterator[tuple[str, bool]]:
    call = read_call(command, _GIT_CLONE_VALUED)
    if call.verb != "clone" or not call.operands:
        return
    if len(call.operands) > 1:
        yield call.operands[1].text, True
        return
    name = posixpath.basename(call.operands[0].text.rstrip("/")).removesuffix(".git")
    if name and ":" not in name:
        yield name, True


def _made(command: ShellCommand, cwd: str | None) -> Iterator[str]:
    for word in command.arguments:
        if not word.literal or word.text.startswith(("-", "~")):
            continue
        if word.text.startswith("/"):
            yield normalise(word.text)
        elif cwd is not None:
            yield normalise(posixpath.join(cwd, word.text))


def _unpacked(command: ShellCommand) -> Iterator[tuple[str, bool]]:
    """Yield the directory that an archive is unpacked into, or the one that source archives hold by custom."""
    texts = command.texts
    for option, value in pairwise(texts):
        if option in ("-C", "--directory", "-d") and not value.startswith("-"):
            if any(True for _ in unpacked(command)):
                yield value, True
            return
    if command.name != "tar" or any(text.startswith(("--strip", "--directory=", "--transform")) for text in texts):
        return
    for word in unpacked(command):
        name = _TAR.sub("", posixpath.basename(word.text))
        if name != posixpath.basename(word.text) and any(char.isdigit() for char in name):
            yield name, True


def _fills_node_modules(command: ShellCommand) -> bool:
    call = read_call(command, frozenset({"--registry", "--loglevel", "--network-timeout"}))
    if call.has("-g", "--global", "--prefix", "-C", "--cwd", "--dir", "--modules-folder"):
        return False
    return call.verb in ("install", "ci", "i") or (call.verb == "" and call.action is None and command.name == "yarn")
