"""psycopg-built-from-source."""

from __future__ import annotations

from collections.abc import Iterator

from rules.base_images.reference import read_reference
from rules.dockerfile import Dockerfile, Span
from rules.finding import Finding
from rules.fix import Applicability, Edit, Fix
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import requirements
from rules.tools.requirements import Requirement
from rules.tools.system_packages import operations

_HEADERS = frozenset({"libpq-dev", "postgresql-dev", "libpq-devel", "postgresql-devel"})
_PIN = regex(r"[=~<>]=?\s*(\d+)\.(\d+)")
# Images whose pip takes the wheels of psycopg2-binary, and that bring neither a compiler nor the headers themselves.
_SLIM_PYTHON = regex(r"(?:slim|alpine)")
_NEW_DISTRIBUTION = regex(
    r"debian:(?:1[1-9]|bullseye|bookworm|trixie|forky|stable|testing|unstable|sid|latest)(?![.\d]*-arm)"
    r"|ubuntu:(?:2\d\.\d\d|focal|jammy|noble|latest|rolling)|(?:debian|ubuntu):?$"
)
_FIRST_BINARY = (2, 8)
"""Until then the wheels were called psycopg2."""


class PsycopgBuiltFromSource(Rule):
    """psycopg2 built from source, with PostgreSQL's headers left in the image for it.

    ## What it does
    Finds `psycopg2` installed by pip or uv, on the command line or by a requirements file that is known, where the
    file installs the headers that its build needs and keeps them. `psycopg2-binary` is the same module as a wheel.

    ## Why it costs
    Measured: the wheel of psycopg2-binary 2.9.13 is 4.3 MB, 11.8 MB installed, and needs nothing else. On Debian 12
    `build-essential`, `libpq-dev` and psycopg2 built from source are 393 MB above the base image.

    ## Fix safety
    Shown only. psycopg2's authors advise to build it from source for production, so that it uses the libpq and the
    OpenSSL of the system: then in a stage of its own, from which the environment is copied, with `libpq5` in the
    shipped one. Something else in the image may be compiled with the same tools.

    ## When it is silent
    The headers go in the same RUN; no line of the file installs them; the version is older than 2.8, whose wheel is
    called psycopg2; `psycopg2-binary` is named as well; the base image is neither a slim or Alpine one of `python` nor
    Debian 11, Ubuntu 20.04 or newer, so that pip may be too old for the wheel, or the headers come with the image; the
    stage is not shipped.
    """

    code = "DS226"
    techniques = ("psycopg2-binary",)
    triggers = ("psycopg2", *sorted(_HEADERS), "pip", "uv")
    good = (
        "FROM python:3.12-slim\nRUN pip install --no-cache-dir psycopg2-binary\n",
        "FROM python:3.12-alpine\nRUN apk add --no-cache --virtual .build gcc musl-dev postgresql-dev"
        " && pip install --no-cache-dir psycopg2 && apk del .build\n",
    )
    bad = (
        Bad(
            "FROM python:3.12-slim\nRUN apt-get update && apt-get install -y --no-install-recommends gcc libpq-dev"
            " && rm -rf /var/lib/apt/lists/*\nRUN pip install --no-cache-dir psycopg2==2.9.13 flask\n"
            'CMD ["flask", "run"]\n',
            "FROM python:3.12-slim\nRUN apt-get update && apt-get install -y --no-install-recommends gcc libpq-dev"
            " && rm -rf /var/lib/apt/lists/*\nRUN pip install --no-cache-dir psycopg2-binary==2.9.13 flask\n"
            'CMD ["flask", "run"]\n',
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each command that builds psycopg2 in an image that keeps the headers."""
        text = dockerfile.text
        if not any(map(text.__contains__, _HEADERS)) or "psycopg2-binary" in text:
            return
        for run in shipped_runs(dockerfile, surroundings, ("pip", "uv ")):
            if not _takes_wheels(run.base):
                continue
            wanted = [each for each in requirements.named(run.instruction, surroundings.context) if _is_built(each)]
            headers = _kept_headers(run) if wanted else None
            if headers is not None:
                yield self._report(run, wanted[0], headers)

    def _report(self, run: Run, requirement: Requirement, headers: str) -> Finding:
        listed = f" `{requirement.file[:60]}` can name it." if requirement.file else ""
        return self.finding(
            run.instruction,
            requirement.word.span,
            f"psycopg2 is built from source, and {headers} stays in the image for it",
            "`psycopg2-binary` is the same module as a wheel; built from source, as its authors advise for production,"
            f" it belongs in a stage of its own.{listed}",
            None if requirement.file else _name_wheel(run, requirement),
        )


def _takes_wheels(base: str) -> bool:
    reference = read_reference(base)
    if reference is None:
        return False
    if reference.image == "python":
        return _SLIM_PYTHON.search(reference.tag) is not None
    return _NEW_DISTRIBUTION.match(f"{reference.image}:{reference.tag}") is not None


def _is_built(requirement: Requirement) -> bool:
    pin = _PIN.search(requirement.text)
    return requirement.name == "psycopg2" and (pin is None or (int(pin[1]), int(pin[2])) >= _FIRST_BINARY)


def _kept_headers(run: Run) -> str | None:
    """Return the headers that are installed, in a RUN or below it, in a layer that keeps them."""
    for each in (*run.earlier(), run):
        if not any(map(each.instruction.value.__contains__, _HEADERS)):
            continue
        found = list(operations(each.commands, each.scope))
        if not any(one.removes for one in found):
            return next((name for one in found for name in one.names if name in _HEADERS), None)
    return None


def _name_wheel(run: Run, requirement: Requirement) -> Fix | None:
    word, command = requirement.word, requirement.command
    at = word.span.of(run.dockerfile.text).find("psycopg2")
    if at < 0:
        return None
    end = word.span.start + at + len("psycopg2")
    texts = tuple(
        each.text.replace("psycopg2", "psycopg2-binary", 1) if each is word else each.text for each in command.words
    )
    return Fix((Edit(Span(end, end), "-binary"),), Applicability.DISPLAY, (command.texts,), (texts,))
