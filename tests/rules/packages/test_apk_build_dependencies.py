"""apk-build-dependencies."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS208"
A = "FROM alpine:3.20\n"
SILENT = {
    "same-run": A + "RUN apk add --no-cache gcc && make && apk del gcc\n",
    "same-run-virtual": A + "RUN apk add -t .b gcc && make && apk del .b\n",
    "same-run-semicolons": A + "RUN set -eux; \\\n\tapk add gcc; \\\n\tmake; \\\n\tapk del gcc\n",
    "of-the-base-image": A + "RUN apk del apk-tools\n",
    "added-again": A + "RUN apk add gcc\nRUN apk add --virtual .b make && make && apk del .b\n",
    "never-deleted": A + "RUN apk add gcc\nRUN make\n",
    "not-shipped": "FROM alpine AS b\nRUN apk add gcc\nRUN apk del gcc\nFROM alpine\nCOPY --from=b /x /x\n",
    "echo": A + "RUN apk add gcc\nRUN echo apk del gcc\n",
    "onbuild": A + "RUN apk add gcc\nONBUILD RUN apk del gcc\n",
    "pragma": A + "RUN apk add gcc\n# dockslim ignore=apk-build-dependencies\nRUN apk del gcc\n",
}
FIXED = {
    "adjacent": (A + "RUN apk add gcc && make\nRUN apk del gcc\n", A + "RUN apk add gcc && make && apk del gcc\n"),
    "adjacent-virtual": (
        A + "RUN apk add --virtual=.b gcc\nRUN make && apk del .b\n",
        A + "RUN apk add --virtual=.b gcc && make && apk del .b\n",
    ),
    "crlf": (
        "FROM alpine\r\nRUN apk add \\\r\n    gcc\r\nRUN apk del gcc\r\n",
        "FROM alpine\r\nRUN apk add \\\r\n    gcc \\\r\n    && apk del gcc\r\n",
    ),
    "over-lines": (
        A + "RUN apk add --no-cache \\\n    gcc\nRUN make \\\n    && make install\nRUN apk del gcc\n",
        A + "RUN apk add --no-cache \\\n    gcc \\\n    && make \\\n    && make install \\\n    && apk del gcc\n",
    ),
    "virtual-by-t": (
        A + "RUN apk add --no-cache -t .b gcc\nRUN apk del .b\n",
        A + "RUN apk add --no-cache -t .b gcc && apk del .b\n",
    ),
    "virtual-with-equals": (A + "RUN apk add --no-cache --virtual=.b gcc\nCOPY . .\nRUN apk del .b\n", None),
    "pinned": (A + "RUN apk add --no-cache gcc=13.2\nCOPY . .\nRUN apk del gcc\n", None),
    "script-between": (A + "RUN apk add gcc\nRUN cd /x && make\nRUN apk del gcc\n", None),
    "copy-between": (A + "RUN apk add gcc\nCOPY . .\nRUN make && apk del gcc\n", None),
    "other-flags": (A + "RUN apk add gcc\nRUN --network=none apk del gcc\n", None),
    "state-is-left": (A + "RUN cd /x && apk add gcc\nRUN apk del gcc\n", None),
    "exec-form": (A + 'RUN apk add gcc\nRUN ["apk", "del", "gcc"]\n', None),
    "parent-stage": ("FROM alpine AS b\nRUN apk add gcc\nFROM b\nRUN apk del gcc\n", None),
    "heredoc": (A + "RUN apk add gcc\nRUN <<EOF\nset -e\napk del gcc\nEOF\n", None),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str | None) -> None:
    assert_fixed(CODE, text, fixed)
    assert {each.fix.applicability for each in findings(CODE, text) if each.fix} <= {Applicability.SAFE}


def test_names_packages_and_layer() -> None:
    text = A + "RUN apk add curl gcc make musl-dev\nENV A=1\nRUN make\nRUN apk del gcc make musl-dev\n"
    (finding,) = findings(CODE, text)
    assert finding.reason == "`gcc`, `make`, `musl-dev` stay in the layer of line 2, which installed them."
    assert finding.snippet is not None
    assert finding.snippet.text == (
        "ENV A=1\nRUN apk add curl gcc make musl-dev \\\n    && make \\\n    && apk del gcc make musl-dev\n"
    )


def test_reads_variables() -> None:
    text = A + 'ENV DEPS="gcc make"\nRUN apk add $DEPS\nCOPY . .\nRUN apk del $DEPS\n'
    (finding,) = findings(CODE, text)
    assert finding.reason == "`gcc`, `make` stay in the layer of line 3, which installed them."
