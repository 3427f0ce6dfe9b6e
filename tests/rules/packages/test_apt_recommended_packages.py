"""apt-recommended-packages."""

from __future__ import annotations

import pytest

from rules.fix import Applicability
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS201"
D = "FROM debian:12\n"
SILENT = {
    "phusion": "FROM phusion/baseimage:0.9.13\nRUN apt-get update && apt-get install -y nano wget curl git\n",
    "flag": D + "RUN apt-get install -y --no-install-recommends cron\n",
    "flag-behind-packages": D + "RUN apt-get install -y cron --no-install-recommends\n",
    "flag-before-install": D + "RUN apt-get --no-install-recommends install -y cron\n",
    "option-0": D + "RUN apt-get -o APT::Install-Recommends=0 install -y cron\n",
    "option-false": D + "RUN apt-get install -y -o APT::Install-Recommends=false cron\n",
    "option-quoted": D + 'RUN apt-get install -y -o "APT::Install-Recommends=no" cron\n',
    "option-long": D + "RUN apt-get install -y --option=APT::Install-Recommends=false cron\n",
    "option-joined": D + "RUN apt-get install -y -oAPT::Install-Recommends=false cron\n",
    "apt.conf.d-same-run": D
    + "RUN echo 'APT::Install-Recommends \"0\";' > /etc/apt/apt.conf.d/01 && apt-get install -y cron\n",
    "apt.conf.d-earlier-run": D
    + "RUN echo 'APT::Install-Recommends \"0\";' > /etc/apt/apt.conf.d/01\nRUN apt-get install -y cron\n",
    "apt.conf.d-copied": D + "COPY no-recommends /etc/apt/apt.conf.d/01\nRUN apt-get install -y cron\n",
    "apt.conf.d-in-the-parent-stage": "FROM debian:12 AS base\nCOPY 01 /etc/apt/apt.conf.d/\n"
    "FROM base\nRUN apt-get install -y cron\n",
    "apt.conf-copied": D + "COPY apt.conf /etc/apt/\nRUN apt-get install -y cron\n",
    "apt.conf-written-inline": D + "COPY <<EOF /etc/apt/apt.conf.d/01\nx\nEOF\nRUN apt-get install -y cron\n",
    "etc-copied": D + "COPY rootfs/etc /etc/\nRUN apt-get install -y cron\n",
    "etc-unpacked": D + "ADD etc.tar.gz /etc/\nRUN apt-get install -y cron\n",
    "etc-apt-copied": D + "COPY apt /etc/apt\nRUN apt-get install -y cron\n",
    "etc-apt-copied-by-a-star": D + 'COPY ["apt/*", "/etc/apt/"]\nRUN apt-get install -y cron\n',
    "apt-config-variable": D + "ENV APT_CONFIG=/apt.conf\nRUN apt-get install -y cron\n",
    "aptitude-R": D + "RUN aptitude install -y -R cron\n",
    "aptitude-without-recommends": D + "RUN aptitude --without-recommends install cron\n",
    "wanted": D + "RUN apt-get install -y --install-recommends cron\n",
    "download-only": D + "RUN apt-get install -d cron\n",
    "local-file": D + "RUN apt-get install -y ./a.deb\n",
    "nothing": D + "RUN apt-get install -y\n",
    "recommends-little": D + "RUN apt-get install -y ca-certificates unzip=6.0-28 libssl-dev redis-server\n",
    "recommends-little-in-a-newer-release": "FROM debian:8\nRUN apt-get install -y libreadline6 libicu52:i386\n",
    "in-the-base": "FROM node:8\nRUN apt-get install -y curl git build-essential unzip\n",
    "in-the-base-of-all-releases": "FROM golang:1.4\nRUN apt-get install -y git make\n",
    "headers-beside-a-compiler": "FROM php:7.2-apache\nRUN apt-get install -y libzip-dev libpng12-dev zlib1g-dev\n",
    "headers-after-a-compiler": D
    + "RUN apt-get install -y --no-install-recommends g++\nRUN apt-get install -y libzip-dev\n",
    "brings-what-the-fix-would-name": D + "RUN apt-get install -y wget && wget https://e.com\n",
    "headers-after-headers": D
    + "RUN apt-get install -y --no-install-recommends libmicrohttpd-dev\nRUN apt-get install -y libpcre3-dev\n",
    "of-nodesource": D + "RUN curl https://deb.nodesource.com/setup_8.x | bash -\nRUN apt-get install -y nodejs\n",
    "of-mongodb": D + "RUN apt-get install -y mongodb-org\n",
    "in-tensorflow": "FROM tensorflow/tensorflow:1.4.0-devel-py3\nRUN apt-get install -y build-essential\n",
    "in-maven": "FROM maven:3-jdk-8\nRUN apt-get install -y git\n",
    "in-the-base-of-a-platform": "FROM arm32v7/node:8\nRUN apt-get install -y git\n",
    "in-the-runtime": "FROM openjdk:8-jre\nRUN apt-get install -y curl\n",
    "installed-before": D + "RUN apt-get install -y --no-install-recommends cron\nRUN apt-get install -y cron unzip\n",
    "known-by-no-name": D
    + "RUN apt-get install -y $PKGS $(cat pkgs) && for p in a b; do apt-get install -y $p; done\n",
    "of-a-vendor": D + "RUN apt-get install -y google-cloud-sdk docker-ce\n",
    "manual-pages-only": D + "RUN apt-get install -y libzip-dev\n",
    "libc-only": D + "RUN apt-get install -y gcc\n",
    "certificates-only": D + "RUN apt-get install -y curl\n",
    "ssh-is-wanted": D + "RUN apt-get install -y git\nCMD ssh host\n",
    "mail-is-wanted": D + "RUN apt-get install -y cron\nCMD mail -s x y\n",
    "purged-again": D + "RUN apt-get install -y git && git clone x && apt-get purge -y --auto-remove git\n",
    "certificates-are-kept": D + "RUN apt-get install -y apt-cacher-ng\n",
    "fix-broken": D + "RUN apt-get install -f -y\n",
    "update-only": D + "RUN apt-get update\n",
    "remove": D + "RUN apt-get remove -y cron\n",
    "echo": D + "RUN echo apt-get install -y cron\n",
    "path-with-apt": D + "RUN cp -r /etc/apt /install && ls /usr/share/apt install\n",
    "update-locale": D + "RUN update-locale && update-ca-trust install\n",
    "stage-not-shipped": f"{D[:-1]} AS b\nRUN apt-get install -y gcc\n{D}COPY --from=b /x /x\n",
    "child-of-stage-not-shipped": f"{D[:-1]} AS b\nRUN apt-get install -y gcc\nFROM b AS test\n{D}",
    "powershell": D + 'SHELL ["powershell", "-Command"]\nRUN apt-get install -y cron\n',
    "cmd": D + 'SHELL ["cmd", "/C"]\nRUN apt-get install -y cron\n',
    "windows": "FROM mcr.microsoft.com/windows/servercore:ltsc2022\nRUN apt-get install -y cron\n",
    "unparsable": D + "RUN apt-get install -y cron && ( \n",
    "python-heredoc": D + "RUN python3 <<EOF\napt-get install -y cron\nEOF\n",
    "file-heredoc": D + "RUN cat <<EOF > /x.sh\napt-get install -y cron\nEOF\n",
    "copy-heredoc": D + "COPY <<EOF /x.sh\napt-get install -y cron\nEOF\n",
    "shell-comment": D + "RUN true # apt-get install -y cron\n",
    "hadolint-pragma": D + "# hadolint ignore=DL3015\nRUN apt-get install -y cron\n",
}
ONCE = "RUN apt-get install --no-install-recommends -y"
FIXED = {
    **{
        f"copied-{name}": (D + f"{copy}\nRUN apt-get install -y cron\n", D + f"{copy}\n{ONCE} cron\n")
        for name, copy in {
            "sources.list": "COPY sources.list /etc/apt/sources.list",
            "sources.list-into": "ADD docker/sources.list /etc/apt/",
            "sources.list.d": "COPY x.list y.sources /etc/apt/sources.list.d/",
            "keyring": "COPY --from=keys /x.gpg /etc/apt/keyrings/x.gpg",
            "preferences": "COPY preferences /etc/apt/preferences.d/x",
            "file-into-etc": "COPY pip.conf /etc/",
            "file-below-etc": "COPY x.ini /etc/php/",
        }.items()
    },
    "certificates-once-in-a-stage": (
        D
        + "RUN apt-get install -y curl libgeoip1\nRUN apt-get install -y git\nRUN apt-get install -y cron && x https://e.com\n",
        D + f"{ONCE} ca-certificates curl libgeoip1\n{ONCE} git\n{ONCE} cron && x https://e.com\n",
    ),
    "certificates-once-in-a-run": (
        D + "RUN apt-get install -y curl libgeoip1 && apt-get install -y git\n",
        D + f"{ONCE} ca-certificates curl libgeoip1 && {ONCE[4:]} git\n",
    ),
    "certificates-not-before-the-client": (
        D + "RUN apt-get install -y cron\nRUN apt-get install -y curl libgeoip1\nRUN curl https://e.com\n",
        D + f"{ONCE} cron\n{ONCE} ca-certificates curl libgeoip1\nRUN curl https://e.com\n",
    ),
    "certificates-before-the-client": (
        D + "RUN apt-get install -y cron && x https://e.com\nRUN apt-get install -y curl libgeoip1\n",
        D + f"{ONCE} ca-certificates cron && x https://e.com\n{ONCE} ca-certificates curl libgeoip1\n",
    ),
    "certificates-after-a-client-without-them": (
        D + f"{ONCE} curl libgeoip1\nRUN apt-get install -y git\n",
        D + f"{ONCE} curl libgeoip1\n{ONCE} ca-certificates git\n",
    ),
    "certificates-after-a-conditional-client": (
        D + "RUN if a; then apt-get install -y curl libgeoip1; fi\nRUN apt-get install -y git\n",
        D + f"RUN if a; then {ONCE[4:]} ca-certificates curl libgeoip1; fi\n{ONCE} ca-certificates git\n",
    ),
    "certificates-once-in-each-stage": (
        D + f"RUN apt-get install -y curl libgeoip1\n{D}RUN apt-get install -y curl libgeoip1\n",
        D + f"RUN apt-get install -y curl libgeoip1\n{D}{ONCE} ca-certificates curl libgeoip1\n",
    ),
    "plain": (
        D + "RUN apt-get install -y cron\n",
        D + "RUN apt-get install --no-install-recommends -y cron\n",
    ),
    "apt": (D + "RUN apt install -y cron\n", D + "RUN apt install --no-install-recommends -y cron\n"),
    "aptitude": (D + "RUN aptitude install -y cron\n", D + "RUN aptitude install --without-recommends -y cron\n"),
    "full-path": (
        D + "RUN /usr/bin/apt-get install -y cron\n",
        D + "RUN /usr/bin/apt-get install --no-install-recommends -y cron\n",
    ),
    "options-before-install": (
        D + "RUN apt-get -qq -o Acquire::Retries=3 install -y cron\n",
        D + "RUN apt-get -qq -o Acquire::Retries=3 install --no-install-recommends -y cron\n",
    ),
    "recommends-turned-on-by-option": (
        D + "RUN apt-get -y install cron anacron\n",
        D + "RUN apt-get -y install --no-install-recommends cron anacron\n",
    ),
    "sudo-and-variable": (
        D + "RUN sudo DEBIAN_FRONTEND=noninteractive apt-get install -y cron\n",
        D + "RUN sudo DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends -y cron\n",
    ),
    "env-prefix": (
        D + "RUN DEBIAN_FRONTEND=noninteractive apt-get install -y cron\n",
        D + "RUN DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends -y cron\n",
    ),
    "or-true": (
        D + "RUN apt-get install -y cron || true\n",
        D + "RUN apt-get install --no-install-recommends -y cron || true\n",
    ),
    "if": (
        D + "RUN if true; then apt-get install -y cron; fi\n",
        D + "RUN if true; then apt-get install --no-install-recommends -y cron; fi\n",
    ),
    "subshell-pipe": (
        D + "RUN (yes | apt-get install cron) 2>&1 | tee log\n",
        D + "RUN (yes | apt-get install --no-install-recommends cron) 2>&1 | tee log\n",
    ),
    "exec-form": (
        D + 'RUN ["apt-get", "install", "-y", "cron"]\n',
        D + 'RUN ["apt-get", "install", "--no-install-recommends", "-y", "cron"]\n',
    ),
    "onbuild": (
        D + "ONBUILD RUN apt-get install -y cron\n",
        D + "ONBUILD RUN apt-get install --no-install-recommends -y cron\n",
    ),
    "heredoc": (
        D + "RUN <<EOF\napt-get install -y cron\nEOF\n",
        D + "RUN <<EOF\napt-get install --no-install-recommends -y cron\nEOF\n",
    ),
    "heredoc-bash": (
        D + "RUN bash -e <<-EOF\n\tapt-get install -y cron\n\tEOF\n",
        D + "RUN bash -e <<-EOF\n\tapt-get install --no-install-recommends -y cron\n\tEOF\n",
    ),
    "two-in-one-run": (
        D + "RUN apt-get install -y cron && apt-get install -y libgeoip1\n",
        D + f"{ONCE} cron && {ONCE[4:]} libgeoip1\n",
    ),
    "one-of-two": (
        D + "RUN apt-get install -y --no-install-recommends cron && apt-get install -y libgeoip1\n",
        D + f"RUN apt-get install -y --no-install-recommends cron && {ONCE[4:]} libgeoip1\n",
    ),
    "continuations-with-comments": (
        D + "RUN apt-get update && \\\n    apt-get install -y \\\n    # time\n    cron \\\n    anacron\n",
        D + "RUN apt-get update && \\\n    apt-get install --no-install-recommends -y \\\n    # time\n    cron \\\n"
        "    anacron\n",
    ),
    "subcommand-at-line-end": (
        D + "RUN apt-get install \\\n      cron\n",
        D + "RUN apt-get install --no-install-recommends \\\n      cron\n",
    ),
    "crlf-tabs": (
        "FROM debian:12\r\nRUN\tapt-get install -y \\\r\n\tcron\r\n",
        "FROM debian:12\r\nRUN\tapt-get install --no-install-recommends -y \\\r\n\tcron\r\n",
    ),
    "backtick": (
        "# escape=`\nFROM debian:12\nRUN apt-get install -y `\n  cron\n",
        "# escape=`\nFROM debian:12\nRUN apt-get install --no-install-recommends -y `\n  cron\n",
    ),
    "no-final-newline": (D + "RUN apt-get install -y cron", D + "RUN apt-get install --no-install-recommends -y cron"),
    "bom-and-not-utf-8": (
        "\ufeffFROM debian:12\n# \udce9\nRUN apt-get install -y cron\n",
        "\ufeffFROM debian:12\n# \udce9\nRUN apt-get install --no-install-recommends -y cron\n",
    ),
    "curl-needs-certificates": (
        D + "RUN apt-get install -y curl libgeoip1\n",
        D + "RUN apt-get install --no-install-recommends -y ca-certificates curl libgeoip1\n",
    ),
    "curl-in-a-list-over-lines": (
        D + "RUN apt-get install -y \\\n    curl \\\n    libgeoip1 \\\n && true\n",
        D + "RUN apt-get install --no-install-recommends -y \\\n    ca-certificates \\\n    curl \\\n"
        "    libgeoip1 \\\n && true\n",
    ),
    "curl-and-certificates-named": (
        D + "RUN apt-get install -y curl libgeoip1 ca-certificates\n",
        D + "RUN apt-get install --no-install-recommends -y curl libgeoip1 ca-certificates\n",
    ),
    "certificates-installed-before": (
        D + "RUN apt-get install -y --no-install-recommends ca-certificates\nRUN apt-get install -y curl libgeoip1\n",
        D
        + "RUN apt-get install -y --no-install-recommends ca-certificates\n"
        + "RUN apt-get install --no-install-recommends -y curl libgeoip1\n",
    ),
    "certificates-in-the-base": (
        "FROM python:3.12\nRUN apt-get install -y libgeoip1\n",
        "FROM python:3.12\nRUN apt-get install --no-install-recommends -y libgeoip1\n",
    ),
    "https-used-later": (
        D + "RUN apt-get install -y cron\nRUN apt-get-wrapper https://example.com\n",
        D
        + "RUN apt-get install --no-install-recommends -y ca-certificates cron\n"
        + "RUN apt-get-wrapper https://example.com\n",
    ),
    "exec-form-with-certificates": (
        D + 'RUN ["apt-get", "install", "-y", "curl", "libgeoip1"]\n',
        D + 'RUN ["apt-get", "install", "--no-install-recommends", "-y", "ca-certificates", "curl", "libgeoip1"]\n',
    ),
    "gcc-needs-libc": (
        D + "RUN apt-get install -y gcc cron\n",
        D + "RUN apt-get install --no-install-recommends -y libc6-dev gcc cron\n",
    ),
    "pinned-curl": (
        D + "RUN apt-get install -y curl=7.88.* libgeoip1\n",
        D + "RUN apt-get install --no-install-recommends -y ca-certificates curl=7.88.* libgeoip1\n",
    ),
    "target": (
        "FROM debian:12 AS base\nRUN apt-get install -y cron\nFROM base\nCMD a\n",
        "FROM debian:12 AS base\nRUN apt-get install --no-install-recommends -y cron\nFROM base\nCMD a\n",
    ),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str) -> None:
    assert_fixed(CODE, text, fixed)


