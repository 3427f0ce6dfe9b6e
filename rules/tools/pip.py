"""pip, and where it keeps its cache."""

from __future__ import annotations

from functools import lru_cache

from rules.dockerfile import Scope, ShellCommand
from rules.patterns import regex
from rules.tools.home import first_set, home
from rules.tools.options import Call, read_call

_PIP = regex(r"pip(?:-?[23](?:\.\d+)?)?$")
_PYTHON = regex(r"(?:python|pypy)(?:[23](?:\.\d+)?)?$")
_VALUED = frozenset(
    {
        "-r",
        "--requirement",
        "-c",
        "--constraint",
        "-e",
        "--editable",
        "-t",
        "--target",
        "-i",
        "--index-url",
        "--extra-index-url",
        "-f",
        "--find-links",
        "--trusted-host",
        "--proxy",
        "--timeout",
        "--retries",
        "--cache-dir",
        "--prefix",
        "--root",
        "--src",
        "--python",
        "--log",
        "-b",
        "--build",
        "--no-binary",
        "--only-binary",
        "--platform",
        "--python-version",
        "--implementation",
        "--abi",
        "--global-option",
        "--install-option",
        "--upgrade-strategy",
        "--progress-bar",
        "--cert",
        "--exists-action",
        "--use-feature",
        "--report",
    }
)
# pip got --no-cache-dir in 6.0; the python-pip of these distributions is older: 1.0 to 1.5. Images of Python itself
# bring a pip of their own.
_OLD_DISTRIBUTION = regex(
    r"(?:^|/)(?:ubuntu[\w-]*|debian):(?:v?(?:[67]|8)(?:\.\d+)*(?:-|$)|1[0-5]\.\d\d|oldoldstable)"
    r"|ubuntu-?1[0-5]\.\d\d|lucid|precise|quantal|raring|saucy|trusty|utopic|vivid|wily|squeeze|wheezy|jessie"
    r"|^(?:docker\.io/)?(?:dockerfile|tutum)/"  # all of them are made from Ubuntu 14.04 and older
    r"|(?:^|/)alpine:3\.[01](?:\.\d+)?$|baseimage:0\.9\.(?:\d|1[0-8])(?:-|$)"
)
# Releases whose pip knows it, as images are named for them.
_NEW_DISTRIBUTION = regex(
    r"(?:^|/)(?:ubuntu|debian)(?::(?:latest|rolling|devel|stable|testing|unstable|sid|9|1\d(?!\.)|2\d)(?:[.-].*)?)?$"
    r"|debian:1\d|ubuntu[:-]?(?:1[6-9]|2\d)\.?\d\d|xenial|bionic|focal|jammy|noble|stretch|buster|bullseye|bookworm|trixie"
)
# Distributions whose pip has always been newer, and publishers whose images came later: unlike the many images of
# Docker Hub that were made from Ubuntu 14.04, once and for all.
_NEVER_TOO_OLD = regex(
    r"alpine|centos|fedora|rockylinux|almalinux|(?:^|/)ubi\d|amazonlinux|archlinux|python3\.?[5-9]"
    r"|^(?:docker\.io/)?(?:jupyter|tensorflow|pytorch|continuumio|conda|condaforge|mambaorg|tiangolo|rocker|linuxserver"
    r"|lsiobase|jlesage|circleci|cimg|lambci|google|nvidia|homeassistant|jenkins|jenkinsci|bitnami|apache)/"
    r"|^(?:nvcr\.io|mcr\.microsoft\.com|public\.ecr\.aws|gcr\.io/(?:google-appengine|tensorflow|deeplearning-platform))/"
    r"|^(?:docker\.io/)?(?:library/)?[^/]+$"  # Docker's own
)
# Docker's own images that were made from Debian 8 last, or by the tag's time: the pip that apt installs there is 1.5.
_ON_DEBIAN_8 = regex(
    r"^(?:docker\.io/)?(?:library/)?(?:java:|node:(?:0|4|5|7)\b|node:6\.(?:\d|1[0-4])\b|node:8\.(?:\d|1[0-4])\b"
    r"|ruby:2\.[0-2]\b|php:5\.[345]\b|golang:1\.[0-8]\b)"
)
# Python's own images of the years before pip 6.0.
_OWN_OLD_PIP = regex(r"^(?:docker\.io/)?(?:library/)?python:(?:2\.7\.[0-8]|3\.[0-3]\.[0-5]|3\.4\.[01])(?:-|$)")
_OWN_PIP = regex(r"(?:^|/)(?:python|pypy|anaconda\d?|miniconda\d?):")


