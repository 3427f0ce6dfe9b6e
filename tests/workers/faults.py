"""Bad days, for real: processes are killed and started again while GitHub has its own trouble.

`make faults` runs 20 rounds and prints the table. In each round pull requests are opened, something bad happens at a
moment drawn by chance, and in the end each of them must have exactly one review and one check run.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bot.logs import configure_logs
from cli.sandbox import PullRequestHandle, Sandbox, drop, duplicate, secondary_limit, server_error, shuffle, slow
from tests.workers.town import Town, judge, make_repository, open_pull, wait_for

PULLS = 4
"""Pull requests of one round."""
RECOVERY_SECONDS = 120.0
"""After that a review counts as missing."""
STALL_SECONDS = 25.0
POSTS = r"/reviews$|/check-runs$"

Trouble = Callable[[Town, random.Random], None]


def kill_a_worker(town: Town, chance: random.Random) -> None:
    """One worker and all its processes die in the middle, with requests on their way."""
    town.sandbox.faults.add(slow(1.5, method="POST", path=POSTS, times=PULLS))
    _wait(chance, 2.5)
    worker = chance.choice(town.workers)
    worker.kill()
    worker.start()


def kill_all_workers(town: Town, chance: random.Random) -> None:
    """Every worker dies at once."""
    town.sandbox.faults.add(slow(1.0, times=2 * PULLS))
    _wait(chance, 2.5)
    for worker in town.workers:
        worker.kill()
    for worker in town.workers:
        worker.start()


def kill_the_processes_of_a_pool(town: Town, chance: random.Random) -> None:
    """The kernel takes the processes that do the work, as when memory runs out; the worker itself stays."""
    town.sandbox.faults.add(slow(1.0, times=2 * PULLS))
    _wait(chance, 2.5)
    for child in chance.choice(town.workers).children():
        _kill(child)


def kill_the_head_of_a_worker(town: Town, chance: random.Random) -> None:
    """Only the main process dies: those of its pool are left behind in the middle of their jobs."""
    town.sandbox.faults.add(slow(1.5, method="POST", path=POSTS, times=PULLS))
    _wait(chance, 2.5)
    worker = chance.choice(town.workers)
    _kill(worker.pid)
    time.sleep(1.0)
    worker.kill()
    worker.start()


def stop_a_worker(town: Town, chance: random.Random) -> None:
    """A worker is told to end, as in a deployment."""
    town.sandbox.faults.add(slow(1.0, times=2 * PULLS))
    _wait(chance, 2.0)
    worker = chance.choice(town.workers)
    os.kill(worker.pid, signal.SIGTERM)
    time.sleep(2.0)
    worker.kill()
    worker.start()


def restart_valkey(town: Town, chance: random.Random) -> None:
    """Valkey is killed, and comes back with what it had written."""
    _wait(chance, 2.0)
    town.valkey.kill()
    time.sleep(chance.uniform(0.5, 3.0))
    town.start_valkey()


def lose_valkey(town: Town, chance: random.Random) -> None:
    """Valkey is killed, and comes back empty."""
    town.sandbox.faults.add(slow(1.0, method="POST", path=POSTS, times=PULLS))
    _wait(chance, 2.0)
    town.valkey.kill()
    shutil.rmtree(town.data)
    town.data.mkdir()
    town.start_valkey()


def stall_valkey(town: Town, chance: random.Random) -> None:
    """Valkey stands still for longer than anybody waits for it, and goes on."""
    town.sandbox.faults.add(slow(1.0, method="POST", path=POSTS, times=PULLS))
    _wait(chance, 2.0)
    os.kill(town.valkey.pid, signal.SIGSTOP)
    time.sleep(STALL_SECONDS)
    os.kill(town.valkey.pid, signal.SIGCONT)


def restart_the_web_process(town: Town, chance: random.Random) -> None:
    """Nobody listens while GitHub delivers."""
    time.sleep(chance.uniform(1.0, 4.0))
    town.web.start()
    town.wait_for_web()


def fail(town: Town, chance: random.Random) -> None:
    """GitHub answers 500, before or after it has done what it was asked."""
    town.sandbox.faults.add(
        server_error(502, after=True, method="POST", path=POSTS, times=PULLS),
        server_error(500, times=chance.randint(4, 12)),
        server_error(504, after=True, method="POST", path=POSTS, times=chance.randint(1, 3)),
    )


def be_slow(town: Town, chance: random.Random) -> None:
    """GitHub takes 9 s for what it is asked to write, and a worker dies meanwhile."""
    town.sandbox.faults.add(slow(9.0, method="POST", path=POSTS, times=2))
    _wait(chance, 4.0)
    worker = chance.choice(town.workers)
    worker.kill()
    worker.start()


def limit(town: Town, chance: random.Random) -> None:
    """GitHub's secondary limit strikes, with and without saying for how long, among the writes too."""
    town.sandbox.faults.add(
        secondary_limit(retry_after=chance.randint(2, 6), method="POST", path=POSTS, times=2),
        secondary_limit(retry_after=3, status=429, path="/compare/", times=2),
    )


