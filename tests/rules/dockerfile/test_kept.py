"""A new version of a file, read from what it shares with the one before: the same as read from its first line on."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.dockerfile import Dockerfile, DockerfileError, Instruction, parse
from tests.corpus import corpus_texts
from tests.rules.dockerfile.fragments import unended

INSERTED = (
    "", "\n", " \\\n", "RUN x\n", "# c\n", "\nFROM b AS c\n", "x", "<<EOF", "\nEOF\n", "\nENV A=1\n", "\\",
    "# escape=`\n", "\ufeff", "\nONBUILD RUN x\n", "  ",
)  # fmt: skip


def described(text: str, like: Dockerfile | None = None) -> object:
    try:
        dockerfile = parse(text, like=like)
    except DockerfileError as error:
        return str(error)
    stages = [
        (
            *(each.index, each.name, each.base, each.start.index, [one.index for one in each.instructions]),
            each.parent,
            each.scopes,
            each.end,
        )
        for each in dockerfile.stages
    ]
    instructions = [describe(each) for each in dockerfile.instructions]
    return instructions, stages, dockerfile.comments, dockerfile.escape, dict(dockerfile.directives)


def describe(each: Instruction) -> object:
    trigger = describe(each.trigger) if each.trigger is not None else None
    commands = [(one.words, one.span, one.redirects, one.texts) for one in each.script.commands]
    return (each, trigger, each.words, each.mounts, commands, each.script.statements, each.script.parsed)


@given(st.tuples(st.sampled_from(["", "\ufeff"]), unended).map("".join), st.sampled_from(INSERTED), st.data())
def test_an_edit_reads_like_a_new_file(text: str, inserted: str, data: st.DataObject) -> None:
    try:
        old = parse(text)
    except DockerfileError:
        return
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + 30, len(text))))
    edited = text[:start] + inserted + text[end:]
    assert described(edited, old) == described(edited)


@pytest.mark.slow
def test_edits_of_the_corpus_read_like_new_files() -> None:
    chance = random.Random(5)  # noqa: S311 - it chooses places, not secrets
    for name, text in corpus_texts()[::16]:
        try:
            old = parse(text)
        except DockerfileError:
            continue
        for _ in range(8):
            start = chance.randrange(len(text) + 1)
            end = min(len(text), start + chance.choice((0, 0, 1, 3, 20)))
            edited = text[:start] + chance.choice(INSERTED) + text[end:]
            assert described(edited, old) == described(edited), (name, start, end, edited)
