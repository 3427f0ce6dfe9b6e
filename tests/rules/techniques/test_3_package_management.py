"""The article's third technique: `apt-get install -y cron`, its recommended packages and its lists."""

from __future__ import annotations

from cli.fix import fix_text
from rules.check import check
from rules.dockerfile import parse

HEAD = "FROM debian:12-slim\n"


def test_cron_comes_alone_and_the_lists_go() -> None:
    fixed = fix_text(HEAD + "RUN apt-get update && apt-get install -y cron\n", unsafe=True)
    assert fixed.text == (
        HEAD + "RUN apt-get update && apt-get install --no-install-recommends -y cron && rm -rf /var/lib/apt/lists/*\n"
    )
    assert check(parse(fixed.text)).findings == ()


def test_clean_is_never_asked_for() -> None:
    fixed = fix_text(HEAD + "RUN apt-get update && apt-get install -y cron\n", unsafe=True)
    assert "apt-get clean" not in fixed.text
