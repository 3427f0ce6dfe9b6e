"""Ignore files: which files of a context the builder never sees.

BuildKit's rules (moby/patternmatcher as fsutil walks a tree with it): the last pattern that matches decides, a pattern
that matches a directory holds for all below it, `!` makes exceptions. All patterns are one automaton that reads each
name once, so that no pattern of a stranger costs more than the length of the names.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

MAX_CHARACTERS = 32 * 1024
"""Characters of all patterns together; the longest of real repositories has a fifth of it."""
MAX_CLASSES = 256
_MAX_WORK = 400_000_000
"""Bits that may be worked on for one tree: a second or two, and a thousand times what real repositories take."""
_SPACE = "\t\n\v\f\r \x85\xa0"


@dataclass(frozen=True, slots=True)
class IgnoreError:
    """Why an ignore file says nothing: the builder refuses it, or it is more than is read here."""

    reason: str


class Pattern(NamedTuple):
    """One line of an ignore file, cleaned; `is_exception` tells that it began with `!`."""

    text: str
    is_exception: bool = False


class _Class(NamedTuple):
    """`[a-z]`; like BuildKit's, a negated one also takes a slash."""

    negated: bool
    ranges: tuple[tuple[str, str], ...]

    def takes(self, char: str) -> bool:
        return any(low <= char <= high for low, high in self.ranges) is not self.negated


class _Wild(NamedTuple):
    """What is no single character: `name` is `?`, `*` (neither takes a slash), `**`, or `.*` (anything)."""

    name: str


_Token = str | _Class | _Wild
_ANY_NAME, _ANY_DEPTH, _ANYTHING, _ANY_CHARACTER = _Wild("*"), _Wild("**"), _Wild(".*"), _Wild("?")


class _BadPatternError(ValueError):
    """Say that the builder refuses a pattern."""


def read_patterns(text: str) -> tuple[Pattern, ...] | IgnoreError:
    """Return the patterns of an ignore file in their order."""
    patterns: list[Pattern] = []
    for line in text.removeprefix("\ufeff").split("\n"):
        if line.startswith("#"):
            continue
        pattern = line.strip(_SPACE)
        is_exception = pattern.startswith("!")
        pattern = pattern[1:].strip(_SPACE) if is_exception else pattern
        if not pattern:
            if is_exception:
                return IgnoreError("`!` stands alone in it")
            continue
        pattern = posixpath.normpath(pattern)
        if len(pattern) > 1:
            pattern = pattern.lstrip("/") or "/"
        patterns.append(Pattern(pattern, is_exception))
    if sum(len(each.text) + 1 for each in patterns) > MAX_CHARACTERS:
        return IgnoreError("it is too long")
    return tuple(patterns)


class Ignore:
    """An ignore file, ready to be asked about files."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self.patterns = tuple(patterns)
        self._machine = _Machine([_tokens(each.text) for each in self.patterns])
        self._exceptions = [each.is_exception for each in self.patterns]
        self._directories: dict[str, tuple[_State, int]] = {"": (self._machine.start, 0)}
        self._verdicts: dict[tuple[int, int], tuple[bool, int]] = {}

    def ignores(self, path: str) -> bool:
        """Tell whether the builder leaves out the file or directory at `path`, given from the context's root."""
        path = posixpath.normpath(path).strip("/")
        if path in ("", "."):
            return False
        found = self.ignored((path,))
        return not isinstance(found, IgnoreError) and path in found

    def ignored(self, paths: Iterable[str]) -> frozenset[str] | IgnoreError:
        """Return which of the files the builder leaves out; the paths are clean and relative to the context's root."""
        found = set()
        directories = self._directories
        try:
            for path in paths:
                parent, _, name = path.rpartition("/")
                if self._judge(directories.get(parent) or self._enter(parent), name)[0]:
                    found.add(path)
        except _TooMuchError:
            return IgnoreError("its patterns take too long on this tree")
        return frozenset(found)

    def _enter(self, directory: str) -> tuple[_State, int]:
        """Return the automaton behind a directory and its slash, and the patterns that hold for all below it."""
        missing = []
        while directory not in self._directories:
            missing.append(directory)
            directory = directory.rpartition("/")[0]
        entered = self._directories[directory]
        for each in reversed(missing):
            _, held, state = self._judge(entered, each.rpartition("/")[2])
            entered = self._directories[each] = (state["/"], held)
        return entered

    def _judge(self, directory: tuple[_State, int], name: str) -> tuple[bool, int, _State]:
        state, held = directory
        for char in name:
            state = state[char]
        own = state.accepted
        verdict = self._verdicts.get((held, own))
        if verdict is None:
            verdict = self._verdicts[held, own] = self._decide(held, own)
        return *verdict, state

    def _decide(self, held: int, own: int) -> tuple[bool, int]:
        """Go through the patterns in order as `MatchesUsingParentResults` does, which fsutil calls for each entry.

        A pattern that could not change the verdict is not tried, and then does not hold for what is below either.
        """
        ignored = False
        matching = 0
        rest = held | own
        while rest:
            bit = rest & -rest
            rest ^= bit
            is_exception = self._exceptions[bit.bit_length() - 1]
            if held & bit or is_exception == ignored:
                ignored = not is_exception
                matching |= bit
        return ignored, matching


def read_ignore(text: str) -> Ignore | IgnoreError:
    """Return an ignore file ready to be asked, or why it cannot be."""
    patterns = read_patterns(text)
    if isinstance(patterns, IgnoreError):
        return patterns
    try:
        return Ignore(patterns)
    except _BadPatternError as error:
        return IgnoreError(str(error))


class _TooMuchError(Exception):
    """Say that a tree and patterns are of the kind that somebody made up to keep us busy."""


