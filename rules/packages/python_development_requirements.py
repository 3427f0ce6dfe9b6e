"""python-development-requirements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from rules.dockerfile import Dockerfile, Instruction, ShellCommand, Span, Word
from rules.edits import insert_words, with_words
from rules.finding import Finding
from rules.fix import Applicability, Edit, Fix
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.surroundings import Context
from rules.tools import poetry, requirements, uv
from rules.tools.options import Call

_FILE = regex(r"(?:^|[/_.-])(?:dev|devel|develop|development|test|tests|testing|lint)(?:[/_.-]|$)")
_TOOLS = frozenset(
    {
        "pytest", "black", "mypy", "flake8", "pylint", "ruff", "isort", "tox", "nox", "coverage", "pre-commit", "nose",
        "bandit", "yapf", "autopep8", "pydocstyle", "pycodestyle", "pyflakes", "codecov", "coveralls", "ipdb", "pudb",
        "twine", "bumpversion", "bump2version", "pyright", "safety", "hypothesis",
    }
)  # fmt: skip
_HINTS = ("dev", "test", "lint", "poetry", "uv ", *sorted(_TOOLS))
_TOOL = regex(r"(?:pytest|flake8|pylint|mypy|types)-[a-z0-9-]+")
# Where the image itself is for development, or the program that it starts is a tool.
_FOR_DEVELOPMENT = regex(
    r"(?:^|[^a-z])(?:dev|devel|develop|development|devcontainer|tests?|testing|tester|ci|debug|local|lint|linter|e2e"
    r"|docs?|bench|examples?|sandbox|coverage|qa|notebooks?|jupyter|build|builder|jenkins|travis|runner)(?:[^a-z]|$)"
)
_STARTS_TOOL = regex(
    r"pytest|py\.test|\btox\b|\bnox\b|flake8|pylint|\bblack\b|\bruff\b|mypy|coverage|nose|unittest|pre-commit|jupyter"
    r"|\btests?\b|\blint|\bmake\b|ipdb|twine|debugpy|safety|bandit|runserver|--reload|\bdev\b|\bcheck\b"
)
_CHOSEN = (
    "--no-dev",
    "--only",
    "--without",
    "--with",
    "--only-dev",
    "--no-group",
    "--only-group",
    "--group",
    "--all-groups",
    "--no-default-groups",
    "--only-root",
    "--dev",
)
_EXTRA = regex(r"\[(?:[\w-]{1,30},)*(dev|develop|development|tests?|testing|lint)(?:,[\w-]{1,30})*\]")
_UV_GROUP = regex(r"^\s*dev\s*=\s*\[|^\s*dev-dependencies\s*=", re.MULTILINE)
_POETRY_GROUP = regex(
    r"^\[tool\.poetry\.(?:group\.dev\.dependencies|dev-dependencies)\]|^\s*dev\s*=\s*\[", re.MULTILINE
)
_PACKAGERS = frozenset({"apt-get", "apt", "apk", "yum", "dnf", "rm", "find", "echo", "mkdir", "chown", "cp", "mv"})
_SHELLS = regex(r'^\[?\s*"?(?:/(?:usr/)?bin/)?(?:env\s+)?(?:ba|da|a|z|k)?sh"?\s*(?:,\s*"-l"\s*)?\]?$')
_OLD_POETRY = regex(r"poetry(?:_VERSION)?\s*[=~<]{1,2}\s*[\"']?(?:0|1\.[01])\b", re.IGNORECASE)


class PythonDevelopmentRequirements(Rule):
    """Test and lint tools in an image that runs an application.

    ## What it does
    Finds what brings development requirements into a shipped stage that starts a program: `pip install -r
    requirements-dev.txt`, `pip install pytest`, `uv sync` without `--no-dev`, `poetry install` without `--only main`.

    ## Why it costs
    Measured with pip: pytest 9.2, black 26.10, mypy 2.4, flake8 7.5 and isort 9.0 with what they need are 96.2 MB of
    installed files; pytest alone 13.4 MB.

    ## Fix safety
    Unsafe where it is one click: `pyproject.toml` is known and has a development group, which `uv sync` and `poetry
    install` take by default; or a second requirements file beside another is named for development. A program that
    imports one of these packages no longer starts. Otherwise the edit is shown, or there is none, since the file may
    also hold what the program needs.

    ## When it is silent
    The stage or the file is named for development, tests or CI; nothing is copied into the image; no CMD or ENTRYPOINT
    starts a program, or it starts a shell or one of the tools; a RUN or a script name mentions them; `pyproject.toml`
    is known and has no such group; groups are chosen on the command line or by a variable.
    """

    code = "DS224"
    triggers = ("pip", "poetry", "uv ")
    techniques = ("dev-dependencies",)
    good = (
        "FROM python:3.12-slim\nCOPY . .\nRUN pip install --no-cache-dir -r requirements.txt\n"
        'CMD ["python", "app.py"]\n',
        "FROM python:3.12-slim AS test\nCOPY . .\nRUN pip install --no-cache-dir -r requirements-dev.txt\n"
        'CMD ["pytest"]\n',
        'FROM python:3.12-slim\nCOPY . .\nRUN uv sync --no-cache --no-dev\nCMD ["uv", "run", "app.py"]\n',
    )
    bad = (
        Bad(
            "FROM python:3.12-slim\nCOPY . .\n"
            "RUN pip install --no-cache-dir -r requirements.txt -r requirements-dev.txt\n"
            'CMD ["python", "app.py"]\n',
            "FROM python:3.12-slim\nCOPY . .\nRUN pip install --no-cache-dir -r requirements.txt\n"
            'CMD ["python", "app.py"]\n',
        ),
        Bad(
            'FROM python:3.12-slim\nCOPY . .\nRUN uv sync --no-cache\nCMD ["python", "app.py"]\n',
            'FROM python:3.12-slim\nCOPY . .\nRUN uv sync --no-dev --no-cache\nCMD ["python", "app.py"]\n',
            Surroundings(
                context=Context(
                    {"pyproject.toml": 80}, texts={"pyproject.toml": '[dependency-groups]\ndev = ["pytest>=8"]\n'}
                )
            ),
        ),
        Bad(
            'FROM python:3.12-slim\nRUN pip install --no-cache-dir flask pytest\nCOPY . .\nCMD ["flask", "run"]\n',
            None,
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each command that brings development requirements into an application's image."""
        text = dockerfile.text
        if not ("CMD" in text or "ENTRYPOINT" in text):
            return
        if _FOR_DEVELOPMENT.search("/".join(surroundings.path.split("/")[-2:]).lower()):
            return
        for run in shipped_runs(dockerfile, surroundings, _HINTS):
            if _FOR_DEVELOPMENT.search(run.stage.name or ""):
                continue
            for command in run.commands:
                found = _read(run, command, surroundings.context)
                if (
                    found is not None
                    and _starts_application(dockerfile, run.stage.index)
                    and not _is_used(run, command)
                ):
                    yield self.finding(run.instruction, found.span, found.message, found.reason, found.fix)


