"""sdk-shipped."""

from __future__ import annotations

from collections.abc import Iterator

from rules.base_images.compiler_base_shipped import runs_what_it_builds, two_stage_snippet
from rules.base_images.families import Sibling, find_sibling
from rules.base_images.program import leaf_of, read_program
from rules.base_images.reference import read_reference
from rules.base_images.swap import is_unknown_to_registry, is_workbench, shipped_roots, swap_fix, swap_saving
from rules.dockerfile import Dockerfile, Instruction, Stage
from rules.finding import Finding
from rules.fix import Applicability
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run
from rules.stages.builds import find_build

# What the SDK's image has beside the SDK: it was made from buildpack-deps:scm, and brings PowerShell.
_BROUGHT = regex(
    r"\b(?:curl|wget|git|hg|svn|ssh|scp|gpg|apt-key|ps|pgrep|pkill|unzip|pwsh|powershell|dotnet|nuget|msbuild)\b"
)


class SdkShipped(Rule):
    """The .NET SDK in an image that only runs a program.

    ## What it does
    Finds a shipped stage that starts from .NET's SDK image and whose program is `dotnet some.dll`.

    ## Why it costs
    The SDK image holds the runtime and, beside it, MSBuild, Roslyn, NuGet and the reference assemblies. The sample that
    dotnet-docker reports on is 217 MB on `aspnet:8.0-jammy` (90.9 MB compressed), runtime and program together; what
    the SDK adds to that was not weighed here.

    ## Fix safety
    Where nothing is built in the stage, `aspnet` is a click away: it has all of `runtime` besides. Where the stage
    builds, a second stage is written out to be copied. On Alpine it is only shown: the SDK's image has ICU and its
    cultures, which `aspnet` has not.

    ## When it is silent
    The stage is not shipped; the program is one of the SDK's own (`dotnet run`, `dotnet watch`, `dotnet test`), a
    shell or not set; file or stage are named for development or CI; the tag is a version of the SDK's own (`8.0.100`),
    which the runtime images do not have.
    """

    code = "DS303"
    reads = ("FROM",)
    techniques = ("multi-stage", "base-slim")
    good = (
        "FROM mcr.microsoft.com/dotnet/sdk:8.0 AS build\nRUN dotnet publish -o /out\n"
        'FROM mcr.microsoft.com/dotnet/aspnet:8.0\nCOPY --from=build /out /app\nENTRYPOINT ["dotnet", "/app/a.dll"]\n',
        'FROM mcr.microsoft.com/dotnet/sdk:8.0\nCOPY . .\nENTRYPOINT ["dotnet", "test"]\n',
    )
    bad = (
        Bad(
            'FROM mcr.microsoft.com/dotnet/sdk:8.0\nCOPY out /app\nENTRYPOINT ["dotnet", "/app/a.dll"]\n',
            'FROM mcr.microsoft.com/dotnet/aspnet:8.0\nCOPY out /app\nENTRYPOINT ["dotnet", "/app/a.dll"]\n',
        ),
        Bad(
            "FROM mcr.microsoft.com/dotnet/sdk:8.0\nWORKDIR /src\nCOPY . .\nRUN dotnet publish -c Release -o /app\n"
            'ENTRYPOINT ["dotnet", "/app/a.dll"]\n',
            None,
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each shipped stage on .NET's SDK that runs a program."""
        if "dotnet" not in dockerfile.text and "aspnetcore" not in dockerfile.text:
            return
        for stage in shipped_roots(dockerfile, surroundings):
            sibling = find_sibling(stage.base, "sdk")
            if sibling is None or is_workbench(stage, surroundings) or is_unknown_to_registry(sibling, surroundings):
                continue
            words = read_program(dockerfile, leaf_of(dockerfile, stage)).words
            if words is None or words[0] != "dotnet" or not _runs_program(words):
                continue
            yield self._report(dockerfile, stage, sibling, surroundings)

    def _report(self, dockerfile: Dockerfile, stage: Stage, sibling: Sibling, surroundings: Surroundings) -> Finding:
        build = find_build(dockerfile, stage, "dotnet")
        user = _find_user(dockerfile, stage)
        fix = snippet = None
        if build is not None and runs_what_it_builds(dockerfile, stage):
            snippet = two_stage_snippet(dockerfile, stage, "dotnet", sibling.reference, build)
        elif user is None:
            is_alpine = "alpine" in stage.base
            caution = "dotnet's build tools are missing afterwards; a program that calls them at run time fails."
            if is_alpine:
                caution += " ICU is missing as well: `icu-libs`, with `DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=false`."
            applicability = Applicability.DISPLAY if is_alpine else Applicability.UNSAFE
            fix = swap_fix(dockerfile, stage, sibling, applicability, caution)
        reference = read_reference(stage.base)
        if build is not None:
            reason = f"Line {build.instruction.line} builds the program; `{sibling.reference}` is enough to run it."
        elif user is not None:
            reason = f"`{sibling.reference}` runs the program, but may lack what line {user.line} calls."
        elif reference is not None and reference.digest:
            reason = f"`{sibling.reference}` would do; its digest has to replace the one that is pinned."
        else:
            reason = f"`{sibling.reference}` is enough to run what the stage starts."
        return self.finding(
            stage.start,
            stage.start.words[0].span,
            f"{stage.base} brings the SDK along",
            reason,
            fix,
            swap_saving(stage, sibling, surroundings),
            snippet,
        )


def _runs_program(words: tuple[str, ...]) -> bool:
    """Tell whether `dotnet` is given a program, and not one of its own verbs, such as `test` and `vstest`."""
    first = next((word for word in words[1:] if word != "exec" and not word.startswith("-")), "")
    return first.lower().endswith((".dll", ".exe"))


def _find_user(dockerfile: Dockerfile, stage: Stage) -> Instruction | None:
    """Return the first line that calls what the runtime's image may lack, a script that nobody can read included."""
    opaque = Run(dockerfile, stage, stage.start, stage.end).later_script()
    for _, each in dockerfile.after(stage, stage.start):
        if each.keyword in ("RUN", "HEALTHCHECK") and (
            opaque is not None or _BROUGHT.search(each.span.of(dockerfile.text))
        ):
            return each
    return None
