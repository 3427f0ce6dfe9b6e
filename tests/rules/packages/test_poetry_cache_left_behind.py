"""poetry-cache-left-behind."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS222"
P = "FROM python:3.12-slim\n"
CLEAN = "rm -rf ~/.cache/pypoetry/artifacts ~/.cache/pypoetry/cache"
SILENT = {
    "old-by-a-variable": P
    + "ENV POETRY_VERSION=0.12.16\nRUN pip install poetry==$POETRY_VERSION\nRUN poetry install\n",
    "old-by-its-install": P + "RUN pip install 'poetry==1.0.10' && poetry install\n",
    "inline-directory": P + "RUN POETRY_CACHE_DIR=/x poetry install\n",
    "rm-all": P + "RUN poetry install && rm -rf ~/.cache\n",
    "rm-poetry": P + "RUN poetry install && rm -rf /root/.cache/pypoetry\n",
    "rm-variable": P + 'RUN poetry install && rm -rf "$POETRY_CACHE_DIR"\n',
    "rm-own": P + "ENV POETRY_CACHE_DIR=/var/poetry\nRUN poetry install && rm -rf /var/poetry\n",
    "mount": P + "RUN --mount=type=cache,target=/root/.cache/pypoetry poetry install\n",
    "mount-above": P + "RUN --mount=type=cache,target=/root/.cache poetry install\n",
    "mount-own": P + "ENV POETRY_CACHE_DIR=/x\nRUN --mount=type=cache,target=/x poetry install\n",
    "config-moves-it": P + "RUN poetry config cache-dir /tmp/x && poetry install\n",
    "only-root": P + "RUN poetry install --only-root\n",
    "export": P + "RUN poetry export -o requirements.txt && poetry build\n",
    "help": P + "RUN poetry install --help\n",
    "pip-install-poetry": P + "RUN pip install --no-cache-dir poetry\n",
    "not-shipped": "FROM python:3.12 AS b\nRUN poetry install\nFROM python:3.12\nCOPY --from=b /x /x\n",
    "onbuild": P + "ONBUILD RUN poetry install\n",
    "powershell": P + 'SHELL ["powershell"]\nRUN poetry install\n',
    "pragma": P + "# dockslim ignore=DS222\nRUN poetry install\n",
}
FIXED = {
    "plain": (P + "RUN poetry install\n", P + f"RUN poetry install && {CLEAN}\n"),
    "its-own-flag-does-not-help": (
        P + "RUN poetry install --no-cache\n",
        P + f"RUN poetry install --no-cache && {CLEAN}\n",
    ),
    "nor-does-its-variable": (
        P + "ENV POETRY_NO_CACHE=1\nRUN poetry install\n",
        P + f"ENV POETRY_NO_CACHE=1\nRUN poetry install && {CLEAN}\n",
    ),
    "nor-does-its-clear": (
        P + "RUN poetry install && poetry cache clear --all -n pypi\n",
        P + f"RUN poetry install && poetry cache clear --all -n pypi && {CLEAN}\n",
    ),
    "python-m": (P + "RUN python -m poetry install\n", P + f"RUN python -m poetry install && {CLEAN}\n"),
    "path-variable": (
        P + "RUN $POETRY_HOME/bin/poetry install\n",
        P + f"RUN $POETRY_HOME/bin/poetry install && {CLEAN}\n",
    ),
    "own-directory": (
        P + "ENV POETRY_CACHE_DIR=/var/cache/poetry\nRUN poetry sync\n",
        P + "ENV POETRY_CACHE_DIR=/var/cache/poetry\nRUN poetry sync"
        " && rm -rf /var/cache/poetry/artifacts /var/cache/poetry/cache\n",
    ),
    "set-eux": (
        P + "RUN set -eux; \\\n  poetry install; \\\n  echo\n",
        P + f"RUN set -eux; \\\n  poetry install; \\\n  echo; \\\n  {CLEAN}\n",
    ),
    "crlf": (
        "FROM python:3.12\r\nRUN poetry install \\\r\n    --only main\r\n",
        f"FROM python:3.12\r\nRUN poetry install \\\r\n    --only main \\\r\n    && {CLEAN}\r\n",
    ),
    "sudo": (P + "RUN sudo poetry install\n", P + f"RUN sudo poetry install && sudo {CLEAN}\n"),
    "exec-form": (P + 'RUN ["poetry", "install"]\n', None),
    "branch": (
        P + "RUN if [ $D ]; then poetry install; fi\n",
        P + f"RUN if [ $D ]; then poetry install; fi && {CLEAN}\n",
    ),
    "or-true": (P + "RUN poetry install || true\n", None),
    "unknown-directory": (P + "ARG D\nENV POETRY_CACHE_DIR=$D\nRUN poetry install\n", None),
    "project-configuration": (P + "COPY poetry.toml .\nRUN poetry install\n", None),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str | None) -> None:
    assert_fixed(CODE, text, fixed)
    assert {each.fix.applicability for each in findings(CODE, text) if each.fix} <= {Applicability.SAFE}
