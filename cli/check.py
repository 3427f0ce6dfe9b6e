"""`dockslim check`: every Dockerfile under some paths, in one of four formats."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from cli.around import look_around
from cli.configuration import Configurations
from cli.files import find_dockerfiles, read_text
from cli.formats import Format
from cli.report.checked import Checked
from cli.report.colours import paint_for
from cli.trouble import TroubleError, one_line
from rules.check import check
from rules.config import Config
from rules.dockerfile import DockerfileError, parse


@dataclass(slots=True)
class _Tally:
    files: int = 0
    findings: int = 0
    troubles: list[TroubleError] = field(default_factory=list)

    def report(self, trouble: TroubleError) -> None:
        """Name what is wrong at once; the rest goes on."""
        self.troubles.append(trouble)
        print(trouble, file=sys.stderr)

    @property
    def exit_code(self) -> int:
        if self.troubles:
            return 2
        return 1 if self.findings else 0


def check_paths(
    paths: Sequence[str],
    form: Format,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    *,
    configured: bool = True,
) -> int:
    """Print what there is to say; return 0 where that is nothing, 1 with findings, 2 with trouble."""
    tally = _Tally()
    configurations = Configurations(select, ignore, report=tally.report, obeyed=configured)
    for block in _render(form, _check_all(paths, configurations, tally), tally):
        print(block)
    if not tally.files and not tally.troubles:
        print(f"dockslim: no Dockerfile in {one_line(', '.join(paths) or '.')}", file=sys.stderr)
    return tally.exit_code


def check_text(path: str, text: str, config: Config) -> Checked:
    """Return what there is to say about one file."""
    try:
        dockerfile = parse(text)
    except DockerfileError as error:
        raise TroubleError(path, error.reason, error.line) from None
    return Checked(path, dockerfile, check(dockerfile, config, look_around(path, dockerfile, config)).findings)


def _check_all(paths: Sequence[str], configurations: Configurations, tally: _Tally) -> Iterator[Checked]:
    """Yield what could be read."""
    for found in find_dockerfiles(paths, configurations.judge_in):
        try:
            if isinstance(found, TroubleError):
                raise found
            checked = check_text(found, read_text(found), configurations.config_for(found))
        except TroubleError as trouble:
            tally.report(trouble)
            continue
        tally.files += 1
        tally.findings += len(checked.findings)
        yield checked


def _render(form: Format, results: Iterable[Checked], tally: _Tally) -> Iterator[str]:
    match form:
        case Format.TEXT:
            from cli.report.text import render_text

            return render_text(results, paint_for(sys.stdout))
        case Format.JSON:
            from cli.report.json import render_json

            return render_json(results, tally.troubles)
        case Format.SARIF:
            from cli.report.sarif import render_sarif

            return render_sarif(results, tally.troubles)
        case Format.GITHUB:
            from cli.report.github import render_github

            return render_github(results, tally.troubles)
