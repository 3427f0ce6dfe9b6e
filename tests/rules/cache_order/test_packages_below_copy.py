"""packages-below-copy."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS603"
A = "FROM alpine:3.22\nWORKDIR /app\n"
APK = "RUN apk add --no-cache git\n"
SILENT = {
    "programs-first-in-the-path": "FROM alpine:3.22\nCOPY . /usr/local\n" + APK,
    "above": A + APK + "COPY . .\n",
    "named-files": A + "COPY src .\n" + APK,
    "does-more": A + "COPY . .\nRUN apk add --no-cache git && make\n",
    "local-file": A + "COPY . .\nRUN apk add --no-cache --allow-untrusted ./a.apk\n",
    "variable": A + "COPY . .\nRUN apk add --no-cache $PACKAGES\n",
    "redirect": A + "COPY . .\nRUN apk add git > /log\n",
    "update-only": A + "COPY . .\nRUN apk update\n",
    "to-the-root": A + "COPY . /\n" + APK,
    "to-etc": A + "COPY . /etc/apk\n" + APK,
    "somewhere": A + "COPY . $D\n" + APK,
    "with-a-mount": A + "COPY . .\nRUN --mount=type=cache,target=/etc/apk/cache apk add git\n",
    "other-stage": A + "COPY . .\n" + A + APK,
    "powershell": A + 'SHELL ["pwsh", "-c"]\nCOPY . .\n' + APK,
    "onbuild": A + "ONBUILD COPY . .\nONBUILD " + APK,
    "pragma": A + "COPY . .\n# dockslim ignore=DS603\n" + APK,
}
FIXED = {
    "adjacent": (A + "COPY . .\n" + APK + "CMD a\n", A + APK + "COPY . .\nCMD a\n"),
    "comments-move-along": (A + "# all\nCOPY . .\n# git\n" + APK, A + "# git\n" + APK + "# all\nCOPY . .\n"),
    "label-between": (A + "COPY . .\nLABEL a=b\n" + APK, A + APK + "COPY . .\nLABEL a=b\n"),
    "over-lines": (
        A + "COPY . .\nRUN apt-get update \\\n  # why\n && apt-get install -y git\n",
        A + "RUN apt-get update \\\n  # why\n && apt-get install -y git\nCOPY . .\n",
    ),
    "carriage-returns": (
        (A + "COPY . .\n" + APK).replace("\n", "\r\n"),
        (A + APK + "COPY . .\n").replace("\n", "\r\n"),
    ),
    "env-between": (A + "COPY . .\nENV A=b\n" + APK, None),
    "run-between": (A + "COPY . .\nRUN make\n" + APK, None),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str | None) -> None:
    assert_fixed(CODE, text, fixed)
    assert all(each.fix is None or each.fix.applicability is Applicability.DISPLAY for each in findings(CODE, text))
