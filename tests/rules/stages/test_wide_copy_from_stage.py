"""wide-copy-from-stage."""

from __future__ import annotations

from tests.rules.cases import assert_silent, findings, table

CODE = "DS402"
NODE = "FROM node:22 AS build\nWORKDIR /app\nCOPY . .\nRUN npm ci && npm run build\nFROM node:22-slim\nWORKDIR /app\n"
GO = "FROM golang:1.22 AS build\nWORKDIR /src\nCOPY . .\nRUN go build -o /src/bin/app .\nFROM debian:12-slim\n"
MAVEN = (
    "FROM maven:3 AS build\nWORKDIR /src\nCOPY . .\nRUN mvn clean package\nFROM eclipse-temurin:17-jre\nWORKDIR /app\n"
)
SILENT = {
    "result-only": NODE + "COPY --from=build /app/dist /app/dist\n",
    "binary-only": GO + "COPY --from=build /src/bin/app /app\n",
    "nothing-built": "FROM node:22 AS b\nWORKDIR /app\nCOPY . .\nRUN npm ci\nFROM node:22\nCOPY --from=b /app /app\n",
    "pruned": NODE.replace("run build", "run build && npm prune --production") + "COPY --from=build /app /app\n",
    "sources-deleted": NODE.replace("run build", "run build && rm -rf src") + "COPY --from=build /app /app\n",
    "sources-elsewhere": GO.replace("/src/bin", "/out") + "COPY --from=build /out /out\n",
    "python-packages": "FROM python:3 AS b\nCOPY . .\nRUN pip install x\nFROM python:3\nCOPY --from=b /opt/venv /v\n",
    "all-of-a-system": GO.replace("debian:12-slim", "scratch") + "COPY --from=build / /\n",
    "another-image": "FROM debian:12-slim\nCOPY --from=node:22 /usr/local /usr/local\n",
    "not-shipped": NODE.replace("slim", "slim AS mid") + "COPY --from=build /app /app\nFROM scratch\n",
    "several-sources": NODE + "COPY --from=build /app/a /app/b /app/\n",
    "run-from-its-sources": NODE + "COPY --from=build /app .\nCMD ./node_modules/.bin/babel-node app.js\n",
    "variable": NODE + "COPY --from=build $DIR /app\n",
    "make-of-something-else": GO.replace("golang:1.22", "ubuntu").replace("go build -o /src/bin/app .", "make")
    + "COPY --from=build /src /src\n",
    "pragma": NODE + "# dockslim ignore=DS402\nCOPY --from=build /app /app\n",
}
FIRES = {
    "name": NODE + "COPY --from=build /app /app\n",
    "index": NODE + "COPY --from=0 /app .\n",
    "trailing-slash": NODE + "COPY --from=build /app/ /app/\n",
    "case": NODE + "copy --from=BUILD /app /app\n",
    "exec-form": NODE + 'COPY --from=build ["/app", "/app"]\n',
    "crlf": (NODE + "COPY --from=build /app /app\n").replace("\n", "\r\n"),
    "cloned": "FROM node AS b\nWORKDIR /s\nRUN git clone x .\nRUN yarn build\nFROM node\nCOPY --from=b /s /s\n",
    "sources-below": "FROM golang AS b\nCOPY . /go/src/x\nRUN go install x\nFROM alpine\nCOPY --from=b /go /go\n",
    "child-of-a-stage-with-the-sources": "FROM node AS a\nWORKDIR /s\nCOPY . .\nFROM a AS b\nRUN npm run build\n"
    "FROM node\nCOPY --from=b /s /s\n",
    "lists-deleted": NODE.replace("npm ci", "rm -rf /var/lib/apt/lists/x && npm ci") + "COPY --from=build /app /app\n",
}
NARROWER = {
    "node": (
        NODE + 'COPY --from=build --chown=node /app /app\nCMD ["node", "dist/main.js"]\n',
        "COPY --from=build --chown=node /app/package.json /app/package.json\n"
        "COPY --from=build --chown=node /app/node_modules /app/node_modules\n"
        "COPY --from=build --chown=node /app/dist /app/dist\n",
    ),
    "go": (
        GO + 'COPY --from=build /src /srv\nCMD ["/srv/bin/app"]\n',
        "COPY --from=build /src/bin/app /srv/bin/app\n",
    ),
    "java": (
        MAVEN + 'COPY --from=build /src /app\nCMD ["java", "-jar", "target/x.jar"]\n',
        "COPY --from=build /src/target/x.jar /app/target/x.jar\n",
    ),
    "into-the-root": (
        GO.replace("bin/app", "app") + 'COPY --from=build /src /\nCMD ["/app"]\n',
        "COPY --from=build /src/app /app\n",
    ),
}
UNCLEAR = {
    "run-in-the-folder": NODE + 'COPY --from=build /app /app\nRUN npx migrate\nCMD ["node", "dist/main.js"]\n',
    "file-named-by-a-variable": NODE
    + 'ENV CONFIG=/app/conf/x.json\nCOPY --from=build /app /app\nCMD ["node", "dist/main.js"]\n',
    "file-named-by-the-health-check": NODE
    + 'COPY --from=build /app /app\nHEALTHCHECK CMD node check.js\nCMD ["node", "dist/main.js"]\n',
    "settings-of-the-program": GO
    + 'WORKDIR /src\nCOPY --from=build /src /src\nCMD ["/src/bin/app", "-c", "app.toml"]\n',
    "copied-on-by-a-run": GO + 'COPY --from=build /src /src\nRUN cp /src/x.conf /etc/\nCMD ["/src/bin/app"]\n',
    "npm-start": NODE + "COPY --from=build /app /app\nCMD npm start\n",
    "script": GO + 'COPY --from=build /src /src\nCMD ["/src/run.sh"]\n',
    "program-copied-apart": GO + 'COPY --from=build /src /s\nCOPY --from=build /go/bin/x /s/x\nCMD ["/s/x"]\n',
    "program-not-in-it": GO + 'COPY --from=build /src /s\nCMD ["/usr/bin/x"]\n',
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table("text", FIRES)
def test_fires(text: str) -> None:
    (finding,) = findings(CODE, text)
    assert finding.fix is None


@table(("text", "expected"), NARROWER)
def test_narrower_lines_are_written_out(text: str, expected: str) -> None:
    (finding,) = findings(CODE, text)
    assert finding.snippet is not None
    assert finding.snippet.text == expected


@table("text", UNCLEAR)
def test_nothing_is_written_that_is_not_known(text: str) -> None:
    (finding,) = findings(CODE, text)
    assert finding.snippet is None


def test_the_modules_of_go_lie_elsewhere() -> None:
    (finding,) = findings(CODE, GO + "COPY --from=build /src /src\n")
    assert finding.message == "Sources come along from stage build"
