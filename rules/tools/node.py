"""node: which npm comes with an image, and whether a program is started with nothing but node."""

from __future__ import annotations

import re

from rules.dockerfile import Instruction
from rules.patterns import regex

_IMAGE = regex(r"(?:^|/)node(?::([\w.-]+))?(?:@sha256:\w+)?$")
# Source: the names of the long-term releases at nodejs.org/en/about/previous-releases.
_NAMES = {
    "argon": 4, "boron": 6, "carbon": 8, "dubnium": 10, "erbium": 12, "fermium": 14, "gallium": 16, "hydrogen": 18,
    "iron": 20, "jod": 22, "krypton": 24,
}  # fmt: skip
_NEWEST = regex(r"(?:lts|latest|current|alpine|slim|bookworm|bullseye|trixie)(?:[-.]|\d|$)")
_AROUND = frozenset({"tini", "dumb-init", "docker-entrypoint.sh", "--", "-g", "-s", "exec"})
_STARTERS = frozenset({"node", "nodejs", "pm2", "pm2-runtime", "pm2-docker", "forever"})
_MANAGERS = frozenset({"npm", "yarn", "pnpm"})
_DEVELOPS = regex(
    r"(?:^|[:/_-])(?:dev|develop|development|test|tests|watch|serve|storybook|debug|build|lint|e2e|local|nodemon|ts-node"
    r"|ts-node-dev|tsx|tsc|webpack|webpack-dev-server|vite|next|nuxt|ng|gulp|grunt|react-scripts|vue-cli-service"
    r"|babel-node|babel|npx|ember|parcel|rollup|jest|mocha|karma|cypress|playwright|expo|gatsby|concurrently|cross-env"
    r"|env-cmd|dotenv|npm-run-all|run-s|run-p|nest|strapi|hexo|gitbook|bower|swc-node|register|inspect)(?:$|[:/@._-])"
)
_SCRIPT = regex(r"[\w./-]+")


def npm_version(base: str) -> int | None:
    """Return the major version of npm in an official image of node, a newer one as 8; None where nothing tells."""
    match = _IMAGE.search(base)
    if match is None:
        return None
    tag = match[1] or "latest"
    digits = re.match(r"\d{1,3}(?=[.-]|$)", tag)
    major = int(digits[0]) if digits else _NAMES.get(tag.partition("-")[0])
    if major is None:
        return 8 if _NEWEST.match(tag) else None
    return 8 if major >= 16 else 7 if major == 15 else 6 if major >= 8 else None


def started_script(each: Instruction) -> str | None:
    """Return the script of package.json that a CMD or ENTRYPOINT starts, None for any other program."""
    words = _program(each)
    if not words or words[0] not in _MANAGERS:
        return None
    rest = [word for word in words[1:] if not word.startswith("-")]
    if rest[:1] in (["run"], ["run-script"]):
        rest = rest[1:]
    return rest[0] if rest else None


def starts_plainly(each: Instruction) -> bool | None:
    """Tell whether a CMD or ENTRYPOINT starts a program with node alone; None where the file does not show it."""
    words = _program(each)
    return True if not words else is_plain(words)


def is_plain(words: list[str]) -> bool | None:
    """Tell whether a command line starts a program with node alone, False where it takes a tool for development."""
    if any(_DEVELOPS.search(word) for word in words):
        return False
    if words[0].rpartition("/")[2] not in _STARTERS or any(word in ("-r", "--require", "--loader") for word in words):
        return None
    return True if all(_SCRIPT.fullmatch(word) or word.startswith("--") for word in words) else None


def _program(each: Instruction) -> list[str]:
    words = [word.text for word in each.exec_words] if each.exec_words is not None else each.arguments.split()
    while words and (words[0].rpartition("/")[2] in _AROUND):
        words = words[1:]
    return words
