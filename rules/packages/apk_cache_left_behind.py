"""apk-cache-left-behind."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from operator import itemgetter

from rules.dockerfile import Dockerfile, Instruction, ShellCommand
from rules.edits import delete_lines, drop_command, insert_words, is_lone_command, with_words
from rules.finding import Finding
from rules.fix import Applicability, Command, Edit, Fix
from rules.packages.cache_cleanup import clean_together
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, opaque_scripts, shipped_runs
from rules.tools import apk
from rules.tools.options import Call

FLAG = "--no-cache"


class ApkCacheLeftBehind(Rule):
    """The package index of Alpine that stays in the layer.

    ## What it does
    Finds `apk add`, `apk upgrade` and `apk update` that leave the index in `/var/cache/apk`.

    ## Why it costs
    Every layer that fetches the indexes of Alpine anew keeps a copy in `/var/cache/apk`, and no
    later layer can take it out again.

    ## Fix safety
    Safe: with `--no-cache` apk reads the index from memory and leaves nothing. `apk update` is dropped where every
    install that relied on it gets the flag in the same fix.

    ## When it is silent
    `--no-cache` stands anywhere in the command; the same RUN deletes `/var/cache/apk/*` or runs `apk cache clean`; the
    cache lies on a mount; the base is older than Alpine 3.3, whose apk does not know the flag; the stage is not
    shipped.
    """

    code = "DS203"
    aliases = ("hadolint:DL3019", "trivy:AVD-DS-0025", "trivy:DS025", "trivy:DS-0025", "docker-parfum:apkAddUseNoCache")
    techniques = ("apk-cache",)
    triggers = ("apk",)
    good = (
        "FROM alpine:3.20\nRUN apk add --no-cache curl\n",
        "FROM alpine:3.20\nRUN apk add --update curl && rm -rf /var/cache/apk/*\n",
    )
    bad = (
        Bad("FROM alpine:3.20\nRUN apk add curl\n", "FROM alpine:3.20\nRUN apk add --no-cache curl\n"),
        Bad(
            "FROM alpine:3.20\nRUN apk update && apk add curl\n",
            "FROM alpine:3.20\nRUN apk add --no-cache curl\n",
        ),
        Bad(
            "FROM alpine:3.20\nRUN apk update\nRUN apk add curl\n",
            "FROM alpine:3.20\nRUN apk add --no-cache curl\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that leaves an index, and for each deferred install."""
        left = list(_leaving(dockerfile, surroundings))
        # The index that one RUN leaves is what the next need not fetch: taken out of one alone, it is in the other.
        kept = [(run, _fix(run, calls)) for run, calls in left if not run.deferred]
        together = iter(clean_together(kept))
        for run, calls in left:
            first = calls[0]
            action = first.action
            assert action is not None  # noqa: S101 - _uncached_calls looked at its verb
            yield self.finding(
                run.instruction,
                type(action.span)(first.command.words[0].span.start, action.span.end),
                "The package index stays in the layer",
                f"`apk {first.verb}` without `{FLAG}` leaves it in `{apk.CACHE}`.",
                _fix(run, calls) if run.deferred else next(together),
            )


