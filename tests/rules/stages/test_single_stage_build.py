"""single-stage-build."""

from __future__ import annotations

from rules.surroundings import Surroundings
from tests.rules.cases import assert_silent, findings, table

CODE = "DS404"
ALONE = "FROM node:22\nWORKDIR /app\nCOPY . .\n"
NODE = ALONE + "RUN npm ci\n"
JDK = "FROM eclipse-temurin:17-jdk\nWORKDIR /app\nCOPY . .\n"
SILENT = {
    "two-stages": NODE.replace("22", "22 AS b") + "RUN npm run build\nFROM nginx\nCOPY --from=b /app/dist /x\n",
    "nothing-built": NODE + 'CMD ["node", "server.js"]\n',
    "no-program": NODE + "RUN npm run build\n",
    "development-server": NODE + "RUN npm run build\nCMD npm run dev\n",
    "bundler-as-program": NODE + "RUN npm run build\nCMD gulp run\n",
    "shell": NODE + "RUN npm run build\nCMD bash\n",
    "tests": NODE + 'RUN npm run build\nCMD ["npm", "run", "test"]\n',
    "packages-deleted": ALONE + "RUN npm ci && npm run build && rm -rf node_modules\nCMD node dist/x.js\n",
    "packages-pruned": ALONE + "RUN npm ci && npm run build && npm prune --production\nCMD node dist/x.js\n",
    "no-development-dependencies": ALONE + "RUN npm i --production\nRUN npm run build\nCMD node dist/x.js\n",
    "none-by-environment": "FROM node:22\nENV NODE_ENV=production\nCOPY . .\nRUN yarn && yarn build\nCMD node x.js\n",
    "sbt-cleans-up": JDK + "RUN ./sbt assembly && rm -rf /root/.ivy2\nCMD java -jar x.jar\n",
    "echo": NODE + "RUN echo npm run build\nCMD node x.js\n",
    "other-image": "FROM ubuntu\nRUN npm run build\nCMD node x.js\n",
    "maven-as-program": JDK + "RUN ./mvnw package\nCMD ./mvnw spring-boot:run\n",
    "pragma": NODE + "# dockslim ignore=DS404\nRUN npm run build\nCMD node x.js\n",
}
FIRES = {
    "deleted-in-a-later-layer": NODE + "RUN npm run build && rm -rf node_modules && npm ci --omit=dev\nCMD node x.js\n",
    "npm": NODE + "RUN npm run build\nCMD node x.js\n",
    "development-dependencies-for-all-that": "FROM node:22\nENV NODE_ENV=production\nCOPY . .\n"
    "RUN npm ci --include=dev && npm run build\nCMD node x.js\n",
    "yarn": NODE + "RUN yarn build\nCMD node x.js\n",
    "yarn-run": NODE + "RUN yarn install && yarn run build:prod\nCMD yarn start\n",
    "angular": NODE + "RUN npx ng build --prod\nCMD node x.js\n",
    "typescript": NODE + "RUN ./node_modules/.bin/tsc -p .\nCMD node dist/x.js\n",
    "set-e": NODE + "RUN set -eux; npm run build; ls\nCMD node x.js\n",
    "heredoc": NODE + "RUN <<EOF\nnpm run build\nEOF\nCMD node x.js\n",
    "continued": NODE + "RUN npm ci \\\n  # then\n  && npm run build\nCMD node x.js\n",
    "exec-form": NODE + 'RUN ["npm", "run", "build"]\nCMD node x.js\n',
    "maven-wrapper": JDK + "RUN ./mvnw -B package\nCMD java -jar target/x.jar\n",
    "gradle-wrapper": JDK + "RUN ./gradlew :web:bootJar --no-daemon\nCMD java -jar x.jar\n",
    "sbt": JDK + "RUN sbt assembly\nCMD java -jar x.jar\n",
    "script-as-program": JDK + "RUN ./mvnw package\nCMD ./run.sh\n",
}
NODE_IN_TWO = """\
FROM node:22 AS build
WORKDIR /app
COPY . .
RUN npm ci
RUN npm run build
RUN npm prune --production

FROM node:22-slim
WORKDIR /app
COPY --from=build /app/package.json /app/package.json
COPY --from=build /app/node_modules /app/node_modules
COPY --from=build /app/dist /app/dist
EXPOSE 3000
CMD ["node", "dist/main.js"]
"""
STATIC_IN_TWO = """\
FROM node:22 AS build
WORKDIR /app
COPY . .
RUN npm ci
RUN npm run build

FROM nginx:stable-alpine
COPY --from=build /app/build /usr/share/nginx/html
"""
JDK_IN_TWO = """\
FROM eclipse-temurin:17-jdk AS build
WORKDIR /app
COPY . .
RUN ./mvnw package

FROM eclipse-temurin:17-jre
WORKDIR /app
COPY --from=build /app/target/app.jar /app/target/app.jar
ENTRYPOINT ["java", "-jar", "target/app.jar"]
"""
TWO = {
    "node": (NODE + 'RUN npm run build\nEXPOSE 3000\nCMD ["node", "dist/main.js"]\n', NODE_IN_TWO),
    "static": (NODE + 'RUN npm run build\nEXPOSE 5000\nCMD ["npx", "serve", "-s", "build"]\n', STATIC_IN_TWO),
    "jdk": (JDK + 'RUN ./mvnw package\nENTRYPOINT ["java", "-jar", "target/app.jar"]\n', JDK_IN_TWO),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table("text", FIRES)
def test_fires_once_and_the_base_rules_do_not(text: str) -> None:
    (finding,) = findings(CODE, text)
    assert finding.fix is None
    for code in ("DS301", "DS302", "DS305"):
        assert_silent(code, text)


@table(("text", "expected"), TWO)
def test_two_stages_are_written_out(text: str, expected: str) -> None:
    (finding,) = findings(CODE, text)
    assert finding.snippet is not None
    assert finding.snippet.text == expected
    assert_silent(CODE, expected)


def test_where_nothing_tells_what_is_read_all_is_taken_over() -> None:
    (finding,) = findings(CODE, NODE + "RUN npm run build\nCMD npm start\n")
    assert finding.snippet is not None
    assert "COPY --from=build /app /app\n" in finding.snippet.text


def test_nothing_is_written_where_more_is_installed() -> None:
    (finding,) = findings(CODE, NODE + "RUN apt-get install -y nginx\nRUN npm run build\nCMD npm start\n")
    assert finding.snippet is None


def test_a_dockerfile_for_ci_is_left_alone() -> None:
    assert_silent(CODE, NODE + "RUN npm run build\nCMD node x.js\n", Surroundings(path=".ci/Dockerfile"))


def test_a_script_that_is_loaded_first_is_taken_over_with_the_rest() -> None:
    (found,) = findings(CODE, NODE + 'RUN npm run build\nCMD ["node", "-r", "./trace.js", "dist/main.js"]\n')
    assert found.snippet is not None
    assert "COPY --from=build /app /app\n" in found.snippet.text


def test_what_is_pruned_already_is_not_pruned_twice() -> None:
    build = NODE + "RUN npm run build\nRUN npm prune --omit=dev\n"
    (found,) = findings(CODE, build + 'CMD ["node", "dist/server.js"]\n')
    assert found.snippet is not None
    assert found.snippet.text.count("prune") == 1


def test_nothing_is_pruned_that_npm_start_may_run() -> None:
    (found,) = findings(CODE, NODE + 'RUN npm run build\nCMD ["npm", "start"]\n')
    assert found.snippet is not None
    assert "prune" not in found.snippet.text


def test_nothing_is_written_for_what_the_slim_image_lacks() -> None:
    for more in ("HEALTHCHECK CMD curl localhost\n", "HEALTHCHECK CMD node check.js\n", "RUN npx prisma generate\n"):
        (found,) = findings(CODE, NODE + more + 'RUN npm run build\nCMD ["node", "dist/main.js"]\n')
        assert found.snippet is None
