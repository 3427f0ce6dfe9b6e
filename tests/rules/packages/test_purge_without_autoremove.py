"""purge-without-autoremove."""

from __future__ import annotations

from rules.finding import Severity
from rules.fix import Applicability
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS214"
D = "FROM debian:12-slim\n"
I = "RUN apt-get update && apt-get install -y gcc"  # noqa: E741 - an install
SILENT = {
    "auto-remove": D + I + " && make && apt-get purge -y --auto-remove gcc\n",
    "autoremove-spelt-otherwise": D + I + " && make && apt-get remove -y --autoremove gcc\n",
    "autoremove-behind": D + I + " && make && apt-get purge -y gcc && apt-get autoremove -y\n",
    "autoremove-with-option-first": D + I + " && make && apt-get remove -y gcc && apt-get -y autoremove\n",
    "autoremove-instead": D + I + " && make && apt-get autoremove -y gcc\n",
    "purge-auto-remove-behind": D + I + " && make && apt-get remove gcc && apt-get purge -y --auto-remove\n",
    "apt-mark": D + I + " && make && apt-mark auto gcc && apt-get purge -y gcc\n",
    "configured": D + "RUN echo 'APT::Get::AutoRemove 1;' > /etc/apt/apt.conf.d/a\n" + I + " && apt-get purge -y gcc\n",
    "of-the-base": D + "RUN apt-get update && apt-get install -y curl && apt-get purge -y nano\n",
    "not-shipped": D.replace("\n", " AS b\n") + I + " && apt-get purge -y gcc\nFROM scratch\nCOPY --from=b /a /a\n",
    "program-purged-for-what-it-needs": D + "RUN apt-get update && apt-get install -y firefox-esr"
    " && apt-get purge -y firefox-esr && tar -xf firefox.tar -C /opt\n",
    "apk": "FROM alpine\nRUN apk add gcc && apk del gcc\n",
    "pragma": D + "# dockslim ignore=DS214\n" + I + " && apt-get purge -y gcc\n",
}
FIXED = {
    "remove": (
        D + I + " && make && apt-get remove -y gcc\n",
        D + I + " && make && apt-get remove --auto-remove -y gcc\n",
    ),
    "option-first": (
        D + I + " && make && apt-get -y purge gcc\n",
        D + I + " && make && apt-get -y purge --auto-remove gcc\n",
    ),
    "continued-with-a-comment": (
        D + I + " \\\n    # build\n    && make \\\n    && apt-get purge -y \\\n        gcc\n",
        D + I + " \\\n    # build\n    && make \\\n    && apt-get purge --auto-remove -y \\\n        gcc\n",
    ),
    "set-e": (
        D + "RUN set -eux; apt-get update; apt-get install -y gcc; make; apt-get purge -y gcc;\n",
        D + "RUN set -eux; apt-get update; apt-get install -y gcc; make; apt-get purge --auto-remove -y gcc;\n",
    ),
    "crlf": (
        D.replace("\n", "\r\n") + I + " && apt-get purge -y gcc\r\n",
        D.replace("\n", "\r\n") + I + " && apt-get purge --auto-remove -y gcc\r\n",
    ),
    "heredoc": (
        D + "RUN <<EOF\nset -e\napt-get update\napt-get install -y gcc\napt-get purge -y gcc\nEOF\n",
        D + "RUN <<EOF\nset -e\napt-get update\napt-get install -y gcc\napt-get purge --auto-remove -y gcc\nEOF\n",
    ),
    "autoremove-before": (
        D + I + " && apt-get autoremove -y && apt-get purge -y gcc\n",
        D + I + " && apt-get autoremove -y && apt-get purge --auto-remove -y gcc\n",
    ),
}
SHOWN = {
    "library-headers": D + "RUN apt-get update && apt-get install -y gcc libpq-dev && apt-get purge -y gcc libpq-dev\n",
    "a-program-besides": D + "RUN apt-get update && apt-get install -y gcc nginx && apt-get purge -y gcc nginx\n",
    "variable-of-the-run": D
    + "RUN tools='\\\n  gcc \\\n  libpq-dev' && apt-get install -y $tools && apt-get purge -y $tools\n",
    "variable-besides": D + "RUN apt-get update && apt-get install -y gcc $more && apt-get purge -y gcc $more\n",
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table("case", FIXED)
def test_fixed(case: tuple[str, str]) -> None:
    assert_fixed(CODE, *case)
    (found,) = findings(CODE, case[0])
    assert found.fix is not None
    assert found.fix.applicability is Applicability.UNSAFE


@table("text", SHOWN)
def test_shown_only_where_a_library_may_go(text: str) -> None:
    (found,) = findings(CODE, text)
    assert found.fix is not None
    assert found.fix.applicability is Applicability.DISPLAY


def test_information_only_where_an_earlier_layer_installed_it() -> None:
    (found,) = findings(CODE, D + I + "\nRUN apt-get purge -y gcc\n")
    assert found.fix is None
    assert found.severity is Severity.INFO
