"""zypper-recommended-packages."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS212"
Z = "FROM example/sles:15\n"
SILENT = {
    "flag": Z + "RUN zypper -n in --no-recommends curl\n",
    "flag-behind": Z + "RUN zypper -n in curl --no-recommends\n",
    "wanted": Z + "RUN zypper -n in --recommends curl\n",
    "configured": Z + "RUN echo 'solver.onlyRequires = true' >> /etc/zypp/zypp.conf\nRUN zypper -n in curl\n",
    "configured-by-file": Z + "COPY zypp.conf /etc/zypp/\nRUN zypper -n in curl\n",
    "opensuse": "FROM opensuse/leap:15.6\nRUN zypper -n in curl\n",
    "opensuse-registry": "FROM registry.opensuse.org/opensuse/tumbleweed:latest\nRUN zypper -n in curl\n",
    "bci": "FROM registry.suse.com/bci/bci-base:15.6\nRUN zypper -n in curl\n",
    "file": Z + "RUN zypper -n in ./a.rpm\n",
    "update": Z + "RUN zypper -n up\n",
    "not-shipped": "FROM example/sles AS b\nRUN zypper -n in a\nFROM scratch\nCOPY --from=b /x /x\n",
}
FIXED = {
    "in": (Z + "RUN zypper -n in curl\n", Z + "RUN zypper -n in --no-recommends curl\n"),
    "install": (Z + "RUN zypper install -y curl git\n", Z + "RUN zypper install --no-recommends -y curl git\n"),
    "or": (Z + "RUN zypper -n in curl || true\n", Z + "RUN zypper -n in --no-recommends curl || true\n"),
    "exec-form": (
        Z + 'RUN ["zypper", "-n", "in", "curl"]\n',
        Z + 'RUN ["zypper", "-n", "in", "--no-recommends", "curl"]\n',
    ),
    "crlf": (
        "FROM example/sles\r\nRUN zypper -n in \\\r\n\tcurl\r\n",
        "FROM example/sles\r\nRUN zypper -n in --no-recommends \\\r\n\tcurl\r\n",
    ),
}
SHOWN_ONLY = {
    "pattern": Z + "RUN zypper -n in -t pattern devel_basis\n",
    "pattern-colon": Z + "RUN zypper -n in pattern:devel_basis\n",
    "variable": Z + "RUN zypper -n in $PACKAGES\n",
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str) -> None:
    assert_fixed(CODE, text, fixed)
    assert [each.fix.applicability for each in findings(CODE, text) if each.fix] == [Applicability.UNSAFE]


@table("text", SHOWN_ONLY)
def test_shown_only(text: str) -> None:
    assert [each.fix.applicability for each in findings(CODE, text) if each.fix] == [Applicability.DISPLAY]
