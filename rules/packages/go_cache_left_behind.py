"""go-cache-left-behind."""

from __future__ import annotations

from rules.dockerfile import ShellCommand
from rules.fix import Fix
from rules.packages.cache_cleanup import run_again
from rules.packages.caches import Cache, CacheRule
from rules.patterns import regex
from rules.rule import Bad
from rules.runs import Run
from rules.tools import go

CACHE = Cache(
    hints=("go install",),
    fills=go.fills_cache,
    empties=go.empties_cache,
    place=go.cache_directory,
    marks=regex(r"go-build|/pkg\b|\.cache|GOPATH|GOCACHE|GOMODCACHE|^/go/?\*?$"),
    switches=("GOCACHE", "GOMODCACHE", "GOFLAGS"),
)


class GoCacheLeftBehind(CacheRule):
    """What go downloads and compiles on the way to a tool.

    ## What it does
    Finds `go install module@version` in a shipped stage that has no other use for go.

    ## Why it costs
    go keeps the source of every module in `$GOPATH/pkg/mod` and every compiled package in `~/.cache/go-build`.
    Measured with go 1.19: a program of 4.1 MB that imports nothing but net/http, go/parser and encoding/json leaves
    61 MB of compiled packages where the standard library is compiled too (`-a`), as it has to be from go 1.20 on, and
    1.5 MB where it comes compiled.

    ## Fix safety
    Safe: `go clean -cache -modcache` is appended so that it runs only after success. It deletes nothing that is
    installed.

    ## When it is silent
    The same RUN runs `go clean` with one of these flags, or deletes a cache; a cache mount covers one; GOCACHE,
    GOMODCACHE or GOFLAGS is set; go is used in any other way in this stage, below or on top of it, or started by the
    image, so that the caches may be wanted; the stage is not shipped. A program that is built and shipped in one stage
    wants a second stage, not this.
    """

    code = "DS245"
    techniques = ("go-cache",)
    triggers = ("go install",)
    good = (
        "FROM golang:1.22\nRUN go install golang.org/x/tools/cmd/stringer@v0.24.0 && go clean -cache -modcache\n",
        "FROM golang:1.22\nRUN go install golang.org/x/tools/cmd/stringer@v0.24.0\nCOPY . .\nRUN go build ./...\n",
    )
    bad = (
        Bad(
            "FROM golang:1.22\nRUN go install golang.org/x/tools/cmd/stringer@v0.24.0\n",
            "FROM golang:1.22\nRUN go install golang.org/x/tools/cmd/stringer@v0.24.0 && go clean -cache -modcache\n",
        ),
    )

    cache = CACHE

    def tell(self, run: Run, filler: ShellCommand) -> tuple[str, str, Fix | None] | None:
        """Let go clean up, where nothing else uses it."""
        if go.uses_caches(run.instruction):
            return None
        if run.is_preceded_by(go.uses_caches) or run.is_followed_by(go.uses_caches):
            return None
        return (
            "go's caches stay in the layer",
            "The sources of all modules and every compiled package are kept beside the program.",
            run_again(run, filler, "clean", "-cache", "-modcache"),
        )
