"""Run the RUNs of a Dockerfile in real shells, in a world where every command is a stub that writes down its call.

Nothing that a script names can be reached: PATH is one directory of stubs, names with a slash are for the caller to
keep out, and as root the scripts run as nobody.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rules.dockerfile import Dockerfile, Instruction, Scope
from rules.fix import Fix

DASH = "/bin/dash"
BASH = "/bin/bash"
CLEANUP = "rm -rf /var/lib/apt/lists/*"
UPDATE = "apk update"
UNEXPANDED = "rm -rf the lists, the glob not expanded"
_NOBODY = 65534
# A glob below /tmp would find what other processes of this machine put there and take away meanwhile.
_TMP, _NO_TMP = "/tmp/", "/dockslim-no-tmp/"  # noqa: S108 - it is kept out
_LISTS = "/var/lib/apt/lists/"
_FLAGS = {"apk": "--no-cache", "pip": "--no-cache-dir", "apt": "--no-install-recommends"}

# The key of a call is its name and its first argument that is no option. A stub drains a pipe, so that what writes into
# it never dies of SIGPIPE by chance; package managers leave it to the loop around them.
_STUB = """#!/bin/dash
key=${0##*/}
for word; do case $word in -*) ;; *) key="$key $word"; break;; esac; done
line="$key@TAB@${0##*/}"
for word; do line="$line@TAB@$word"; done
printf '%s\\n' "$line" >> "$STUB_LOG"
case ${0##*/} in
    apt-get|apk|pip|make|curl|wget|foo) ;;
    *) if [ -p /dev/stdin ]; then while read -r line; do :; done; fi ;;
esac
case $STUB_FAIL in
    *"<$key#"*)
        calls=0
        while IFS='@TAB@' read -r called rest; do
            if [ "$called" = "$key" ]; then calls=$((calls + 1)); fi
        done < "$STUB_LOG"
        case $STUB_FAIL in *"<$key#$calls>"*) exit 100 ;; esac ;;
esac
exit 0
"""


@dataclass(frozen=True, slots=True)
class Process:
    """One RUN: the words that the build runs."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ran:
    """How a row of RUNs went: one log for each RUN that was started, the last one ended with `status`."""

    status: int
    logs: tuple[tuple[str, ...], ...]
    keys: tuple[tuple[str, int], ...]

    @property
    def ok(self) -> bool:
        return self.status == 0


Failing = frozenset[tuple[str, int]]


class World:
    """A directory of stubs; `shells` are the names behind which a real shell stands."""

    def __init__(self, names: Iterable[str], *, real_shells: bool) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="dockslim-shells-"))
        self.root.chmod(0o755)
        self.bin = self.root / "bin"
        self.bin.mkdir(mode=0o755)
        stub = self.root / "stub"
        stub.write_text(_STUB.replace("@TAB@", "\t"))
        stub.chmod(0o755)
        for name in names:
            (self.bin / name).symlink_to(stub)
        for name, target in (("sh", DASH), ("dash", DASH), ("bash", BASH)):
            path = self.bin / name
            if real_shells:
                path.unlink(missing_ok=True)
                path.symlink_to(target)
            elif not path.is_symlink():
                path.symlink_to(stub)
        self.posix_bash = self.root / "sh"
        self.posix_bash.symlink_to(BASH)
        self.count = 0

    def close(self) -> None:
        shutil.rmtree(self.root)

    def run(
        self, rows: Sequence[Sequence[Process]], scenarios: Sequence[Failing], env: dict[str, str]
    ) -> list[list[Ran]]:
        """Run each row of RUNs once for each scenario, up to the first RUN that fails."""
        if not scenarios:
            return [[] for _ in rows]
        self.count += 1
        place = self.root / str(self.count)
        place.mkdir()
        place.chmod(0o777)
        driver = ["ulimit -t 20", f"cd {place}"]
        for number, row in enumerate(rows):
            for at, failing in enumerate(scenarios):
                spec = "".join(f"<{key}#{nth}>" for key, nth in sorted(failing))
                name = f"{number}.{at}"
                driver += [
                    f"export STUB_LOG={place}/log.{name} STUB_FAIL={shlex.quote(spec)}",
                    "status=0",
                    ":>$STUB_LOG",
                ]
                for process in row:
                    words = " ".join(map(shlex.quote, process.words)).replace(_TMP, _NO_TMP)
                    driver.append(
                        f"if [ $status = 0 ]; then printf '\\f\\n' >> $STUB_LOG; "
                        f"{words} </dev/null >/dev/null 2>&1; status=$?; fi"
                    )
                driver.append(f"echo $status > {place}/status.{name}")
        script = place / "driver"
        script.write_text("\n".join(driver) + "\n", encoding="utf-8", errors="surrogateescape")
        _run_as_nobody([DASH, str(script)], {**env, "PATH": str(self.bin), "HOME": str(place)})
        ran = [[_read(place, f"{number}.{at}") for at in range(len(scenarios))] for number in range(len(rows))]
        shutil.rmtree(place)
        return ran


