"""A Dockerfile that builds in one stage and ships from another, written out of one that does both in one."""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple

from rules.base_images.program import Program, read_program
from rules.dockerfile import Dockerfile, Instruction, Stage
from rules.patterns import regex

_LONGEST = 70  # lines; a longer build stage is named, not repeated
_LARGEST = 6000  # characters
_OF_THE_CONTAINER = frozenset(
    {"CMD", "ENTRYPOINT", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "VOLUME", "USER", "LABEL", "MAINTAINER"}
)
_MAKES_USERS = frozenset({"useradd", "adduser", "groupadd", "addgroup", "usermod"})
_STATIC_SERVERS = frozenset(
    {"serve", "http-server", "live-server", "superstatic", "pushstate-server", "ws", "local-web-server"}
)
_OUTPUTS = ("dist", "build", "public", "out", "www", "_site", "lib", ".next", ".output", "storybook-static")
_PLAIN_PATH = regex(r"[\w./@+:*-]+")
_NO_PRODUCTION = {
    "npm": "npm prune --production",
    "yarn": "yarn install --production --ignore-scripts --prefer-offline",
    "pnpm": "pnpm prune --prod",
}
# Somebody has done so already, if too late for one stage.
_PRUNES = regex(r"\bprune\b|\b(?:yarn|npm|pnpm)\b[^;&|]{0,200} --(?:prod|omit)")
_NAMES = ("build", "builder", "compile")
_USERS = frozenset({"root", "0", "nobody", "www-data", "daemon"})
_VARIABLE = regex(r"\$\{?(\w+)")
# Arguments that name files: of the folder they run in, or by an extension that a program reads.
_FILE = regex(
    r"(?:^|[=:])(?:\.{1,2}/[\w./-]+|[\w./-]*\.(?:ya?ml|toml|json|ini|conf|cfg|env|properties|xml|sqlite3?|db|pem|crt|key|jar|war"
    r"|[cm]?js|ts|html|tmpl|txt|sql|csv|py|sh|lua))$"
)


class Plan(NamedTuple):
    """What the second stage takes over: `copies` are pairs of a path in the first stage and one in the second."""

    runtime: str
    copies: tuple[tuple[str, str], ...]
    first: tuple[str, ...] = ()
    """Lines to add behind the FROM of the first stage."""
    last: tuple[str, ...] = ()
    """Lines to add at the end of the first stage."""
    setup: tuple[str, ...] = ()
    """Lines to add behind the FROM of the second stage."""
    keeps_program: bool = True


def make_plan(
    dockerfile: Dockerfile, stage: Stage, language: str, runtime: str, command: tuple[str, ...]
) -> Plan | None:
    """Return what to ship of a stage that builds; None where the file does not show it. `command` is what builds."""
    if not runtime:
        return None
    program = read_program(dockerfile, stage)
    words = program.words
    if words is None or _has_more_to_run(dockerfile, stage, words) or _makes_places(dockerfile, stage):
        return None
    if language == "node":
        return _plan_node(stage, runtime, words, command)
    path = _path_of_program(words, language, stage)
    if any(_FILE.search(word) for word in words[1:] if not (path or "").endswith(word.lstrip("./"))):
        return None  # the program reads it, and where it comes from is not to be seen
    if path is None or _is_copied(stage, path) or (language != "java" and _may_need_packages(stage)):
        return None
    target = path if "/" in words[0] else f"/usr/local/bin/{words[0]}"
    copies = ((path, path if language in ("java", "dotnet") else target),)
    if language == "dotnet":
        folder = posixpath.dirname(path)
        return Plan(runtime, ((folder, folder),)) if folder != "/" else None
    if language == "java" and posixpath.basename(posixpath.dirname(path)) == "bin":
        home = posixpath.dirname(posixpath.dirname(path))
        return Plan(runtime, ((home, home),))
    if language == "go":
        return _plan_go(stage, program, copies, runtime)
    if language == "rust" and runtime.startswith("debian"):
        return Plan(runtime, copies, setup=_CERTIFICATES)
    return Plan(runtime, copies)


def _is_copied(stage: Stage, path: str) -> bool:
    """Tell whether what runs is a file of the repository, such as a script that starts the program."""
    for each in stage.instructions:
        if each.keyword in ("COPY", "ADD") and each.flag("from") is None and len(each.words) > 1:
            *sources, target = (word.text for word in each.words)
            if path in (target, *(posixpath.join(target, posixpath.basename(source)) for source in sources)):
                return True
    return False


