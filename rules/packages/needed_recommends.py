"""Which recommended packages a build or its result is known to need.

Each entry was read off Debian's and Ubuntu's package metadata, where the package stands under Recommends, and off
complaints of builds that broke without it (`curl: (77)`, `stdio.h: No such file`, `xvfb-run: error: xauth command not
found`, `gpg: failed to start agent`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from rules.dockerfile import Dockerfile, Instruction, ShellCommand
from rules.patterns import regex
from rules.runs import Fact, Run
from rules.tools import apt, pip
from rules.tools.options import Call

_RELEASE = regex(r"[=:/]")
_HTTPS_CLIENTS = frozenset({"curl", "wget", "git", "git-core", "libcurl4", "libcurl3", "aria2", "axel", "subversion"})
_C_COMPILERS = regex(r"(?:gcc|clang|tcc|gfortran)(?:-\d+(?:\.\d+)?)?$")
_CXX_COMPILERS = regex(r"(?:g\+\+|build-essential|libc6-dev|musl-dev)(?:-\d+(?:\.\d+)?)?$")
# Releases that are known to have gpg-agent as a package of its own.
_HAS_GPG_AGENT = regex(
    r"^(?:docker\.io/)?(?:library/)?(?:ubuntu(?::(?:1[89]|2\d)\.\d\d|:bionic|:focal|:jammy|:noble|:latest|:rolling|$)"
    r"|debian(?::(?:9|1\d)|:stretch|:buster|:bullseye|:bookworm|:trixie|:stable|:latest|$))"
)
# Their recommends are what makes them work, or are most of what people want of them.
_LOAD_BEARING = regex(
    r"(?:gcc-(?!\d)|sshpass|texlive|texmaker|lyx|pandoc|task-|tasksel|.*-desktop$|lxde|xfce|gnome|kde|mate-|cinnamon|lxqt|wine|winetricks"
    r"|libreoffice|r-base|r-cran|r-recommended|docker|lxc|lxd|qemu|libvirt|virt|kvm|devscripts|debhelper|dh-|dpkg-dev"
    r"|packaging-dev|ubuntu-|kubuntu|xubuntu|xorg|xserver|openbox|fluxbox|i3|chromium|firefox|google-chrome|steam"
    r"|ros-|gazebo|eclipse|mono-complete|mono-devel|gnuradio|octave|asterisk|freeswitch|samba|postfix|dovecot|mailutils"
    r"|roundcube|phpmyadmin|zabbix|nagios|icinga|munin|collectd|openvswitch|ansible|puppet|chef|saltstack|salt-"
    r"|mysql-server|mariadb-server|postgresql(?:-\d|$)|mongodb|elasticsearch|rabbitmq|erlang|elixir|ghc|haskell"
    r"|golang|ruby(?:\d|$|-dev)|bundler|rails|npm|composer|maven|gradle|ant$|sbt|leiningen|scala|cargo|rustc"
    r"|snapd|systemd|dbus|network-manager|plymouth|pulseaudio|alsa|jackd|gstreamer|vlc|mpv|kodi|inkscape|gimp|blender"
    r"|imagemagick|graphicsmagick|ghostscript|graphviz|tesseract|calibre|wkhtmltopdf|sagemath|maxima|gnuplot"
    r"|python3?-pip$|python3?-(?:matplotlib|scipy|opencv|pyqt|ipython)|ipython|jupyter|virtualenv|python3?-virtualenv"
    r"|cmake|autoconf|automake|libtool|meson|scons|flex|bison|swig|gdb|valgrind|strace|perf|linux-tools|linux-headers"
    r"|dkms|kernel|nvidia|cuda|opencl|mesa|libgl|vim|emacs|neovim|tmux|screen|zsh|fish|openssh-server)"
)
_CERTIFICATES_INCLUDED = regex(
    r"(?:^|/)(?:buildpack-deps|node|python|ruby|golang|php|rust|openjdk|maven|gradle|perl|erlang|elixir|haskell|gcc)"
    r":(?!.*(?:slim|alpine|onbuild))"
)


# Packages whose earlier install makes a difference to what is needed now.
_WATCHED = (
    "ca-certificates",
    "openssh-client",
    "xauth",
    "gpg-agent",
    "dirmngr",
    "build-essential",
    "libc6-dev",
    "g++",
    "python-dev",
    "python3-dev",
    "python-setuptools",
    "python3-setuptools",
)


class Needs(NamedTuple):
    """Recommended packages to name in the fix; `risk` is why the fix is only shown, empty where it is offered."""

    packages: tuple[str, ...]
    risk: str


def needs(run: Run, call: Call) -> Needs:
    """Return what to keep of the recommends of one install."""
    named = [bare_name(word.text) for word in call.operands if word.literal]
    present = {name for name in _WATCHED if is_installed(run, call.command, name)} | set(named)
    packages: list[str] = []
    if "ca-certificates" not in present and _needs_certificates(run, call):
        packages.append("ca-certificates")
    if any(_C_COMPILERS.match(name) for name in named) and not any(_CXX_COMPILERS.match(name) for name in present):
        packages.append("libc6-dev")
    if not {"git", "git-core"}.isdisjoint(named) and "openssh-client" not in present and _speaks(run, _speaks_ssh):
        packages.append("openssh-client")
    if "xvfb" in named and "xauth" not in present:
        packages.append("xauth")
    if "software-properties-common" in named and "gpg-agent" not in present and _HAS_GPG_AGENT.search(run.base):
        packages.append("gpg-agent")
    if not {"gnupg", "gnupg2"}.isdisjoint(named) and "dirmngr" not in present and _speaks(run, _fetches_keys):
        packages.append("dirmngr")
    packages += _setuptools(run, named, present)
    risk = _risk(run, named, present)
    if packages and not _confirms(call):
        risk = risk or "This install waits for a confirmation as soon as a package is added: -y is missing."
    return Needs(tuple(packages), risk)


def _setuptools(run: Run, named: list[str], present: set[str]) -> list[str]:
    """Return what pip builds with: before Debian 11 and Ubuntu 20.10 it is only recommended."""
    wanted = [f"{name.removesuffix('-pip')}-setuptools" for name in ("python-pip", "python3-pip") if name in named]
    wanted = [name for name in wanted if name not in present]
    return wanted if wanted and _speaks(run, _runs_pip) else []


def _needs_certificates(run: Run, call: Call) -> bool:
    """Tell whether this install is the one that has to bring the certificates.

    The first install of a client that recommends them is: with or without the fix they are there from then on.
    """
    if _CERTIFICATES_INCLUDED.search(run.stage.base):
        return False
    first = _first_client(run.dockerfile, run.stage.index)
    if first is None:
        return _names_client(call) or _speaks(run, _speaks_https)
    here, there = call.command.span.start, first.span.start
    if here < there:
        return _names_client(call) or _is_https_between(run.dockerfile, here, there)
    return call.command is first


def _names_client(call: Call) -> bool:
    return any(word.literal and bare_name(word.text) in _HTTPS_CLIENTS for word in call.operands)


@lru_cache(maxsize=8)
def _first_client(dockerfile: Dockerfile, stage: int) -> ShellCommand | None:
    """Return the first install, up to the end of a stage, that certainly runs and takes a client's recommends along."""
    for _, each in dockerfile.lineage(dockerfile.stages[stage]):
        if each.keyword == "RUN" and "apt" in each.value:
            for command in each.commands:
                call = apt.read_apt(command)
                if call is None or call.verb != "install" or command.nesting or command.before == "||":
                    continue
                if _names_client(call) and not apt.skips_recommends(call):
                    return command
    return None


