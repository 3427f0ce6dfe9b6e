"""full-base-image."""

from __future__ import annotations

import pytest

from rules.check import check
from rules.config import Config
from rules.dockerfile import parse
from rules.finding import Provenance
from rules.fix import Applicability
from rules.surroundings import Context, Surroundings
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS301"
APP = 'COPY app.py /\nCMD ["python", "/app.py"]\n'
SILENT = {
    "slim": "FROM python:3.12-slim\n" + APP,
    "alpine": "FROM python:3.12-alpine\n" + APP,
    "not-shipped": "FROM python:3.12 AS build\nRUN pip wheel x\nFROM python:3.12-slim\nCOPY --from=build /x /x\n",
    "stage-for-development": "FROM python:3.12 AS dev\n" + APP,
    "no-slim-was-published": "FROM python:2.7.7\n" + APP,
    "elsewhere": "FROM registry.example.com/python:3.12\n" + APP,
    "unknown-variable": "ARG V\nFROM python:$V\n" + APP,
    "windows": "FROM python:3.12-windowsservercore\n" + APP,
    "windows-platform": "FROM --platform=windows/amd64 python:3.12\n" + APP,
    "windows-escape": "# escape=`\nFROM python:3.12\nWORKDIR C:\\app\n" + APP,
    "windows-shell": 'FROM python:3.12\nSHELL ["cmd", "/S", "/C"]\n' + APP,
    "windows-shell-of-a-child": 'FROM python:3.12 AS a\nFROM a\nSHELL ["powershell"]\n' + APP,
    "onbuild": "FROM python:3-onbuild\n" + APP,
    "toolbox-with-a-shell": 'FROM python:3.12\nRUN pip install ansible\nCMD ["bash"]\n',
    "toolbox-without-anything": "FROM node:6\nRUN npm install -g gulp\n",
    "buildpack-that-compiles": "FROM buildpack-deps:bookworm\nCOPY . /s\nRUN cd /s && ./configure && make\nCMD /s/x\n",
    "pragma": "# dockslim ignore=DS301\nFROM python:3.12\n" + APP,
}
SLIMMED = {
    "literal": ("FROM python:3.12\n" + APP, "FROM python:3.12-slim\n" + APP),
    "article": ("FROM python:3.8.10\n" + APP, "FROM python:3.8.10-slim\n" + APP),
    "suite": ("FROM python:3.12-bookworm\n" + APP, "FROM python:3.12-slim-bookworm\n" + APP),
    "no-tag": ("FROM python\n" + APP, "FROM python:slim\n" + APP),
    "latest": ("FROM python:latest\n" + APP, "FROM python:slim\n" + APP),
    "lower-case": ("from python:3.12 as app\n" + APP, "from python:3.12-slim as app\n" + APP),
    "platform": (
        "FROM --platform=linux/amd64 python:3.12 AS app\n" + APP,
        "FROM --platform=linux/amd64 python:3.12-slim AS app\n" + APP,
    ),
    "crlf": (
        "FROM python:3.12\r\n" + APP.replace("\n", "\r\n"),
        "FROM python:3.12-slim\r\n" + APP.replace("\n", "\r\n"),
    ),
    "continued": ("FROM \\\n  python:3.12 \\\n  AS app\n" + APP, "FROM \\\n  python:3.12-slim \\\n  AS app\n" + APP),
    "variable-for-the-version": (
        "ARG V=3.12\nFROM python:${V}\n" + APP,
        "ARG V=3.12\nFROM python:${V}-slim\n" + APP,
    ),
    "variable-and-suite": (
        "ARG V=3.12\nFROM python:${V}-bookworm\n" + APP,
        "ARG V=3.12\nFROM python:${V}-slim-bookworm\n" + APP,
    ),
    "variable-for-all": (
        "ARG BASE=python:3.12\nFROM ${BASE}\n" + APP,
        "ARG BASE=python:3.12-slim\nFROM ${BASE}\n" + APP,
    ),
    "debian": ("FROM debian:12\nCMD x\n", "FROM debian:12-slim\nCMD x\n"),
    "debian-latest": ("FROM debian\nRUN ./any.sh\n", "FROM debian:stable-slim\nRUN ./any.sh\n"),
    "node": ('FROM node:22\nCOPY . .\nCMD ["node", "."]\n', 'FROM node:22-slim\nCOPY . .\nCMD ["node", "."]\n'),
    "declared-target": (
        "FROM python:3.12 AS app\n" + APP + "FROM scratch\n",
        "FROM python:3.12-slim AS app\n" + APP + "FROM scratch\n",
    ),
    "parent-of-what-is-shipped": (
        "FROM python:3.12 AS common\nFROM common\n" + APP,
        "FROM python:3.12-slim AS common\nFROM common\n" + APP,
    ),
}
ONE_CLICK = {
    "nothing-run": "FROM python:3.12\n" + APP,
    "harmless-commands": "FROM python:3.12\nRUN mkdir /x && useradd app && chown app /x\n" + APP,
    "pure-packages": "FROM python:3.12\nRUN pip install flask==2.0 gunicorn requests[socks]\n" + APP,
    "debian-12": "FROM debian:12\nRUN ./any.sh\n",
    "pure-extras": "FROM python:3.12\nRUN pip install celery[redis] 'flask[async]' pymongo[srv]\n" + APP,
    "gzip": "FROM python:3.12\nADD x.bin /\nRUN tar xzf /x.bin && tar -C /x/Jj -xzf $Y\n" + APP,
    "no-check": "FROM python:3.12\nHEALTHCHECK NONE\n" + APP,
    "check-by-python": 'FROM python:3.12\nHEALTHCHECK --timeout=3s CMD ["python", "/check.py"]\n' + APP,
    "copied-within-the-family": "FROM python:3.12 AS a\nFROM a AS b\nRUN pip install -t /d flask\n"
    "FROM a\nCOPY --from=b /d /d\n" + APP,
    "taken-from-where-people-put-their-own": "FROM python:3.12 AS app\n" + APP + "FROM scratch AS x\n"
    "COPY --from=app /usr/src/app/static /s\nFROM app\n",
}
SHOWN = {
    "requirements": "FROM python:3.12\nRUN pip install -r requirements.txt\n" + APP,
    "unknown-package": "FROM python:3.12\nRUN pip install quux\n" + APP,
    "local-package": "FROM python:3.12\nRUN pip install .\n" + APP,
    "script": "FROM python:3.12\nRUN ./setup.sh\n" + APP,
    "script-as-entrypoint": 'FROM python:3.12\nCOPY e.sh /\nENTRYPOINT ["/e.sh"]\n',
    "check-by-a-script": "FROM python:3.12\nHEALTHCHECK CMD /check.sh\n" + APP,
    "check-by-a-script-in-json": 'FROM python:3.12\nHEALTHCHECK CMD ["/check.sh"]\n' + APP,
    "check-by-a-variable": "FROM python:3.12\nHEALTHCHECK CMD $CHECK\n" + APP,
    "find-that-runs-another": "FROM python:3.12\nRUN find / -name x -exec quux {} +\n" + APP,
    "deb-of-its-own": "FROM python:3.12\nADD https://e.org/x.deb /\nRUN dpkg -i /x.deb\n" + APP,
    "archive-by-a-variable": "FROM python:3.12\nCOPY a /\nRUN tar xf $A\n" + APP,
    "archive-by-another-program": "FROM python:3.12\nCOPY a /\nRUN tar -I zstd -xf a\n" + APP,
    "compiled-extras": "FROM python:3.12\nRUN pip install gunicorn[gevent]\n" + APP,
    "built-on-purpose": "FROM python:3.12\nRUN pip install --no-binary :all: pymongo\n" + APP,
    "packages-of-a-full-build-stage": "FROM python:3.12 AS b\nRUN pip install -t /d psycopg2\n"
    "FROM python:3.12\nCOPY --from=b /d /d\n" + APP,
    "program-of-another-image": "FROM python:3.12\nCOPY --from=acme/tool /x /bin/x\n" + APP,
    "taken-by-another-stage": "FROM python:3.12 AS a\n"
    + APP
    + "FROM scratch AS x\nCOPY --from=a /usr/bin/git /\nFROM a\n",
    "adduser-that-debian-13-lacks": "FROM python:3.13\nRUN adduser --disabled-password app\n" + APP,
    "debian-with-what-needs-java": "FROM debian:11\nRUN apt-get update && apt-get install -y maven\nCMD x\n",
    "debian-with-documentation-at-run-time": "FROM debian:12\nCMD zcat /usr/share/doc/x/create.sql.gz | mysql\n",
    "debian-with-documentation-copied-on": "FROM debian:12 AS a\nRUN x\nFROM a\n"
    "COPY --from=a /usr/share/doc/x /sql\nCMD x\n",
    "debian-with-documentation-taken": "FROM debian:12 AS a\nCMD x\nFROM scratch AS b\n"
    "COPY --from=a /usr/share/doc /d\nFROM a\n",
    "unread-heredoc": "FROM python:3.12\nRUN python <<E\nimport os\nE\n" + APP,
    "interpreter-alone": 'FROM node:22\nCOPY . .\nCMD ["node"]\n',
    "npm": 'FROM node:22\nCOPY . .\nRUN npm ci\nCMD ["node", "."]\n',
    "child-stage-runs-more": "FROM python:3.12 AS common\nFROM common\nRUN quux\n" + APP,
    "onbuild-instruction": "FROM python:3.12\nONBUILD COPY . .\n" + APP,
    "variable-in-the-tag": "ARG V=3.12\nFROM python:$V\n" + APP,
    "default-of-an-arg": "ARG BASE=python:3.12\nFROM $BASE\n" + APP,
    "debian-10-has-ping": "FROM debian:buster\nCMD x\n",
    "debian-with-java": "FROM debian:12\nRUN mkdir -p /usr/share/man/man1 && apt-get install -y default-jre\n",
    "debian-with-documentation": "FROM debian:12\nRUN zcat /usr/share/doc/x/create.sql.gz | mysql\n",
}
GEMS = {
    "rails": ("gem install bundler rails:7.0", ("build-essential",)),
    "pg": ("gem install --no-document pg -v 1.5", ("build-essential", "libpq-dev")),
    "below-a-doubt": ("gem install quux && gem install puma", ("build-essential",)),
}
NEEDED = {
    "git": ("RUN git clone https://e.org/x", ("git",)),
    "curl-and-tar": ("RUN curl -L https://e.org/x | tar xz", ("curl",)),
    "psycopg2": ("RUN pip install psycopg2", ("build-essential", "libpq-dev", "libpq5")),
    "magic": ("RUN pip install python-magic", ("libmagic1",)),
    "make": ("RUN make install", ("build-essential",)),
    "configure": ("RUN ./configure", ("build-essential",)),
    "healthcheck": ("HEALTHCHECK CMD curl -f http://localhost/ || exit 1", ("curl",)),
    "healthcheck-exec": ('HEALTHCHECK --interval=5s CMD ["curl", "-f", "x"]', ("curl",)),
    "healthcheck-shell-in-exec": ('HEALTHCHECK CMD ["sh", "-c", "curl -f http://localhost"]', ("curl",)),
    "healthcheck-path": ('HEALTHCHECK CMD ["/usr/bin/curl", "-f", "x"]', ("curl",)),
    "healthcheck-lower-case": ("HEALTHCHECK cmd curl -f x", ("curl",)),
    "xz": ("RUN tar xf /a.tar.xz", ("xz-utils",)),
    "xz-by-letter": ("RUN tar -xJf /a", ("xz-utils",)),
    "bzip2": ("RUN tar xjf /a", ("bzip2",)),
    "bzip2-by-option": ("RUN tar --bzip2 -xf /a", ("bzip2",)),
    "mercurial-of-pip": ("RUN pip install mercurial && hg clone x", ("build-essential",)),
    "gem-that-calls-git": ("RUN gem install cocoapods", ("git",)),
    "package-of-node-that-calls-git": ("RUN npm i -g bower@1.8", ("git",)),
    "package-of-python-that-calls-ssh": ("RUN pip install ansible==2.9", ("openssh-client",)),
    "program-that-calls-git": ('ENTRYPOINT ["pod"]', ("git",)),
    "git-requirement": ("RUN pip install git+https://e.org/x", ("git",)),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), SLIMMED)