def _leaving(dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[tuple[Run, list[Call]]]:
    """Yield the RUNs that leave an index, and the calls of apk that do."""
    for run in shipped_runs(dockerfile, surroundings, ("apk",), deferred=True):
        if apk.knows_no_cache(run.base) and not run.mounts(apk.CACHE) and not run.mounts("/etc/apk/cache"):
            calls = _uncached_calls(run)
            if calls and _leaves_index(run, calls):
                yield run, calls


def _uncached_calls(run: Run) -> list[Call]:
    """Return the calls of apk behind which no clean-up follows."""
    calls: list[Call] = []
    for command in run.commands:
        if apk.cleans_cache(command) or "clean" in command.name.lower():
            calls = []
            continue
        call = apk.read_apk(command)
        if call is not None and not call.has(FLAG) and (apk.fetches_index(call) or apk.installs(call)):
            calls.append(call)
    return calls


def _leaves_index(run: Run, calls: list[Call]) -> bool:
    """Tell whether the layer of `run` gets an index: fetched here, or made by the first install when there is none."""
    if any(apk.fetches_index(call) for call in calls) or run.deferred:
        return True
    return not _has_index(run)


def _has_index(run: Run) -> bool:
    """Tell whether an earlier layer already holds the index that this RUN reads."""
    changes = _index_changes(run.dockerfile, run.stage.index)
    at = bisect_left(changes, run.instruction.index, key=itemgetter(0))
    return at > 0 and changes[at - 1][1]


@lru_cache(maxsize=8)
def _index_changes(dockerfile: Dockerfile, stage: int) -> tuple[tuple[int, bool], ...]:
    """Return, for each RUN up to the end of a stage that makes or deletes an index, whether there is one behind it."""
    changes = []
    for _, each in dockerfile.lineage(dockerfile.stages[stage]):
        for command in each.commands if "apk" in each.value or each.heredocs else ():
            call = apk.read_apk(command)
            if apk.cleans_cache(command):
                changes.append((each.index, False))
            elif call is not None and not call.has(FLAG) and (apk.fetches_index(call) or apk.installs(call)):
                changes.append((each.index, True))
    return tuple(changes)


def _is_unread_run(each: Instruction) -> bool:
    return each.keyword == "RUN" and "apk" in each.span.of(each.document) and not each.script.parsed


def _hides_apk(each: Instruction) -> bool:
    """Tell whether apk is run where it is not seen: `sh -c 'apk add x'`, xargs, an entry point."""
    if each.keyword in ("CMD", "ENTRYPOINT"):
        return "apk add" in each.value.replace('", "', " ").replace('","', " ")
    return each.keyword == "RUN" and any(
        command.name not in ("apk", "echo", "printf") and "apk" in " ".join(command.texts).split()
        for command in (each.commands if "apk" in each.value else ())
    )


def _reads_index_otherwise(command: ShellCommand) -> bool:
    call = apk.read_apk(command)
    return call is not None and not call.has(FLAG) and call.verb in ("search", "policy", "fetch", "list", "fix", "dot")


def _dependents(run: Run) -> Iterator[Run]:
    """Yield the later RUNs that install from the index that this one leaves."""
    for later in run.later():
        for command in later.commands:
            call = apk.read_apk(command)
            if call is None:
                continue
            if call.verb == "update" or apk.fetches_index(call):
                return
            if apk.installs(call) and not call.has(FLAG):
                yield later
                break


def _fix(run: Run, calls: list[Call]) -> Fix | None:
    edits: list[Edit] = []
    removed: list[Command] = []
    added: list[Command] = []
    installs = [call for call in calls if apk.installs(call)]
    updates = [call.command for call in calls if call.verb == "update"]
    dependents = [] if run.deferred else list(_dependents(run))
    if run.is_followed_by(_is_unread_run) or run.is_followed_by(_hides_apk):
        return None
    if any(_reads_index_otherwise(command) for each in (run, *dependents) for command in each.commands):
        return None
    for later in dependents:
        if later.mounts(apk.CACHE):
            return None
        installs += [call for call in map(apk.read_apk, later.commands) if call is not None and _wants_flag(call)]
    if any(call.has("--no-network") for call in installs):
        return None  # it takes the index that is there, and with the flag there is none
    for update in updates:
        edit = _drop_update(run, update)
        if edit is None:
            return None
        edits.append(edit)
        removed.append(update.texts)
    for call in installs:
        assert call.action is not None  # noqa: S101 - installs() looked at its verb
        edits.append(insert_words(call.command, call.action, FLAG))
        removed.append(call.command.texts)
        added.append(with_words(call.command, call.action, FLAG))
    if not edits:
        return None
    script = (
        next((each for each in opaque_scripts(run.instruction) if each not in _BUILDERS), None) or run.later_script()
    )
    return Fix(
        tuple(edits),
        Applicability.SAFE if script is None else Applicability.UNSAFE,
        tuple(removed),
        tuple(added),
        "" if script is None else f"Breaks the build if {script} runs apk add without an index of its own.",
    )


_BUILDERS = frozenset({"make", "rake", "xargs", "su"})  # in this RUN: they build what stands here


def _wants_flag(call: Call) -> bool:
    return apk.installs(call) and not call.has(FLAG)


def _drop_update(run: Run, update: ShellCommand) -> Edit | None:
    if update.nesting or run.deferred:
        return None
    if is_lone_command(run.instruction.script):
        return delete_lines(run.dockerfile, run.instruction)
    return drop_command(run.dockerfile, run.instruction.script, update)
