"""full-base-image."""

from __future__ import annotations

from collections.abc import Iterator

from rules.base_images.families import Sibling, find_sibling
from rules.base_images.java import judge
from rules.base_images.needs import Needs, find_needs
from rules.base_images.program import read_program
from rules.base_images.reference import read_reference
from rules.base_images.swap import (
    is_taken_elsewhere,
    is_unknown_to_registry,
    is_workbench,
    shipped_roots,
    swap_fix,
    swap_saving,
)
from rules.dockerfile import Dockerfile, Stage
from rules.finding import Finding, Snippet
from rules.fix import Applicability, Fix
from rules.packages.apt_recommends import find_recommended, recommending_installs
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import shipped_runs
from rules.stages.build_tools_left_behind import find_left
from rules.stages.single_stage_build import find_single_stage_build
from rules.tools import builds
from rules.tools.system_packages import HINTS

# Packages whose installation wants directories that debian's slim images leave out, and what is about what is left out.
_WANTS_DOCUMENTATION = regex(
    r"jre|jdk|java|postgresql|man-db|manpages|/usr/share/(?:man|doc|locale|info)|localepurge|\bman\b|texinfo|path-exclude"
    # What depends on a JRE.
    r"|\b(?:maven|ant|gradle|groovy|scala|clojure|leiningen|jython|libreoffice|jenkins|elasticsearch|logstash|solr|activemq"
    r"|zookeeper|cassandra|unifi|plantuml|bazel|jetty\d*|tomcat\d*)\b"
)

_DOCUMENTATION = regex(r"^/usr(?:/share(?:/(?:man|doc|locale|info)\b.*)?)?/?$")

# Their scripts link manual pages without looking whether the directory is there (Debian bug 863199).
_FAILS_WITHOUT_MANUAL = regex(r"\b(?:openjdk-\d+|default|oracle-java\d+)-(?:jre|jdk|installer)|\bpostgresql")

# Source: examples/debian.sh of debuerreotype, which makes the images.
_BARE_DEBIAN = regex(r"$|latest|stable|testing|unstable|sid|bullseye|bookworm|trixie|forky|duke|1[1-9]|[2-9]\d")


# What was made from Debian 8 and older, where headers of MySQL have another name.
_OF_DEBIAN_8 = regex(r"jessie|wheezy|(?:^|/)python:(?:2\.7\.(?:\d|1[0-2])|3\.[0-5]\.[0-2])(?:-|$)")