def test_fixed(text: str, fixed: str) -> None:
    assert_fixed(CODE, text, fixed, Surroundings(targets=frozenset({"app"})))


@table("text", ONE_CLICK)
def test_one_click_where_nothing_is_missing(text: str) -> None:
    (finding,) = findings(CODE, text)
    assert finding.fix is not None
    assert finding.fix.applicability is Applicability.UNSAFE
    assert finding.fix.caution.endswith(".")


@table("text", SHOWN)
def test_shown_where_something_may_be_missing(text: str) -> None:
    (finding,) = findings(CODE, text)
    assert finding.fix is not None
    assert finding.fix.applicability is Applicability.DISPLAY


@table(("line", "packages"), NEEDED)
def test_what_is_needed_is_named_in_a_snippet(line: str, packages: tuple[str, ...]) -> None:
    (finding,) = findings(CODE, f"FROM python:3.12 AS app\n{line}\n{APP}")
    assert finding.fix is None
    assert finding.snippet is not None
    lines = finding.snippet.text.splitlines()
    assert lines[0] == "FROM python:3.12-slim AS app"
    assert tuple(each.strip(" \\") for each in lines[3:-1]) == packages


@table(("line", "packages"), GEMS)
def test_what_gems_need_is_named_in_a_snippet(line: str, packages: tuple[str, ...]) -> None:
    (finding,) = findings(CODE, f'FROM ruby:3.3\nRUN {line}\nCOPY . .\nCMD ["./start.sh"]\n')
    assert finding.snippet is not None
    assert tuple(each.strip(" \\") for each in finding.snippet.text.splitlines()[3:-1]) == packages
    assert "there may be more" in finding.reason