@table(("text", "fixed"), FIXED)
def test_is_never_safe(text: str, fixed: str) -> None:
    assert fixed
    for each in findings(CODE, text):
        assert each.fix is not None
        assert each.fix.applicability is Applicability.UNSAFE
        assert each.fix.caution.endswith(".")


@pytest.mark.parametrize("package", ["texlive", "xfce4", "wine", "npm"])
def test_where_recommends_are_the_point_the_fix_is_only_shown(package: str) -> None:
    (found,) = findings(CODE, D + f"RUN apt-get install -y {package}\n")
    assert found.fix is not None
    assert found.fix.applicability is Applicability.DISPLAY


def test_pip_that_builds_gets_setuptools() -> None:
    text = "FROM ubuntu:18.04\nRUN apt-get install -y build-essential python-dev python-pip cron\nRUN pip install x\n"
    (found,) = findings(CODE, text)
    assert found.fix is not None
    assert found.fix.applicability is Applicability.UNSAFE
    assert "python-setuptools" in found.fix.added[0]


def test_pip_with_a_later_pip_install_is_only_shown() -> None:
    (found,) = findings(CODE, D + "RUN apt-get install -y python3-pip\nRUN pip3 install --no-cache-dir numpy\n")
    assert found.fix is not None
    assert found.fix.applicability is Applicability.DISPLAY


