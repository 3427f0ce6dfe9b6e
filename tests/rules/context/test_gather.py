"""What a repository's files tell about one of its Dockerfiles."""

from __future__ import annotations

from rules.context.gather import MAX_TEXTS, Tree, choose_texts, needs_tree
from rules.dockerfile import parse
from rules.surroundings import Context
from tests.rules.cases import table

BROAD = {
    "dot": ("COPY . .", True),
    "dot-slash": ("COPY --chown=1 ./ /app", True),
    "slash": ("COPY / /app", True),
    "star": ("ADD * /app/", True),
    "several": ("COPY a . /app/", True),
    "exec-form": ('COPY [".", "/app"]', True),
    "build-stage": ("COPY . .\nFROM debian:12", True),
    "lower-case": ("copy . .", True),
    "named": ("COPY src /app", False),
    "from-a-stage": ("COPY --from=x . /app", False),
    "with-exclusions": ("COPY --exclude=docs . /app", False),
    "heredoc": ("COPY <<EOF /app\n.\nEOF", False),
    "remote": ("ADD https://example.com/ /app", False),
    "none": ("RUN make", False),
}


@table(("instruction", "expected"), BROAD)
def test_needs_the_tree(instruction: str, expected: bool) -> None:
    assert needs_tree(parse(f"FROM debian:12\n{instruction}\n")) is expected


def _context(path: str, text: str, files: dict[str, int], texts: dict[str, str]) -> Context | None:
    sizes = {**dict.fromkeys(texts, 1), **files}
    return Tree(sizes, texts).look_around(path, parse(f"FROM debian:12\n{text}")).context


def test_top_of_the_repository() -> None:
    found = _context("Dockerfile", "COPY . .\n", {"a/b": 3}, {".dockerignore": "x\n", "package.json": "{}"})
    assert found is not None
    assert (found.root, found.origin, found.ignore, found.ignore_path) == ("", "", "x\n", ".dockerignore")
    assert found.files == {"a/b": 3, ".dockerignore": 1, "package.json": 1}
    assert found.texts["package.json"] == "{}"
    assert found.sends_git


def test_own_ignore_file_comes_first() -> None:
    texts = {".dockerignore": "x\n", "Dockerfile.dockerignore": "y\n"}
    found = _context("Dockerfile", "COPY . .\n", {}, texts)
    assert found is not None
    assert (found.ignore, found.ignore_path) == ("y\n", "Dockerfile.dockerignore")


def test_root_from_a_compose_file() -> None:
    texts = {"compose.yml": "services: {web: {build: web}}", "web/.dockerignore": "x\n", ".dockerignore": "y\n"}
    found = _context("web/Dockerfile", "COPY . .\n", {"web/a": 1, "b": 2}, texts)
    assert found is not None
    assert (found.root, found.origin) == ("web", "compose.yml: services.web.build")
    assert (found.ignore, found.ignore_path, found.sends_git) == ("x\n", "web/.dockerignore", False)
    assert found.files == {"a": 1, ".dockerignore": 1}


def test_targets_from_a_compose_file() -> None:
    texts = {"compose.yml": "services: {web: {build: {context: ., target: dev}}}"}
    found = Tree({"compose.yml": 1}, texts).look_around("Dockerfile", parse("FROM a\n"), frozenset({"ci"}))
    assert found.targets == {"ci", "dev"}


def test_a_clone_has_no_history() -> None:
    text = "jobs: {a: {steps: [{uses: docker/build-push-action@v6}]}}"
    found = _context("Dockerfile", "COPY . .\n", {}, {".github/workflows/a.yml": text})
    assert found is not None
    assert not found.sends_git


def test_unknown_root() -> None:
    assert _context("web/Dockerfile", "COPY . .\n", {"web/a": 1}, {}) is None


def test_an_ignore_file_that_was_not_read() -> None:
    assert _context("Dockerfile", "COPY . .\n", {".dockerignore": 10}, {}) is None


def test_texts_are_few_and_near() -> None:
    files = {
        **{f"workflows/{n}.yml": 1 for n in range(100)},
        **{f".github/workflows/{n}.yml": 1 for n in range(100)},
        ".github/workflows/docker.yml": 1,
        **dict.fromkeys(("a/package.json", "b/package.json", "package.json", ".dockerignore", "a/.dockerignore"), 1),
        "a/Dockerfile.dockerignore": 1,
        "a/requirements.txt": 10_000_000,
        "compose.yml": 1,
    }
    chosen = choose_texts(files, ["a/Dockerfile"])
    assert chosen[:5] == [
        "a/Dockerfile.dockerignore",
        ".dockerignore",
        "a/.dockerignore",
        "compose.yml",
        ".github/workflows/docker.yml",
    ]
    assert chosen[-2:] == ["package.json", "a/package.json"]
    assert len(chosen) < MAX_TEXTS
    assert "b/package.json" not in chosen
    assert "a/requirements.txt" not in chosen


def test_a_root_that_is_configured_counts_more_than_what_build_files_say() -> None:
    texts = {"compose.yml": "services: {a: {build: {context: a, target: dev}}}"}
    tree = Tree({"compose.yml": 1, "a/Dockerfile": 1, "b/x": 2}, texts)
    unasked = tree.look_around("a/Dockerfile", parse("FROM a\n"))
    asked = tree.look_around("a/Dockerfile", parse("FROM a\n"), roots=frozenset({"b"}))
    assert unasked.context is not None
    assert asked.context is not None
    assert (unasked.context.root, dict(asked.context.files), asked.context.root) == ("a", {"x": 2}, "b")
    assert asked.targets == unasked.targets == {"dev"}
    two = tree.look_around("a/Dockerfile", parse("FROM a\n"), roots=frozenset({"a", "b"}))
    assert two.context is None
