"""unignored-files."""

from __future__ import annotations

from rules.surroundings import Surroundings
from tests.rules.cases import assert_silent, table
from tests.rules.context.around import MB, P, around, one

CODE = "DS502"
SILENT = {
    "nobody-looked": (P + "COPY . /app\n", Surroundings()),
    "no-ignore-file": (P + "COPY . /app\n", around()),
    "ignored": (P + "COPY . /app\n", around(ignore="docs\ntests\n")),
    "everything-but": (P + "COPY . /app\n", around(ignore="*\n!app.py\n")),
    "less-than-a-megabyte": (P + "COPY . /app\n", around({"docs/a.pdf": MB - 1}, ignore="x\n")),
    "refused-file": (P + "COPY . /app\n", around(ignore="[\n")),
    "not-shipped": (f"{P[:-1]} AS b\nCOPY . /app\n{P}", around(ignore="x\n")),
}


@table(("text", "surroundings"), SILENT)
def test_silent(text: str, surroundings: Surroundings) -> None:
    assert_silent(CODE, text, surroundings)


def test_lines_with_what_they_weigh() -> None:
    found = one(CODE, P + "COPY . /app\n", around(ignore=".git\n"))
    assert found.message == "7.0 MB are copied that nothing here uses"
    assert found.reason == "`.dockerignore` lets `docs`, `tests` and `.github` through."
    assert found.saving.bytes == 7_000_900


def test_last_match_wins() -> None:
    found = one(CODE, P + "COPY . /app\n", around(ignore="**\n!docs\n!app.py\n"))
    assert found.saving.bytes == 4 * MB
