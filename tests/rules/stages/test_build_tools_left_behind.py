"""build-tools-left-behind."""

from __future__ import annotations

from rules.finding import Severity
from rules.fix import Applicability
from rules.surroundings import Surroundings
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS401"
A = "FROM alpine:3.20\n"
TOOLS = "RUN apk add --no-cache gcc make musl-dev\n"
MAKE = 'COPY . /src\nRUN make -C /src install\nCMD ["/usr/local/bin/app"]\n'
D = "FROM debian:12\n"
SILENT = {
    "names-that-yum-does-not-know": "FROM centos:7\nRUN yum install -y build-essential python-dev\nRUN pip install x\n"
    "CMD nginx\n",
    "purged-in-the-same-run": D
    + "RUN apt-get install -y gcc && make && apt-get purge -y --auto-remove gcc\nCMD ['a']\n",
    "purged-by-variable": D
    + 'RUN deps="gcc make" && apt-get install -y $deps && make install && apt-get purge -y $deps\nCMD ["a"]\n',
    "purged-by-what-cannot-be-read": D + 'RUN apt-get install -y gcc && make && apt-get purge -y $(cat x)\nCMD ["a"]\n',
    "apt-mark-idiom": D
    + "RUN savedAptMark=\"$(apt-mark showmanual)\"; apt-get install -y gcc make; make; apt-mark auto '.*';"
    + ' apt-get purge -y --auto-remove\nCMD ["a"]\n',
    "virtual-deleted": A + 'RUN apk add --virtual .b gcc make && make && apk del .b\nCMD ["a"]\n',
    "deleted-by-apk-in-a-later-run": A + TOOLS + 'RUN make -C /src\nRUN apk del gcc make musl-dev\nCMD ["a"]\n',
    "nothing-is-built": A + TOOLS + 'COPY app /app\nCMD ["/app"]\n',
    "health-check-builds": A + TOOLS + "HEALTHCHECK CMD make -C /src check\n" + MAKE,
    "only-pip-upgrades-itself": D + 'RUN apt-get install -y gcc && pip install -U pip\nCMD ["a"]\n',
    "build-stage": "FROM alpine AS b\n" + TOOLS + "RUN make\nFROM alpine\nCOPY --from=b /a /a\n",
    "bare-shell": A + TOOLS + "RUN make\nCMD bash\n",
    "bare-shell-exec": A + TOOLS + 'RUN make\nCMD ["/bin/sh"]\n',
    "no-command": A + TOOLS + "RUN make\n",
    "command-builds": A + TOOLS + 'RUN make\nCMD ["make", "run"]\n',
    "command-runs-go": "FROM ubuntu\nRUN apt-get install -y golang make && make\nCMD go run main.go\n",
    "entry-point-installs": D + 'RUN apt-get install -y gcc && pip install -r r.txt\nENTRYPOINT ["pip", "install"]\n',
    "jit": D + 'RUN apt-get install -y gcc && pip install numba && make\nCMD ["python3", "a.py"]\n',
    "notebook": D + 'RUN apt-get install -y gcc && pip install jupyterlab\nCMD ["jupyter", "lab"]\n',
    "online-judge": D + 'RUN apt-get install -y gcc && make\nCMD ["/opt/judger/run"]\n',
    "workbench": D + 'RUN apt-get install -y gcc gdb && make\nCMD ["a"]\n',
    "stage-named-dev": "FROM alpine AS dev\n" + TOOLS + MAKE,
    "base-named-toolchain": "FROM example/toolchain:1\n" + TOOLS + MAKE,
    "base-brings-compiler": 'FROM python:3.12\nRUN apt-get install -y gcc && pip install psycopg2\nCMD ["a"]\n',
    "make-alone": A + 'RUN apk add --no-cache make\nRUN make install\nCMD ["a"]\n',
    "git-alone": D + 'RUN apt-get install -y git && git clone x && pip install ./x\nCMD ["a"]\n',
    "headers-and-pip": D + 'RUN apt-get install -y libpq-dev && pip install psycopg2\nCMD ["a"]\n',
    "version-asked": A + TOOLS + 'RUN make --version\nCMD ["a"]\n',
    "built-before": D + 'RUN make install\nRUN apt-get install -y gcc\nCMD ["a"]\n',
    "pragma": A + "# dockslim ignore=DS401\n" + TOOLS + MAKE,
    "powershell": A + 'SHELL ["powershell"]\n' + TOOLS + MAKE,
    "onbuild": A + "ONBUILD " + TOOLS + 'CMD ["a"]\n',
}
FIRES = {
    "make": (
        A + TOOLS + MAKE,
        "`gcc`, `make`, `musl-dev` are installed here; line 4 (`make`) is the last that may build with them.",
    ),
    "apt-pip": (
        "FROM python:3.12-slim\nRUN apt-get update && apt-get install -y build-essential\nRUN pip install uwsgi\n",
        "`build-essential` is installed here; line 3 (`pip install`) is the last that may build with them.",
    ),
    "dnf-npm": (
        'FROM fedora:41\nRUN dnf install -y gcc-c++ make\nRUN npm ci\nCMD ["node", "a.js"]\n',
        "`gcc-c++`, `make` are installed here; line 3 (`npm ci`) is the last that may build with them.",
    ),
    "zypper": (
        'FROM opensuse/leap\nRUN zypper -n in gcc && ./configure && make\nCMD ["a"]\n',
        "`gcc` is needed by `make` in this RUN, and by nothing after it.",
    ),
    "group": (
        "FROM centos:7\nRUN yum groupinstall -y 'Development Tools'\nRUN make install\nCMD [\"a\"]\n",
        "`Development Tools` is installed here; line 3 (`make`) is the last that may build with them.",
    ),
    "continued-with-comments": (
        D + 'RUN apt-get install -y \\\n      # compiler\n      g++ \\\n      make\nRUN make\nCMD ["a"]\n',
        "`g++`, `make` are installed here; line 6 (`make`) is the last that may build with them.",
    ),
    "partly-purged": (
        D + 'RUN apt-get install -y gcc cmake && make && apt-get purge -y gcc\nCMD ["a"]\n',
        "`cmake` is needed by `make` in this RUN, and by nothing after it.",
    ),
    "exec-form": (
        A + 'RUN ["apk", "add", "gcc"]\nRUN ["make"]\nCMD ["a"]\n',
        "`gcc` is installed here; line 3 (`make`) is the last that may build with them.",
    ),
    "heredoc": (
        A + 'RUN <<EOF\nset -e\napk add gcc make\nmake install\nEOF\nCMD ["a"]\n',
        "`gcc`, `make` are needed by `make` in this RUN, and by nothing after it.",
    ),
    "crlf": (
        A.replace("\n", "\r\n") + 'RUN apk add gcc\r\nRUN make\r\nCMD ["a"]\r\n',
        "`gcc` is installed here; line 3 (`make`) is the last that may build with them.",
    ),
    "shared-parent": (
        'FROM alpine AS app\nRUN apk add gcc make\nFROM app AS other\nRUN make\nFROM app\nCMD ["a"]\n',
        "`gcc`, `make` are installed here; line 4 (`make`) is the last that may build with them.",
    ),
    "purged-in-a-later-run": (
        D + 'RUN apt-get install -y gcc make\nRUN make\nRUN apt-get purge -y gcc make\nCMD ["a"]\n',
        "`gcc`, `make` are removed in line 4, a later layer, which takes nothing out of this one.",
    ),
    "names-from-env": (
        A + 'ENV DEPS="gcc make"\nRUN apk add $DEPS\nRUN make\nCMD ["a"]\n',
        "`gcc`, `make` are installed here; line 4 (`make`) is the last that may build with them.",
    ),
}
FIXED = {
    "apt": (
        "FROM python:3.12-slim\nRUN apt-get update && apt-get install -y gcc && pip install uwsgi\n",
        "FROM python:3.12-slim\nRUN apt-get update && apt-get install -y gcc && pip install uwsgi"
        " && apt-get purge -y --auto-remove gcc\n",
    ),
    "apk-virtual": (
        A + 'RUN apk add -t .b gcc && make\nCMD ["a"]\n',
        A + 'RUN apk add -t .b gcc && make && apk del .b\nCMD ["a"]\n',
    ),
    "yum": (
        'FROM centos:7\nRUN yum install -y gcc && make\nCMD ["a"]\n',
        'FROM centos:7\nRUN yum install -y gcc && make && yum remove -y gcc\nCMD ["a"]\n',
    ),
    "libraries-stay": (
        "FROM python:3.12-slim\nRUN apt-get install -y gcc python3-dev libpq-dev && pip install psycopg2\n",
        "FROM python:3.12-slim\nRUN apt-get install -y gcc python3-dev libpq-dev && pip install psycopg2"
        " && apt-get purge -y --auto-remove gcc python3-dev\n",
    ),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "reason"), FIRES)
