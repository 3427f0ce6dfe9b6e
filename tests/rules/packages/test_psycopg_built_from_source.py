"""psycopg-built-from-source."""

from __future__ import annotations

from rules.fix import Applicability
from rules.surroundings import Context, Surroundings
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS226"
P = "FROM python:3.12-slim\n"
HEADERS = "RUN apt-get update && apt-get install -y gcc libpq-dev\n"
PIP = "RUN pip install "
SILENT = {
    "binary": P + HEADERS + PIP + "psycopg2-binary\n",
    "both": P + HEADERS + PIP + "psycopg2 psycopg2-binary\n",
    "psycopg-3": P + HEADERS + PIP + "psycopg[c]\n",
    "no-headers": P + PIP + "psycopg2\n",
    "library-only": P + "RUN apt-get install -y libpq5\n" + PIP + "psycopg2\n",
    "removed": P + "RUN apt-get install -y gcc libpq-dev && pip install psycopg2 && apt-get purge -y gcc libpq-dev\n",
    "virtual": "FROM python:3-alpine\nRUN apk add -t .b gcc postgresql-dev && pip install psycopg2 && apk del .b\n",
    "autoremoved": P + "RUN apt-get install -y libpq-dev && pip install psycopg2 && apt-get autoremove -y gcc\n",
    "headers-installed-later": P + PIP + "psycopg2\n" + HEADERS,
    "old-version": P + HEADERS + PIP + "psycopg2==2.7.7\n",
    "full-image": "FROM python:3.12\n" + HEADERS + PIP + "psycopg2\n",
    "old-pip": "FROM ubuntu:18.04\n" + HEADERS + PIP + "psycopg2\n",
    "other-processor": "FROM arm32v7/python:3.12-slim\n" + HEADERS + PIP + "psycopg2\n",
    "not-shipped": P.replace("\n", " AS b\n") + HEADERS + PIP + "psycopg2\n" + P + "COPY --from=b /v /v\n",
    "similar-name": P + HEADERS + PIP + "psycopg2cffi psycopg2-pool\n",
    "echo": P + HEADERS + "RUN echo pip install psycopg2\n",
    "onbuild": P + HEADERS + "ONBUILD " + PIP + "psycopg2\n",
    "pragma": P + HEADERS + "# dockslim ignore=DS226\n" + PIP + "psycopg2\n",
}
FIXED = {
    "plain": (P + HEADERS + PIP + "psycopg2\n", P + HEADERS + PIP + "psycopg2-binary\n"),
    "pinned": (P + HEADERS + PIP + "'psycopg2>=2.9,<3' x\n", P + HEADERS + PIP + "'psycopg2-binary>=2.9,<3' x\n"),
    "uv": (
        P + HEADERS + "RUN uv pip install --system psycopg2\n",
        P + HEADERS + "RUN uv pip install --system psycopg2-binary\n",
    ),
    "same-run": (
        P + "RUN apt-get install -y libpq-dev && pip install psycopg2\n",
        P + "RUN apt-get install -y libpq-dev && pip install psycopg2-binary\n",
    ),
    "alpine": (
        "FROM python:3.12-alpine\nRUN apk add gcc musl-dev postgresql-dev\n" + PIP + "psycopg2\n",
        "FROM python:3.12-alpine\nRUN apk add gcc musl-dev postgresql-dev\n" + PIP + "psycopg2-binary\n",
    ),
    "distribution": (
        "FROM debian:bookworm-slim\n" + HEADERS + "RUN pip3 install psycopg2\n",
        "FROM debian:bookworm-slim\n" + HEADERS + "RUN pip3 install psycopg2-binary\n",
    ),
    "exec-form": (
        P + HEADERS + 'RUN ["pip", "install", "psycopg2"]\n',
        P + HEADERS + 'RUN ["pip", "install", "psycopg2-binary"]\n',
    ),
    "crlf": (
        (P + HEADERS + PIP + "psycopg2 \\\n  x\n").replace("\n", "\r\n"),
        (P + HEADERS + PIP + "psycopg2-binary \\\n  x\n").replace("\n", "\r\n"),
    ),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fix_is_shown(text: str, fixed: str) -> None:
    assert_fixed(CODE, text, fixed)
    (found,) = findings(CODE, text)
    assert found.fix is not None
    assert found.fix.applicability is Applicability.DISPLAY


def test_names_a_known_requirements_file() -> None:
    text = P + HEADERS + "COPY . .\n" + PIP + "-r requirements.txt\n"
    known = Surroundings(context=Context({}, texts={"requirements.txt": "flask\npsycopg2==2.9.9  # database\n"}))
    assert_silent(CODE, text)
    assert_fixed(CODE, text, None, known)
    assert "`requirements.txt` can name it." in findings(CODE, text, known)[0].reason
