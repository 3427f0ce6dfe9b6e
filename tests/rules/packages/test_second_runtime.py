"""second-runtime."""

from __future__ import annotations

from rules.fix import Applicability
from rules.surroundings import Surroundings
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS250"
APT = "RUN apt-get update && apt-get install -y --no-install-recommends "
P = "FROM python:3.12-slim\n"
BUILD = "COPY . /app\nRUN npm ci && npm run build\n"
CMD = 'CMD ["gunicorn", "app"]\n'
SILENT = {
    "other-packages": P + APT + "libpq5 curl\n",
    "distribution-module": P + APT + "python3-dev python3-gi\n",
    "distribution-module-in-another-run": P + APT + "python3\n" + APT + "supervisor\n",
    "path-of-the-distribution": P + APT + "python3 curl\nRUN ln -s /usr/bin/python3 /usr/bin/py\n",
    "system-site-packages": P + APT + "python3 curl\nRUN python -m venv --system-site-packages /v\n",
    "removed-in-the-run": P + APT + "python3-dev gcc && pip install x && apt-get purge -y python3-dev gcc\n",
    "virtual": "FROM python:3-alpine\nRUN apk add --no-cache -t .b python3-dev gcc && apk del .b\n",
    "not-shipped": P.replace("\n", " AS b\n") + APT + "python3-dev gcc\n" + P,
    "python-2": "FROM python:2.7-slim\n" + APT + "python3 python3-pip\n",
    "python-in-an-image-of-node": "FROM node:22\n" + APT + "python3 make\n",
    "other-image": "FROM acme/python:3\n" + APT + "python3-dev gcc\n",
    "distribution": "FROM debian:12\n" + APT + "python3 python3-pip\n",
    "java-of-another-version": "FROM eclipse-temurin:21\n" + APT + "openjdk-8-jdk curl\n",
    "java-path": "FROM eclipse-temurin:21\nENV JAVA_HOME=/usr/lib/jvm/default-java\n" + APT + "default-jdk curl\n",
    "node-run": P + APT + "nodejs npm\n" + BUILD + 'CMD ["node", "x.js"]\n',
    "node-health": P + APT + "nodejs npm\n" + BUILD + "HEALTHCHECK CMD node up.js\n" + CMD,
    "node-behind-a-script": P + APT + "nodejs npm\n" + BUILD + 'CMD ["./start.sh"]\n',
    "node-without-a-build": P + APT + "nodejs npm\nCOPY . /app\nRUN npm ci\n" + CMD,
    "node-tools-stay": P + APT + "nodejs npm\n" + BUILD + "RUN npm install -g @mermaid-js/mermaid-cli\n" + CMD,
    "node-removed": P + APT + "nodejs npm && npm run build && apt-get purge -y nodejs npm\n" + CMD,
    "node-in-ruby": "FROM ruby:3.3\n" + APT + "nodejs npm\n" + BUILD + 'CMD ["puma"]\n',
    "no-program": P + APT + "nodejs npm\n" + BUILD,
    "nothing-copied": P + APT + "nodejs npm\nRUN npm run build\n" + CMD,
    "stage-for-tests": P.replace("\n", " AS test\n") + APT + "nodejs npm\n" + BUILD + CMD,
    "distribution-first-in-the-path": P + 'ENV PATH="/usr/bin:$PATH"\n' + APT + "python3-dev curl\n",
    "library-for-the-distribution": P + APT + "libboost-python-dev python3-dev\n",
    "needed-by-another": "FROM ruby:3.3\n" + APT + "ruby asciidoctor\n",
    "another-root": "FROM node:22-alpine\nRUN apk add --root /out nodejs curl\n",
    "node-called-by-a-package": P + APT + "nodejs npm\nRUN pip install PyExecJS\n" + BUILD + CMD,
    "node-called-by-a-variable": P + APT + "nodejs npm\nENV RENDER='node ssr/main'\n" + BUILD + CMD,
    "node-script-in-the-health-check": P + APT + "nodejs npm\n" + BUILD + "HEALTHCHECK CMD /up.js\n" + CMD,
    "node-for-what-comes-on-top": P + APT + "nodejs npm\n" + BUILD + "ONBUILD RUN npm run build\n" + CMD,
    "node-package-by-name": P + APT + "nodejs npm\n" + BUILD + "RUN npm install svgo-x\n" + CMD,
    "onbuild": P + "ONBUILD " + APT + "python3 curl\n",
    "powershell": P + 'SHELL ["powershell"]\n' + APT + "python3 curl\n",
    "pragma": P + "# dockslim ignore=DS250\n" + APT + "python3 curl\n",
}
FIRES = {
    "nothing-else": P + APT + "python3-dev\n",
    "two-installs": "FROM node:22\nRUN apt-get install -y nodejs && apt-get install -y npm curl\n",
    "variable": P + "ENV DEPS='gcc python3-dev'\n" + APT + "$DEPS\n",
    "comment-between": P + "RUN apt-get install -y \\\n  curl \\\n  # headers\n  python3-dev\n",
    "exec-form": P + 'RUN ["apt-get", "install", "-y", "python3", "curl"]\n',
    "front-end": P + APT + "nodejs npm\n" + BUILD + CMD,
    "front-end-of-php": "FROM php:8-apache\n" + APT + "nodejs npm\nCOPY . /b\nRUN npm i -g gulp-cli && npm i && gulp\n",
    "front-end-by-yarn": P + APT + "nodejs\nCOPY . /app\nRUN yarn install && yarn build\n" + CMD,
}
FIXED = {
    "last": (P + APT + "gcc python3-dev\n", P + APT + "gcc\n"),
    "several": (P + APT + "python3 python3-pip gcc python3-venv\n", P + APT + "gcc\n"),
    "over-lines": (
        P + "RUN apt-get install -y \\\n    gcc \\\n    python3-dev \\\n    curl\n",
        P + "RUN apt-get install -y \\\n    gcc \\\n    curl\n",
    ),
    "crlf": (
        P + "RUN apt-get install -y \\\r\n    gcc \\\r\n    python3-dev\r\n",
        P + "RUN apt-get install -y \\\r\n    gcc\r\n",
    ),
    "apk": (
        "FROM node:22-alpine\nRUN apk add --no-cache npm git\n",
        "FROM node:22-alpine\nRUN apk add --no-cache git\n",
    ),
    "mirror-of-the-image": (
        "FROM public.ecr.aws/docker/library/python:3.12-slim\n" + APT + "curl python3-pip\n",
        "FROM public.ecr.aws/docker/library/python:3.12-slim\n" + APT + "curl\n",
    ),
    "ruby": ("FROM ruby:3.3\n" + APT + "gcc ruby-dev\n", "FROM ruby:3.3\n" + APT + "gcc\n"),
    "java": ("FROM eclipse-temurin:21\n" + APT + "curl default-jre\n", "FROM eclipse-temurin:21\n" + APT + "curl\n"),
    "inherited": (
        P.replace("\n", " AS base\n") + "FROM base\n" + APT + "gcc python3-dev\n",
        P.replace("\n", " AS base\n") + "FROM base\n" + APT + "gcc\n",
    ),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table("text", FIRES)
def test_fires_without_a_fix(text: str) -> None:
    assert_fixed(CODE, text, None)
    assert len(findings(CODE, text)) == 1


@table(("text", "fixed"), FIXED)
def test_fix_is_shown(text: str, fixed: str) -> None:
    assert_fixed(CODE, text, fixed)
    (found,) = findings(CODE, text)
    assert found.fix is not None
    assert found.fix.applicability is Applicability.DISPLAY


def test_silent_about_a_front_end_in_an_image_for_developers() -> None:
    text = P + APT + "nodejs npm\n" + BUILD + CMD
    assert_silent(CODE, text, Surroundings(path="docker/dev/Dockerfile"))


def test_the_last_line_that_uses_node_is_named() -> None:
    (found,) = findings(CODE, P + APT + "nodejs npm\n" + BUILD + "RUN node tidy.js\n" + CMD)
    assert found.reason.startswith("Line 5 is the last that uses it")