def test_what_recommends_nothing_hides_nothing_else() -> None:
    assert findings(CODE, D + "RUN apt-get install -y unzip cron\n")
    assert findings(CODE, "FROM openjdk:8-jre\nRUN apt-get install -y git\n")
    assert findings(CODE, "FROM node:8-slim\nRUN apt-get install -y git\n")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("RUN apt-get install -y git\nRUN patch -p1 < x\n", ("patch",)),
        ("RUN apt-get install -y git\nRUN ./build.sh\n", ("patch",)),
    ],
)
def test_what_the_file_speaks_of_is_kept(text: str, names: tuple[str, ...]) -> None:
    (found,) = findings(CODE, D + text)
    assert found.fix is not None
    assert set(names) <= set(found.fix.added[0])


@pytest.mark.parametrize("package", ["openjdk-17-jre", "qtbase5-dev", "imagemagick"])
def test_what_a_program_may_load_is_only_shown(package: str) -> None:
    (found,) = findings(CODE, D + f"RUN apt-get install -y {package}\n")
    assert found.fix is not None
    assert found.fix.applicability is Applicability.DISPLAY


def test_what_an_install_keeps_bringing_is_there() -> None:
    """Nobody is offered to leave the recommends of texlive out; those of cron come with the next one instead."""
    shown = D + "RUN apt-get install -y texlive cron\nRUN apt-get install -y exim4 anacron\n"
    assert len(findings(CODE, shown)) == 1
    offered = D + "RUN apt-get install -y cron\nRUN apt-get install -y procmail\n"
    assert len(findings(CODE, offered)) == 2