class FullBaseImage(Rule):
    """A base image with compilers and header files where its slim sibling would do.

    ## What it does
    Finds a shipped stage that starts from `python`, `node`, `ruby`, `perl`, `erlang`, `elixir`, `openjdk`, `debian` or
    `buildpack-deps` where the same version and suite is published as `-slim`.

    ## Why it costs
    The full images of languages are built on buildpack-deps: gcc, git, ImageMagick and the headers of some forty
    libraries. Compressed, as Docker Hub states it for linux/amd64: `python:3.12-bookworm` 380.6 MB against 45.4 MB,
    `node:22-bookworm` 408.5 MB against 79.9 MB, `debian:bookworm` 48.5 MB against 28.2 MB (its slim image has the
    same packages without documentation and translations).

    ## Fix safety
    Offered as a click only where every command of the stage, and of those built from it, is known to need nothing that
    the slim image lacks, every Python package is pure, and the tag is known to be published. Otherwise the change is
    shown, with the Debian packages that it will need where the file names them. A program may still call one of the
    missing tools at run time, so the click says so. Where a RUN installs build tools itself, which the full image has
    anyway, nothing is offered, and what would be left of them is said. alpine is never proposed: another C library, and
    wheels that have to be compiled.

    ## When it is silent
    The stage is not shipped; file or stage are named for development, tests or CI; no slim sibling was ever published
    for that tag; the registry was asked and has none; the image is a toolbox (nothing is copied, a shell or nothing is
    run); another rule proposes a runtime image or a second stage for the
    same line; Windows and `-onbuild` images.
    """

    code = "DS301"
    reads = ("FROM",)
    techniques = ("base-slim", "base-alpine")
    good = (
        'FROM python:3.12-slim\nCOPY app.py /\nCMD ["python", "/app.py"]\n',
        "FROM python:3.12 AS build\nRUN pip wheel -w /w psycopg2\nFROM python:3.12-slim\nCOPY --from=build /w /w\n",
    )
    bad = (
        Bad(
            'FROM python:3.8.10\nRUN pip install --no-cache-dir flask\nCOPY app.py /\nCMD ["python", "/app.py"]\n',
            'FROM python:3.8.10-slim\nRUN pip install --no-cache-dir flask\nCOPY app.py /\nCMD ["python", "/app.py"]\n',
        ),
        Bad(
            'FROM debian:bookworm\nCOPY server /usr/local/bin/\nCMD ["server"]\n',
            'FROM debian:bookworm-slim\nCOPY server /usr/local/bin/\nCMD ["server"]\n',
        ),
        Bad("FROM python:3.12\nRUN pip install --no-cache-dir psycopg2 python-magic\nCMD python -m app\n", None),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each shipped stage on a full image."""
        for stage in shipped_roots(dockerfile, surroundings):
            sibling = find_sibling(stage.base, "slim")
            if sibling is None or is_workbench(stage, surroundings) or is_unknown_to_registry(sibling, surroundings):
                continue
            if judge(dockerfile, stage, surroundings) is not None:
                continue  # jdk-shipped says it
            if find_single_stage_build(dockerfile, stage, surroundings) is not None:
                continue  # single-stage-build says it
            finding = self._report(dockerfile, stage, sibling, surroundings)
            if finding is not None:
                yield finding

    def _report(
        self, dockerfile: Dockerfile, stage: Stage, sibling: Sibling, surroundings: Surroundings
    ) -> Finding | None:
        reference = read_reference(stage.base)
        is_debian = reference is not None and reference.image == "debian"
        if reference is not None and is_debian:
            needs = Needs(doubt=_debian_doubt(dockerfile, stage, reference.tag))
        elif _is_toolbox(dockerfile, stage):
            return None
        else:
            needs = find_needs(dockerfile, stage, sibling, surroundings)
            if needs.compiles and reference is not None and reference.image == "buildpack-deps":
                return None
        fix = None if needs.packages else _fix(dockerfile, stage, sibling, needs, is_debian)
        hint = _first_to_mend(dockerfile, stage, sibling, surroundings) if fix is not None else ""
        if hint:
            fix = None
        if _OF_DEBIAN_8.search(stage.base):
            needs.packages[:] = [each.removeprefix("default-") for each in needs.packages]
        snippet = _snippet(dockerfile, stage, sibling, needs) if needs.packages else None
        return self.finding(
            stage.start,
            stage.start.words[0].span,
            f"{stage.base} brings {sibling.brings} along",
            _reason(sibling, needs, fix, is_debian, bool(reference and reference.digest)) + hint,
            fix,
            swap_saving(stage, sibling, surroundings),
            snippet,
        )


def _first_to_mend(dockerfile: Dockerfile, stage: Stage, sibling: Sibling, surroundings: Surroundings) -> str:
    """Say what has to be mended before the slim image may take over, since the full one has it anyway."""
    if builds.brings_compiler(stage.base) and not builds.brings_compiler(sibling.reference):
        for run in shipped_runs(dockerfile, surroundings, HINTS):
            if run.base == stage.base and not builds.is_wanted(dockerfile, run.stage, surroundings):
                left = find_left(run, sibling.reference)
                if left is not None and left.has_tools:
                    line = run.instruction.line
                    return f" The build tools of line {line} would be left on it: purge them there first."
    for run in shipped_runs(dockerfile, surroundings, ("apt",), deferred=True):
        text = run.instruction.span.of(dockerfile.text)
        if stage.base.startswith("debian") and _FAILS_WITHOUT_MANUAL.search(text) and "/usr/share/man" not in text:
            line = run.instruction.line
            return f" What line {line} installs may fail there: make `/usr/share/man/man1` and `man7` first."
        for call in recommending_installs(run) if run.base == stage.base else ():
            if find_recommended(run, call, sibling.reference) and not find_recommended(run, call, stage.base):
                line = run.instruction.line
                return f" What line {line} installs would bring recommended packages on it: leave those out first."
    return ""


def _is_toolbox(dockerfile: Dockerfile, stage: Stage) -> bool:
    """Tell whether an image is there for what others do in it: nothing is copied and nothing, or a shell, is run."""
    children = dockerfile.children(stage)
    leaf = children[-1] if children else stage
    program = read_program(dockerfile, leaf)
    words = program.words
    if words is not None:
        return len(words) == 1 and words[0].rpartition("/")[2] in ("sh", "bash", "zsh")
    if program.entrypoint is not None or program.command is not None:
        return False
    return not any(each.keyword in ("COPY", "ADD") for _, each in dockerfile.lineage(leaf))


def _debian_doubt(dockerfile: Dockerfile, stage: Stage, tag: str) -> str:
    for _, each in dockerfile.after(stage, stage.start):
        is_copied = each.keyword in ("COPY", "ADD", "LABEL") and each.flag("from") is None
        if not is_copied and _WANTS_DOCUMENTATION.search(each.span.of(dockerfile.text)):
            return f"line {each.line} may want documentation or its directories"
    if is_taken_elsewhere(dockerfile, stage, _DOCUMENTATION):
        return "another stage takes documentation from it"
    return "" if _BARE_DEBIAN.match(tag) else "the full image of Debian 10 and older has ping and ip besides"


def _reason(sibling: Sibling, needs: Needs, fix: Fix | None, is_debian: bool, has_digest: bool) -> str:
    slim = f"`{sibling.reference}`"
    if needs.packages:
        names = ", ".join(needs.packages)
        more = f"; there may be more, since {needs.doubt}" if needs.doubt else ", and nothing else"
        return f"On {slim} this stage needs {names} from apt{more}."
    if has_digest:
        return f"{slim} is published as well; its digest has to replace the one that is pinned."
    if needs.doubt:
        return f"{slim} is published as well; try it, since {needs.doubt}."
    if is_debian:
        return f"{slim} has the same packages."
    if fix is not None and fix.applicability is Applicability.DISPLAY:
        return f"{slim} may be enough: no line here is seen to use what it lacks."
    return f"No line here uses what {slim} lacks."


def _fix(dockerfile: Dockerfile, stage: Stage, sibling: Sibling, needs: Needs, is_debian: bool) -> Fix | None:
    missing = sibling.brings[:1].upper() + sibling.brings[1:]
    caution = (
        f"{missing} are missing afterwards, also those of packages installed later."
        if is_debian
        else f"{missing} are missing afterwards: a program that calls one at run time fails."
    )
    applicability = Applicability.DISPLAY if needs.doubt else Applicability.UNSAFE
    return swap_fix(dockerfile, stage, sibling, applicability, caution)


def _snippet(dockerfile: Dockerfile, stage: Stage, sibling: Sibling, needs: Needs) -> Snippet:
    raw = stage.start.words[0].span.of(dockerfile.text)
    head = stage.start.span.of(dockerfile.text)
    start = head.replace(raw, sibling.reference, 1) if "$" not in raw else f"FROM {sibling.reference}"
    lines = [
        start,
        "RUN apt-get update \\",
        "    && apt-get install -y --no-install-recommends \\",
        *(f"        {name} \\" for name in sorted(needs.packages)),
        "    && rm -rf /var/lib/apt/lists/*",
    ]
    return Snippet("The slim image with what this stage uses", "\n".join(lines) + "\n")
