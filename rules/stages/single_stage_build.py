"""single-stage-build."""

from __future__ import annotations

from collections.abc import Iterator

from rules.base_images.compiler_base_shipped import runs_what_it_builds, two_stage_snippet
from rules.base_images.families import find_compiler, find_runtime
from rules.base_images.swap import is_workbench, shipped_roots
from rules.dockerfile import Dockerfile, ShellCommand, Stage
from rules.finding import Finding
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.stages.builds import Build, find_build

_DEVELOPS = regex(
    r"^\W*(?:gulp|grunt|webpack|brunch|ng|vite|gatsby|ember|parcel|bash|sh\W*$)\b|"
    r"\b(?:run|yarn|pnpm|npm)\W+(?:dev|watch|develop|hot|start:dev|test|lint)\b|webpack-dev-server|\bng\W+serve\b|nodemon"
    r"|\bgatsby\W+develop\b|storybook|vue-cli-service\W+serve|spring-boot:run|bootRun"
)
# Somebody has thought of what stays.
_CLEANS = regex(
    r"rm [^;&|]{0,200}(?:node_modules|\.m2|\.ivy2|\.gradle)|prune|--purge"
    r"|(?:apt-get|apk) (?:-\S{1,40} ){0,9}(?:purge|del|remove)\b[^;&|]{0,200}(?:jdk|maven|node|gradle)"
)
_INSTALLS = regex(r"\b(?:npm|yarn|pnpm|mvnw?|gradlew?|sbt)\b")
_INSTALLS_NODE = regex(r"^(?:npm|yarn|pnpm) (?:-\S+ )*(?:ci|i|install|clean-install)\b|^yarn(?: -\S+)*$")
_LEAVES_OUT = regex(r" (?:--prod(?:uction)?(?:=true)?(?= |$)|-P\b|--(?:omit|only)[= ](?:dev|prod))")
_TAKES_IN = regex(r"=false\b|--include|--dev\b|--only[= ]dev")
_LEFT = {
    "node": "The sources, the development dependencies and the bundler stay beside what it wrote.",
    "java": "The sources, the build tool's repository and the JDK stay beside the archive.",
}


class SingleStageBuild(Rule):
    """Sources and build tools shipped beside what they built.

    ## What it does
    Finds a file of one stage that starts from `node` or a JDK, builds there (`npm run build`, `mvn package`, ...) and
    runs the result.

    ## Why it costs
    All that the build needed is shipped: sources, development dependencies, caches. Measured for a page made with
    React 18, Vite 5, TypeScript and ESLint: 72.6 MB in `node_modules` beside 0.15 MB in `dist`.

    ## Fix safety
    There is no edit of one line: the file in two stages is written out to be copied, where it shows what to ship.
    What else the program reads at run time has to be added by who knows it.

    ## When it is silent
    There is more than one stage; nothing is built; the RUN that installs what the build needs deletes it again; npm,
    yarn or pnpm installs no development dependencies; the program is a development server, a test, a shell or not set;
    the image is named for development or CI. Compilers that apt or apk install are another rule's matter, and so are
    images that are a compiler (compiler-base-shipped).
    """

    code = "DS404"
    techniques = ("multi-stage", "build-tools-left", "dev-dependencies", "base-slim", "jdk-to-jre")
    good = (
        "FROM node:22 AS build\nWORKDIR /app\nCOPY . .\nRUN npm ci && npm run build\n"
        "FROM nginx:1.27\nCOPY --from=build /app/dist /usr/share/nginx/html\n",
        'FROM node:22-slim\nWORKDIR /app\nCOPY . .\nRUN npm ci --omit=dev\nCMD ["node", "server.js"]\n',
    )
    bad = (
        Bad(
            "FROM node:22\nWORKDIR /app\nCOPY . .\nRUN npm ci\nRUN npm run build\nEXPOSE 3000\n"
            'CMD ["node", "dist/main.js"]\n',
            None,
        ),
        Bad(
            "FROM eclipse-temurin:17-jdk\nWORKDIR /app\nCOPY . .\nRUN ./mvnw package\n"
            'CMD ["java", "-jar", "target/app.jar"]\n',
            None,
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield at most one finding: for the only stage."""
        if len(dockerfile.stages) != 1:
            return
        for stage in shipped_roots(dockerfile, surroundings):
            found = find_single_stage_build(dockerfile, stage, surroundings)
            if found is None:
                continue
            language, build = found
            yield self.finding(
                build.instruction,
                build.command.span,
                "The image ships all that this build needs",
                _LEFT[language],
                snippet=two_stage_snippet(dockerfile, stage, language, find_runtime(stage.base), build),
            )


def _is_cleaned(stage: Stage) -> bool:
    """Tell whether the RUN that installs what the build needs deletes it again: a later one frees nothing."""
    cleaning = next((each for each in stage.runs() if _CLEANS.search(each.value)), None)
    installing = next((each for each in stage.runs() if _INSTALLS.search(each.value)), None)
    return cleaning is not None and (installing is None or installing.index >= cleaning.index)


def _has_no_development_dependencies(dockerfile: Dockerfile, stage: Stage) -> bool:
    """Tell whether every install of npm, yarn and pnpm leaves them out."""
    installs = [
        (command, dockerfile.scope(stage, each).env.get("NODE_ENV") == "production")
        for each in stage.runs()
        for command in each.commands
        if command.name in ("npm", "yarn", "pnpm") and _INSTALLS_NODE.search(" ".join(command.texts))
    ]
    return bool(installs) and all(_leaves_out(command, by_default) for command, by_default in installs)


def _leaves_out(command: ShellCommand, by_default: bool) -> bool:
    text = " ".join(command.texts)
    return _TAKES_IN.search(text) is None and (by_default or _LEAVES_OUT.search(text) is not None)


def find_single_stage_build(
    dockerfile: Dockerfile, stage: Stage, surroundings: Surroundings
) -> tuple[str, Build] | None:
    """Return the language and the build of a file whose only stage builds and ships."""
    if len(dockerfile.stages) != 1 or is_workbench(stage, surroundings):
        return None
    compiler = find_compiler(stage.base)
    if compiler is None or compiler.runtime or compiler.language not in _LEFT:
        return None
    build = find_build(dockerfile, stage, compiler.language)
    if build is None or not runs_what_it_builds(dockerfile, stage):
        return None
    if _is_cleaned(stage) or (compiler.language == "node" and _has_no_development_dependencies(dockerfile, stage)):
        return None
    if any(each.keyword in ("CMD", "ENTRYPOINT") and _DEVELOPS.search(each.value) for each in stage.instructions):
        return None
    return compiler.language, build
