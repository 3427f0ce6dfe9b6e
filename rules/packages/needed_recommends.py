"""Which recommended packages a build or its result is known to need.

Each entry was read off Debian's and Ubuntu's package metadata, where the package stands under Recommends, and off
complaints of builds that broke without it (`curl: (77)`, `stdio.h: No such file`, `xvfb-run: error: xauth command not
found`, `gpg: failed to start agent`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rules.dockerfile import ShellCommand
from rules.runs import Run
from rules.tools import apt, pip
from rules.tools.options import Call

_HTTPS_CLIENTS = frozenset({"curl", "wget", "git", "git-core", "libcurl4", "libcurl3", "aria2", "axel", "subversion"})
_C_COMPILERS = re.compile(r"(?:gcc|clang|tcc)(?:-\d+(?:\.\d+)?)?$")
_CXX_COMPILERS = re.compile(r"(?:g\+\+|build-essential|libc6-dev|musl-dev)(?:-\d+(?:\.\d+)?)?$")
# Their recommends are what makes them work, or are most of what people want of them.
_LOAD_BEARING = re.compile(
    r"(?:texlive|texmaker|lyx|pandoc|task-|tasksel|.*-desktop$|lxde|xfce|gnome|kde|mate-|cinnamon|lxqt|wine|winetricks"
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
_CERTIFICATES_INCLUDED = re.compile(
    r"(?:^|/)(?:buildpack-deps|node|python|ruby|golang|php|rust|openjdk|maven|gradle|perl|erlang|elixir|haskell|gcc)"
    r":(?!.*(?:slim|alpine|onbuild))"
)


@dataclass(frozen=True, slots=True)
class Needs:
    """Recommended packages to name in the fix; `risk` is why the fix is only shown, empty where it is offered."""

    packages: tuple[str, ...]
    risk: str


def needs(run: Run, call: Call) -> Needs:
    """Return what to keep of the recommends of one install."""
    named = [word.text.partition("=")[0].partition(":")[0].partition("/")[0] for word in call.operands if word.literal]
    present = {*named, *_installed_before(run, call.command)}
    packages: list[str] = []
    text = _text_from(run)
    if (
        "ca-certificates" not in present
        and not _CERTIFICATES_INCLUDED.search(run.stage.base)
        and (not _HTTPS_CLIENTS.isdisjoint(named) or "https://" in text)
    ):
        packages.append("ca-certificates")
    if any(_C_COMPILERS.match(name) for name in named) and not any(_CXX_COMPILERS.match(name) for name in present):
        packages.append("libc6-dev")
    if not {"git", "git-core"}.isdisjoint(named) and "openssh-client" not in present and _uses_ssh(text):
        packages.append("openssh-client")
    if "xvfb" in named and "xauth" not in present:
        packages.append("xauth")
    if "software-properties-common" in named and "gpg-agent" not in present and _has_gpg_agent(run):
        packages.append("gpg-agent")
    if not {"gnupg", "gnupg2"}.isdisjoint(named) and "dirmngr" not in present and "--recv-key" in text:
        packages.append("dirmngr")
    return Needs(tuple(packages), _risk(run, named, present))


def _risk(run: Run, named: list[str], present: set[str]) -> str:
    pip_packages = {"python-pip", "python3-pip"} & set(named)
    if pip_packages and any(pip.read_pip(command) for each in (run, *run.later()) for command in each.commands):
        if "build-essential" in present and {"python-dev", "python3-dev"} & present:
            named = [name for name in named if name not in pip_packages]
        else:
            name = sorted(pip_packages)[0]
            return f"{name} recommends the compiler and headers that pip needs wherever no wheel exists."
    for name in named:
        if _LOAD_BEARING.match(name):
            return f"What {name} recommends may be needed to use it; try this build before you keep it."
    return ""


def _installed_before(run: Run, until: ShellCommand) -> set[str]:
    names: set[str] = set()
    for each in (*run.earlier(), run):
        for command in each.commands:
            if command is until:
                return names
            call = apt.read_apt(command)
            if call is not None and call.verb == "install":
                names.update(word.text.partition("=")[0] for word in call.operands if word.literal)
    return names


def _text_from(run: Run) -> str:
    """Return the source of this RUN and of all that is built on it, ADD and COPY left out."""
    later = (each.instruction for each in run.later())
    return "\n".join(each.span.of(run.dockerfile.text) for each in (run.instruction, *later))


def _uses_ssh(text: str) -> bool:
    return "git@" in text or "ssh://" in text or "ssh-keyscan" in text or "/.ssh" in text


def _has_gpg_agent(run: Run) -> bool:
    """Tell whether the distribution splits gpg-agent off: Ubuntu 18.04 and Debian 9 do, older ones do not."""
    return re.search(r"(?:1[0-7]\.\d\d|trusty|xenial|precise|jessie|wheezy|:[78]\b)", run.stage.base) is None
