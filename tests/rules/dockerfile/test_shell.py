"""The shell of a RUN: its commands, how they hang together, and what wraps them."""

from __future__ import annotations

import pytest

from rules.dockerfile import Instruction, ShellCommand, parse


def run(body: str) -> Instruction:
    return parse(f"FROM a\nRUN {body}\n").instructions[1]


def only(body: str) -> ShellCommand:
    (command,) = run(body).commands
    return command


TEXTS = {
    "and": ("a 1 && b", [("a", "1"), ("b",)]),
    "or-semicolon-pipe-background": ("a || b; c | d & e", [("a",), ("b",), ("c",), ("d",), ("e",)]),
    "quotes": ("a 'x y' \"z\" w\\ v", [("a", "x y", "z", "w v")]),
    "joined-quotes": ("a b'c'\"d\"", [("a", "bcd")]),
    "continuation": ("a \\\n  b \\\n# c\n  && d", [("a", "b"), ("d",)]),
    "assignment": ("A=1 B=2 a", [("a",)]),
    "directory": ("/usr/bin/apt-get update", [("/usr/bin/apt-get", "update")]),
    "if": ("if a; then b; elif c; then d; else e; fi", [("a",), ("b",), ("c",), ("d",), ("e",)]),
    "for": ("for p in x y; do a $p; done", [("a", "$p")]),
    "while": ("while a; do b; done", [("a",), ("b",)]),
    "case": ("case $x in y) a;; *) b;; esac", [("a",), ("b",)]),
    "subshell-and-group": ("(a; b) && { c; d; }", [("a",), ("b",), ("c",), ("d",)]),
    "function": ("f() { a; }; f", [("a",), ("f",)]),
    "negation": ("! a && b", [("a",), ("b",)]),
    "redirect": ("a > /x 2>&1 && b", [("a",), ("b",)]),
    "comment": ("a # b && c", [("a",)]),
    "sudo": ("sudo -E -u root a b", [("a", "b")]),
    "env": ("env -i A=1 a b", [("a", "b")]),
    "time-nice": ("time nice -n 5 a", [("a",)]),
    "exec": ("exec a", [("a",)]),
}
NESTING = {
    "top": ("a", ()),
    "if": ("if true; then a; fi", ("if",)),
    "loop": ("for i in 1; do a; done", ("loop",)),
    "case": ("case x in x) a;; esac", ("case",)),
    "subshell": ("(a)", ("subshell",)),
    "group": ("{ a; }", ("group",)),
    "pipeline": ("b | a", ("pipeline",)),
    "negation": ("! a", ("negation",)),
    "function": ("f() { a; }", ("function", "group")),
    "both": ("(if true; then a; fi)", ("subshell", "if")),
}
ERREXIT = {
    "cluster": ("set -eux; a", True),
    "alone": ("set -e && a", True),
    "long": ("set -o errexit; a", True),
    "two": ("set -u; set -e; a", True),
    "none": ("a; b", False),
    "later": ("a; set -e; b", False),
    "off-again": ("set -e; a; set +e; b", False),
    "x-only": ("set -x; a", False),
}


@pytest.mark.parametrize(("body", "expected"), TEXTS.values(), ids=TEXTS.keys())
def test_commands(body: str, expected: list[tuple[str, ...]]) -> None:
    script = run(body).script
    assert script.parsed
    assert [command.texts for command in script.commands] == expected


@pytest.mark.parametrize(("body", "expected"), NESTING.values(), ids=NESTING.keys())
def test_nesting(body: str, expected: tuple[str, ...]) -> None:
    assert [each.nesting for each in run(body).commands if each.name == "a"] == [expected]


@pytest.mark.parametrize(("body", "expected"), ERREXIT.values(), ids=ERREXIT.keys())
def test_errexit(body: str, expected: bool) -> None:
    assert run(body).script.errexit is expected


def test_substitutions_are_commands_too() -> None:
    commands = run('a "$(b c)" `d` x=$(e)').commands
    assert {(each.name, each.nesting) for each in commands if each.name in "bde"} == {
        ("b", ("substitution",)),
        ("d", ("substitution",)),
        ("e", ("substitution",)),
    }


def test_before() -> None:
    assert [each.before for each in run("a && b || c && d").commands] == ["", "&&", "||", "&&"]
    assert [each.before for each in run("a; b").commands] == ["", ""]
    assert [each.before for each in run("a | b").commands] == ["", "|"]


