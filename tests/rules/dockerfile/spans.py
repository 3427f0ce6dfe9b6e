"""What must hold for every span in a parsed Dockerfile: `text[span]` is the source, always."""

from __future__ import annotations

import json

from rules.dockerfile import Dockerfile, Instruction, Span, Word


def rejoin(instruction: Instruction, span: Span) -> str:
    """Return what of the joined value lies in `span`: the source without continuations and comments."""
    source = instruction.source
    return "".join(char for at, char in enumerate(instruction.value) if span.start <= source.offset(at) < span.end)


def assert_spans(dockerfile: Dockerfile) -> None:
    """Hold every span of a file against its text."""
    text = dockerfile.text
    for comment in dockerfile.comments:
        assert comment.span.of(text).lstrip().startswith("#")
        assert dockerfile.position(comment.span.start)[0] == comment.line
    end = 0
    for each in dockerfile.instructions:
        assert each.span.start >= end
        end = each.span.end
        assert dockerfile.position(each.span.start)[0] == each.line
        assert dockerfile.position(each.span.end)[0] == each.end_line
        assert_instruction(each, text)
        if each.trigger is not None:
            assert_instruction(each.trigger, text)


def assert_instruction(each: Instruction, text: str) -> None:
    """Hold the keyword, value, flags, words, here-documents and commands of one instruction against the text."""
    source = each.source
    if "\\" not in each.keyword_span.of(text) and "`" not in each.keyword_span.of(text):
        assert each.keyword_span.of(text).upper() == each.keyword
    for at, char in enumerate(each.value):
        assert text[source.offset(at)] == char
    for flag in each.flags:
        raw = rejoin(each, flag.span)
        if not any(char in raw for char in "'\"\\`"):
            assert raw == f"--{flag.name}" + ("" if flag.value is None else f"={flag.value}")
    for heredoc in each.heredocs:
        line = text[heredoc.body.end :].partition("\n")[0].rstrip("\r")
        assert (line.lstrip("\t") if heredoc.strips_tabs else line) == heredoc.name
        assert each.span.contains(heredoc.body)
    if each.exec_words is not None:
        for word in each.exec_words:
            assert json.loads(f'"{rejoin(each, word.span)}"', strict=False) == word.text
    elif each.keyword in ("FROM", "COPY", "ADD", "WORKDIR", "USER"):
        assert_words(each, each.words)
    for command in each.commands:
        if command.from_exec:
            continue
        for word in command.words:
            assert command.span.contains(word.span)
            if not word.quoted:
                found = word.span.of(text) if each.script.form == "heredoc" else rejoin(each, word.span)
                assert found == word.text


def assert_words(each: Instruction, words: tuple[Word, ...]) -> None:
    """Hold words against the value: unquoted ones are their source, all stand in order and apart."""
    end = 0
    for word in words:
        assert word.span.start >= end
        end = word.span.end
        if not word.quoted:
            assert rejoin(each, word.span) == word.text