class _Found(NamedTuple):
    span: Span
    message: str
    reason: str
    fix: Fix | None = None


def _read(run: Run, command: ShellCommand, context: Context | None) -> _Found | None:
    """Return what a command brings that is for development."""
    call = uv.read_uv(command)
    if call is not None and call.verb == "sync":
        return _read_sync(run, command, context)
    call = poetry.read_poetry(command)
    if call is not None and call.verb == "install":
        return _read_poetry(run, call, context)
    call = poetry.read_pipenv(command)
    if call is not None and call.verb in ("install", "sync"):
        return _read_pipenv(command)
    call = requirements.read_install(command)
    return _read_pip(run, command, call) if call is not None else None


def _read_pip(run: Run, command: ShellCommand, call: Call) -> _Found | None:
    files = list(requirements.files(command))
    for word in files:
        if _is_for_development(word.text):
            name = word.text.rpartition("=")[2].rpartition("/")[2]
            return _Found(
                word.span,
                f"{name} is installed into the image that runs the application",
                "Its name says that it is for development, and nothing here runs a test or a linter.",
                _drop_file(run, command, word) if len(files) > 1 else None,
            )
    for word in command.words:
        extra = _EXTRA.search(word.text) if word.literal else None
        if extra is not None:
            return _Found(
                word.span,
                f"The extra `{extra[1]}` is installed into the image that runs the application",
                "Its name says that it is for development, and nothing here runs a test or a linter.",
            )
    for word in call.operands:
        name = requirements.name_of(word.text) if word.literal else ""
        if name in _TOOLS or _TOOL.fullmatch(name):
            return _Found(
                word.span,
                f"{name} is installed into the image that runs the application",
                "No RUN, CMD or ENTRYPOINT of this file uses it.",
            )
    return None


def _is_for_development(path: str) -> bool:
    base = path.rpartition("/")[2].lower()
    return base.endswith((".txt", ".in", ".pip")) and _FILE.search(base.rpartition(".")[0]) is not None


