"""Commands: what people ask of dockslim in a comment, one a line: `/dockslim ignore DS201 the mail is needed`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

MOST = 5
"""Commands of one comment; more than that nobody means."""
_LINE = re.compile(r"/dockslim(?:[ \t]+(.*))?", re.IGNORECASE)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_QUOTE = re.compile(r" {0,3}>[ \t]*(.*)")
_SHOWN = 100
_LONGEST_REASON = 500


class Verb(StrEnum):
    """What can be asked for."""

    RECHECK = "recheck"
    FIX = "fix"
    IGNORE = "ignore"
    UNIGNORE = "unignore"
    EXPLAIN = "explain"
    CONFIG = "config"
    BUILD = "build"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class Form:
    """How a command is written and what it does; `for_author` where the author of a pull request from a fork may too.

    Everybody else must be able to write to the repository.
    """

    usage: str
    meaning: str
    for_author: bool = False

    @property
    def takes_rule(self) -> bool:
        """Tell whether a rule follows."""
        return "RULE" in self.usage

    @property
    def takes_reason(self) -> bool:
        """Tell whether words of any kind may follow the rule."""
        return "[reason]" in self.usage


FORMS: Mapping[Verb, Form] = {
    Verb.RECHECK: Form("recheck", "Reviews this pull request again.", for_author=True),
    Verb.FIX: Form("fix", "Commits the suggestions that a click would apply, all of them as one commit."),
    Verb.IGNORE: Form(
        "ignore RULE [reason]",
        "Silences a rule on this pull request. In a reply to a comment of dockslim's, RULE may be left out.",
    ),
    Verb.UNIGNORE: Form("unignore RULE", "Takes that back."),
    Verb.EXPLAIN: Form("explain RULE", "Says what a rule finds, what that costs and how safe its fix is.", True),
    Verb.CONFIG: Form("config", "Says which configuration counts here, and where each part of it comes from."),
    Verb.BUILD: Form("build", "Builds the images and measures them, where dockslim is set up for it."),
    Verb.HELP: Form("help", "Lists the commands.", for_author=True),
}


@dataclass(frozen=True, slots=True)
class Command:
    """One command; `rule` is what was written for one, "" where nothing was."""

    verb: Verb
    rule: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something else that begins with /dockslim; `text` is the rest of the line."""

    text: str


def parse_commands(body: str) -> tuple[Command | Unknown, ...]:
    """Read the commands in a comment: only at the start of a line, where a reader sees them as text.

    What is quoted, inside a block of code or inside an HTML comment is none.
    """
    commands: list[Command | Unknown] = []
    fence = ""
    is_hidden = is_quoted = False
    for raw in body.split("\n"):
        line = raw.rstrip()
        if is_hidden:
            is_hidden = line.rfind("<!--") >= line.rfind("-->")
            continue
        mark = _FENCE.match(line)
        if fence:
            # CommonMark 4.5: a closing fence is at least as long as its opening one, with nothing after it.
            if mark and mark[1].startswith(fence) and not mark[2].strip():
                fence = ""
            continue
        if mark:
            fence, is_quoted = mark[1], False
            continue
        opening = line.rfind("<!--")
        is_hidden = opening > line.rfind("-->") and "`" not in line[:opening]
        quote = _QUOTE.match(line)
        # CommonMark 5.1, "laziness": what follows a quoted paragraph belongs to it until a line is empty.
        is_quoted = bool(quote[1]) if quote else is_quoted and bool(line)
        if not is_quoted and (found := _LINE.fullmatch(line)):
            commands.append(_read(found[1] or ""))
    return tuple(commands)


def is_permitted(command: Command | Unknown, *, writes: bool, is_fork_author: bool) -> bool:
    """Tell whether somebody may have a command obeyed, or be told that it is none."""
    return writes or (is_fork_author and (isinstance(command, Unknown) or FORMS[command.verb].for_author))


def find_close_verb(text: str) -> Verb | None:
    """Return the command that somebody may have meant."""
    first = text.split(maxsplit=1)[0].lower()[:_SHOWN] if text.strip() else ""
    close = get_close_matches(first, list(Verb), n=1, cutoff=0.6)
    return Verb(close[0]) if close else None


def _read(text: str) -> Command | Unknown:
    words = text.split(maxsplit=2)
    unknown = Unknown(text.strip()[:_SHOWN])
    if not words or words[0].lower() not in list(Verb):
        return unknown
    verb = Verb(words[0].lower())
    form = FORMS[verb]
    # Words too many may mean anything, such as a `fix` that is to leave something alone.
    if len(words) > 1 + form.takes_rule + form.takes_reason:
        return unknown
    rule = words[1][:_SHOWN] if len(words) > 1 else ""
    return Command(verb, rule, words[2].strip()[:_LONGEST_REASON] if len(words) > 2 else "")