def test_fires(text: str, reason: str) -> None:
    assert [each.reason for each in findings(CODE, text)] == [reason]


@table(("text", "fixed"), FIXED)
def test_shows_the_purge(text: str, fixed: str) -> None:
    assert_fixed(CODE, text, fixed)
    assert [each.fix.applicability for each in findings(CODE, text) if each.fix] == [Applicability.DISPLAY]


def test_headers_alone_are_information() -> None:
    text = "FROM php:8-fpm\nRUN apt-get install -y libzip-dev\nRUN docker-php-ext-install zip\n"
    assert [(each.severity, each.fix, each.snippet) for each in findings(CODE, text)] == [(Severity.INFO, None, None)]


def test_shows_several_runs_as_one() -> None:
    text = (
        "FROM python:3.12-slim\nRUN apt-get update \\\n    && apt-get install -y gcc\nWORKDIR /app\n"
        "COPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\n"
    )
    (finding,) = findings(CODE, text)
    assert finding.snippet is not None
    assert finding.snippet.title == "One RUN that installs, builds and purges, in place of lines 2 to 6"
    assert finding.snippet.text == (
        "WORKDIR /app\nCOPY requirements.txt .\nRUN apt-get update \\\n    && apt-get install -y gcc \\\n"
        "    && pip install -r requirements.txt \\\n    && apt-get purge -y --auto-remove gcc\n"
    )


