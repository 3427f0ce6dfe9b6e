"""What a stage on a JDK does that a JRE cannot."""

from __future__ import annotations

import re
from typing import NamedTuple

from rules.base_images.families import Sibling, find_sibling
from rules.base_images.program import leaf_of, read_program
from rules.base_images.swap import is_taken_elsewhere, is_unknown_to_registry, is_workbench
from rules.dockerfile import Dockerfile, Stage
from rules.patterns import regex
from rules.runs import Run
from rules.surroundings import Surroundings

# The JDK's own tools, and the build tools that call its compiler.
_NEEDS_JDK = regex(
    r"(?:^|[\s;&|(/\"'=])(?:javac|javadoc|javap|javah|jlink|jpackage|jdeps|jdeprscan|jmod|jimage|jcmd|jmap|jhat|jstack|jstatd?"
    r"|jps|jinfo|jdb|jfr|jhsdb|jshell|jconsole|jwebserver|jarsigner|rmic|serialver|native2ascii|schemagen|xjc|wsgen|wsimport"
    r"|native-image|mvn|mvnw|maven|gradle|gradlew|sbt|activator|ant|lein|boot|clojure|clj|kotlinc|scalac?|groovyc?"
    r"|bazel|jruby|sdkmanager)(?=[\s;&|)\"',]|$)"
    r"|\bjdk\.(?:attach|compiler|hotspot\.agent|internal\.\w+|jartool|javadoc|jcmd|jconsole|jdeps|jdi|jlink|jpackage|jshell|jstatd)\b"
    # A source file is compiled by the one that runs it.
    r"|\bjava\b[^;&|]{0,300}?(?:[\w/]\.java\b|--source\b)"
    r"|\b(?:tools\.jar|agentlib|(?:Xrun)?jdwp|arthas|async-profiler|ANDROID_\w+|android|jenkins|JPDA\w*)\b",
    re.MULTILINE,
)
# In the JDK images of openjdk, not in its JRE images: one is made from buildpack-deps:scm, the other from :curl.
_NEEDS_SCM = regex(r"\b(?:git|hg|svn|ssh|scp|ps|pgrep|pkill)\b")
_TOMCAT = regex(r"(?:^|/)tomcat:")
_JAR = regex(r"(?<![-.\w])jar[\"'\s,]+(?:--?[a-z]|\d?[cxtui]\w*f)")
# Where Java lies, which a JRE of 8 and a JDK of it disagree about, and files that are put there.
_JRE_FOLDER = regex(r"/jre\b")
_JAVA_FOLDER = regex(r"JAVA_HOME|/usr/lib/jvm|/usr/local/openjdk|/opt/java|/opt/ibm/java")
_OLD = regex(r":(?:openjdk-|open-)?[678](?!\d)")
_CHECKS = regex(r"\b(?:curl|wget|nc)\b|\bNONE\b", re.IGNORECASE)


class Verdict(NamedTuple):
    """The JRE to start from; `proof` is the line that shows it to be enough, `doubt` what is not known."""

    sibling: Sibling
    proof: str
    doubt: str


def judge(dockerfile: Dockerfile, stage: Stage, surroundings: Surroundings) -> Verdict | None:
    """Return what stands for a JRE in a shipped stage on a JDK; None where it is no JDK, or one is needed."""
    sibling = find_sibling(stage.base, "jre")
    if sibling is None or is_workbench(stage, surroundings) or is_unknown_to_registry(sibling, surroundings):
        return None
    copies = doubt = ""
    for _, each in (*dockerfile.lineage(stage), *dockerfile.after(stage, stage.start)):
        source = each.span.of(dockerfile.text)
        if _JRE_FOLDER.search(source) or (
            (each.keyword in ("COPY", "ADD") or _OLD.search(stage.base)) and _JAVA_FOLDER.search(source)
        ):
            doubt = doubt or f"line {each.line} names a folder of Java that may not be the same there"
        if each.keyword in ("COPY", "ADD"):
            copies = source
            continue
        if each.keyword in ("RUN", "CMD", "ENTRYPOINT", "ENV", "ONBUILD", "HEALTHCHECK"):
            if _NEEDS_JDK.search(source) or _JAR.search(source):
                return None
            if each.keyword in ("RUN", "HEALTHCHECK") and _NEEDS_SCM.search(source):
                doubt = f"line {each.line} uses more than Java"
            elif each.keyword == "HEALTHCHECK" and not _CHECKS.search(source):
                doubt = doubt or f"what line {each.line} calls is not here to be read"
    if is_taken_elsewhere(dockerfile, stage, _JAVA_FOLDER):
        doubt = doubt or "another stage takes Java from it"
    leaf = leaf_of(dockerfile, stage)
    program = read_program(dockerfile, leaf)
    if program.entrypoint is None and program.command is None:
        if copies and _TOMCAT.search(stage.base):
            return Verdict(sibling, "", "what the web application calls is not here to be read")
        return None  # a base image, or one to work in
    words = program.words
    if words is not None and words[0].rpartition("/")[2] in ("bash", "sh", "zsh") and len(words) == 1:
        return None
    if words is None or words[0].rpartition("/")[2] not in ("java", "catalina.sh"):
        what = "what a container runs" if words is None else f"what `{words[0][:40]}` calls"
        if not copies:
            return None
        return Verdict(sibling, "", doubt or f"{what} is not here to be read")
    script = Run(dockerfile, stage, stage.start, stage.end).later_script()
    if script is not None:
        doubt = doubt or f"what `{script[:40]}` calls is not here to be read"
    last = program.command if program.entrypoint is None else program.entrypoint
    return Verdict(sibling, f"line {last.line}" if last is not None else "", doubt)
