"""jdk-shipped."""

from __future__ import annotations

from rules.fix import Applicability
from rules.surroundings import Surroundings
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS302"
RUN_IT = 'COPY app.jar /\nCMD ["java", "-jar", "/app.jar"]\n'
SILENT = {
    "jre": "FROM eclipse-temurin:17-jre\n" + RUN_IT,
    "no-jre-was-published": "FROM openjdk:14\n" + RUN_IT,
    "builds": "FROM eclipse-temurin:17-jdk\nCOPY . .\nRUN ./mvnw package\nCMD java -jar target/app.jar\n",
    "builds-with-apt-maven": "FROM openjdk:8\nRUN apt-get install -y maven\n" + RUN_IT,
    "javac": "FROM openjdk:8\nRUN javac X.java\nCMD java X\n",
    "jlink": "FROM openjdk:11\nRUN jlink --output /jre\n" + RUN_IT,
    "jar-tool": "FROM openjdk:8\nRUN jar -xf /app.jar\n" + RUN_IT,
    "debugger": 'FROM openjdk:8\nCMD ["java", "-agentlib:jdwp=transport=dt_socket", "-jar", "x.jar"]\n',
    "jstack-in-the-healthcheck": "FROM openjdk:8\nHEALTHCHECK CMD jps | grep app\n" + RUN_IT,
    "source-that-is-compiled-to-run": 'FROM openjdk:11\nCOPY Main.java /\nCMD ["java", "/Main.java"]\n',
    "source-option": 'FROM openjdk:11\nCOPY Main /\nCMD ["java", "--source", "11", "/Main"]\n',
    "old-debugger": 'FROM openjdk:8\nCOPY x.jar /\nCMD ["java", "-Xrunjdwp:transport=dt_socket", "-jar", "x.jar"]\n',
    "module-of-the-jdk": 'FROM openjdk:17\nCOPY a.jar /\nCMD ["java", "--add-modules=jdk.attach", "-jar", "/a.jar"]\n',
    "compiler-opened": "FROM eclipse-temurin:17-jdk\nENV JAVA_TOOL_OPTIONS='--add-exports jdk.compiler/x=ALL-UNNAMED'\n"
    + RUN_IT,
    "jar-with-long-options": "FROM openjdk:11\nRUN jar --extract --file app.jar\n" + RUN_IT,
    "jar-in-json": 'FROM openjdk:11\nRUN ["jar", "xf", "app.jar"]\n' + RUN_IT,
    "rarer-tool": "FROM openjdk:8\nRUN rmic X\n" + RUN_IT,
    "agent-in-the-healthcheck": "FROM openjdk:11\nHEALTHCHECK CMD jhsdb jstack --pid 1\n" + RUN_IT,
    "windows-escape": "# escape=`\nFROM eclipse-temurin:17-jdk\n" + RUN_IT,
    "child-builds": "FROM openjdk:8 AS base\nFROM base AS test\nRUN gradle test\nFROM base\n" + RUN_IT,
    "not-shipped": "FROM openjdk:8 AS b\n" + RUN_IT + "FROM scratch\n",
    "no-program": "FROM openjdk:8\nCOPY app.jar /\n",
    "shell": 'FROM openjdk:8\nCOPY x /\nCMD ["bash"]\n',
    "script-and-nothing-copied": "FROM openjdk:8\nCMD ./run.sh\n",
    "stage-for-tests": "FROM openjdk:8 AS test\n" + RUN_IT,
    "windows": "FROM eclipse-temurin:17-jdk-windowsservercore\n" + RUN_IT,
    "pragma": "# dockslim ignore=jdk-shipped\nFROM openjdk:8\n" + RUN_IT,
}
FIXED = {
    "temurin": ("FROM eclipse-temurin:17-jdk\n" + RUN_IT, "FROM eclipse-temurin:17-jre\n" + RUN_IT),
    "openjdk-8": ("FROM openjdk:8\n" + RUN_IT, "FROM openjdk:8-jre\n" + RUN_IT),
    "alpine": ("FROM openjdk:8-jdk-alpine\n" + RUN_IT, "FROM openjdk:8-jre-alpine\n" + RUN_IT),
    "openjdk-17": ("FROM openjdk:17\n" + RUN_IT, "FROM eclipse-temurin:17-jre\n" + RUN_IT),
    "second-stage": (
        "FROM maven:3-jdk-8 AS build\nRUN mvn package\nFROM openjdk:8 AS app\nCOPY --from=build /t/*.jar /app.jar\n"
        "ENTRYPOINT java -jar /app.jar\n",
        "FROM maven:3-jdk-8 AS build\nRUN mvn package\nFROM openjdk:8-jre AS app\nCOPY --from=build /t/*.jar /app.jar\n"
        "ENTRYPOINT java -jar /app.jar\n",
    ),
    "crlf-and-case": (
        "from openjdk:8 as app\r\n" + RUN_IT.replace("\n", "\r\n"),
        "from openjdk:8-jre as app\r\n" + RUN_IT.replace("\n", "\r\n"),
    ),
    "variable": (
        "ARG V=17\nFROM eclipse-temurin:${V}-jdk\n" + RUN_IT,
        "ARG V=17\nFROM eclipse-temurin:${V}-jre\n" + RUN_IT,
    ),
    "certificates-of-java-17": (
        "FROM eclipse-temurin:17-jdk\nRUN keytool -import -keystore $JAVA_HOME/lib/security/cacerts -file x\n" + RUN_IT,
        "FROM eclipse-temurin:17-jre\nRUN keytool -import -keystore $JAVA_HOME/lib/security/cacerts -file x\n" + RUN_IT,
    ),
    "health-by-curl": (
        "FROM eclipse-temurin:17-jdk\nHEALTHCHECK CMD curl -f localhost\n" + RUN_IT,
        "FROM eclipse-temurin:17-jre\nHEALTHCHECK CMD curl -f localhost\n" + RUN_IT,
    ),
    "options-before-the-archive": (
        "FROM eclipse-temurin:17-jdk\nRUN java -Djarmode=layertools -jar app.jar extract\n" + RUN_IT,
        "FROM eclipse-temurin:17-jre\nRUN java -Djarmode=layertools -jar app.jar extract\n" + RUN_IT,
    ),
    "maven-in-an-address": (
        "FROM openjdk:8\nADD https://repo1.maven.org/maven2/x.jar /app.jar\nCMD java -jar /app.jar\n",
        "FROM openjdk:8-jre\nADD https://repo1.maven.org/maven2/x.jar /app.jar\nCMD java -jar /app.jar\n",
    ),
}
SHOWN = {
    "another-image": "FROM openjdk:17\n" + RUN_IT,
    "script": 'FROM openjdk:8\nCOPY run.sh /\nENTRYPOINT ["/run.sh"]\n',
    "script-while-building": "FROM openjdk:8\nRUN ./install.sh\n" + RUN_IT,
    "git": "FROM openjdk:8\nRUN git clone x\n" + RUN_IT,
    "certificates-of-java-8": "FROM openjdk:8\nRUN keytool -import -keystore $JAVA_HOME/jre/lib/security/cacerts\n"
    + RUN_IT,
    "certificates-copied-to-java-8": "FROM openjdk:8\nCOPY c /usr/local/openjdk-8/jre/lib/security/cacerts\n" + RUN_IT,
    "home-of-java-8-on-alpine": "FROM openjdk:8-jdk-alpine\nCOPY f $JAVA_HOME/lib/fontconfig.properties\n" + RUN_IT,
    "health-by-ps": "FROM openjdk:8\nHEALTHCHECK CMD ps aux | grep java\n" + RUN_IT,
    "health-by-a-script": "FROM openjdk:8\nHEALTHCHECK CMD /check.sh\n" + RUN_IT,
    "java-taken-by-another-stage": "FROM eclipse-temurin:17-jdk AS a\n" + RUN_IT + "FROM scratch AS b\n"
    "COPY --from=a /opt/java/openjdk /j\nFROM a\n",
    "tomcat": "FROM tomcat:9-jdk11-openjdk-slim\nCOPY x.war /usr/local/tomcat/webapps/\nCMD catalina.sh run\n",
    "tomcat-by-itself": "FROM tomcat:9.0-jdk17-temurin\nCOPY x.war /usr/local/tomcat/webapps/\n",
    "several-commands": "FROM openjdk:8\nCOPY x /\nCMD cd /x && java -jar x.jar\n",
    "variable": "ARG V=17\nFROM eclipse-temurin:${V}-jdk\n" + RUN_IT,
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str) -> None:
    assert_fixed(CODE, text, fixed)


@table("text", SHOWN)
def test_shown_where_it_is_not_certain(text: str) -> None:
    (finding,) = findings(CODE, text)
    assert finding.fix is not None
    assert finding.fix.applicability is Applicability.DISPLAY


def test_one_click_where_java_is_all_that_runs() -> None:
    (finding,) = findings(CODE, "FROM eclipse-temurin:21\n" + RUN_IT)
    assert finding.fix is not None
    assert finding.fix.applicability is Applicability.UNSAFE


def test_the_full_image_is_not_reported_besides() -> None:
    assert_silent("DS301", "FROM openjdk:8\n" + RUN_IT)


def test_what_the_registry_does_not_know_is_not_proposed() -> None:
    assert_silent(CODE, "FROM openjdk:8\n" + RUN_IT, Surroundings(image_sizes={"openjdk:8-jre": None}))


def test_a_digest_is_left_alone() -> None:
    (finding,) = findings(CODE, f"FROM openjdk:8@sha256:{'0' * 64}\n{RUN_IT}")
    assert finding.fix is None
    assert "digest" in finding.reason
