"""sparse-lastlog."""

from __future__ import annotations

from tests.rules.cases import findings, rule_test

CODE = "DS110"
U = "FROM ubuntu:22.04\n"
SILENT = {
    "small": U + "RUN useradd -u 1000 app\n",
    "five-digits": U + "RUN useradd -u 99999 app\n",
    "no-number": U + "RUN useradd app\n",
    "l": U + "RUN useradd -l -u 1000000 app\n",
    "clustered": U + "RUN useradd -lmu 1000000 app\n",
    "long": U + "RUN useradd --no-log-init --uid 1000000 app\n",
    "variable": U + "ARG UID\nRUN useradd -u $UID app\n",
    "substitution": U + "RUN useradd -u $(cat uid) app\n",
    "group": U + "RUN groupadd -g 1000000 app\n",
    "adduser": U + "RUN adduser -u 1000000 app\n",
    "log-removed": U + "RUN useradd -u 1000000 app && rm /var/log/lastlog\n",
    "debian-12": "FROM debian:12-slim\nRUN useradd -u 1000000 app\n",
    "debian-by-name": "FROM python:3.12-bookworm\nRUN useradd -u 1000000 app\n",
    "ubuntu-24": "FROM ubuntu:24.04\nRUN useradd -u 1000000 app\n",
    "stage-not-shipped": f"{U[:-1]} AS b\nRUN useradd -u 1000000 app\n{U}COPY --from=b /x /x\n",
    "pragma": U + "# hadolint ignore=DL3046\nRUN useradd -u 1000000 app\n",
    "number-beyond-all": U + "RUN useradd -u 99999999999 app\n",
}
FIXED = {
    "u": (U + "RUN useradd -u 100000 app\n", U + "RUN useradd -l -u 100000 app\n"),
    "glued": (U + "RUN useradd -u100000 app\n", U + "RUN useradd -l -u100000 app\n"),
    "cluster": (U + "RUN useradd -mu 100000 app\n", U + "RUN useradd -l -mu 100000 app\n"),
    "uid": (U + "RUN useradd --uid 100000 app\n", U + "RUN useradd -l --uid 100000 app\n"),
    "uid-equals": (U + "RUN useradd --uid=100000 app\n", U + "RUN useradd -l --uid=100000 app\n"),
    "argument": (
        U + "ARG UID=1234567\nRUN useradd -m -u ${UID} app\n",
        U + "ARG UID=1234567\nRUN useradd -l -m -u ${UID} app\n",
    ),
    "sudo-and-path": (
        U + "RUN sudo /usr/sbin/useradd -u 100000 a\n",
        U + "RUN sudo /usr/sbin/useradd -l -u 100000 a\n",
    ),
    "exec-form": (U + 'RUN ["useradd", "-u", "100000", "a"]\n', U + 'RUN ["useradd", "-l", "-u", "100000", "a"]\n'),
    "several": (
        U + "RUN groupadd x && \\\n    useradd -u 100000 a && \\\n    useradd -u 1 b\n",
        U + "RUN groupadd x && \\\n    useradd -l -u 100000 a && \\\n    useradd -u 1 b\n",
    ),
    "in-an-if": (
        U + "RUN if ! id a; then useradd -u 100000 a; fi\n",
        U + "RUN if ! id a; then useradd -l -u 100000 a; fi\n",
    ),
}

test_cases = rule_test(CODE, SILENT, FIXED)


def test_estimates_the_log() -> None:
    (found,) = findings(CODE, U + "RUN useradd -u 1000000 app\n")
    assert found.saving.bytes == 292_000_292
