"""rm, find -delete and their like: which paths a command deletes."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from fnmatch import fnmatchcase

from rules.dockerfile import ShellCommand, Word
from rules.patterns import regex
from rules.tools.archives import SUFFIX

_BRACES = regex(r"\{([^{}]*,[^{}]*)\}")
_MAX_EXPANSION = 64


_DELETERS = frozenset({"rm", "unlink", "rmdir", "find"})


def removed_words(command: ShellCommand) -> tuple[Word, ...]:
    """Return the operands of an `rm`, or the starting points of a `find ... -delete`."""
    if command.name not in _DELETERS:
        return ()
    if command.name in ("rm", "unlink", "rmdir"):
        words = command.arguments
        end = next((i for i, word in enumerate(words) if word.text == "--"), None)
        if end is not None:
            return (*(word for word in words[:end] if not word.text.startswith("-")), *words[end + 1 :])
        return tuple(word for word in words if not word.text.startswith("-"))
    if command.name == "find":
        texts = command.texts
        if "-delete" in texts or ("-exec" in texts and "rm" in texts):
            starts = []
            for word in command.arguments:
                if word.text.startswith(("-", "(", "!")):
                    break
                starts.append(word)
            return tuple(starts)
    return ()


def is_recursive(command: ShellCommand) -> bool:
    """Tell whether an `rm` deletes directories."""
    return command.name == "find" or command.has_flag("-r", "-R", "--recursive")


def expand_braces(text: str) -> tuple[str, ...]:
    """Return what the shell makes of `{a,b}`."""
    pending: list[str] = [text]
    done: list[str] = []
    while pending and len(pending) + len(done) < _MAX_EXPANSION:
        current = pending.pop()
        match = _BRACES.search(current)
        if match is None:
            done.append(current)
        else:
            pending.extend(current[: match.start()] + part + current[match.end() :] for part in match[1].split(","))
    return tuple(done + pending)


def removed_paths(command: ShellCommand, source: str, cwd: str | None = None, *, braces: bool = True) -> Iterator[str]:
    """Yield the paths that a command in `source` deletes, globs unexpanded, relative ones joined to a known `cwd`.

    `braces` tells whether the shell makes `a` and `b` of `{a,b}`: dash and BusyBox do not.
    """
    for word in removed_words(command):
        if not word.literal or (any(char in word.text for char in "*?[") and is_whole_quote(word, source)):
            continue
        for text in expand_braces(word.text) if braces and not word.quoted else (word.text,):
            path = text
            if not path.startswith(("/", "~", "$")):
                if cwd is None:
                    continue
                path = posixpath.join(cwd, path)
            yield normalise(path)


def normalise(path: str) -> str:
    """Return a path without doubled or trailing slashes and dots."""
    # normpath keeps two leading slashes, which are one to Linux.
    return posixpath.normpath("/" + path.lstrip("/") if path.startswith("//") else path) if path else path


def lies_below(path: str, pattern: str) -> bool:
    """Tell whether deleting `pattern` deletes `path`, by its own name or one above it."""
    if path == pattern or path.startswith(pattern.rstrip("/") + "/"):
        return True
    if not any(char in pattern for char in "*?["):
        return False
    depth = pattern.count("/")
    return fnmatchcase("/".join(path.split("/")[: depth + 1]), pattern.replace("[^", "[!"))


def deletes(command: ShellCommand, directory: str) -> bool:
    """Tell whether a command may empty `directory`: itself, all in it, or something above it.

    A path with a variable in it counts as deleting where it could: nobody can know, and silence is right then. So does
    a star that quotes keep from the shell: ineffective-cleanup says what is wrong with it.
    """
    for word in removed_words(command):
        if not word.literal:
            if _may_stand_for(word.text, directory, is_recursive(command)):
                return True
            continue
        for text in expand_braces(word.text):
            if _covers(normalise(text), directory):
                return True
    return False


def _may_stand_for(text: str, directory: str, recursive: bool) -> bool:
    """Tell whether a path with a variable in it may be `directory` or above: not if it begins elsewhere."""
    known = text.lstrip("\"'").partition("$")[0].partition("`")[0]
    folder = known.rpartition("/")[0]
    if known.startswith("/") and folder and ".." not in text:
        return directory.startswith(folder) or folder.startswith(directory)
    if known[:1] not in ("", "/", ".", "~") or SUFFIX.search(text):
        return False  # `node-v$V` and `$NAME.tgz` lie where the RUN works
    return recursive or "*" in text


def is_whole_quote(word: Word, source: str) -> bool:
    """Tell whether quotes enclose all of a word, so that the shell expands nothing in it."""
    quoted = word.span.of(source)
    return word.quoted and quoted[1:-1] == word.text and quoted[0] == quoted[-1] and quoted[0] in "'\""


def _covers(pattern: str, directory: str) -> bool:
    if pattern in ("*", "./*", "."):
        return True  # `cd DIRECTORY && rm -rf *`: where it stands is not followed
    if directory == pattern or directory.startswith(pattern.rstrip("/") + "/"):
        return True
    head, _, tail = pattern.rpartition("/")
    if head == directory and tail in ("*", "**", "*_*", "*_dists_*", "*.*", "."):
        return True
    return "*" in pattern and fnmatchcase(directory, pattern)


# Where package managers keep what is theirs.
_KEPT = ("/var/lib/apt/", "/var/lib/dpkg/", "/var/cache/", "/var/lib/yum/", "/usr/share/doc", "/usr/share/man")
_REMOVERS = frozenset({"rm", "mv", "find", "unlink", "shred", "xargs"})


def may_remove(command: ShellCommand, text: str) -> bool:
    """Tell whether a command may delete or move the file: when in doubt it does."""
    if command.name not in _REMOVERS:
        return "clean" in command.name.lower()
    name = posixpath.basename(text)
    for word in command.arguments:
        target = word.text.removeprefix("./").rstrip("/")
        if target.startswith("-") or _lies_elsewhere(target, text):
            continue
        if name in target or (not word.literal and not _names_another_file(target)):
            return True
        last = posixpath.basename(target)
        if any(char in target for char in "*?[{") and (fnmatchcase(name, last) or "{" in target or "*" in target[:-1]):
            return True
        # Relative, and a directory is deleted: perhaps the one that it lies in.
        recursive = not text.startswith("/") and command.has_flag("-r", "-R", "--recursive")
        if recursive and (target in (".", "..") or "/" in target or "$" in target):
            return True
        if text.startswith(target + "/"):
            return True
    return False


def _names_another_file(target: str) -> bool:
    """Tell whether a word with a variable names an archive of its own, so that it cannot be this one."""
    return SUFFIX.search(target) is not None and "*" not in target


def _lies_elsewhere(target: str, text: str) -> bool:
    """Tell whether what is deleted certainly is not the file, by its path or since nobody works in such a directory."""
    if not target.startswith("/") or any(char in target for char in "{$`") or ".." in target:
        return False
    if text.startswith("/"):
        return posixpath.basename(text) not in target and not lies_below(normalise(text), normalise(target))
    return target.startswith(_KEPT)
