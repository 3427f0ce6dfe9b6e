"""jdk-shipped."""

from __future__ import annotations

from collections.abc import Iterator

from rules.base_images.java import Verdict, judge
from rules.base_images.reference import read_reference
from rules.base_images.swap import shipped_roots, swap_fix, swap_saving
from rules.dockerfile import Dockerfile, Stage
from rules.finding import Finding
from rules.fix import Applicability
from rules.rule import Bad, Rule, Surroundings

_CAUTION = "javac, jcmd, jmap and the other tools of the JDK are missing afterwards, and so is a debugger's agent."


class JdkShipped(Rule):
    """A JDK in an image that only runs Java.

    ## What it does
    Finds a shipped stage that starts from a JDK, compiles nothing, and whose CMD or ENTRYPOINT runs `java`, where the
    JRE of the same version is published.

    ## Why it costs
    A JDK is a JRE with a compiler, debuggers and the modules to build on. Compressed, as Docker Hub states it for
    linux/amd64: `eclipse-temurin:21-jdk-noble` 210.8 MB, `eclipse-temurin:21-jre-noble` 99.8 MB.

    ## Fix safety
    Offered as a click where CMD or ENTRYPOINT is `java` itself, no line uses a tool of the JDK, and the JRE's tag is
    known to be published. Somebody may still use `jcmd` or a debugger on the running container: the click says so.
    Shown only where a script starts Java, where a line names a folder of Java 8, whose JRE and JDK differ in them, and
    where another image has to take over: openjdk has no JRE beyond 11, so Eclipse Temurin's is named.

    ## When it is silent
    The stage is not shipped; a line builds (`mvn`, `gradle`, `javac`, ...), uses a tool of the JDK, or sets a
    debugger's agent; the software is known to want a JDK; file or stage are named for development or CI; no program is
    set, or a shell; `java` is given a source file, which it compiles; there is no JRE of that version.
    """

    code = "DS302"
    reads = ("FROM",)
    techniques = ("jdk-to-jre",)
    good = (
        'FROM eclipse-temurin:17-jre\nCOPY app.jar /\nCMD ["java", "-jar", "/app.jar"]\n',
        "FROM eclipse-temurin:17-jdk\nCOPY app.jar /\nRUN jlink --add-modules java.base --output /jre\n"
        'CMD ["java", "-jar", "/app.jar"]\n',
    )
    bad = (
        Bad(
            'FROM eclipse-temurin:17-jdk\nCOPY app.jar /\nCMD ["java", "-jar", "/app.jar"]\n',
            'FROM eclipse-temurin:17-jre\nCOPY app.jar /\nCMD ["java", "-jar", "/app.jar"]\n',
        ),
        Bad(
            'FROM openjdk:17-jdk-slim\nCOPY app.jar /\nENTRYPOINT ["java", "-jar", "/app.jar"]\n',
            'FROM eclipse-temurin:17-jre\nCOPY app.jar /\nENTRYPOINT ["java", "-jar", "/app.jar"]\n',
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each shipped stage on a JDK that a JRE would do for."""
        for stage in shipped_roots(dockerfile, surroundings):
            verdict = judge(dockerfile, stage, surroundings)
            if verdict is not None:
                yield self._report(dockerfile, stage, verdict, surroundings)

    def _report(self, dockerfile: Dockerfile, stage: Stage, verdict: Verdict, surroundings: Surroundings) -> Finding:
        certain = verdict.proof and not verdict.doubt
        return self.finding(
            stage.start,
            stage.start.words[0].span,
            f"{stage.base} brings the JDK along",
            _reason(stage, verdict),
            swap_fix(
                dockerfile,
                stage,
                verdict.sibling,
                Applicability.UNSAFE if certain else Applicability.DISPLAY,
                _CAUTION,
            ),
            swap_saving(stage, verdict.sibling, surroundings),
        )


def _reason(stage: Stage, verdict: Verdict) -> str:
    sibling = f"`{verdict.sibling.reference}`"
    reference = read_reference(stage.base)
    if reference is not None and reference.digest:
        return f"{sibling} would do; its digest has to replace the one that is pinned."
    if verdict.doubt:
        return f"{sibling} may do: nothing here is seen to compile, but {verdict.doubt}."
    return f"{verdict.proof.capitalize()} only runs `java`, which {sibling} has."
