"""yarn-cache-left-behind."""

from __future__ import annotations

from rules.fix import Applicability
from rules.surroundings import Context, Surroundings
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS231"
N = "FROM node:22-slim\n"
CLEAN = "yarn cache clean"
SILENT = {
    "clean": N + f"RUN yarn --production && {CLEAN}\n",
    "clean-all": N + f"RUN yarn --production && {CLEAN} --all\n",
    "rm-root": N + "RUN yarn install && rm -rf /usr/local/share/.cache\n",
    "rm-root-below": N + "RUN yarn install && rm -rf /usr/local/share/.cache/yarn/*\n",
    "rm-home": N + "RUN yarn install && rm -rf ~/.cache/yarn\n",
    "rm-asked": N + "RUN yarn install && rm -rf $(yarn cache dir)\n",
    "rm-of-user": N + "USER node\nRUN yarn && rm -rf /home/node/.cache\n",
    "rm-moved": N + "ENV YARN_CACHE_FOLDER=/c\nRUN yarn && rm -rf /c\n",
    "mount": N + "RUN --mount=type=cache,target=/usr/local/share/.cache/yarn yarn\n",
    "mount-above": N + "RUN --mount=type=cache,target=/usr/local/share/.cache yarn\n",
    "mount-of-another-home": N + "RUN --mount=type=cache,target=/root/.cache/yarn yarn\n",
    "mount-of-what-yarn-1-is-installed-in": N + "RUN --mount=type=cache,target=/root/.yarn yarn\n",
    "mount-moved": N + "ENV YARN_CACHE_FOLDER=/c\nRUN --mount=type=cache,target=/c yarn\n",
    "mount-moved-inline": N + "RUN --mount=type=cache,target=/yarn-cache YARN_CACHE_FOLDER=/yarn-cache yarn\n",
    "cache-folder": N + "RUN yarn install --cache-folder /tmp/c && rm -rf /tmp/c\n",
    "cache-folder-set": N + "RUN yarn config set cache-folder /tmp/c\nRUN yarn\n",
    "offline": N + "RUN yarn install --offline\n",
    "version": N + "RUN yarn --version\n",
    "build": N + "RUN yarn build && yarn run install-it\n",
    "berry-yarnrc": N + "COPY package.json .yarnrc.yml ./\nRUN yarn install --production\n",
    "berry-yarn-folder": N + "COPY .yarn ./.yarn\nRUN yarn\n",
    "berry-cache": N + "RUN --mount=type=cache,target=/root/.yarn/berry/cache yarn\n",
    "berry-release": N + "COPY .yarn/releases /app/.yarn/releases\nRUN yarn\n",
    "berry-corepack": N + "RUN corepack enable && yarn\n",
    "berry-immutable": N + "RUN yarn install --immutable\n",
    "berry-focus": N + "RUN yarn workspaces focus --production\n",
    "berry-set-version": N + "RUN yarn set version berry && yarn\n",
    "stage-not-shipped": "FROM node:22 AS b\nRUN yarn\nFROM nginx:1.27\nCOPY --from=b /dist /dist\n",
    "onbuild": N + "ONBUILD RUN yarn --production\n",
    "pragma": N + "# hadolint ignore=DL3060\nRUN yarn\n",
    "powershell": N + 'SHELL ["powershell"]\nRUN yarn\n',
}
SAFE = {
    "production": (N + "RUN yarn --production\n", N + f"RUN yarn --production && {CLEAN}\n"),
    "global-add": (N + "RUN yarn global add serve\n", N + f"RUN yarn global add serve && {CLEAN}\n"),
    "build-follows": (
        N + "RUN yarn --pure-lockfile && yarn build\n",
        N + f"RUN yarn --pure-lockfile && yarn build && {CLEAN}\n",
    ),
    "set-e": (
        N + "RUN set -ex; \\\n\tyarn --prod; \\\n\tyarn build\n",
        N + f"RUN set -ex; \\\n\tyarn --prod; \\\n\tyarn build; \\\n\t{CLEAN}\n",
    ),
    "rm-of-archives": (
        N + "RUN yarn global add serve && rm -rf yarn-v1.tar.gz .yarnclean\n",
        N + f"RUN yarn global add serve && rm -rf yarn-v1.tar.gz .yarnclean && {CLEAN}\n",
    ),
    "crlf": (
        "FROM node:22\r\nRUN cd /a \\\r\n && yarn --prod\r\n",
        f"FROM node:22\r\nRUN cd /a \\\r\n && yarn --prod \\\r\n && {CLEAN}\r\n",
    ),
}
UNSAFE = {
    "installed-at-home": (
        N + 'ENV PATH="$HOME/.yarn/bin:/root/.yarn/bin:$PATH"\nRUN yarn\n',
        N + f'ENV PATH="$HOME/.yarn/bin:/root/.yarn/bin:$PATH"\nRUN yarn && {CLEAN}\n',
    ),
    "bare": (N + "RUN yarn\n", N + f"RUN yarn && {CLEAN}\n"),
    "frozen": (N + "RUN yarn --frozen-lockfile\n", N + f"RUN yarn --frozen-lockfile && {CLEAN}\n"),
    "install": (N + "RUN yarn install\n", N + f"RUN yarn install && {CLEAN}\n"),
    "add": (N + "RUN yarn add express\n", N + f"RUN yarn add express && {CLEAN}\n"),
}
UNFIXED = {
    "exec-form": N + 'RUN ["yarn", "--production"]\n',
    "or-true": N + "RUN yarn || true\n",
    "yarn-removed": N + "RUN yarn --production && apt-get purge -y yarn\n",
    "node-deleted": N + "RUN yarn --production && rm -rf /opt/yarn\n",
}


