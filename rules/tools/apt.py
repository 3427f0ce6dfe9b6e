"""apt-get, apt and aptitude."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from functools import lru_cache

from rules.dockerfile import Dockerfile, Instruction, ShellCommand
from rules.patterns import regex
from rules.runs import Run
from rules.tools.archives import SUFFIX
from rules.tools.options import Call, read_call
from rules.tools.remove import deletes, normalise

LISTS = "/var/lib/apt/lists"
CLEANUP = ("rm", "-rf", "/var/lib/apt/lists/*")

_NAMES = frozenset({"apt-get", "apt", "aptitude"})
_VALUED = frozenset(
    {
        "-o",
        "--option",
        "-t",
        "--target-release",
        "--default-release",
        "-c",
        "--config-file",
        "-a",
        "--host-architecture",
    }
)
# Everything that looks packages up in the lists.
_READERS = frozenset(
    {
        "install",
        "build-dep",
        "source",
        "download",
        "upgrade",
        "dselect-upgrade",
        "dist-upgrade",
        "full-upgrade",
        "safe-upgrade",
        "policy",
        "show",
        "search",
        "satisfy",
        "reinstall",
    }
)
_INSTALL = regex(r"\b(?:apt|apt-get|aptitude|apt-fast)\b[^&|;]*\b(?:install|build-dep|upgrade)\b")
_MAY_READ = regex(r"apt|gdebi|rosdep|opam|nala|wajig|unattended|mk-build|tasksel")
_LONGEST_COMMAND = 4096
_INDIRECT = frozenset(
    {
        "gdebi",
        "rosdep",
        "nala",
        "wajig",
        "apt-fast",
        "unattended-upgrade",
        "unattended-upgrades",
        "mk-build-deps",
        "tasksel",
    }
)
_NO_RECOMMENDS = regex(r"apt::install-recommends\W*(0|false|no|off|without|disable)\b", re.IGNORECASE)


@lru_cache(maxsize=256)
def read_apt(command: ShellCommand) -> Call | None:
    """Return the call of an apt front end, None for any other command."""
    if command.name in _NAMES:
        return read_call(command, _VALUED)
    return None


def updates(command: ShellCommand) -> bool:
    """Tell whether the command fetches package lists."""
    call = read_apt(command)
    return call is not None and call.verb == "update"


# What ends with an `apt-get update` of its own, and the Ubuntu whose add-apt-repository does.
_SETUP_SCRIPTS = regex(r"deb\.nodesource\.com/setup|packagecloud\.io/\S*/script\.deb\.sh")
_SETUP_FILES = regex(r"(?:^|/)(?:script\.deb\.sh|nodesource_setup\.sh|setup_\d+\.x)$")  # downloaded before
_UPDATES_BY_ITSELF = regex(r"(?:^|/)ubuntu(?::(?:1[89]|2\d)\.\d\d|:bionic|:focal|:jammy|:noble|:latest|:rolling|$)")


def adds_repository(command: ShellCommand, feeder: ShellCommand | None, base: str) -> bool:
    """Tell whether the command, which may read what `feeder` fetches, adds a repository and then fetches all lists."""
    if command.name in ("add-apt-repository", "apt-add-repository"):
        if not {"-n", "--no-update", "-r", "--remove", "-h", "--help"}.isdisjoint(command.texts):
            return False
        return not {"-u", "--update"}.isdisjoint(command.texts) or _UPDATES_BY_ITSELF.search(base) is not None
    if _SETUP_FILES.search(command.words[0].text if command.words else "") or (
        command.name in ("bash", "sh") and any(_SETUP_FILES.search(word.text) for word in command.arguments)
    ):
        return True
    if command.name not in ("bash", "sh") or command.before != "|" or feeder is None:
        return False
    return feeder.name in ("curl", "wget") and _SETUP_SCRIPTS.search(" ".join(feeder.texts)) is not None


def installs(command: ShellCommand) -> bool:
    """Tell whether the command installs packages from the lists."""
    call = read_apt(command)
    return call is not None and call.verb in ("install", "build-dep", "satisfy")


def reads_lists(command: ShellCommand) -> bool:
    """Tell whether the command needs package lists to be there."""
    call = read_apt(command)
    if call is not None:
        return call.verb in _READERS
    if command.name in ("apt-cache", "apt-file") or command.name in _INDIRECT:
        return True
    # `sh -c 'apt-get install x'`, `xargs apt-get install`, `gosu root apt-get install`
    line = " ".join(command.texts)
    return "apt" in line and command.name not in ("echo", "printf") and _INSTALL.search(line) is not None


def cleans_lists(command: ShellCommand) -> bool:
    """Tell whether the command removes the package lists, in any of the ways that do."""
    call = read_apt(command)
    if call is not None:
        return call.verb in ("dist-clean", "distclean")
    return deletes(command, LISTS)


def surely_cleans_lists(command: ShellCommand) -> bool:
    """Tell whether the command removes the package lists in any shell, also without braces, whatever variables hold."""
    return cleans_lists(command) and all(word.literal and "{" not in word.text for word in command.words)


def skips_recommends(call: Call) -> bool:
    """Tell whether this install leaves recommended packages out."""
    if call.command.name == "aptitude" and call.has("-R", "--without-recommends"):
        return True
    if call.has("--no-install-recommends"):
        return True
    return any(_NO_RECOMMENDS.search(text) for text in call.options)


def mentions_recommends(instruction: Instruction) -> bool:
    """Tell whether an instruction may configure recommends for all later installs."""
    if instruction.keyword in ("COPY", "ADD"):
        return "/etc" in instruction.value and _brings_configuration(instruction)
    return "apt::install-recommends" in instruction.span.of(instruction.document).lower()


# What people copy into /etc/apt and no setting stands in.
_NO_CONFIGURATION = regex(
    r"(?:preferences|keyrings|auth\.conf|trusted\.gpg)(?:\.d)?$|.*\.(?:list|sources|gpg|asc|key|pref)$"
)


def _brings_configuration(copy: Instruction) -> bool:
    """Tell whether a COPY or ADD may bring a file that apt reads its settings from."""
    *sources, target = [normalise(word.text) for word in copy.words] or [""]
    if target.startswith("/etc/apt/"):
        return target.startswith(("/etc/apt/apt.conf", "/etc/apt/$"))
    if target not in ("/etc", "/etc/apt"):
        return False
    names = [posixpath.basename(each).rstrip("*") for each in sources]
    if target == "/etc/apt":
        return not all(map(_NO_CONFIGURATION.match, names))
    return any("." not in name.strip(".") or SUFFIX.search(name) for name in names)  # a folder, or what ADD unpacks


def needs_lists(commands: Sequence[ShellCommand]) -> bool:
    """Tell whether a script reads package lists before it has fetched any."""
    for command in commands:
        if updates(command) and not command.nesting:
            return False
        if reads_lists(command):
            return True
    return False


def are_lists_used_later(run: Run) -> bool:
    """Tell whether anything on top of `run` reads the package lists in its layer without fetching them first."""
    for stage, each in run.dockerfile.after(run.stage, run.instruction):
        below = each.trigger if each.trigger is not None else each
        if below.keyword in ("CMD", "ENTRYPOINT", "HEALTHCHECK"):
            if _INSTALL.search(below.value[:_LONGEST_COMMAND]) and "update" not in below.value:
                return True
        elif below.keyword == "RUN" and run.dockerfile.scope(stage, each).is_posix:
            if not _MAY_READ.search(below.span.of(run.dockerfile.text)):
                continue
            if LISTS in below.value and not any(cleans_lists(each) or updates(each) for each in below.commands):
                return True  # `chmod 700 /var/lib/apt/lists/partial`
            if not below.script.parsed:
                if "apt" in below.span.of(run.dockerfile.text):
                    return True
            elif needs_lists(below.commands):
                return True
            elif stage is run.stage and below is each and any(updates(command) for command in below.commands):
                break  # from here on other lists are read
    return run.stage.name is not None and run.stage.name in _stages_with_copied_lists(run.dockerfile)


@lru_cache(maxsize=8)
def _stages_with_copied_lists(dockerfile: Dockerfile) -> frozenset[str]:
    """Return the stages out of which a COPY takes apt's state."""
    return frozenset(
        (flag.value or "").lower()
        for each in dockerfile.instructions
        if "/var/lib/apt" in each.value
        for flag in each.flags
        if flag.name == "from"
    )
