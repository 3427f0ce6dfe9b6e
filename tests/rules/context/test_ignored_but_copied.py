"""ignored-but-copied."""

from __future__ import annotations

from rules.finding import Severity
from tests.rules.cases import findings, table
from tests.rules.context.around import P, around

CODE = "DS504"
CASES = {
    "folder": (P + "COPY dist /app\n", "dist\n", True),
    "below-an-ignored-folder": (P + "COPY ./dist/app.js /app/\n", "dist\n", True),
    "in-a-build-stage": (f"{P[:-1]} AS b\nCOPY dist /app\n{P}", "dist\n", True),
    "glob-in-the-file": (P + "COPY a.md /app/\n", "*.md\n", True),
    "exception": (P + "COPY dist /app\n", "dist\n!dist\n", False),
    "exception-below": (P + "COPY dist /app\n", "dist\n!dist/a.js\n", False),
    "exception-with-a-glob": (P + "COPY dist /app\n", "dist\n!**/*.js\n", False),
    "only-what-lies-in-it": (P + "COPY dist /app\n", "dist/*\n", False),
    "not-ignored": (P + "COPY src /app\n", "dist\n", False),
    "missing-in-git": (P + "COPY generated /app\n", "dist\n", False),
    "glob": (P + "COPY dist* /app/\n", "dist\n", False),
    "variable": (P + "COPY $DIST /app\n", "dist\n", False),
    "everything": (P + "COPY . /app\n", "*\n", False),
    "from-a-stage": (P + "COPY --from=b dist /app\n", "dist\n", False),
    "refused-file": (P + "COPY dist /app\n", "dist\n[\n", False),
    "alias": (P + "# check=skip=CopyIgnoredFile\nCOPY src /app\n", "dist\n", False),
}


@table(("text", "ignore", "fires"), CASES)
def test_cases(text: str, ignore: str, fires: bool) -> None:
    found = findings(CODE, text, around({"src/a.py": 9, "dist.txt": 9}, ignore=ignore))
    assert bool(found) is fires
    assert all(each.severity is Severity.INFO for each in found)
