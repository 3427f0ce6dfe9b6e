"""rpm-weak-dependencies."""

from __future__ import annotations

from rules.finding import Severity
from rules.fix import Applicability
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS211"
F = "FROM fedora:41\n"
OPTION = "--setopt=install_weak_deps=0"
SILENT = {
    "option": F + "RUN dnf install -y --setopt=install_weak_deps=0 jq\n",
    "option-false-in-front": F + "RUN dnf -y --setopt=install_weak_deps=False install jq\n",
    "option-separate": F + "RUN dnf -y --setopt install_weak_deps=False install jq\n",
    "configured": F + "RUN echo install_weak_deps=False >> /etc/dnf/dnf.conf\nRUN dnf install -y jq\n",
    "configured-same-run": F + "RUN echo install_weak_deps=0 >> /etc/dnf/dnf.conf && dnf install -y jq\n",
    "configured-by-file": F + "COPY dnf.conf /etc/dnf/dnf.conf\nRUN dnf install -y jq\n",
    "old-yum": "FROM centos:7\nRUN yum install -y jq\n",
    "unknown-yum": "FROM example/base\nRUN yum install -y jq\n",
    "tdnf": "FROM photon:5\nRUN tdnf install -y jq\n",
    "url": F + "RUN dnf install -y https://example.com/a.rpm\n",
    "file": F + "RUN dnf install -y ./a.rpm\n",
    "release-package": F + "RUN dnf install -y epel-release\n",
    "installroot": F + "RUN dnf --installroot=/mnt install -y jq\n",
    "upgrade": F + "RUN dnf upgrade -y\n",
    "not-shipped": "FROM fedora AS b\nRUN dnf install -y jq\nFROM fedora\nCOPY --from=b /x /x\n",
    "echo": F + "RUN echo dnf install jq\n",
    "pragma": F + "# dockslim ignore=DS211\nRUN dnf install -y jq\n",
}
FIXED = {
    "dnf": (F + "RUN dnf install -y jq\n", F + f"RUN dnf install {OPTION} -y jq\n"),
    "dnf5": (F + "RUN dnf5 install -y jq\n", F + f"RUN dnf5 install {OPTION} -y jq\n"),
    "microdnf": (F + "RUN microdnf install jq\n", F + f"RUN microdnf install {OPTION} jq\n"),
    "yum-is-dnf": (
        "FROM rockylinux:9\nRUN yum install -y jq\n",
        f"FROM rockylinux:9\nRUN yum install {OPTION} -y jq\n",
    ),
    "yum-is-dnf-ubi": (
        "FROM registry.access.redhat.com/ubi8/ubi\nRUN yum install -y jq\n",
        f"FROM registry.access.redhat.com/ubi8/ubi\nRUN yum install {OPTION} -y jq\n",
    ),
    "or": (F + "RUN dnf install -y jq || true\n", F + f"RUN dnf install {OPTION} -y jq || true\n"),
    "loop": (
        F + "RUN for p in a b; do dnf install -y jq $p; done\n",
        F + f"RUN for p in a b; do dnf install {OPTION} -y jq $p; done\n",
    ),
    "exec-form": (
        F + 'RUN ["dnf", "install", "-y", "jq"]\n',
        F + f'RUN ["dnf", "install", "{OPTION}", "-y", "jq"]\n',
    ),
    "onbuild": (F + "ONBUILD RUN dnf install -y jq\n", F + f"ONBUILD RUN dnf install {OPTION} -y jq\n"),
    "crlf": (
        "FROM fedora\r\nRUN dnf -y install \\\r\n\tjq\r\n",
        f"FROM fedora\r\nRUN dnf -y install {OPTION} \\\r\n\tjq\r\n",
    ),
    "heredoc": (
        F + "RUN <<EOF\nset -e\ndnf -y install jq\nEOF\n",
        F + f"RUN <<EOF\nset -e\ndnf -y install {OPTION} jq\nEOF\n",
    ),
}
SHOWN_ONLY = {
    "nodejs-brings-npm": F + "RUN dnf install -y nodejs\n",
    "python3-brings-pip": F + "RUN dnf install -y jq python3\n",
    "group": F + "RUN dnf install -y @development-tools\n",
    "variable": F + "RUN dnf install -y $PACKAGES\n",
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str) -> None:
    assert_fixed(CODE, text, fixed)


@table("text", SHOWN_ONLY)
def test_shown_only(text: str) -> None:
    assert [each.fix.applicability for each in findings(CODE, text) if each.fix] == [Applicability.DISPLAY]


def test_is_information_and_says_what_may_change() -> None:
    (finding,) = findings(CODE, F + "RUN dnf install -y jq\n")
    assert finding.severity is Severity.INFO
    assert finding.fix is not None
    assert finding.fix.applicability is Applicability.UNSAFE
    assert finding.fix.caution
