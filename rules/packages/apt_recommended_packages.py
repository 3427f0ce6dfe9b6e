"""apt-recommended-packages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.dockerfile import Dockerfile
from rules.edits import insert_words, insert_words_before, with_words
from rules.finding import Finding
from rules.fix import Applicability, Fix
from rules.packages.apt_estimates import Extra, estimate_recommended, weigh_recommended
from rules.packages.apt_recommends import find_recommended, is_local, recommending_installs
from rules.packages.needed_recommends import Needs, needs
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.sizes import format_bytes
from rules.tools.options import Call

FLAG = "--no-install-recommends"


class AptRecommendedPackages(Rule):
    """Packages that apt adds without being asked.

    ## What it does
    Finds `apt-get install`, `apt install` and `aptitude install` that also install what the named packages merely
    recommend.

    ## Why it costs
    Debian's own package metadata for Debian 12, against a minimal system: `cron` takes 0.3 MB alone and 20 MB with
    its recommends, a mail server among them; `npm` 236 against 865 MB, `python3-pip` 48 against 428 MB, `git` 60
    against 75 MB, `curl` 12 against 15.8 MB.

    ## Fix safety
    Unsafe: a recommended package may be needed by something that nobody named. What is known to be needed is added
    in the same fix: `ca-certificates` beside `curl`, `wget` and `git`, `libc6-dev` beside `gcc`, `make` and a
    compiler beside `cmake`, `xauth` beside `xvfb`, and so on. Where the recommends are the point of a package
    (`python3-pip` before a `pip install`, `texlive`, desktops, `wine`), the fix is shown, not offered.

    ## When it is silent
    The flag or `-o APT::Install-Recommends=0` is there, or apt was configured before; the stage is not shipped; only
    local files are installed, or nothing; the RUN cannot be read. Also where what comes along is not known to be 1 MB:
    rules/debian/recommends.gz holds what Debian 11, 12 and 13 agree on of 9,837 packages, manual pages left out. A
    package of another publisher, or one that a variable names, is not known; what the base has, an earlier install
    brings or the fix names does not count; of the bases of phusion, which have most of it, nothing is said.
    """

    code = "DS201"
    aliases = (
        "hadolint:DL3015",
        "trivy:AVD-DS-0029",
        "trivy:DS029",
        "trivy:DS-0029",
        "docker-parfum:aptGetInstallUseNoRec",
        "sonar:S6500",
    )
    techniques = ("apt-recommends",)
    triggers = ("apt",)
    good = (
        "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends cron"
        " && rm -rf /var/lib/apt/lists/*\n",
        "FROM debian:12 AS build\nRUN apt-get update && apt-get install -y gcc libc6-dev\n"
        "FROM debian:12-slim\nCOPY --from=build /app /app\n",
    )
    bad = (
        Bad(
            "FROM debian:12\nRUN apt-get update && apt-get install -y cron && rm -rf /var/lib/apt/lists/*\n",
            "FROM debian:12\nRUN apt-get update && apt-get install --no-install-recommends -y cron"
            " && rm -rf /var/lib/apt/lists/*\n",
        ),
        Bad(
            "FROM debian:12\nRUN apt-get update && apt-get install -y git && rm -rf /var/lib/apt/lists/*\n",
            "FROM debian:12\nRUN apt-get update && apt-get install --no-install-recommends -y ca-certificates git"
            " && rm -rf /var/lib/apt/lists/*\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each install command."""
        for run in shipped_runs(dockerfile, surroundings, ("apt", "aptitude"), deferred=True):
            for call in () if _BRINGS_MUCH.search(run.base) else recommending_installs(run):
                yield from self._report(run, call, surroundings)

    def _report(self, run: Run, call: Call, surroundings: Surroundings) -> Iterator[Finding]:
        assert call.action is not None  # noqa: S101 - the caller looked at its verb
        required = needs(run, call) if surroundings.packages else Needs((), "")
        extra = estimate_recommended(run, call.command, required.packages, surroundings)
        if extra is None:
            found = find_recommended(run, call, run.base)
            if found is None:
                return
            required = found.required
            extra = weigh_recommended(run, call.command, found.brought)
        span = call.action.span
        yield self.finding(
            run.instruction,
            type(span)(call.command.words[0].span.start, span.end),
            _message(extra),
            _reason(call, required, extra),
            _fix(run, call, required),
            extra.saving,
        )


