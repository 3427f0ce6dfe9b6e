"""yarn, classic and Berry, and where the classic one keeps its cache."""

from __future__ import annotations

from functools import lru_cache

from rules.dockerfile import Dockerfile, Scope, ShellCommand
from rules.patterns import regex
from rules.surroundings import Surroundings
from rules.tools.home import first_set, home
from rules.tools.options import Call, read_call

_VALUED = frozenset(
    {
        "--cwd", "--modules-folder", "--cache-folder", "--registry", "--network-timeout", "--network-concurrency",
        "--mutex", "--proxy", "--https-proxy", "--use-yarnrc", "--prefix", "--global-folder",
        "--preferred-cache-folder", "--otp", "--link-folder", "--child-concurrency",
    }
)  # fmt: skip
_DOWNLOADS = frozenset({"", "install", "add", "upgrade", "import"})
# What only yarn 2 and later has, or what brings it. Of a home directory `.yarn` is where yarn 1 installs itself.
_BERRY = regex(
    r"\.yarnrc\.yml|\.yarn/berry|(?<!/root/)(?<!~/)(?<!HOME/)(?<!HOME}/)\.yarn\b|corepack|--immutable"
    r"|\byarn set version|yarn@(?:berry|stable|[2-9])|workspaces focus"
    r"|YARN_ENABLE|YARN_VERSION[ =]\"?v?[2-9]|\.pnp\."
)
# What yarn 2 and later does not know.
_ONLY_CLASSIC = (
    "--production", "--prod", "--pure-lockfile", "--non-interactive", "--no-progress", "--ignore-optional", "--flat",
    "--ignore-engines", "--ignore-scripts", "--ignore-platform", "--no-lockfile", "--silent", "-s", "--network-timeout",
)  # fmt: skip
_NEW_MANAGER = regex(r'"packageManager"\s{0,20}:\s{0,20}"yarn@[2-9]')


@lru_cache(maxsize=256)
def read_yarn(command: ShellCommand) -> Call | None:
    """Return the call of yarn, None for any other command."""
    return read_call(command, _VALUED) if command.name in ("yarn", "yarnpkg") else None


def fills_cache(command: ShellCommand) -> bool:
    """Tell whether the command downloads packages."""
    call = read_yarn(command)
    if call is None or call.has("--cache-folder", "--offline", "--help", "-h", "--version", "-v"):
        return False
    if call.verb == "global":
        return bool(call.operands) and call.operands[0].text in ("add", "upgrade")
    return call.verb in _DOWNLOADS and (call.action is None or call.action.literal)


def empties_cache(command: ShellCommand) -> bool:
    """Tell whether the command empties the cache."""
    call = read_yarn(command)
    return call is not None and call.verb == "cache" and bool(call.operands) and call.operands[0].text == "clean"


def cache_directory(scope: Scope) -> str:
    """Return where yarn classic keeps its cache; for root that is not below its home."""
    shared = scope.variable("XDG_CACHE_HOME")
    own = home(scope)
    default = f"{shared}/yarn" if shared else f"{'/usr/local/share' if own == '/root' else own}/.cache/yarn"
    return first_set(scope, "YARN_CACHE_FOLDER", "npm_config_cache_folder", default=default)


@lru_cache(maxsize=8)
def may_be_berry(dockerfile: Dockerfile) -> bool:
    """Tell whether a Dockerfile shows signs of yarn 2 or later."""
    return _BERRY.search(dockerfile.text) is not None


def is_classic(command: ShellCommand, surroundings: Surroundings) -> bool | None:
    """Tell whether yarn 1 runs this command, by its options or by the repository; None where neither tells."""
    context = surroundings.context
    if context is not None:
        if any(path.endswith((".yarnrc.yml", ".pnp.cjs")) for path in context.files):
            return False
        manifests = [text for path, text in context.texts.items() if path.endswith("package.json")]
        if any(_NEW_MANAGER.search(text) for text in manifests):
            return False
        if manifests or not any(path.endswith("package.json") for path in context.files):
            return True
    call = read_yarn(command)
    if call is not None and (call.verb == "global" or call.has(*_ONLY_CLASSIC)):
        return True
    return None
