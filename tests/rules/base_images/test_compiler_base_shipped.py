"""compiler-base-shipped."""

from __future__ import annotations

from rules.dockerfile import parse
from rules.surroundings import Surroundings
from tests.rules.cases import assert_silent, findings, table

CODE = "DS305"
GO = "FROM golang:1.22\nWORKDIR /src\nCOPY . .\n"
SILENT = {
    "builds-at-run-time": "FROM golang:alpine\nCOPY . .\nRUN go build\n"
    "CMD if [ $E = dev ]; then go get github.com/pilu/fresh && fresh; fi\n",
    "second-stage": GO.replace("1.22", "1.22 AS build") + "RUN go build -o /x\nFROM scratch\nCOPY --from=build /x /x\n",
    "nothing-built": GO + 'CMD ["/src/server"]\n',
    "no-program": GO + "RUN go build -o /x\n",
    "tool": 'FROM golang:1.22\nRUN go install golang.org/x/lint/golint@latest\nENTRYPOINT ["golint"]\n',
    "another-thing-fetched": 'FROM golang:1.22\nRUN go get github.com/a/library\nCMD ["/startup.sh"]\n',
    "go-run": GO + 'RUN go build ./...\nCMD ["go", "run", "main.go"]\n',
    "go-run-in-a-shell": GO + "RUN go build ./...\nCMD cd /src && go run main.go\n",
    "shell": GO + 'RUN go build -o /x\nCMD ["bash"]\n',
    "cargo-run": "FROM rust:1\nRUN cargo build\nCMD cargo run\n",
    "maven-itself": "FROM maven:3\nRUN mvn package\nCMD mvn spring-boot:run\n",
    "stage-for-tests": GO.replace("1.22", "1.22 AS test") + "RUN go build -o /x\nCMD /x\n",
    "parent-of-another": "FROM golang:1.22 AS a\nRUN go build -o /x\nCMD /x\nFROM a\n",
    "onbuild": GO + 'ONBUILD COPY . .\nRUN go build -o /x\nCMD ["/x"]\n',
    "windows": "FROM golang:1.22-nanoserver\nRUN go build -o x\nCMD x\n",
    "pragma": "# dockslim ignore=DS305\n" + GO + 'RUN go build -o /x\nCMD ["/x"]\n',
}
FIRES = {
    "go": GO + 'RUN go build -o /x\nCMD ["/x"]\n',
    "go-alpine": GO.replace("1.22", "1.22-alpine") + 'RUN go build -o /x\nCMD ["/x"]\n',
    "go-install-of-a-remote-program": 'FROM golang:1.22\nRUN go install github.com/a/b@v1\nENTRYPOINT ["b"]\n',
    "exec-form": GO + 'RUN ["go", "get"]\nRUN ["go", "install"]\nENTRYPOINT ["src"]\n',
    "make": GO + 'RUN make\nCMD ["/src/bin/x"]\n',
    "rust": "FROM rust:1.70\nRUN cargo build --release\nCMD ./target/release/x\n",
    "gradle": 'FROM gradle:7-jdk17\nRUN gradle :app:bootJar\nCMD ["java", "-jar", "x.jar"]\n',
    "gcc": "FROM gcc:13\nCOPY . /s\nRUN gcc -o /x /s/x.c\nCMD /x\n",
    "unclear-program": GO + "RUN go build -o /x\nCMD sleep 1 && /x\n",
    "final-stage-of-several": "FROM node AS web\nRUN npm run build\nFROM golang:1\nRUN go build -o /x\nCMD /x\n",
}
GO_IN_TWO = """\
FROM golang:1.22 AS build
ENV CGO_ENABLED=0
WORKDIR /src
COPY . .
RUN go build -o /server .

FROM scratch
ENV ZONEINFO=/zoneinfo.zip
WORKDIR /src
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/local/go/lib/time/zoneinfo.zip /zoneinfo.zip
COPY --from=build /server /server
EXPOSE 8080
USER 1000
ENTRYPOINT ["/server"]
"""
MAVEN_IN_TWO = """\
FROM maven:3.9-eclipse-temurin-17 AS build
WORKDIR /app
COPY . .
RUN mvn -B package

FROM eclipse-temurin:17-jre
WORKDIR /app
COPY --from=build /app/target/app.jar /app/target/app.jar
CMD ["java", "-jar", "target/app.jar"]
"""
RUST_IN_TWO = """\
FROM rust:1.70-bookworm AS build
WORKDIR /app
COPY . .
RUN cargo build --release

FROM debian:bookworm-slim
RUN apt-get update \\
    && apt-get install -y --no-install-recommends ca-certificates \\
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=build /app/target/release/app /app/target/release/app
CMD ["./target/release/app"]
"""
TWO = {
    "go": (
        GO + 'EXPOSE 8080\nRUN go build -o /server .\nUSER 1000\nENTRYPOINT ["/server"]\n',
        GO_IN_TWO,
    ),
    "go-crlf": (
        (GO + 'EXPOSE 8080\nRUN go build -o /server .\nUSER 1000\nENTRYPOINT ["/server"]\n').replace("\n", "\r\n"),
        GO_IN_TWO,
    ),
    "maven": (
        "FROM maven:3.9-eclipse-temurin-17\nWORKDIR /app\nCOPY . .\nRUN mvn -B package\n"
        'CMD ["java", "-jar", "target/app.jar"]\n',
        MAVEN_IN_TWO,
    ),
    "rust": (
        'FROM rust:1.70-bookworm\nWORKDIR /app\nCOPY . .\nRUN cargo build --release\nCMD ["./target/release/app"]\n',
        RUST_IN_TWO,
    ),
}
NONE_WRITTEN = {
    "script": GO + 'RUN go build -o /x\nCMD ["/run.sh"]\n',
    "several-commands": GO + "RUN go build -o /x\nCMD sleep 1 && /x\n",
    "a-package-that-may-be-needed": GO + 'RUN apt-get install -y ffmpeg\nRUN go build -o /x\nCMD ["/x"]\n',
    "cgo": GO + 'RUN CGO_ENABLED=1 go build -o /x\nCMD ["/x"]\n',
    "cgo-by-env": GO + 'ENV CGO_ENABLED=1\nRUN go build -o /x\nCMD ["/x"]\n',
    "settings-that-it-reads": GO + 'RUN go build -o /x\nCMD ["/x", "-config=./conf/app.toml"]\n',
    "health-by-curl": GO + 'RUN go build -o /x\nHEALTHCHECK CMD curl -f localhost\nCMD ["/x"]\n',
    "user-made-among-others": GO + 'RUN go build -o /x && useradd app\nUSER app\nCMD ["/x"]\n',
    "folder-made": GO + 'RUN go build -o /x\nRUN mkdir /data && chown 1000 /data\nUSER 1000\nCMD ["/x"]\n',
    "variable": GO + 'RUN go build -o /x\nCMD ["$APP/x"]\n',
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table("text", FIRES)
def test_fires(text: str) -> None:
    (finding,) = findings(CODE, text)
    assert finding.fix is None
    assert finding.span.of(text).split(":")[0] in ("golang", "rust", "gradle", "gcc")


@table(("text", "expected"), TWO)
def test_two_stages_are_written_out(text: str, expected: str) -> None:
    (finding,) = findings(CODE, text)
    assert finding.snippet is not None
    assert finding.snippet.text == expected
    assert_silent(CODE, expected)


@table("text", NONE_WRITTEN)
def test_nothing_is_written_that_is_not_known(text: str) -> None:
    (finding,) = findings(CODE, text)
    assert finding.snippet is None


def test_a_program_in_the_path_is_found_there_again() -> None:
    (finding,) = findings(CODE, GO + 'RUN go install .\nENTRYPOINT ["src"]\n')
    assert finding.snippet is not None
    assert "COPY --from=build /go/bin/src /usr/local/bin/src\n" in finding.snippet.text


def test_a_shell_needs_a_system() -> None:
    text = GO.replace("1.22", "1.22-alpine") + "RUN go build -o /x\nCMD /x\n"
    (finding,) = findings(CODE, text)
    assert finding.snippet is not None
    assert "FROM alpine\nRUN apk add --no-cache ca-certificates\n" in finding.snippet.text


def test_users_are_made_again() -> None:
    text = GO + 'RUN useradd app\nRUN go build -o /x\nUSER app\nCMD ["/x"]\n'
    (finding,) = findings(CODE, text)
    assert finding.snippet is not None
    assert "RUN useradd app\n" in finding.snippet.text.partition("\n\n")[2]


def test_a_long_stage_is_named_not_repeated() -> None:
    text = GO + "".join(f"RUN echo {n}\n" for n in range(200)) + 'RUN go build -o /x\nCMD ["/x"]\n'
    (finding,) = findings(CODE, text)
    assert finding.snippet is not None
    assert "# lines 2 to 205 as they are\n" in finding.snippet.text


def test_what_is_written_parses() -> None:
    for text, _ in TWO.values():
        (finding,) = findings(CODE, text)
        assert finding.snippet is not None
        assert len(parse(finding.snippet.text).stages) == 2


def test_a_dockerfile_for_development_is_left_alone() -> None:
    assert_silent(CODE, GO + "RUN go build -o /x\nCMD /x\n", Surroundings(path="docker/dev/Dockerfile"))


def test_what_go_before_1_10_built_needs_a_c_library() -> None:
    """Its standard library is linked as the image holds it, whatever CGO_ENABLED says."""
    for base, runtime in (
        ("golang:1.9", "debian:stable-slim"),
        ("golang:1.4-alpine", "alpine"),
        ("golang:1.10", "scratch"),
    ):
        (found,) = findings(CODE, f'FROM {base}\nWORKDIR /src\nCOPY . .\nRUN go build -o /x .\nCMD ["/x"]\n')
        assert found.snippet is not None
        assert f"\nFROM {runtime}\n" in found.snippet.text


def test_the_build_gets_a_name_that_no_other_stage_has() -> None:
    text = "FROM node AS build\nRUN npm run build\n" + GO + 'COPY --from=build /d d\nRUN go build -o /x\nCMD ["/x"]\n'
    (found,) = findings(CODE, text)
    assert found.snippet is not None
    assert "FROM golang:1.22 AS builder\n" in found.snippet.text
    assert "COPY --from=builder /x /x\n" in found.snippet.text
    assert "COPY --from=build /d d\n" in found.snippet.text


def test_arguments_are_declared_where_they_are_used_again() -> None:
    text = GO + 'ARG V\nARG U=7\nENV VERSION=$V\nRUN adduser -u $U app\nRUN go build -o /x\nUSER app\nCMD ["/x"]\n'
    (found,) = findings(CODE, text)
    assert found.snippet is not None
    second = found.snippet.text.partition("\n\n")[2]
    assert "install -y --no-install-recommends adduser ca-certificates" in second
    assert "\nARG V\nARG U=7\nRUN adduser -u $U app\nENV VERSION=$V\n" in second


@table(
    ("build", "copied"),
    {
        "where the language puts it": ("go install .", "/go/bin/src"),
        "where the build puts it": ("go build -o /usr/local/bin/src .", "/usr/local/bin/src"),
        "where it is moved": ("go build && mv src /usr/bin/src", "/usr/bin/src"),
        "in a folder": ("go build -o /usr/local/bin/ .", None),
        "in two places": ("go build -o /usr/bin/src && cp /usr/bin/src /bin/src", None),
    },
)
def test_program_on_the_path(build: str, copied: str | None) -> None:
    """What is run by its name lies where a RUN says, if one does; nothing is written out where that is not clear."""
    (found,) = findings(CODE, f'{GO}RUN {build}\nCMD ["src"]\n')
    if copied is None:
        assert found.snippet is None
    else:
        assert found.snippet is not None
        assert f"COPY --from=build {copied} /usr/local/bin/src\n" in found.snippet.text


def test_no_second_stage_is_shown_for_a_script_that_starts_the_program() -> None:
    build = "FROM golang:1.21-alpine\nRUN go install example.com/x@latest\n"
    (shown,) = findings(CODE, build + 'ENTRYPOINT ["/go/bin/x"]\n')
    assert shown.snippet is not None
    (found,) = findings(CODE, build + 'COPY x.sh /usr/local/bin/x\nENTRYPOINT ["/usr/local/bin/x"]\n')
    assert found.snippet is None
