"""rpm-cache-left-behind."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS209"
C = "FROM centos:7\n"
F = "FROM fedora:41\n"
SILENT = {
    "clean-all": C + "RUN yum -y install httpd && yum clean all\n",
    "clean-with-options": C + "RUN yum -y install httpd && yum -y clean all\n",
    "clean-with-options-between": C + "RUN yum -y install httpd && yum clean -y all\n",
    "clean-behind-semicolon": C + "RUN yum -y install httpd; yum clean all\n",
    "clean-in-if": C + "RUN if true; then yum -y install httpd; yum clean -y all; fi\n",
    "other-tool-cleans": "FROM almalinux:9\nRUN yum -y install httpd && dnf clean all\n",
    "rm-yum": C + "RUN yum -y install httpd && rm -rf /var/cache/yum\n",
    "rm-yum-glob": C + "RUN yum -y install httpd && rm -rf /var/cache/yum/*\n",
    "rm-braces": F + "RUN dnf -y install httpd && rm -rf /var/cache/{yum,dnf,libdnf5}\n",
    "rm-above": F + "RUN dnf -y install httpd && rm -rf /var/cache/*\n",
    "rm-dnf": F + "RUN dnf install -y a && rm -r -f /var/cache/dnf\n",
    "rm-first-then-clean": F + "RUN rm -rf /foo && dnf install -y a && dnf clean all\n",
    "clean-before-and-after": F + "RUN microdnf clean all && microdnf install -y a && microdnf clean all\n",
    "clean-expanded-by-xargs": C + "RUN yum install -y a && sh -c 'yum clean all'\n",
    "mount-dnf": F + "RUN --mount=type=cache,target=/var/cache/dnf dnf install -y a\n",
    "mount-libdnf5": F + "RUN --mount=type=cache,target=/var/cache/libdnf5 dnf install -y a\n",
    "mount-yum": C + "RUN --mount=type=cache,target=/var/cache/yum yum install -y a\n",
    "mount-ancestor": F + "RUN --mount=type=cache,target=/var/cache dnf install -y a\n",
    "mount-tmpfs": F + "RUN --mount=type=tmpfs,target=/var/cache/dnf dnf install -y a\n",
    "cachedir": F + "RUN dnf --setopt=cachedir=/tmp/c install -y a && rm -rf /tmp/c\n",
    "cachedir-configured": F + "RUN echo cachedir=/tmp >> /etc/dnf/dnf.conf\nRUN dnf install -y a\n",
    "config-manager": C + "RUN yum-config-manager --add-repo https://example.com/a.repo\n",
    "dnf-config-manager": F + "RUN dnf config-manager --set-enabled crb\n",
    "remove": C + "RUN yum remove -y gcc\n",
    "list": C + "RUN yum list installed\n",
    "downloadonly": C + "RUN yum install --downloadonly -y a\n",
    "installroot": F + "RUN dnf --installroot /mnt install -y a\n",
    "cacheonly-later": C + "RUN yum install -y a\nRUN yum -C install -y b && yum clean all\n",
    "group-list": C + "RUN yum group list\n",
    "echo": C + "RUN echo yum install a\n",
    "rpm": C + "RUN rpm -i https://example.com/a.rpm\n",
    "not-shipped": "FROM centos:7 AS b\nRUN yum install -y a\nFROM centos:7\nCOPY --from=b /x /x\n",
    "powershell": C + 'SHELL ["powershell"]\nRUN yum install a\n',
    "python-heredoc": C + "RUN python3 <<EOF\nprint('yum install a')\nEOF\n",
    "onbuild": C + "ONBUILD RUN yum install -y a\n",
    "pragma": C + "# hadolint ignore=DL3032\nRUN yum install -y a\n",
    "pragma-dnf": F + "# hadolint ignore=DL3040\nRUN dnf install -y a\n",
}
FIXED = {
    "yum": (C + "RUN yum install -y a\n", C + "RUN yum install -y a && yum clean all\n"),
    "yum-path": (C + "RUN /usr/bin/yum install -y a\n", C + "RUN /usr/bin/yum install -y a && yum clean all\n"),
    "yum-update": (C + "RUN yum -y update\n", C + "RUN yum -y update && yum clean all\n"),
    "localinstall": (
        C + "RUN yum localinstall -y https://e.com/a.rpm\n",
        C + "RUN yum localinstall -y https://e.com/a.rpm && yum clean all\n",
    ),
    "groupinstall": (
        C + "RUN yum groupinstall -y 'Development Tools'\n",
        C + "RUN yum groupinstall -y 'Development Tools' && yum clean all\n",
    ),
    "group-install": (
        C + 'RUN yum group install -y "Development Tools"\n',
        C + 'RUN yum group install -y "Development Tools" && yum clean all\n',
    ),
    "builddep": (C + "RUN yum-builddep -y a.spec\n", C + "RUN yum-builddep -y a.spec && yum clean all\n"),
    "dnf-builddep": (F + "RUN dnf builddep -y a\n", F + "RUN dnf builddep -y a && dnf clean all\n"),
    "dnf5": (F + "RUN dnf5 install -y a\n", F + "RUN dnf5 install -y a && dnf5 clean all\n"),
    "dnf-options-first": (F + "RUN dnf -y install a\n", F + "RUN dnf -y install a && dnf clean all\n"),
    "dnf-module": (
        F + "RUN dnf -y module install nodejs:18\n",
        F + "RUN dnf -y module install nodejs:18 && dnf clean all\n",
    ),
    "microdnf": (F + "RUN microdnf install a\n", F + "RUN microdnf install a && microdnf clean all\n"),
    "tdnf": ("FROM photon:5\nRUN tdnf install -y a\n", "FROM photon:5\nRUN tdnf install -y a && tdnf clean all\n"),
    "sudo": (C + "RUN sudo yum install -y a\n", C + "RUN sudo yum install -y a && sudo yum clean all\n"),
    "clean-too-early": (
        C + "RUN yum clean all && yum install -y a\n",
        C + "RUN yum clean all && yum install -y a && yum clean all\n",
    ),
    "clean-metadata-only": (
        F + "RUN dnf install -y a && dnf clean packages\n",
        F + "RUN dnf install -y a && dnf clean packages && dnf clean all\n",
    ),
    "rm-elsewhere": (
        C + "RUN yum install -y a && rm -rf /tmp/x\n",
        C + "RUN yum install -y a && rm -rf /tmp/x && yum clean all\n",
    ),
    "clean-in-a-later-layer": (
        C + "RUN yum install -y a\nRUN yum clean all\n",
        C + "RUN yum install -y a && yum clean all\nRUN yum clean all\n",
    ),
    "set-e": (
        C + "RUN set -eux; \\\n\tyum install -y a; \\\n\techo b\n",
        C + "RUN set -eux; \\\n\tyum install -y a; \\\n\techo b; \\\n\tyum clean all\n",
    ),
    "trailing-operators": (
        C + "RUN yum install -y \\\n      # web\n      a && \\\n    echo b\n",
        C + "RUN yum install -y \\\n      # web\n      a && \\\n    echo b && \\\n    yum clean all\n",
    ),
    "leading-operators": (
        C + "RUN yum install -y a \\\n && echo b\n",
        C + "RUN yum install -y a \\\n && echo b \\\n && yum clean all\n",
    ),
    "heredoc": (
        C + "RUN <<EOF\nset -e\nyum install -y a\nEOF\n",
        C + "RUN <<EOF\nset -e\nyum install -y a\nyum clean all\nEOF\n",
    ),
    "crlf": (
        "FROM centos:7\r\nRUN yum install -y \\\r\n\ta\r\n",
        "FROM centos:7\r\nRUN yum install -y \\\r\n\ta \\\r\n\t&& yum clean all\r\n",
    ),
    "no-final-newline": (C + "RUN yum install -y a", C + "RUN yum install -y a && yum clean all"),
    "enablerepo-which-yum-would-not-clean": (
        C + "RUN yum install -y --enablerepo=x a\n",
        C + "RUN yum install -y --enablerepo=x a && rm -rf /var/cache/yum /var/cache/dnf\n",
    ),
    "repositories-are-gone": (
        C + "RUN yum install -y a && rm -f /etc/yum.repos.d/*\n",
        C + "RUN yum install -y a && rm -f /etc/yum.repos.d/* && rm -rf /var/cache/yum /var/cache/dnf\n",
    ),
    "other-mount": (
        F + "RUN --mount=type=cache,target=/root/.cache dnf install -y a\n",
        F + "RUN --mount=type=cache,target=/root/.cache dnf install -y a && dnf clean all\n",
    ),
    "parent-stage": (
        "FROM centos:7 AS b\nRUN yum install -y a\nFROM b\n",
        "FROM centos:7 AS b\nRUN yum install -y a && yum clean all\nFROM b\n",
    ),
}
UNFIXED = {
    "or": C + "RUN yum install -y a || true\n",
    "alternative": C + "RUN apt-get install -y a || yum install -y a\n",
    "in-if": C + "RUN if [ -e /usr/bin/yum ]; then yum install -y a; fi\n",
    "behind-test": C + 'RUN [ -n "$X" ] && yum install -y a\n',
    "behind-which": C + "RUN which yum && yum install -y a\n",
    "in-loop": C + "RUN for p in a b; do yum install -y $p; done\n",
    "pipe": C + "RUN yum install -y a | tee log\n",
    "yes": C + "RUN yes | yum install a\n",
    "comment": C + "RUN yum install -y a # b\n",
    "exec-form": C + 'RUN ["yum", "install", "-y", "a"]\n',
    "background": C + "RUN yum install -y a &\n",
}
REASONS = {
    "plain": (C + "RUN yum install -y a\n", "`yum install` fills it, and nothing in this RUN runs `yum clean all`."),
    "early": (
        F + "RUN dnf clean all && dnf upgrade -y\n",
        "`dnf upgrade` fills it anew, behind the clean-up of this RUN.",
    ),
    "later": (
        C + "RUN yum install -y a\nRUN yum clean all\n",
        "Line 3 cleans up in a later layer, which takes nothing out of this one.",
    ),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str) -> None:
    assert_fixed(CODE, text, fixed)


@table(("text", "fixed"), FIXED)
def test_is_safe(text: str, fixed: str) -> None:
    assert fixed
    assert {each.fix.applicability for each in findings(CODE, text) if each.fix} == {Applicability.SAFE}


@table("text", UNFIXED)
def test_unfixed(text: str) -> None:
    assert_fixed(CODE, text, None)


@table(("text", "reason"), REASONS)
def test_reason(text: str, reason: str) -> None:
    assert [each.reason for each in findings(CODE, text)] == [reason]


def test_all_that_leave_the_cache_are_cleaned_up_together() -> None:
    """Cleaned up by one alone, the metadata would be fetched into the layer of the next."""
    text = C + "RUN yum -y install a\nRUN yum -y install b\nRUN yum -y install c && yum clean all\n"
    first, second = findings(CODE, text)
    assert first.fix is not None
    assert first.fix == second.fix
    assert len(first.fix.edits) == 2


def test_what_reads_metadata_fetches_it() -> None:
    assert len(findings(CODE, "FROM centos:7\nRUN yum repolist\n")) == 1
    assert len(findings(CODE, "FROM fedora:41\nRUN dnf makecache\n")) == 1
    assert_silent(CODE, "FROM almalinux:9\nRUN yum repolist\n")
    assert_silent(CODE, "FROM centos:7\nRUN yum list installed\n")
    assert_silent(CODE, "FROM centos:7\nRUN yum makecache\nRUN yum -C install -y vim && yum clean all\n")


def test_beside_a_layer_that_keeps_it_a_clean_up_is_shown_only() -> None:
    kept, below = findings(CODE, "FROM centos:7\nRUN yum -y install a | tee log\nRUN yum -y install b\n")
    assert kept.fix is None
    assert below.fix is not None
    assert below.fix.applicability is Applicability.DISPLAY
    assert below.fix.caution == "Line 2 keeps it all the same."
