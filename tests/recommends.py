"""`python -m tests.recommends RELEASE=FILE ...`: which packages of the corpus bring less than 1 MB by recommends.

Each file is a `Packages` of one release. Prints rules/debian/recommend_little.txt: a name counts if it, and all that
differ from it in numbers only, bring less than 1 MB in every release that has them, against a minimal system.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from rules.debian.index import PackageIndex, condense
from rules.debian.recommends import read_key
from rules.dockerfile import DockerfileError, parse
from rules.tools import apt
from tests.corpus import corpus_texts

LITTLE = 1_000_000
RENAMED = {"libpng-dev": ["libpng#-dev"], "default-libmysqlclient-dev": ["libmysqlclient-dev", "libmariadbclient-dev"]}
"""Packages that older releases have under other names, which are as large."""
COMPILER = ("g++", "gcc", "libc6-dev", "make")
PRESENT = {"": (), "~": ("ca-certificates",), "+": COMPILER, "*": (*COMPILER, "ca-certificates")}
"""What is installed before, by its mark in the list."""
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")


def main(arguments: list[str]) -> int:
    """Print the list."""
    wanted = {read_key(name) for name in _names()}
    most: defaultdict[str, int] = defaultdict(int)
    titles = []
    for argument in arguments:
        title, _, path = argument.partition("=")
        titles.append(title)
        condensed = condense([Path(path).read_bytes()])
        index = PackageIndex(title, [condensed])
        for line in condensed.splitlines()[1:]:
            name = line.partition(b"\t")[0].decode().removeprefix("~")  # virtual ones begin so
            if (key := read_key(name)) in wanted:
                for mark, present in PRESENT.items():
                    if (extra := _extra(index, name, present)) is not None:
                        most[mark + key] = max(most[mark + key], extra)
    little = {key for key, extra in most.items() if extra < LITTLE}
    little.update(f"+{old}" for new, names in RENAMED.items() if f"+{new}" in little for old in names)
    print(f"// Packages that bring less than 1 MB by recommends in {', '.join(titles)}, of the corpus's names.")
    print("// # stands for any number. ~ for where ca-certificates is there, + for where a compiler is, * for both.")
    print("// Printed by tests/recommends.py.")
    print("\n".join(sorted(key for key in little if not _is_implied(key, little))))
    return 0


def _names() -> set[str]:
    found: set[str] = set()
    for _, text in corpus_texts():
        try:
            dockerfile = parse(text)
        except DockerfileError:
            continue
        for command in (
            command for each in dockerfile.instructions if "apt" in each.value for command in each.commands
        ):
            call = apt.read_apt(command)
            if call is not None and call.verb == "install":
                found.update(re.split("[=:/]", word.text)[0] for word in call.operands if word.literal)
    return {name for name in found if _NAME.fullmatch(name)}


def _is_implied(key: str, little: set[str]) -> bool:
    """Tell whether the list says the same of fewer conditions."""
    name = key.lstrip("~+*")
    return key != name and (name in little or (key[0] == "*" and not little.isdisjoint((f"~{name}", f"+{name}"))))


def _extra(index: PackageIndex, name: str, present: Iterable[str]) -> int | None:
    """Return the bytes that one package brings by recommends, None where it cannot be installed."""
    sizes = []
    for recommends in (True, False):
        system = index.minimal()
        if system is None or index.install(system, present, recommends=False) is None:
            return None
        added = index.install(system, [name], recommends=recommends)
        if added is None:
            return None
        sizes.append(sum(each.size for each in added))
    return sizes[0] - sizes[1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
