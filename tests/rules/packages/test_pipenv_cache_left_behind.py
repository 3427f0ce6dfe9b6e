"""pipenv-cache-left-behind."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS223"
P = "FROM python:3.12-slim\n"
RM = "rm -rf ~/.cache/virtualenv ~/.local/share/virtualenv"
SILENT = {
    "env": P + "ENV PIP_NO_CACHE_DIR=off\nRUN pipenv install --system\n",
    "arg": P + "ARG PIP_NO_CACHE_DIR=1\nRUN pipenv install --system\n",
    "inline": P + "RUN PIP_NO_CACHE_DIR=1 pipenv sync --system\n",
    "export": P + "RUN export PIP_NO_CACHE_DIR=1; pipenv sync --system\n",
    "handed-on": P + 'RUN pipenv sync --system --extra-pip-args="--no-cache-dir"\n',
    "clear": P + "RUN pipenv sync --system && pipenv --clear\n",
    "clear-python-m": P + "RUN pipenv sync --system && python -m pipenv --clear\n",
    "rm-of-both": P + "RUN pipenv sync && rm -rf ~/.cache/pipenv ~/.cache/virtualenv\n",
    "mount-of-all-caches": P + "RUN --mount=type=cache,target=/root/.cache pipenv sync\n",
    "environment-is-there": P + "ENV PIP_NO_CACHE_DIR=1 VIRTUAL_ENV=/venv\nRUN pipenv sync\n",
    "environments-elsewhere": P + "ENV PIP_NO_CACHE_DIR=1 VIRTUALENV_OVERRIDE_APP_DATA=/x\nRUN pipenv sync\n",
    "rm": P + "RUN pipenv sync --system && rm -rf /root/.cache\n",
    "rm-own": P + "RUN pipenv sync --system && rm -rf ~/.cache/pipenv\n",
    "mount": P + "RUN --mount=type=cache,target=/root/.cache/pipenv pipenv sync --system\n",
    "mount-above": P + "RUN --mount=type=cache,target=/root/.cache pipenv sync --system\n",
    "requirements": P + "RUN pipenv requirements > r.txt && pipenv lock\n",
    "pip-install-pipenv": P + "RUN pip install --no-cache-dir pipenv\n",
    "not-shipped": "FROM python:3.12 AS b\nRUN pipenv sync --system\nFROM python:3.12\nCOPY --from=b /x /x\n",
    "onbuild": P + "ONBUILD RUN pipenv sync --system\n",
    "powershell": P + 'SHELL ["powershell"]\nRUN pipenv sync --system\n',
    "pragma": P + "# dockslim ignore=DS223\nRUN pipenv sync --system\n",
}
FIXED = {
    "system": (P + "RUN pipenv sync --system\n", P + "RUN pipenv sync --system && pipenv --clear\n"),
    "no-wheels": (
        P + "ENV PIP_NO_CACHE_DIR=1\nRUN pipenv sync\n",
        P + f"ENV PIP_NO_CACHE_DIR=1\nRUN pipenv sync && {RM}\n",
    ),
    "clear-leaves-virtualenv": (
        P + "RUN pipenv sync && pipenv --clear\n",
        P + f"RUN pipenv sync && pipenv --clear && {RM}\n",
    ),
    "rm-of-wheels": (
        P + "RUN pipenv sync && rm -rf ~/.cache/pipenv\n",
        P + f"RUN pipenv sync && rm -rf ~/.cache/pipenv && {RM}\n",
    ),
    "mount-of-wheels": (
        P + "RUN --mount=type=cache,target=/root/.cache/pipenv pipenv sync\n",
        P + f"RUN --mount=type=cache,target=/root/.cache/pipenv pipenv sync && {RM}\n",
    ),
    "sudo": (P + "RUN sudo pipenv sync\n", None),
    "sudo-system": (
        P + "RUN sudo pipenv sync --system\n",
        P + "RUN sudo pipenv sync --system && sudo pipenv --clear\n",
    ),
    "plain": (P + "RUN pipenv sync\n", P + f"RUN pipenv sync && pipenv --clear && {RM}\n"),
    "clears-before-it-installs": (
        P + "RUN pipenv install --clear\n",
        P + f"RUN pipenv install --clear && pipenv --clear && {RM}\n",
    ),
    "python-m": (
        P + "RUN python3 -m pipenv sync\n",
        P + f"RUN python3 -m pipenv sync && python3 -m pipenv --clear && {RM}\n",
    ),
    "path": (P + "RUN /opt/bin/pipenv sync\n", P + f"RUN /opt/bin/pipenv sync && /opt/bin/pipenv --clear && {RM}\n"),
    "set-eux": (
        P + "RUN set -eux; \\\n\tpipenv sync; \\\n\techo\n",
        P + f"RUN set -eux; \\\n\tpipenv sync; \\\n\techo; \\\n\tpipenv --clear && {RM}\n",
    ),
    "crlf": (
        "FROM python:3.12\r\nRUN pipenv install \\\r\n    --deploy\r\n",
        f"FROM python:3.12\r\nRUN pipenv install \\\r\n    --deploy \\\r\n    && pipenv --clear && {RM}\r\n",
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
