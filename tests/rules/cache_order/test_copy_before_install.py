"""copy-before-install."""

from __future__ import annotations

import json

import pytest

from rules.check import check
from rules.config import Config
from rules.dockerfile import parse
from rules.fix import Applicability
from rules.surroundings import Context, Surroundings
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS601"
N = "FROM node:22\nWORKDIR /app\n"
P = "FROM python:3.13\nWORKDIR /app\n"
SILENT = {
    "manifests-first": N + "COPY package*.json ./\nRUN npm ci\nCOPY . .\n",
    "install-above-as-well": N + "COPY package*.json ./\nRUN npm ci\nCOPY . .\nRUN npm install --omit=dev\n",
    "named-folder": N + "COPY src .\nRUN npm ci\n",
    "from-a-stage": N + "COPY --from=x . .\nRUN npm ci\n",
    "with-exclusions": N + "COPY --exclude=docs . .\nRUN npm ci\n",
    "other-stage": f"{N[:12]} AS a\nCOPY . .\nFROM node:22\nRUN npm ci\n",
    "bind-mount": N + "COPY . .\nRUN --mount=type=bind,source=package.json,target=package.json npm ci\n",
    "cache-mount": N + "COPY . .\nRUN --mount=type=cache,target=/root/.npm npm ci\n",
    "npm-global": N + "COPY . .\nRUN npm install -g typescript\n",
    "npm-named": N + "COPY . .\nRUN npm install express\n",
    "npm-elsewhere": N + "COPY . .\nRUN npm --prefix web ci\n",
    "npm-run": N + "COPY . .\nRUN npm run build\n",
    "yarn-script": N + "COPY . .\nRUN yarn build\n",
    "yarn-version": N + "COPY . .\nRUN yarn --version\n",
    "pip-source": P + "COPY . .\nRUN pip install .\n",
    "pip-editable": P + "COPY . .\nRUN pip install -e .\n",
    "pip-source-and-requirements": P + "COPY . .\nRUN pip install . -r requirements.txt\n",
    "pip-named": P + "COPY . .\nRUN pip install flask\n",
    "pip-constraint-only": P + "COPY . .\nRUN pip install flask -c c.txt\n",
    "pip-url": P + "COPY . .\nRUN pip install -r https://example.com/r.txt\n",
    "pip-target": P + "COPY . .\nRUN pip install -t lib -r requirements.txt\n",
    "go-build": "FROM golang:1\nCOPY . .\nRUN go build ./...\n",
    "conditional": N + "COPY . .\nRUN if [ -f package.json ]; then npm ci; fi\n",
    "in-a-pipe": N + "COPY . .\nRUN npm ci | tee log\n",
    "loop": P + "COPY . .\nRUN for f in */; do pip install -r $f/requirements.txt; done\n",
    "powershell": N + 'SHELL ["pwsh", "-c"]\nCOPY . .\nRUN npm ci\n',
    "onbuild": "FROM node:22\nONBUILD COPY . .\nONBUILD RUN npm ci\n",
    "pragma": N + "COPY . .\n# dockslim ignore=DS601\nRUN npm ci\n",
    "heredoc-copy": N + "COPY <<EOF ./a\n.\nEOF\nRUN npm ci\n",
}
FIXED = {
    "npm": (N + "COPY . .\nRUN npm ci\n", N + "COPY package*.json ./\nRUN npm ci\nCOPY . .\n"),
    "not-shipped": (
        f"{N[:12]} AS b\nCOPY . /a\nWORKDIR /a\nRUN npm i\nFROM scratch\n",
        f"{N[:12]} AS b\nCOPY package*.json /a/\nWORKDIR /a\nRUN npm i\nCOPY . /a\nFROM scratch\n",
    ),
    "yarn": (N + "COPY ./ ./\nRUN yarn\n", N + "COPY package.json yarn.lock ./\nRUN yarn\nCOPY ./ ./\n"),
    "pnpm": (
        N + "COPY . .\nRUN pnpm i --frozen-lockfile\n",
        N + "COPY package.json pnpm-lock.yaml ./\nRUN pnpm i --frozen-lockfile\nCOPY . .\n",
    ),
    "pip": (
        P + "COPY . /app\nRUN pip3 install -r /app/requirements.txt\n",
        P + "COPY requirements.txt /app/\nRUN pip3 install -r /app/requirements.txt\nCOPY . /app\n",
    ),
    "pip-two-files-in-folders": (
        P + "COPY . .\nRUN python -m pip install -r req/prod.txt -c constraints.txt\n",
        P + "COPY req/prod.txt ./req/\nCOPY constraints.txt ./\n"
        "RUN python -m pip install -r req/prod.txt -c constraints.txt\nCOPY . .\n",
    ),
    "pip-upgrade-first": (
        P + "COPY . .\nRUN pip install -U pip && pip install -r requirements.txt\n",
        P + "COPY requirements.txt ./\nRUN pip install -U pip && pip install -r requirements.txt\nCOPY . .\n",
    ),
    "go": (
        "FROM golang:1\nWORKDIR /src\nCOPY . .\nRUN go mod download\nRUN go build .\n",
        "FROM golang:1\nWORKDIR /src\nCOPY go.mod go.sum ./\nRUN go mod download\nCOPY . .\nRUN go build .\n",
    ),
    "bundle": (
        "FROM ruby:3\nWORKDIR /a\nADD . /a\nRUN bundle install\n",
        "FROM ruby:3\nWORKDIR /a\nCOPY Gemfile Gemfile.lock /a/\nRUN bundle install\nADD . /a\n",
    ),
    "flags-are-kept": (
        N + "COPY --link --chown=node:node . .\nRUN npm ci\n",
        N + "COPY --link --chown=node:node package*.json ./\nRUN npm ci\nCOPY --link --chown=node:node . .\n",
    ),
    "comments-move-along": (
        N + "# dependencies come later\n\n# all of it\n# really\nCOPY . .\n# install\nRUN npm ci\n",
        N
        + "# dependencies come later\n\nCOPY package*.json ./\n# install\nRUN npm ci\n"
        + "# all of it\n# really\nCOPY . .\n",
    ),
    "what-stands-between": (
        N + "COPY . .\n\nENV CI=1\nRUN apk add git\nRUN npm ci \\\n  && npm cache clean --force\nCMD a\n",
        N
        + "COPY package*.json ./\n\nENV CI=1\nRUN apk add git\nRUN npm ci \\\n  && npm cache clean --force\n"
        + "COPY . .\nCMD a\n",
    ),
    "install-and-more": (
        N + "COPY . .\nRUN npm ci && npm cache clean --force && npm run build\n",
        None,
    ),
    "no-final-newline": (N + "COPY . .\nRUN npm ci", N + "COPY package*.json ./\nRUN npm ci\nCOPY . ."),
    "carriage-returns": (
        (N + "COPY . .\nRUN npm ci\nCMD a\n").replace("\n", "\r\n"),
        (N + "COPY package*.json ./\nRUN npm ci\nCOPY . .\nCMD a\n").replace("\n", "\r\n"),
    ),
    "tabs-and-lower-case": (
        N + "copy\t.\t.\nrun\tnpm\tci\n",
        N + "COPY package*.json ./\nrun\tnpm\tci\ncopy\t.\t.\n",
    ),
    "variable-target": (N + "COPY . $APP\nRUN npm ci\n", None),
    "cd": (N + "COPY . .\nRUN cd web && npm ci\n", None),
    "unknown-directory": ("FROM node:22\nWORKDIR $X\nCOPY . .\nRUN npm ci\n", None),
    "not-below-the-target": (P + "COPY . .\nRUN pip install -r /tmp/requirements.txt\n", None),
    "something-between-that-reads-it": (N + "COPY . .\nRUN ./setup.sh\nRUN npm ci\n", None),
    "another-copy-between": (N + "COPY . .\nCOPY .env .\nRUN npm ci\n", None),
    "user-between": (N + "COPY . .\nUSER node\nRUN npm ci\n", None),
    "exec-form": (N + 'COPY [".", "."]\nRUN npm ci\n', None),
    "set-eux": (
        P + "COPY . .\nRUN set -eux; pip install -r requirements.txt; rm -rf /root/.cache\n",
        P + "COPY requirements.txt ./\nRUN set -eux; pip install -r requirements.txt; rm -rf /root/.cache\nCOPY . .\n",
    ),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str | None) -> None:
    if fixed is None:
        (found,) = findings(CODE, text)
        assert found.fix is None or found.fix.applicability is Applicability.DISPLAY
    else:
        assert_fixed(CODE, text, fixed)