def test_is_silent_for_an_image_to_build_in() -> None:
    for path in ("ci/Dockerfile", "Dockerfile.dev", ".devcontainer/Dockerfile", "docker/builder/Dockerfile"):
        assert_silent(CODE, A + TOOLS + MAKE, Surroundings(path=path))
    assert findings(CODE, A + TOOLS + MAKE, Surroundings(path="services/device/Dockerfile"))


def test_no_purge_is_shown_for_a_group_of_packages() -> None:
    text = 'FROM centos:7\nRUN yum groupinstall -y "Development Tools"\nRUN curl -O https://a/x.c && make\nCMD ["x"]\n'
    (found,) = findings("DS401", text)
    assert found.fix is None
    assert found.snippet is None


def test_headers_of_c_come_with_the_compiler() -> None:
    text = "FROM php:8-fpm\nRUN apt-get install -y libc-dev libzip-dev\nRUN docker-php-ext-install zip\n"
    (found,) = findings(CODE, text)
    assert found.reason.startswith("`libzip-dev` is installed here")


@table(
    "between",
    {
        "built-elsewhere": "WORKDIR /a\nRUN ./configure && make install\nWORKDIR /b\n",
        "installed-from-here": "WORKDIR /a\nRUN make install\nWORKDIR /b\nRUN ldconfig\nWORKDIR /a\n",
    },
)
def test_runs_of_several_directories_are_not_shown_as_one(between: str) -> None:
    (found,) = findings(CODE, D + f'RUN apt-get install -y gcc make\n{between}RUN make -C /c install\nCMD ["a"]\n')
    assert found.snippet is None


def test_an_install_that_is_not_alone_keeps_its_directory() -> None:
    text = D + 'RUN apt-get install -y gcc && ./prepare\nWORKDIR /a\nRUN make install\nCMD ["a"]\n'
    assert [each.snippet for each in findings(CODE, text)] == [None]


def test_a_run_that_changes_its_directory_does_so_for_itself_alone() -> None:
    text = D + 'RUN apt-get install -y gcc\nRUN cd /a && make install\nRUN cd /b && make\nCMD ["a"]\n'
    (found,) = findings(CODE, text)
    assert found.snippet is not None
    assert found.snippet.text == (
        "RUN apt-get install -y gcc \\\n    && (cd /a && make install) \\\n    && cd /b && make \\\n"
        "    && apt-get purge -y --auto-remove gcc\n"
    )


@table(
    ("first", "between"),
    {
        "copied-for-a-user-made-here": (" && useradd app", "COPY --chown=app . /app\n"),
        "copied-for-a-user-of-a-package": (" nginx", "COPY --chown=nginx . /app\n"),
        "copied-into-a-clone": (" && git clone https://a/b /app", "COPY x /app/\n"),
        "copied-over-a-configuration": (" nginx", "COPY nginx.conf /etc/nginx/nginx.conf\n"),
        "copied-behind-the-second": ("", "RUN git clone https://a/b /app\nCOPY x /app/\n"),
        "volume": ("", "VOLUME /app\n"),
        "loop-under-errexit": ("", 'RUN set -e && for each in a b; do make "$each"; done\n'),
    },
)
def test_runs_are_not_shown_as_one_where_that_would_break(first: str, between: str) -> None:
    (found,) = findings(CODE, D + f'RUN apt-get install -y gcc{first}\n{between}RUN make install\nCMD ["a"]\n')
    assert found.snippet is None


def test_a_run_that_sets_a_variable_does_so_for_itself_alone() -> None:
    text = D + 'RUN apt-get install -y gcc\nRUN export A=1 && make\nRUN make install\nCMD ["a"]\n'
    (found,) = findings(CODE, text)
    assert found.snippet is not None
    assert "    && (export A=1 && make) \\\n    && make install" in found.snippet.text


def test_only_what_is_removed_later_is_said_to_be() -> None:
    text = D + 'RUN apt-get install -y gcc make\nRUN ./configure && make install\nRUN apt-get purge -y gcc\nCMD ["a"]\n'
    (found,) = findings(CODE, text)
    assert found.reason.startswith("`gcc` is removed in line 4, a later layer")


def test_go_is_not_for_gems() -> None:
    install = "RUN apt-get update && apt-get install -y golang gcc ruby ruby-dev && gem install daemons\n"
    (found,) = findings(CODE, f"FROM debian:12\n{install}CMD ['a']\n")
    assert "golang" not in found.reason
    (found,) = findings(CODE, f"FROM debian:12\n{install}RUN go build /x\nCMD ['a']\n")
    assert "golang" in found.reason


def test_fluentd_installs_gems_by_a_program_of_its_own() -> None:
    text = "FROM debian:12\nRUN apt-get install -y gcc ruby-dev\nRUN gem install fluentd\nRUN fluent-gem install x\n"
    (found,) = findings(CODE, text + "CMD ['a']\n")
    assert "line 4 (`fluent-gem install`)" in found.reason