def test_an_unknown_gem_leaves_the_change_to_be_read() -> None:
    (finding,) = findings(CODE, 'FROM ruby:3.3\nRUN gem install quux\nCOPY . .\nCMD ["ruby", "a.rb"]\n')
    assert finding.fix is not None
    assert finding.fix.applicability is Applicability.DISPLAY


def test_build_tools_that_the_file_installs_are_said_to_be_left_on_slim() -> None:
    text = "FROM python:3.12\nCOPY . .\nRUN apt-get update && apt-get install -y build-essential && make\n" + APP
    report = check(parse(text), Config(select=frozenset({CODE})))
    assert [(each.fix, "tools of line 3" in each.reason) for each in report.findings] == [(None, True)]
    assert report.refused == ()


def test_what_recommends_more_on_slim_is_to_be_mended_first() -> None:
    text = 'FROM node:8\nRUN apt-get update && apt-get install -y git && rm -rf /var/lib/apt/lists/*\nCMD ["node"]\n'
    report = check(parse(text), Config(select=frozenset({CODE, "DS201"})))
    assert [(each.fix, "What line 2 installs" in each.reason) for each in report.findings] == [(None, True)]
    assert report.refused == ()


@pytest.mark.parametrize("package", ["openjdk-8-jre", "default-jdk-headless", "postgresql-client-9.6"])
def test_what_needs_the_directories_of_manual_pages_is_told(package: str) -> None:
    (found,) = findings(CODE, f"FROM debian:9\nRUN apt-get install --no-install-recommends -y {package}\nCMD x\n")
    assert found.fix is None
    assert "What line 2 installs may fail there" in found.reason


