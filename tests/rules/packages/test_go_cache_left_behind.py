"""go-cache-left-behind."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS245"
G = "FROM golang:1.22\n"
CLEAN = "go clean -cache -modcache"
TOOL = "go install example.com/x@v1.0.0"
SILENT = {
    "cleaned": G + f"RUN {TOOL} && {CLEAN}\n",
    "cleaned-in-part": G + f"RUN {TOOL} && go clean -modcache\n",
    "rm": G + f"RUN {TOOL} && rm -rf /go/pkg /root/.cache\n",
    "rm-go": G + f"RUN {TOOL} && rm -rf /go/pkg/mod\n",
    "rm-variable": G + f'RUN {TOOL} && rm -rf "$GOPATH/pkg"\n',
    "mount": G + f"RUN --mount=type=cache,target=/root/.cache/go-build {TOOL}\n",
    "mount-modules": G + f"RUN --mount=type=cache,target=/go/pkg/mod {TOOL}\n",
    "moved": G + f"ENV GOCACHE=/tmp/c\nRUN {TOOL}\n",
    "moved-inline": G + f"RUN GOPATH=/tmp/go {TOOL}\n",
    "moved-export": G + f"RUN export GOPATH=/tmp/go && {TOOL}\n",
    "own-module": G + "COPY . .\nRUN go install ./...\n",
    "built-later": G + f"RUN {TOOL}\nCOPY . .\nRUN go build ./...\n",
    "downloaded-before": G + f"COPY go.mod .\nRUN go mod download\nRUN {TOOL}\n",
    "built-in-the-same-run": G + f"RUN {TOOL} && go generate ./...\n",
    "built-in-a-child": f"FROM golang:1.22 AS a\nRUN {TOOL}\nFROM a AS b\nRUN go test ./...\nFROM a\n",
    "started": G + f'RUN {TOOL}\nCMD ["go", "run", "."]\n',
    "watched": G + f'RUN {TOOL}\nCMD ["air"]\n',
    "stage-not-shipped": f"FROM golang:1.22 AS b\nRUN {TOOL}\nFROM debian:12\nCOPY --from=b /go/bin/x /x\n",
    "copied": f"FROM golang:1.22 AS a\nRUN {TOOL}\nFROM a\nCOPY --from=a /go/pkg /go/pkg\n",
    "onbuild": G + f"ONBUILD RUN {TOOL}\n",
    "pragma": G + f"# dockslim ignore=DS245\nRUN {TOOL}\n",
}
FIXED = {
    "one": (TOOL, f"{TOOL} && {CLEAN}"),
    "two": (f"{TOOL} && go install b.c/d@latest", f"{TOOL} && go install b.c/d@latest && {CLEAN}"),
    "static": (f"CGO_ENABLED=0 {TOOL}", f"CGO_ENABLED=0 {TOOL} && {CLEAN}"),
    "path": (f"/usr/local/go/bin/{TOOL}", f"/usr/local/go/bin/{TOOL} && /usr/local/go/bin/{CLEAN}"),
    "asks-first": (f"go env && {TOOL}", f"go env && {TOOL} && {CLEAN}"),
    "lines": (f"cd /x \\\n    # tools\n    && {TOOL}", f"cd /x \\\n    # tools\n    && {TOOL} \\\n    && {CLEAN}"),
    "set-e": (f"set -eux; \\\n\t{TOOL}; \\\n\tls", f"set -eux; \\\n\t{TOOL}; \\\n\tls; \\\n\t{CLEAN}"),
}
UNFIXED = {
    "loop": "for t in a b; do go install example.com/$t@latest; done",
    "go-deleted": f"{TOOL} && rm -rf /usr/local/go",
    "go-removed": f"{TOOL} && apk del go",
    "exec": '["go", "install", "example.com/x@v1"]',
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("before", "after"), FIXED)
def test_fixed(before: str, after: str) -> None:
    for end in ("\n", "\r\n"):
        old, new = (f"{G}RUN {each}\nCMD x\n".replace("\n", end) for each in (before, after))
        assert_fixed(CODE, old, new)
        assert {each.fix.applicability for each in findings(CODE, old) if each.fix} == {Applicability.SAFE}


@table("command", UNFIXED)
def test_fires_without_a_fix(command: str) -> None:
    assert [each.fix for each in findings(CODE, f"{G}RUN {command}\n")] in ([None], [])