def _run_as_nobody(words: list[str], env: dict[str, str]) -> None:
    who: dict[str, object] = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    with subprocess.Popen(
        words, env=env, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, **who,  # type: ignore[call-overload]
    ) as process:  # fmt: skip
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def _read(place: Path, at: str) -> Ran:
    status = int((place / f"status.{at}").read_text())
    logs: list[list[str]] = []
    counts: Counter[str] = Counter()
    keys: list[tuple[str, int]] = []
    text = (place / f"log.{at}").read_text(encoding="utf-8", errors="surrogateescape").replace(_NO_TMP, _TMP)
    text = text.replace(f"{place}/", "~/")  # which is its home
    for line in text.split("\n"):
        if line == "\f":
            logs.append([])
        elif line:
            key, *words = line.split("\t")
            counts[key] += 1
            keys.append((key, counts[key]))
            logs[-1].append(_call(words))
    return Ran(status, tuple(map(tuple, logs)), tuple(keys))


def _call(words: list[str]) -> str:
    """Return a call as text; the expanded glob of the clean-up as it was written."""
    if words[:2] == ["rm", "-rf"] and words[2:] and all(each.startswith(_LISTS) for each in words[2:]):
        there = os.path.isdir(_LISTS) and os.listdir(_LISTS)
        return UNEXPANDED if there and words[2:] == [_LISTS + "*"] else CLEANUP
    if words[:3] == ["sudo", "rm", "-rf"] and words[3:] and all(each.startswith(_LISTS) for each in words[3:]):
        return "sudo " + CLEANUP
    if words[0] == "apk" and [word for word in words[1:] if word[:1] != "-"] == ["update"]:
        return UPDATE
    return " ".join(words)


def processes(dockerfile: Dockerfile, sh: str = DASH, prelude: str = "") -> Iterator[Process | None]:
    """Yield what each RUN runs, `sh` as /bin/sh; None for what cannot be run here."""
    for stage in dockerfile.stages:
        for each in stage.runs():
            yield _process(dockerfile, each, dockerfile.scope(stage, each), sh, prelude)


def _process(dockerfile: Dockerfile, run: Instruction, scope: Scope, sh: str, prelude: str) -> Process | None:
    if run.exec_words is not None:
        return Process(tuple(word.text for word in run.exec_words))
    program = {"/bin/sh": sh, "/bin/bash": BASH, "/usr/bin/bash": BASH, "bash": BASH, "sh": sh}.get(scope.shell[0])
    if program is None:
        return None
    shell = (program, *scope.shell[1:])
    if not run.heredocs:
        return Process((*shell, prelude + run.arguments))
    body = run.heredocs[0].body.of(dockerfile.text)
    if run.arguments.split() != [run.arguments.strip()]:
        # `RUN bash <<EOF`: the shell of the scope is handed the line and the document behind it.
        end = "" if body.endswith("\n") else "\n"
        return Process((*shell, f"{prelude}{run.arguments}\n{body}{end}{run.heredocs[0].name}\n"))
    if run.heredocs[0].strips_tabs:
        body = "".join(line.lstrip("\t") for line in body.splitlines(keepends=True))
    if body.startswith("#!"):
        words = body[2 : body.find("\n")].split()
        words = words[1:] if words[0].endswith("/env") else words
        program = {"sh": sh, "bash": BASH, "dash": DASH}.get(words[0].rpartition("/")[2])
        return None if program is None else Process((program, *words[1:], "-c", prelude + body))
    return Process((*shell, prelude + body))


