"""The configuration as values, and what it says about one Dockerfile or one check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from bot.dockerfiles import is_dockerfile
from rules.config import Config
from rules.dockerfile.dockerignore import Ignore, IgnoreError, read_ignore
from rules.finding import Finding, Severity
from rules.registry import FAMILIES, RULES

FILE = ".github/dockslim.yml"
"""Where a repository keeps it."""
ORGANISATION_FILE = "dockslim.yml"
"""Where an organisation keeps its default, in its repository `.github`."""
ALL, ON, OFF = "all", "on", "off"
ALWAYS, ON_REQUEST, NEVER = "always", "on-request", "never"
"""When images are built to be measured."""
_RANK = (Severity.INFO, Severity.WARNING, Severity.ERROR)


@dataclass(frozen=True, slots=True)
class Threshold:
    """What makes a check run fail: a severity, or bytes that all findings are known to save; neither: nothing does."""

    severity: Severity | None = None
    bytes: int | None = None

    def is_reached(self, findings: Iterable[Finding]) -> bool:
        """Tell whether findings that a pull request brought are enough; those below the floor do not count."""
        counted = [each for each in findings if not each.is_small]
        if self.severity is not None:
            return any(_RANK.index(each.severity) >= _RANK.index(self.severity) for each in counted)
        if self.bytes is not None:
            return bool(counted) and sum(each.saving.bytes or 0 for each in counted) >= self.bytes
        return False


@dataclass(frozen=True, slots=True)
class Budget:
    """Bytes that may not be exceeded; None: any number may."""

    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Paths:
    """Which Dockerfiles are looked at, by patterns as in .gitignore; no `include`: all."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Image:
    """An image that the repository builds; `context` is "" for the repository's top, None where it is not said."""

    dockerfile: str
    context: str | None = None
    target: str = ""
    build_args: tuple[tuple[str, str], ...] = ()
    platforms: tuple[str, ...] = ()
    max_size: int | None = None
    """Bytes above which the check run fails."""


@dataclass(frozen=True, slots=True)
class Reviews:
    """What is said on pull requests, and on which."""

    comments: int = 20
    drafts: bool = False
    bots: bool = True
    summary: bool = True
    resolve: bool = True


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that can be configured. `rules` maps codes, families (`DS2`) and `all` to `on`, `off` or a severity."""

    rules: Mapping[str, str] = field(default_factory=dict)
    floor: int = Config().floor
    fail: Threshold = Threshold()
    paths: Paths = Paths()
    images: tuple[Image, ...] = ()
    review: Reviews = Reviews()
    builds: str = NEVER
    max_growth: Budget = Budget()

    def covers(self, path: str) -> bool:
        """Tell whether a file is a Dockerfile to look at: named as one or listed in `images`, and not left out."""
        if any(each.dockerfile == path for each in self.images):
            is_wanted = True
        else:
            is_wanted = is_dockerfile(path) and (not self.paths.include or _match(self.paths.include, path))
        return is_wanted and not (self.paths.exclude and _match(self.paths.exclude, path))

    def config_for(self, path: str) -> Config:
        """Return what rules have to know when they read one file."""
        off, severities = _resolve(tuple(self.rules.items()))
        images = [each for each in self.images if each.dockerfile == path]
        return Config(
            on=frozenset(code for code, choice in self.rules.items() if choice != OFF),
            ignore=off,
            targets=frozenset(each.target for each in images if each.target),
            floor=self.floor,
            severities=severities,
            roots=frozenset(each.context for each in images if each.context is not None),
        )


DEFAULT = Configuration()


def read_globs(patterns: Iterable[str]) -> Ignore | IgnoreError:
    """Return patterns as in .gitignore, ready to be asked about paths from the repository's top."""
    return read_ignore("\n".join(map(_translate, patterns)))


@lru_cache(maxsize=64)
def _resolve(entries: tuple[tuple[str, str], ...]) -> tuple[frozenset[str], Mapping[str, Severity]]:
    """Return the codes of the rules that are off, and the severities that are not the rules' own."""
    rules = dict(entries)
    chosen = {rule.code: _choose(rule.code, rules) for rule in RULES}
    severities = {code: Severity(choice) for code, choice in chosen.items() if choice not in (ON, OFF)}
    return frozenset(code for code, choice in chosen.items() if choice == OFF), severities


def _choose(code: str, rules: Mapping[str, str]) -> str:
    """Return what is said about a rule: what names it counts more than what names its family."""
    family = next((each for each in FAMILIES if code.startswith(each)), ALL)
    return next((rules[each] for each in (code, family, ALL) if each in rules), ON)


def _translate(pattern: str) -> str:
    """Write a pattern as an ignore file of the builder has it: there, what has no slash matches at the top only."""
    sign = "!" if pattern.startswith("!") else ""
    text = pattern.removeprefix("!").replace("[!", "[^")
    if text.startswith("#"):
        text = "\\" + text
    if text.rstrip("/").count("/") == 0:
        text = f"**/{text}"
    # A pattern that ends with a slash is for folders: for what is in them.
    return sign + (f"{text}**" if text.endswith("/") else text)


@lru_cache(maxsize=64)
def _matcher(patterns: tuple[str, ...]) -> Ignore | IgnoreError:
    return read_globs(patterns)


def _match(patterns: tuple[str, ...], path: str) -> bool:
    matcher = _matcher(patterns)
    return not isinstance(matcher, IgnoreError) and matcher.ignores(path)
