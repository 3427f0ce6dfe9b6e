"""Which release of Debian or Ubuntu an image is built on, and what is installed in it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from rules.patterns import regex

TITLES = {
    "stretch": "Debian 9",
    "buster": "Debian 10",
    "bullseye": "Debian 11",
    "bookworm": "Debian 12",
    "trixie": "Debian 13",
    "forky": "Debian 14",
    "xenial": "Ubuntu 16.04",
    "bionic": "Ubuntu 18.04",
    "focal": "Ubuntu 20.04",
    "jammy": "Ubuntu 22.04",
    "noble": "Ubuntu 24.04",
    "resolute": "Ubuntu 26.04",
}
"""Releases by their code names, which no two of them share."""

_NUMBERS = {(title.split()[0].lower(), title.split()[1]): codename for codename, title in TITLES.items()}
_CODENAME = regex(rf"(?:^|-)({'|'.join(TITLES)})(?:-|$)")
_NUMBER = regex(r"(\d+(?:\.04)?)(?:\.\d+)?(?:-slim|-\d{8}(?:-slim)?)?")

# What the Dockerfiles of these images on Docker Hub install, without recommends.
_FETCH = ("ca-certificates", "curl", "gnupg", "netbase", "wget", "tzdata")
_SOURCES = (*_FETCH, "git", "mercurial", "openssh-client", "subversion", "procps")
_BUILD = (
    *_SOURCES, "autoconf", "automake", "bzip2", "default-libmysqlclient-dev", "dpkg-dev", "file", "g++", "gcc",
    "imagemagick", "libbz2-dev", "libc6-dev", "libcurl4-openssl-dev", "libdb-dev", "libevent-dev", "libffi-dev",
    "libgdbm-dev", "libglib2.0-dev", "libgmp-dev", "libjpeg-dev", "libkrb5-dev", "liblzma-dev", "libmagickcore-dev",
    "libmagickwand-dev", "libmaxminddb-dev", "libncurses5-dev", "libncursesw5-dev", "libpng-dev", "libpq-dev",
    "libreadline-dev", "libsqlite3-dev", "libssl-dev", "libtool", "libwebp-dev", "libxml2-dev", "libxslt1-dev",
    "libyaml-dev", "make", "patch", "unzip", "xz-utils", "zlib1g-dev",
)  # fmt: skip
_FULL = {
    "buildpack-deps": _BUILD,
    "python": (*_BUILD, "libbluetooth-dev", "tk-dev", "uuid-dev"),
    "node": _BUILD,
    "ruby": _BUILD,
    "perl": _BUILD,
    "rust": _BUILD,
    "golang": (*_SOURCES, "g++", "gcc", "libc6-dev", "make", "pkg-config"),
}
_UNPACK = ("bzip2", "unzip", "xz-utils")
_PHP = (
    "autoconf", "ca-certificates", "curl", "dpkg-dev", "file", "g++", "gcc", "libc6-dev", "make", "pkg-config", "re2c",
    "xz-utils",
)  # fmt: skip
# Images of which more is installed than is listed here, or whose tags do not tell the release.
_PART = {
    "openjdk": (*_SOURCES, *_UNPACK),
    "java": (*_SOURCES, *_UNPACK),
    "gradle": ("ca-certificates", "curl", "git", "openssh-client", "unzip", "wget"),
    "jenkins": ("ca-certificates", "curl", "git", "openssh-client", "unzip"),
    "jenkins/jenkins": ("ca-certificates", "curl", "git", "openssh-client", "unzip"),
    "tomcat": ("ca-certificates", "curl"),
    **dict.fromkeys(("php", "wordpress", "drupal", "nextcloud", "joomla", "matomo"), _PHP),
    **dict.fromkeys(("pypy", "erlang", "elixir", "gcc", "iojs"), _BUILD),
}
_SLIM = {
    "debian": (),
    "ubuntu": (),
    "python": ("ca-certificates", "netbase", "tzdata"),
    "node": (),
    "ruby": ("ca-certificates", "libgmp10", "libyaml-0-2", "procps"),
    "perl": ("ca-certificates", "curl"),
    "rust": ("ca-certificates", "gcc", "libc6-dev"),
}
_PLATFORM = regex(r"^(?:docker\.io/)?(?:amd64|i386|arm32v[567]|arm64v8|ppc64le|s390x|riscv64)/")
# What build-essential needs: where it is there, that package brings nothing.
_ESSENTIAL = frozenset({"dpkg-dev", "g++", "gcc", "libc6-dev", "make"})


class Base(NamedTuple):
    """The release that an image is built on, and what is installed beside the smallest system."""

    codename: str
    packages: tuple[str, ...]


@lru_cache(maxsize=512)
def read_base(image: str) -> Base | None:
    """Return what is known of an image as FROM writes it; None for what is not."""
    name, tag = _split(image)
    if name in ("debian", "ubuntu"):
        found = _NUMBER.fullmatch(tag)
        codename = _NUMBERS.get((name, found[1])) if found else _codename(tag)
        return Base(codename, ()) if codename and TITLES[codename].lower().startswith(name) else None
    codename = _codename(tag)
    packages = (_SLIM if "slim" in tag.split("-") else _FULL).get(name)
    return Base(codename, packages) if codename and packages is not None else None


@lru_cache(maxsize=512)
def packages_in(image: str) -> frozenset[str]:
    """Return packages that an image is known to have, whatever its release; there may be more."""
    name, tag = _split(_PLATFORM.sub("", image))
    words = tag.split("-")
    if name == "maven" and "jdk" in words and "slim" not in words:
        name = "openjdk"
    if "slim" in words:
        return frozenset(_SLIM.get(name, ()))
    if name in ("openjdk", "java") and "jre" in words:
        return frozenset((*_FETCH, *_UNPACK))
    if name == "tensorflow/tensorflow" and "devel" in words:
        return frozenset(
            ("build-essential", "ca-certificates", "curl", "git", "libcurl3-dev", "rsync", "unzip", "wget")
        )
    found = frozenset(_FULL.get(name) or _PART.get(name, ()))
    return found | {"build-essential"} if found >= _ESSENTIAL else found


def _split(image: str) -> tuple[str, str]:
    name, _, tag = image.partition("@")[0].removeprefix("docker.io/").removeprefix("library/").partition(":")
    return name, tag


def _codename(tag: str) -> str | None:
    found = _CODENAME.search(tag)
    return found[1] if found else None
