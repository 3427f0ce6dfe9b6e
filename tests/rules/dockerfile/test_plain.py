"""Scripts that are read without the grammar: to what the grammar reads, where it reads them right."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.dockerfile import Dockerfile, DockerfileError, Instruction, Script, parse
from rules.dockerfile.plain import read_plain
from rules.dockerfile.shell import read_by_grammar
from rules.dockerfile.source import SourceMap, Spans
from tests.corpus import corpus_texts

NOWHERE = SourceMap((0,), (0,))
LEFT_TO_THE_GRAMMAR = {
    "assignments-alone": "A=1 B=2",
    "assignment-in-a-pipeline": "A=1 | a",
    "no-name": "1=2 make",
    "word-behind-a-redirection": "echo a > b c",
    "redirection-alone": "> a",
    "redirection-of-an-assignment": "A=1 > b",
    "redirection-into-a-pipeline": "a && make 2>&1 | tee b",
    "closed-descriptor": "make 2>&-",
    "here-string": "a <<< b",
    "background": "a & b",
    "pipe-of-both": "a |& b",
    "keyword": "if true; then a; fi",
    "declaration": "export A=1",
    "subshell": "(a; b)",
    "group": "{ a; }",
    "negation": "! a",
    "test": "[ -f a ] && b",
    "substitution": "echo $(a)",
    "substitution-in-quotes": 'echo "$(a)"',
    "backtick": "echo `a`",
    "default-value": "echo ${A:-b}",
    "escape": r"echo a\ b",
    "brace-expansion": "echo {a,b}",
    "bracket": "rm [ab]",
    "comment": "a # b",
    "newline": "a\nb",
    "beyond-ascii": "echo ü",
    "unclosed-quote": "echo 'a",
    "leading-operator": "&& a",
    "trailing-and": "a &&",
    "two-operators": "a && || b",
    "empty-statement": "a; ; b",
    "nothing": "  ",
}
READ = {
    "words": ("a  b\tc ", [("a", "b", "c")]),
    "list": ("a && b || c; d;", [("a",), ("b",), ("c",), ("d",)]),
    "without-blanks": ("a&&b||c;d|e", [("a",), ("b",), ("c",), ("d",), ("e",)]),
    "quotes": ("""echo 'a b' "c d" e'f'"g" ''""", [("echo", "a b", "c d", "efg", "")]),
    "variables": ('echo $A ${B}/c "$D x"', [("echo", "$A", "${B}/c", '"$D x"')]),
    # The grammar makes two words of this one.
    "variables-and-dashes": ("tar xf $A-$B.tgz", [("tar", "xf", "$A-$B.tgz")]),
    "pipeline": ("curl -s x | tar xz && b", [("curl", "-s", "x"), ("tar", "xz"), ("b",)]),
    "redirection": ("echo a > b && c 2>/dev/null >&2", [("echo", "a"), ("c",)]),
    "assignment": ("A='x y' B=$C make && D=1", [("make",), ("D=1",)]),
    "wrapper": ("sudo -E env A=1 apt-get update", [("apt-get", "update")]),
}
PIECES = (
    "a", "-b", "c=d", "./e/*.f", "$K", "${L}", "$M-$N.tgz", "apt-get", "sudo", "env", "&&", "||", ";", "|", "0", "~/x",
    "--o='p'", "é", "#", ">", "> h", "2>&1", ">>'j'", "2>/dev/null", "N=1", 'O="$P"', "Q=", "'g h'", '"i $J"', "set -e",
    "set -o pipefail", " ", "  ", "\t",
)  # fmt: skip


def read(text: str) -> Script | None:
    return read_plain(text, Spans(NOWHERE, 0), "shell")


@pytest.mark.parametrize("text", LEFT_TO_THE_GRAMMAR.values(), ids=LEFT_TO_THE_GRAMMAR)
def test_more_than_plain_commands_is_left_to_the_grammar(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(("text", "commands"), READ.values(), ids=READ)
def test_plain_commands_are_read(text: str, commands: list[tuple[str, ...]]) -> None:
    script = read(text)
    assert script is not None
    assert [command.texts for command in script.commands] == commands
    assert described(script) == described(read_by_grammar(text, NOWHERE, 0, "shell"))


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_what_is_read_is_what_the_grammar_reads(text: str) -> None:
    script = read(text)
    if script is not None:
        assert described(script) == described(read_by_grammar(text, NOWHERE, 0, "shell"))


@pytest.mark.slow
def test_the_grammar_agrees_on_the_corpus() -> None:
    plain = runs = 0
    for name, text in corpus_texts():
        for run in runs_of(text):
            runs += 1
            script = read_plain(run.arguments, Spans(run.source, run.arguments_start), "shell")
            if script is not None:
                plain += 1
                other = read_by_grammar(run.arguments, run.source, run.arguments_start, "shell")
                assert described(script) == described(other), name
    print(f"\nplain: {plain:,} of {runs:,} RUNs of the corpus are read without the grammar, and as it reads them")
    assert plain > runs * 0.9


def runs_of(text: str) -> list[Instruction]:
    try:
        dockerfile: Dockerfile = parse(text)
    except DockerfileError:
        return []
    runs = (each.trigger or each for each in dockerfile.instructions)
    return [each for each in runs if each.keyword == "RUN" and each.exec_words is None and not each.heredocs]


def described(script: Script) -> object:
    """Return all there is to a script.

    The grammar takes some of `a | b | c && d` for a pipeline in a pipeline that ends in a list: then only its words.
    """
    if is_long(script):
        return [(each.words, each.span) for each in script.commands]
    return [{**vars(each), "texts": each.texts} for each in script.commands], script._replace(commands=())


def is_long(script: Script) -> bool:
    """Tell whether a pipeline has three parts or more."""
    befores = [each.before for each in script.commands]
    return any(one == other == "|" for one, other in pairwise(befores))
