"""uv-cache-left-behind."""

from __future__ import annotations

from rules.fix import Applicability
from rules.surroundings import Context, Surroundings
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS221"
P = "FROM python:3.12-slim\n"
SILENT = {
    "flag": P + "RUN uv pip install --no-cache flask\n",
    "flag-first": P + "RUN uv --no-cache pip install flask\n",
    "short-flag": P + "RUN uv sync -n\n",
    "cache-dir": P + "RUN uv sync --cache-dir /tmp/x\n",
    "env": P + "ENV UV_NO_CACHE=1\nRUN uv sync\n",
    "arg": P + "ARG UV_NO_CACHE=1\nRUN uv sync\n",
    "inline": P + "RUN UV_NO_CACHE=1 uv sync\n",
    "export": P + "RUN export UV_NO_CACHE=1 && uv sync\n",
    "config": P + "COPY uv.toml .\nRUN uv sync\n",
    "symbolic-links": P + "ENV UV_LINK_MODE=symlink\nRUN uv sync\n",
    "symbolic-links-option": P + "RUN uv sync --link-mode symlink\n",
    "cache-clean": P + "RUN uv sync && uv cache clean\n",
    "cache-prune": P + "RUN uv sync && uv cache prune --ci\n",
    "rm": P + "RUN uv sync && rm -rf /root/.cache\n",
    "rm-variable": P + 'RUN uv sync && rm -rf "$UV_CACHE_DIR"\n',
    "mount": P + "RUN --mount=type=cache,target=/root/.cache/uv uv sync\n",
    "mount-above": P + "RUN --mount=type=cache,target=/root/.cache uv sync\n",
    "mount-of-cache-dir": P + "ENV UV_CACHE_DIR=/x\nRUN --mount=type=cache,target=/x uv sync\n",
    "mount-of-user": P + "USER app\nRUN --mount=type=cache,target=/home/app/.cache/uv,uid=1000 uv sync\n",
    "run": P + "RUN uv run python manage.py collectstatic\n",
    "venv": P + "RUN uv venv && uv lock && uv build\n",
    "pip-list": P + "RUN uv pip list\n",
    "help": P + "RUN uv sync --help\n",
    "echo": P + "RUN echo uv sync\n",
    "not-shipped": "FROM python:3.12 AS b\nRUN uv sync\nFROM python:3.12\nCOPY --from=b /x /x\n",
    "powershell": P + 'SHELL ["powershell"]\nRUN uv sync\n',
    "pragma": P + "# dockslim ignore=DS221\nRUN uv sync\n",
}
FIXED = {
    "pip-install": (P + "RUN uv pip install flask\n", P + "RUN uv pip install --no-cache flask\n"),
    "pip-install-system": (
        P + "RUN uv pip install --system -r requirements.txt\n",
        P + "RUN uv pip install --no-cache --system -r requirements.txt\n",
    ),
    "python-m": (P + "RUN python -m uv sync\n", P + "RUN python -m uv sync --no-cache\n"),
    "option-with-value-first": (
        P + "RUN uv --directory /app sync\n",
        P + "RUN uv --directory /app sync --no-cache\n",
    ),
    "tool": (P + "RUN uv tool install ruff\n", P + "RUN uv tool install --no-cache ruff\n"),
    "add": (P + "RUN uv init && uv add flask\n", P + "RUN uv init && uv add --no-cache flask\n"),
    "path": (P + "RUN /bin/uv sync\n", P + "RUN /bin/uv sync --no-cache\n"),
    "over-lines": (
        P + "RUN uv sync \\\n    # only what runs\n\t--no-dev\n",
        P + "RUN uv sync --no-cache \\\n    # only what runs\n\t--no-dev\n",
    ),
    "crlf": (
        "FROM python:3.12\r\nRUN uv sync \\\r\n  --no-dev\r\n",
        "FROM python:3.12\r\nRUN uv sync --no-cache \\\r\n  --no-dev\r\n",
    ),
    "heredoc": (P + "RUN <<EOF\nuv sync\nEOF\n", P + "RUN <<EOF\nuv sync --no-cache\nEOF\n"),
    "exec-form": (P + 'RUN ["uv", "sync"]\n', P + 'RUN ["uv", "sync", "--no-cache"]\n'),
    "onbuild": (P + "ONBUILD RUN uv sync\n", P + "ONBUILD RUN uv sync --no-cache\n"),
    "set-eux": (P + "RUN set -eux; uv sync; echo\n", P + "RUN set -eux; uv sync --no-cache; echo\n"),
    "branch": (
        P + "RUN if [ $D ]; then uv sync; else uv sync --no-dev; fi\n",
        P + "RUN if [ $D ]; then uv sync --no-cache; else uv sync --no-cache --no-dev; fi\n",
    ),
    "other-mount": (
        P + "RUN --mount=type=bind,source=uv.lock,target=uv.lock uv sync\n",
        P + "RUN --mount=type=bind,source=uv.lock,target=uv.lock uv sync --no-cache\n",
    ),
    "cleaned-before-only": (
        P + "RUN uv cache clean && uv sync\n",
        P + "RUN uv cache clean && uv sync --no-cache\n",
    ),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str) -> None:
    assert_fixed(CODE, text, fixed)
    assert {each.fix.applicability for each in findings(CODE, text) if each.fix} == {Applicability.SAFE}


def test_is_silent_where_the_project_turns_the_cache_off() -> None:
    texts = {"pyproject.toml": "[tool.uv]\nno-cache = true\n"}
    assert_silent(CODE, P + "RUN uv sync\n", Surroundings(context=Context({"pyproject.toml": 30}, texts=texts)))


def test_says_that_copies_cost_twice() -> None:
    (found,) = findings(CODE, P + "RUN UV_LINK_MODE=copy uv sync\n")
    assert "once more" in found.reason
