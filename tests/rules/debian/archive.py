"""A small archive of packages, made up."""

from __future__ import annotations

from rules.debian.index import PackageIndex, condense
from rules.surroundings import Surroundings

_PACKAGES: tuple[tuple[str, str], ...] = (
    ("libc6", "Version: 2.36-9\nInstalled-Size: 12000\nPriority: required"),
    ("dpkg", "Version: 1.21\nInstalled-Size: 6000\nPriority: required\nEssential: yes\nPre-Depends: libc6"),
    ("apt", "Version: 2.6.1\nInstalled-Size: 4000\nPriority: important\nDepends: libc6 (>= 2.34), dpkg"),
    ("clockd", "Version: 3.0-1\nInstalled-Size: 300\nDepends: libc6\nRecommends: default-post | post-agent, no-such"),
    ("poster", "Version: 4\nInstalled-Size: 9000\nProvides: post-agent\nDepends: libtls (>= 3)"),
    (
        "poster-light",
        "Version: 4\nInstalled-Size: 3000\nProvides: post-agent\nDepends: libtls (>= 3)\nRecommends: readme",
    ),
    ("default-post", "Version: 1\nInstalled-Size: 10\nDepends: poster-light"),
    ("libtls", "Version: 3.1\nInstalled-Size: 5000\nDepends: libc6"),
    ("readme", "Version: 1\nInstalled-Size: 2000"),
    ("mailer", "Version: 2\nInstalled-Size: 700\nDepends: default-post | post-agent"),
    ("agent-user", "Version: 2\nInstalled-Size: 70\nDepends: post-agent"),
    ("fetch", "Version: 7.8\nInstalled-Size: 500\nDepends: libfetch4 (= 7.8)\nRecommends: ca-certificates"),
    ("libfetch4", "Version: 7.8\nInstalled-Size: 800\nDepends: libtls\nRecommends: bigdata"),
    ("bigdata", "Version: 1\nInstalled-Size: 4000"),
    ("ca-certificates", "Version: 2023\nInstalled-Size: 400\nDepends: openssl"),
    ("openssl", "Version: 3.0\nInstalled-Size: 2300\nDepends: libtls"),
    ("cron", "Version: 3.0\nInstalled-Size: 300\nDepends: libc6\nRecommends: exim4"),
    ("exim4", "Version: 4.96\nInstalled-Size: 1000\nDepends: exim4-base"),
    ("exim4-base", "Version: 4.96\nInstalled-Size: 18400"),
    ("curl", "Version: 7.88\nInstalled-Size: 500\nDepends: libc6\nRecommends: ca-certificates"),
    ("newer", "Version: 1:1.0\nInstalled-Size: 10\nDepends: libtls (>= 9)"),
    ("loop-a", "Version: 1\nMulti-Arch: allowed\nInstalled-Size: 10\nDepends: loop-b"),
    ("loop-b", "Version: 1\nInstalled-Size: 20\nDepends: loop-a:any, virtual-thing (>= 2)"),
    ("old-thing", "Version: 5\nInstalled-Size: 30\nProvides: virtual-thing (= 1)"),
    ("thing", "Version: 5\nInstalled-Size: 40\nProvides: virtual-thing (= 2)"),
)


def packages_text() -> str:
    """Return the archive as a `Packages` file."""
    return "".join(
        f"Package: {name}\n{fields}\nArchitecture: all\nMaintainer: Nobody <nobody@example.com>\n"
        f"Filename: pool/{name}.deb\nSize: 100\nSHA256: {'0' * 64}\nDescription: {name}\n\n"
        for name, fields in _PACKAGES
    )


def make_index(*more: str) -> PackageIndex:
    """Return the index of the archive, and of others."""
    return PackageIndex("Debian 12", [condense([text.encode()]) for text in (packages_text(), *more)])


def known() -> Surroundings:
    """Return surroundings in which bookworm is this archive."""
    return Surroundings(packages={"bookworm": make_index()})
