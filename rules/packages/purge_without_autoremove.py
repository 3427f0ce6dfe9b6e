"""purge-without-autoremove."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from rules.dockerfile import Dockerfile
from rules.edits import insert_words, with_words
from rules.finding import Finding, Severity
from rules.fix import Applicability, Fix
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import apt
from rules.tools.options import Call

FLAG = "--auto-remove"
_VERBS = frozenset({"purge", "remove"})
_HINTS = ("purge", "remove")
# What is installed to build with, and purged when that is done. A program may also be purged so that only what it
# depends on stays, as people do with a browser that they then unpack themselves.
_TOOLS = regex(
    r"build-essential|(?:gcc|g\+\+|clang|llvm|gfortran|cpp)(?:-[\d.]+)?|make|cmake|ninja-build|meson|autoconf|automake|libtool"
    r"|pkg-config|bison|flex|git(?:-core)?|mercurial|subversion|software-properties-common|curl|wget|gnupg2?|dirmngr"
    r"|unzip|maven|cargo|rustc|golang(?:-go)?|(?:python|ruby|php)[\d.]*-dev|ruby-full|node-gyp|dpkg-dev|debhelper"
)
_VARIABLE = regex(r"\$\{?(\w+)\}?")
_ASSIGNMENT = regex(r"\b(\w+)=(['\"])([^'\"]{1,4000})\2")
_SHOWN = 3


class PurgeWithoutAutoremove(Rule):
    """Packages that are purged in the RUN that installed them, while what they brought along stays.

    ## What it does
    Finds `apt-get purge` and `apt-get remove` of packages that the same RUN installs, without `--auto-remove` and
    without an `apt-get autoremove` behind it. Of packages that an earlier RUN installed it is noted as information:
    there nothing is freed either way, as purge-in-later-layer says.

    ## Why it costs
    apt deletes the named packages only. `build-essential` of Debian 12 takes 20 kB itself; the compiler and the headers
    that come along take 274 MB, by the package metadata, and they stay.

    ## Fix safety
    Unsafe: with `--auto-remove` also those packages go that something uses without asking for them. Where more than
    tools is purged, such as the headers of a library, what was compiled against them needs the library, which came
    along with them: the fix is shown, not offered.

    ## When it is silent
    An `autoremove` follows, or `AutoRemove` is configured; `apt-mark` says what stays; no tool to build or download
    with is purged, since a program may be purged so that what it depends on stays; it was not installed in this RUN;
    the stage is not shipped; the RUN cannot be read.
    """

    code = "DS214"
    techniques = ("build-tools-left",)
    triggers = _HINTS
    good = (
        "FROM debian:12-slim\nRUN apt-get update && apt-get install -y --no-install-recommends make gcc && make"
        " && apt-get purge -y --auto-remove make gcc && rm -rf /var/lib/apt/lists/*\n",
    )
    bad = (
        Bad(
            "FROM debian:12-slim\nRUN apt-get update && apt-get install -y --no-install-recommends build-essential"
            " && make -C /src && apt-get purge -y build-essential && rm -rf /var/lib/apt/lists/*\n",
            "FROM debian:12-slim\nRUN apt-get update && apt-get install -y --no-install-recommends build-essential"
            " && make -C /src && apt-get purge --auto-remove -y build-essential && rm -rf /var/lib/apt/lists/*\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each purge that leaves something behind."""
        for run in shipped_runs(dockerfile, surroundings, _HINTS):
            if "apt" not in run.instruction.value and not run.instruction.heredocs:
                continue
            for call, names, is_here in _half_purges(run):
                yield self._report(run, call, names, is_here)

    def _report(self, run: Run, call: Call, names: list[str], is_here: bool) -> Finding:
        assert call.action is not None  # noqa: S101 - _half_purges looked at its verb
        some = ", ".join(f"`{name}`" for name in names[:_SHOWN])
        some += f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return self.finding(
            run.instruction,
            type(call.action.span)(call.command.words[0].span.start, call.action.span.end),
            "What came with the purged packages stays in the layer",
            f"`{call.command.name} {call.verb}` without `{FLAG}` deletes {some} and nothing that came along.",
            _fix(call) if is_here else None,
            severity=self.severity if is_here else Severity.INFO,
        )


def _half_purges(run: Run) -> Iterator[tuple[Call, list[str], bool]]:
    """Yield the purges after which no autoremove comes, the tools they delete, and whether this RUN installed them."""
    text = run.instruction.span.of(run.dockerfile.text)
    if "apt-mark" in text or "AutoRemove" in run.dockerfile.text:
        return
    calls = [call for call in map(apt.read_apt, run.commands) if call is not None]
    here: set[str] = set()
    for at, call in enumerate(calls):
        if call.verb == "install":
            here.update(word.text for word in call.operands)
        elif call.verb in _VERBS and call.command.name != "aptitude" and not _removes_more(call):
            names = [
                name
                for word in call.operands
                if word.text in here or _is_below(run, word.text)
                for name in _meant(word.text, text)
            ]
            if any(map(_TOOLS.fullmatch, names)) and not any(map(_removes_more, calls[at + 1 :])):
                yield call, names, any(word.text in here for word in call.operands)


def _meant(word: str, text: str) -> list[str]:
    """Return the packages that `$buildDeps` stands for where the RUN writes them out, as the tools come first."""
    variable = _VARIABLE.fullmatch(word)
    if variable is None:
        return [word]
    written = [match[3] for match in _ASSIGNMENT.finditer(text) if match[1] == variable[1]]
    if len(written) != 1 or "$" in written[0] or "`" in written[0]:
        return [word]
    return sorted(written[0].replace("\\", " ").split(), key=lambda name: _TOOLS.fullmatch(name) is None)


def _is_below(run: Run, name: str) -> bool:
    first = _first_installs(run.dockerfile, run.stage.index).get(name)
    return first is not None and first < run.instruction.index


@lru_cache(maxsize=8)
def _first_installs(dockerfile: Dockerfile, stage: int) -> dict[str, int]:
    """Return where each package is installed first among the instructions that a stage is made of."""
    found: dict[str, int] = {}
    for _, each in dockerfile.lineage(dockerfile.stages[stage]):
        for call in map(apt.read_apt, each.commands if "apt" in each.value or each.heredocs else ()):
            if call is not None and call.verb == "install":
                for word in call.operands:
                    found.setdefault(word.text, each.index)
    return found


def _removes_more(call: Call) -> bool:
    return call.verb in ("autoremove", "autopurge") or call.has(FLAG, "--autoremove")


def _fix(call: Call) -> Fix:
    assert call.action is not None  # noqa: S101 - _half_purges looked at its verb
    libraries = not all(_TOOLS.fullmatch(word.text) for word in call.operands)
    return Fix(
        (insert_words(call.command, call.action, FLAG),),
        Applicability.DISPLAY if libraries else Applicability.UNSAFE,
        removed=(call.command.texts,),
        added=(with_words(call.command, call.action, FLAG),),
        caution="Breaks what was compiled against a library that only the purged packages asked for."
        if libraries
        else "Also deletes what something here uses without asking for it.",
    )