_CERTIFICATES = (
    "RUN apt-get update \\",
    "    && apt-get install -y --no-install-recommends ca-certificates \\",
    "    && rm -rf /var/lib/apt/lists/*",
)


# Before 1.10 the standard library was linked as the image holds it, with C, whatever CGO_ENABLED says.
_OLD_GO = regex(r"golang:1\.\d(?!\d)")


def _plan_go(stage: Stage, program: Program, copies: tuple[tuple[str, str], ...], runtime: str) -> Plan:
    static = ("ENV CGO_ENABLED=0",)
    if _needs_a_system(stage, program) or _OLD_GO.search(stage.base):
        if "alpine" in stage.base:
            return Plan("alpine", copies, first=static, setup=("RUN apk add --no-cache ca-certificates",))
        return Plan("debian:stable-slim", copies, first=static, setup=_CERTIFICATES)
    files = (
        ("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/ca-certificates.crt"),
        ("/usr/local/go/lib/time/zoneinfo.zip", "/zoneinfo.zip"),
    )
    return Plan(runtime, (*files, *copies), first=static, setup=("ENV ZONEINFO=/zoneinfo.zip",))


def _needs_a_system(stage: Stage, program: Program) -> bool:
    """Tell whether a shell or a table of users has to be there."""
    for each in (*stage.instructions, program.entrypoint, program.command):
        if each is None:
            continue
        if each.keyword == "HEALTHCHECK" or (each.keyword == "USER" and not each.value[:1].isdigit()):
            return True
        if each.keyword in ("CMD", "ENTRYPOINT"):
            words = each.exec_words
            if words is None or (words and words[0].text.rpartition("/")[2] in ("sh", "bash", "env")):
                return True
    return False


def _has_more_to_run(dockerfile: Dockerfile, stage: Stage, words: tuple[str, ...]) -> bool:
    """Tell whether a health check runs anything but the program, or the user it runs as is not made plainly."""
    made = " ".join(_users(dockerfile, stage))
    for each in stage.instructions:
        if each.keyword == "HEALTHCHECK" and each.value.strip().upper() != "NONE":
            called = _words_of_check(each)
            if called[:1] != words[:1] or any(map(_FILE.search, called[1:])):
                return True
        elif each.keyword == "USER":
            name = each.value.strip().partition(":")[0]
            if not (name.isdecimal() or name in _USERS or name in made.split() or (name == "node" == stage.base[:4])):
                return True
    return False


def _words_of_check(each: Instruction) -> tuple[str, ...]:
    text = re.split(r"\bCMD\b", each.value, maxsplit=1, flags=re.IGNORECASE)[-1]
    return tuple(word.strip('",') for word in text.strip("[] ").split())


def _makes_places(dockerfile: Dockerfile, stage: Stage) -> bool:
    """Tell whether a RUN makes folders, owners or modes outside of where the stage works: they would be missing."""
    for each in stage.runs():
        if not any(map(each.value.__contains__, ("mkdir", "chown", "touch", "chmod"))):
            continue
        own = posixpath.normpath(dockerfile.scope(stage, each).workdir or "/").rstrip("/") + "/"
        for command in each.commands:
            if command.name in ("mkdir", "chown", "touch", "chmod") and any(
                word.text.startswith("/") and not f"{word.text}/".startswith((own, "/tmp/"))  # noqa: S108
                for word in command.arguments
            ):
                return True
    return False


def _may_need_packages(stage: Stage) -> bool:
    """Tell whether the stage installs something that the program may need when it runs."""
    if any(each.keyword in ("ENV", "ARG") and "CGO_ENABLED=1" in each.value for each in stage.instructions):
        return True
    for each in stage.runs():
        if any(map(each.value.__contains__, ("CGO_ENABLED=1", "sqlite3", "prisma"))):
            return True
        if not any(map(each.value.__contains__, ("apt", "apk"))):
            continue
        for command in each.commands:
            if command.name in ("apt-get", "apt", "apk") and not {"install", "add"}.isdisjoint(command.texts):
                names = [word.text for word in command.arguments if not word.text.startswith("-")]
                if any(re.split(r"[=<>~]", name, maxsplit=1)[0] not in _BUILD_PACKAGES for name in names):
                    return True
    return False