def test_install_that_the_run_does_more_than() -> None:
    # A copy of the install alone stands above; the RUN itself may need everything.
    text = "FROM golang:1\nWORKDIR /src\nCOPY . .\nRUN go mod download && make\n"
    assert_fixed(
        CODE,
        text,
        "FROM golang:1\nWORKDIR /src\nCOPY go.mod go.sum ./\nRUN go mod download\nCOPY . .\n"
        "RUN go mod download && make\n",
    )
    (found,) = findings(CODE, text)
    assert found.fix is not None
    assert found.fix.applicability is Applicability.DISPLAY


ALONE = {
    "npm": (N + "COPY . .\nRUN npm ci && npm run build\n", "RUN npm ci && npm cache clean --force"),
    "npm-with-a-build-stage": (
        f"FROM node:22 AS b\nWORKDIR /app\nCOPY . .\nRUN npm ci && npm run build\n{N}COPY --from=b /app/dist /app\n",
        "RUN npm ci",
    ),
    "npm-cache-elsewhere": (
        N + "ENV npm_config_cache=/c\nCOPY . .\nRUN npm ci && npm run build\nVOLUME _cacache\n",
        "RUN npm ci",
    ),
    "yarn": (
        N + "COPY . .\nRUN yarn --frozen-lockfile && yarn build\n",
        "RUN yarn --frozen-lockfile && yarn cache clean",
    ),
    "yarn-berry": (N + "COPY . .\nRUN yarn --immutable && yarn build\n", "RUN yarn --immutable"),
    "pip": (P + "COPY . .\nRUN pip3 install -r r.txt && make\n", "RUN pip3 install --no-cache-dir -r r.txt"),
    "pip-with-the-flag": (
        P + "COPY . .\nRUN pip install --no-cache-dir -r r.txt && make\n",
        "RUN pip install --no-cache-dir -r r.txt",
    ),
    "pip-configured": (
        P + "ENV PIP_NO_CACHE_DIR=1\nCOPY . .\nRUN pip install -r r.txt && make\n",
        "RUN pip install -r r.txt",
    ),
}


