"""rpm-cache-left-behind."""

from __future__ import annotations

from collections.abc import Iterator

from rules.dockerfile import Dockerfile, Instruction, ShellCommand, Span
from rules.finding import Finding
from rules.packages.cache_cleanup import append_cleanup, clean_together, later_cleanup
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import rpm
from rules.tools.options import Call

# yum's own `clean all` leaves the cache of repositories that are disabled by now, and fails where none is left.
_CACHE_OF = {
    "yum": ("/var/cache/yum", "/var/cache/dnf"),
    "dnf": ("/var/cache/dnf", "/var/cache/libdnf5"),
    "dnf5": ("/var/cache/libdnf5",),
    "microdnf": ("/var/cache/dnf", "/var/cache/yum"),
    "tdnf": ("/var/cache/tdnf",),
}
_REPOSITORY_CHANGERS = ("yum.repos.d", "--disable", "--set-disabled", "unregister", "yum.conf", "dnf.conf")


class RpmCacheLeftBehind(Rule):
    """Repository metadata and packages of yum and dnf that stay in the layer.

    ## What it does
    Finds `yum`, `dnf`, `dnf5`, `microdnf` and `tdnf` that install, upgrade or fetch metadata (`makecache`) without a
    clean-up behind them in the same RUN. A clean-up in a later RUN does not count: it frees nothing.

    ## Why it costs
    Every install leaves the metadata of all enabled repositories under `/var/cache`, and yum may leave the packages as
    well. Stated in arhea/docker-fips-library#1 for `amazonlinux:2` with two packages: 451 MB with the cache, 267 MB
    without; in openstack-k8s-operators/edpm-ansible#98 for dnf: 962 against 730 MB.

    ## Fix safety
    Safe: `clean all` of the same tool is appended so that it runs only after success; the next install fetches the
    metadata anew. Where yum used a repository by `--enablerepo`, which its `clean all` would leave out, or where the
    RUN takes repositories away, the cache is deleted with `rm -rf` instead.

    ## When it is silent
    The last clean-up of the RUN (`yum -y clean all`, `dnf clean all`, `rm -rf /var/cache/yum`, a directory above it)
    stands behind its last install; a cache or tmpfs mount covers the cache; `cachedir` puts it elsewhere; a later
    command works from the cache alone (`-C`); the install goes into another root; the stage is not shipped.
    """

    code = "DS209"
    aliases = (
        "hadolint:DL3032",
        "hadolint:DL3040",
        "docker-parfum:yumInstallRmVarCacheYum",
        "trivy:AVD-DS-0015",
        "trivy:DS015",
        "trivy:DS-0015",
        "trivy:AVD-DS-0019",
        "trivy:DS019",
        "trivy:DS-0019",
        "trivy:AVD-DS-0027",
        "trivy:DS027",
        "trivy:DS-0027",
        "semgrep:dockerfile.best-practice.missing-yum-clean-all",
        "semgrep:dockerfile.best-practice.missing-dnf-clean-all",
    )
    techniques = ("yum-dnf-cache",)
    triggers = rpm.HINTS
    good = (
        "FROM fedora:41\nRUN dnf install -y httpd && dnf clean all\n",
        "FROM almalinux:9\nRUN yum -y install httpd && rm -rf /var/cache/dnf /var/cache/yum\n",
        "FROM fedora:40\nRUN --mount=type=cache,target=/var/cache/dnf dnf install -y httpd\n",
    )
    bad = (
        Bad(
            "FROM fedora:41\nRUN dnf install -y httpd\n",
            "FROM fedora:41\nRUN dnf install -y httpd && dnf clean all\n",
        ),
        Bad(
            "FROM redhat/ubi9-minimal\nRUN microdnf update -y && \\\n    microdnf install -y httpd\n",
            "FROM redhat/ubi9-minimal\nRUN microdnf update -y && \\\n    microdnf install -y httpd && \\\n"
            "    microdnf clean all\n",
        ),
        Bad(
            "FROM almalinux:9\nRUN yum -y install epel-release\nRUN yum -y install httpd && yum clean all\n",
            "FROM almalinux:9\nRUN yum -y install epel-release && yum clean all\n"
            "RUN yum -y install httpd && yum clean all\n",
        ),
        Bad(
            "FROM centos:7\nRUN yum -y install epel-release\nRUN yum repolist\n",
            "FROM centos:7\nRUN yum -y install epel-release && yum clean all\nRUN yum repolist && yum clean all\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that leaves a cache in its layer."""
        left = list(_leaving(dockerfile, surroundings))
        fixes = [append_cleanup(run, install.command, *_cleanup(run, install)) for run, install, _ in left]
        together = clean_together([(run, fix) for (run, *_), fix in zip(left, fixes, strict=True)])
        for (run, install, cleaned), fix in zip(left, together, strict=True):
            yield self.finding(
                run.instruction,
                _span(install),
                f"The cache of {rpm.tool(install)} stays in the layer",
                _reason(run, install, cleaned),
                fix,
            )


def _leaving(dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[tuple[Run, Call, bool]]:
    """Yield the RUNs that leave a cache, the last command that filled it, and whether one before was cleaned up."""
    for run in shipped_runs(dockerfile, surroundings, rpm.HINTS):
        install, cleaned = _last_uncleaned(run)
        if install is None or any(map(run.mounts, rpm.CACHES)) or _is_elsewhere(run):
            continue
        if not run.is_followed_by(_works_from_cache):
            yield run, install, cleaned


def _span(call: Call) -> Span:
    first = call.command.words[0].span
    return first if call.action is None else Span(first.start, call.action.span.end)


def _last_uncleaned(run: Run) -> tuple[Call | None, bool]:
    """Return the last install behind which nothing cleans up, and whether something did in front of it."""
    install: Call | None = None
    cleaned = False
    for command in run.commands:
        call = rpm.read_rpm(command)
        if call is not None and (rpm.installs(call) or rpm.reads(call, run.base)):
            if not call.has("--downloadonly", "--installroot", "--help"):
                install = call
        elif rpm.cleans_cache(command) or _may_clean(command):
            install, cleaned = None, True
    return install, cleaned


def _may_clean(command: ShellCommand) -> bool:
    """Tell whether a command of unknown content looks like a clean-up, or hides one: `sh -c 'yum clean all'`."""
    if rpm.read_rpm(command) is not None or command.name in ("echo", "printf"):
        return False
    line = " ".join(command.texts)
    return "clean" in command.name.lower() or ("clean" in line and ("yum" in line or "dnf" in line))


def _is_elsewhere(run: Run) -> bool:
    return "cachedir" in run.instruction.value or run.is_preceded_by(_moves_cache)


def _moves_cache(each: Instruction) -> bool:
    return each.keyword == "RUN" and "cachedir" in each.value


def _works_from_cache(each: Instruction) -> bool:
    if each.keyword != "RUN" or not any(map(each.value.__contains__, rpm.HINTS)):
        return False
    return "--cacheonly" in each.value or any(
        call.has("-C", "--cacheonly") for call in map(rpm.read_rpm, each.commands) if call is not None
    )


def _reason(run: Run, install: Call, cleaned: bool) -> str:
    program = rpm.tool(install)
    shown = f"`{install.command.name} {install.verb}`".replace(" `", "`")
    if cleaned:
        return f"{shown} fills it anew, behind the clean-up of this RUN."
    later = later_cleanup(run, rpm.cleans_cache, "yum") or later_cleanup(run, rpm.cleans_cache, "dnf")
    if later is not None:
        return f"Line {later.line} cleans up in a later layer, which takes nothing out of this one."
    return f"{shown} fills it, and nothing in this RUN runs `{program} clean all`."


def _cleanup(run: Run, install: Call) -> tuple[str, ...]:
    program = rpm.tool(install)
    changes_repositories = any(map(run.instruction.value.__contains__, _REPOSITORY_CHANGERS))
    if changes_repositories or (program == "yum" and install.has("--enablerepo", "-c", "--config", "--repo")):
        return ("rm", "-rf", *_CACHE_OF[program])
    return (program, "clean", "all")
