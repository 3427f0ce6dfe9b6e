"""second-runtime."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from rules.base_images.program import leaf_of, read_program
from rules.base_images.reference import read_reference
from rules.dockerfile import Dockerfile, Instruction, ShellCommand, Span
from rules.finding import Finding
from rules.fix import Applicability, Edit, Fix
from rules.packages.development import is_for_development
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import npm
from rules.tools.system_packages import HINTS, Operation, operations

# Official images of a runtime, and the distribution's packages of that very runtime.
_PYTHON_3 = regex(
    r"(?:python3(?:-(?:pip|dev|venv|setuptools|wheel|distutils|minimal|virtualenv))?|py3-(?:pip|setuptools|wheel))$"
)
_AGAIN = {
    "python": _PYTHON_3,
    "node": regex(r"(?:nodejs|nodejs-current|npm|nodejs-npm)$"),
    "golang": regex(r"(?:golang|golang-go|go)$"),
    "ruby": regex(r"(?:ruby|ruby-dev|ruby-full|ruby-bundler|bundler|rubygems)$"),
    "eclipse-temurin": regex(r"default-j(?:re|dk)(?:-headless)?$"),
    "openjdk": regex(r"default-j(?:re|dk)(?:-headless)?$"),
    "amazoncorretto": regex(r"default-j(?:re|dk)(?:-headless)?$"),
}
_SPOKEN = {"python": "Python", "node": "Node.js", "golang": "Go", "ruby": "Ruby"}
# What belongs to the distribution's runtime: with one of these, it comes anyway or is wanted.
_BELONGS = {
    "python": regex(
        r"(?:python3|py3)-|libpython3|libapache2-mod-wsgi|uwsgi|supervisor|ansible|certbot|aws-?cli|s3cmd|mercurial|meson"
        r"|software-properties|libreoffice|salt-|youtube-dl|yt-dlp|docker-compose|gir1\.|gdb|scons|inkscape|virtualenv"
        r"|vim-|xpra|novnc|websockify|calibre|fail2ban|iotop|glances|apt-xapian|lsb-release|npm$|node-gyp|libboost-(?:all|.*python)"
        r"|postgresql-plpython3|pipx|tox$|ipython|mypy|black$|borgbackup|duplicity|weasyprint|lldb|gobject-introspection"
    ),
    "node": regex(r"node-|yarn"),
    "golang": regex(r"golang-"),
    "ruby": regex(r"ruby-|passenger|puppet|vagrant|asciidoctor|jekyll|rake$|redmine|ronn|capistrano"),
}
_USES_DISTRIBUTION = {
    "python": regex(r"/usr/bin/(?:env )?python3|/usr/(?:lib|share)/python3|--system-site-packages|/usr/bin/pip3"),
    "node": regex(r"/usr/bin/(?:nodejs|node|npm)"),
    "golang": regex(r"/usr/bin/go|/usr/lib/go"),
    "ruby": regex(r"/usr/bin/(?:ruby|gem)|/usr/lib/ruby"),
}
_FIRST = regex(r"\bPATH[=\s]+[\"']?/usr/s?bin\b|--install\s+/usr/(?:local/)?bin/|\bln\s[^\n]*\s/usr/local/bin/")
_BY_JAVA = regex(r"/usr/lib/jvm")

# Images of other runtimes, and programs of theirs that call no Node.js.
_OTHER_RUNTIMES = frozenset({"python", "golang", "openjdk", "eclipse-temurin", "php", "pypy"})
_PROGRAMS = regex(
    r"(?:python[\d.]*|gunicorn|uwsgi|uvicorn|celery|flask|daphne|hypercorn|waitress-serve|django-admin|java|php-fpm|php"
    r"|apache2-foreground|nginx|httpd-foreground)$"
)
_SERVES_ALONE = regex(r"(?:^|[.\d-])(?:apache|fpm)(?:-|$)")
_NODE = frozenset({"nodejs", "npm", "nodejs-npm", "nodejs-current"})
_BUILDS = regex(
    r"(?:npm|yarn|pnpm)\s+run\s+[\w:-]*(?:build|prod|production|compile|dist|webpack|grunt|gulp|assets)[\w:-]*\b|yarn\s+build\b"
    r"|(?:^|/)(?:gulp|grunt|webpack|ng\s+build|vite\s+build)\b"
)
_MENTIONS_NODE = regex(r"\b(?:node|nodejs|npm|npx|yarn|pnpm|pm2)\b|\.[cm]?js\b")
# What calls Node.js beside a server of another language, where it runs or while it is set up.
_CALLS_NODE = regex(
    r"execjs|mjml|prisma|mermaid|puppeteer|pyppeteer|yuglify|uglify|lessc|clean-?css|postcss|svgo|katex|hypernova|\bssr\b|yt-dlp"
    r"|\bENV\s[^\n]*[=\s\"']node\s",
    re.IGNORECASE,
)
_NODE_COMMANDS = frozenset({"node", "nodejs", "npm", "npx", "yarn", "pnpm", "gulp", "grunt", "webpack", "bower", "ng"})
_BUILD_TOOLS = frozenset(
    {"npm", "yarn", "pnpm", "gulp", "gulp-cli", "grunt", "grunt-cli", "bower", "webpack", "webpack-cli", "@angular/cli",
     "@vue/cli", "node-gyp", "corepack", "n", "vite", "parcel", "parcel-bundler", "node-sass", "sass", "less",
     "typescript", "postcss-cli", "browserify"}
)  # fmt: skip
_CAUTION = "Breaks what calls the distribution's own, such as `/usr/bin/python3`."


class SecondRuntime(Rule):
    """A language's runtime beside the one that the image is made of.

    ## What it does
    Finds the distribution's Python in an image of `python`, its Node.js in one of `node`, and so on for Go, Ruby and
    Java: the programs of that name come from the base image, whose directory is first in the search path. And finds
    Node.js in an image of another runtime that uses it to build a front end and then no more.

    ## Why it costs
    By the package index of Debian 12, above the packages of a slim image: `python3-dev` 82.6 MB, `python3-pip` 33.4 MB,
    and 428 MB with recommends, which bring a compiler; `npm` 236 MB, and 865 MB with recommends. Extensions are built
    against the base image's Python, whose headers are there already.

    ## Fix safety
    Shown only, where other packages stay in the command: a script may call the distribution's interpreter by its path.
    Where Node.js only builds, the build moves into a stage `FROM node`, and `COPY --from` takes what it made.

    ## When it is silent
    Another package that belongs to the distribution's runtime is installed (`python3-gi`, `supervisor`), so that it
    comes anyway; a line names its path, or puts `/usr/bin` first; the same RUN removes it. Of Node.js in another image:
    nothing is seen to build; what the container runs is a script, or not known to be free of Node.js; a package or an
    ENV calls it; other packages are installed by name; file or stage are named for development, tests or CI. Python in
    an image of Node.js is there for node-gyp, which build-tools-left-behind (DS401) is about. The stage is not shipped.
    """

    code = "DS250"
    techniques = ("second-runtime",)
    triggers = ("python3", "py3-", "node", "npm", "golang", "go", "ruby", "bundler", "default-j")
    good = (
        "FROM python:3.12-slim\nRUN apt-get update && apt-get install -y --no-install-recommends python3-gi python3"
        " && rm -rf /var/lib/apt/lists/*\n",
        "FROM node:22 AS web\nCOPY . .\nRUN npm ci && npm run build\n"
        "FROM python:3.12-slim\nCOPY --from=web /dist /dist\n"
        'CMD ["gunicorn", "app"]\n',
    )
    bad = (
        Bad(
            "FROM python:3.12-slim\nRUN apt-get update && apt-get install -y --no-install-recommends libpq5 python3-dev"
            " && rm -rf /var/lib/apt/lists/*\n",
            "FROM python:3.12-slim\nRUN apt-get update && apt-get install -y --no-install-recommends libpq5"
            " && rm -rf /var/lib/apt/lists/*\n",
        ),
        Bad(
            "FROM python:3.12-slim\nRUN apt-get update && apt-get install -y --no-install-recommends nodejs npm"
            " && rm -rf /var/lib/apt/lists/*\nCOPY . .\nRUN npm ci && npm run build && npm cache clean --force\n"
            'CMD ["gunicorn", "app"]\n',
            None,
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each install of a runtime that is there already or only builds."""
        for run in shipped_runs(dockerfile, surroundings, HINTS):
            reference = read_reference(run.base)
            if reference is None:
                continue
            again = _AGAIN.get(reference.image)
            if again is not None:
                yield from self._again(run, reference.image, reference.tag, again)
            if reference.image in _OTHER_RUNTIMES and not is_for_development(run, surroundings):
                yield from self._for_a_build(run, reference.image, reference.tag)

    def _again(self, run: Run, image: str, tag: str, again: re.Pattern[str]) -> Iterator[Finding]:
        if image == "python" and tag.startswith("2"):
            return  # python3 is another one there
        found = [(each, tuple(filter(again.match, each.names))) for each in _kept(run) if not _is_elsewhere(each)]
        found = [(operation, names) for operation, names in found if names]
        if not found or _is_wanted(run, image, again):
            return
        names = tuple(dict.fromkeys(name for _, names in found for name in names))
        spoken = _SPOKEN.get(image, "Java")
        some = ", ".join(f"`{name}`" for name in names)
        yield self.finding(
            run.instruction,
            found[0][0].command.span,
            f"A second {spoken} is installed beside the image's own",
            f"{some} {'is' if len(names) == 1 else 'are'} the distribution's; the base image has {spoken} in"
            f" {'`/usr/local`' if image in _SPOKEN else 'its own place'}, first in the search path.",
            _drop(run, found[0][0], names) if len(found) == 1 else None,
        )

    def _for_a_build(self, run: Run, image: str, tag: str) -> Iterator[Finding]:
        operation = next((each for each in _kept(run) if not _NODE.isdisjoint(each.names)), None)
        if operation is None or not _runs_no_node(run.dockerfile, run.stage.index, image, tag):
            return
        last = _last_build(run) if not _CALLS_NODE.search(run.dockerfile.text) else None
        if last is not None and not _installs_tools(run):
            yield self.finding(
                run.instruction,
                operation.command.span,
                "Node.js is in the image for a build only",
                f"Line {last.line} is the last that uses it: a stage `FROM node` can build, and `COPY --from` take what"
                " it made.",
            )


