"""yum, dnf, dnf5, microdnf and tdnf, the package managers of RPM distributions."""

from __future__ import annotations

from functools import lru_cache

from rules.dockerfile import ShellCommand
from rules.patterns import regex
from rules.tools.options import Call, read_call
from rules.tools.remove import deletes

HINTS = ("yum", "dnf")
CACHES = ("/var/cache/dnf", "/var/cache/yum", "/var/cache/libdnf5", "/var/cache/tdnf")

# What is run, and the tool whose cache it fills.
_TOOLS = {
    "yum": "yum",
    "dnf": "dnf",
    "dnf-3": "dnf",
    "dnf4": "dnf",
    "dnf5": "dnf5",
    "microdnf": "microdnf",
    "tdnf": "tdnf",
    "yum-builddep": "yum",
    "dnf-builddep": "dnf",
}
_VALUED = frozenset(
    {
        "-c", "--config", "-d", "--debuglevel", "-e", "--errorlevel", "--rpmverbosity", "-R", "--randomwait", "-x",
        "--exclude", "--excludepkgs", "--enablerepo", "--enable-repo", "--disablerepo", "--disable-repo", "--repo",
        "--repoid", "--repofrompath", "--releasever", "--setopt", "--installroot", "--disableplugin", "--enableplugin",
        "--disableexcludes", "--downloaddir", "--destdir", "--forcearch", "--advisory", "--color", "--comment",
        "--setvar", "--arch",
    }
)  # fmt: skip
_INSTALLS = frozenset(
    {
        "install", "in", "install-n", "install-na", "install-nevra", "localinstall", "groupinstall", "reinstall",
        "rei", "update", "upgrade", "up", "localupdate", "update-to", "upgrade-to", "update-minimal",
        "upgrade-minimal", "groupupdate", "distro-sync", "distribution-synchronization", "dsync", "downgrade",
        "builddep", "build-dep", "swap", "debuginfo-install",
    }
)  # fmt: skip
_READS = frozenset(
    {"makecache", "mc", "check-update", "check-upgrade", "search", "provides", "whatprovides", "grouplist"}
)
_GROUP_VERBS = frozenset({"group", "groups", "module"})
_GROUP_INSTALLS = frozenset({"install", "update", "upgrade", "reset", "enable"})


@lru_cache(maxsize=256)
def read_rpm(command: ShellCommand) -> Call | None:
    """Return the call of a package manager for RPM, None for any other command."""
    return read_call(command, _VALUED) if command.name in _TOOLS else None


def tool(call: Call) -> str:
    """Return the program whose cache the call fills."""
    return _TOOLS[call.command.name]


def installs(call: Call) -> bool:
    """Tell whether the call fetches metadata to install or upgrade packages."""
    if call.command.name.endswith("-builddep"):
        return True
    if call.verb in _GROUP_VERBS:
        return bool(call.operands) and call.operands[0].text in _GROUP_INSTALLS
    return call.verb in _INSTALLS


def reads(call: Call, base: str) -> bool:
    """Tell whether the call fetches metadata to tell about packages."""
    return call.verb in _READS or (call.verb == "repolist" and tool(call) == "yum" and not is_dnf(call, base))


def cleans_cache(command: ShellCommand) -> bool:
    """Tell whether the command empties the cache, in any of the ways that do."""
    call = read_rpm(command)
    if call is not None:
        return call.verb == "clean" and (
            not call.operands or any(not w.literal or w.text == "all" for w in call.operands)
        )
    return any(deletes(command, directory) for directory in CACHES)


# Releases whose yum is dnf under its old name.
_YUM_IS_DNF = regex(
    r"(?:^|/)(?:(?:rockylinux|almalinux|ubi[89]|ubi10)\b|(?:centos|oraclelinux|rhel)(?:/\w+)?:(?:centos|stream)?(?:[89]|10)"
    r"|amazonlinux:2023|fedora:(?:2[2-9]|[3-9]\d)|fedora:(?:latest|rawhide)|fedora$)"
)


def is_dnf(call: Call, base: str) -> bool:
    """Tell whether dnf answers this call: by its name, or because the yum of the base image is one."""
    return tool(call) not in ("yum", "tdnf") or _YUM_IS_DNF.search(base) is not None
