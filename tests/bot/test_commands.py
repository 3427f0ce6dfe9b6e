"""What a comment asks for, and who may."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands import FORMS, Command, Unknown, Verb, find_close_verb, is_permitted, parse_commands

RECHECK = Command(Verb.RECHECK)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("recheck", RECHECK),
        ("  ReCheck  ", RECHECK),
        ("\tfix", Command(Verb.FIX)),
        ("ignore", Command(Verb.IGNORE)),
        ("ignore DS201", Command(Verb.IGNORE, "DS201")),
        ("ignore ds201  the mail   is needed ", Command(Verb.IGNORE, "ds201", "the mail   is needed")),
        ("ignore DS201 " + "x" * 600, Command(Verb.IGNORE, "DS201", "x" * 500)),
        ("unignore apt-recommended-packages", Command(Verb.UNIGNORE, "apt-recommended-packages")),
        ("explain hadolint:DL3015", Command(Verb.EXPLAIN, "hadolint:DL3015")),
        ("explain", Command(Verb.EXPLAIN)),
        ("config", Command(Verb.CONFIG)),
        ("build", Command(Verb.BUILD)),
        ("help", Command(Verb.HELP)),
        ("", Unknown("")),
        ("rechecks", Unknown("rechecks")),
        ("recheck please", Unknown("recheck please")),
        ("fix everything but line 3", Unknown("fix everything but line 3")),
        ("unignore DS201 now", Unknown("unignore DS201 now")),
        ("explain DS201 DS202", Unknown("explain DS201 DS202")),
        ("Verb.FIX", Unknown("Verb.FIX")),
        ("@acme/all <b>", Unknown("@acme/all <b>")),
        ("x" * 300, Unknown("x" * 100)),
    ],
)
def test_a_line(line: str, command: Command | Unknown) -> None:
    assert parse_commands(f"/dockslim {line}") == (command,)


@pytest.mark.parametrize(
    "body",
    [
        "/dockslim recheck",
        "/DOCKSLIM recheck",
        "Thanks!\n\n/dockslim recheck\n",
        "Thanks!\r\n/dockslim recheck\r\n",
        "```\ncode\n```\n/dockslim recheck",
        "<!-- hidden -->\n/dockslim recheck",
        "<!--\nhidden\n-->\n/dockslim recheck",
        "What does `<!--` do?\n/dockslim recheck",
        "```\n<!--\n```\n/dockslim recheck",
        "> what do you think?\n\n/dockslim recheck",
        "> what do you think?\n>\n/dockslim recheck",
    ],
)
def test_a_command_is_read(body: str) -> None:
    assert parse_commands(body) == (RECHECK,)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "recheck",
        "try /dockslim recheck",
        " /dockslim recheck",
        "    /dockslim recheck",
        "- /dockslim recheck",
        "> /dockslim recheck",
        "> what do you think of\n/dockslim recheck",
        ">> deep\nlazy\n/dockslim recheck",
        "`/dockslim recheck`",
        "/dockslimrecheck",
        "/dockslim:recheck",
        "```\n/dockslim recheck\n```",
        "````\n```\n/dockslim recheck\n````",
        "~~~\n/dockslim recheck",
        "<!--\n/dockslim recheck\n-->",
        "Hi <!-- a\n--> b <!--\n/dockslim recheck\n-->",
        "a\x0b/dockslim recheck",
        "a\u2028/dockslim recheck",
        "\u200b/dockslim recheck",
    ],
)
def test_a_text_that_is_no_command(body: str) -> None:
    assert parse_commands(body) == ()


def test_commands_keep_their_order() -> None:
    body = "/dockslim ignore DS201 why\ntext\n/dockslim dance\n```\n/dockslim fix\n```\n/dockslim help"
    assert parse_commands(body) == (Command(Verb.IGNORE, "DS201", "why"), Unknown("dance"), Command(Verb.HELP))


@given(st.text(alphabet="/dockslim fxi`>~<!-\n\t\r ", max_size=80))
def test_no_text_raises(body: str) -> None:
    for command in parse_commands(body + "\n/dockslim fix"):
        assert isinstance(command, (Command, Unknown))


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("recheak", Verb.RECHECK),
        ("RECHECK please", Verb.RECHECK),
        ("ignroe DS201", Verb.IGNORE),
        ("confg", Verb.CONFIG),
        ("dance", None),
        ("", None),
    ],
)
def test_the_command_that_was_meant(text: str, verb: Verb | None) -> None:
    assert find_close_verb(text) == verb


FOR_AUTHORS = {Verb.RECHECK, Verb.EXPLAIN, Verb.HELP}


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("writes", [False, True], ids=["reader", "writer"])
@pytest.mark.parametrize("is_fork_author", [False, True], ids=["other", "fork author"])
def test_who_may(verb: Verb, writes: bool, is_fork_author: bool) -> None:
    expected = writes or (is_fork_author and verb in FOR_AUTHORS)
    assert is_permitted(Command(verb), writes=writes, is_fork_author=is_fork_author) == expected


def test_who_is_told_that_something_is_no_command() -> None:
    unknown = Unknown("dance")
    assert not is_permitted(unknown, writes=False, is_fork_author=False)
    assert is_permitted(unknown, writes=False, is_fork_author=True)
    assert is_permitted(unknown, writes=True, is_fork_author=False)


def test_every_command_has_a_form() -> None:
    assert list(FORMS) == list(Verb)
    assert all(form.usage.startswith(verb) for verb, form in FORMS.items())
