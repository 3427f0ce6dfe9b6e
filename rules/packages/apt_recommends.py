"""Which installs of apt take along what is merely recommended."""

from __future__ import annotations

from collections.abc import Iterator

from rules.debian.recommends import recommends_little
from rules.debian.releases import packages_in
from rules.packages.needed_recommends import bare_name, is_installed
from rules.runs import Run
from rules.tools import apt
from rules.tools.options import Call


def recommending_installs(run: Run) -> Iterator[Call]:
    """Yield the installs of a RUN that name packages and do not leave recommends out."""
    if _is_configured(run):
        return
    for command in run.commands:
        call = apt.read_apt(command)
        if call is not None and call.verb == "install" and _installs_by_name(call):
            yield call


def may_bring_more(run: Run, call: Call, base: str) -> bool:
    """Tell whether an install names a package that may bring others by recommends, on `base` as FROM names it.

    Not what is known to recommend next to nothing, nor what is there already.
    """
    there = packages_in(base)
    beside_compiler = any(name in there or is_installed(run, call.command, name) for name in ("g++", "build-essential"))
    return any(
        not word.literal
        or not (
            recommends_little(name := bare_name(word.text), beside_compiler=beside_compiler)
            or name in there
            or is_installed(run, call.command, name)
        )
        for word in call.operands
        if not is_local(word.text)
    )


def is_local(text: str) -> bool:
    """Tell whether what is installed is a file."""
    return text.startswith(("./", "/", "../")) or text.endswith(".deb")


def _is_configured(run: Run) -> bool:
    """Tell whether apt may have been told before to leave recommends out."""
    text = run.instruction.span.of(run.dockerfile.text).lower()
    if "apt::install-recommends" in text or "apt_config" in text or run.scope.sets("APT_CONFIG"):
        return True
    return run.is_preceded_by(apt.mentions_recommends)


def _installs_by_name(call: Call) -> bool:
    if apt.skips_recommends(call) or call.has("--install-recommends", "--download-only", "-d", "--print-uris"):
        return False
    if not call.command.words[0].literal or (call.action is not None and not call.action.literal):
        return False
    return any(not is_local(word.text) for word in call.operands)