def deliver_badly(town: Town, chance: random.Random) -> None:
    """Deliveries come twice, in the wrong order, or not at all."""
    town.sandbox.faults.add(
        drop("pull_request", times=chance.randint(1, 2)), duplicate("pull_request"), shuffle(3, "pull_request")
    )


def everything(town: Town, chance: random.Random) -> None:
    """The machine is switched off and on."""
    _wait(chance, 2.5)
    for process in (town.web, *town.workers, town.valkey):
        process.kill()
    town.start_valkey()
    for process in (town.web, *town.workers):
        process.start()
    town.wait_for_web()


BEFORE: frozenset[Trouble] = frozenset({fail, limit, deliver_badly})
"""Trouble that is there before the pull requests are."""
TROUBLES: tuple[Trouble, ...] = (
    *(kill_a_worker, lose_valkey, restart_the_web_process, be_slow, everything, kill_all_workers, restart_valkey, fail),
    *(kill_the_processes_of_a_pool, kill_the_head_of_a_worker, stop_a_worker, limit, deliver_badly),
    stall_valkey,
)


@dataclass(frozen=True, slots=True)
class Round:
    """What happened in one round, to how many pull requests, and after how many seconds all was well."""

    number: int
    trouble: str
    pulls: int
    seconds: float
    duplicates: int
    missing: int
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        figures = f"{self.pulls:>6} {self.seconds:>8.1f} {self.duplicates:>11} {self.missing:>8}"
        return f"{self.number:>5}  {self.trouble:<30} {figures}" + "".join(f"\n       {each}" for each in self.problems)


HEAD = f"{'round':>5}  {'trouble':<30} {'pulls':>6} {'seconds':>8} {'duplicates':>11} {'missing':>8}"


def run_round(
    town: Town, number: int, trouble: Trouble, chance: random.Random
) -> tuple[Round, list[PullRequestHandle]]:
    """Open pull requests, cause the trouble, wait, and look what each of them has."""
    repositories = [make_repository(town.sandbox, f"r{number}n{n}") for n in range(PULLS // 2)]
    if trouble in BEFORE:
        trouble(town, chance)
    if trouble is restart_the_web_process:
        town.web.kill()
    started = time.monotonic()
    pulls = [open_pull(repository, f"b{n}") for repository in repositories for n in range(2)]
    if trouble not in BEFORE:
        trouble(town, chance)
    wait_for(pulls, RECOVERY_SECONDS)
    seconds = time.monotonic() - started
    town.sandbox.faults.clear()
    # What would write a second time gets the time to do so.
    time.sleep(1.0)
    return _judge(number, trouble, pulls, seconds), pulls


def _judge(number: int, trouble: Trouble, pulls: list[PullRequestHandle], seconds: float) -> Round:
    verdicts = [(pull, judge(pull)) for pull in pulls]
    duplicates, missing = (
        sum(verdict.startswith(kind) for _, verdict in verdicts) for kind in ("duplicate", "missing")
    )
    problems = tuple(f"{pull.url}: {verdict}" for pull, verdict in verdicts if verdict)
    name = trouble.__name__.replace("_", " ")
    return Round(number, name, len(pulls), seconds, duplicates, missing, problems)


def run(rounds: int, seed: int, directory: Path) -> list[Round]:
    """Run so many rounds in one town, then look at every pull request once more."""
    chance = random.Random(seed)  # noqa: S311 - the same rounds for the same seed
    print(HEAD, flush=True)
    done: list[Round] = []
    all_pulls: list[PullRequestHandle] = []
    started = time.monotonic()
    with Sandbox() as sandbox, sandbox.serving(), Town(sandbox, directory) as town:
        for number in range(1, rounds + 1):
            one, pulls = run_round(town, number, TROUBLES[(number - 1) % len(TROUBLES)], chance)
            done.append(one)
            all_pulls += pulls
            print(one, flush=True)
        # A message that came back late must not have written anything in the rounds after.
        done.append(_judge(rounds + 1, look_again, all_pulls, time.monotonic() - started))
        print(done[-1], flush=True)
    return done


def look_again(town: Town, chance: random.Random) -> None:
    """Nothing happens."""


def _wait(chance: random.Random, most: float) -> None:
    time.sleep(chance.uniform(0.0, most))


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Run the rounds, print the table, end with 1 when a review is missing or there twice."""
    parser = argparse.ArgumentParser(prog="python -m tests.workers.faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    configure_logs(level="ERROR")
    # Told to stop, it still takes its processes with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="dockslim-faults-") as directory:
        done = run(options.rounds, options.seed, Path(directory))
    duplicates, missing = sum(each.duplicates for each in done), sum(each.missing for each in done)
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{options.rounds} rounds, {done[-1].pulls} pull requests: {duplicates} duplicates, {missing} missing")
    print(f"{os.cpu_count()} cores, load {load}")
    sys.exit(bool(duplicates or missing))


if __name__ == "__main__":
    main()
