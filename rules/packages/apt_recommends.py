"""Which installs of apt take along what is merely recommended."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from rules.debian.recommends import needs_headers_of_libc, recommends_little
from rules.debian.releases import packages_in
from rules.dockerfile import Instruction
from rules.packages.needed_recommends import bare_name, installed_before
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


def may_bring_more(run: Run, call: Call, base: str, required: Container[str] = ()) -> bool:
    """Tell whether an install names a package that may bring others by recommends, on `base` as FROM names it.

    Not what is known to recommend next to nothing, nor what is there already; certificates come anyway if `required`.
    """
    there = packages_in(base) | installed_before(run, call.command)
    compiler = "g++" in there or "build-essential" in there or any(map(needs_headers_of_libc, there))
    certificates = "ca-certificates" in there or "ca-certificates" in required
    is_vendors = run.is_preceded_by(_adds_nodesource) or _adds_nodesource(run.instruction)
    return any(
        not word.literal
        or not (
            (name := bare_name(word.text)) in there
            or recommends_little(name, certificates=certificates, compiler=compiler)
            or _OF_VENDORS.match(name)
            or (is_vendors and name == "nodejs")
        )
        for word in call.operands
        if not is_local(word.text)
    )


# Packages of their vendors, which recommend nothing.
_OF_VENDORS = re.compile(r"(?:mongodb-org(?:-\w+)*|kubectl|elasticsearch|kibana|logstash)$")


def _adds_nodesource(each: Instruction) -> bool:
    return each.keyword == "RUN" and "nodesource" in each.value


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
