"""What lies in a build context and no build needs: the lines that an ignore file lacks, with what they weigh."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from rules.context.sent import ignore_of, sent_files
from rules.dockerfile import Dockerfile
from rules.patterns import regex
from rules.surroundings import Context

FLOOR = 1_000_000
"""Bytes below which a file more or less is not worth a word."""


class Leftover(NamedTuple):
    """One line for an ignore file; `bytes` are those of the tracked files that it keeps out, 0 where git has none."""

    pattern: str
    bytes: int = 0


# Folders at the context's root that are about the repository, not about what is built from it.
_ABOUT_THE_REPOSITORY = frozenset(
    {".github", ".gitlab", ".circleci", ".buildkite", ".vscode", ".idea", ".devcontainer"}
)
_DOCUMENTATION = frozenset({"docs", "doc", "documentation", "screenshots", ".storybook"})
_TESTS = frozenset(
    {
        "tests",
        "test",
        "spec",
        "specs",
        "__tests__",
        "e2e",
        "cypress",
        "playwright",
        "testdata",
        "benchmarks",
    }
)
_PICTURES = regex(r"[^/]+\.(?:gif|mp4|mov|webm|avi|psd|sketch|fig)", re.IGNORECASE)
_CODE = regex(
    r"\.(?:py|go|rs|java|kt|kts|scala|ts|tsx|js|jsx|mjs|cjs|vue|svelte|astro|cs|fs|php|rb|c|cc|cpp|h|hpp|swift|dart|ex|exs"
    r"|erl|hs|clj|lua|pl|r|jl|sh|sql|proto|graphql|hbs|ejs|html|css|scss)$",
    re.IGNORECASE,
)
# What programs read that lies among documentation and specifications: `docs/openapi.yaml`.
_DATA = regex(r"\.(?:json5?|ya?ml|toml|xml|xsd|xsl|wsdl|csv|tsv|db|sqlite3?|mdx|avsc|thrift|po|mo)$", re.IGNORECASE)
_TEST = regex(r"(?:^|[/._-])(?:spec|test)s?[._-][^/]*$|(?:Spec|Test)s?\.\w+$")
# Who builds pages of documentation, or a tree whose build files may name the folder of the tests.
_DOCUMENTS_TOOLS = regex(
    r"(?:mkdocs\.ya?ml|docusaurus\.config\.\w+|book\.toml|antora\.yml|_config\.ya?ml|conf\.py|mint\.json|\.vitepress)"
)
_NAMES_ITS_TESTS = regex(
    r"(?:CMakeLists\.txt|Makefile|GNUmakefile|meson\.build|configure\.ac|BUILD(?:\.bazel)?|WORKSPACE|pom\.xml|[^/]+\.sln|mix\.exs"
    r"|build\.gradle(?:\.kts)?|settings\.gradle(?:\.kts)?|Cargo\.toml|build\.sbt|Rakefile|lerna\.json|pnpm-workspace\.yaml|nx\.json)"
)
_RUNS_TESTS = regex(
    r"\b(?:pytest|tox|nox|unittest|phpunit|rspec|jest|vitest|mocha|cypress|playwright|ctest|rake|make|cmake|cargo|mvnw?|gradlew?"
    r"|dotnet|bazel|meson|ninja|sbt|mix|lein|stack|cabal)\b|\b(?:npm|yarn|pnpm|go|deno|bun|swift|flutter)\s+(?:run\s+)?(?:t|test)\b"
)
_READS_HISTORY = regex(
    r"\.git\b(?!hub|ignore|attributes|lab)|\bgit\s[^\n;&|]{0,60}?\b(?:describe|rev-parse|rev-list|log|show|status|submodule|branch|tag"
    r"|config|checkout|fetch|pull|lfs|diff|archive|ls-files)\b|\b(?:make|gmake|goreleaser|mage|task|just|rake)\b|\S\.sh\b|gitversion",
    re.IGNORECASE,
)
_VERSIONS_FROM_HISTORY = regex(
    r"setuptools[_-]scm|versioneer|hatch-vcs|\bpbr\b|dynamic-versioning|dunamai|versioningit|git[- ]rev|git-describe"
    r"|vergen|shadow-rs|git2|git-?commit-id|git-?properties|grgit|jgit|palantir|gitversion|minver|nerdbank"
    r"|\bgit[\"',\s]+(?:describe|log|show|config|submodule|status|diff|tag|branch)\b|\bgit:|vcs"
    # What runs with an install and fails outside a repository.
    r"|\"husky\"\s*:\s*\"[~^]?[5-7]\.|lefthook|simple-git-hooks|yorkie|cghooks|pre-commit install",
    re.IGNORECASE,
)
# Build files that may ask git, and the tool that reads them; settings of bundlers only at the top.
_ASKS_GIT = (
    (regex(r"(?:.*/)?pom\.xml"), regex(r"\bmvnw?\b|\bmaven\b")),
    (regex(r"(?:.*/)?(?:build|settings)\.gradle(?:\.kts)?"), regex(r"\bgradlew?\b")),
    (regex(r"(?:.*/)?build\.rs"), regex(r"\bcargo\b")),
    (regex(r"(?:.*/)?(?:GitVersion\.yml|version\.json)"), regex(r"\bdotnet\b")),
    (
        regex(r"(?:webpack|vite|vue|next|nuxt|rollup|craco|svelte|astro|gatsby|gulpfile|Gruntfile)[\w.-]*\.[cm]?[jt]s"),
        regex(r"\b(?:npm|yarn|pnpm|bun|npx|gulp|grunt)\b"),
    ),
)
# Entries of a .gitignore whose files somebody's working copy has, and a build makes anew.
_OF_WORKING_COPIES = (
    ".venv", "venv", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox", ".nox", ".coverage",
    "htmlcov", "coverage", ".nyc_output", ".terraform", ".gradle", ".idea", ".vscode", ".DS_Store", ".env",
    ".env.local",
)  # fmt: skip
_INSTALLERS = (
    ("node_modules", "package.json", regex(r"\b(?:npm|yarn|pnpm|bun)\b")),
    ("target", "Cargo.toml", regex(r"\bcargo\s+(?:build|install|chef)\b")),
)
# What writes the settings of `.env` into the pages it builds.
_BAKES_SETTINGS = regex(r"vite|react-scripts|craco|next|nuxt|vue-cli|gatsby|astro|svelte|expo|parcel|dotenv-webpack")
_MANIFESTS = regex(
    r"(?:package\.json|pyproject\.toml|setup\.(?:py|cfg)|MANIFEST\.in|composer\.json|Cargo\.toml|Gemfile)"
)
_COMMENT = regex(r"^[ \t]*#.*$", re.MULTILINE)


def find_leftovers(dockerfile: Dockerfile, context: Context) -> tuple[Leftover, ...]:
    """Return the lines that the ignore file of a context lacks, the heaviest first; none where it cannot be read."""
    sent = sent_files(context)
    if sent is None:
        return ()
    said = _COMMENT.sub("", dockerfile.text)
    found = [*_untracked(said, context, sent), *_tracked(said, context, sent)]
    return tuple(sorted(found, key=lambda each: (-each.bytes, each.pattern)))


def _untracked(said: str, context: Context, sent: Mapping[str, int]) -> Iterator[Leftover]:
    """Yield what a working copy has beside the tracked files, as far as a file of the repository implies it."""
    ignore = ignore_of(context)
    if ignore is None:
        return
    if context.sends_git and not ignore.ignores(".git") and not _needs_history(said, context):
        yield Leftover(".git")
    tops = {path.partition("/")[0] for path in sent}
    for name, manifest, installs in _INSTALLERS:
        is_there = any(posixpath.basename(path) == manifest for path in sent)
        if is_there and installs.search(said) and name not in tops and not ignore.ignores(name):
            yield Leftover(f"**/{name}" if name == "node_modules" else name)
    listed = {line.strip().strip("/").removeprefix("**/") for line in context.texts.get(".gitignore", "").splitlines()}
    bakes = any(
        posixpath.basename(path) == "package.json" and _BAKES_SETTINGS.search(context.texts.get(path, "next"))
        for path in context.files
    )
    for name in _OF_WORKING_COPIES:
        if bakes and name.startswith(".env"):
            continue
        if name in listed and name not in tops and not ignore.ignores(name) and not _mentions(said, context, name):
            yield Leftover(f"**/{name}" if name == "__pycache__" else name)


def _needs_history(said: str, context: Context) -> bool:
    texts = (text for path, text in context.texts.items() if _MANIFESTS.fullmatch(posixpath.basename(path)))
    if _READS_HISTORY.search(said) or any(map(_VERSIONS_FROM_HISTORY.search, texts)):
        return True
    for files, tool in _ASKS_GIT:
        asked = [path for path in context.files if files.fullmatch(path)] if tool.search(said) else ()
        read = [context.texts.get(path) for path in asked]
        if any(text is None or _VERSIONS_FROM_HISTORY.search(text) for text in read):
            return True
    # The build files whose texts nobody has read.
    return "versioneer.py" in context.files or any(
        path in context.files and path not in context.texts for path in ("setup.py", "setup.cfg", "pyproject.toml")
    )


def _tracked(said: str, context: Context, sent: Mapping[str, int]) -> Iterator[Leftover]:
    """Yield the tracked folders and pictures at the root that nothing speaks of."""
    folders: defaultdict[str, int] = defaultdict(int)
    for path, size in sent.items():
        top, slash, _ = path.partition("/")
        if slash:
            folders[top] += size
        elif size >= FLOOR and _PICTURES.fullmatch(path) and not _mentions(said, context, path):
            yield Leftover(path, size)
    tests = not _RUNS_TESTS.search(said) and not _any_name(context, _NAMES_ITS_TESTS)
    documents = not _any_name(context, _DOCUMENTS_TOOLS)
    for name, size in folders.items():
        if name in _ABOUT_THE_REPOSITORY or (name in _TESTS and tests):
            is_leftover = not _mentions(said, context, name)
            if name in ("spec", "specs"):
                is_leftover = is_leftover and any(map(_TEST.search, _below(name, sent)))
        elif name in _DOCUMENTATION and documents and not _mentions(said, context, name):
            is_leftover = not any(_CODE.search(path) or _DATA.search(path) for path in _below(name, sent))
        else:
            is_leftover = False
        if is_leftover:
            yield Leftover(name, size)


def _below(folder: str, sent: Mapping[str, int]) -> Iterator[str]:
    return (path for path in sent if path.startswith(folder + "/"))


@lru_cache(maxsize=64)
def _any_name(context: Context, pattern: re.Pattern[str]) -> bool:
    return any(pattern.fullmatch(posixpath.basename(path)) for path in context.files)


def _mentions(said: str, context: Context, name: str) -> bool:
    """Tell whether the Dockerfile or a manifest speaks of a file or folder, or a manifest could not be read."""
    word = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w-])")
    if word.search(said):
        return True
    for path in context.files:
        if "/" not in path and _MANIFESTS.fullmatch(path):
            text = context.texts.get(path)
            if text is None or word.search(text):
                return True
    return False


_HEAVY = frozenset({".git", "**/node_modules", "target", ".venv", "venv", ".terraform", ".env", ".env.local"})


def matter(leftovers: Iterable[Leftover]) -> bool:
    """Tell whether lines are worth a word: megabytes, what is known to become many of them, or a secret."""
    leftovers = tuple(leftovers)
    return sum(each.bytes for each in leftovers) >= FLOOR or any(each.pattern in _HEAVY for each in leftovers)


def show_lines(leftovers: Iterable[Leftover]) -> str:
    """Return the lines to add, each with what it weighs in a comment above it."""
    lines = []
    for each in leftovers:
        if each.bytes >= FLOOR // 10:
            lines.append(f"# {each.bytes / 1e6:.1f} MB")
        lines.append(each.pattern)
    return "\n".join(lines) + "\n"


def name_all(leftovers: Iterable[Leftover], most: int = 4) -> str:
    """Return the patterns as people list them: the first few by name."""
    names = [f"`{each.pattern.removeprefix('**/')}`" for each in leftovers]
    shown, left = names[:most], len(names) - most
    if left > 0:
        return f"{', '.join(shown)} and {left} more"
    return " and ".join((", ".join(shown[:-1]), shown[-1])) if len(shown) > 1 else "".join(shown)


def say_root(context: Context) -> str:
    """Return which folder the context is, where a file says so, as the end of a sentence."""
    if not context.origin:
        return ""
    return f"; the context is `{context.root or '.'}` by {context.origin}"
