"""Who builds which Dockerfile from where: what compose, bake and workflow files say. Texts in, values out."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rules.dockerfile import ShellCommand, SourceMap
from rules.dockerfile.shell import parse_script
from rules.documents import Value, entries, entry, items, read_yaml, text_of

MAX_BUILDS = 1000
_COMPOSE = re.compile(r"(?:docker-)?compose(?:[.-][\w.-]*)?\.ya?ml", re.IGNORECASE)
_BAKE = re.compile(r"docker-bake(?:\.[\w-]+)?\.(?:hcl|json)")
_WORKFLOW = re.compile(r"\.github/workflows/[^/]+\.ya?ml")
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://|git@|github\.com/")
_EXPRESSION = re.compile(r"\$\{\{[^}]*\}\}")
_DEFAULT_CONTEXT = "{{defaultContext}}"
_MAX_INHERITANCE = 10


@dataclass(frozen=True, slots=True)
class Build:
    """One build that a file of the repository describes; both paths are from the repository's top.

    `origin` is where that is written; `sends_git` tells that the builder gets the folder and not a clean checkout.
    """

    dockerfile: str
    root: str
    origin: str
    target: str = ""
    args: tuple[tuple[str, str], ...] = ()
    sends_git: bool = True


@dataclass(frozen=True, slots=True)
class Root:
    """The folder that a Dockerfile's paths start from; `origin` is empty where it is assumed."""

    path: str
    origin: str = ""


def is_build_file(path: str) -> bool:
    """Tell whether a file of this name may say how Dockerfiles are built."""
    name = path.rpartition("/")[2]
    return bool(_COMPOSE.fullmatch(name) or _BAKE.fullmatch(name) or _WORKFLOW.fullmatch(path))


def find_builds(texts: Mapping[str, str]) -> tuple[Build, ...]:
    """Return the builds that files describe, by their paths; what cannot be read or hangs on variables is left out."""
    found: list[Build] = []
    for path in sorted(texts):
        for build in _read(path, texts[path]):
            if len(found) == MAX_BUILDS:
                return tuple(found)
            found.append(build)
    return tuple(found)


def find_root(dockerfile: str, builds: Iterable[Build], sources: Iterable[str], files: Iterable[str]) -> Root | None:
    """Return the context of a Dockerfile, None where nothing tells it.

    What is written somewhere counts, unless two places differ. Else a Dockerfile at the top is built from there, and
    one in a folder from the only folder above it that has all it copies; `sources` are those paths.
    """
    said = {build.root: build.origin for build in builds if build.dockerfile == dockerfile}
    if said:
        return Root(*next(iter(said.items()))) if len(said) == 1 else None
    folder = posixpath.dirname(dockerfile)
    if not folder:
        return Root("")
    sources = [each for each in map(_clean, sources) if each]
    if not sources:
        return None
    candidates = list(_lineage(folder))
    known = {parent for path in files for parent in (path, *_lineage(posixpath.dirname(path)))}
    fitting = [root for root in candidates if all(posixpath.join(root, each) in known for each in sources)]
    return Root(fitting[0], "the paths that it copies") if len(fitting) == 1 else None


def targets_of(dockerfile: str, builds: Iterable[Build]) -> frozenset[str]:
    """Return the stages of a Dockerfile that are built as images of their own."""
    return frozenset(build.target for build in builds if build.dockerfile == dockerfile and build.target)


def _clean(source: str) -> str:
    """Return a source as a path from the root; empty for the root, for globs and for what a variable names."""
    path = posixpath.normpath(source.lstrip("/") or ".")
    return "" if path == "." or any(char in path for char in "*?[$") or path.startswith("..") else path


