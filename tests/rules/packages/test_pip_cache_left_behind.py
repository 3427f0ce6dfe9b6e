"""pip-cache-left-behind."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS204"
P = "FROM python:3.12-slim\n"
SILENT = {
    "came-with-another": P + "RUN pip install --no-cache-dir flask image\nRUN pip3 install pillow jinja2\n",
    "made-before-pip-6": "FROM python:2.7.8\nRUN pip install flask\n",
    "root-in-the-home-of-jovyan": "FROM jupyter/scipy-notebook\nUSER root\nRUN pip install flask\n",
    "root-in-the-home-of-s2i": "FROM registry.access.redhat.com/ubi9/python-311\nUSER 0\nRUN pip install flask\n",
    "sudo-in-another-home": "FROM acme/base\nUSER app\nRUN sudo pip install flask\n",
    "sudo-of-whom-the-base-says": "FROM acme/base:ubuntu-22.04\nRUN sudo pip install flask\n",
    "sudo-keeping-the-environment": "FROM acme/base\nUSER app\nRUN sudo -E pip install flask\n",
    "came-with-another-stage": "FROM python:3.7 AS build\nRUN pip install --prefix=/i -r /requirements.txt\n"
    "FROM python:3.7\nCOPY --from=build /i /usr/local\nRUN pip install -r requirements.txt\n",
    "flag": P + "RUN pip install --no-cache-dir flask\n",
    "flag-cut-short": P + "RUN pip3 install --no-cache --upgrade flask\n",
    "flag-behind": P + "RUN pip install flask --no-cache-dir\n",
    "flag-before-install": P + "RUN pip --no-cache-dir install flask\n",
    "env-1": P + "ENV PIP_NO_CACHE_DIR=1\nRUN pip install flask\n",
    "env-off": P + "ENV PIP_NO_CACHE_DIR=off\nRUN pip install flask\n",
    "env-false": P + "ENV PIP_NO_CACHE_DIR=false\nRUN pip install flask\n",
    "env-0": P + "ENV PIP_NO_CACHE_DIR 0\nRUN pip install flask\n",
    "env-among-others": P + "ENV A=1 \\\n    PIP_NO_CACHE_DIR=on \\\n    B=2\nRUN pip install flask\n",
    "env-in-the-parent-stage": "FROM python:3.12 AS b\nENV PIP_NO_CACHE_DIR=1\nFROM b\nRUN pip install flask\n",
    "arg": P + "ARG PIP_NO_CACHE_DIR=1\nRUN pip install flask\n",
    "inline": P + "RUN PIP_NO_CACHE_DIR=1 pip install flask\n",
    "inline-env": P + "RUN env PIP_NO_CACHE_DIR=1 pip install flask\n",
    "export": P + "RUN export PIP_NO_CACHE_DIR=1 && pip install flask\n",
    "config-set": P + "RUN pip config set global.no-cache-dir false\nRUN pip install flask\n",
    "config-set-same-run": P + "RUN pip config set global.no-cache-dir true && pip install flask\n",
    "config-file": P + "COPY pip.conf /etc/pip.conf\nRUN pip install flask\n",
    "config-file-written": P + "RUN printf '[global]\\nno-cache-dir = true' > /etc/pip.conf\nRUN pip install flask\n",
    "config-folder": P + "COPY conf /root/.pip\nRUN pip install flask\n",
    "config-folder-of-xdg": P + "COPY conf/x /root/.config/pip/pip.conf\nRUN pip install flask\n",
    "config-set-by-python": P + "RUN python3 -m pip config --global set global.no-cache-dir true\nRUN pip install a\n",
    "config-file-variable": P + "ENV PIP_CONFIG_FILE=/x\nRUN pip install flask\n",
    "rm-cache": P + "RUN pip install flask && rm -rf /root/.cache/pip\n",
    "rm-cache-above": P + "RUN pip install flask && rm -rf ~/.cache\n",
    "rm-cache-home": P + 'RUN pip install flask && rm -rf "$HOME/.cache"\n',
    "rm-cache-glob": P + "RUN pip install flask && rm -rf /root/.cache/*\n",
    "rm-variable": P + "RUN pip install flask && rm -rf $CACHES\n",
    "rm-of-files": P + "RUN pip install flask && rm -f ~/.cache/pip/*\n",
    "purge": P + "RUN pip install flask && pip cache purge\n",
    "purge-python": P + "RUN python3 -m pip install flask && python3 -m pip cache purge\n",
    "mount": P + "RUN --mount=type=cache,target=/root/.cache/pip pip install flask\n",
    "mount-ancestor": P + "RUN --mount=type=cache,target=/root/.cache pip install flask\n",
    "mount-home": P + "RUN --mount=type=cache,target=/root pip install flask\n",
    "mount-tmpfs": P + "RUN --mount=type=tmpfs,target=/root/.cache pip install flask\n",
    "mount-of-user": P + "USER app\nRUN --mount=type=cache,target=/home/app/.cache/pip,uid=1000 pip install flask\n",
    "mount-of-cache-dir": P + "ENV PIP_CACHE_DIR=/x\nRUN --mount=type=cache,target=/x pip install flask\n",
    "mount-of-xdg": P + "ENV XDG_CACHE_HOME=/c\nRUN --mount=type=cache,target=/c pip install flask\n",
    "cache-dir-option": P + "RUN pip install --cache-dir=/x flask\n",
    "ubuntu-15.04": "FROM ubuntu:15.04\nRUN pip install flask\n",
    "made-from-ubuntu-14.04": "FROM dockerfile/python\nRUN pip install flask\n",
    "ubuntu-14.04": "FROM ubuntu:14.04\nRUN pip install flask\n",
    "ubuntu-12.04": "FROM ubuntu:12.04\nRUN pip install flask\n",
    "debian-7": "FROM debian:wheezy\nRUN pip install flask\n",
    "pipenv": P + "RUN pipenv install flask\n",
    "pipx": P + "RUN pipx install flask\n",
    "xargs-uninstall": P + "RUN pip freeze | xargs pip uninstall -y\n",
    "xargs-of-another-program": P + "RUN echo pip install | xargs -n1 echo\n",
    "variable-of-a-whole-program": P + "RUN $PIP install flask\n",
    "wheel-with-flag": P + "RUN pip wheel --no-cache-dir -w /w flask\n",
    "pip-uninstall": P + "RUN pip uninstall -y flask\n",
    "echo": P + "RUN echo pip install flask\n",
    "stage-not-shipped": "FROM python:3.12 AS b\nRUN pip install flask\nFROM python:3.12\nCOPY --from=b /x /x\n",
    "powershell": P + 'SHELL ["powershell"]\nRUN pip install flask\n',
    "windows": "FROM python:3.12-windowsservercore\nRUN pip install flask\n",
    "python-heredoc": P + "RUN python3 <<EOF\nprint('pip install flask')\nEOF\n",
    "pragma": P + "# hadolint ignore=DL3042\nRUN pip install flask\n",
    "python-script": P + "RUN python setup.py install\n",
}

FLAG = "--no-cache-dir"
FIXED = {
    "sudo-in-the-home-of-root": (
        "FROM ubuntu:22.04\nUSER app\nRUN sudo -H pip install flask\n",
        f"FROM ubuntu:22.04\nUSER app\nRUN sudo -H pip install {FLAG} flask\n",
    ),
    "pip-of-a-new-distribution": (
        "FROM nvidia/cuda:12.2.0-base-ubuntu22.04\nRUN apt-get install -y python3-pip\nRUN pip3 install flask\n",
        "FROM nvidia/cuda:12.2.0-base-ubuntu22.04\nRUN apt-get install -y python3-pip\n"
        f"RUN pip3 install {FLAG} flask\n",
    ),
    "pip-that-is-renewed": (
        f"FROM acme/base\nRUN apt-get install -y python-pip && pip install {FLAG} -U pip\nRUN pip install flask\n",
        f"FROM acme/base\nRUN apt-get install -y python-pip && pip install {FLAG} -U pip\n"
        f"RUN pip install {FLAG} flask\n",
    ),
    "pip-3.6": (P + "RUN pip-3.6 install flask\n", P + f"RUN pip-3.6 install {FLAG} flask\n"),
    "pip-3": (P + "RUN /usr/bin/pip-3 install flask\n", P + f"RUN /usr/bin/pip-3 install {FLAG} flask\n"),
    "pip3.11": (P + "RUN pip3.11 install flask\n", P + f"RUN pip3.11 install {FLAG} flask\n"),
    "configuration-of-dpkg": (
        P + "RUN dpkg-reconfigure tzdata && pip install --no-cache-dir a && pip install b\n",
        P + f"RUN dpkg-reconfigure tzdata && pip install --no-cache-dir a && pip install {FLAG} b\n",
    ),
    "configuration-of-others": (
        P + "RUN pkg-config x && pip install --no-cache-dir a\nRUN pip install b\n",
        P + f"RUN pkg-config x && pip install --no-cache-dir a\nRUN pip install {FLAG} b\n",
    ),
    "file-that-ends-in-pip": (
        P + "COPY owtf.pip my-pip.conf.md /tmp/\nRUN pip install -r /tmp/owtf.pip\n",
        P + f"COPY owtf.pip my-pip.conf.md /tmp/\nRUN pip install {FLAG} -r /tmp/owtf.pip\n",
    ),
    "rm-of-an-archive": (
        P + "RUN pip install flask && rm python-$V.tgz $NAME.zip\n",
        P + f"RUN pip install {FLAG} flask && rm python-$V.tgz $NAME.zip\n",
    ),
    "rm-of-a-file-that-a-variable-names": (
        P + "RUN pip install flask && rm -f $FILE\n",
        P + f"RUN pip install {FLAG} flask && rm -f $FILE\n",
    ),
    "rm-of-an-unpacked-folder": (
        P + "RUN pip install flask && rm -rf python-$V\n",
        P + f"RUN pip install {FLAG} flask && rm -rf python-$V\n",
    ),
    "program-in-a-directory-that-a-variable-names": (
        P + "RUN $VENV/bin/pip install flask\n",
        P + f"RUN $VENV/bin/pip install {FLAG} flask\n",
    ),
    "plain": (P + "RUN pip install flask\n", P + f"RUN pip install {FLAG} flask\n"),
    "pip3": (P + "RUN pip3 install flask\n", P + f"RUN pip3 install {FLAG} flask\n"),
    "pip3.12": (P + "RUN pip3.12 install flask\n", P + f"RUN pip3.12 install {FLAG} flask\n"),
    "below-a-variable": (
        P + "RUN $VENV/bin/pip install flask\n",
        P + f"RUN $VENV/bin/pip install {FLAG} flask\n",
    ),
    "below-a-quoted-variable": (
        P + 'RUN "$VENV"/bin/pip install flask && "${VENV}/bin/pip" install gunicorn\n',
        P + f'RUN "$VENV"/bin/pip install {FLAG} flask && "${{VENV}}/bin/pip" install {FLAG} gunicorn\n',
    ),
    "python-below-a-variable": (
        P + "RUN ${VENV}/bin/python -m pip install flask\n",
        P + f"RUN ${{VENV}}/bin/python -m pip install {FLAG} flask\n",
    ),
    "python-mpip": (P + "RUN python3 -mpip install flask\n", P + f"RUN python3 -mpip install {FLAG} flask\n"),
    "xargs": (
        P + "RUN cat r.txt | xargs -n 1 -L 1 pip install\n",
        P + f"RUN cat r.txt | xargs -n 1 -L 1 pip install {FLAG}\n",
    ),
    "wheel": (P + "RUN pip wheel -w /w flask\n", P + f"RUN pip wheel {FLAG} -w /w flask\n"),
    "download": (P + "RUN pip download -d /w flask\n", P + f"RUN pip download {FLAG} -d /w flask\n"),
    "path": (P + "RUN /venv/bin/pip install flask\n", P + f"RUN /venv/bin/pip install {FLAG} flask\n"),
    "python-m": (P + "RUN python -m pip install flask\n", P + f"RUN python -m pip install {FLAG} flask\n"),
    "python3-m-with-options": (
        P + "RUN python3 -u -m pip -q install -U pip\n",
        P + f"RUN python3 -u -m pip -q install {FLAG} -U pip\n",
    ),
    "requirements": (
        P + "RUN pip install -r requirements.txt\n",
        P + f"RUN pip install {FLAG} -r requirements.txt\n",
    ),
    "local": (P + "RUN pip install .\n", P + f"RUN pip install {FLAG} .\n"),
    "editable": (P + "RUN pip install -e .\n", P + f"RUN pip install {FLAG} -e .\n"),
    "loop": (
        P + "RUN for p in a b; do pip install $p; done\n",
        P + f"RUN for p in a b; do pip install {FLAG} $p; done\n",
    ),
    "or-true": (P + "RUN pip install flask || true\n", P + f"RUN pip install {FLAG} flask || true\n"),
    "pipe": (P + "RUN pip install flask | tee log\n", P + f"RUN pip install {FLAG} flask | tee log\n"),
    "xargs-is-left-alone-but-pip-not": (
        P + "RUN cat r | xargs echo && pip install flask\n",
        P + f"RUN cat r | xargs echo && pip install {FLAG} flask\n",
    ),
    "sudo": (P + "RUN sudo -H pip install flask\n", P + f"RUN sudo -H pip install {FLAG} flask\n"),
    "onbuild": (
        P + "ONBUILD RUN pip install -r requirements.txt\n",
        P + f"ONBUILD RUN pip install {FLAG} -r requirements.txt\n",
    ),
    "exec-form": (
        P + 'RUN ["pip", "install", "flask"]\n',
        P + f'RUN ["pip", "install", "{FLAG}", "flask"]\n',
    ),
    "heredoc": (
        P + "RUN <<EOF\npip install flask\nEOF\n",
        P + f"RUN <<EOF\npip install {FLAG} flask\nEOF\n",
    ),
    "two": (
        P + "RUN pip install -U pip && pip install flask\n",
        P + f"RUN pip install {FLAG} -U pip && pip install {FLAG} flask\n",
    ),
    "one-of-two": (
        P + f"RUN pip install {FLAG} -U pip && pip install flask\n",
        P + f"RUN pip install {FLAG} -U pip && pip install {FLAG} flask\n",
    ),
    "over-lines": (
        P + "RUN pip install \\\n      flask \\\n      # web\n      gunicorn\n",
        P + f"RUN pip install {FLAG} \\\n      flask \\\n      # web\n      gunicorn\n",
    ),
    "crlf": (
        "FROM python:3.12\r\nRUN pip install `\r\n".replace("`", "\\") + "\tflask\r\n",
        f"FROM python:3.12\r\nRUN pip install {FLAG} \\\r\n\tflask\r\n",
    ),
    "env-of-another-stage": (
        "FROM python:3.12 AS b\nENV PIP_NO_CACHE_DIR=1\nFROM python:3.12\nRUN pip install flask\n",
        f"FROM python:3.12 AS b\nENV PIP_NO_CACHE_DIR=1\nFROM python:3.12\nRUN pip install {FLAG} flask\n",
    ),
    "env-set-later": (
        P + "RUN pip install flask\nENV PIP_NO_CACHE_DIR=1\n",
        P + f"RUN pip install {FLAG} flask\nENV PIP_NO_CACHE_DIR=1\n",
    ),
    "cleaned-before-only": (
        P + "RUN rm -rf /root/.cache && pip install flask\n",
        P + f"RUN rm -rf /root/.cache && pip install {FLAG} flask\n",
    ),
    "other-mount": (
        P + "RUN --mount=type=cache,target=/root/.npm pip install flask\n",
        P + f"RUN --mount=type=cache,target=/root/.npm pip install {FLAG} flask\n",
    ),
    "secret-mount": (
        P + "RUN --mount=type=secret,id=pip,target=/root/.netrc pip install flask\n",
        P + f"RUN --mount=type=secret,id=pip,target=/root/.netrc pip install {FLAG} flask\n",
    ),
    "ubuntu-16.04": (
        "FROM ubuntu:16.04\nRUN pip install flask\n",
        f"FROM ubuntu:16.04\nRUN pip install {FLAG} flask\n",
    ),
    "rm-elsewhere": (
        P + "RUN pip install flask && rm -rf /tmp/x\n",
        P + f"RUN pip install {FLAG} flask && rm -rf /tmp/x\n",
    ),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str) -> None:
    assert_fixed(CODE, text, fixed)


@table(("text", "fixed"), FIXED)
def test_is_safe(text: str, fixed: str) -> None:
    assert fixed
    assert {each.fix.applicability for each in findings(CODE, text) if each.fix} == {Applicability.SAFE}


OF_UNKNOWN_AGE = {
    "unknown-image": "FROM acme/base\nRUN apt-get install -y python-pip\nRUN pip install flask\n",
    "pip-of-an-unknown-image": "FROM acme/base\nRUN pip install flask\n",
    "debian-8-by-another-name": "FROM openjdk:8\nRUN apt-get install -y python3-pip && pip3 install flask\n",
    "the-renewal-itself": "FROM gitlab/gitlab-runner\nRUN apt-get install -y python-pip\nRUN pip install -U pip\n",
}


@table("text", OF_UNKNOWN_AGE)
def test_shown_only_where_pip_may_not_know_the_flag(text: str) -> None:
    (found,) = findings(CODE, text)
    assert found.fix is not None
    assert found.fix.applicability is Applicability.DISPLAY
    assert "does not know the flag" in found.fix.caution


def test_root_in_its_own_home_keeps_a_cache() -> None:
    assert len(findings(CODE, "FROM jupyter/scipy-notebook\nRUN pip install flask\n")) == 1
    assert len(findings(CODE, "FROM jupyter/scipy-notebook\nUSER root\nENV HOME=/root\nRUN pip install flask\n")) == 1


NEW_ENOUGH = {
    "official": "FROM node:12\nRUN pip install flask\n",
    "alpine-derived": "FROM acme/alpine-base\nRUN pip install flask\n",
    "apk": "FROM acme/base\nRUN apk add --no-cache py3-pip && pip3 install flask\n",
    "known-publisher": "FROM tiangolo/uwsgi-nginx:latest\nRUN pip install flask\n",
    "tagged-with-a-python": "FROM acme/base:python3.6\nRUN pip install flask\n",
    "renewed": "FROM acme/base\nRUN pip install --upgrade --no-cache-dir pip\nRUN pip install flask\n",
}


@table("text", NEW_ENOUGH)
def test_safe_where_pip_is_known_to_be_new_enough(text: str) -> None:
    (found,) = findings(CODE, text)
    assert found.fix is not None
    assert found.fix.applicability is Applicability.SAFE


def test_silent_where_apt_installs_a_pip_that_keeps_nothing() -> None:
    install = "RUN apt-get update && apt-get install -y python3-pip && pip3 install flask\n"
    assert_silent(CODE, f"FROM node:8.11.2\n{install}")
    assert len(findings(CODE, "FROM node:6.2.2\nRUN easy_install pip && pip install flask\n")) == 1
