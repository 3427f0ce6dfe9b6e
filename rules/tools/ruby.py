"""gem and bundler: what they install, where bundler's archives lie, which gem knows `--no-document`."""

from __future__ import annotations

from functools import lru_cache

from rules.dockerfile import Instruction, Scope, ShellCommand
from rules.patterns import regex
from rules.tools.options import Call, read_call

_GEM_VALUED = frozenset(
    {
        "-v",
        "--version",
        "-i",
        "--install-dir",
        "-n",
        "--bindir",
        "-s",
        "--source",
        "-p",
        "--platform",
        "-P",
        "--trust-policy",
    }
)
_BUNDLE_VALUED = frozenset(
    {"--path", "--without", "--with", "--jobs", "-j", "--retry", "-r", "--gemfile", "--binstubs", "--standalone"}
)
_BUNDLE_PLACES = ("--path", "--deployment", "--system", "--standalone", "--local", "--gemfile")
_OFFICIAL = regex(r"(?:^|(?:^|/)library/|^docker\.io/)ruby(?::|@|$)")
# Images whose ruby, if they get one, comes from a package of Debian or Ubuntu, and makes documentation. What is left
# out: images of ruby itself, whose gemrc says --no-document, and Alpine, whose ruby has rdoc in a package of its own.
_PACKAGED = regex(
    r"(?:^|(?:^|/)library/|^docker\.io/)(?:debian|ubuntu|buildpack-deps|node|python|php|openjdk)(?::([\w.-]+))?$"
)
# The rubygems of these is older than 2.0, which brought --no-document.
_OLD = regex(
    r"debian:7(?:[.-]|$)|ubuntu:1[0-4]\.\d\d|[-:](?:wheezy|squeeze|lenny|lucid|precise|quantal|raring|saucy|trusty)"
)


@lru_cache(maxsize=256)
def read_gem(command: ShellCommand) -> Call | None:
    """Return the call of gem, None for any other command."""
    return read_call(command, _GEM_VALUED) if command.name == "gem" else None


@lru_cache(maxsize=256)
def read_bundle(command: ShellCommand) -> Call | None:
    """Return the call of bundler, None for any other command."""
    return read_call(command, _BUNDLE_VALUED) if command.name in ("bundle", "bundler") else None


def makes_documentation(base: str) -> bool:
    """Tell whether `gem install` of the ruby that a base image packages writes documentation."""
    match = _PACKAGED.search(base.lower())
    return match is not None and "alpine" not in base


def knows_no_document(base: str) -> bool:
    """Tell whether the gem of a base image knows `--no-document`."""
    return _OLD.search(base.lower()) is None


def installs_bundle(command: ShellCommand) -> bool:
    """Tell whether the command installs what a Gemfile names where GEM_HOME says."""
    call = read_bundle(command)
    if call is None or call.verb not in ("", "install", "update") or call.has("--version", "-v", "--help"):
        return False
    return not call.has(*_BUNDLE_PLACES)


def moves_bundle(each: Instruction) -> bool:
    """Tell whether bundler is told to install elsewhere than GEM_HOME says."""
    return each.keyword == "RUN" and "bundle" in each.value and "config" in each.value


def archive_directory(scope: Scope, base: str) -> str | None:
    """Return where bundler leaves the archives of gems, None where the file does not tell."""
    if any(map(scope.sets, ("BUNDLE_PATH", "BUNDLE_DEPLOYMENT", "BUNDLE_APP_CONFIG", "BUNDLE_PATH__SYSTEM"))):
        return None
    if scope.sets("GEM_HOME"):
        home = scope.variable("GEM_HOME")
        return f"{home}/cache" if home and home.startswith("/") else None
    # Source: the Dockerfiles of docker-library/ruby say ENV GEM_HOME /usr/local/bundle.
    return "/usr/local/bundle/cache" if _OFFICIAL.search(base) else None
