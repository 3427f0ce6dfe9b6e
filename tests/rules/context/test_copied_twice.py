"""copied-twice."""

from __future__ import annotations

from rules.finding import Severity
from rules.surroundings import Surroundings
from tests.rules.cases import assert_silent, table
from tests.rules.context.around import MB, P, around, one

CODE = "DS505"
CASES = {
    "from-a-stage": (P + "COPY --from=b /o /x\nCOPY --from=b /o /y\n", None, Severity.INFO),
    "archive": (P + "COPY a.jar /x/\nCOPY a.jar /y/\n", None, Severity.INFO),
    "known-to-be-large": (P + "COPY m /x\nCOPY m /y\n", {"m/a": 9 * MB}, Severity.WARNING),
    "in-a-parent": (f"{P[:-1]} AS a\nCOPY m /x\nFROM a\nCOPY m /y\n", {"m": 9 * MB}, Severity.WARNING),
    "known-to-be-small": (P + "COPY a.jar /x/\nCOPY a.jar /y/\n", {"a.jar": 9}, None),
    "configuration": (P + "COPY php.ini /x/\nCOPY php.ini /y/\n", None, None),
    "same-place": (P + "COPY m /x\nRUN y\nCOPY m /x/\n", {"m/a": 9 * MB}, None),
    "other-stage": (P + "COPY --from=b /o /x\nCOPY --from=c /o /y\n", None, None),
    "build-stage": (f"{P[:-1]} AS a\nCOPY m /x\nCOPY m /y\n{P}", {"m": 9 * MB}, None),
    "sibling-stages": (f"{P[:-1]} AS a\nCOPY m /x\n{P}COPY m /y\n", {"m": 9 * MB}, None),
    "variable": (P + "COPY m $X\nCOPY m /y\n", {"m": 9 * MB}, None),
    "glob": (P + "COPY *.jar /x/\nCOPY *.jar /y/\n", None, None),
    "unknown-directory": (P + "WORKDIR $X\nCOPY m a\nWORKDIR /y\nCOPY m a\n", {"m": 9 * MB}, None),
    "pragma": (P + "COPY m /x\n# dockslim ignore=DS505\nCOPY m /y\n", {"m": 9 * MB}, None),
}


@table(("text", "files", "severity"), CASES)
def test_cases(text: str, files: dict[str, int] | None, severity: Severity | None) -> None:
    surroundings = around(files) if files is not None else Surroundings()
    if severity is None:
        assert_silent(CODE, text, surroundings)
        return
    found = one(CODE, text, surroundings)
    assert found.severity is severity
    assert (found.saving.bytes == 9 * MB) is (files is not None)
