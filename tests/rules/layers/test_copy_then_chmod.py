"""copy-then-chmod."""

from __future__ import annotations

import pytest

from rules.fix import Applicability
from rules.surroundings import Context, Surroundings
from tests.rules.cases import findings, rule_test

CODE = "DS104"
D = "FROM debian:12\n"
COPIED = "COPY --from=b /out/app /usr/bin/app\n"
WITH = "COPY --chmod=755 --from=b /out/app /usr/bin/app\n"
SILENT = {
    "small-program-with-its-version": D
    + "ADD https://e.com/dumb-init_1.2.0_amd64 /bin/dumb-init\nRUN chmod +x /bin/dumb-init\n",
    "script": D + "COPY entrypoint.sh /\nRUN chmod +x /entrypoint.sh\n",
    "script-without-a-suffix": D + "COPY docker-entrypoint /usr/bin/\nRUN chmod +x /usr/bin/docker-entrypoint\n",
    "init": D + "ADD https://e.com/v1/tini /tini\nRUN chmod +x /tini\n",
    "downloaded-in-the-same-run": D + "RUN curl -o /app https://e.com/app && chmod +x /app\n",
    "flag-only": D + WITH,
    "glob-of-scripts": D + "COPY . /app\nRUN chmod +x /app/*.sh\n",
    "script-in-a-tree": D + "COPY . /app\nRUN chmod +x /app/run\n",
    "directory-only": D + "COPY . /app\nRUN chmod 777 /app\n",
    "part-of-a-tree": D + "COPY . /app\nRUN chmod -R 777 /app/storage\n",
    "conditional": D + COPIED + "RUN [ -x /usr/bin/app ] || chmod +x /usr/bin/app\n",
    "stage-not-shipped": f"{D[:-1]} AS b\nADD https://e.com/app.bin /a\nRUN chmod +x /a\n{D}COPY --from=b /a /a\n",
    "find-by-name": D + "COPY . /app\nRUN find /app -name '*.sh' -exec chmod +x {} +\n",
    "pragma": D + COPIED + "# dockslim ignore=DS104\nRUN chmod +x /usr/bin/app\n",
    "pragma-of-tally": D + COPIED + "# tally ignore=tally/prefer-copy-chmod\nRUN chmod +x /usr/bin/app\n",
}
FIXED = {
    "binary-of-another-stage": (D + COPIED + "RUN chmod +x /usr/bin/app\n", D + WITH),
    "octal": (
        D + COPIED + "RUN chmod 0700 /usr/bin/app\n",
        D + "COPY --chmod=0700 --from=b /out/app /usr/bin/app\n",
    ),
    "into-a-directory": (
        D + "ADD https://e.com/kubectl /usr/bin/\nRUN chmod 755 /usr/bin/kubectl\n",
        D + "ADD --chmod=755 https://e.com/kubectl /usr/bin/\n",
    ),
    "relative": (
        D + "WORKDIR /app\nCOPY app.jar .\nRUN chmod +x app.jar\n",
        D + "WORKDIR /app\nCOPY --chmod=755 app.jar .\n",
    ),
    "first-of-several": (
        D + COPIED + "RUN chmod +x /usr/bin/app && app --version\n",
        D + WITH + "RUN app --version\n",
    ),
    "first-under-set": (
        D + COPIED + "RUN set -eux; \\\n    chmod +x /usr/bin/app; \\\n    true\n",
        D + WITH + "RUN set -eux; \\\n    true\n",
    ),
    "several-files": (
        D + COPIED + "COPY run.sh /\nRUN chmod +x /usr/bin/app /run.sh\n",
        D + WITH + "COPY --chmod=755 run.sh /\n",
    ),
    "tree": (
        D + "COPY . /app\nRUN chmod -R 755 /app\n",
        D + "COPY --chmod=755 . /app\nRUN chmod 755 /app\n",
    ),
    "crlf": (
        "FROM debian:12\r\nCOPY app.jar /\r\nRUN chmod 644 /app.jar\r\nUSER 1\r\n",
        "FROM debian:12\r\nCOPY --chmod=644 app.jar /\r\nUSER 1\r\n",
    ),
    "syntax-old-enough": (
        "# syntax=docker/dockerfile:1.2\n" + D + COPIED + "RUN chmod +x /usr/bin/app\n",
        "# syntax=docker/dockerfile:1.2\n" + D + WITH,
    ),
    "syntax-too-old": ("# syntax=docker/dockerfile:1.1\n" + D + COPIED + "RUN chmod +x /usr/bin/app\n", None),
    "syntax-of-strangers": ("# syntax=acme/frontend:1\n" + D + COPIED + "RUN chmod +x /usr/bin/app\n", None),
    "last-of-several": (D + COPIED + "RUN app --version && chmod +x /usr/bin/app\n", None),
    "used-between": (D + COPIED + "RUN patch /usr/bin/app x\nRUN chmod +x /usr/bin/app\n", None),
    "symbolic": (D + COPIED + "RUN chmod u+s /usr/bin/app\n", None),
    "symbolic-tree": (D + "COPY . /app\nRUN chmod -R a+rX /app\n", None),
    "several-sources": (D + "COPY a.jar b.jar /lib/\nRUN chmod 644 /lib/a.jar\n", None),
    "glob": (D + "COPY *.jar /lib/\nRUN chmod 644 /lib/*.jar\n", None),
    "exec-form": (D + COPIED + 'RUN ["chmod", "+x", "/usr/bin/app"]\n', None),
    "flag-there": (D + "COPY --chmod=644 app.jar /\nRUN chmod 755 /app.jar\n", None),
    "run-with-a-mount": (D + COPIED + "RUN --mount=type=cache,target=/x chmod +x /usr/bin/app\n", None),
    "comment-inside": (D + COPIED + "RUN chmod +x \\\n  # mine\n  /usr/bin/app\n", None),
    "find": (D + "COPY . /app\nRUN find /app -type f -exec chmod 644 {} +\n", None),
    "copied-by-a-parent": (f"{D[:-1]} AS a\n{COPIED}FROM a\nRUN chmod +x /usr/bin/app\n", None),
}

test_cases = rule_test(CODE, SILENT, FIXED)


def test_says_that_it_needs_buildkit() -> None:
    (found,) = findings(CODE, D + "COPY app.jar /\nRUN chmod 755 /app.jar\n")
    assert found.fix is not None
    assert found.fix.applicability is Applicability.UNSAFE
    assert "BuildKit" in found.fix.caution


def test_is_safe_where_buildkit_builds_it() -> None:
    (found,) = findings(CODE, "# syntax=docker/dockerfile:1\n" + D + "COPY app.jar /\nRUN chmod 755 /app.jar\n")
    assert found.fix is not None
    assert found.fix.applicability is Applicability.SAFE


@pytest.mark.parametrize(("size", "count"), [(5_000, 0), (50_000_000, 1)])
def test_weighs_what_the_context_holds(size: int, count: int) -> None:
    surroundings = Surroundings(context=Context({"app": size}))
    assert len(findings(CODE, D + "COPY app /usr/bin/app\nRUN chmod +x /usr/bin/app\n", surroundings)) == count