def _lineage(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""


def _read(path: str, text: str) -> Iterator[Build]:
    name = path.rpartition("/")[2]
    if _BAKE.fullmatch(name):
        yield from _bake(path, text)
    elif _WORKFLOW.fullmatch(path):
        for document in read_yaml(text) or ():
            yield from _workflow(path, document)
    elif _COMPOSE.fullmatch(name):
        for document in read_yaml(text) or ():
            yield from _compose(path, document)


def _join(folder: str, path: str | None) -> str | None:
    """Return a path from the repository's top; None where it is elsewhere or depends on a variable."""
    if path is None or "$" in path or "{{" in path or _REMOTE.match(path) or path.startswith(("/", "~")):
        return None
    joined = posixpath.normpath(posixpath.join(folder, path))
    if joined == ".." or joined.startswith("../"):
        return None
    return "" if joined == "." else joined


def _build(
    folder: str, context: str | None, dockerfile: str | None, origin: str, values: Value | None = None
) -> Iterator[Build]:
    """Yield a build whose Dockerfile is named from its context, as compose and bake do."""
    root = _join(folder, context or ".")
    if root is None:
        return
    path = _join(root, dockerfile or "Dockerfile")
    if path is not None:
        target = text_of(entry(values, "target")) or ""
        yield Build(path, root, origin, target if "$" not in target else "", _args(entry(values, "args")))


def _args(value: Value | None) -> tuple[tuple[str, str], ...]:
    pairs = [(key, inner) for key, inner in entries(value) if isinstance(inner, str)]
    pairs += [(name, rest) for name, sign, rest in (str(each).partition("=") for each in items(value)) if sign]
    return tuple(sorted((key, inner) for key, inner in pairs if "$" not in inner))


def _compose(path: str, document: Value) -> Iterator[Build]:
    folder = posixpath.dirname(path)
    for name, service in entries(entry(document, "services")):
        build = entry(service, "build")
        origin = f"{path}: services.{name}.build"
        if isinstance(build, str):
            yield from _build(folder, build, None, origin)
        elif isinstance(build, dict) and "dockerfile_inline" not in build:
            yield from _build(
                folder, text_of(entry(build, "context")), text_of(entry(build, "dockerfile")), origin, build
            )


def _workflow(path: str, document: Value) -> Iterator[Build]:
    for name, job in entries(entry(document, "jobs")):
        steps = items(entry(job, "steps"))
        # Where a checkout lies elsewhere, or is another repository's, no path here is a path of this repository.
        if any(_is_foreign_checkout(step) for step in steps):
            continue
        folders = [entry(each, "defaults", "run", "working-directory") for each in (job, document)]
        default = next((each for each in folders if isinstance(each, str)), "")
        for step in steps:
            origin = f"{path}: jobs.{name}"
            uses, run = text_of(entry(step, "uses")), text_of(entry(step, "run"))
            if uses is not None and uses.startswith("docker/build-push-action@"):
                yield from _action(entry(step, "with"), origin)
            elif run is not None and "build" in run:
                folder = _join("", text_of(entry(step, "working-directory")) or default or ".")
                if folder is not None:
                    yield from _commands(run, folder, origin)


def _is_foreign_checkout(step: Value) -> bool:
    uses = text_of(entry(step, "uses")) or ""
    options = entry(step, "with")
    return uses.startswith("actions/checkout@") and any(entry(options, key) for key in ("path", "repository"))


def _action(options: Value | None, origin: str) -> Iterator[Build]:
    """Read the inputs of docker/build-push-action: `file` is a path in the workspace, not in the context."""
    context = text_of(entry(options, "context"))
    file = text_of(entry(options, "file"))
    target = text_of(entry(options, "target")) or ""
    lines = (text_of(entry(options, "build-args")) or "").splitlines()
    args = _args([line.strip() for line in lines])
    if context is not None:
        context = context.replace("${{ github.workspace }}", ".").replace("${{github.workspace}}", ".")
    # Without a context, and with {{defaultContext}}, BuildKit clones the repository itself, and without its history.
    clones = context is None or context.startswith(_DEFAULT_CONTEXT)
    if clones:
        context = (context or "").removeprefix(_DEFAULT_CONTEXT).removeprefix(":") or "."
    root = _join("", context)
    if root is None:
        return
    path = _join(root if clones or file is None else "", file or "Dockerfile")
    if path is not None:
        yield Build(path, root, origin, "" if "$" in target else target, args, not clones)


_BUILDERS = {"docker": ("build",), "podman": ("build",), "buildah": ("bud", "build"), "nerdctl": ("build",)}
_FLAGS = frozenset(
    {
        "--no-cache", "--pull", "--push", "--load", "-q", "--quiet", "--squash", "--rm", "--force-rm", "--compress",
        "-D", "--debug", "--layers", "--check", "--no-cache-filter",
    }
)  # fmt: skip


def _commands(run: str, folder: str, origin: str) -> Iterator[Build]:
    script = parse_script(_EXPRESSION.sub("$_", run), SourceMap((0,), (0,)), 0)
    if not script.parsed:
        return
    for command in script.commands:
        if command.name in ("cd", "pushd", "popd"):
            target = command.words[1] if len(command.words) == 2 and command.name == "cd" else None
            moved = _join(folder, target.text) if target is not None and target.literal else None
            if moved is None or command.nesting:
                return
            folder = moved
        elif command.name in _BUILDERS:
            yield from _command(command, folder, origin)


def _command(command: ShellCommand, folder: str, origin: str) -> Iterator[Build]:
    """Read `docker build -f X CONTEXT`: X is a path from where it runs."""
    texts = [word.text if word.literal else "$" for word in command.words[1:]]
    if texts[:1] == ["buildx"]:
        del texts[0]
    if not texts or texts[0] not in _BUILDERS[command.name]:
        return
    options: list[tuple[str, str]] = []
    operands: list[str] = []
    rest = iter(texts[1:])
    for text in rest:
        name, sign, value = text.partition("=")
        if not text.startswith("-") or text == "-":
            operands.append(text)
        elif sign:
            options.append((name, value))
        elif text not in _FLAGS:
            options.append((text, next(rest, "")))
    files = [value for name, value in options if name in ("-f", "--file")]
    root = _join(folder, operands[0]) if len(operands) == 1 and operands[0] != "-" else None
    if root is None or len(files) > 1 or files == ["-"]:
        return
    path = _join(folder, files[0]) if files else _join(root, "Dockerfile")
    if path is None:
        return
    target = next((value for name, value in options if name == "--target"), "")
    args = _args([value for name, value in options if name == "--build-arg"])
    yield Build(path, root, origin, "" if "$" in target else target, args)


_HCL = re.compile(
    r"""(?P<space>\s+|\#[^\n]*|//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)|"(?P<text>(?:[^"\\\n]|\\.)*)"|(?P<name>[A-Za-z_][\w-]*)|(?P<sign>.)""",
    re.DOTALL,
)
MAX_BAKE = 64 * 1024


def _bake(path: str, text: str) -> Iterator[Build]:
    # A bake file's paths start where bake is called, which is known for the top only.
    if "/" in path or len(text) > MAX_BAKE:
        return
    targets = _json_targets(text) if path.endswith(".json") else _hcl_targets(text)
    for name in targets:
        values = _inherit(targets, name)
        context = text_of(entry(values, "context"))
        dockerfile = text_of(entry(values, "dockerfile"))
        if isinstance(values, dict) and "matrix" not in values and "dockerfile-inline" not in values:
            yield from _build("", context, dockerfile, f"{path}: {name}", values)


def _inherit(targets: Mapping[str, Value], name: str) -> Value:
    """Return what a target says together with what it inherits; its own values win, and the last named parent's."""
    found: dict[str, Value] = {}
    waiting = [(name, 0)]
    while waiting:
        each, depth = waiting.pop()
        values = targets.get(each)
        for key, value in entries(values):
            found.setdefault(key, value)
        if depth < _MAX_INHERITANCE and len(waiting) < _MAX_INHERITANCE:
            waiting += [(parent, depth + 1) for parent in items(entry(values, "inherits")) if isinstance(parent, str)]
    return found


def _json_targets(text: str) -> Mapping[str, Value]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return dict(entries(entry(read, "target"))) if isinstance(read, dict) else {}


def _hcl_targets(text: str) -> Mapping[str, Value]:
    """Read the target blocks of a bake file, as far as they are plain text; what is computed reads as `$`."""
    targets: dict[str, Value] = {}
    tokens = [match for match in _HCL.finditer(text) if match["space"] is None]
    at = 0
    while at < len(tokens):
        named = [_said(each) for each in tokens[at : at + 3]]
        if len(named) == 3 and named[0] == "target" and named[2] == "{" and tokens[at + 1]["text"] is not None:
            block, at = _hcl_block(tokens, at + 3)
            targets[named[1]] = block
        elif named[0] == "{":
            _, at = _hcl_block(tokens, at + 1)
        else:
            at += 1
    return targets


def _said(token: re.Match[str]) -> str:
    return token["text"] if token["text"] is not None else token[0]


def _hcl_block(tokens: list[re.Match[str]], at: int) -> tuple[Value, int]:
    """Read up to the brace that closes a block: `name = "text"`, `name = ["text"]`, `name = { KEY = "text" }`."""
    block: dict[str, Value] = {}
    depth = 1
    path: list[str] = []
    while at < len(tokens) and depth:
        sign = tokens[at]["sign"]
        depth += (sign in ("{", "[", "(")) - (sign in ("}", "]", ")")) if sign else 0
        if sign in ("}", "]", ")") and path:
            path.pop()
        if sign in ("=", ":") and at + 1 < len(tokens) and depth <= 2:
            key, value = _said(tokens[at - 1]), tokens[at + 1]
            owner = block.get(path[0]) if depth == 2 and path else block
            if isinstance(owner, dict) and value["sign"] == "{" and depth == 1:
                owner[key] = {}
                path.append(key)
            elif isinstance(owner, dict) and value["sign"] == "[" and depth == 1:
                owner[key] = _hcl_list(tokens, at + 2)
                path.append(key)
            elif isinstance(owner, dict):
                ended = at + 2 >= len(tokens) or tokens[at + 2]["sign"] in (None, "}", ",")
                owner[key] = value["text"] if value["text"] is not None and ended else "$"
        at += 1
    return block, at


def _hcl_list(tokens: list[re.Match[str]], at: int) -> list[Value]:
    found: list[Value] = []
    while at < len(tokens) and tokens[at]["sign"] != "]":
        if tokens[at]["text"] is not None:
            found.append(tokens[at]["text"])
        at += 1
    return found
