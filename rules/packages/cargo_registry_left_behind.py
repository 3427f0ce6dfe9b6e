"""cargo-registry-left-behind."""

from __future__ import annotations

import re

from rules.dockerfile import Scope, ShellCommand
from rules.fix import Fix
from rules.packages.cache_cleanup import append_cleanup
from rules.packages.caches import Cache, CacheRule
from rules.patterns import regex
from rules.rule import Bad
from rules.runs import Run
from rules.tools import cargo


def _never(_: ShellCommand) -> bool:
    return False


def _place(scope: Scope) -> str:
    return cargo.cache_directory(scope) or "~"


CACHE = Cache(
    hints=("cargo",),
    fills=cargo.fills_cache,
    empties=_never,
    place=_place,
    marks=regex(r"/registry|\.cargo|CARGO_HOME|/cargo(?:/|$)"),
)


class CargoRegistryLeftBehind(CacheRule):
    """Sources that cargo downloads on the way to a program.

    ## What it does
    Finds `cargo install` in a shipped stage that has no other use for cargo.

    ## Why it costs
    cargo keeps the archive and the unpacked source of every crate, and the index, in `$CARGO_HOME/registry`. Measured
    with cargo 1.95: a program of 2.0 MB that uses regex 1 and what that needs leaves 4.1 MB.

    ## Fix safety
    Safe: `rm -rf $CARGO_HOME/registry`, with the directory written out, is appended so that it runs only after success.
    cargo makes it anew; the programs it installed do not read it.

    ## When it is silent
    The same RUN deletes the registry, or a directory above it; a cache mount covers it; CARGO_HOME is set for the RUN
    alone; cargo is used in any other way in this stage, below or on top of it, or started by the image; the stage is
    not shipped.
    """

    code = "DS246"
    techniques = ("cargo-cache",)
    triggers = ("cargo",)
    good = (
        "FROM rust:1.82\nRUN cargo install ripgrep && rm -rf /usr/local/cargo/registry\n",
        "FROM rust:1.82\nRUN cargo install cargo-chef\nCOPY . .\nRUN cargo build --release\n",
    )
    bad = (
        Bad(
            "FROM rust:1.82\nRUN cargo install ripgrep\n",
            "FROM rust:1.82\nRUN cargo install ripgrep && rm -rf /usr/local/cargo/registry\n",
        ),
    )

    cache = CACHE

    def tell(self, run: Run, filler: ShellCommand) -> tuple[str, str, Fix | None] | None:
        """Name the directory where it is known and used by nothing else, and delete it."""
        directory = cargo.cache_directory(run.scope, run.base)
        if directory is None or not re.fullmatch(r"/[\w./-]+", directory) or cargo.uses_cache(run.instruction):
            return None
        if run.is_preceded_by(cargo.uses_cache) or run.is_followed_by(cargo.uses_cache):
            return None
        return (
            "Sources of crates stay in the layer",
            f"cargo keeps what it downloads in `{directory}`.",
            append_cleanup(run, filler, "rm", "-rf", directory),
        )