@lru_cache(maxsize=256)
def read_pip(command: ShellCommand) -> Call | None:
    """Return the call of pip, None for any other command.

    Also `python -m pip`, pip below a directory that a variable names, and the pip that xargs runs.
    """
    name = command.name
    if _PIP.match(name):
        return read_call(command, _VALUED)
    if _PYTHON.match(name):
        return _read_module(command)
    if name == "xargs":
        at = next((at for at, text in enumerate(command.texts) if _PIP.match(text.rpartition("/")[2])), None)
        return None if at is None else read_call(command, _VALUED, at + 1)
    return None


def _read_module(command: ShellCommand) -> Call | None:
    texts = command.texts
    for at in range(1, len(texts) - 1):
        if texts[at] == "-mpip":
            return read_call(command, _VALUED, at + 1)
        if texts[at] == "-m":
            return read_call(command, _VALUED, at + 2) if _PIP.match(texts[at + 1]) else None
        if not texts[at].startswith("-"):
            return None
    return None


def is_python(name: str) -> bool:
    """Tell whether a program is an interpreter of Python."""
    return _PYTHON.match(name) is not None


def may_be_too_old(base: str) -> bool:
    """Tell whether a base image packages a pip that does not know `--no-cache-dir`."""
    lowered = base.lower()
    if _OWN_PIP.search(lowered) is not None:
        return _OWN_OLD_PIP.search(lowered) is not None
    return _OLD_DISTRIBUTION.search(lowered) is not None


def is_new_enough(base: str) -> bool:
    """Tell whether a base image is known to package a pip that knows `--no-cache-dir`, or to bring one of its own."""
    lowered = base.lower()
    return _NEW_DISTRIBUTION.search(lowered) is not None or _OWN_PIP.search(lowered) is not None


def is_never_too_old(base: str) -> bool:
    """Tell whether a base image that brings a pip brings one that knows `--no-cache-dir`."""
    return _NEVER_TOO_OLD.search(base.lower()) is not None


def is_on_debian_8(base: str) -> bool:
    """Tell whether apt installs a pip on a base image of Docker's own that keeps nothing and does not know the flag."""
    return _ON_DEBIAN_8.search(base.lower()) is not None


def cache_directory(scope: Scope) -> str:
    """Return where pip keeps its cache."""
    shared = scope.variable("XDG_CACHE_HOME")
    return first_set(scope, "PIP_CACHE_DIR", default=f"{shared}/pip" if shared else f"{home(scope)}/.cache/pip")


def empties_cache(command: ShellCommand) -> bool:
    """Tell whether the command is pip's own way to delete its cache."""
    call = read_pip(command)
    return (
        call is not None
        and call.verb == "cache"
        and bool(call.operands)
        and call.operands[0].text in ("purge", "remove")
    )


def configures(command: ShellCommand) -> bool:
    """Tell whether the command is `pip config`."""
    call = read_pip(command)
    return call is not None and call.verb == "config"


def fills_cache(command: ShellCommand) -> bool:
    """Tell whether the command downloads or builds packages and keeps them."""
    call = read_pip(command)
    if call is None or call.verb not in ("install", "wheel", "download"):
        return False
    if call.has("--cache-dir", "--help", "-h", "--dry-run", "--no-index"):
        return False
    if any(option.startswith("--no-c") and "--no-cache-dir".startswith(option) for option in call.options):
        return False  # pip takes the beginning of an option for the whole
    return bool(call.operands) or command.name == "xargs" or call.has("-r", "--requirement", "-e", "--editable")
