"""apk-cache-left-behind."""

from __future__ import annotations

from rules.fix import Applicability, apply
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS203"
A = "FROM alpine:3.20\n"
SILENT = {
    "flag": A + "RUN apk add --no-cache curl\n",
    "flag-before-add": A + "RUN apk --no-cache add curl\n",
    "flag-behind-packages": A + "RUN apk add curl --no-cache\n",
    "flag-with-update": A + "RUN apk add --update --no-cache curl\n",
    "rm-cache": A + "RUN apk add curl && rm -rf /var/cache/apk/*\n",
    "rm-cache-f": A + "RUN apk add --update curl && rm -f /var/cache/apk/*\n",
    "rm-cache-directory": A + "RUN apk add curl && rm -fr /var/cache/apk\n",
    "rm-cache-above": A + "RUN apk add curl && rm -rf /var/cache/*\n",
    "rm-cache-tmp": A + "RUN apk add curl && rm -rf /tmp/* /var/cache/apk/*\n",
    "cache-clean": A + "RUN apk add curl && apk cache clean\n",
    "cache-v-clean": A + "RUN apk add curl && apk -v cache clean\n",
    "mount": A + "RUN --mount=type=cache,target=/var/cache/apk apk add curl\n",
    "mount-ancestor": A + "RUN --mount=type=cache,target=/var/cache apk add curl\n",
    "mount-etc": A + "RUN --mount=type=cache,target=/etc/apk/cache apk add curl\n",
    "mount-tmpfs": A + "RUN --mount=type=tmpfs,target=/var/cache/apk apk add curl\n",
    "alpine-3.1": "FROM alpine:3.1\nRUN apk add curl\n",
    "alpine-2.7": "FROM alpine:2.7\nRUN apk add curl\n",
    "child-of-alpine-3.2": "FROM alpine:3.2 AS b\nFROM b\nRUN apk add curl\n",
    "stage-not-shipped": "FROM alpine:3.20 AS b\nRUN apk add curl\nFROM alpine:3.20\nCOPY --from=b /x /x\n",
    "del": A + "RUN apk del curl\n",
    "other-command": A + "RUN echo apk add curl\n",
    "semicolons": A + "RUN set -ex; apk add curl; rm -rf /var/cache/apk/*\n",
    "virtual": A + "RUN apk add --no-cache --virtual .build gcc && apk del .build\n",
    "pragma": A + "# hadolint ignore=DL3019\nRUN apk add curl\n",
    "powershell": A + 'SHELL ["pwsh", "-c"]\nRUN apk add curl\n',
}
FIXED: dict[str, tuple[str, str | None]] = {
    "plain": (A + "RUN apk add curl\n", A + "RUN apk add --no-cache curl\n"),
    "comment-behind": (A + "RUN apk add curl # tools\n", A + "RUN apk add --no-cache curl # tools\n"),
    "alpine-3.3": ("FROM alpine:3.3\nRUN apk add curl\n", "FROM alpine:3.3\nRUN apk add --no-cache curl\n"),
    "alpine-3.19": ("FROM alpine:3.19\nRUN apk add curl\n", "FROM alpine:3.19\nRUN apk add --no-cache curl\n"),
    "update-flag": (A + "RUN apk add --update curl\n", A + "RUN apk add --no-cache --update curl\n"),
    "upper-u": (A + "RUN apk add -U curl\n", A + "RUN apk add --no-cache -U curl\n"),
    "update-and-add": (A + "RUN apk update && apk add curl\n", A + "RUN apk add --no-cache curl\n"),
    "update-and-add-with-flag": (
        A + "RUN apk update && apk add --no-cache curl\n",
        A + "RUN apk add --no-cache curl\n",
    ),
    "update-over-lines": (
        A + "RUN apk update \\\n && apk add curl\n",
        A + "RUN apk add --no-cache curl\n",
    ),
    "update-trailing": (
        A + "RUN apk update && \\\n    apk add curl git\n",
        A + "RUN apk add --no-cache curl git\n",
    ),
    "update-alone": (A + "RUN apk update\nRUN apk add curl\n", A + "RUN apk add --no-cache curl\n"),
    "update-alone-two-adds": (
        A + "RUN apk update\nRUN apk add curl\nRUN apk add git\n",
        A + "RUN apk add --no-cache curl\nRUN apk add --no-cache git\n",
    ),
    "update-and-upgrade": (
        A + "RUN apk update && apk upgrade && apk add curl\n",
        A + "RUN apk upgrade --no-cache && apk add --no-cache curl\n",
    ),
    "two-adds": (
        A + "RUN apk add curl && apk add git\n",
        A + "RUN apk add --no-cache curl && apk add --no-cache git\n",
    ),
    "cleaned-before-only": (
        A + "RUN rm -rf /var/cache/apk/* && apk add curl\n",
        A + "RUN rm -rf /var/cache/apk/* && apk add --no-cache curl\n",
    ),
    "virtual-with-value": (
        A + "RUN apk add -t .build gcc\n",
        A + "RUN apk add --no-cache -t .build gcc\n",
    ),
    "repository": (
        A + "RUN apk add --repository http://x/edge curl\n",
        A + "RUN apk add --no-cache --repository http://x/edge curl\n",
    ),
    "or-true": (A + "RUN apk add curl || true\n", A + "RUN apk add --no-cache curl || true\n"),
    "loop": (
        A + "RUN for p in a b; do apk add $p; done\n",
        A + "RUN for p in a b; do apk add --no-cache $p; done\n",
    ),
    "onbuild": (A + "ONBUILD RUN apk add curl\n", A + "ONBUILD RUN apk add --no-cache curl\n"),
    "exec-form": (A + 'RUN ["apk", "add", "curl"]\n', A + 'RUN ["apk", "add", "--no-cache", "curl"]\n'),
    "heredoc": (
        A + "RUN <<EOF\napk add curl\nEOF\n",
        A + "RUN <<EOF\napk add --no-cache curl\nEOF\n",
    ),
    "crlf": (
        "FROM alpine:3.20\r\nRUN apk add \\\r\n\tcurl\r\n",
        "FROM alpine:3.20\r\nRUN apk add --no-cache \\\r\n\tcurl\r\n",
    ),
    "set-eux": (
        A + "RUN set -eux; \\\n\tapk add \\\n\t\tcurl \\\n\t;\n",
        A + "RUN set -eux; \\\n\tapk add --no-cache \\\n\t\tcurl \\\n\t;\n",
    ),
    "bind-mount": (
        A + "RUN --mount=type=bind,target=/var/cache/apk apk add curl\n",
        A + "RUN --mount=type=bind,target=/var/cache/apk apk add --no-cache curl\n",
    ),
    "exec-form-without-blanks": (A + 'RUN ["apk","add","curl"]\n', A + 'RUN ["apk","add","--no-cache","curl"]\n'),
    "no-network": (A + "RUN apk update && apk add --no-network curl\n", None),
    "rm-elsewhere": (
        A + "RUN apk add curl && rm -rf /tmp/x\n",
        A + "RUN apk add --no-cache curl && rm -rf /tmp/x\n",
    ),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str | None) -> None:
    assert_fixed(CODE, text, fixed)


def test_what_the_next_run_would_fetch_again_is_kept_out_of_both() -> None:
    text = "FROM alpine:3.20\nRUN apk add --update curl\nRUN apk add --update git\n"
    first, second = findings(CODE, text)
    assert first.fix is not None
    assert first.fix == second.fix
    assert apply(text, [first.fix]) == text.replace("--update", "--no-cache --update")


def test_unsafe_where_a_script_of_the_same_run_may_read_the_index() -> None:
    (found,) = findings(CODE, "FROM alpine:3.20\nRUN apk add --update curl && curl -s https://x.example/a | sh\n")
    assert found.fix is not None
    assert found.fix.applicability is Applicability.UNSAFE
    (found,) = findings(CODE, "FROM alpine:3.20\nRUN apk add --update make && V=$(cat /x) && make\n")
    assert found.fix is not None
    assert found.fix.applicability is Applicability.SAFE