def _kept(run: Run) -> list[Operation]:
    """Return the installs of a RUN that removes nothing again."""
    found = list(operations(run.commands, run.scope))
    return [] if any(each.removes for each in found) else found


def _is_elsewhere(operation: Operation) -> bool:
    """Tell whether packages go into another root than the image's own."""
    return operation.command.has_flag("--root", "-p", "--installroot", "--root-dir")


def _is_wanted(run: Run, image: str, again: re.Pattern[str]) -> bool:
    """Tell whether something else belongs to the distribution's runtime, or calls it."""
    belongs, uses = _BELONGS.get(image), _USES_DISTRIBUTION.get(image, _BY_JAVA)
    if uses.search(run.dockerfile.text) or _FIRST.search(run.dockerfile.text):
        return True
    if belongs is None:
        return False
    return any(
        belongs.match(name) and not again.match(name)
        for each in (*run.earlier(), run, *run.later())
        for operation in operations(each.commands, each.scope)
        for name in operation.names
    )


def _drop(run: Run, operation: Operation, names: tuple[str, ...]) -> Fix | None:
    """Show the install without some of its packages; None where nothing would be left of it, or a comment goes."""
    command = operation.command
    gone = {at for at, word in enumerate(command.words) if word.literal and word.text in names}
    if len(gone) != len(names) or set(operation.names) <= set(names) or command.from_exec:
        return None
    edits = []
    for at in sorted(gone):
        span = Span(command.words[at - 1].span.end, command.words[at].span.end)
        if "#" in span.of(run.dockerfile.text):
            return None
        edits.append(Edit(span, ""))
    texts = tuple(text for at, text in enumerate(command.texts) if at not in gone)
    return Fix(tuple(edits), Applicability.DISPLAY, (command.texts,), (texts,), _CAUTION)


