"""Commands that install what a manifest lists, the files they read, and what in those files speaks of others."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from rules.dockerfile import ShellCommand
from rules.patterns import regex
from rules.tools.options import read_call
from rules.tools.pip import read_pip

HINTS = ("npm", "yarn", "pnpm", "pip", "go mod", "go  mod", "bundle", "dotnet")


class Install(NamedTuple):
    """One command that installs from `manifests`, given from where it runs; `optional` ones it reads where they are.

    Without a tree nobody knows which of them there are: `guess` is what people then write. `leaves` is the folder
    that it fills beside the manifests, empty where it fills none. `risk` reads the texts.
    """

    command: ShellCommand
    tool: str
    manifests: tuple[str, ...]
    optional: tuple[str, ...] = ()
    guess: tuple[str, ...] = ()
    leaves: str = ""
    risk: Callable[[Mapping[str, str], Mapping[str, int]], str | None] = lambda _texts, _files: None

    @property
    def name(self) -> str:
        """Return the command as people say it."""
        if self.tool == "pip":
            return "pip install"
        return " ".join(self.command.texts[:3] if self.tool == "go" else self.command.texts[:2])


def read_install(command: ShellCommand) -> Install | None:
    """Return a command as an install from manifests, None for any other, and for one that installs the source too."""
    match command.name:
        case "npm":
            return _npm(command)
        case "yarn":
            return _yarn(command)
        case "pnpm":
            return _pnpm(command)
        case "go":
            if command.texts[1:] in (("mod", "download"), ("mod", "download", "-x")):
                return Install(command, "go", ("go.mod",), ("go.sum",), ("go.mod", "go.sum"), "", _risk_of_go)
            return None
        case "bundle":
            return _bundle(command)
        case "dotnet":
            return _dotnet(command)
    return _pip(command)


_NPM_VALUED = frozenset({"--registry", "--loglevel", "--userconfig", "--cache", "--omit", "--include", "--only"})
_NPM_ELSEWHERE = (
    "-g",
    "--global",
    "--prefix",
    "-C",
    "--dir",
    "-w",
    "--workspace",
    "--cwd",
    "--filter",
    "-F",
    "--location",
)


def _npm(command: ShellCommand) -> Install | None:
    call = read_call(command, _NPM_VALUED)
    if call.verb not in ("install", "i", "ci", "clean-install") or call.operands or call.has(*_NPM_ELSEWHERE):
        return None
    locked = call.verb in ("ci", "clean-install")
    lock = ("package-lock.json", "npm-shrinkwrap.json")
    return Install(
        command,
        "npm",
        ("package.json", lock[0]) if locked else ("package.json",),
        (*lock, ".npmrc"),
        ("package*.json",),
        "node_modules",
        _risk_of_node,
    )


def _yarn(command: ShellCommand) -> Install | None:
    call = read_call(command, frozenset({"--network-timeout", "--registry", "--cache-folder", "--mutex"}))
    if call.verb not in ("", "install") or call.operands or call.has(*_NPM_ELSEWHERE, "--modules-folder"):
        return None
    if call.action is None and call.has("--version", "-v", "--help", "-h"):
        return None
    names = ("package.json", "yarn.lock")
    return Install(command, "yarn", names[:1], (names[1], ".npmrc"), names, "node_modules", _risk_of_node)


def _pnpm(command: ShellCommand) -> Install | None:
    call = read_call(command, frozenset({"--reporter", "--registry", "--store-dir"}))
    if call.verb not in ("install", "i") or call.operands or call.has(*_NPM_ELSEWHERE):
        return None
    names = ("package.json", "pnpm-lock.yaml")
    return Install(command, "pnpm", names[:1], (names[1], ".npmrc"), names, "node_modules", _risk_of_node)


def _bundle(command: ShellCommand) -> Install | None:
    call = read_call(command, frozenset({"--jobs", "-j", "--retry", "--without", "--with"}))
    if call.verb != "install" or call.operands or call.has("--path", "--deployment", "--gemfile", "--standalone"):
        return None
    names = ("Gemfile", "Gemfile.lock")
    return Install(command, "bundle", names[:1], names[1:], names, "", _risk_of_ruby)


def _dotnet(command: ShellCommand) -> Install | None:
    call = read_call(command, frozenset({"-r", "--runtime", "-s", "--source", "--configfile"}))
    projects = [word.text for word in call.operands if word.literal]
    if call.verb != "restore" or len(projects) != len(call.operands) or call.has("--configfile"):
        return None
    if len(projects) != 1 or not projects[0].endswith(("proj", ".sln")):
        return None
    # A project names others, and a solution all of them.
    return Install(command, "dotnet", tuple(projects), (), tuple(projects), "", lambda _texts, _files: "other projects")


def _pip(command: ShellCommand) -> Install | None:
    call = read_pip(command)
    if call is None or call.verb != "install" or call.has("-e", "--editable", "-t", "--target", "--root", "--no-index"):
        return None
    if any(_is_path(word.text) or not word.literal for word in call.operands):
        return None
    files = tuple(_requirement_files(command))
    if not files or not any(text.startswith(("-r", "--requirement")) for text in command.texts):
        return None
    if any("$" in each or "://" in each or "*" in each for each in files):
        return None

    def risk(texts: Mapping[str, str], _files: Mapping[str, int]) -> str | None:
        return next((found for each in files if (found := _risk_of_requirements(each, texts.get(each)))), None)

    return Install(command, "pip", files, (), files, "", risk)


def _is_path(operand: str) -> bool:
    return operand.startswith((".", "/", "~", "file:", "$")) or operand.endswith((".whl", ".tar.gz", ".zip"))


def _requirement_files(command: ShellCommand) -> Iterator[str]:
    texts = iter(command.texts)
    for text in texts:
        if text in ("-r", "--requirement", "-c", "--constraint"):
            yield next(texts, "$")
        elif match := re.match(r"(?:-[rc](?=[^-])|--(?:requirement|constraint)=)(.+)$", text):
            yield match[1]


_NODE_HOOKS = (
    "preinstall",
    "install",
    "postinstall",
    "prepublish",
    "preprepare",
    "prepare",
    "postprepare",
    "dependencies",
)
_NODE_LISTS = (
    "dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "overrides", "resolutions", "pnpm",
)  # fmt: skip
_NODE_LOCAL = regex(r'"(?:file|link|portal|patch|workspace):|"\.{1,2}/|\.tgz"')
_NODE_FILES = (
    "pnpm-workspace.yaml", ".pnpmfile.cjs", "pnpmfile.js", ".yarnrc.yml", ".yarnrc", ".yarnclean", "lerna.json",
    "binding.gyp", "nx.json", "rush.json", ".puppeteerrc", ".puppeteerrc.json", ".puppeteerrc.js", ".puppeteerrc.cjs",
    "puppeteer.config.js", "puppeteer.config.cjs",
)  # fmt: skip
# Packages whose own install script reads a file of the project: prisma generates its client from the schema.
_NODE_READERS = ("@prisma/client", "prisma", "zenstack")


def _risk_of_node(texts: Mapping[str, str], files: Mapping[str, int]) -> str | None:
    """Name what makes npm, yarn or pnpm read more than package.json and the lock file."""
    for name in _NODE_FILES:
        if name in files:
            return f"`{name}`"
    package = _object(texts.get("package.json"))
    if package is None:
        return "`package.json`, which could not be read,"
    if "workspaces" in package:
        return "`workspaces` in `package.json`"
    scripts = package.get("scripts")
    if scripts is not None and not isinstance(scripts, dict):
        return "`scripts` in `package.json`"
    hook = next((name for name in _NODE_HOOKS if name in (scripts or ())), None)
    if hook is not None:
        return f"the `{hook}` script in `package.json`"
    if package.get("prisma") or any(
        name in (package.get(kind) or ()) for kind in _NODE_LISTS for name in _NODE_READERS
    ):
        return "the install script of prisma"
    if "patchedDependencies" in (package.get("pnpm") or ()):
        return "`patchedDependencies` in `package.json`"
    lists = json.dumps([package.get(name) for name in _NODE_LISTS])
    return "a local dependency in `package.json`" if _NODE_LOCAL.search(lists) else None


def _object(text: str | None) -> dict[str, Any] | None:
    try:
        found = json.loads(text) if text is not None else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


_REQUIREMENT = regex(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^]]*\]\s*)?(?:$|[=<>!~;@(#\s])")


def _risk_of_requirements(name: str, text: str | None) -> str | None:
    """Name what makes pip read more than the file of requirements."""
    if text is None:
        return f"`{name}`, which could not be read,"
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith(
            ("#", "--hash", "--extra-index-url", "--index-url", "-i ", "--trusted-host")
        ):
            continue
        if not _REQUIREMENT.match(stripped) or "file:" in stripped or stripped.partition(" ")[0].endswith(".whl"):
            return f"a line of `{name}`"
    return None


_GO_LOCAL = regex(r"=>[ \t]*\.{0,2}/")


def _risk_of_go(texts: Mapping[str, str], files: Mapping[str, int]) -> str | None:
    """Name what makes Go read more than go.mod and go.sum."""
    if "go.work" in files:
        return "`go.work`"
    if "vendor/modules.txt" in files:
        return "`vendor`"
    text = texts.get("go.mod")
    if text is None:
        return "`go.mod`, which could not be read,"
    return "a `replace` in `go.mod`" if _GO_LOCAL.search(text) else None


_RUBY_READS = regex(
    r"^[ \t]*gemspec\b|\bpath(?::|[ \t]*=>)|\b(?:eval_gemfile|require_relative|instance_eval|eval|File|Dir|IO)\b"
    r"|__dir__|\bruby[ \t(]+file:|\.ruby-version|\.tool-versions|`",
    re.MULTILINE,
)


def _risk_of_ruby(texts: Mapping[str, str], files: Mapping[str, int]) -> str | None:
    """Name what makes Bundler read more than Gemfile and Gemfile.lock, or write into the folder."""
    if ".bundle/config" in files:
        return "`.bundle/config`"
    text = texts.get("Gemfile")
    if text is None:
        return "`Gemfile`, which could not be read,"
    return "a line of `Gemfile`" if _RUBY_READS.search(text) else None


# What stands in an install RUN beside the install and reads nothing of the source.
_HARMLESS = frozenset({"mkdir", "echo", "true", "set", "date"})
_SYSTEM = {
    "apt-get": ("update", "install", "clean", "autoremove", "autoclean"),
    "apk": ("add", "del", "update", "cache"),
    "yum": ("install", "clean"),
    "dnf": ("install", "clean"),
    "microdnf": ("install", "clean"),
}
_CACHES = {"npm": "cache", "yarn": "cache", "pnpm": "store"}


def reads_no_source(command: ShellCommand) -> bool:
    """Tell whether a command certainly has no use for files of the context."""
    if any(
        redirect.target is not None and not redirect.target.text.startswith("/dev/") for redirect in command.redirects
    ):
        return False
    if command.name in _HARMLESS:
        return True
    if command.name == "rm":
        return all(text.startswith(("-", "/root/", "/tmp/", "/var/", "~")) for text in command.texts[1:])  # noqa: S108
    if command.name in _SYSTEM:
        call = read_call(command, frozenset({"-t", "--virtual", "-X", "-o", "--target-release", "--repository"}))
        local = any(_is_path(word.text) or "/" in word.text or not word.literal for word in call.operands)
        return call.verb in _SYSTEM[command.name] and not local
    if _CACHES.get(command.name) is not None and command.texts[1:2] == (_CACHES[command.name],):
        return True
    if command.name in ("npm", "yarn"):
        call = read_call(command, frozenset({"--registry"}))
        if call.verb == "config":
            return True
        return call.verb in ("install", "i") and call.has("-g", "--global") and not any(
            _is_path(word.text) or not word.literal for word in call.operands
        )  # fmt: skip
    call_of_pip = read_pip(command)
    if (
        call_of_pip is None
        or call_of_pip.verb != "install"
        or call_of_pip.has("-r", "--requirement", "-c", "-e", "--editable")
    ):
        return False
    return bool(call_of_pip.operands) and not any(_is_path(w.text) or not w.literal for w in call_of_pip.operands)


def locate(name: str, directory: str, root: str) -> str | None:
    """Return a file that a command in `directory` names, from `root` on; None where it does not lie below that."""
    path = posixpath.normpath(posixpath.join(directory, name))
    top = posixpath.normpath(root)
    if top == "/":
        return path.lstrip("/")
    return path[len(top) + 1 :] if path.startswith(top + "/") else None
