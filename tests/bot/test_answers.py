"""Answers say what they have to, and let nothing of what others wrote act."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from bot import answers
from bot.answers import Setting, join_answers, mark_answer, write_message
from bot.commands import Unknown, Verb, parse_commands
from bot.review.markdown import size
from bot.review.model import Origin
from rules.registry import RULES, find_rule
from rules.rule import Rule

MARKDOWN = MarkdownIt("commonmark").enable("table")
HOSTILE = "@acme/all `</td>` ``` #1 <img src=x> [x](https://evil.example) | \u202e https://evil.example -->"


def _rule(code: str = "DS201") -> Rule:
    found = find_rule(code)
    assert found is not None
    return found


def test_the_home_is_the_one_of_the_manifest() -> None:
    manifest = json.loads((Path(__file__).parents[2] / "app.yml").read_text())
    assert manifest["url"] == answers.HOME


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recheak", "`/dockslim recheak` is not a command. Close to it: `/dockslim recheck`."),
        ("fix all", "`/dockslim fix all` is not a command. Close to it: `/dockslim fix`."),
        ("ignor DS201", "Close to it: `/dockslim ignore RULE [reason]`."),
        ("dance", "`/dockslim dance` is not a command. `/dockslim help` lists the commands."),
        ("", "`/dockslim` alone asks for nothing. `/dockslim help` lists the commands."),
    ],
)
def test_unknown_command(text: str, said: str) -> None:
    assert said in answers.say_unknown(Unknown(text))


def test_unknown_rule() -> None:
    assert answers.say_unknown_rule("apt-lists-behind").startswith(
        "There is no rule `apt-lists-behind`. Close to it: DS202 apt-lists-left-behind"
    )
    assert answers.say_unknown_rule("DS999").endswith("/docs/rules/index.md)")


@pytest.mark.parametrize(
    "answer",
    [
        answers.say_unknown(Unknown(HOSTILE)),
        answers.say_unknown_rule(HOSTILE),
        answers.say_ignored(_rule(), HOSTILE),
        answers.say_commit_refused(HOSTILE),
        answers.say_closed_fork("mallory/shop"),
        answers.say_not_done(HOSTILE),
        answers.say_configuration(
            Origin(("a",), (HOSTILE,)), [Setting("images", HOSTILE, ".github/dockslim.yml")], HOSTILE
        ),
    ],
    ids=["command", "rule", "reason", "refusal", "fork", "failure", "configuration"],
)
def test_what_others_wrote_is_shown_and_not_obeyed(answer: str) -> None:
    for token in MARKDOWN.parse(answer):
        for each in token.children or ():
            assert each.type not in {"html_inline", "image"}, each
            assert each.type != "link_open" or str(each.attrs["href"]).startswith(answers.DOCS)
            # GitHub makes mentions and links of plain text only.
            assert each.type != "text" or not any(text in each.content for text in ("@acme", "https://", "#1"))
        assert token.type != "html_block"
    assert "\u202e" not in answer
    assert parse_commands(answer) == ()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_is_explained_in_short(rule: Rule) -> None:
    said = answers.say_explanation(rule)
    assert said.startswith(f"**{rule.code} {rule.name}** · {rule.summary}")
    assert "**Why it costs**\n" in said
    assert "## " not in said
    assert said.endswith(f"/docs/rules/{rule.name}.md)")
    assert size(said) < 4000


def test_help_lists_every_command_and_who_may() -> None:
    said = answers.say_help()
    assert said.count("| `/dockslim ") == len(Verb)
    assert "| `/dockslim fix` | Commits" in said
    assert "| `/dockslim recheck` | Reviews this pull request again. | who can write here, and the author" in said


def test_answers_to_one_comment_are_one_with_a_mark() -> None:
    joined = join_answers(["one", "", "two"], "IC_x")
    assert joined == f"one\n\ntwo\n\n{mark_answer('IC_x')}"
    assert join_answers(["", ""], "IC_x") == ""
    assert mark_answer("IC_x") != mark_answer("IC_y")
    long = join_answers(["x" * 40_000, "y" * 40_000], "IC_x")
    assert size(long) <= 65_000
    assert long.endswith(mark_answer("IC_x"))


def test_a_commit_message() -> None:
    headline, body = write_message(2, ["DS202 b", "DS201 a", "DS201 a"], "IC_x")
    assert headline == "Apply 2 suggestions by dockslim"
    assert body == f"DS201 a, DS202 b\n\n{answers.sign_commit('IC_x')}"
    assert write_message(1, ["DS201 a"], "IC_x")[0] == "Apply 1 suggestion by dockslim"