def test_tests_and_assignments_are_commands_too() -> None:
    assert [each.texts[0] for each in run("[ -f x ] && [[ -n $y ]] && B=1; export C=2").commands] == [
        "[",
        "[[",
        "B=1",
        "export",
    ]


def test_statements() -> None:
    statements = run("set -e; a && b || c; d &").script.statements
    assert [(each.operators, each.terminator) for each in statements] == [((), ";"), (("||", "&&"), ";"), ((), "&")]


def test_redirects() -> None:
    (redirect,) = only("a > /x").redirects
    assert redirect.operator == ">"
    assert redirect.target is not None
    assert redirect.target.text == "/x"
    assert [each.operator for each in only("a >> /x 2>&1").redirects] == [">>", ">&"]


def test_assignments() -> None:
    command = only('A=1 B="2 3" C=$D E= a')
    assert command.assignments == (("A", "1"), ("B", "2 3"), ("C", None), ("E", ""))
    assert command.assignment("B") == "2 3"
    assert only("env A=1 B=$C a").assignments == (("A", "1"), ("B", None))
    assert run("export A=1 && a").commands[0].assignments == (("A", "1"),)


def test_wrappers() -> None:
    assert only("sudo -H env A=1 a").wrappers == ("sudo", "env")
    assert only("a").wrappers == ()


FLAGS = {
    "short": ("a -r", "-r", True),
    "cluster": ("a -rf", "-f", True),
    "cluster-order": ("a -fr", "-f", True),
    "long": ("a --force", "--force", True),
    "long-with-value": ("a --force=1", "--force", True),
    "behind-operands": ("a x y --force", "--force", True),
    "other": ("a -r", "-f", False),
    "prefix-is-not-enough": ("a --forced", "--force", False),
    "operand": ("a f", "-f", False),
    "single-dash-word": ("a -", "-f", False),
    "letters-of-a-long-option": ("a --rf", "-f", False),
}


@pytest.mark.parametrize(("body", "flag", "expected"), FLAGS.values(), ids=FLAGS.keys())
def test_has_flag(body: str, flag: str, expected: bool) -> None:
    assert only(body).has_flag(flag) is expected


def test_words_know_what_is_expanded() -> None:
    words = only("a b $c \"$d\" '$e' f*g 'h*' \"i\"").words
    assert [word.literal for word in words] == [True, True, False, False, True, True, True, True]
    assert [word.has_glob for word in words] == [False, False, False, False, False, True, False, False]


UNREAD = {
    "syntax-error": "a && && b (",
    "open-quote": "a 'b",
    "open-if": "if a; then b",
    "python-heredoc": "python3 <<EOF\nimport os\nEOF",
    "two-heredocs": "<<A <<B\na\nA\nb\nB",
    "heredoc-shebang": "<<EOF\n#!/usr/bin/env python3\nimport os\nEOF",
    "cat-heredoc": "cat <<EOF > /x\napt-get update\nEOF",
}
HEREDOCS = {
    "plain": ("<<EOF\nset -e\na b\nEOF", True),
    "without-e": ("<<EOF\na b\nEOF", False),
    "program": ("bash <<EOF\na b\nEOF", False),
    "program-with-e": ("bash -e <<EOF\na b\nEOF", True),
    "program-behind": ("<<EOF bash -ex\na b\nEOF", True),
    "shebang": ("<<EOF\n#!/bin/bash\na b\nEOF", False),
    "shebang-with-e": ("<<EOF\n#!/bin/bash -e\na b\nEOF", True),
    "quoted": ("<<'EOF'\na b\nEOF", False),
    "tabs": ("<<-EOF\n\ta b\n\tEOF", False),
}


@pytest.mark.parametrize("body", UNREAD.values(), ids=UNREAD.keys())
def test_what_cannot_be_read_is_said_so(body: str) -> None:
    script = run(body).script
    assert not script.parsed
    assert script.commands == ()


@pytest.mark.parametrize(("body", "errexit"), HEREDOCS.values(), ids=HEREDOCS.keys())
def test_heredoc_script(body: str, errexit: bool) -> None:
    script = run(body).script
    assert (script.parsed, script.form, script.errexit) == (True, "heredoc", errexit)
    assert script.commands[-1].texts == ("a", "b")


def test_exec_form() -> None:
    command = only('["a", "b && c"]')
    assert command.from_exec
    assert command.texts == ("a", "b && c")


@pytest.mark.parametrize("body", ["['a', 'b']", '["a", 1]', '["a" "b"]', '["a"] && b'])
def test_what_looks_like_exec_form_is_shell(body: str) -> None:
    assert run(body).exec_words is None
