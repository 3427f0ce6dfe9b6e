"""ineffective-cleanup."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import findings, rule_test

CODE = "DS106"
D = "FROM debian:12\n"
UP = "apt-get update && apt-get install -y cron"
RM = "rm -rf /var/lib/apt/lists/*"
SILENT = {
    "right": D + f"RUN {UP} && {RM}\n",
    "right-directory": D + f"RUN {UP} && rm -rf /var/lib/apt/lists\n",
    "above": D + f"RUN {UP} && rm -rf /var/lib/apt/*\n",
    "archives": D + f"RUN {UP} && rm -rf /var/cache/apt/archives/*\n",
    "other-cache": "FROM alpine:3\nRUN apk add git && rm -rf /var/cache/apt/*\n",
    "braces": D + f"RUN {UP} && rm -rf /var/lib/{{apt,dpkg}}/\n",
    "not-near": D + f"RUN {UP} && rm -rf /var/lib/log/*\n",
    "nothing-written": D + "RUN rm -rf /var/lib/apt/list/*\n",
    "used-later": D + f"RUN {UP} && rm -rf /var/lib/apt/list/*\nRUN apt-get install -y nano\n",
    "on-a-mount": D + f"RUN --mount=type=cache,target=/var/lib/apt {UP} && rm -rf /var/lib/apt/list/*\n",
    "quoted-and-no-glob": D + f"RUN {UP} && rm -rf '/var/lib/apt/lists'\n",
    "half-quoted": D + f"RUN {UP} && rm -rf '/var/lib/apt/lists/'*\n",
    "quoted-elsewhere": D + f"RUN {UP} && rm -rf '/tmp/*'\n",
    "exec-form-without-a-glob": D + 'RUN ["rm", "-rf", "/tmp/x"]\n',
    "stage-not-shipped": f"{D[:-1]} AS b\nRUN {UP} && rm -rf /var/lib/apt/list/*\n{D}COPY --from=b /x /x\n",
    "pragma": D + f"# dockslim ignore=DS106\nRUN {UP} && rm -rf /var/lib/apt/list/*\n",
    "find": D + f"RUN {UP} && find /var/lib/apt/list -delete\n",
}
FIXED = {
    "the-article": (D + f"RUN {UP} && rm -rf /var/lib/pat/lists\n", D + f"RUN {UP} && rm -rf /var/lib/apt/lists\n"),
    "list": (D + f"RUN {UP} && rm -rf /var/lib/apt/list/*\n", D + f"RUN {UP} && {RM}\n"),
    "slash-behind": (
        D + f"RUN {UP} && rm -rf /var/lib/apt/list/ /x\n",
        D + f"RUN {UP} && rm -rf /var/lib/apt/lists/ /x\n",
    ),
    "libs": (D + f"RUN {UP} && rm -rf /var/libs/apt/lists/*\n", D + f"RUN {UP} && {RM}\n"),
    "single-quotes": (D + f"RUN {UP} && rm -rf '/var/lib/apt/lists/*'\n", D + f"RUN {UP} && {RM}\n"),
    "double-quotes": (D + f'RUN {UP} && rm -rf "/var/lib/apt/lists/*"\n', D + f"RUN {UP} && {RM}\n"),
    "apk": (
        "FROM alpine:3\nRUN apk add --update git && rm -rf /var/chache/apk/*\n",
        "FROM alpine:3\nRUN apk add --update git && rm -rf /var/cache/apk/*\n",
    ),
    "yum": (
        "FROM centos:7\nRUN yum install -y git && rm -rf /var/cahce/yum\n",
        "FROM centos:7\nRUN yum install -y git && rm -rf /var/cache/yum\n",
    ),
    "set-eux-over-lines": (
        D + "RUN set -eux; \\\n\tapt-get update; \\\n\t# tidy\n\trm -rf /var/lib/apt/list/*\n",
        D + "RUN set -eux; \\\n\tapt-get update; \\\n\t# tidy\n\trm -rf /var/lib/apt/lists/*\n",
    ),
    "crlf": (
        f"FROM debian:12\r\nRUN {UP} \\\r\n && rm -rf /var/lib/apt/list/*\r\n",
        f"FROM debian:12\r\nRUN {UP} \\\r\n && rm -rf /var/lib/apt/lists/*\r\n",
    ),
    "heredoc": (
        D + "RUN <<EOF\napt-get update\nrm -rf /var/lib/apt/list/*\nEOF\n",
        D + "RUN <<EOF\napt-get update\nrm -rf /var/lib/apt/lists/*\nEOF\n",
    ),
    "not-recursive": (D + f"RUN {UP} && rm -f /var/lib/apt/list/*\n", None),
    "exec-form": (D + 'RUN ["rm", "-rf", "/var/lib/apt/lists/*"]\n', None),
}

test_cases = rule_test(CODE, SILENT, FIXED)


def test_a_script_behind_may_need_the_lists() -> None:
    (found,) = findings(CODE, D + f"RUN {UP} && rm -rf /var/lib/apt/list/*\nRUN ./setup.sh\n")
    assert found.fix is not None
    assert found.fix.applicability is Applicability.UNSAFE
    assert "./setup.sh" in found.fix.caution
