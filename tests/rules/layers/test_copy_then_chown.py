"""copy-then-chown."""

from __future__ import annotations

import pytest

from rules.surroundings import Context, Surroundings
from tests.rules.cases import findings, rule_test

CODE = "DS103"
N = "FROM node:22\nWORKDIR /app\n"
D = "FROM debian:12\n"
SILENT = {
    "flag-only": N + "COPY --chown=node:node . .\n",
    "same-run": D + "RUN curl -L https://e.com/a.tgz | tar xz -C /opt && chown -R 1:1 /opt\n",
    "nothing-copied-there": N + "COPY . .\nRUN chown -R node:node /data\n",
    "copied-afterwards": N + "RUN chown -R node:node /app\nCOPY . .\n",
    "a-script": D + "COPY entrypoint.sh /\nRUN chown 1000 /entrypoint.sh\n",
    "a-configuration": D + "COPY conf.d /etc/app/conf.d\nRUN chown -R 1000 /etc/app\n",
    "directory-only": N + "COPY . .\nRUN chown node /app\n",
    "a-part-of-the-copied-tree": N + "COPY . .\nRUN chown -R node /app/storage\n",
    "conditional": N + "COPY . .\nRUN if [ -n x ]; then chown -R node /app; fi\n",
    "stage-not-shipped": "FROM a AS b\nCOPY . /app\nRUN chown -R 1 /app\nFROM a\nCOPY --from=b /app /app\n",
    "on-a-mount": N + "COPY . .\nRUN --mount=type=tmpfs,target=/app chown -R node /app\n",
    "heredoc-file": D + "COPY <<EOF /app/x\na\nEOF\nRUN chown -R 1 /app\n",
    "onbuild": D + "ONBUILD COPY . /app\nONBUILD RUN chown -R 1 /app\n",
    "windows": "FROM mcr.microsoft.com/windows/servercore:ltsc2022\nCOPY . /app\nRUN chown -R 1 /app\n",
    "powershell": D + 'SHELL ["pwsh", "-c"]\nCOPY . /app\nRUN chown -R 1 /app\n',
    "unknown-workdir": D + "WORKDIR $X\nCOPY . .\nRUN chown -R 1 .\n",
    "unknown-variable": D + "COPY . /app\nRUN chown -R 1 $FOO\n",
    "small-copy-and-nothing-filled": N + "COPY package.json .\nRUN npm -v\nRUN chown -R node /app\n",
    "filled-in-the-same-run": N + "COPY package.json .\nRUN npm ci && chown -R node /app\n",
    "filled-elsewhere": N + "COPY package.json .\nRUN cd /srv && npm ci\nRUN chown -R node /app\n",
    "filled-and-emptied": N + "COPY package.json .\nRUN npm ci && rm -rf node_modules\nRUN chown -R node /app\n",
    "filled-afterwards": N + "COPY package.json .\nRUN chown -R node /app\nRUN npm ci\n",
    "filled-on-a-mount": N
    + "COPY package.json .\nRUN --mount=type=cache,target=/app/node_modules npm ci\nRUN chown -R node /app\n",
    "directory-only-of-a-filled-tree": N + "COPY package.json .\nRUN npm ci\nRUN chown node /app\n",
    "echoed": D + "COPY . /app\nRUN echo chown -R 1 /app\n",
    "pragma": N + "COPY . .\n# dockslim ignore=DS103\nRUN chown -R node /app\n",
}
FIXED = {
    "adjacent": (
        N + "COPY . .\nRUN chown -R node:node /app\n",
        N + "COPY --chown=node:node . .\nRUN chown node:node /app\n",
    ),
    "relative": (N + "COPY . .\nRUN chown -R node:node .\n", N + "COPY --chown=node:node . .\nRUN chown node:node .\n"),
    "user-only-leaves-the-group": (
        D + "COPY . /app\nRUN chown -R 1000 /app\n",
        D + "COPY --chown=1000:0 . /app\nRUN chown 1000 /app\n",
    ),
    "chgrp": (D + "COPY . /app\nRUN chgrp -R 0 /app\n", D + "COPY --chown=0:0 . /app\nRUN chgrp 0 /app\n"),
    "option-behind": (
        D + "COPY . /app\nRUN chown 1:1 -R /app\n",
        D + "COPY --chown=1:1 . /app\nRUN chown 1:1 /app\n",
    ),
    "clustered": (
        D + "COPY . /app\nRUN chown -Rv 1:1 /app\n",
        D + "COPY --chown=1:1 . /app\nRUN chown -v 1:1 /app\n",
    ),
    "several-copies": (
        D + "COPY src /app/src\nCOPY --from=x /out /app/lib\nCOPY run.sh /app/\nRUN chown -R 1:1 /app\n",
        D + "COPY --chown=1:1 src /app/src\nCOPY --chown=1:1 --from=x /out /app/lib\nCOPY --chown=1:1 run.sh /app/\n"
        "RUN chown 1:1 /app\n",
    ),
    "user-made-above": (
        D + "RUN groupadd -r app && useradd -r -g app app\nCOPY . /app\nRUN chown -R app:app /app\n",
        D + "RUN groupadd -r app && useradd -r -g app app\nCOPY --chown=app:app . /app\nRUN chown app:app /app\n",
    ),
    "in-a-longer-run": (
        D + "COPY . /app\nRUN apt-get --version && chown -R 1:1 /app && echo done\n",
        D + "COPY --chown=1:1 . /app\nRUN apt-get --version && chown 1:1 /app && echo done\n",
    ),
    "variable-owner": (
        D + "ARG UID=1000\nCOPY . /app\nRUN chown -R $UID:$UID /app\n",
        D + "ARG UID=1000\nCOPY --chown=$UID:$UID . /app\nRUN chown $UID:$UID /app\n",
    ),
    "variable-path": (
        D + "ENV HOME=/app\nCOPY . $HOME\nRUN chown -R 1:1 $HOME\n",
        D + "ENV HOME=/app\nCOPY --chown=1:1 . $HOME\nRUN chown 1:1 $HOME\n",
    ),
    "redundant": (
        N + "COPY --chown=node:node . .\nRUN chown -R node:node /app\n",
        N + "COPY --chown=node:node . .\nRUN chown node:node /app\n",
    ),
    "mkdir-of-the-directory": (
        D + "RUN mkdir -p /app\nCOPY . /app\nRUN chown -R 1:1 /app\n",
        D + "RUN mkdir -p /app\nCOPY --chown=1:1 . /app\nRUN chown 1:1 /app\n",
    ),
    "removed-between": (
        D + "COPY . /app\nRUN rm -rf /app/test\nRUN chown -R 1:1 /app\n",
        D + "COPY --chown=1:1 . /app\nRUN rm -rf /app/test\nRUN chown 1:1 /app\n",
    ),
    "crlf": (
        "FROM debian:12\r\nCOPY . /app\r\nRUN chown -R 1:1 /app\r\n",
        "FROM debian:12\r\nCOPY --chown=1:1 . /app\r\nRUN chown 1:1 /app\r\n",
    ),
    "continuation-and-comment": (
        D + "COPY . \\\n  # all\n\t/app\nRUN true \\\n  # mine\n\t&& chown -R 1:1 /app\n",
        D + "COPY --chown=1:1 . \\\n  # all\n\t/app\nRUN true \\\n  # mine\n\t&& chown 1:1 /app\n",
    ),
    "set-eux": (
        D + "COPY . /app\nRUN set -eux; \\\n    chown -R 1:1 /app; \\\n    echo x\n",
        D + "COPY --chown=1:1 . /app\nRUN set -eux; \\\n    chown 1:1 /app; \\\n    echo x\n",
    ),
    "json-copy": (
        D + 'COPY [".", "/app"]\nRUN chown -R 1:1 /app\n',
        D + 'COPY --chown=1:1 [".", "/app"]\nRUN chown 1:1 /app\n',
    ),
    "heredoc": (
        D + "COPY . /app\nRUN <<EOF\nchown -R 1:1 /app\nEOF\n",
        D + "COPY --chown=1:1 . /app\nRUN <<EOF\nchown 1:1 /app\nEOF\n",
    ),
    "exec-form": (D + 'COPY . /app\nRUN ["chown", "-R", "1:1", "/app"]\n', None),
    "a-run-wrote-there": (N + "COPY . .\nRUN npm ci\nRUN chown -R node:node /app\n", None),
    "a-small-copy-and-a-run-that-fills": (N + "COPY package.json .\nRUN npm ci\nRUN chown -R node /app\n", None),
    "filled-by-a-clone": (D + "COPY a.conf /srv/\nRUN git clone u /srv/b\nRUN chown -R 1:1 /srv\n", None),
    "a-run-wrote-there-by-name": (D + "COPY . /app\nRUN mkdir -p /app/log\nRUN chown -R 1:1 /app\n", None),
    "this-run-wrote-there": (N + "COPY . .\nRUN npm ci && chown -R node:node /app\n", None),
    "script-of-unknown-content": (D + "COPY . /app\nRUN ./x.sh\nRUN chown -R 1:1 /app\n", None),
    "system-directory": (D + "COPY app.jar /usr/local/\nRUN chown -R 1:1 /usr/local\n", None),
    "user-made-afterwards": (D + "COPY . /app\nRUN useradd app && chown -R app:app /app\n", None),
    "user-from-a-package": (D + "COPY . /app\nRUN apt-get install -y nginx && chown -R nginx:nginx /app\n", None),
    "number-changed-between": (N + "COPY . .\nRUN usermod -u 5 node && chown -R node:node /app\n", None),
    "login-group": (D + "COPY . /app\nRUN chown -R app: /app\n", None),
    "other-flag-there": (D + "COPY --chown=2:2 . /app\nRUN chown -R 1:1 /app\n", None),
    "links-followed": (D + "COPY . /app\nRUN chown -RL 1:1 /app\n", None),
    "on-a-condition": (D + "COPY . /app\nRUN test -d /app/x && chown -R 1:1 /app || true\n", None),
    "whatever-comes-of-it": ("FROM acme/a:1\nCOPY . /app\nRUN chown -R app:app /app || true\n", None),
    "whose-failure-is-lost": ("FROM acme/a:1\nCOPY . /app\nRUN chown -R app:app /app; echo done\n", None),
    "glob": (D + "COPY . /app\nRUN chown -R 1:1 /app/*\n", None),
    "command-substitution": (D + "COPY . /app\nRUN chown -R $(id -u) /app\n", None),
    "chmod-of-the-same-tree-remains": (D + "COPY . /app\nRUN chown -R 1:1 /app && chmod -R u+w /app\n", None),
    "workdir-made-a-directory": (D + "COPY a /app/a\nWORKDIR /app/log\nRUN chown -R 1:1 /app\n", None),
    "copied-by-a-parent": ("FROM debian:12 AS a\nCOPY . /app\nFROM a\nRUN chown -R 1:1 /app\n", None),
    "archive-unpacked": (D + "ADD a.tgz /app\nRUN chown -R 1:1 /app\n", None),
    "find": (D + "COPY . /app\nRUN find /app -type d -exec chown 1:1 {} +\n", None),
    "link-wants-a-number": (N + "COPY --link . .\nRUN chown -R node:node /app\n", None),
    "single-binary": (D + "COPY --from=b /out/app /usr/bin/app\nRUN chown 1:1 /usr/bin/app\n", None),
}