@lru_cache(maxsize=8)
def _https(dockerfile: Dockerfile) -> list[int]:
    return [match.start() for match in re.finditer("https://", dockerfile.text)]


def _is_https_between(dockerfile: Dockerfile, start: int, end: int) -> bool:
    found = _https(dockerfile)
    at = bisect_left(found, start)
    return at < len(found) and found[at] < end


def _confirms(call: Call) -> bool:
    return call.has("-y", "--yes", "--assume-yes", "-qq", "--force-yes") or any(
        "assume-yes" in o.lower() for o in call.options
    )


def _risk(run: Run, named: list[str], present: set[str]) -> str:
    pip_packages = {"python-pip", "python3-pip"} & set(named)
    if pip_packages and _speaks(run, _runs_pip):
        if "build-essential" in present and {"python-dev", "python3-dev"} & present:
            named = [name for name in named if name not in pip_packages]
        else:
            name = min(pip_packages)
            return f"{name} recommends the compiler and headers that pip needs wherever no wheel exists."
    if "software-properties-common" in named and "gpg-agent" not in present and not _HAS_GPG_AGENT.search(run.base):
        return "Where gpg-agent is a package of its own, software-properties-common only recommends it and needs it."
    for name in named:
        if _LOAD_BEARING.match(name):
            return f"What {name} recommends may be needed to use it; try this build before you keep it."
    return ""


def bare_name(package: str) -> str:
    """Return the name of a package without version, architecture and release."""
    return _RELEASE.split(package, maxsplit=1)[0]


def is_installed(run: Run, until: ShellCommand, name: str) -> bool:
    """Tell whether an install in front of `until` names a package."""
    first = _first_installs(run.dockerfile, run.stage.index).get(name)
    if first is not None and first < run.instruction.index:
        return True
    for command in run.commands:
        if command is until:
            return False
        if name in _packages(command):
            return True
    return False


@lru_cache(maxsize=8)
def _first_installs(dockerfile: Dockerfile, stage: int) -> dict[str, int]:
    """Return the instruction that first names each package, up to the end of a stage."""
    found: dict[str, int] = {}
    for _, each in dockerfile.lineage(dockerfile.stages[stage]):
        if each.keyword == "RUN" and "apt" in each.span.of(dockerfile.text):
            for call in installs_in(each):
                for name in _packages(call.command):
                    found.setdefault(name, each.index)
    return found


def installs_in(run: Instruction) -> Iterator[Call]:
    """Yield the installs of one RUN."""
    for command in run.commands:
        call = apt.read_apt(command)
        if call is not None and call.verb == "install":
            yield call


def _packages(command: ShellCommand) -> list[str]:
    call = apt.read_apt(command)
    if call is None or call.verb != "install":
        return []
    return [bare_name(word.text) for word in call.operands if word.literal]


def _speaks(run: Run, fact: Fact) -> bool:
    """Tell whether `fact` holds for this RUN or for anything on top of it."""
    return fact(run.instruction) or run.is_followed_by(fact)


def _source(each: Instruction) -> str:
    return each.span.of(each.document) if each.keyword == "RUN" else ""


def _speaks_https(each: Instruction) -> bool:
    return "https://" in _source(each)


def _speaks_ssh(each: Instruction) -> bool:
    text = _source(each)
    return "git@" in text or "ssh://" in text or "ssh-keyscan" in text or "/.ssh" in text or "ansible" in text


def _fetches_keys(each: Instruction) -> bool:
    return "--recv-key" in _source(each)


def _runs_pip(each: Instruction) -> bool:
    return "pip" in _source(each) and any(pip.read_pip(command) is not None for command in each.commands)