# What is installed to build, not to run.
_BUILD_PACKAGES = frozenset(
    {
        "install", "add", "git", "make", "gcc", "g++", "build-base", "build-essential", "musl-dev", "libc-dev",
        "mercurial", "bzr", "subversion", "curl", "wget", "ca-certificates", "openssl", "bash", "unzip", "tar",
        "xz-utils", "cmake", "pkg-config", "protobuf", "protobuf-compiler", "openssh", "openssh-client",
        "gnupg", "tzdata", "upx", "vim", "nano", "git-core", "apt-transport-https",
        "software-properties-common", "apt-utils", "jq", "clang", "lld", "musl-tools",
    }
)  # fmt: skip


def _plan_node(stage: Stage, runtime: str, words: tuple[str, ...], command: tuple[str, ...]) -> Plan | None:
    workdir = _workdir(stage)
    if workdir is None or workdir == "/" or _may_need_packages(stage) or not _is_all_below(stage, workdir):
        return None
    output = _output_of(tuple(word.removeprefix(f"{workdir}/") for word in words))
    if not _STATIC_SERVERS.isdisjoint(word.rpartition("/")[2] for word in words):
        if not output:
            return None
        return Plan("nginx:stable-alpine", ((f"{workdir}/{output}", "/usr/share/nginx/html"),), keeps_program=False)
    if words[0].rpartition("/")[2] not in _NODE_PROGRAMS and "node_modules" not in words[0]:
        return None
    manager = command[0].rpartition("/")[2] if command else "npm"
    # Where the program is part of what was built, that and its packages are enough; else it may read anything.
    if any(_FILE.search(word) and not word.removeprefix("./").startswith(f"{output}/") for word in words[1:]):
        output = ""
    kept = [f"{workdir}/{each}" for each in ("package.json", "node_modules", output)] if output else [workdir]
    return Plan(
        runtime,
        tuple((each, each) for each in kept),
        # What `npm start` runs is not here to be read.
        last=()
        if words[0] in _NO_PRODUCTION or words[0] == "npx" or any(_PRUNES.search(each.value) for each in stage.runs())
        else (f"RUN {_NO_PRODUCTION.get(manager, _NO_PRODUCTION['npm'])}",),
    )


_NODE_PROGRAMS = frozenset({"node", "nodejs", "npm", "yarn", "pnpm", "npx"})


def _is_all_below(stage: Stage, workdir: str) -> bool:
    """Tell whether the stage works in `workdir` and below it only."""
    for each in stage.instructions:
        if each.keyword == "WORKDIR" and each.value.startswith("/"):
            path = posixpath.normpath(each.value.strip())
            if path != workdir and not path.startswith(workdir + "/") and not workdir.startswith(path + "/"):
                return False
    return True


def _output_of(words: tuple[str, ...]) -> str:
    """Return the folder of what was built that a program is started from, or a server serves."""
    for word in words[1:]:
        head = word.removeprefix("./").split("/", 1)[0]
        if head in _OUTPUTS and not word.startswith(("/", "-")) and words[1:2] not in (("run",), ("run-script",)):
            return head
    return ""


def _workdir(stage: Stage) -> str | None:
    path = stage.end.workdir
    if path is None or not _PLAIN_PATH.fullmatch(path):
        return None
    return posixpath.normpath(posixpath.join("/", path))


def _path_of_program(words: tuple[str, ...], language: str, stage: Stage) -> str | None:
    """Return the absolute path of what runs: the program, or the archive that java or dotnet runs."""
    word = words[0]
    name = word.rpartition("/")[2]
    if name in ("java", "dotnet"):
        if word not in (name, f"/usr/bin/{name}"):
            return None  # the other image keeps it elsewhere
        following = words[words.index("-jar") + 1 :] if "-jar" in words else words[1:] if name == "dotnet" else ()
        word = following[0] if following else ""
        if not word.endswith((".jar", ".war", ".dll")):
            return None
    elif name in _RUNNERS or name.endswith((".sh", ".py")):
        return None
    if not word or not _PLAIN_PATH.fullmatch(word) or "*" in word:
        return None
    if "/" not in word and name not in ("java", "dotnet") and not word.endswith((".jar", ".war", ".dll")):
        return _find_on_path(word, _FOLDERS.get(language, "/usr/local/bin"), stage)
    if word.startswith("/"):
        return posixpath.normpath(word)
    workdir = _workdir(stage)
    return posixpath.normpath(posixpath.join(workdir, word)) if workdir is not None else None