def test_the_least_that_is_known_is_said() -> None:
    (found,) = findings(CODE, D + "RUN apt-get install -y cron\n")
    assert found.message == "7.2 MB of recommended packages come along"
    assert found.saving.source == "the package indexes of Debian 11, 12 and 13, the least of them"
    (found,) = findings(CODE, "FROM ubuntu:22.04\nRUN apt-get install -y cron $MORE\n")
    assert found.saving.bytes is None
    assert found.reason.endswith(" In Debian 11, 12 and 13 that is at least 7.2 MB.")


def test_what_a_later_install_keeps_bringing_is_shown_only() -> None:
    later = "RUN apt-get update && apt-get install -y git ruby && rm -rf /var/lib/apt/lists/*\n"
    text = "FROM debian:12\nRUN apt-get update && apt-get install -y mercurial && rm -rf /var/lib/apt/lists/*\n"
    (alone,) = findings(CODE, text)
    first, second = findings(CODE, text + later)
    assert alone.fix is not None
    assert alone.fix.applicability is Applicability.UNSAFE
    assert first.fix is not None
    assert second.fix is not None
    assert first.fix.applicability is second.fix.applicability is Applicability.DISPLAY
    assert "A later install brings the same" in first.fix.caution


def test_shown_only_on_an_image_of_which_nothing_is_known() -> None:
    """continuumio/miniconda3 has git and wget, and all that they recommend."""
    install = "RUN apt-get update && apt-get install -y cron && rm -rf /var/lib/apt/lists/*\n"
    for base, applicability in (
        ("debian:12", Applicability.UNSAFE),
        ("amd64/debian:12", Applicability.UNSAFE),
        ("acme/base", Applicability.DISPLAY),
        ("ghcr.io/acme/base", Applicability.DISPLAY),
    ):
        (found,) = findings(CODE, f"FROM {base}\n{install}")
        assert found.fix is not None
        assert found.fix.applicability is applicability


def test_shown_only_where_an_agent_may_clone_over_ssh() -> None:
    install = "FROM debian:12\nRUN apt-get update && apt-get install -y git\nRUN dpkg -i /go-agent.deb\nCMD /agent\n"
    (found,) = findings(CODE, install)
    assert found.fix is not None
    assert found.fix.applicability is Applicability.DISPLAY
    assert "openssh-client" in found.fix.caution


def test_ansible_calls_ssh() -> None:
    install = "FROM debian:12\nRUN apt-get update && apt-get install -y git cron && rm -rf /var/lib/apt/lists/*\n"
    for rest, needs in (("RUN pip install ansible\n", True), ("RUN make\n", False)):
        (found,) = findings(CODE, install + rest)
        assert found.fix is not None
        assert ("openssh-client" in str(found.fix)) is needs
