"""npm-cache-left-behind, and with it what every rule about a cache asks."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import findings, rule_test

CODE = "DS230"
N = "FROM node:22-slim\n"
CLEAN = "npm cache clean --force"
SILENT = {
    "clean": N + f"RUN npm ci && {CLEAN}\n",
    "clean-without-force": N + "RUN npm install && npm cache clean\n",
    "clear": N + "RUN npm install && npm cache clear --force\n",
    "rm-root": N + "RUN npm ci && rm -rf /root/.npm\n",
    "rm-home": N + "RUN npm ci && rm -rf ~/.npm\n",
    "rm-home-variable": N + 'RUN npm ci && rm -rf "$HOME/.npm"\n',
    "rm-cacache": N + "RUN npm ci && rm -rf ~/.npm/_cacache\n",
    "rm-glob": N + "RUN npm ci && rm -rf /root/.[^.]*\n",
    "rm-braces": N + "RUN npm ci && rm -rf /root/{.npm,.cache}\n",
    "rm-of-user": N + "USER node\nRUN npm ci && rm -rf /home/node/.npm\n",
    "rm-moved": N + "ENV npm_config_cache=/c\nRUN npm ci && rm -rf /c\n",
    "rm-moved-below": N + "ENV NPM_CONFIG_CACHE=/tmp/c\nRUN npm ci && rm -rf /tmp/*\n",
    "mount": N + "RUN --mount=type=cache,target=/root/.npm npm ci\n",
    "mount-above": N + "RUN --mount=type=cache,target=/root npm ci\n",
    "mount-tmpfs": N + "RUN --mount=type=tmpfs,target=/root/.npm npm ci\n",
    "mount-moved": N + "ENV npm_config_cache=/c\nRUN --mount=type=cache,target=/c npm ci\n",
    "mount-of-user": N + "USER node\nRUN --mount=type=cache,target=/home/node/.npm,uid=1000 npm ci\n",
    "cache-option": N + "RUN npm ci --cache /tmp/c && rm -rf /tmp/c\n",
    "offline": N + "COPY cache /root/.npm\nRUN npm ci --offline\n",
    "copied-by-a-stage": "FROM node:22 AS a\nRUN npm ci\nFROM a\nCOPY --from=a /root/.npm /root/.npm\n",
    "config-set": N + "RUN npm config set cache /tmp/c && npm ci\n",
    "config-set-before": N + "RUN npm config set cache /tmp/c\nRUN npm ci\n",
    "run-script": N + "RUN npm run install\n",
    "pnpm": N + "RUN pnpm install\n",
    "npx": N + "RUN npx install-peerdeps\n",
    "echo": N + "RUN echo npm install\n",
    "init": N + "RUN npm init -y && npm set progress=false\n",
    "script-of-unknown-content": N + "RUN npm ci && ./cleanup.sh\n",
    "stage-not-shipped": "FROM node:22 AS b\nRUN npm ci\nFROM nginx:1.27\nCOPY --from=b /dist /dist\n",
    "onbuild": N + "ONBUILD RUN npm install\n",
    "windows": "FROM node:windowsservercore\nRUN npm install\n",
    "powershell": N + 'SHELL ["powershell"]\nRUN npm install\n',
    "javascript-heredoc": N + "RUN node <<EOF\n// npm install\nEOF\n",
    "pragma": N + "# dockslim ignore=DS230\nRUN npm ci\n",
}
FIXED = {
    "ci": (N + "RUN npm ci\n", N + f"RUN npm ci && {CLEAN}\n"),
    "install": (N + "RUN npm install\n", N + f"RUN npm install && {CLEAN}\n"),
    "i-global": (N + "RUN npm i -g serve\n", N + f"RUN npm i -g serve && {CLEAN}\n"),
    "global-in-front": (N + "RUN npm -g install serve\n", N + f"RUN npm -g install serve && {CLEAN}\n"),
    "prefix": (N + "RUN npm --prefix /app ci\n", N + f"RUN npm --prefix /app ci && {CLEAN}\n"),
    "update": (N + "RUN npm update -g npm\n", N + f"RUN npm update -g npm && {CLEAN}\n"),
    "npmrc-deleted": (
        N + "COPY .npmrc ./\nRUN npm ci && rm -f .npmrc\n",
        N + f"COPY .npmrc ./\nRUN npm ci && rm -f .npmrc && {CLEAN}\n",
    ),
    "other-setting": (
        N + "RUN apk add --no-cache git && npm config set progress false && npm ci\n",
        N + f"RUN apk add --no-cache git && npm config set progress false && npm ci && {CLEAN}\n",
    ),
    "build-follows": (N + "RUN npm ci && npm run build\n", N + f"RUN npm ci && npm run build && {CLEAN}\n"),
    "inline": (N + "RUN NODE_ENV=production npm ci\n", N + f"RUN NODE_ENV=production npm ci && {CLEAN}\n"),
    "path": (N + "RUN /usr/bin/npm ci\n", N + f"RUN /usr/bin/npm ci && /usr/bin/{CLEAN}\n"),
    "sudo": (N + "RUN sudo npm i -g serve\n", N + f"RUN sudo npm i -g serve && sudo {CLEAN}\n"),
    "sudo-user": (N + "RUN sudo -u node npm ci\n", N + f"RUN sudo -u node npm ci && sudo -u node {CLEAN}\n"),
    "two-runs": (
        N + "RUN npm ci\nRUN npm i -g serve\n",
        N + f"RUN npm ci && {CLEAN}\nRUN npm i -g serve && {CLEAN}\n",
    ),
    "two-in-one": (N + "RUN npm ci && npm i -g serve\n", N + f"RUN npm ci && npm i -g serve && {CLEAN}\n"),
    "cleaned-before-only": (
        N + f"RUN {CLEAN} && npm ci\n",
        N + f"RUN {CLEAN} && npm ci && {CLEAN}\n",
    ),
    "cleaned-in-between": (
        N + f"RUN npm ci && {CLEAN} && npm i -g serve\n",
        N + f"RUN npm ci && {CLEAN} && npm i -g serve && {CLEAN}\n",
    ),
    "cleaned-in-a-later-layer": (
        N + f"RUN npm ci\nRUN {CLEAN}\n",
        N + f"RUN npm ci && {CLEAN}\nRUN {CLEAN}\n",
    ),
    "cleaned-for-another-user": (
        N + "USER node\nRUN npm ci && rm -rf /var/cache\n",
        N + f"USER node\nRUN npm ci && rm -rf /var/cache && {CLEAN}\n",
    ),
    "mount-of-another-tool": (
        N + "RUN --mount=type=cache,target=/root/.cache npm ci\n",
        N + f"RUN --mount=type=cache,target=/root/.cache npm ci && {CLEAN}\n",
    ),
    "bind-mount": (
        N + "RUN --mount=type=bind,source=package.json,target=package.json npm i\n",
        N + f"RUN --mount=type=bind,source=package.json,target=package.json npm i && {CLEAN}\n",
    ),
    "lines": (
        N + "RUN apt-get update \\\n    && npm ci \\\n    && rm -rf /var/lib/apt/lists/*\n",
        N + f"RUN apt-get update \\\n    && npm ci \\\n    && rm -rf /var/lib/apt/lists/* \\\n    && {CLEAN}\n",
    ),
    "lines-with-a-comment": (
        N + "RUN npm install -g \\\n  # servers\n  serve \\\n  http-server\n",
        N + f"RUN npm install -g \\\n  # servers\n  serve \\\n  http-server \\\n  && {CLEAN}\n",
    ),
    "trailing-operators": (
        N + "RUN cd /app && \\\n\tnpm ci\n",
        N + f"RUN cd /app && \\\n\tnpm ci && \\\n\t{CLEAN}\n",
    ),
    "crlf": (
        "FROM node:22\r\nRUN cd /app \\\r\n && npm ci\r\n",
        f"FROM node:22\r\nRUN cd /app \\\r\n && npm ci \\\r\n && {CLEAN}\r\n",
    ),
    "set-e": (
        N + "RUN set -eux; \\\n    npm ci; \\\n    npm run build\n",
        N + f"RUN set -eux; \\\n    npm ci; \\\n    npm run build; \\\n    {CLEAN}\n",
    ),
    "heredoc": (
        N + "RUN <<EOF\nset -e\nnpm ci\nEOF\n",
        N + f"RUN <<EOF\nset -e\nnpm ci\n{CLEAN}\nEOF\n",
    ),
    "leaves-the-deleted-directory": (
        N + "RUN cd /tmp/a && npm i -g . && cd / && rm -rf /tmp/a\n",
        N + f"RUN cd /tmp/a && npm i -g . && cd / && rm -rf /tmp/a && {CLEAN}\n",
    ),
    "exec-form": (N + 'RUN ["npm", "ci"]\n', None),
    "or-true": (N + "RUN npm ci || true\n", None),
    "either": (N + "RUN yarn || npm i; echo done\n", None),
    "pipe": (N + "RUN npm ci | tee log\n", None),
    "comment": (N + "RUN npm ci # all of it\n", None),
    "exit": (N + "RUN npm ci; exit 0\n", None),
    "background": (N + "RUN npm ci &\n", None),
    "subshell": (N + "RUN (cd /app && npm ci)\n", None),
    "condition": (N + "RUN if [ -f package.json ]; then npm ci; fi\n", None),
    "question": (N + "RUN [ -f package.json ] && npm ci; echo done\n", None),
    "loop": (N + "RUN for d in a b; do npm --prefix $d ci; done\n", None),
    "npm-removed": ("FROM alpine:3.20\nRUN apk add --no-cache npm && npm i -g serve && apk del npm\n", None),
    "npm-purged": ("FROM debian:12\nRUN npm i -g n && apt-get purge -y npm\n", None),
    "npm-deleted": (N + "RUN npm i -g n && rm -rf /usr/local/lib/node_modules/npm\n", None),
    "npm-moved": (N + "RUN npm i npm && mv node_modules/npm /x\n", None),
    "other-node": (N + "RUN npm i -g n && n 20\n", None),
    "path-changed": (N + "RUN npm ci && export PATH=/x\n", None),
    "path-of-its-own": (N + "RUN PATH=/opt/node/bin:$PATH npm i -g serve\n", None),
    "path-of-its-own-by-sudo": (N + "RUN sudo PATH=/opt/node/bin npm i -g serve\n", None),
    "npm-removed-by-itself": (N + "RUN npm i -g serve && npm rm -g npm\n", None),
    "deleted-directory": (N + "RUN cd /tmp/a && npm i -g . && rm -rf /tmp/a\n", None),
    "deleted-workdir": (N + "WORKDIR /src\nRUN npm i -g . && rm -rf /src\n", None),
    "deleted-glob": (N + "RUN cd /tmp/a && npm i -g . && rm -rf /tmp/*\n", None),
    "deleted-where-nobody-knows": (N + "RUN cd $D && npm i -g . && rm -rf /opt2/a\n", None),
    "wrapped": (N + "RUN sudo A=1 -u $U npm ci\n", None),
}

test_cases = rule_test(CODE, SILENT, FIXED, Applicability.SAFE)


def test_the_directory_is_named_where_it_is_known() -> None:
    for lines, is_named in (
        ("FROM node:22\n", True),
        ("FROM node:22\nUSER node\n", False),
        ("FROM acme/base\n", False),
        ("FROM acme/base\nUSER root\n", True),
    ):
        (found,) = findings(CODE, f"{lines}RUN npm install -g a\n")
        assert ("`/root/.npm`" in found.reason) is is_named
    (found,) = findings(CODE, "FROM node:22\nENV HOME=/home/a\nRUN sudo npm install -g a\n")
    assert "/home" not in found.reason
