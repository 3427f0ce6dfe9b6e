"""node-development-dependencies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from rules.dockerfile import Dockerfile, Instruction, ShellCommand, Word
from rules.edits import insert_words, with_words
from rules.finding import Finding, Severity
from rules.fix import Applicability, Fix
from rules.packages.development import is_for_development, is_harmless, name_some, read_manifest
from rules.patterns import regex
from rules.rule import Bad, Good, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.surroundings import Context
from rules.tools import node, npm, yarn
from rules.tools.options import Call, read_call

_SETTINGS = (
    "NODE_ENV", "npm_config_production", "NPM_CONFIG_PRODUCTION", "npm_config_omit", "NPM_CONFIG_OMIT",
    "npm_config_only", "NPM_CONFIG_ONLY", "npm_config_include", "NPM_CONFIG_INCLUDE", "YARN_PRODUCTION",
    "NPM_CONFIG_USERCONFIG",
)  # fmt: skip
_CONFIGURES = regex(r"config set (?:-g |--global )?(?:production|only|omit)|\bomit ?=|\bproduction ?=")
# Scripts that npm runs by itself on an install, and that may need what is left out.
_HOOKS = ("preinstall", "install", "postinstall", "prepare", "prepublish", "preprepare", "postprepare", "dependencies")
_CLEANERS = frozenset({"cache", "config", "set", "-v", "--version", "get", "root", "bin", "prefix", "audit", "fund"})
_CAUTION = "Breaks the image if the program loads one of its devDependencies at run time."
_KNOWN = Surroundings(
    context=Context(
        {"package.json": 400},
        texts={
            "package.json": '{"scripts": {"start": "node server.js"}, "dependencies": {"express": "4"},'
            ' "devDependencies": {"eslint": "9"}}'
        },
    )
)
_NO_DEVELOPMENT = Surroundings(
    context=Context({"package.json": 400}, texts={"package.json": '{"dependencies": {"express": "4"}}'})
)


class _Install(NamedTuple):
    """An install of all that the manifest names: the words that leave the development dependencies out, and where."""

    command: ShellCommand
    behind: Word
    flag: str | None


class NodeDevelopmentDependencies(Rule):
    """Compilers, linters and test runners that are installed where only the program runs.

    ## What it does
    Finds `npm ci`, `npm install`, `yarn install` and `pnpm install` in a shipped stage that install `devDependencies`,
    although nothing in the file builds or tests with them.

    ## Why it costs
    Measured with npm 11: express, react, axios and pg make 12.5 MB of `node_modules`; with typescript, vite, eslint and
    jest as devDependencies it is 90 MB.

    ## Fix safety
    Unsafe, and offered only where `package.json` was read: it has devDependencies, npm runs no script of it on an
    install, and the image starts a program with `node`. `--omit=dev` for npm 7 and later, `--only=production` before,
    by the tag of the node image.

    ## When it is silent
    `--omit=dev`, `--production` or `--prod` is there; NODE_ENV or npm's configuration says so; a later command may
    build or test; the image starts a development server or nothing; file or stage are named after development, tests or
    CI; the stage is not shipped. Where the repository is not known, it is information only.
    """

    code = "DS233"
    techniques = ("dev-dependencies",)
    triggers = ("npm", "yarn")
    good = (
        "FROM node:22-slim\nCOPY package*.json ./\nRUN npm ci --omit=dev && npm cache clean --force\n"
        'CMD ["node", "server.js"]\n',
        "FROM node:22-slim\nCOPY . .\nRUN npm ci && npm run build && npm cache clean --force\n"
        'CMD ["node", "dist/server.js"]\n',
        Good(
            'FROM node:22-slim\nCOPY . .\nRUN npm ci && npm cache clean --force\nCMD ["node", "server.js"]\n',
            _NO_DEVELOPMENT,
        ),
    )
    bad = (
        Bad(
            "FROM node:22-slim\nCOPY package*.json ./\nRUN npm ci && npm cache clean --force\nCOPY . .\n"
            'CMD ["node", "server.js"]\n',
            "FROM node:22-slim\nCOPY package*.json ./\nRUN npm ci --omit=dev && npm cache clean --force\nCOPY . .\n"
            'CMD ["node", "server.js"]\n',
            _KNOWN,
        ),
        Bad('FROM node:22-slim\nCOPY . .\nRUN npm ci && npm cache clean --force\nCMD ["node", "server.js"]\n', None),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that installs everything a manifest names."""
        for run in shipped_runs(dockerfile, surroundings, self.triggers):
            install = _last_install(run)
            if install is None or _is_configured(run) or is_for_development(run, surroundings):
                continue
            if run.is_followed_by(_may_use) or any(not _is_aside(each) for each in _behind(run, install)):
                continue
            programs = [
                each
                for _, each in dockerfile.after(run.stage, run.instruction)
                if each.keyword in ("CMD", "ENTRYPOINT")
            ]
            # Without a program another image is built on this one, and nobody knows what that does.
            if programs and not any(node.starts_plainly(each) is False for each in programs):
                yield from self._report(run, install, programs, surroundings)

    def _report(
        self, run: Run, install: _Install, programs: list[Instruction], surroundings: Surroundings
    ) -> Iterator[Finding]:
        manifest = read_manifest(run, "package.json", surroundings.context)
        if manifest is None:
            if all(map(node.starts_plainly, programs)):
                yield self.finding(
                    run.instruction,
                    install.command.span,
                    "What package.json names as devDependencies is installed too",
                    "Nothing in this file builds or tests with them.",
                    severity=Severity.INFO,
                )
            return
        names = manifest.get("devDependencies")
        plain = _start_plainly(programs, manifest)
        if not isinstance(names, dict) or not names or plain is False:
            return
        certain = plain is True and (install.command.has_flag("--ignore-scripts") or not _has_hooks(manifest))
        yield self.finding(
            run.instruction,
            install.command.span,
            f"{len(names)} devDependencies are installed too",
            f"`package.json` names {name_some(names)} among them, and nothing in this file builds or tests with them.",
            _fix(install, surroundings) if certain else None,
        )


