"""pipenv-cache-left-behind."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS223"
P = "FROM python:3.12-slim\n"
SILENT = {
    "env": P + "ENV PIP_NO_CACHE_DIR=off\nRUN pipenv install\n",
    "arg": P + "ARG PIP_NO_CACHE_DIR=1\nRUN pipenv install\n",
    "inline": P + "RUN PIP_NO_CACHE_DIR=1 pipenv sync\n",
    "export": P + "RUN export PIP_NO_CACHE_DIR=1; pipenv sync\n",
    "handed-on": P + 'RUN pipenv sync --extra-pip-args="--no-cache-dir"\n',
    "clear": P + "RUN pipenv sync && pipenv --clear\n",
    "clear-python-m": P + "RUN pipenv sync && python -m pipenv --clear\n",
    "rm": P + "RUN pipenv sync && rm -rf /root/.cache\n",
    "rm-own": P + "RUN pipenv sync && rm -rf ~/.cache/pipenv\n",
    "mount": P + "RUN --mount=type=cache,target=/root/.cache/pipenv pipenv sync\n",
    "mount-above": P + "RUN --mount=type=cache,target=/root/.cache pipenv sync\n",
    "requirements": P + "RUN pipenv requirements > r.txt && pipenv lock\n",
    "pip-install-pipenv": P + "RUN pip install --no-cache-dir pipenv\n",
    "not-shipped": "FROM python:3.12 AS b\nRUN pipenv sync\nFROM python:3.12\nCOPY --from=b /x /x\n",
    "onbuild": P + "ONBUILD RUN pipenv sync\n",
    "powershell": P + 'SHELL ["powershell"]\nRUN pipenv sync\n',
    "pragma": P + "# dockslim ignore=DS223\nRUN pipenv sync\n",
}
FIXED = {
    "plain": (P + "RUN pipenv sync\n", P + "RUN pipenv sync && pipenv --clear\n"),
    "clears-before-it-installs": (
        P + "RUN pipenv install --clear\n",
        P + "RUN pipenv install --clear && pipenv --clear\n",
    ),
    "python-m": (P + "RUN python3 -m pipenv sync\n", P + "RUN python3 -m pipenv sync && python3 -m pipenv --clear\n"),
    "path": (P + "RUN /opt/bin/pipenv sync\n", P + "RUN /opt/bin/pipenv sync && /opt/bin/pipenv --clear\n"),
    "set-eux": (
        P + "RUN set -eux; \\\n\tpipenv sync; \\\n\techo\n",
        P + "RUN set -eux; \\\n\tpipenv sync; \\\n\techo; \\\n\tpipenv --clear\n",
    ),
    "crlf": (
        "FROM python:3.12\r\nRUN pipenv install \\\r\n    --deploy\r\n",
        "FROM python:3.12\r\nRUN pipenv install \\\r\n    --deploy \\\r\n    && pipenv --clear\r\n",
    ),
    "uninstalled-again": (
        P + "RUN pip install --no-cache-dir pipenv && pipenv sync && pip uninstall -y pipenv\n",
        None,
    ),
    "relative": (P + "RUN ./bin/pipenv sync\n", None),
    "exec-form": (P + 'RUN ["pipenv", "sync"]\n', None),
    "branch": (P + "RUN if [ $D ]; then pipenv sync; fi\n", None),
    "or-true": (P + "RUN pipenv sync || true\n", None),
    "variables-of-its-own": (P + "RUN PIPENV_VENV_IN_PROJECT=1 pipenv sync\n", None),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str | None) -> None:
    assert_fixed(CODE, text, fixed)
    assert {each.fix.applicability for each in findings(CODE, text) if each.fix} <= {Applicability.SAFE}
