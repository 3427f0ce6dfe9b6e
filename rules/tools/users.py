"""Which users and groups exist at an instruction: made by a RUN above, or known of the base image."""

from __future__ import annotations

from rules.dockerfile import Dockerfile, Instruction, ShellCommand, Stage
from rules.dockerfile.parse import expand
from rules.patterns import regex
from rules.runs import Run

_MAKERS = ("useradd", "adduser", "groupadd", "addgroup", "usermod", "groupmod")
_CHANGERS = frozenset({"usermod", "groupmod", "userdel", "groupdel", "deluser", "delgroup", "vipw"})
# Whatever may bring a user along: packages do as well as scripts.
_MAY_MAKE = frozenset(
    {
        *_MAKERS, "newusers", "apt-get", "apt", "aptitude", "apk", "yum", "dnf", "microdnf", "zypper", "dpkg",
        "rpm", "sh",
        "bash", "ash", "dash", "zsh", "make", ".", "source", "eval", "xargs", "su", "gosu", "", "sed",
        "pacman", "python",
    }
)  # fmt: skip
_MOST_RUNS = 40
# By the name of the image, official ones and a few that everybody uses; each user has a group of its own name.
_OF_IMAGES = (
    (regex(r"^(?:library/)?(?:node|ghost)(?::|@|$)"), frozenset({"node"})),
    (regex(r"^(?:library/|nginxinc/)?nginx(?:-unprivileged)?(?::|@|$)"), frozenset({"nginx"})),
    (regex(r"^(?:library/)?(?:php|wordpress|nextcloud|drupal|httpd|matomo)(?::|@|$)"), frozenset({"www-data"})),
    (regex(r"^(?:library/)?(?:debian|ubuntu|buildpack-deps)(?::|@|$)"), frozenset({"www-data", "daemon"})),
    (
        regex(r"^(?:library/)?(?:python|ruby|golang|rust|perl)(?::(?!\S*(?:alpine|windows))|$)"),
        frozenset({"www-data", "daemon"}),
    ),
    (regex(r"^(?:library/)?postgres(?::|@|$)"), frozenset({"postgres"})),
    (regex(r"^(?:library/)?redis(?::|@|$)"), frozenset({"redis"})),
    (regex(r"^(?:library/)?(?:mysql|mariadb)(?::|@|$)"), frozenset({"mysql"})),
    (regex(r"^(?:library/)?mongo(?::|@|$)"), frozenset({"mongodb"})),
    (regex(r"^(?:library/)?jetty(?::|@|$)"), frozenset({"jetty"})),
    (regex(r"^(?:library/)?gradle(?::|@|$)"), frozenset({"gradle"})),
    (regex(r"^jenkins/jenkins(?::|@|$)"), frozenset({"jenkins"})),
    (regex(r"^(?:library/)?solr(?::|@|$)"), frozenset({"solr"})),
    (regex(r"^denoland/deno(?::|@|$)"), frozenset({"deno"})),
    (regex(r"^oven/bun(?::|@|$)"), frozenset({"bun"})),
    (regex(r"^mcr\.microsoft\.com/dotnet/(?:aspnet|runtime|runtime-deps|sdk):(?:[89]|1\d)"), frozenset({"app"})),
)  # fmt: skip


def is_same_at(run: Run, stage: Stage, earlier: Instruction, name: str, command: ShellCommand) -> bool:
    """Tell whether a user or group that `command` of `run` names certainly stood for the same when `earlier` ran."""
    if name.isdigit():
        return True
    between = [each for each in (*run.earlier(), run) if each.instruction.index > earlier.index]
    if len(between) > _MOST_RUNS or any(_mentions_accounts(each, command) for each in between):
        return False
    if not may_fail(run, command) and not any(_may_make(each, command) for each in between):
        return True  # it must be there now, and nothing has made it since
    return exists(run.dockerfile, stage, earlier, name)


def may_fail(run: Run, command: ShellCommand) -> bool:
    """Tell whether a RUN may succeed although one of its commands failed, or was left out by what stands before it."""
    script = run.instruction.script
    if any(each.before == "||" and each.statement == command.statement for each in run.commands):
        return True
    return command.statement < len(script.statements) - 1 and not (script.errexit or run.scope.errexit)


def _mentions_accounts(run: Run, but: ShellCommand) -> bool:
    """Tell whether a RUN may change the number behind a name."""
    if not run.instruction.script.parsed:
        return True
    return any(
        command is not but and (command.name in _CHANGERS or any("/etc/passwd" in text for text in command.texts))
        for command in run.commands
    )


def _may_make(run: Run, but: ShellCommand) -> bool:
    return any(
        command is not but and (command.name in _MAY_MAKE or command.words[0].text.startswith((".", "$", "/")))
        for command in run.commands
    )


def exists(dockerfile: Dockerfile, stage: Stage, instruction: Instruction, name: str) -> bool:
    """Tell whether a user or group is certainly known when `instruction` runs; a number always is."""
    if name.isdigit():
        return True
    root = stage
    while root.parent is not None:
        root = dockerfile.stages[root.parent]
    if name == "root":
        return root.base != "scratch"
    image = root.base.removeprefix("docker.io/")
    if any(name in users and pattern.match(image) for pattern, users in _OF_IMAGES):
        return True
    below = dockerfile.before(stage, instruction)
    return any(each.keyword == "RUN" and _makes(dockerfile, owner, each, name) for owner, each in below)


def _makes(dockerfile: Dockerfile, stage: Stage, each: Instruction, name: str) -> bool:
    text = each.span.of(dockerfile.text)
    if not any(map(text.__contains__, _MAKERS)) or not each.script.parsed:
        return False
    scope = dockerfile.scope(stage, each)
    known = {**scope.args, **scope.env}
    for command in each.commands:
        if command.name not in _MAKERS or any(kind in ("if", "case", "function") for kind in command.nesting):
            continue
        if any(name == (expand(text, known) if "$" in text else text) for text in command.texts[1:]):
            return True
    return False
