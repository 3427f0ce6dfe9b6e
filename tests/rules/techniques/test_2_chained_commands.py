"""The article's second technique: commands in one RUN. With today's Docker, only where that saves bytes."""

from __future__ import annotations

import pytest

from rules.check import check
from rules.dockerfile import parse
from tests.rules.cases import assert_fixed

MKDIRS = "FROM debian:12-slim\nENV H=/a\nRUN mkdir $H\nRUN mkdir $H/static\nRUN mkdir $H/media\n"


def test_three_empty_directories_are_no_finding() -> None:
    assert check(parse(MKDIRS)).findings == ()


def test_the_article_s_own_misprint_is_for_the_builder_to_refuse() -> None:
    dockerfile = parse("FROM debian:12-slim\nRNU mkdir $H\n")
    assert dockerfile.instructions[1].keyword == "RNU"
    assert check(dockerfile).findings == ()


@pytest.mark.parametrize("second", ["rm /tmp/a.tgz", "rm -f /tmp/a.tgz"])
def test_commands_are_chained_where_the_second_deletes_what_the_first_wrote(second: str) -> None:
    first = "curl -fsSLo /tmp/a.tgz https://a/a.tgz && tar -xzf /tmp/a.tgz -C /opt"
    head = "FROM debian:12-slim\n"
    assert_fixed("DS101", f"{head}RUN {first}\nRUN {second}\n", f"{head}RUN {first} && {second}\n")
