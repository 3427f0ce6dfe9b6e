"""Which files say from where a Dockerfile is built."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rules.context.roots import Build, Root, find_builds, find_root, is_build_file, targets_of
from tests.rules.cases import table

W = ".github/workflows/ci.yml"


def _steps(steps: str, more: str = "") -> str:
    return f"on: push\n{more}jobs:\n  build:\n    runs-on: x\n    steps:\n{steps}"


def _run(text: str, more: str = "") -> str:
    lines = "".join(f"        {line}\n" for line in text.split("\n"))
    return _steps(f"    - {more}run: |\n{lines}")


COMPOSE = "compose.yaml: services.api.build"
JOB = f"{W}: jobs.build"
# Path, text, the builds that it describes.
READ = {
    "compose-short": ("compose.yaml", "services: {api: {build: ./api}}", [Build("api/Dockerfile", "api", COMPOSE)]),
    "compose-long": (
        "compose.yaml",
        "services:\n  api:\n    build: {context: ., dockerfile: docker/api.Dockerfile, target: prod, args: {A: b}}\n",
        [Build("docker/api.Dockerfile", "", COMPOSE, "prod", (("A", "b"),))],
    ),
    "compose-args-as-a-list": (
        "compose.yaml",
        "services:\n  api:\n    build: {args: [A=b, C, D=$E]}\n",
        [Build("Dockerfile", "", COMPOSE, "", (("A", "b"),))],
    ),
    "compose-in-a-folder": (
        "deploy/docker-compose.prod.yml",
        "services:\n  api:\n    build: {context: .., dockerfile: deploy/Dockerfile}\n",
        [Build("deploy/Dockerfile", "", "deploy/docker-compose.prod.yml: services.api.build")],
    ),
    "compose-merge": (
        "compose.yaml",
        "x-b: &b {context: src}\nservices:\n  api:\n    build: {<<: *b, target: a}\n",
        [Build("src/Dockerfile", "src", COMPOSE, "a")],
    ),
    "compose-image-only": ("compose.yaml", "services: {api: {image: x}}", []),
    "compose-remote": ("compose.yaml", "services: {api: {build: 'https://github.com/a/b.git'}}", []),
    "compose-remote-ssh": ("compose.yaml", "services: {api: {build: 'git@github.com:a/b.git'}}", []),
    "compose-variable": ("compose.yaml", "services: {api: {build: {context: '${DIR:-.}'}}}", []),
    "compose-outside": ("compose.yaml", "services: {api: {build: ../other}}", []),
    "compose-inline": ("compose.yaml", "services: {api: {build: {dockerfile_inline: 'FROM x'}}}", []),
    "compose-odd": ("compose.yaml", "services: [a, {build: .}]\n", []),
    "bake": (
        "docker-bake.hcl",
        '# c\nvariable "V" { default = "1" }\ntarget "_base" {\n  context = "svc"\n  args = { A = "b", C = V }\n}\n'
        'target "api" {\n  inherits = ["_base"]\n  dockerfile = "api.Dockerfile"\n  target = "prod"\n'
        '  tags = ["x:${V}"]\n}\n',
        [
            Build("svc/Dockerfile", "svc", "docker-bake.hcl: _base", "", (("A", "b"),)),
            Build("svc/api.Dockerfile", "svc", "docker-bake.hcl: api", "prod", (("A", "b"),)),
        ],
    ),
    "bake-computed": ("docker-bake.hcl", 'target "a" {\n  context = "x/${V}"\n}\n', []),
    "bake-computed-by-a-call": ("docker-bake.hcl", 'target "a" {\n  context = notequal("", V) ? "a" : "b"\n}\n', []),
    "bake-matrix": ("docker-bake.hcl", 'target "a" {\n  matrix = { x = ["a"] }\n  context = "a"\n}\n', []),
    "bake-json": (
        "docker-bake.json",
        '{"target": {"a": {"context": "a", "target": "t"}}}',
        [Build("a/Dockerfile", "a", "docker-bake.json: a", "t")],
    ),
    "bake-json-broken": ("docker-bake.json", "[" * 5000, []),
    "bake-in-a-folder": ("x/docker-bake.hcl", 'target "a" {\n  context = "a"\n}\n', []),
    "action": (
        W,
        _steps(
            "    - uses: docker/build-push-action@v6\n"
            "      with: {context: ., file: ./docker/Dockerfile, target: run, build-args: 'A=b'}\n"
        ),
        [Build("docker/Dockerfile", "", JOB, "run", (("A", "b"),))],
    ),
    "action-folder": (
        W,
        _steps("    - uses: docker/build-push-action@v6\n      with: {context: api}\n"),
        [Build("api/Dockerfile", "api", JOB)],
    ),
    "action-without-context-clones": (
        W,
        _steps("    - uses: docker/build-push-action@v6\n"),
        [Build("Dockerfile", "", JOB, sends_git=False)],
    ),
    "action-default-context": (
        W,
        _steps("    - uses: docker/build-push-action@v6\n      with: {context: '{{defaultContext}}:api'}\n"),
        [Build("api/Dockerfile", "api", JOB, sends_git=False)],
    ),
    "action-matrix": (
        W,
        _steps("    - uses: docker/build-push-action@v6\n      with: {context: './${{ matrix.x }}'}\n"),
        [],
    ),
    "checkout-elsewhere": (
        W,
        _steps("    - uses: actions/checkout@v5\n      with: {path: src}\n    - uses: docker/build-push-action@v6\n"),
        [],
    ),
    "docker-build": (
        W,
        _run("docker build -t x:${{ github.sha }} -f docker/X --build-arg A=b --no-cache --target=run ."),
        [Build("docker/X", "", JOB, "run", (("A", "b"),))],
    ),
    "buildx": (
        W,
        _run("docker buildx build --push --platform linux/amd64 api/"),
        [Build("api/Dockerfile", "api", JOB)],
    ),
    "after-cd": (W, _run("cd api\ndocker build ."), [Build("api/Dockerfile", "api", JOB)]),
    "after-cd-somewhere": (W, _run('cd "$X"\ndocker build .'), []),
    "working-directory": (
        W,
        _run("docker build .", "working-directory: api\n      "),
        [Build("api/Dockerfile", "api", JOB)],
    ),
    "default-working-directory": (
        W,
        _steps("    - run: docker build .\n", "defaults: {run: {working-directory: api}}\n"),
        [Build("api/Dockerfile", "api", JOB)],
    ),
    "standard-input": (W, _run("docker build - < x"), []),
    "variable": (W, _run("docker build $DIR"), []),
    "two-operands": (W, _run("docker build a b"), []),
    "other-command": (W, _run("docker compose build api"), []),
    "workflow-odd": (W, "jobs: {a: {steps: {b: c}}, d: e}", []),
    "not-a-build-file": ("other.yml", "services: {api: {build: .}}", []),
}


@table(("path", "text", "builds"), READ)
def test_builds(path: str, text: str, builds: list[Build]) -> None:
    assert list(find_builds({path: text})) == builds


BUILD_FILES = {
    "compose.yml": True,
    "docker-compose.override.yaml": True,
    "a/docker-compose.yml": True,
    "docker-bake.hcl": True,
    "docker-bake.override.json": True,
    W: True,
    "x/.github/workflows/ci.yml": False,
    ".github/workflows/a/b.yml": False,
    "recompose.yml": False,
    "compose.py": False,
    "package.json": False,
}


@table(("path", "expected"), {path: (path, expected) for path, expected in BUILD_FILES.items()})
def test_is_build_file(path: str, expected: bool) -> None:
    assert is_build_file(path) is expected


ROOTS = {
    "at-the-top": ("Dockerfile", [], [], [], Root("")),
    "said": ("a/Dockerfile", [Build("a/Dockerfile", "a", "x")], [], [], Root("a", "x")),
    "said-twice": ("a/D", [Build("a/D", "a", "x"), Build("a/D", "a", "y")], [], [], Root("a", "y")),
    "said-differently": ("a/D", [Build("a/D", "a", "x"), Build("a/D", "", "y")], ["b"], ["a/b"], None),
    "said-of-another": ("a/Dockerfile", [Build("b/Dockerfile", "b", "x")], [], [], None),
    "in-a-folder": ("a/Dockerfile", [], [], ["a/x"], None),
    "what-it-copies-is-beside-it": (
        "a/Dockerfile",
        [],
        ["src", "./go.mod"],
        ["a/src/x.go", "a/go.mod"],
        Root("a", "the paths that it copies"),
    ),
    "what-it-copies-is-above": (
        "a/b/Dockerfile",
        [],
        ["a/b/x"],
        ["a/b/x"],
        Root("", "the paths that it copies"),
    ),
    "what-it-copies-is-in-both": ("a/Dockerfile", [], ["x"], ["a/x", "x"], None),
    "what-it-copies-is-nowhere": ("a/Dockerfile", [], ["y"], ["a/x", "x"], None),
    "globs-tell-nothing": ("a/Dockerfile", [], [".", "*.json", "$X"], ["a/x"], None),
}


@table(("dockerfile", "builds", "sources", "files", "root"), ROOTS)
def test_root(dockerfile: str, builds: list[Build], sources: list[str], files: list[str], root: Root | None) -> None:
    assert find_root(dockerfile, builds, sources, files) == root


def test_targets() -> None:
    builds = [Build("D", "", "x", "prod"), Build("D", "", "y", "dev"), Build("D", "", "z"), Build("E", "", "z", "e")]
    assert targets_of("D", builds) == {"prod", "dev"}


@given(st.sampled_from(["compose.yml", "docker-bake.hcl", "docker-bake.json", W]), st.text(max_size=60))
def test_any_text_is_read(path: str, text: str) -> None:
    assert isinstance(find_builds({path: text}), tuple)


@given(st.lists(st.sampled_from(['target "a"', "{", "}", "[", "]", "=", ":", '"x"', "args", ",", "\n"]), max_size=30))
def test_any_bake_file_is_read(parts: list[str]) -> None:
    assert isinstance(find_builds({"docker-bake.hcl": " ".join(parts)}), tuple)
