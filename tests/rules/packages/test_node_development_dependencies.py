"""node-development-dependencies."""

from __future__ import annotations

import json

import pytest

from rules.finding import Severity
from rules.fix import Applicability
from rules.surroundings import Context, Surroundings
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS233"
N = "FROM node:22-slim\n"
COPY = "COPY package*.json ./\n"
CMD = 'CMD ["node", "server.js"]\n'


def _around(manifest: object, path: str = "Dockerfile", at: str = "package.json", *more: str) -> Surroundings:
    text = manifest if isinstance(manifest, str) else json.dumps(manifest)
    return Surroundings(path, context=Context({at: 1, **dict.fromkeys(more, 1)}, texts={at: text}))


DEV = {"dependencies": {"express": "4"}, "devDependencies": {"eslint": "9", "jest": "29"}}
KNOWN = _around(DEV)
SILENT = {
    "omit": N + COPY + "RUN npm ci --omit=dev\n" + CMD,
    "omit-apart": N + COPY + "RUN npm ci --omit dev\n" + CMD,
    "production": N + COPY + "RUN npm install --production\n" + CMD,
    "only": N + COPY + "RUN npm install --only=prod\n" + CMD,
    "prod-yarn": N + COPY + "RUN yarn --prod\n" + CMD,
    "prod-pnpm": N + COPY + "RUN pnpm install -P\n" + CMD,
    "env": N + "ENV NODE_ENV=production\n" + COPY + "RUN npm ci\n" + CMD,
    "env-of-a-parent": "FROM node:22 AS a\nENV NODE_ENV=production\nFROM a\n" + COPY + "RUN npm ci\n" + CMD,
    "arg": N + "ARG NODE_ENV\n" + COPY + "RUN npm ci\n" + CMD,
    "env-inline": N + COPY + "RUN NODE_ENV=production npm ci\n" + CMD,
    "env-npm": N + "ENV NPM_CONFIG_PRODUCTION=true\n" + COPY + "RUN npm ci\n" + CMD,
    "config": N + "RUN npm config set omit dev\n" + COPY + "RUN npm ci\n" + CMD,
    "global": N + "RUN npm install -g serve\n" + CMD,
    "named": N + "RUN npm install express\n" + CMD,
    "named-yarn": N + "RUN yarn add express\n" + CMD,
    "workspace": N + COPY + "RUN npm ci -w api\n" + CMD,
    "built-in-the-same-run": N + COPY + "RUN npm ci && npm run build\n" + CMD,
    "built-later": N + COPY + "RUN npm ci\nCOPY . .\nRUN npm run build\n" + CMD,
    "built-by-a-tool": N + COPY + "RUN npm ci\nCOPY . .\nRUN npx tsc\n" + CMD,
    "built-by-a-bin": N + COPY + "RUN npm ci\nRUN node_modules/.bin/webpack\n" + CMD,
    "built-by-a-script": N + COPY + "RUN npm ci\nCOPY . .\nRUN ./build.sh\n" + CMD,
    "built-by-node": N + COPY + "RUN npm ci\nCOPY . .\nRUN node build.js\n" + CMD,
    "built-in-a-child": "FROM node:22 AS a\n"
    + COPY
    + "RUN npm ci\n"
    + CMD
    + "FROM a AS b\nRUN npm test\nFROM a\n"
    + CMD,
    "pruned": N + COPY + "RUN npm ci && npm prune --production\n" + CMD,
    "later-unreadable": N + COPY + "RUN npm ci\nRUN python3 <<EOF\nx\nEOF\n" + CMD,
    "development-server": N + COPY + "RUN npm ci\nCMD npm run dev\n",
    "nodemon": N + COPY + 'RUN npm ci\nCMD ["nodemon", "server.js"]\n',
    "ts-node": N + COPY + 'RUN npm ci\nCMD ["node", "-r", "ts-node/register", "server.ts"]\n',
    "test": N + COPY + "RUN npm ci\nCMD npm test\n",
    "no-program": N + COPY + "RUN npm ci\n",
    "stage-named-dev": "FROM node:22 AS dev\n" + COPY + "RUN npm ci\n" + CMD,
    "stage-not-shipped": "FROM node:22 AS b\n" + COPY + "RUN npm ci\n" + CMD + "FROM nginx:1.27\nCOPY --from=b /d /d\n",
    "onbuild": N + "ONBUILD RUN npm ci\n" + CMD,
    "pragma": N + COPY + "# dockslim ignore=DS233\nRUN npm ci\n" + CMD,
}
FIXED = {
    "ci": (N, "npm ci", "npm ci --omit=dev"),
    "install": (N, "npm install", "npm install --omit=dev"),
    "i": (N, "npm i --no-audit", "npm i --omit=dev --no-audit"),
    "cache-cleaned": (N, "npm ci && npm cache clean --force", "npm ci --omit=dev && npm cache clean --force"),
    "exec": (N, '["npm", "ci"]', '["npm", "ci", "--omit=dev"]'),
    "lines": (N, "cd /app \\\n\t&& npm ci", "cd /app \\\n\t&& npm ci --omit=dev"),
    "set-e": (N, "set -eux; npm ci; rm -rf /tmp/x", "set -eux; npm ci --omit=dev; rm -rf /tmp/x"),
    "comment": (N, "npm ci # all", "npm ci --omit=dev # all"),
    "condition": (N, "if true; then npm ci; fi", "if true; then npm ci --omit=dev; fi"),
    "heredoc": (N, "<<EOF\nnpm ci\nEOF", "<<EOF\nnpm ci --omit=dev\nEOF"),
    "mount": (
        N,
        "--mount=type=cache,target=/root/.npm npm ci",
        "--mount=type=cache,target=/root/.npm npm ci --omit=dev",
    ),
    "yarn": (N, "yarn", "yarn --production"),
    "yarn-install": (N, "yarn install --frozen-lockfile", "yarn install --production --frozen-lockfile"),
    "pnpm": (N, "pnpm install --frozen-lockfile", "pnpm install --prod --frozen-lockfile"),
    "lts": ("FROM node:lts-alpine\n", "npm ci", "npm ci --omit=dev"),
    "untagged": ("FROM node\n", "npm ci", "npm ci --omit=dev"),
    "npm-8": ("FROM node:16.13.0\n", "npm ci", "npm ci --omit=dev"),
    "npm-6": ("FROM node:14-alpine\n", "npm ci", "npm ci --only=production"),
    "npm-6-by-name": ("FROM node:dubnium\n", "npm ci", "npm ci --only=production"),
}
MANIFESTS = {
    "no-development": ({"dependencies": {"express": "4"}}, CMD, None),
    "empty": ({"devDependencies": {}}, CMD, None),
    "hook": ({**DEV, "scripts": {"prepare": "husky"}}, CMD, False),
    "other-scripts": ({**DEV, "scripts": {"build": "tsc", "test": "jest"}}, CMD, True),
    "start": ({**DEV, "scripts": {"start": "node server.js"}}, "CMD npm start\n", True),
    "start-by-default": (DEV, 'CMD ["npm", "start"]\n', True),
    "start-by-a-tool": ({**DEV, "scripts": {"start": "nodemon server.js"}}, "CMD npm start\n", None),
    "start-unclear": ({**DEV, "scripts": {"start": "./run"}}, "CMD npm start\n", False),
    "start-with-a-hook": ({**DEV, "scripts": {"start": "node a", "prestart": "tsc"}}, "CMD npm start\n", False),
    "script": ({**DEV, "scripts": {"prod": "node server.js"}}, "CMD npm run prod\n", True),
    "script-unknown": (DEV, "CMD npm run prod\n", False),
    "script-is-no-text": ({**DEV, "scripts": {"start": 1}}, "CMD npm start\n", False),
    "program-unclear": (DEV, 'CMD ["/start.sh"]\n', False),
    "init": (DEV, 'ENTRYPOINT ["/sbin/tini", "--"]\nCMD ["node", "server.js"]\n', True),
    "process-manager": (DEV, 'CMD ["pm2-runtime", "server.js"]\n', True),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text, KNOWN)
    assert_silent(CODE, text)


