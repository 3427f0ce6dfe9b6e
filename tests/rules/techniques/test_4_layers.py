"""The article's fourth technique: what is deleted must be deleted in the layer that made it (230 -> 213 MB)."""

from __future__ import annotations

from cli.fix import fix_text
from tests.rules.cases import assert_fixed, findings

HEAD = "FROM debian:12-slim\n"
INSTALL = "apt-get update && apt-get install -y --no-install-recommends cron"


def test_the_article_s_two_runs_become_one() -> None:
    joined = f"{HEAD}RUN {INSTALL} && rm -rf /var/lib/apt/lists/*\n"
    assert_fixed("DS101", f"{HEAD}RUN {INSTALL}\nRUN rm -rf /var/lib/apt/lists/*\n", joined)


def test_the_lists_leave_the_layer_that_made_them() -> None:
    fixed = fix_text(f"{HEAD}RUN {INSTALL}\nRUN rm -rf /var/lib/apt/lists/*\n", unsafe=False)
    assert fixed.text.startswith(f"{HEAD}RUN {INSTALL} && rm -rf /var/lib/apt/lists/*\n")


def test_the_article_s_misspelt_path_deletes_nothing() -> None:
    assert_fixed(
        "DS106",
        f"{HEAD}RUN {INSTALL} && rm -rf /var/lib/pat/lists/*\n",
        f"{HEAD}RUN {INSTALL} && rm -rf /var/lib/apt/lists/*\n",
    )


def test_source_code_belongs_below_what_changes_rarely() -> None:
    (found,) = findings("DS601", "FROM node:22-slim\nWORKDIR /a\nCOPY . .\nRUN npm ci\n")
    assert "not image size" in found.reason
