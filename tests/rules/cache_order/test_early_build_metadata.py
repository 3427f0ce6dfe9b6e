"""early-build-metadata."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS602"
D = "FROM debian:12-slim\n"
APT = "RUN apt-get update && apt-get install -y --no-install-recommends cron && rm -rf /var/lib/apt/lists/*\n"
SILENT = {
    "make-may-use-it": D + "ARG GIT_SHA\nCOPY . .\nRUN make\n" + APT,
    "front-end-may-use-it": D + "COPY . .\nARG GIT_SHA\nENV REACT_APP_SHA=$GIT_SHA\nRUN npm ci && npm run build\n",
    "version-of-a-package": D
    + "ADD . .\nARG BUILD_NUMBER\nENV SETUPTOOLS_SCM_PRETEND_VERSION=1.$BUILD_NUMBER\nRUN pip install .\n"
    + APT,
    "environment-written-out": D + "COPY x x\nARG BUILD_ID\nRUN apt-get install -y x && printenv > /env\n",
    "below": D + APT + "ARG GIT_SHA\n",
    "no-install": D + "ARG GIT_SHA\nRUN echo hi\nCOPY a /a\n",
    "used-by-the-run": D + "ARG GIT_SHA\nRUN apt-get install -y cron && echo $GIT_SHA > /v\n",
    "used-before": D + "ARG GIT_SHA\nRUN echo ${GIT_SHA} > /v\n" + APT,
    "used-by-a-copy": D + "ARG GIT_SHA\nCOPY app-$GIT_SHA /app\n" + APT,
    "pinned": D + "ARG NGINX_COMMIT=9f54342a\n" + APT,
    "stable-name": D + "ARG VERSION\n" + APT,
    "global": "ARG GIT_SHA\n" + D + APT,
    "env-that-is-used": D + "ARG GIT_SHA\nENV V=$GIT_SHA\nRUN echo $V\n" + APT,
    "old-env-form": D + "ARG GIT_SHA\nENV V $GIT_SHA\n" + APT,
    "no-variable-but-the-name": D + "ARG GIT_SHA\nRUN printenv GIT_SHA > /v\n" + APT,
    "onbuild": D + "ARG GIT_SHA\nONBUILD RUN x\n" + APT,
    "other-stage": D + "ARG GIT_SHA\n" + D + APT,
    "pragma": D + "# dockslim ignore=DS602\nARG GIT_SHA\n" + APT,
}
FIXED = {
    "argument": (D + "ARG GIT_SHA\n" + APT + "CMD a\n", D + APT + "ARG GIT_SHA\nCMD a\n"),
    "no-value": (D + "ARG BUILD_DATE=unknown\n" + APT, D + APT + "ARG BUILD_DATE=unknown\n"),
    "label": (
        D + "ARG VCS_REF\nLABEL a=b \\\n  c=$VCS_REF\n" + APT,
        D + APT + "ARG VCS_REF\nLABEL a=b \\\n  c=$VCS_REF\n",
    ),
    "env": (D + "ARG VCS_REF\nENV V=${VCS_REF}\n" + APT, D + APT + "ARG VCS_REF\nENV V=${VCS_REF}\n"),
    "several-together": (
        D + "ARG VCS_REF\nARG BUILD_DATE\nLABEL a=$VCS_REF b=$BUILD_DATE\n" + APT,
        D + APT + "ARG VCS_REF\nARG BUILD_DATE\nLABEL a=$VCS_REF b=$BUILD_DATE\n",
    ),
    "others-stay": (
        D + "ARG VCS_REF\nARG VERSION\nENV A=b\n" + APT,
        D + "ARG VERSION\nENV A=b\n" + APT + "ARG VCS_REF\n",
    ),
    "label-moves-below-what-it-reads": (
        D + "ARG VCS_REF\nARG V\nLABEL a=$VCS_REF v=$V\n" + APT,
        D + "ARG V\n" + APT + "ARG VCS_REF\nLABEL a=$VCS_REF v=$V\n",
    ),
    "what-the-label-reads-is-set-again": (D + "ARG VCS_REF\nLABEL a=$VCS_REF v=$V\nENV V=2\n" + APT, None),
    "label-is-set-again": (D + "ARG VCS_REF\nLABEL a=$VCS_REF\nLABEL a=b\n" + APT, None),
    "last-install": (D + "ARG GIT_SHA\n" + APT + "COPY a /a\n" + APT, D + APT + "COPY a /a\n" + APT + "ARG GIT_SHA\n"),
    "up-to-its-use": (
        D + "ARG GIT_SHA\n" + APT + "RUN echo $GIT_SHA > /v\n" + APT,
        D + APT + "ARG GIT_SHA\nRUN echo $GIT_SHA > /v\n" + APT,
    ),
    "comments-move-along": (
        D + "# who\n# and when\nARG GIT_SHA\n" + APT,
        D + APT + "# who\n# and when\nARG GIT_SHA\n",
    ),
    "paragraphs": (
        D + "\nARG GIT_SHA\nLABEL a=$GIT_SHA\n\n" + APT + "\nCMD a\n",
        D + "\n" + APT + "\nARG GIT_SHA\nLABEL a=$GIT_SHA\n\nCMD a\n",
    ),
    "carriage-returns": (
        (D + "ARG GIT_SHA\n" + APT + "CMD a\n").replace("\n", "\r\n"),
        (D + APT + "ARG GIT_SHA\nCMD a\n").replace("\n", "\r\n"),
    ),
    "no-final-newline": (D + "ARG GIT_SHA\n" + APT[:-1], D + APT + "ARG GIT_SHA"),
    "tabs-and-lower-case": (D + "arg\tGIT_SHA\n" + APT, D + APT + "arg\tGIT_SHA\n"),
    "set-eux": (
        D + "ARG GIT_SHA\nRUN set -eux; \\\n\tapt-get update; \\\n\tapt-get install -y cron\n",
        D + "RUN set -eux; \\\n\tapt-get update; \\\n\tapt-get install -y cron\nARG GIT_SHA\n",
    ),
    "not-shipped": (
        f"{D[:-1]} AS b\nARG GIT_SHA\n{APT}{D}",
        f"{D[:-1]} AS b\n{APT}ARG GIT_SHA\n{D}",
    ),
    "pip-and-go": (
        D + "ARG GIT_SHA\nRUN pip install flask\nRUN go mod download\n",
        D + "RUN pip install flask\nRUN go mod download\nARG GIT_SHA\n",
    ),
}
SHOWN = {
    "make-of-what-others-wrote": D + "ARG GIT_SHA\nRUN curl -o x https://e.org/x && make\n" + APT,
    "installer": D + "ARG GIT_SHA\nRUN curl -o x https://e.org/x\n" + APT,
    "script": D + "ARG GIT_SHA\nRUN ./configure\n" + APT,
    "lifecycle-scripts": D + "ARG GIT_SHA\nRUN npm ci\n",
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str | None) -> None:
    assert_fixed(CODE, text, fixed)
    if fixed is not None:
        assert [each.fix and each.fix.applicability for each in findings(CODE, text)] == [Applicability.SAFE]


@table("text", SHOWN)
def test_shown_only_where_a_program_may_read_the_environment(text: str) -> None:
    (found,) = findings(CODE, text)
    assert found.fix is not None
    assert found.fix.applicability is Applicability.DISPLAY