def _last_install(run: Run) -> _Install | None:
    found = None
    for command in run.commands:
        found = _npm(run, command) or _yarn(command) or _pnpm(command) or found
    return found


def _npm(run: Run, command: ShellCommand) -> _Install | None:
    call = npm.read_npm(command)
    if call is None or call.action is None or call.verb not in npm.INSTALLS - {"update", "up", "add"}:
        return None
    if call.operands or call.has(
        "--omit", "--production", "--only", "--prod", "-g", "--global", "--location", "--include", "--no-dev",
        "--dev", "-D", "--save-dev", "--prefix", "-C", "--package-lock-only", "--dry-run", "--no-optional", "--also",
        "-w", "--workspace", "--workspaces",
    ):  # fmt: skip
        return None
    version = node.npm_version(run.base)
    return _Install(
        command, call.action, None if version is None else "--omit=dev" if version >= 7 else "--only=production"
    )


def _yarn(command: ShellCommand) -> _Install | None:
    call = yarn.read_yarn(command)
    if call is None or call.verb not in ("", "install") or call.operands or (call.action and not call.action.literal):
        return None
    if call.has(
        "--production", "--prod", "--version", "-v", "--help", "-h", "--cwd", "--immutable", "--modules-folder"
    ):
        return None
    return _Install(command, call.action or command.words[0], "--production")


def _pnpm(command: ShellCommand) -> _Install | None:
    if command.name != "pnpm":
        return None
    call = read_call(command, frozenset({"--filter", "-F", "--dir", "-C", "--reporter", "--store-dir"}))
    if call.action is None or call.verb not in ("install", "i") or call.operands:
        return None
    if call.has("--prod", "-P", "--production", "--dev", "-D", "--filter", "-F", "--dir", "-C", "-r", "--offline"):
        return None
    return _Install(command, call.action, "--prod")


def _is_configured(run: Run) -> bool:
    if any(map(run.scope.sets, _SETTINGS)):
        return True
    if any(name in _SETTINGS for command in run.commands for name, _ in command.assignments):
        return True
    return _configures(run.instruction) or run.is_preceded_by(_configures)


def _configures(each: Instruction) -> bool:
    return each.keyword == "RUN" and _CONFIGURES.search(each.value) is not None


def _behind(run: Run, install: _Install) -> tuple[ShellCommand, ...]:
    return run.commands[run.commands.index(install.command) + 1 :]


def _may_use(each: Instruction) -> bool:
    if each.keyword != "RUN":
        return False
    return not each.script.parsed or any(not _is_aside(command) for command in each.commands)


def _is_aside(command: ShellCommand) -> bool:
    """Tell whether a command neither builds nor tests: a clean-up, an install of something else."""
    if is_harmless(command):
        return True
    call = _manager_call(command)
    if call is None:
        return False
    if call.verb in _CLEANERS:
        return True
    return call.verb in ("install", "i", "add", "global") and bool(call.operands) and call.has("-g", "--global")


def _manager_call(command: ShellCommand) -> Call | None:
    return npm.read_npm(command) or yarn.read_yarn(command)


def _start_plainly(programs: list[Instruction], manifest: dict[str, Any]) -> bool | None:
    """Tell whether all that the image starts takes node alone, scripts of package.json included; None if unclear."""
    answers = []
    for each in programs:
        script = node.started_script(each)
        answers.append(node.starts_plainly(each) if script is None else _runs_plainly(script, manifest))
    return False if False in answers else None if None in answers else True


def _runs_plainly(script: str, manifest: dict[str, Any]) -> bool | None:
    scripts = manifest.get("scripts")
    scripts = scripts if isinstance(scripts, dict) else {}
    if f"pre{script}" in scripts or f"post{script}" in scripts:
        return None
    line = scripts.get(script, "node server.js" if script == "start" else "")
    return node.is_plain(line.split()) if isinstance(line, str) and line.strip() else None


def _has_hooks(manifest: dict[str, Any]) -> bool:
    scripts = manifest.get("scripts")
    return isinstance(scripts, dict) and any(name in scripts for name in _HOOKS)


def _fix(install: _Install, surroundings: Surroundings) -> Fix | None:
    if install.flag is None or (install.command.from_exec and install.command.name != "npm"):
        return None
    if install.command.name in ("yarn", "yarnpkg") and yarn.is_classic(install.command, surroundings) is not True:
        return None
    return Fix(
        (insert_words(install.command, install.behind, install.flag),),
        Applicability.UNSAFE,
        removed=(install.command.texts,),
        added=(with_words(install.command, install.behind, install.flag),),
        caution=_CAUTION,
    )