test_cases = rule_test(CODE, SILENT, FIXED)


def test_says_where_the_base_may_hold_files() -> None:
    (found,) = findings(CODE, "FROM acme/base:1\nCOPY . /app\nRUN chown -R 1:1 /app\n")
    assert found.fix is not None
    assert "acme/base:1" in found.fix.caution


def test_says_when_the_chown_changes_nothing() -> None:
    (found,) = findings(CODE, N + "COPY --chown=node:node . .\nRUN chown -R node:node /app\n")
    assert "changes nothing" in found.message


def test_brings_the_flag_where_there_is_no_fix() -> None:
    (found,) = findings(CODE, N + "COPY . .\nRUN npm ci\nRUN chown -R node:node /app\n")
    assert found.snippet is not None
    assert found.snippet.text == "COPY --chown=node:node . ."


@pytest.mark.parametrize(("size", "count"), [(50_000, 0), (5_000_000, 1)])
def test_weighs_what_the_context_holds(size: int, count: int) -> None:
    surroundings = Surroundings(context=Context({"src/a.js": size, "README.md": 9_000_000}))
    assert len(findings(CODE, D + "COPY src /app\nRUN chown -R 1:1 /app\n", surroundings)) == count


def test_no_flag_is_shown_where_the_user_is_made_below_the_copy() -> None:
    (found,) = findings(CODE, "FROM debian:12\nCOPY . /app\nRUN useradd app && make && chown -R app /app\n")
    assert found.fix is None
    assert found.snippet is None


def test_says_what_filled_the_tree() -> None:
    (found,) = findings(CODE, N + "COPY package.json .\nRUN npm ci\nRUN chown -R node:node /app\n")
    assert found.message == "chown -R copies /app into another layer"
    assert found.reason == (
        "What line 4 wrote stays there with its old owner, and is in the image twice;"
        " in that RUN, chown copies nothing."
    )
    assert found.snippet is None