@table(("text", "line"), ALONE)
def test_the_install_that_is_added_leaves_no_cache_in_a_shipped_layer(text: str, line: str) -> None:
    report = check(parse(text), Config())
    (found,) = (each for each in report.findings if each.code == CODE)
    assert [each.reason for each in report.refused] == []
    assert found.fix is not None
    assert found.fix.edits[0].replacement.splitlines()[1:] == [line]


FILES = {"package.json": 9, "package-lock.json": 9, "src/a.js": 9, ".dockerignore": 9}
PACKAGE = {"name": "a", "scripts": {"build": "vite build"}, "dependencies": {"a": "^1"}}


def _around(
    package: object = PACKAGE,
    ignore: str | None = "**/node_modules\n",
    files: dict[str, int] | None = None,
    **texts: str,
) -> Surroundings:
    texts = {"package.json": json.dumps(package), **texts}
    return Surroundings(context=Context({**FILES, **(files or {})}, ignore=ignore, texts=texts))


def test_one_click_where_the_repository_shows_that_nothing_else_is_read() -> None:
    text = N + "COPY . .\nRUN npm ci\n"
    (found,) = findings(CODE, text, _around(files={".npmrc": 3}))
    assert found.fix is not None
    assert (found.fix.applicability, found.fix.caution) == (Applicability.SAFE, "")
    assert_fixed(
        CODE,
        text,
        N + "COPY package.json package-lock.json .npmrc ./\nRUN npm ci\nCOPY . .\n",
        _around(files={".npmrc": 3}),
    )


RISKS = {
    "postinstall": (_around({**PACKAGE, "scripts": {"postinstall": "x"}}), "`postinstall`"),
    "prepare": (_around({**PACKAGE, "scripts": {"prepare": "husky"}}), "`prepare`"),
    "workspaces": (_around({**PACKAGE, "workspaces": ["a"]}), "workspaces"),
    "file": (_around({"dependencies": {"a": "file:./a"}}), "local dependency"),
    "path": (_around({"devDependencies": {"a": "../a"}}), "local dependency"),
    "native": (_around(files={"binding.gyp": 1}), "binding.gyp"),
    "client-made-from-a-schema": (_around({"dependencies": {"@prisma/client": "5"}}), "prisma"),
    "patches": (_around({"pnpm": {"patchedDependencies": {"a@1": "patches/a"}}}), "patchedDependencies"),
    "settings-of-a-download": (_around(files={".puppeteerrc.cjs": 1}), ".puppeteerrc.cjs"),
    "packages-thinned-out": (_around(files={".yarnclean": 1}), ".yarnclean"),
    "not-ignored": (_around(ignore="docs\n"), "`.dockerignore` first"),
    "no-ignore-file": (_around(ignore=None), "`.dockerignore` first"),
    "unreadable-package": (_around("["), "could not be read"),
    "odd-scripts": (_around({"scripts": ["x"]}), "scripts"),
}


