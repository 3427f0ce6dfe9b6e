"""Which packages build things, which commands do, and which images are made for building."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from rules.dockerfile import Dockerfile, Instruction, ShellCommand, Stage
from rules.patterns import regex
from rules.surroundings import Surroundings
from rules.tools import pip

# Compilers and build systems: with one of these installed, something is meant to be built.
_TOOLCHAIN = regex(
    r"(?:build-essential|build-base|alpine-sdk|base-devel|Development Tools|development|@?development-tools"
    r"|(?:gcc|g\+\+|clang|gfortran|gobjc)(?:-[\d.]+|-multilib)*|gcc-c\+\+|gcc-gfortran|cc|make|gmake|cmake|cmake3|ninja|ninja-build"
    r"|meson|scons|autoconf|autoconf2\.\d+|automake|autotools-dev|libtool|libtool-bin|bison|flex|nasm|yasm|swig|rpm-build"
    r"|rust|rustc|cargo|maven|gradle|ant|sbt|golang|golang-go|go|ghc|cabal-install|opam|cython3?|patch-elf|redhat-rpm-config"
    r"|devtoolset-\d+(?:-.*)?|gcc-toolset-\d+(?:-.*)?|llvm(?:-\d+)?|node-gyp)$"
)
_HEADERS = regex(r"(?:[\w.+-]+-dev|[\w.+-]+-devel|[\w.+-]+-headers|linux-headers[\w.-]*|kernel-devel[\w.-]*)$")
_BARE_HEADERS = regex(
    r"(?:musl-dev|libc-dev|libc6-dev|glibc-devel|linux-headers[\w.-]*|kernel-(?:devel|headers)[\w.-]*|python[\d.]*-dev(?:el)?"
    r"|ruby[\d.]*-dev(?:el)?|php[\d.]*-dev(?:el)?)$"
)
# What every compiler needs.
_OF_THE_COMPILER = frozenset({"libc-dev", "libc6-dev", "linux-libc-dev", "musl-dev", "glibc-devel", "glibc-headers"})
# Named like headers, needed as they are.
_NO_HEADERS = regex(r"(?:tzdata|ca-certificates|python3?-distutils|texlive.*|fonts?-.*)-dev")
# Beside these, a compiler is there to be worked with.
_WORKBENCH = regex(
    r"(?:gdb|gdbserver|valgrind|strace|ltrace|lcov|cppcheck|clang-(?:format|tidy|tools)(?:-\d+)?|ccache|distcc|doxygen|astyle"
    r"|tmux|emacs.*|neovim|bear|devscripts|debhelper|dh-make|dpkg-dev|rpm-build|rpmdevtools|mock|fakeroot|checkinstall|quilt"
    r"|openssh-server|crossbuild-essential-.*|gcc-(?:arm|aarch64|mingw|avr|multilib).*|g\+\+-(?:arm|aarch64|mingw).*|mingw-.*"
    r"|gcc-mips.*|binutils-(?:arm|aarch64|mips|avr).*|repo|bc|cpio|device-tree-compiler|u-boot-tools|lib32.*-dev|ruby-build"
    r"|r-base|r-base-dev|R|R-devel|julia|octave|sagemath|jupyter.*|ipython3?|texlive.*|gnuradio.*|ros-.*|arduino.*)$"
)

# What says of an image that people build, test or work in it.
_PATH_OF_WORKSHOP = regex(
    r"(?:^|[^a-z0-9])(?:dev|devel|devbox|devenv|develop|development|developer|ci|cicd|buildenv|builder|builders|buildbot"
    r"|buildroot|devcontainer|toolchain|toolchains|toolbox|compiler|compilers|sdk|jenkins|slave|runner|runners|travis"
    r"|gitlab-ci|test|tests|testing|tester|e2e|debug|onbuild|base|fuzz|fuzzing|oss-fuzz|lint|notebook|notebooks|jupyter"
    r"|rpm|deb|packaging|vagrant|workspace|playground|crosscompile|cross)(?:$|[^a-z0-9])",
    re.IGNORECASE,
)
_STAGE_OF_WORKSHOP = regex(
    r"(?:^|[^a-z0-9])(?:dev|devel|develop|development|ci|build|builder|test|tests|testing|debug|toolchain|devcontainer|sdk|lint)"
    r"(?:$|[^a-z0-9])"
)
_BASE_OF_WORKSHOP = regex(
    r"devcontainer|toolchain|jenkins|slave|gitlab-runner|actions-runner|builder|buildenv|buildkite|emscripten|emsdk|cross|jupyter"
    r"|notebook|rocker/|r-base|julia|androidsdk|android-|cirrus|circleci|travis|gitpod|codespace|oss-fuzz|manylinux|musllinux"
    r"|dockcross|buildroot|yocto|ros:|texlive|(?:^|[^a-z0-9])(?:dev|devel|sdk|ci)(?:$|[^a-z0-9])",
    re.IGNORECASE,
)

# Images that bring compiler and headers themselves: what is installed on top of them is there already.
_BRINGS_COMPILER = regex(
    r"^(?:docker\.io/)?(?:library/|circleci/)?(?:buildpack-deps|python|node|ruby|perl|golang|rust|gcc|openjdk|java|erlang|elixir|haskell"
    r"|swift|php|iojs|jruby|pypy|rails|django|maven|gradle)(?::(?!.*(?:slim|alpine|onbuild))|$)"
)

_COMPILES = {
    "make": "make", "gmake": "make", "cmake": "cmake", "cmake3": "cmake", "ninja": "ninja", "meson": "meson",
    "scons": "scons", "gcc": "gcc", "g++": "g++", "cc": "cc", "c++": "c++", "clang": "clang", "clang++": "clang++",
    "gfortran": "gfortran", "ld": "ld", "configure": "configure", "config": "config", "autogen.sh": "autogen.sh",
    "autoreconf": "autoreconf", "bootstrap": "bootstrap", "bootstrap.sh": "bootstrap.sh", "buildconf": "buildconf",
    "waf": "waf", "b2": "b2", "bjam": "bjam", "qmake": "qmake", "checkinstall": "checkinstall", "rustc": "rustc",
    "mvn": "mvn", "mvnw": "mvnw", "gradle": "gradle", "gradlew": "gradlew", "ant": "ant", "sbt": "sbt",
    "phpize": "phpize",
    "docker-php-ext-install": "docker-php-ext-install", "docker-php-ext-configure": "docker-php-ext-configure",
    "javac": "javac", "ghc": "ghc", "stack": "stack", "cabal": "cabal", "rebar3": "rebar3", "autoconf": "autoconf",
}  # fmt: skip
_BY_VERB = {
    "npm": frozenset({"install", "i", "ci", "add", "rebuild"}),
    "yarn": frozenset({"install", "add", "global", ""}),
    "pnpm": frozenset({"install", "i", "add"}),
    "gem": frozenset({"install", "update"}),
    "fluent-gem": frozenset({"install"}),
    "td-agent-gem": frozenset({"install"}),
    "bundle": frozenset({"install", ""}),
    "bundler": frozenset({"install", ""}),
    "cargo": frozenset({"build", "install", "xbuild"}),
    "go": frozenset({"build", "install", "get"}),
    "pecl": frozenset({"install"}),
    "luarocks": frozenset({"install", "make", "build"}),
    "mix": frozenset({"compile", "release", "deps.compile"}),
    "opam": frozenset({"install"}),
    "nimble": frozenset({"install", "build"}),
    "shards": frozenset({"build"}),
    "crystal": frozenset({"build"}),
    "uv": frozenset({"sync", "pip"}),
    "poetry": frozenset({"install"}),
    "pipenv": frozenset({"install", "sync"}),
    "pipx": frozenset({"install"}),
    "conda": frozenset(),
}
_SETUP = regex(r"(?:setup|build|configure)\.py$")
_PYTHON = regex(r"python[\d.]*$")
_ALWAYS = frozenset({"cpanm", "cpan", "easy_install", "node-gyp"})
# A regular expression of all of them would try each at every character.
_BUILD_HINTS = (
    "make", "ninja", "meson", "scons", "gcc", "g++", "c++", "clang", "gfortran", "config", "autogen", "autoreconf",
    "bootstrap", "buildconf", "waf", "bjam", "pip", "setup.py", "easy_install", "npm", "yarn", "bundle", "cargo",
    "rustc", "pecl", "php", "luarocks", "mvn", "gradle", "sbt", "javac", "poetry", "Rscript", "cpan", "ghc",
    "stack", "cabal", "rebar", "opam", "nimble", "shards", "crystal", "node-gyp",
)  # fmt: skip
_SHORT_BUILD_HINTS = regex(r"\b(?:cc|b2|go|ant|R)\b|(?:gem|mix|uv)\b")

# What compiles while it runs, or is a place to work in.
_AT_RUN_TIME = regex(
    r"\b(?:numba|triton|theano|pytensor|pymc3?|torch|pytorch|jax|vllm|deepspeed|cupy|pycuda|pyopencl|pystan|cmdstan\w*|jupyter\w*|notebook"
    r"|ipython|julia|Rscript|rstudio|sage|octave|code-server|sshd|cgo|brython|cppyy|weave|pyximport|tensorflow-serving"
    r"|jenkins|gitlab-runner|actions-runner|buildkite|emsdk|platformio|arduino|bazel|conan|vcpkg|rustup|nvm|rbenv|pyenv|phpbrew"
    r"|sdkman|asdf|opam|teamcity|bamboo\w*|theia|cloud9|android\w*|cordova|ionic|sdkmanager|flutter|gitpod"
    r"|judger?|judgehost|domjudge)\b"
)
_RUNS_COMPILER = regex(
    r"\b(?:make|cmake|gcc|g\+\+|clang|cargo|rustc|javac|mvnw?|gradlew?|ant|sbt|tox|pytest|nosetests|py\.test|rake|ctest|jupyter|ipython"
    r"|sshd|git|ansible|irb|pry)\b|\bgo\s+(?:run|build|test|get|generate)\b|\b(?:pip3?|npm|yarn|pnpm|gem|bundle)\b[\s\"',]+(?:install|ci|i|test|build|dev|watch)\b"
    r"|\b(?:npm|yarn|pnpm)\b[\s\"',]+run[\s\"',]+(?:build|dev|watch|test|compile)"
    r"|\bsetup\.py\b|\bbuild\.(?:sh|py)|/builder\b|\b(?:grunt|gulp|webpack|jekyll|hugo|hexo|meteor)\b"
)
_SHELL_ONLY = regex(
    r"""^\[?\s*["']?(?:/usr)?(?:/bin/)?(?:ba|z|da|a|fi|k)?sh["']?(?:\s*,?\s*["']?(?:-l|-i|--login|-il|-li)["']?)*\s*\]?$"""
    r"""|^\[?\s*["']?(?:/usr)?(?:/bin/)?(?:tail|sleep|true|cat)\b|^\[\s*\]$|supervisord.*sshd|/sbin/init|systemd"""
)
_SERVES = regex(
    r"(?:^|/)(?:python|node|ruby|php|nginx|httpd|tomcat|wordpress|postgres|mysql|mariadb|redis|mongo|rabbitmq|drupal|joomla|haproxy"
    r"|jetty|varnish|traefik|memcached|solr|elasticsearch|kibana|logstash|grafana|odoo|redmine|ghost|nextcloud|owncloud|kong)(?::|$)"
)


@lru_cache(maxsize=256)
def is_toolchain(package: str) -> bool:
    """Tell whether a package is a compiler or a build system."""
    return _TOOLCHAIN.match(package) is not None


@lru_cache(maxsize=256)
def is_headers(package: str) -> bool:
    """Tell whether a package holds headers and static libraries."""
    return _HEADERS.match(package) is not None and _NO_HEADERS.match(package) is None


def comes_with_compiler(package: str) -> bool:
    """Tell whether a package of headers is where a compiler is."""
    return package in _OF_THE_COMPILER


@lru_cache(maxsize=256)
def is_bare_headers(package: str) -> bool:
    """Tell whether a package of headers depends on no library that a program might need without them."""
    return _BARE_HEADERS.match(package) is not None


def is_workbench(package: str) -> bool:
    """Tell whether a package belongs to an image that people build in."""
    return _WORKBENCH.match(package) is not None


def build_use(command: ShellCommand) -> str:
    """Return how a command that may compile something is called, empty for any other."""
    name = command.name
    if not name:
        return ""
    if name in _COMPILES:
        return "" if _asks_version(command) else _COMPILES[name]
    if name in _ALWAYS:
        return name
    if name in ("R", "Rscript", "r"):
        return f"{name} install" if any("install" in text for text in command.texts) else ""
    if name in _BY_VERB:
        verb = next((text for text in command.texts[1:] if not text.startswith("-")), "")
        return f"{name} {verb}".rstrip() if verb in _BY_VERB[name] and not _asks_version(command) else ""
    call = pip.read_pip(command)
    if call is not None:
        return "pip install" if call.verb in ("install", "wheel") and _may_compile(call.command) else ""
    if _PYTHON.match(name):
        return next((f"python {text}" for text in command.texts[1:3] if _SETUP.search(text)), "")
    if name in ("sh", "bash") and len(command.words) > 1:
        script = command.words[-1].text
        return _hidden(script) if command.has_flag("-c") else _script(script)
    return ""


# Wheels that need no compiler, whatever the platform.
_PURE = frozenset(
    {"pip", "setuptools", "wheel", "virtualenv", "pipenv", "poetry", "awscli", "supervisor", "j2cli", "httpie"}
)


def _may_compile(command: ShellCommand) -> bool:
    call = pip.read_pip(command)
    if call is None:
        return False
    if call.has("-r", "--requirement", "-e", "--editable") or not call.operands:
        return True
    return any(re.split(r"[=<>\[~!]", word.text)[0].lower() not in _PURE for word in call.operands)


def _asks_version(command: ShellCommand) -> bool:
    return len(command.words) == 2 and command.words[1].text in ("--version", "-v", "-version", "version")


_HIDDEN = regex(
    r"(?:^|[\s;&|])(?:\S*/)?(make|cmake|ninja|gcc|g\+\+|cargo build|cargo install|go build|go install|go get"
    r"|npm install|npm ci|yarn install|bundle install|gem install|pip3? install|mvn|gradle|ant)\b"
)


def _hidden(script: str) -> str:
    match = _HIDDEN.search(script[:4096])
    return match[1] if match else ""


def _script(script: str) -> str:
    name = script.rpartition("/")[2]
    return name if name in _COMPILES else ""


def may_build(instruction: Instruction) -> bool:
    """Tell whether a RUN is worth reading for commands that build."""
    text = instruction.value
    return (
        any(map(text.__contains__, _BUILD_HINTS))
        or _SHORT_BUILD_HINTS.search(text) is not None
        or bool(instruction.heredocs)
    )


def brings_compiler(base: str) -> bool:
    """Tell whether a base image holds a compiler and common headers itself."""
    return _BRINGS_COMPILER.search(base) is not None


def is_workshop(dockerfile: Dockerfile, stage: Stage, path: str) -> bool:
    """Tell whether an image is there to build, test or work in, by its path, its stage or its base."""
    if _PATH_OF_WORKSHOP.search(path):
        return True
    if stage.name and _STAGE_OF_WORKSHOP.search(stage.name):
        return True
    while stage.parent is not None:
        stage = dockerfile.stages[stage.parent]
    return _BASE_OF_WORKSHOP.search(stage.base) is not None


def compiles_at_run_time(dockerfile: Dockerfile, last: Stage) -> bool:
    """Tell whether what the image runs may need a compiler, or people may."""
    command = entry = check = None
    for _, each in dockerfile.lineage(last):
        if each.keyword == "CMD":
            command = each
        elif each.keyword == "ENTRYPOINT":
            entry, command = each, None
        elif each.keyword == "HEALTHCHECK":
            check = each
    started = [each for each in (entry, command) if each is not None]
    if not started:
        base = next(dockerfile.lineage(last), None)
        return base is None or _SERVES.search(base[0].base) is None
    if all(_SHELL_ONLY.search(each.value.strip()) for each in started):
        return True
    if check is not None:
        started.append(check)
    return any(_RUNS_COMPILER.search(each.value[:4096]) for each in started)


def mentions_run_time_compiler(instruction: Instruction) -> bool:
    """Tell whether an instruction installs what compiles while it runs."""
    return (
        instruction.keyword in ("RUN", "ENV", "CMD", "ENTRYPOINT")
        and _AT_RUN_TIME.search(instruction.value) is not None
    )


def mentions_toolchain(instruction: Instruction) -> bool:
    """Tell whether a RUN names a compiler, for whatever purpose."""
    return instruction.keyword == "RUN" and _ANY_TOOLCHAIN.search(instruction.span.of(instruction.document)) is not None


_ANY_TOOLCHAIN = regex(
    r"[\s'\"](?:build-essential|build-base|alpine-sdk|gcc[\w.+-]*|g\+\+[\w.-]*|clang[\w.-]*|make|cmake|autoconf|automake)(?:[\s'\"=]|$)"
    r"|Development Tools"
)


def build_uses(commands: tuple[ShellCommand, ...]) -> Iterator[tuple[ShellCommand, str]]:
    """Yield the commands that may compile something, and how they are called."""
    for command in commands:
        use = build_use(command)
        if use:
            yield command, use


# These compile only where no ready-made package exists.
_WEAK = (
    "pip",
    "npm",
    "yarn",
    "pnpm",
    "gem",
    "fluent-gem",
    "td-agent-gem",
    "bundle",
    "uv",
    "poetry",
    "pipenv",
    "pipx",
    "easy_install",
    "cpan",
)


def last_use(dockerfile: Dockerfile, stage: int, *, strong: bool = False) -> tuple[Instruction, str] | None:
    """Return the last RUN from the start of a stage on that may compile something, and how.

    With `strong`, the last one that makes native code for certain.
    """
    return _last_uses(dockerfile, stage)[strong]


@lru_cache(maxsize=8)
def _last_uses(
    dockerfile: Dockerfile, stage: int
) -> tuple[tuple[Instruction, str] | None, tuple[Instruction, str] | None]:
    own = dockerfile.stages[stage]
    last = last_strong = None
    for _, each in dockerfile.after(own, own.start):
        if each.keyword == "RUN" and may_build(each):
            uses = [use for _, use in build_uses(each.commands)]
            strong = next((use for use in reversed(uses) if not is_weak(use)), None)
            if strong is not None:
                last = last_strong = (each, strong)
            elif uses:
                last = (each, uses[-1])
    return last, last_strong


def is_weak(use: str) -> bool:
    """Tell whether a use compiles only where no ready-made package exists."""
    return use.startswith(_WEAK)


def is_wanted(dockerfile: Dockerfile, stage: Stage, surroundings: Surroundings) -> bool:
    """Tell whether what a shipped stage ends in may need its build tools at run time, or is an image to build in."""
    family = {stage.index, *(child.index for child in dockerfile.children(stage))}
    last = [each for each in dockerfile.shipped(surroundings.targets) if each.index in family][-1]
    return is_workshop(dockerfile, last, surroundings.path) or _compiles(dockerfile, last.index)


@lru_cache(maxsize=8)
def _compiles(dockerfile: Dockerfile, stage: int) -> bool:
    last = dockerfile.stages[stage]
    return compiles_at_run_time(dockerfile, last) or any(
        mentions_run_time_compiler(each) for _, each in dockerfile.lineage(last)
    )
