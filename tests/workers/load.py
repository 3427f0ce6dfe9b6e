"""Load, for real: 2,000 signed deliveries at 200 a second, all answered, none lost, each pull request reviewed once.

`make load` prints the table. The sandbox GitHub, the web process, two workers and Valkey run on this machine, as what
they are; another process sends what the sandbox would have delivered. Times count from when a delivery was to be sent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bot.deliveries import Deliveries
from bot.logs import configure_logs
from cli.sandbox import PullRequestHandle, RepositoryHandle, Sandbox
from tests.workers.stage import WASTEFUL
from tests.workers.town import Town, judge, make_repository, open_pull
from workers.app import NICENESS

RATE = 200
PULLS_EACH = 10
"""Pull requests of one installation: GitHub lets it write once a second."""
ANSWER_SECONDS = 10.0
"""How long GitHub waits for an answer."""
REVIEW_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Request:
    """One delivery as it goes over the wire."""

    guid: str
    head: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one lot of deliveries; times in milliseconds."""

    name: str
    sent: int
    rate: float
    answers: Counter[int]
    median: float
    percentile: float
    slowest: float
    pulls: int
    lost: int
    duplicates: int
    missing: int
    review_seconds: float
    load: float

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield what the table says about it."""
        yield "deliveries sent", f"{self.sent:,} at {self.rate:.0f} a second"
        yield "answers", ", ".join(f"{count:,} x {status}" for status, count in sorted(self.answers.items()))
        yield (
            "answered within",
            f"{self.median:.1f} ms median, {self.percentile:.1f} ms 99th, {self.slowest:.1f} ms at most",
        )
        yield "deliveries lost", f"{self.lost:,}"
        yield "pull requests", f"{self.pulls:,}: {self.duplicates:,} reviewed twice, {self.missing:,} not reviewed"
        yield "all reviewed after", f"{self.review_seconds:.0f} s, {self.pulls / self.review_seconds:.1f} a second"
        yield "machine", f"{os.cpu_count()} cores, load {self.load:.1f} before"


class Sender:
    """The process that sends; started before this one makes room for the others."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.workers.load", "--send"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # GitHub is as quick as it likes: what makes room for the others is the sandbox alone.
            start_new_session=True,
        )

    def send(self, requests: Sequence[Request], address: str) -> tuple[list[tuple[int, float]], float]:
        """Send deliveries at RATE a second; return status and milliseconds of each answer, and the rate."""
        pieces = [address.encode(), *(piece for request in requests for piece in (request.head, request.body))]
        out, _ = self._process.communicate(b"\0".join(pieces))
        said = json.loads(out)
        return said["answers"], said["rate"]


def send_all() -> None:
    """Do what the Sender is told on standard input."""
    address, *pieces = sys.stdin.buffer.read().split(b"\0")
    parts = urlsplit(address.decode())
    requests = [Request("", *pieces[at : at + 2]) for at in range(0, len(pieces), 2)]
    answers, rate = asyncio.run(_send_all(requests, str(parts.hostname), int(parts.port or 80)))
    print(json.dumps({"answers": answers, "rate": rate}))


async def _send_all(requests: Sequence[Request], host: str, port: int) -> tuple[list[tuple[int, float]], float]:
    start = time.perf_counter() + 0.5
    tasks = []
    for number, request in enumerate(requests):
        due = start + number / RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(_send(request, host, port, due)))
    took = time.perf_counter() - start
    return await asyncio.gather(*tasks), len(requests) / took


async def _send(request: Request, host: str, port: int, due: float) -> tuple[int, float]:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(request.head + request.body)
            line = await reader.readline()
            writer.close()
            return int(line.split()[1]), (time.perf_counter() - due) * 1000
    except (OSError, TimeoutError, IndexError, ValueError):
        return 0, (time.perf_counter() - due) * 1000


