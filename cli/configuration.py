"""The configuration of the git work trees that files lie in, and `dockslim config`."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.dockerfiles import is_dockerfile
from cli.files import STDIN, Judge, find_top, read_text, real_path
from cli.formats import ListFormat
from cli.rules import choose
from cli.trouble import TroubleError, one_line
from rules.config import Config

if TYPE_CHECKING:
    from bot.configuration.model import Configuration
    from bot.configuration.read import Problem

_FILE = os.path.join(".github", "dockslim.yml")


class Configurations:
    """What counts for files on disk: the options of a command over the file of the work tree, read once for each."""

    def __init__(
        self,
        select: Iterable[str] = (),
        ignore: Iterable[str] = (),
        *,
        report: Callable[[TroubleError], None],
        obeyed: bool = True,
    ) -> None:
        self._options = choose(select, ignore)
        self._report = report
        self._obeyed = obeyed
        self._known: dict[str, Configuration | None] = {}

    def config_for(self, path: str) -> Config:
        """Return what counts for one Dockerfile; for standard input, what does in the current directory."""
        real = real_path("." if path == STDIN else path)
        found = self.find(real if path == STDIN else os.path.dirname(real))
        if found is None:
            return self._options
        top, configuration = found
        config = configuration.config_for(_below(top, real))
        options = self._options
        # Who selects a rule by hand wants to see it, whatever the file says.
        ignore = options.ignore if options.select else options.ignore | config.ignore
        return replace(config, select=options.select, ignore=ignore)

    def judge_in(self, folder: str) -> Judge:
        """Return what tells of a name in a folder, given by its real path, whether the file is wanted."""
        found = self.find(folder)
        if found is None:
            return is_dockerfile
        top, configuration = found
        return lambda name: configuration.covers(_below(top, os.path.join(folder, name)))

    def find(self, folder: str) -> tuple[str, Configuration] | None:
        """Return the work tree that a folder lies in and what its file says; None where nothing is said."""
        top = find_top(folder) if self._obeyed else None
        if top is None:
            return None
        if top not in self._known:
            self._known[top] = self._read(os.path.join(top, _FILE))
        configuration = self._known[top]
        return (top, configuration) if configuration is not None else None

    def _read(self, path: str) -> Configuration | None:
        try:
            status = os.lstat(path)
        except OSError:
            return None
        name = os.path.relpath(path)
        if not stat.S_ISREG(status.st_mode):
            self._report(TroubleError(name, "is no regular file, so it is not read"))
            return None
        # Reading takes a YAML parser, for which nobody waits who has no such file.
        from bot.configuration.read import merge, read_configuration

        try:
            reading = read_configuration(read_text(path), name)
        except TroubleError as trouble:
            self._report(trouble)
            return None
        for problem in reading.problems:
            self._report(as_trouble(problem))
        return None if reading.problems else merge([reading.layer])


def check_file(path: str | None, form: ListFormat) -> int:
    """Print what is wrong in a configuration file; return 0 where that is nothing, else 1."""
    from bot.configuration.read import read_configuration

    path = path or _own_file()
    problems = read_configuration(read_text(path), path).problems
    if form is ListFormat.JSON:
        from cli.report.checked import as_unicode

        found = [
            {
                "file": as_unicode(each.file),
                "line": each.line,
                "column": each.column,
                "key": as_unicode(each.key),
                "message": as_unicode(each.sentence),
            }
            for each in problems
        ]
        print(json.dumps(found, indent=2))
    elif not problems:
        print(f"{one_line(path)}: no problems")
    else:
        for each in problems:
            print(one_line(str(each)))
    return 1 if problems else 0


def show() -> int:
    """Print the configuration that counts in the current directory; return 2 where its file has problems, else 0."""
    from bot.configuration.model import DEFAULT
    from bot.configuration.write import write_configuration

    troubles: list[TroubleError] = []
    found = Configurations(report=troubles.append).find(os.path.realpath("."))
    for trouble in troubles:
        print(trouble, file=sys.stderr)
    origin = "Built in." if found is None else f"{one_line(_own_file())} over what is built in."
    print(write_configuration(found[1] if found else DEFAULT, origin), end="")
    return 2 if troubles else 0


def print_schema() -> None:
    """Print the JSON Schema of configuration files."""
    from bot.configuration.write import write_schema

    print(write_schema(), end="")


def _own_file() -> str:
    top = find_top(os.path.realpath("."))
    return os.path.relpath(os.path.join(top or ".", _FILE))


def _below(top: str, path: str) -> str:
    return os.path.relpath(path, top).replace(os.sep, "/")


def as_trouble(problem: Problem) -> TroubleError:
    """Return a problem as the error that names it."""
    sentence = f"{problem.key}: {problem.sentence}" if problem.key else problem.sentence
    return TroubleError(problem.file, sentence, problem.line)
