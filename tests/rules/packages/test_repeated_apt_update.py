"""repeated-apt-update."""

from __future__ import annotations

from rules.finding import Severity
from tests.rules.cases import assert_silent, findings, table

CODE = "DS206"
D = "FROM debian:12\n"
ONE = "RUN apt-get update && apt-get install -y cron && rm -rf /var/lib/apt/lists/*\n"
TWO = "RUN apt-get update && apt-get install -y tzdata && rm -rf /var/lib/apt/lists/*\n"
SILENT = {
    "once": D + ONE,
    "update-alone": D + "RUN apt-get update\n" + ONE,
    "install-without-update": D + ONE + "RUN apt-get install -y tzdata\n",
    "source-added-between": D + ONE + "RUN echo deb x > /etc/apt/sources.list.d/x.list\n" + TWO,
    "source-added-by-the-second": D + ONE + "RUN add-apt-repository ppa:x && apt-get update && apt-get install -y x\n",
    "source-copied-between": D + ONE + "COPY x.list /etc/apt/sources.list.d/\n" + TWO,
    "script-adds-source": D + ONE + "RUN curl -sL https://deb.nodesource.com/setup_18.x | bash -\n" + TWO,
    "installed-for-one-run-alone": D + ONE + "RUN apt-get update && apt-get install -y a && b && apt-get purge -y a\n",
    "installed-for-the-first-alone": D
    + "RUN apt-get update && apt-get install -y a && b && apt-mark auto a && apt-get autoremove -y --purge\n"
    + TWO,
    "split-update-that-nothing-reads": D + ONE + "RUN apt-get update\n",
    "mount": D + "RUN --mount=type=cache,target=/var/lib/apt apt-get update && apt-get install -y a\n" * 2,
    "other-stages": "FROM debian AS a\n" + ONE + "FROM debian\n" + TWO,
    "not-shipped": "FROM debian AS a\n" + ONE + TWO + "FROM debian\n",
    "pragma": D + ONE + "# dockslim ignore=DS206\n" + TWO,
}
FIRES = {
    "twice": (D + ONE + TWO, [3]),
    "thrice": (D + ONE + TWO + ONE, [3, 4]),
    "apart": (D + ONE + "COPY . .\nRUN make\n" + TWO, [5]),
    "split": (D + ONE + "RUN apt-get update\nRUN apt-get install -y tzdata\n", [3]),
    "split-before": (D + "RUN apt-get update\nRUN apt-get install -y tzdata\n" + ONE, [4]),
    "autoremove-of-what-nothing-needs": (D + ONE + TWO[:-1] + " && apt-get autoremove -y\n", [3]),
    "crlf": ((D + ONE + TWO).replace("\n", "\r\n"), [3]),
    "apt": (D + (ONE + TWO).replace("apt-get", "apt"), [3]),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "lines"), FIRES)
def test_fires(text: str, lines: list[int]) -> None:
    found = findings(CODE, text)
    assert [text.count("\n", 0, each.span.start) + 1 for each in found] == lines
    assert {(each.fix, each.severity) for each in found} == {(None, Severity.INFO)}
