"""debug-information-shipped."""

from __future__ import annotations

from rules.finding import Severity
from rules.fix import Applicability
from rules.surroundings import Context, Surroundings
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS403"
GO = "FROM golang:1.22 AS build\nWORKDIR /src\nCOPY . .\n"
SHIP = "FROM scratch\nCOPY --from=build /x /x\n"
SILENT = {
    "flags": GO + "RUN go build -ldflags='-s -w' -o /x\n" + SHIP,
    "flags-apart": GO + "RUN go build -ldflags '-w -X a=b' -o /x\n" + SHIP,
    "flags-joined": GO + 'RUN go build "-ldflags=-s -w" -o /x\n' + SHIP,
    "flags-from-a-variable": GO + "RUN go build -ldflags $F -o /x\n" + SHIP,
    "flags-from-a-quoted-variable": GO + 'RUN go build -ldflags "$F" -o /x\n' + SHIP,
    "flags-from-a-command": GO + 'RUN go build -ldflags "-X a=$(git describe)" -o /x\n' + SHIP,
    "goflags": GO + "ENV GOFLAGS=-ldflags=-w\nRUN go build -o /x\n" + SHIP,
    "strip": GO + "RUN go build -o /x\nRUN strip /x\n" + SHIP,
    "upx": GO + "RUN go build -o /x && upx /x\n" + SHIP,
    "debugger": GO + "RUN go build -gcflags='all=-N -l' -o /x\n" + SHIP,
    "debugger-shipped": GO + 'RUN go build -o /x\nFROM scratch\nCOPY --from=build /x /x\nCMD ["dlv", "exec", "/x"]\n',
    "plugin": GO + "RUN go build -buildmode=plugin -o /x\n" + SHIP,
    "several-packages": GO + "RUN go build ./...\n" + SHIP,
    "not-copied-from": GO + "RUN go build -o /x\nFROM scratch\nCOPY x /x\n",
    "another-command": GO + "RUN go vet ./... && go test ./... && go mod download\n" + SHIP,
    "tool-of-the-build": GO + "RUN go install e.org/gen@v1 && gen && make\n" + SHIP,
    "thrown-away": GO + "RUN go build -o /dev/null ./cmd\n" + SHIP,
    "options-from-a-variable": GO + "ARG F\nRUN go build $F -o /x .\n" + SHIP,
    "echo": GO + "RUN echo go build -o /x\n" + SHIP,
    "powershell": 'FROM golang:1.22\nSHELL ["powershell"]\nRUN go build -o x\n',
    "cargo-debug": "FROM rust AS build\nRUN cargo build\n" + SHIP,
    "cargo-strips": "FROM rust AS build\nENV RUSTFLAGS=-Cstrip=symbols\nRUN cargo build --release\n" + SHIP,
    "pragma": GO + "# dockslim ignore=DS403\nRUN go build -o /x\n" + SHIP,
}
NEW = '-ldflags="-s -w"'
FIXED = {
    "tool-that-is-shipped": (
        GO + "RUN go install e.org/x@v1\nFROM scratch\nCOPY --from=build /go/bin/x /x\n",
        GO + f"RUN go install {NEW} e.org/x@v1\nFROM scratch\nCOPY --from=build /go/bin/x /x\n",
    ),
    "package-from-a-variable": (
        GO + "RUN go build -o $OUT ./cmd/$P\n" + SHIP,
        GO + f"RUN go build {NEW} -o $OUT ./cmd/$P\n" + SHIP,
    ),
    "build": (GO + "RUN go build -o /x .\n" + SHIP, GO + f"RUN go build {NEW} -o /x .\n" + SHIP),
    "install": (GO + "RUN go install .\n" + SHIP, GO + f"RUN go install {NEW} .\n" + SHIP),
    "install-of-all": (GO + "RUN go install ./...\n" + SHIP, GO + f"RUN go install {NEW} ./...\n" + SHIP),
    "assignments": (
        GO + "RUN CGO_ENABLED=0 GOOS=linux go build -o /x\n" + SHIP,
        GO + f"RUN CGO_ENABLED=0 GOOS=linux go build {NEW} -o /x\n" + SHIP,
    ),
    "exec-form": (
        GO + 'RUN ["go", "build", "-o", "/x"]\n' + SHIP,
        GO + 'RUN ["go", "build", "-ldflags=-s -w", "-o", "/x"]\n' + SHIP,
    ),
    "more-flags-single": (
        GO + "RUN go build -ldflags '-X a=b' -o /x\n" + SHIP,
        GO + "RUN go build -ldflags '-s -w -X a=b' -o /x\n" + SHIP,
    ),
    "more-flags-double": (
        GO + 'RUN go build -ldflags="-X a=$V" -o /x\n' + SHIP,
        GO + 'RUN go build -ldflags="-s -w -X a=$V" -o /x\n' + SHIP,
    ),
    "flags-in-flags": (
        GO + "RUN go build -ldflags '-extldflags \"-static\"' -o /x\n" + SHIP,
        GO + "RUN go build -ldflags '-s -w -extldflags \"-static\"' -o /x\n" + SHIP,
    ),
    "set-eux": (
        GO + "RUN set -eux; \\\n\tgo build -o /x; \\\n\tls\n" + SHIP,
        GO + f"RUN set -eux; \\\n\tgo build {NEW} -o /x; \\\n\tls\n" + SHIP,
    ),
    "comment-between": (
        GO + "RUN go mod download \\\n# now\n  && go build -o /x\n" + SHIP,
        GO + f"RUN go mod download \\\n# now\n  && go build {NEW} -o /x\n" + SHIP,
    ),
    "heredoc": (
        GO + "RUN <<EOF\ngo build -o /x\nEOF\n" + SHIP,
        GO + f"RUN <<EOF\ngo build {NEW} -o /x\nEOF\n" + SHIP,
    ),
    "crlf": (
        (GO + "RUN go build -o /x\n" + SHIP).replace("\n", "\r\n"),
        (GO + f"RUN go build {NEW} -o /x\n" + SHIP).replace("\n", "\r\n"),
    ),
    "mount": (
        GO + "RUN --mount=type=cache,target=/root/.cache go build -o /x\n" + SHIP,
        GO + f"RUN --mount=type=cache,target=/root/.cache go build {NEW} -o /x\n" + SHIP,
    ),
    "copied-through-another-stage": (
        GO + "RUN go build -o /x\nFROM alpine AS mid\nCOPY --from=build /x /x\nFROM scratch\nCOPY --from=1 /x /x\n",
        GO
        + f"RUN go build {NEW} -o /x\nFROM alpine AS mid\nCOPY --from=build /x /x\nFROM scratch\nCOPY --from=1 /x /x\n",
    ),
    "loop": (
        GO + "RUN for p in a b; do go build -o /$p ./$p; done\n" + SHIP,
        GO + f"RUN for p in a b; do go build {NEW} -o /$p ./$p; done\n" + SHIP,
    ),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str) -> None:
    assert_fixed(CODE, text, fixed)


def test_the_click_says_what_is_lost() -> None:
    (finding,) = findings(CODE, GO + "RUN go build -o /x\n" + SHIP)
    assert finding.fix is not None
    assert finding.fix.applicability is Applicability.UNSAFE
    assert "symbols" in finding.fix.caution


def test_cargo_is_information_with_a_snippet() -> None:
    text = "FROM rust:1 AS build\nRUN cargo build --release\n" + SHIP
    (finding,) = findings(CODE, text)
    assert (finding.severity, finding.fix) == (Severity.INFO, None)
    assert finding.snippet is not None
    assert finding.snippet.language == "toml"


def test_a_manifest_that_strips_is_read() -> None:
    text = "FROM rust:1 AS build\nRUN cargo build --release\n" + SHIP
    files = Context({"Cargo.toml": 9}, texts={"Cargo.toml": "[profile.release]\nstrip = true\n"})
    assert_silent(CODE, text, Surroundings(context=files))