# Bases that already have what most packages recommend: openssh, less, certificates.
_BRINGS_MUCH = regex(r"^(?:docker\.io/)?phusion/")
# Docker's own images, of which is known what they have.
_KNOWN_BASE = regex(r"^(?:docker\.io/)?(?:library/|amd64/)?[^/]+$|^nvidia/cuda:")
# Agents of build servers clone whatever they are told to, also over ssh.
_AGENT = regex(
    r"\b(?:go-agent|gocd|jenkins|teamcity|buildkite|gitlab-runner|bamboo|buildbot|swarm-client)\b", re.IGNORECASE
)
_CLONES = "Where an agent clones over ssh it needs openssh-client, which git only recommends."
_UNKNOWN_BASE = "The base image may have some of it, and rely on it; try this build before you keep it."


def _message(extra: Extra) -> str:
    if not extra.count:
        return "apt would install what is merely recommended, too"
    if extra.saving.bytes is None:
        return "apt installs what is merely recommended, too"
    return f"{format_bytes(extra.saving.bytes)} of recommended packages come along"


def _reason(call: Call, required: Needs, extra: Extra) -> str:
    names = [f"`{word.text}`" for word in call.operands if word.literal and not is_local(word.text)]
    some = _list(names if len(names) <= 3 else [*names[:2], f"{len(names) - 2} more"])
    verb = f"recommend{'s' if len(names) == 1 else ''}"
    if extra.count:
        # What the author knows by name first: the rest is what that needs and recommends in turn.
        others = f" and {extra.count - 1} more" if extra.count > 1 else ""
        if extra.named:
            sentence = f"{some} {verb} `{extra.named[0]}`{others}."
        else:
            named = f"`{extra.names[0]}`{others}" if extra.names else f"{extra.count} packages"
            sentence = f"What {some} need{'s' if len(names) == 1 else ''} recommends {named}."
    else:
        sentence = f"{some} {verb} nothing that is not here anyway."
    if extra.least:
        sentence += f" {extra.least}"
    if required.packages:
        added = _list([f"`{name}`" for name in required.packages])
        sentence += f" The fix names {added}, which {'is' if len(required.packages) == 1 else 'are'} needed here."
    return sentence


def _list(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _fix(run: Run, call: Call, required: Needs) -> Fix:
    command, action = call.command, call.action
    assert action is not None  # noqa: S101 - the caller looked at its verb
    flag = "--without-recommends" if command.name == "aptitude" else FLAG
    edits = [insert_words(command, action, flag)]
    words = list(with_words(command, action, flag))
    if required.packages:
        # In front of the first package: other fixes append behind the last one.
        first = call.operands[0]
        edits.append(insert_words_before(run.dockerfile, command, first, *required.packages))
        at = next(i for i, word in enumerate(command.words) if word is first) + 1
        words[at:at] = required.packages
    risk = required.risk or ("" if _KNOWN_BASE.search(run.base) else _UNKNOWN_BASE)
    if (
        not risk
        and any(word.text in ("git", "git-core") for word in call.operands)
        and _AGENT.search(run.dockerfile.text)
    ):
        risk = _CLONES
    return Fix(
        tuple(edits),
        Applicability.DISPLAY if risk else Applicability.UNSAFE,
        removed=(command.texts,),
        added=(tuple(words),),
        caution=risk or "Changes behaviour if something here relies on a package that apt only recommends.",
    )
