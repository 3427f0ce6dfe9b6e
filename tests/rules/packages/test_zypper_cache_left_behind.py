"""zypper-cache-left-behind."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS210"
Z = "FROM opensuse/leap:15.6\n"
SILENT = {
    "clean-a": Z + "RUN zypper -n in curl && zypper clean -a\n",
    "clean-all": Z + "RUN zypper -n in curl && zypper clean --all\n",
    "cc-a": Z + "RUN zypper -n in curl && zypper -n cc -a\n",
    "semicolon": Z + "RUN zypper -n in curl; zypper clean -a\n",
    "rm": Z + "RUN zypper -n in curl && rm -rf /var/cache/zypp\n",
    "rm-glob": Z + "RUN zypper -n in curl && rm -rf /var/cache/zypp/*\n",
    "rm-above": Z + "RUN zypper -n in curl && rm -rf /var/cache/*\n",
    "mount": Z + "RUN --mount=type=cache,target=/var/cache/zypp zypper -n in curl\n",
    "mount-ancestor": Z + "RUN --mount=type=cache,target=/var/cache zypper -n in curl\n",
    "cache-dir": Z + "RUN zypper --cache-dir /tmp/c -n in curl && rm -rf /tmp/c\n",
    "root": Z + "RUN zypper --installroot /mnt -n in curl\n",
    "remove": Z + "RUN zypper -n rm curl\n",
    "addrepo": Z + "RUN zypper ar https://example.com/ x\n",
    "not-shipped": "FROM opensuse/leap AS b\nRUN zypper -n in curl\nFROM opensuse/leap\nCOPY --from=b /x /x\n",
    "pragma": Z + "# hadolint ignore=DL3036\nRUN zypper -n in curl\n",
    "onbuild": Z + "ONBUILD RUN zypper -n in curl\n",
    "echo": Z + "RUN echo zypper in curl\n",
}
FIXED = {
    "in": (Z + "RUN zypper -n in curl\n", Z + "RUN zypper -n in curl && zypper clean --all\n"),
    "install": (Z + "RUN zypper install -y curl\n", Z + "RUN zypper install -y curl && zypper clean --all\n"),
    "update": (Z + "RUN zypper up -y\n", Z + "RUN zypper up -y && zypper clean --all\n"),
    "dup": (Z + "RUN zypper -n dup\n", Z + "RUN zypper -n dup && zypper clean --all\n"),
    "sudo": (Z + "RUN sudo zypper -n in curl\n", Z + "RUN sudo zypper -n in curl && sudo zypper clean --all\n"),
    "clean-packages-only": (
        Z + "RUN zypper -n in curl && zypper clean\n",
        Z + "RUN zypper -n in curl && zypper clean --all\n",
    ),
    "cc-packages-only": (Z + "RUN zypper -n in a; zypper cc\n", Z + "RUN zypper -n in a; zypper cc --all\n"),
    "too-early": (
        Z + "RUN zypper clean -a && zypper -n in curl\n",
        Z + "RUN zypper clean -a && zypper -n in curl && zypper clean --all\n",
    ),
    "lines": (
        Z + "RUN zypper -n in \\\n        curl \\\n        # tools\n        git\n",
        Z + "RUN zypper -n in \\\n        curl \\\n        # tools\n        git \\\n        && zypper clean --all\n",
    ),
    "crlf": (
        "FROM opensuse/leap\r\nRUN zypper -n in curl\r\n",
        "FROM opensuse/leap\r\nRUN zypper -n in curl && zypper clean --all\r\n",
    ),
    "set-e": (
        Z + "RUN set -ex; \\\n    zypper -n in curl; \\\n    true\n",
        Z + "RUN set -ex; \\\n    zypper -n in curl; \\\n    true; \\\n    zypper clean --all\n",
    ),
}
UNFIXED = {
    "or": Z + "RUN zypper -n in curl || true\n",
    "exec-form": Z + 'RUN ["zypper", "-n", "in", "curl"]\n',
    "if": Z + "RUN if true; then zypper -n in curl; fi\n",
    "clean-metadata": Z + "RUN zypper -n in curl && zypper clean -m\n",
    "clean-one-repository": Z + "RUN zypper -n in curl && zypper clean repo-oss\n",
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str) -> None:
    assert_fixed(CODE, text, fixed)
    assert {each.fix.applicability for each in findings(CODE, text) if each.fix} == {Applicability.SAFE}


@table("text", UNFIXED)
def test_unfixed(text: str) -> None:
    assert_fixed(CODE, text, None)


def test_says_that_a_later_layer_is_too_late() -> None:
    text = Z + "RUN zypper -n in curl\nRUN zypper clean --all\n"
    assert [each.reason for each in findings(CODE, text)] == [
        "Line 3 cleans up in a later layer, which takes nothing out of this one."
    ]
