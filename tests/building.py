"""`make bench`: what base, head and suggestions cost against one build, on Debian with Debian's own packages."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.workers.builders.conftest import CACHE, LIMITS
from tests.workers.builders.debian import SLIM, push_debian
from tests.workers.builders.registry import find_missing, serve_registry
from workers.builders.buildah import Buildah, find_version
from workers.builders.egress import Hosts
from workers.builders.model import Outcome
from workers.builders.series import Bench, Source, build_series
from workers.registry import open_registries

GOAL = 1.3
"""Head and suggestions after base, against base, which finds nothing in its cache."""
INSTALL = (
    "RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*\n"
)
COPY = "COPY main.c /app/\n"
BASE = f"FROM {SLIM}\n{INSTALL}{COPY}"
APT = "RUN apt-get update && apt-get install -y"
HEADS = {
    "a chown of what was copied": (
        f"{BASE}RUN chown -R www-data /app\n",
        BASE.replace(COPY, f"COPY --chown=www-data {COPY.removeprefix('COPY ')}"),
    ),
    "one more install": (
        f"{BASE}{APT} cron\n",
        f"{BASE}{APT} --no-install-recommends cron && rm -rf /var/lib/apt/lists/*\n",
    ),
}
"""What a pull request adds, and with suggestions."""


def main() -> None:
    """Print the table."""
    if missing := find_missing():
        sys.exit(f"builds: absent: {missing}")
    print(f"head and suggestions after base, a Debian image with a compiler, against one build (goal: {GOAL} x):")
    with tempfile.TemporaryDirectory() as directory, serve_registry(Path(directory)) as registry:
        registries = open_registries(f"http://{registry.name}")
        assert registries is not None
        debian = push_debian(registry, registries, CACHE)
        buildah = Buildah(Path(directory, "stores"), Hosts(debian.hosts), (registry.name,), find_version())
        context = Path(directory, "context")
        context.mkdir()
        (context / "main.c").write_bytes(bytes(1_000_000))
        for at, (name, texts) in enumerate(HEADS.items()):
            work = Path(directory, f"work-{at}")
            work.mkdir()
            limits = replace(LIMITS, disk=4 * 10**9, seconds=600.0)
            bench = Bench(buildah, debian.resolve, ("docker.io",), limits, f"store-{at}", work, trusted=True)
            base, head = Source(context, BASE), Source(context, texts[0])
            series = build_series(bench, base, head, [name], lambda _, lean=texts[1]: lean)
            builds = (series.base, series.head, series.suggested)
            times = [each.seconds for each in builds if each is not None and each.outcome is Outcome.BUILT]
            assert len(times) == len(builds), series
            said = " + ".join(f"{each:.1f}" for each in times)
            added, all_three = sum(times[1:]) / times[0], sum(times) / times[0]
            print(f"  {name:28} {said} s: {added:.2f} x, and {all_three:.2f} x with base itself")


if __name__ == "__main__":
    main()