class _State(dict[str, "_State"]):
    """A set of places in the patterns; what follows on a character is worked out once."""

    __slots__ = ("accepted", "bits", "machine")

    def __init__(self, machine: _Machine, bits: int) -> None:
        super().__init__()
        self.machine = machine
        self.bits = bits
        self.accepted = machine.accepted(bits)

    def __missing__(self, char: str) -> _State:
        found = self[char] = self.machine.step(self.bits, char)
        return found


class _Machine:
    """All patterns side by side in one number: bit n is the place before token n.

    `**` takes two places: one where it may still be skipped, one where it needs a slash to end.
    """

    def __init__(self, patterns: list[list[_Token]]) -> None:
        self._literals: dict[str, int] = {}
        self._classes: list[tuple[_Class, int]] = []
        self._any_character = self._loops = self._slashless = self._slashes = 0
        self._next = self._over = 0
        self._ends: dict[int, int] = {}
        self._last = 0
        starts = at = 0
        for number, tokens in enumerate(patterns):
            starts |= 1 << at
            for token in tokens:
                at = self._add(token, at)
            self._ends[at] = 1 << number
            self._last |= 1 << at
            at += 1
        if len(self._classes) > MAX_CLASSES:
            raise _BadPatternError("it has too many character classes")
        self._size = at + 64
        self._work = 0
        self._masks: dict[str, int] = {}
        self._states: dict[int, _State] = {}
        self.start = self._state(self._close(starts))

    def _add(self, token: _Token, at: int) -> int:
        bit = 1 << at
        if isinstance(token, str):
            self._literals[token] = self._literals.get(token, 0) | bit
        elif isinstance(token, _Class):
            self._classes.append((token, bit))
        elif token == _ANY_CHARACTER:
            self._any_character |= bit
        elif token == _ANY_NAME:
            self._slashless |= bit
            self._next |= bit
        elif token == _ANYTHING:
            self._loops |= bit
            self._next |= bit
        else:
            self._next |= bit
            self._over |= bit
            self._loops |= bit << 1
            self._slashes |= bit << 1
            return at + 2
        return at + 1

    def _close(self, bits: int) -> int:
        """Add the places that are reached without a character."""
        while True:
            more = bits | (bits & self._next) << 1 | (bits & self._over) << 2
            if more == bits:
                return bits
            bits = more

    def _mask(self, char: str) -> int:
        """Return the places whose token takes exactly this character."""
        mask = self._literals.get(char, 0)
        if char != "/":
            mask |= self._any_character
        for each, bit in self._classes:
            if each.takes(char):
                mask |= bit
        return mask

    def step(self, bits: int, char: str) -> _State:
        """Return where the patterns are one character later."""
        self._work += self._size
        if self._work > _MAX_WORK:
            raise _TooMuchError
        mask = self._masks.get(char)
        if mask is None:
            self._work += 64 * len(self._classes)
            mask = self._masks[char] = self._mask(char)
        after = (bits & mask) << 1 | bits & self._loops
        after |= (bits & self._slashes) << 1 if char == "/" else bits & self._slashless
        return self._state(self._close(after))

    def accepted(self, bits: int) -> int:
        """Return the patterns that match up to here."""
        found = 0
        ends = bits & self._last
        while ends:
            end = ends & -ends
            ends ^= end
            found |= self._ends[end.bit_length() - 1]
        return found

    def _state(self, bits: int) -> _State:
        found = self._states.get(bits)
        if found is None:
            found = self._states[bits] = _State(self, bits)
        return found


def _tokens(pattern: str) -> list[_Token]:
    """Read a pattern as moby compiles it.

    `**` and a slash behind it are any number of directories, at the end anything; a leading `**` in front of plain
    text is any beginning, even within a name.
    """
    tokens: list[_Token] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            if not pattern.startswith("*", at):
                tokens.append(_ANY_NAME)
                continue
            at += 1
            has_slash = pattern.startswith("/", at)
            at += has_slash
            if at == len(pattern) or (not tokens and not has_slash and _is_plain(pattern[at:])):
                tokens.append(_ANYTHING)
            elif not tokens or tokens[-1] != _ANY_DEPTH:
                tokens.append(_ANY_DEPTH)
        elif char == "?":
            tokens.append(_ANY_CHARACTER)
        elif char == "[":
            token, at = _read_class(pattern, at)
            tokens.append(token)
        elif char == "\\":
            if at == len(pattern):
                raise _BadPatternError("a pattern in it ends with a backslash")
            tokens.append(pattern[at])
            at += 1
        else:
            tokens.append(char)
    return tokens


def _is_plain(text: str) -> bool:
    return not any(char in text for char in "*?[]\\")


def _read_class(pattern: str, at: int) -> tuple[_Class, int]:
    """Read what follows `[`; what Go's filepath.Match refuses is refused."""
    negated = pattern.startswith("^", at)
    at += negated
    ranges: list[tuple[str, str]] = []
    while not (ranges and pattern.startswith("]", at)):
        low, at = _read_member(pattern, at)
        high = low
        if pattern.startswith("-", at):
            high, at = _read_member(pattern, at + 1)
        if high < low:
            raise _BadPatternError("a range in it runs backwards")
        ranges.append((low, high))
    return _Class(negated, tuple(ranges)), at + 1


def _read_member(pattern: str, at: int) -> tuple[str, int]:
    char = pattern[at : at + 1]
    # moby reads wildcards within a class as wildcards, of which no expression is left that means anything.
    if char in ("", "-", "]", "*", "?", "["):
        raise _BadPatternError("a character class in it cannot be read")
    if char == "\\":
        at += 1
        char = pattern[at : at + 1]
    at += 1
    if at >= len(pattern):
        raise _BadPatternError("a character class in it does not end")
    return char, at
