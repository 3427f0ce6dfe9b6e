"""Some rounds of bad days; `make faults` runs twenty."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from cli.sandbox import Sandbox
from tests.workers import faults
from tests.workers.faults import HEAD, TROUBLES, Trouble, run_round
from tests.workers.town import Town

pytestmark = pytest.mark.slow

HERE: tuple[Trouble, ...] = (
    faults.kill_all_workers,
    faults.restart_the_web_process,
    faults.everything,
    faults.fail,
)
"""One of each sort, and the quick ones."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with Sandbox() as sandbox, sandbox.serving(), Town(sandbox, tmp_path_factory.mktemp("town")) as town:
        yield town


@pytest.mark.parametrize("trouble", HERE, ids=lambda trouble: trouble.__name__)
def test_each_pull_request_gets_exactly_one_review(
    town: Town, trouble: Trouble, capsys: pytest.CaptureFixture[str]
) -> None:
    number = TROUBLES.index(trouble) + 1
    done, _ = run_round(town, number, trouble, random.Random(number))  # noqa: S311
    with capsys.disabled():
        print(f"\n{HEAD}\n{done}")
    assert (done.duplicates, done.missing) == (0, 0), town.log.read_text()[-20_000:]
