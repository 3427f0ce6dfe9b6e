"""Which installs of apt take along what is merely recommended."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from rules.debian.recommends import MUCH, Brought, read_graph
from rules.debian.releases import packages_in
from rules.dockerfile import Dockerfile, Instruction, ShellCommand
from rules.packages.needed_recommends import Needs, bare_name, installs_in, needs
from rules.patterns import regex
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


class Recommended(NamedTuple):
    """What an install brings by recommends, and what of it the fix has to name."""

    brought: Brought
    required: Needs


_CERTIFICATES = "ca-certificates"
# What is recommended for people at a terminal, for reading, for rare cases: programs run without it, unless the file
# speaks of it. Where anything else is recommended the fix is shown only.
_HARMLESS = regex(
    r"less|patch|openssh-client|xauth|rsync|ca-certificates|openssl|bash-completion"
    r"|publicsuffix|krb#-locales|.*-(?:docs?|locales?|l#n|manual|examples?|source)|manpages.*|man-db|groff-base"
    r"|exim#-.*|default-mta|psmisc|libgpm#|ssl-cert|whois|geoip-database|fakeroot|libfakeroot"
    r"|libalgorithm-merge-perl|libfile-fcntllock-perl|liblocale-gettext-perl|libpng-tools"
    r"|nftables|libldap-common|libsasl#-modules|libdpkg-perl|bzip#|xz-utils"
    r"|libarchive-(?:zip|cpio)-perl|libmail-sendmail-perl|va-driver-all|vdpau-driver-all|(?:intel-media|i#)-va-driver"
    r"|pocketsphinx-en-us|libaacs#|libbdplus#|libwww-perl|libhtml-form(?:at)?-perl|libhttp-daemon-perl"
    r"|libauthen-sasl-perl|libdata-dump-perl|libxml-parser-perl|javascript-common|aspell-.*|libjs-.*|libfribidi.*"
)
# What speaks other protocols more often than that of ssh.
_BESIDE_SSH = frozenset({"git", "git-core", "mercurial", "rsync", "cvs", "bzr"})
_PROGRAMS = {
    "openssh-client": ("ssh", "scp", "sftp", "ssh-keygen", "ssh-keyscan", "ssh-agent", "ssh-add"),
    "psmisc": ("killall", "fuser", "pstree"),
    "exim4-daemon-light": ("sendmail", "mail", "mailq", "exim"),
    "ssl-cert": ("default-ssl", "ssl-cert-snakeoil", "make-ssl-cert"),
    "man-db": ("man",),
    "xauth": ("xvfb-run", "Xvfb", "xvfb", "startx"),
}
_WORD = regex(r"[A-Za-z0-9][A-Za-z0-9+_.-]*")
_MANY = 3
_RISK = "A program may need what is only recommended here; try this build before you keep it."
_LATER = "A later install brings the same by recommends; nothing is saved until that one leaves them out as well."
_REMOVERS = ("remove", "purge", "autoremove", "autopurge")


def find_recommended(run: Run, call: Call, base: str) -> Recommended | None:
    """Return what an install brings by recommends on `base` as FROM names it; None unless it is known to be much.

    Not what the base is known to have, the command or the fix names, or another install brings that keeps doing so.
    """
    if not read_graph().may_bring(_names(call)):
        return None
    return _follow(run.dockerfile, run.stage.index, base).get(call.command)


def _names(call: Call) -> list[str]:
    return [bare_name(word.text) for word in call.operands if word.literal and not is_local(word.text)]


@lru_cache(maxsize=8)
def _follow(dockerfile: Dockerfile, stage: int, base: str) -> dict[ShellCommand, Recommended]:
    """Return what each install up to the end of a stage brings by recommends, where that is much."""
    known = read_graph()
    there = known.minimal | known.needed_by(packages_in(base))
    found: dict[ShellCommand, Recommended] = {}
    steps: list[tuple[ShellCommand, list[str], int, bool]] = []
    named: set[str] = set()
    for run in _runs(dockerfile, stage):
        recommending = {call.command for call in recommending_installs(run)}
        for call in installs_in(run.instruction):
            names = _names(call)
            one = _weigh(run, call, names, there)
            if one is not None and call.command in recommending:
                purged = _purged_later(run, call)
                left = [name for name in names if name not in purged]
                if not purged or known.recommended(left, there, one.required.packages).size >= MUCH:
                    found[call.command] = one
            keeps = call.command in recommending and (one is None or bool(one.required.risk))
            # What is there already is not installed again, and brings nothing along.
            steps.append((call.command, [name for name in names if name not in named], there, keeps))
            named.update(names)
            # The next one brings the same where this one stops doing so, or has stopped: it may be fixed already.
            if one is not None and not one.required.risk:
                there |= known.needed_by((*names, *one.required.packages))
            else:
                there |= known.brought_by(names)
    _wait_for_later(found, steps)
    return found


def _wait_for_later(
    found: dict[ShellCommand, Recommended], steps: list[tuple[ShellCommand, list[str], int, bool]]
) -> None:
    """Offer no click where a later install, which keeps doing so, brings about the same: nothing would be saved.

    `steps` are the installs with their names, what is there before them, and whether they keep bringing recommends.
    """
    known, later = read_graph(), 0
    for command, names, there, keeps in reversed(steps):
        one = found.get(command)
        if one is not None and later and not one.required.risk:
            brought = known.recommended(names, there | later, one.required.packages)
            if brought.size < MUCH:
                found[command] = one._replace(required=one.required._replace(risk=_LATER))
        if keeps:
            later |= known.brought_by(names)


def _weigh(run: Run, call: Call, names: list[str], there: int) -> Recommended | None:
    known = read_graph()
    if not known.may_bring(names):
        return None
    if "nodejs" in names and (run.is_preceded_by(_adds_nodesource) or _adds_nodesource(run.instruction)):
        names = [name for name in names if name != "nodejs"]
    required = needs(run, call)
    brought = known.recommended(names, there, required.packages)
    if _CERTIFICATES in brought.roots:
        required = required._replace(packages=(_CERTIFICATES, *required.packages))
        brought = known.recommended(names, there, required.packages)
    if brought.size < MUCH:
        return None
    kept = _keep(run, call, brought, required)
    if kept.packages != required.packages:
        brought = known.recommended(names, there, kept.packages)
    return Recommended(brought, kept) if brought.size >= MUCH else None


def _runs(dockerfile: Dockerfile, stage: int) -> Iterator[Run]:
    for own, each in dockerfile.lineage(dockerfile.stages[stage]):
        run = each.trigger or each
        if run.keyword == "RUN" and "apt" in run.span.of(dockerfile.text) and run.script.parsed:
            yield Run(dockerfile, own, run, dockerfile.scope(own, each), run is not each)


def _keep(run: Run, call: Call, brought: Brought, required: Needs) -> Needs:
    """Name in the fix what the file speaks of, and show it only where a program may need more."""
    if required.risk:
        return required
    needs_ssh = "openssh-client" in brought.roots and _BESIDE_SSH.isdisjoint(_names(call))
    if needs_ssh or not all(map(_HARMLESS.fullmatch, brought.roots)):
        return Needs(required.packages, _RISK)
    span = call.command.span
    text = run.dockerfile.text
    words = {*_WORD.findall(text[: span.start]), *_WORD.findall(text[span.end :])}
    spoken = [
        name
        for name in brought.names
        if name not in required.packages and not words.isdisjoint({name, *_PROGRAMS.get(name, ())})
    ]
    if len(spoken) > _MANY:
        return Needs(required.packages, _RISK)
    if "patch" in brought.names and "patch" not in spoken and _runs_scripts(run):
        spoken.append("patch")
    if "ssl-cert" in brought.names and "ssl-cert" not in spoken:
        spoken.append("ssl-cert")  # 60 kB, and a server that speaks https may start with it
    return Needs((*required.packages, *spoken), "")


def _runs_scripts(run: Run) -> bool:
    """Tell whether something is run, now or later, of which the Dockerfile does not show what it calls."""
    commands = {command.name for command in run.commands}
    return run.later_script() is not None or not commands.isdisjoint({"make", "sh", "bash", "cmake", "ninja"})


def _purged_later(run: Run, call: Call) -> set[str]:
    """Return packages that this RUN takes away again together with what came along."""
    later = [each for command in run.commands if (each := apt.read_apt(command)) is not None]
    later = [each for each in later if each.command.span.start > call.command.span.start]
    if not any(map(_removes_more, later)):
        return set()
    return {bare_name(word.text) for each in later if each.verb in _REMOVERS for word in each.operands if word.literal}


def _removes_more(call: Call) -> bool:
    return call.verb in ("autoremove", "autopurge") or call.has("--auto-remove", "--autoremove")


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
