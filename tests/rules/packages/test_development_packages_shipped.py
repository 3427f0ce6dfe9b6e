"""development-packages-shipped."""

from __future__ import annotations

import re

from rules.finding import Severity
from rules.fix import Applicability
from rules.packages.runtime_packages import _DEBIAN_12
from rules.surroundings import Surroundings
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS213"
P = "FROM python:3.12-slim-bookworm\n"
END = 'COPY --from=example/build /venv /venv\nCMD ["/venv/bin/app"]\n'
SILENT = {
    "library": P + "RUN apt-get install -y libpq5\n" + END,
    "compiled-later": P + "RUN apt-get install -y libpq-dev\nRUN pip install psycopg2\n" + END,
    "compiled-in-the-same-run": P + "RUN apt-get install -y libpq-dev && pip install psycopg2\n" + END,
    "compiler-beside": P + "RUN apt-get install -y gcc libpq-dev\n" + END,
    "compiler-elsewhere": P + "RUN apt-get install -y gcc\nRUN apt-get install -y libpq-dev\n" + END,
    "language-headers": P + "RUN apt-get install -y python3-dev\n" + END,
    "c-library": P + "RUN apt-get install -y libc6-dev libgdiplus\n" + END,
    "removed": P + "RUN apt-get install -y libpq-dev && apt-get purge -y libpq-dev\n" + END,
    "script-later": P + "RUN apt-get install -y libpq-dev\nRUN ./install.sh\n" + END,
    "script-same-run": P + "RUN apt-get install -y libpq-dev && ./install.sh\n" + END,
    "java-base": 'FROM eclipse-temurin:21\nRUN apt-get install -y libsodium-dev\nCMD ["java"]\n',
    "dotnet-base": 'FROM mcr.microsoft.com/dotnet/aspnet:8.0\nRUN apt-get install -y libpq-dev\nCMD ["a"]\n',
    "mono": 'FROM debian:12\nRUN apt-get install -y libcurl4-openssl-dev mono-complete\nCMD ["mono", "a.exe"]\n',
    "bare-shell": "FROM debian:12\nRUN apt-get install -y libpq-dev\nCMD bash\n",
    "base-image-to-build-on": "FROM debian:12\nRUN apt-get install -y libpq-dev\n",
    "build-stage": 'FROM debian AS b\nRUN apt-get install -y libpq-dev\nFROM debian\nCOPY --from=b /a /a\nCMD ["/a"]\n',
    "child-stage-builds": "FROM python:3.12 AS b\nRUN apt-get install -y libpq-dev\nFROM b AS c\nRUN make\nFROM b\n",
    "pragma": P + "# dockslim ignore=DS213\nRUN apt-get install -y libpq-dev\n" + END,
}
FIXED = {
    "one": (P + "RUN apt-get install -y libpq-dev\n" + END, P + "RUN apt-get install -y libpq5\n" + END),
    "several-names": (
        P + "RUN apt-get install -y \\\n\tcurl \\\n\t# for Kerberos\n\tlibkrb5-dev \\\n\tlibxml2-dev\n" + END,
        P
        + "RUN apt-get install -y \\\n\tcurl \\\n\t# for Kerberos\n\tlibkrb5-3 libgssapi-krb5-2 \\\n\tlibxml2\n"
        + END,
    ),
    "crlf": (
        (P + "RUN apt-get install -y libpq-dev\n" + END).replace("\n", "\r\n"),
        (P + "RUN apt-get install -y libpq5\n" + END).replace("\n", "\r\n"),
    ),
    "other-release": ("FROM python:3.12-slim\nRUN apt-get install -y libpq-dev\n" + END, None),
    "alpine": ("FROM python:3.12-alpine\nRUN apk add postgresql-dev\n" + END, None),
    "fedora": ("FROM fedora:41\nRUN dnf install -y libpq-devel\n" + END, None),
    "one-unknown": (P + "RUN apt-get install -y libpq-dev libunheard-of-dev\n" + END, None),
    "variable": (P + 'RUN d="libpq-dev" && apt-get install -y $d\n' + END, None),
    "exec-form": (P + 'RUN ["apt-get", "install", "-y", "libpq-dev"]\n' + END, None),
    "heredoc": (
        P + "RUN <<EOF\nset -e\napt-get install -y libpq-dev\nEOF\n" + END,
        P + "RUN <<EOF\nset -e\napt-get install -y libpq5\nEOF\n" + END,
    ),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str | None) -> None:
    assert_fixed(CODE, text, fixed)
    assert {each.fix.applicability for each in findings(CODE, text) if each.fix} <= {Applicability.DISPLAY}


def test_names_the_library() -> None:
    (finding,) = findings(CODE, "FROM python:3.12-slim\nRUN apt-get install -y libpq-dev\n" + END)
    assert (
        finding.reason == "At run time the library alone is enough, by its name in Debian 12: `libpq-dev` (`libpq5`)."
    )


def test_unknown_names_are_information() -> None:
    (finding,) = findings(CODE, "FROM fedora:41\nRUN dnf install -y libpq-devel\n" + END)
    assert finding.severity is Severity.INFO


def test_is_silent_for_an_image_to_build_in() -> None:
    assert_silent(CODE, P + "RUN apt-get install -y libpq-dev\n" + END, Surroundings(path="dev/Dockerfile"))


def test_the_table_maps_headers_to_libraries() -> None:
    for headers, libraries in _DEBIAN_12.items():
        assert re.search(r"-dev(?:-compat)?$", headers)
        assert not any(name.endswith("-dev") for name in libraries)
    assert list(_DEBIAN_12) == sorted(_DEBIAN_12)
