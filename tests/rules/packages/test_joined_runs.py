"""Several RUNs shown as one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from rules.dockerfile import parse
from rules.packages.joined_runs import show_joined
from rules.runs import shipped_runs
from rules.surroundings import NOTHING_KNOWN


def _show(text: str) -> str | None:
    dockerfile = parse(text)
    run = next(iter(shipped_runs(dockerfile, NOTHING_KNOWN, ("",))))
    last = [each for each in dockerfile.instructions if each.keyword == "RUN"][-1]
    snippet = show_joined(run, last, "One RUN")
    return snippet.text if snippet is not None else None


@pytest.mark.parametrize(
    "setting",
    [
        "ENV PATH=/opt/bin:$PATH",
        "ENV PATH /opt/bin",
        "ENV LD_PRELOAD=/usr/lib/x.so",
        "ENV LD_LIBRARY_PATH=/x",
        "ENV http_proxy=http://x",
        "ARG HTTPS_PROXY",
        "ENV HOME=/x",
        "ENV APT_CONFIG=/x",
    ],
)
def test_what_an_install_may_notice_stays_below_it(setting: str) -> None:
    assert _show(f"FROM debian:12\nRUN apt-get install -y gcc\n{setting}\nRUN make\n") is None


def test_other_settings_move() -> None:
    assert _show("FROM debian:12\nRUN apt-get install -y gcc\nENV VERSION=1\nRUN make\n") == (
        "ENV VERSION=1\nRUN apt-get install -y gcc \\\n    && make\n"
    )


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("first", ["(cd a; pwd) && cd a", "cd a && (pwd)", "(cd a; pwd) && cd a && (pwd)"])
def test_no_arithmetic_comes_of_two_shells(tmp_path: Path, shell: str, first: str) -> None:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"no {shell} here")
    (tmp_path / "a").mkdir()
    text = _show(f"FROM debian:12\nRUN {first}\nRUN test -d a && echo above\n")
    assert text is not None
    done = subprocess.run(
        [found, "-c", text.removeprefix("RUN ")], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("above\n")