def test_what_apt_installs_anyway_is_not_needed_again() -> None:
    text = "FROM python:3.12\nRUN apt-get update && apt-get install -y git && git clone x\n" + APP
    (finding,) = findings(CODE, text)
    assert finding.snippet is None


def test_requirements_that_are_known_are_read() -> None:
    text = "FROM python:3.12\nCOPY requirements.txt /\nRUN pip install -r /requirements.txt\n" + APP
    files = {"requirements.txt": 10}
    pure = Context(files, texts={"requirements.txt": "# web\nflask==2.0\ngunicorn>=20 ; python_version > '3'\n"})
    compiled = Context(files, texts={"requirements.txt": "flask\npsycopg2==2.9\n"})
    (easy,) = findings(CODE, text, Surroundings(context=pure))
    (hard,) = findings(CODE, text, Surroundings(context=compiled))
    assert easy.fix is not None
    assert easy.fix.applicability is Applicability.UNSAFE
    assert hard.snippet is not None
    assert "libpq-dev" in hard.snippet.text


def test_a_digest_is_left_alone() -> None:
    (finding,) = findings(CODE, f"FROM python:3.12@sha256:{'0' * 64}\n{APP}")
    assert finding.fix is None
    assert "digest" in finding.reason


def test_an_argument_that_two_stages_use_is_left_alone() -> None:
    text = "ARG BASE=python:3.12\nFROM $BASE AS build\nRUN x\nFROM $BASE\n" + APP
    (finding,) = findings(CODE, text)
    assert finding.fix is None


def test_what_the_registry_says_counts() -> None:
    sizes = {"python:3.12": 380_573_758, "python:3.12-slim": 45_437_565}
    (finding,) = findings(CODE, "FROM python:3.12\n" + APP, Surroundings(image_sizes=sizes))
    assert (finding.saving.bytes, finding.saving.provenance) == (335_136_193, Provenance.ESTIMATED)
    gone = Surroundings(image_sizes={"python:3.12": 1, "python:3.12-slim": None})
    assert_silent(CODE, "FROM python:3.12\n" + APP, gone)


def test_a_dockerfile_for_tests_is_left_alone() -> None:
    assert_silent(CODE, "FROM python:3.12\n" + APP, Surroundings(path="ci/Dockerfile"))
    assert_silent(CODE, "FROM python:3.12\n" + APP, Surroundings(path="Dockerfile.dev"))


def test_the_headers_of_mysql_have_another_name_on_debian_8() -> None:
    (found,) = findings(CODE, "FROM python:2.7.8\nRUN pip install mysql-python\nCMD python x.py\n")
    assert found.snippet is not None
    assert " libmysqlclient-dev " in found.snippet.text
