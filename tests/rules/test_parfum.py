"""What docker-parfum 1.0.0 makes of these inputs is wrong; dockslim must not repeat it."""

from __future__ import annotations

from tests.rules.cases import table
from tests.rules.fixing import fix_all

D = "FROM debian:12-slim\n"
P = "FROM python:3.12-slim\n"
RM = "rm -rf /var/lib/apt/lists/*"
UNCHANGED = {
    "cache-mount": P + "RUN --mount=type=cache,target=/root/.cache/pip pip install flask\n",
    "platform": "FROM --platform=$BUILDPLATFORM golang:1 AS b\n",
    "add-url": D + "ADD https://e/a.txt /a\n",
    "add-git": D + "ADD git@github.com:a/b.git /b\n",
    "mkdir-usr-src": D + "RUN mkdir -p /usr/src/app\n",
    "mktemp": D + "RUN mktemp -d\n",
    "localhost": D + "HEALTHCHECK CMD curl http://localhost:8080\n",
    "archive-used-later": D + "RUN tar -xf a.tgz && ls a.tgz\n",
    "pnpm": "FROM node:22\nRUN pnpm install\n",
    "powershell": 'FROM debian:12-slim\nSHELL ["pwsh", "-Command"]\nRUN apt-get update; apt-get install -y curl\n',
}
FIXED = {
    "loop": (
        P + "RUN for p in a b; do pip install $p; done\n",
        P + "RUN for p in a b; do pip install --no-cache-dir $p; done\n",
    ),
    "onbuild": (
        P + "ONBUILD RUN pip install -r requirements.txt\n",
        P + "ONBUILD RUN pip install --no-cache-dir -r requirements.txt\n",
    ),
    "or-true": (
        D + "RUN apt-get install -y git || true\n",
        D + "RUN apt-get install --no-install-recommends -y ca-certificates git || true\n",
    ),
    "pipe": (
        D + "RUN apt-get update && apt-get install -y cron | tee log\n",
        D + "RUN apt-get update && apt-get install --no-install-recommends -y cron | tee log\n",
    ),
    "one-update-two-installs": (
        D + "RUN apt-get update\nRUN apt-get install -y cron\nRUN apt-get install -y git\n",
        D + "RUN apt-get update\nRUN apt-get install --no-install-recommends -y cron\n"
        "RUN apt-get install --no-install-recommends -y ca-certificates git\n",
    ),
    "comment-behind": (
        "FROM alpine:3.20\nRUN apk add curl # tools\n",
        "FROM alpine:3.20\nRUN apk add --no-cache curl # tools\n",
    ),
    "comment-in-continuation": (
        D + "RUN apt-get update \\\n# c\n && apt-get install -y cron\n",
        D + f"RUN apt-get update \\\n# c\n && apt-get install --no-install-recommends -y cron \\\n && {RM}\n",
    ),
    "exec-form": (
        D + 'RUN ["apt-get","install","-y","git"]\n',
        D + 'RUN ["apt-get","install","--no-install-recommends","-y","ca-certificates","git"]\n',
    ),
    "crlf": (
        "FROM debian:12-slim\r\nRUN apt-get install -y cron\r\n",
        "FROM debian:12-slim\r\nRUN apt-get install --no-install-recommends -y cron\r\n",
    ),
    "no-final-newline": (D + "RUN apt-get install -y cron", D + "RUN apt-get install --no-install-recommends -y cron"),
    "heredoc": (
        D + "RUN <<EOF\nset -e\napt-get update\napt-get install -y cron\nEOF\n",
        D + f"RUN <<EOF\nset -e\napt-get update\napt-get install --no-install-recommends -y cron\n{RM}\nEOF\n",
    ),
}


@table("text", UNCHANGED)
def test_is_left_alone(text: str) -> None:
    assert fix_all(text).text == text


@table(("text", "fixed"), FIXED)
def test_is_fixed_well(text: str, fixed: str) -> None:
    assert fix_all(text).text == fixed