def _around(files: tuple[str, ...], manifest: str | None = None) -> Surroundings:
    texts = {} if manifest is None else {"package.json": manifest}
    return Surroundings(context=Context(dict.fromkeys(files, 100), texts=texts))


KNOWN = {
    "classic": (_around(("package.json", "yarn.lock"), "{}"), Applicability.SAFE),
    "no-manifest": (_around(("yarn.lock",)), Applicability.SAFE),
    "manifest-not-read": (_around(("package.json", "yarn.lock")), Applicability.UNSAFE),
    "classic-manager": (_around(("package.json",), '{"packageManager": "yarn@1.22.22"}'), Applicability.SAFE),
    "yarnrc": (_around(("package.json", ".yarnrc.yml"), "{}"), None),
    "yarnrc-deeper": (_around(("web/package.json", "web/.yarnrc.yml"), "{}"), None),
    "pnp": (_around(("package.json", ".pnp.cjs"), "{}"), None),
    "manager": (_around(("package.json",), '{"packageManager": "yarn@4.5.0"}'), None),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), SAFE)
def test_safe(text: str, fixed: str) -> None:
    assert_fixed(CODE, text, fixed)
    assert {each.fix.applicability for each in findings(CODE, text) if each.fix} == {Applicability.SAFE}


@table(("text", "fixed"), UNSAFE)
def test_unsafe_where_yarn_may_be_another(text: str, fixed: str) -> None:
    assert_fixed(CODE, text, fixed)
    assert {(each.fix.applicability, bool(each.fix.caution)) for each in findings(CODE, text) if each.fix} == {
        (Applicability.UNSAFE, True)
    }


@table("text", UNFIXED)
def test_fires_without_a_fix(text: str) -> None:
    assert_fixed(CODE, text, None)


@table(("surroundings", "applicability"), KNOWN)
def test_asks_the_repository(surroundings: Surroundings, applicability: Applicability | None) -> None:
    found = findings(CODE, N + "COPY . .\nRUN yarn\n", surroundings)
    assert [each.fix and each.fix.applicability for each in found] == ([applicability] if applicability else [])


def test_silent_where_the_packages_come_with_another_image() -> None:
    assert_silent(
        CODE, "FROM node:12\nCOPY --from=acme/app:latest /app/node_modules /app/node_modules\nRUN yarn install\n"
    )