@table(("surroundings", "caution"), RISKS)
def test_shown_only_where_something_speaks_against_it(surroundings: Surroundings, caution: str) -> None:
    (found,) = findings(CODE, N + "COPY . .\nRUN npm ci\n", surroundings)
    assert found.fix is not None
    assert found.fix.applicability is Applicability.DISPLAY
    assert caution in found.fix.caution


OTHERS = {
    "pip-told-of-constraints": (
        P + "ENV PIP_CONSTRAINT=c.txt\nCOPY . .\nRUN pip install -r r.txt\n",
        {"r.txt": "flask\n"},
        "`PIP_CONSTRAINT`",
    ),
    "bundle-told-of-another-file": (
        "FROM ruby:3\nARG BUNDLE_GEMFILE=x\nWORKDIR /a\nCOPY . .\nRUN bundle install\n",
        {"Gemfile": 'gem "a"\n'},
        "`BUNDLE_GEMFILE`",
    ),
    "pip": (P + "COPY . .\nRUN pip install -r r.txt\n", {"r.txt": "# c\nflask==1\nrequests[socks]>=2 ; x\n"}, None),
    "pip-local": (P + "COPY . .\nRUN pip install -r r.txt\n", {"r.txt": "flask\n-e .\n"}, "r.txt"),
    "pip-other-file": (P + "COPY . .\nRUN pip install -r r.txt\n", {"r.txt": "-r base.txt\n"}, "r.txt"),
    "pip-wheel": (P + "COPY . .\nRUN pip install -r r.txt\n", {"r.txt": "a.whl\n"}, "r.txt"),
    "pip-path": (P + "COPY . .\nRUN pip install -r r.txt\n", {"r.txt": "./lib\n"}, "r.txt"),
    "pip-at-file": (P + "COPY . .\nRUN pip install -r r.txt\n", {"r.txt": "a @ file:///x\n"}, "r.txt"),
    "go": ("FROM golang:1\nWORKDIR /a\nCOPY . .\nRUN go mod download\n", {"go.mod": "replace a => b v1\n"}, None),
    "go-local": (
        "FROM golang:1\nWORKDIR /a\nCOPY . .\nRUN go mod download\n",
        {"go.mod": "replace a => ../b\n"},
        "`replace`",
    ),
    "bundle": ("FROM ruby:3\nWORKDIR /a\nCOPY . .\nRUN bundle install\n", {"Gemfile": 'gem "rails"\n'}, None),
    "bundle-path": (
        "FROM ruby:3\nWORKDIR /a\nCOPY . .\nRUN bundle install\n",
        {"Gemfile": 'gem "a", path: "a"\n'},
        "Gemfile",
    ),
    "bundle-gemspec": ("FROM ruby:3\nWORKDIR /a\nCOPY . .\nRUN bundle install\n", {"Gemfile": "gemspec\n"}, "Gemfile"),
    "dotnet": (
        "FROM sdk\nWORKDIR /a\nCOPY . .\nRUN dotnet restore a.csproj\n",
        {"a.csproj": "<Project/>"},
        "other projects",
    ),
}


@table(("text", "texts", "caution"), OTHERS)
def test_other_tools(text: str, texts: dict[str, str], caution: str | None) -> None:
    context = Context({**dict.fromkeys(texts, 1), "src/a": 1}, texts=texts)
    (found,) = findings(CODE, text, Surroundings(context=context))
    assert found.fix is not None
    if caution is None:
        assert found.fix.applicability is Applicability.SAFE
    else:
        assert caution.lower() in found.fix.caution.lower()


@pytest.mark.parametrize(
    "files",
    [{"src/a.js": 9}, {"package.json": 9, "package-lock.json": 9, "Dockerfile": 9, "README.md": 1}],
    ids=["manifest-not-in-the-tree", "nothing-but-manifests"],
)
def test_silent_in_this_repository(files: dict[str, int]) -> None:
    assert_silent(CODE, N + "COPY . .\nRUN npm ci\n", Surroundings(context=Context(files)))


def test_manifests_that_are_ignored_are_none() -> None:
    assert_silent(CODE, N + "COPY . .\nRUN npm ci\n", _around(ignore="*.json\n"))


@pytest.mark.parametrize("back", ["rm -rf node_modules", "rm -rf /app/node_modules/*", "npm prune --production"])
def test_an_install_that_its_run_takes_back_is_not_kept_above(back: str) -> None:
    (found,) = findings(CODE, N + f"COPY . .\nRUN npm ci && npm run build && {back}\n")
    assert found.fix is None