def _find_on_path(name: str, folder: str, stage: Stage) -> str | None:
    """Return where a program that is run by its name lies: where a RUN has it, else where its language puts it."""
    found: set[str] = set()
    for each in stage.instructions:
        for place in _BIN.finditer(each.value) if each.keyword == "RUN" else ():
            named = (place[2] or "").removeprefix("/")
            if named == name:
                found.add(place[0])
            elif not named and place[1] != folder:
                return None  # it may have been put there
    if len(found) > 1:
        return None
    return found.pop() if found else f"{folder}/{name}"


_BIN = regex(r"(?<![\w./:-])((?:/[\w.-]+)*/bin)(/[\w.+-]*)?(?![\w./+-])")
_FOLDERS = {"go": "/go/bin", "rust": "/usr/local/cargo/bin", "haskell": "/root/.local/bin"}
# What starts something else, or is the toolchain itself.
_RUNNERS = frozenset(
    {
        "sh", "bash", "env", "make", "go", "cargo", "mvn", "mvnw", "gradle", "gradlew", "sbt", "lein", "npm",
        "npx", "yarn", "node", "python", "python3", "dotnet", "swift", "stack", "cabal", "tini", "dumb-init",
        "gosu", "su-exec", "sudo", "supervisord", "nohup", "exec", "timeout", "wait-for-it", "nginx",
    }
)  # fmt: skip


def write_two_stages(dockerfile: Dockerfile, stage: Stage, plan: Plan) -> str:
    """Return the whole file with `stage` split in two."""
    return _write(dockerfile, stage, plan).replace("\r\n", "\n")


def _write(dockerfile: Dockerfile, stage: Stage, plan: Plan) -> str:
    moved = [each for each in stage.instructions if each.keyword in _OF_THE_CONTAINER]
    build = [_source(dockerfile, each) for each in stage.instructions if each.keyword not in _OF_THE_CONTAINER]
    while stage.instructions and build and build[-1].split(None, 1)[0].upper() == "WORKDIR":
        build.pop()
    if sum(each.count("\n") + 1 for each in build) > _LONGEST or sum(map(len, build)) > _LARGEST:
        build = [f"# lines {stage.start.end_line + 1} to {stage.instructions[-1].end_line} as they are"]
    taken = {other.name for other in dockerfile.stages}
    name = stage.name or next(each for each in (*_NAMES, f"stage-{stage.index}") if each not in taken)
    start = _source(dockerfile, stage.start)
    before = [_source(dockerfile, each) for each in dockerfile.instructions if each.index < stage.start.index]
    lines = [*before, start if stage.name else f"{start} AS {name}", *plan.first, *build, *plan.last, ""]
    users = _users(dockerfile, stage)
    makes = any("adduser" in each or "addgroup" in each for each in users) and plan.runtime.startswith("debian")
    setup = [line.replace("ca-certificates", "adduser ca-certificates") if makes else line for line in plan.setup]
    rest = [*users]
    if plan.keeps_program:
        rest += [_source(dockerfile, each) for each in stage.instructions if each.keyword == "ENV" and _is_read(each)]
        workdir = _workdir(stage) if stage.end.workdir_given else None
        if workdir is not None and workdir != "/":
            rest.append(f"WORKDIR {workdir}")
    rest += [f"COPY --from={name} {source} {target}" for source, target in plan.copies]
    rest += [_source(dockerfile, each) for each in moved if _is_kept(each, plan)]
    used = set(_VARIABLE.findall("\n".join(rest)))
    arguments = [
        _source(dockerfile, each)
        for each in stage.instructions
        if each.keyword == "ARG" and each.value.partition("=")[0].strip() in used
    ]
    return "\n".join((*lines, f"FROM {plan.runtime}", *setup, *arguments, *rest)) + "\n"


def _is_read(each: Instruction) -> bool:
    return not any(map(each.value.__contains__, ("GOPATH", "GO111", "CGO_ENABLED")))


def _is_kept(each: Instruction, plan: Plan) -> bool:
    if each.keyword == "USER":
        return each.value.strip().partition(":")[0] not in ("root", "0")
    return plan.keeps_program or each.keyword in ("LABEL", "MAINTAINER")


def _users(dockerfile: Dockerfile, stage: Stage) -> list[str]:
    """Return the RUNs that make the users that the second stage needs as well."""
    if not any(each.keyword == "USER" for each in stage.instructions):
        return []
    return [
        _source(dockerfile, each)
        for each in stage.runs()
        if any(map(each.value.__contains__, ("user", "group")))
        and each.commands
        and all(command.name in _MAKES_USERS for command in each.commands)
    ]


def _source(dockerfile: Dockerfile, each: Instruction) -> str:
    return each.span.of(dockerfile.text)