def _drop_file(run: Run, command: ShellCommand, word: Word) -> Fix | None:
    """Leave one `-r file` out; None where it goes over lines."""
    words = command.words
    at = words.index(word)
    first = at if words[at].text.startswith("-") else at - 1
    span = Span(words[first - 1].span.end, word.span.end)
    if command.from_exec or "\n" in span.of(run.dockerfile.text):
        return None
    return Fix(
        (Edit(span, ""),),
        Applicability.UNSAFE,
        removed=(command.texts,),
        added=((*command.texts[:first], *command.texts[at + 1 :]),),
        caution="Breaks what imports a package that only this file lists.",
    )


def _read_sync(run: Run, command: ShellCommand, context: Context | None) -> _Found | None:
    if command.has_flag(*_CHOSEN) or any(map(run.scope.sets, ("UV_NO_DEV", "UV_NO_GROUP", "UV_NO_DEFAULT_GROUPS"))):
        return None
    project = _project(context)
    if project is not None and ("default-groups" in project or not _UV_GROUP.search(project)):
        return None
    action = next(word for word in command.words if word.text == "sync")
    return _Found(
        Span(command.words[0].span.start, action.span.end),
        "Development requirements are installed into the image that runs the application",
        "`uv sync` takes the group `dev` unless it is told not to.",
        _insert(command, action, project is not None, "--no-dev"),
    )


def _read_poetry(run: Run, call: Call, context: Context | None) -> _Found | None:
    command = call.command
    if command.has_flag(*_CHOSEN) or "--help" in command.texts or not all(word.literal for word in command.words[1:]):
        return None
    project = _project(context)
    if project is not None and not _POETRY_GROUP.search(project):
        return None
    assert call.action is not None  # noqa: S101 - _read looked at its verb
    old = _OLD_POETRY.search(run.dockerfile.text) is not None
    words = ("--no-dev",) if old else ("--without", "dev") if project is not None else ("--only", "main")
    return _Found(
        Span(command.words[0].span.start, call.action.span.end),
        "Development requirements are installed into the image that runs the application",
        "`poetry install` takes every group that is not optional.",
        _insert(command, call.action, project is not None, *words),
    )


def _read_pipenv(command: ShellCommand) -> _Found | None:
    word = next((word for word in command.arguments if word.text in ("--dev", "-d")), None)
    if word is None:
        return None
    return _Found(
        word.span,
        "Development requirements are installed into the image that runs the application",
        f"`{word.text}` asks for them, and nothing here runs a test or a linter.",
    )


def _insert(command: ShellCommand, action: Word, known: bool, *words: str) -> Fix:
    return Fix(
        (insert_words(command, action, *words),),
        Applicability.UNSAFE if known else Applicability.DISPLAY,
        removed=(command.texts,),
        added=(with_words(command, action, *words),),
        caution="Breaks what imports a package that only the development group lists.",
    )


def _project(context: Context | None) -> str | None:
    """Return the text of the one `pyproject.toml` that is known."""
    texts = context.texts if context is not None else {}
    found = [text for path, text in texts.items() if path.rpartition("/")[2] == "pyproject.toml"]
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=64)
def _starts_application(dockerfile: Dockerfile, stage: int) -> bool:
    """Tell whether what is built on a stage starts a program that is no shell and no tool."""
    own = dockerfile.stages[stage]
    starts = [
        each
        for _, each in (*dockerfile.lineage(own), *dockerfile.after(own, own.start))
        if each.keyword in ("CMD", "ENTRYPOINT") and each.arguments.strip(" []")
    ]
    if not any(each.keyword in ("COPY", "ADD") for _, each in dockerfile.lineage(own)):
        return False  # a base for others, which may want the tools
    if not starts or any(_STARTS_TOOL.search(each.arguments) for each in starts):
        return False
    return not all(_SHELLS.search(each.arguments.strip()) for each in starts)


def _is_used(run: Run, install: ShellCommand) -> bool:
    """Tell whether the file runs a test, a linter or something that may, in this RUN or a later one."""
    return run.is_followed_by(_uses_tool) or any(_is_tool(each) for each in run.commands if each is not install)


def _uses_tool(each: Instruction) -> bool:
    if each.keyword != "RUN" or not _STARTS_TOOL.search(each.value):
        return False
    return not each.script.parsed or any(map(_is_tool, each.commands))


def _is_tool(command: ShellCommand) -> bool:
    if requirements.read_install(command) is not None or command.name in _PACKAGERS:
        return False
    return _STARTS_TOOL.search(" ".join(command.texts)) is not None