def compare(
    world: World,
    before: Sequence[Process],
    after: Sequence[Process],
    env: dict[str, str],
    *,
    ordered: bool = True,
    promised: Promised | None = None,
) -> list[str]:
    """Return in which ways `after` does other than `before`, none failing and each call failing alone.

    What is called only once another call has failed is made to fail together with that one.
    """
    trouble: list[str] = []
    base: Failing = frozenset()
    seen: set[tuple[str, int]] = set()
    scenarios = [base]
    for _ in range(3):
        fresh: list[Failing] = []
        old, new = world.run([before, after], scenarios, env)
        for failing, left, right in zip(scenarios, old, new, strict=True):
            found = differences(left, right, ordered=ordered, complete=not failing, promised=promised)
            shown = ", ".join(f"{key} (call {nth})" for key, nth in sorted(failing)) or "nothing"
            trouble += [f"when {shown} fails: {each}" for each in found]
            for key in left.keys:
                if key not in seen and key[0] != UPDATE:
                    seen.add(key)
                    fresh.append(failing | {key})
        scenarios = fresh
    return trouble


@dataclass(frozen=True)
class Promised:
    """What a fix says that it does: the calls it appends, and those it changes, as (old, new)."""

    appended: tuple[str, ...]
    changed: frozenset[tuple[str, str]]

    @classmethod
    def by(cls, fix: Fix) -> Promised:
        """Read the promise of a fix: a command that comes is another one changed where one of that program goes."""
        gone = [" ".join(words) for words in fix.removed]
        appended, changed = [], set()
        for words in fix.added:
            old = next((each for each in gone if each.split(" ")[0] == words[0]), None)
            if old is None:
                appended.append(" ".join(words))
            else:
                gone.remove(old)
                changed.add((old, " ".join(words)))
        return cls(tuple(appended), frozenset(changed))


def differences(
    old: Ran, new: Ran, *, ordered: bool = True, complete: bool = False, promised: Promised | None = None
) -> list[str]:
    """Say what two runs that should be alike do not have in common; `complete` asks for a clean-up that works."""
    found = []
    promised = promised or Promised((), frozenset())
    if old.ok != new.ok:
        found.append(f"status {old.status} -> {new.status}")
    left = [call for log in old.logs for call in log]
    right = [call for log in new.logs for call in log]
    if left.count(UPDATE) > right.count(UPDATE):
        left = [call for call in left if call != UPDATE]
        right = [call for call in right if call != UPDATE]
    right = _without_cleanups(right, left, _ends(old) if ordered else None, promised.appended)
    back = {after: before for before, after in promised.changed if before in left}
    right = [back.get(call, call) for call in right]
    if not ordered:
        left, right = sorted(left), _paired(sorted(left), right)
    if len(left) != len(right) or not all(map(_is_intended, left, right)):
        found.append(f"calls {left} -> {right}")
    if complete and any(call == UNEXPANDED for log in new.logs for call in log):
        found.append("the clean-up's glob is not expanded")
    return found


def _paired(left: list[str], right: list[str]) -> list[str]:
    """Return `right` in the order of the calls of `left` that they are meant to be; what is none of them last."""
    rest = list(right)
    found = []
    for call in left:
        match = next((each for each in rest if _is_intended(call, each)), None)
        if match is not None:
            rest.remove(match)
            found.append(match)
    return found + rest


def _ends(old: Ran) -> set[int]:
    """Return after how many calls a RUN of the original ended well: only there may a clean-up be put."""
    ends = set()
    total = 0
    for at, log in enumerate(old.logs):
        total += len(log)
        if at < len(old.logs) - 1 or old.ok:
            ends.add(total)
    return ends


def _without_cleanups(
    calls: list[str], old: list[str], ends: set[int] | None, appended: tuple[str, ...] = ()
) -> list[str]:
    """Take out the clean-ups that the original does not have and that stand where its RUN has succeeded."""
    texts = [CLEANUP, UNEXPANDED, *appended]
    spare = {each: calls.count(each) - old.count(each) for text in texts for each in (text, "sudo " + text)}
    left: list[str] = []
    for call in calls:
        if spare.get(call, 0) > 0 and (ends is None or len(left) in ends):
            spare[call] -= 1
        else:
            left.append(call)
    return left


def _is_intended(old: str, new: str) -> bool:
    """Tell whether a call is the same but for a flag that fixes insert, and the packages that come with it."""
    if old == new:
        return True
    if _without_flag(new) == old:
        return True
    words = iter(new.split(" "))
    gained = [flag for flag in _FLAGS.values() if flag in new.split(" ") and flag not in old.split(" ")]
    return gained == [_FLAGS["apt"]] and " install " in old and all(word in words for word in old.split(" "))


def _without_flag(call: str) -> str:
    words = call.split(" ")
    for name, flag in _FLAGS.items():
        program = any(word.startswith(name) for word in words[:4])
        if program and flag in words and {"install", "add", "upgrade", "build-dep"} & set(words):
            words.remove(flag)
    return " ".join(words)