@table(("base", "before", "after"), FIXED)
def test_fixed(base: str, before: str, after: str) -> None:
    text = f"{base}{COPY}RUN {before}\n{CMD}"
    assert_fixed(CODE, text, f"{base}{COPY}RUN {after}\n{CMD}", KNOWN)
    for each in findings(CODE, text, KNOWN):
        assert each.fix is not None
        assert (each.fix.applicability, bool(each.fix.caution)) == (Applicability.UNSAFE, True)


def test_crlf() -> None:
    text = (N + COPY + "RUN npm ci\n" + CMD).replace("\n", "\r\n")
    assert_fixed(CODE, text, text.replace("ci", "ci --omit=dev"), KNOWN)


@table(("manifest", "program", "fixed"), MANIFESTS)
def test_reads_the_manifest(manifest: object, program: str, fixed: bool | None) -> None:
    found = findings(CODE, N + COPY + "RUN npm ci\n" + program, _around(manifest))
    assert [each.fix is not None for each in found] == ([] if fixed is None else [fixed])


@pytest.mark.parametrize(
    "manifest", ["", "[]", "{", "[" * 5000, '{"devDependencies": 3}', '{"devDependencies": ["a"]}']
)
def test_a_manifest_that_cannot_be_read_is_no_ground_for_a_fix(manifest: str) -> None:
    assert not any(each.fix for each in findings(CODE, N + COPY + "RUN npm ci\n" + CMD, _around(manifest)))


def test_is_information_where_nothing_is_known() -> None:
    found = findings(CODE, N + COPY + "RUN npm ci\n" + CMD)
    assert [(each.severity, each.fix) for each in found] == [(Severity.INFO, None)]
    assert_silent(CODE, N + COPY + "RUN npm ci\nCMD npm start\n")


@pytest.mark.parametrize(
    "path", ["Dockerfile.dev", "Dockerfile.test", "docker/dev/Dockerfile", ".devcontainer/Dockerfile"]
)
def test_silent_in_files_for_development(path: str) -> None:
    assert_silent(CODE, N + COPY + "RUN npm ci\n" + CMD, _around(DEV, path))


def test_which_manifest_is_copied() -> None:
    text = N + "COPY api/package.json ./\nRUN npm ci\n" + CMD
    found = findings(CODE, text, _around(DEV, "Dockerfile", "api/package.json", "package.json"))
    assert [each.fix is not None for each in found] == [True]
    two = N + "COPY api/package.json ./\nCOPY package.json ./\nRUN npm ci\n" + CMD
    found = findings(CODE, two, _around(DEV, "Dockerfile", "api/package.json", "package.json"))
    assert [each.fix for each in found] == [None]


def test_yarn_that_may_be_another_gets_no_fix() -> None:
    around = Surroundings(
        context=Context({"package.json": 1, ".yarnrc.yml": 1}, texts={"package.json": json.dumps(DEV)})
    )
    assert [each.fix for each in findings(CODE, N + COPY + "RUN yarn\n" + CMD, around)] == [None]


def test_names_no_package_that_is_unfit_to_be_shown() -> None:
    found = findings(CODE, N + COPY + "RUN npm ci\n" + CMD, _around({"devDependencies": {"`x`\n# y": "1"}}))
    assert [each.reason for each in found] == [
        "`package.json` names some among them, and nothing in this file builds or tests with them."
    ]