@lru_cache(maxsize=8)
def _runs_no_node(dockerfile: Dockerfile, stage: int, image: str, tag: str) -> bool:
    """Tell whether what a container runs certainly does without Node.js."""
    leaf = leaf_of(dockerfile, dockerfile.stages[stage])
    lineage = [each for _, each in dockerfile.lineage(leaf)]
    starts = [each for each in lineage if each.keyword in ("CMD", "ENTRYPOINT", "HEALTHCHECK", "ONBUILD")]
    if any(_MENTIONS_NODE.search(each.value) for each in starts):
        return False
    if not any(each.keyword in ("COPY", "ADD") for each in lineage):
        return False
    program = read_program(dockerfile, leaf)
    if program.entrypoint is None and program.command is None:
        return image == "php" and _SERVES_ALONE.search(tag) is not None
    return program.words is not None and _PROGRAMS.match(program.words[0].rpartition("/")[2]) is not None


def _last_build(run: Run) -> Instruction | None:
    """Return the last RUN that uses Node.js, from this one on; None where none of them builds a front end."""
    uses = [each for each in (run, *run.later()) if any(command.name in _NODE_COMMANDS for command in each.commands)]
    return uses[-1].instruction if any(map(_builds, (command for each in uses for command in each.commands))) else None


def _builds(command: ShellCommand) -> bool:
    return _BUILDS.match(" ".join((command.name, *command.texts[1:]))) is not None


def _installs_tools(run: Run) -> bool:
    """Tell whether `npm install` brings by name what is no tool of a build."""
    for each in (run, *run.later()):
        for command in each.commands:
            call = npm.read_npm(command)
            if call is not None and call.verb in npm.INSTALLS:
                names = (word.text[:1] + word.text[1:].partition("@")[0] for word in call.operands)
                if not set(names) <= _BUILD_TOOLS:
                    return True
    return False
