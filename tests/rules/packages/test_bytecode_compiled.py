"""bytecode-compiled."""

from __future__ import annotations

from rules.check import check
from rules.config import Config
from rules.dockerfile import parse
from rules.finding import Severity
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS227"
P = "FROM python:3.12-slim\n"
SILENT = {
    "told-not-to": P + "RUN pip install --no-compile flask\n",
    "uv": P + "RUN uv pip install --system flask\n",
    "download": P + "RUN pip download flask\n",
    "help": P + "RUN pip install --help\n",
    "not-shipped": P.replace("\n", " AS b\n") + "RUN pip install flask\n" + P + "COPY --from=b /x /x\n",
    "echo": P + "RUN echo pip install flask\n",
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


def test_tells_of_each_install_and_edits_nothing() -> None:
    text = P + "RUN pip install flask\nRUN python -m pip install -r requirements.txt\n"
    assert_fixed(CODE, text, None)
    assert [each.severity for each in findings(CODE, text)] == [Severity.INFO, Severity.INFO]


SELECTIONS = {
    "nothing": ((), False),
    "family": (("DS2",), False),
    "everything": (("DS",), False),
    "code": (("DS227",), True),
    "name": (("bytecode-compiled",), True),
    "beside-all": (("ds", " ds227 "), True),
}


@table(("select", "is_on"), SELECTIONS)
def test_is_off_unless_it_is_selected_itself(select: tuple[str, ...], is_on: bool) -> None:
    report = check(parse(P + "RUN pip install flask\n"), Config(select=frozenset(select)))
    assert (CODE in {each.code for each in report.findings}) is is_on


def test_stands_in_the_way_of_no_fix() -> None:
    text = P + "COPY . .\nRUN pip install --no-cache-dir -r r.txt && make\n"
    for config in (Config(), Config(select=frozenset({"DS", CODE}))):
        report = check(parse(text), config)
        assert report.refused == ()
        assert [each.code for each in report.findings if each.fix is not None] == ["DS601"]