def run(
    name: str, town: Town, sender: Sender, requests: Sequence[Request], pulls: Sequence[PullRequestHandle]
) -> Result:
    """Send deliveries, wait for the reviews, count."""
    load = os.getloadavg()[0]
    started = time.monotonic()
    answers, rate = sender.send(requests, town.web_url)
    took = sorted(milliseconds for _, milliseconds in answers)
    with town.connect() as redis:
        while Deliveries(redis).count_waiting() and time.monotonic() - started < REVIEW_SECONDS:
            time.sleep(0.5)
        seconds = time.monotonic() - started
        lost = Deliveries(redis).states(list({request.guid for request in requests})).count(None)
    verdicts = [judge(pull) for pull in pulls]
    return Result(
        name,
        len(requests),
        rate,
        Counter(status for status, _ in answers),
        took[len(took) // 2],
        took[len(took) * 99 // 100],
        took[-1],
        len(pulls),
        lost,
        sum(each.startswith("duplicate") for each in verdicts),
        sum(each.startswith("missing") for each in verdicts),
        seconds,
        load,
    )


def _repositories(sandbox: Sandbox, name: str, pulls: int) -> Iterator[tuple[RepositoryHandle, int]]:
    for at in range(0, pulls, PULLS_EACH):
        yield make_repository(sandbox, f"{name}{at}"), min(PULLS_EACH, pulls - at)


def _take_requests(sandbox: Sandbox) -> list[Request]:
    """Return what the sandbox would have delivered and that asks for a review, and forget it."""
    webhooks = sandbox.site.webhooks
    requests = []
    for delivery in webhooks:
        if delivery.event == "pull_request":
            headers = webhooks._headers(delivery) | {"Host": "localhost", "Content-Length": str(len(delivery.body))}
            lines = [f"{name}: {value}" for name, value in headers.items()]
            head = "\r\n".join(["POST /webhooks HTTP/1.1", *lines, "Connection: close", "", ""])
            requests.append(Request(delivery.guid, head.encode(), delivery.body))
    webhooks.clear()
    return requests


def in_order(sandbox: Sandbox, count: int) -> tuple[list[Request], list[PullRequestHandle]]:
    """Open so many pull requests; one delivery tells of each."""
    pulls = [
        open_pull(repository, f"b{number}")
        for repository, many in _repositories(sandbox, "load", count)
        for number in range(many)
    ]
    return _take_requests(sandbox), pulls


def in_disorder(sandbox: Sandbox, count: int, chance: random.Random) -> tuple[list[Request], list[PullRequestHandle]]:
    """Open a quarter as many pull requests and push to each: both deliveries come twice, all of them shuffled."""
    pulls = []
    for repository, many in _repositories(sandbox, "disorder", count // 4):
        for number in range(many):
            pulls.append(open_pull(repository, f"b{number}"))
            repository.commit(f"b{number}", {"Dockerfile": f"{WASTEFUL}USER nobody\n"})
    requests = _take_requests(sandbox) * 2
    chance.shuffle(requests)
    return requests, pulls


def measure(count: int, directory: Path) -> list[Result]:
    """Run both lots, one after the other."""
    chance = random.Random(1)  # noqa: S311 - the same disorder every time
    results = []
    with Sandbox() as sandbox, sandbox.serving(), Town(sandbox, directory, entry=("-m", "cli.main")) as town:
        sandbox.webhook_url = None
        senders = [Sender(), Sender()]
        _make_room()
        for name, made in (
            ("in order", lambda: in_order(sandbox, count)),
            ("twice, shuffled, two pushes each", lambda: in_disorder(sandbox, count, chance)),
        ):
            requests, pulls = made()
            results.append(run(name, town, senders.pop(), requests, pulls))
            show(results[-1])
    return results


def _make_room() -> None:
    """Let the sandbox, all threads of this process, come after the rest: GitHub is another machine."""
    for thread in Path("/proc/self/task").iterdir():
        os.setpriority(os.PRIO_PROCESS, int(thread.name), NICENESS)
    # Between sessions, Linux heeds the niceness of the session alone (sched(7), "The autogroup feature").
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS))


def show(result: Result) -> None:
    """Print one table."""
    print(f"\n{result.name}")
    for label, value in result.rows():
        print(f"  {label:<20} {value}", flush=True)


def main() -> None:
    """Run, print the tables, end with 1 when something was lost, or reviewed twice or never, or answered late."""
    parser = argparse.ArgumentParser(prog="python -m tests.workers.load", description=__doc__)
    parser.add_argument("--deliveries", type=int, default=2000)
    parser.add_argument("--send", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.send:
        send_all()
        return
    configure_logs(level="ERROR")
    # Told to stop, it still takes its processes with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="dockslim-load-") as directory:
        results = measure(options.deliveries, Path(directory))
    wrong = [each for each in results if each.lost or each.duplicates or each.missing or set(each.answers) != {202}]
    late = [each.name for each in results if each.percentile >= 50]
    if late:
        print(f"\nNot below 50 ms at the 99th percentile: {', '.join(late)}")
    sys.exit(bool(wrong or late))


if __name__ == "__main__":
    main()
