"""update-split-from-install."""

from __future__ import annotations

from rules.fix import Applicability, apply
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS205"
D = "FROM debian:12\n"
UPDATE = "RUN apt-get update\n"
RM = "rm -rf /var/lib/apt/lists/*"
SILENT = {
    "together": D + f"RUN apt-get update && apt-get install -y cron && {RM}\n",
    "no-install": D + UPDATE,
    "install-updates-itself": D + UPDATE + "RUN apt-get update && apt-get install -y cron\n",
    "installed-in-the-same-run-too": D + "RUN apt-get update && apt-get install -y a\nRUN apt-get install -y b\n",
    "mount": D
    + "RUN --mount=type=cache,target=/var/lib/apt apt-get update\n"
    + "RUN --mount=type=cache,target=/var/lib/apt apt-get install -y cron\n",
    "stage-not-shipped": f"{D[:-1]} AS b\n{UPDATE}RUN apt-get install -y cron\n{D}COPY --from=b /x /x\n",
    "other-stage-installs": f"{D[:-1]} AS b\n{UPDATE}{D}RUN apt-get install -y cron\n",
    "local-file": D + UPDATE + "RUN dpkg -i a.deb\n",
    "lists-deleted-in-the-same-run": D + f"RUN apt-get update && {RM}\nRUN apt-get install -y cron\n",
    "update-locale": D + "RUN update-locale\nRUN apt-get install -y cron\n",
    "powershell": D + f'SHELL ["pwsh"]\n{UPDATE}RUN apt-get install -y cron\n',
    "pragma": D + f"# dockslim ignore=DS205\n{UPDATE}RUN apt-get install -y cron\n",
}
FIXED = {
    "cleanup-in-the-next-layer": (
        D + UPDATE + f"RUN apt-get install -y cron\nRUN {RM}\n",
        D + f"RUN apt-get update && apt-get install -y cron && {RM}\n",
    ),
    "adjacent": (
        D + UPDATE + "RUN apt-get install -y cron\n",
        D + f"RUN apt-get update && apt-get install -y cron && {RM}\n",
    ),
    "options-of-the-update-stay": (
        D + "RUN apt-get -qq update -y\nRUN apt-get install -y cron\n",
        D + f"RUN apt-get -qq update -y && apt-get install -y cron && {RM}\n",
    ),
    "sudo": (
        D + "RUN sudo apt-get update\nRUN sudo apt-get install -y cron\n",
        D + f"RUN sudo apt-get update && sudo apt-get install -y cron && sudo {RM}\n",
    ),
    "lists-deleted-already": (
        D + UPDATE + f"RUN apt-get install -y cron && {RM}\n",
        D + f"RUN apt-get update && apt-get install -y cron && {RM}\n",
    ),
    "indifferent-between": (
        D + UPDATE + "ENV A=1\n# why\nLABEL a=b\n\nRUN apt-get install -y cron\n",
        D + f"ENV A=1\n# why\nLABEL a=b\n\nRUN apt-get update && apt-get install -y cron && {RM}\n",
    ),
    "over-lines": (
        D + UPDATE + "RUN apt-get install -y \\\n    cron \\\n    nano\n",
        D + f"RUN apt-get update && apt-get install -y \\\n    cron \\\n    nano \\\n    && {RM}\n",
    ),
    "install-in-the-middle": (
        D + UPDATE + "RUN a && apt-get install -y cron && b\n",
        D + f"RUN apt-get update && a && apt-get install -y cron && b && {RM}\n",
    ),
    "two-installs-both-need-the-lists": (
        D + UPDATE + "RUN apt-get install -y cron\nRUN apt-get install -y nano\n",
        None,
    ),
    "crlf": (
        "FROM debian:12\r\nRUN apt-get update\r\nRUN apt-get install -y cron\r\n",
        f"FROM debian:12\r\nRUN apt-get update && apt-get install -y cron && {RM}\r\n",
    ),
    "no-final-newline": (
        D + UPDATE + "RUN apt-get install -y cron",
        D + f"RUN apt-get update && apt-get install -y cron && {RM}",
    ),
    "comment-above-the-update-stays": (
        D + "# packages\n" + UPDATE + "RUN apt-get install -y cron\n",
        D + f"# packages\nRUN apt-get update && apt-get install -y cron && {RM}\n",
    ),
    "copy-between": (D + UPDATE + "COPY sources.list /etc/apt/\nRUN apt-get install -y cron\n", None),
    "run-between": (D + UPDATE + "RUN rm /etc/apt/x\nRUN apt-get install -y cron\n", None),
    "user-between": (D + UPDATE + "USER app\nRUN sudo apt-get install -y cron\n", None),
    "does-more": (D + "RUN apt-get update && apt-get upgrade -y\nRUN apt-get install -y cron\n", None),
    "flags-differ": (D + UPDATE + "RUN --network=none apt-get install -y cron\n", None),
    "child-stage-installs": (f"{D[:-1]} AS b\n{UPDATE}FROM b\nRUN apt-get install -y cron\n", None),
    "install-in-an-if": (D + UPDATE + "RUN if a; then apt-get install -y cron; fi\n", None),
    "install-behind-or": (D + UPDATE + "RUN a || apt-get install -y cron\n", None),
    "install-or-true": (D + UPDATE + "RUN apt-get install -y cron || true\n", None),
    "exec-form": (D + UPDATE + 'RUN ["apt-get", "install", "-y", "cron"]\n', None),
    "unreadable-later": (
        D + UPDATE + "RUN apt-get install -y cron\nRUN python3 <<E\nx\nE\n",
        D + f"RUN apt-get update && apt-get install -y cron && {RM}\nRUN python3 <<E\nx\nE\n",
    ),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str | None) -> None:
    assert_fixed(CODE, text, fixed)


def test_is_unsafe_where_something_later_cannot_be_read() -> None:
    (found,) = findings(CODE, FIXED["unreadable-later"][0])
    assert found.fix is not None
    assert found.fix.applicability is Applicability.UNSAFE
    assert found.fix.caution


def test_what_other_runs_would_fetch_once_more_is_cleaned_up_as_well() -> None:
    keeps = "RUN apt-get update && apt-get install -y cron\n"
    split = UPDATE + "RUN apt-get install -y git\n"
    moved = f"RUN apt-get update && apt-get install -y git && {RM}\n"
    clean = keeps.replace("\n", f" && {RM}\n")
    for text, fixed in (
        (D + keeps + split + keeps, D + clean + moved + clean),
        (D + keeps + split, D + clean + moved),
        (D + split + keeps, D + moved + clean),
    ):
        (found,) = findings(CODE, text)
        assert found.fix is not None
        assert found.fix.applicability is Applicability.SAFE
        assert apply(text, [found.fix]) == fixed
        assert {each.fix for each in findings("DS202", text)} == {found.fix}


def test_what_a_later_layer_would_keep_is_left_alone() -> None:
    """The lists that line 4 fetches for two are kept, whatever the lines above do."""
    split = "RUN apt-get update\nRUN apt-get install -y --no-install-recommends a\n"
    (first,) = findings(CODE, f"FROM debian:12\n{split}{split}RUN apt-get install -y --no-install-recommends b\n")
    assert first.fix is None


def test_what_an_earlier_layer_keeps_is_not_fetched() -> None:
    """Line 4 fetches nothing that the layer of line 2 does not hold."""
    both = "RUN apt-get install -y a\nRUN apt-get install -y b\n"
    (first,) = findings(CODE, f"{D}{UPDATE}{both}{UPDATE}RUN apt-get install -y c\n")
    assert first.fix is None
