"""no-dockerignore."""

from __future__ import annotations

from rules.finding import Provenance
from rules.surroundings import Surroundings
from tests.rules.cases import assert_silent, findings, table
from tests.rules.context.around import FILES, MB, P, around, one

CODE = "DS501"
SILENT = {
    "nobody-looked": (P + "COPY . /app\n", Surroundings()),
    "there-is-one": (P + "COPY . /app\n", around(ignore="")),
    "named-files": (P + "COPY app.py /app/\n", around()),
    "with-exclusions": (P + "COPY --exclude=docs . /app\n", around()),
    "from-a-stage": (P + "COPY --from=x . /app\n", around()),
    "not-shipped": (f"{P[:-1]} AS b\nCOPY . /app\n{P}COPY --from=b /app /app\n", around()),
    "nothing-to-leave-out": (P + "COPY . /app\n", around({"app.py": 9}, sends_git=False)),
    "nothing-that-weighs": (P + "COPY . /app\n", around({"app.py": 9, ".github/a": 9}, sends_git=False)),
    "remote": (P + "ADD https://example.com/a.git /app\n", around()),
    "pragma": (P + "# dockslim ignore=DS501\nCOPY . /app\n", around()),
}


def _lines(text: str, surroundings: Surroundings) -> list[str]:
    snippet = one(CODE, text, surroundings).snippet
    assert snippet is not None
    return [line for line in snippet.text.splitlines() if not line.startswith("#")]


@table(("text", "surroundings"), SILENT)
def test_silent(text: str, surroundings: Surroundings) -> None:
    assert_silent(CODE, text, surroundings)


def test_what_is_there_is_named_the_heaviest_first() -> None:
    found = one(CODE, P + "ADD ./ /app\n", around())
    assert found.saving.bytes == 7_000_900
    assert found.saving.provenance is Provenance.ESTIMATED
    assert found.snippet is not None
    assert found.snippet.title == "A new `.dockerignore`"
    assert found.snippet.text == "# 4.0 MB\ndocs\n# 3.0 MB\ntests\n.github\n.git\n"
    assert found.fix is None


def test_says_which_folder_the_context_is() -> None:
    surroundings = around(root="web", origin="compose.yml: services.web.build", ignore_path="web/.dockerignore")
    found = one(CODE, P + "COPY . /app\n", surroundings)
    assert found.reason.endswith("; the context is `web` by compose.yml: services.web.build.")
    assert found.snippet is not None
    assert found.snippet.title == "A new `web/.dockerignore`"


def test_target_of_a_compose_file_is_shipped() -> None:
    text = f"{P[:-1]} AS dev\nCOPY . /app\n{P}"
    assert_silent(CODE, text, around())
    assert findings(CODE, text, around(targets=frozenset({"dev"})))


KEPT = {
    "git-describe": (P + "COPY . /app\nRUN git describe > /v\n", {}, ".git"),
    "git-log": (P + "COPY . /app\nRUN git -C /app log\n", {}, ".git"),
    "make": (P + "COPY . /app\nRUN make version\n", {}, ".git"),
    "a-script": (P + "COPY . /app\nRUN /app/build.sh\n", {}, ".git"),
    "setuptools-scm": (P + "COPY . /app\n", {"pyproject.toml": "requires = ['setuptools_scm']"}, ".git"),
    "pytest": (P + "COPY . /app\nRUN pytest\n", {}, "tests"),
    "named-in-the-dockerfile": (P + "COPY . /app\nRUN cp -r /app/docs /srv\n", {}, "docs"),
    "named-in-a-manifest": (P + "COPY . /app\n", {"MANIFEST.in": "graft docs\n"}, "docs"),
    "unread-manifest": (P + "COPY . /app\n", {"package.json": None}, "docs"),
    "mkdocs": (P + "COPY . /app\n", {"mkdocs.yml": None}, "docs"),
    "cmake": (P + "COPY . /app\n", {"CMakeLists.txt": None}, "tests"),
    "solution": (P + "COPY . /app\n", {"shop.sln": None}, "tests"),
    "maven-unread": (P + "COPY . /app\nRUN mvn package\n", {"web/pom.xml": None}, ".git"),
    "maven-git-commit-id": (
        P + "COPY . /app\nRUN ./mvnw verify\n",
        {"pom.xml": "<artifactId>git-commit-id-plugin"},
        ".git",
    ),
    "gradle-git-properties": (
        P + "COPY . /app\nRUN gradle assemble\n",
        {"build.gradle": "id 'com.gorylenko.gradle-git-properties'"},
        ".git",
    ),
    "vite-asks-git": (
        P + "COPY . /app\nRUN npm run build\n",
        {"vite.config.ts": "execSync('git rev-parse HEAD')", "package.json": "{}"},
        ".git",
    ),
    "build-script-unread": (P + "COPY . /app\nRUN cargo build\n", {"build.rs": None}, ".git"),
    "husky-6": (P + "COPY . /app\n", {"package.json": '{"devDependencies": {"husky": "^6.0.0"}}'}, ".git"),
    "lefthook": (P + "COPY . /app\n", {"package.json": '{"scripts": {"prepare": "lefthook install"}}'}, ".git"),
    "git-config": (
        P + "COPY . /app\n",
        {"package.json": '{"scripts": {"prepare": "git config core.hooksPath a"}}'},
        ".git",
    ),
    "data-among-the-documents": (P + "COPY . /app\n", {"docs/openapi.yaml": None}, "docs"),
    "a-specification": (P + "COPY . /app\n", {"spec/openapi.yaml": None, "spec/big.pdf": None}, "spec"),
    "fixtures": (P + "COPY . /app\n", {"fixtures/users.json": None}, "fixtures"),
    "code-among-the-documents": (P + "COPY . /app\n", {"docs/docs.go": None}, "docs"),
}


@table(("text", "texts", "name"), KEPT)
def test_what_the_build_may_need_is_never_named(text: str, texts: dict[str, str | None], name: str) -> None:
    known = {path: each for path, each in texts.items() if each is not None}
    surroundings = around({**FILES, "demo.gif": 9 * MB, **dict.fromkeys(texts, 1)}, texts=known)
    lines = _lines(text, surroundings)
    assert "demo.gif" in lines or "package.json" in texts
    assert name not in lines


def test_git_is_named_where_it_is_only_installed() -> None:
    text = P + "RUN apt-get install -y git\nCOPY .gitignore .github/ ./\nCOPY . /app\n"
    assert ".git" in _lines(text, around())


def test_what_a_working_copy_holds() -> None:
    files = {"package.json": 9, ".gitignore": 9, "a.js": 9}
    texts = {"package.json": "{}", ".gitignore": "/coverage/\n.env\n**/__pycache__\ndist\n*.log\n"}
    surroundings = around(files, texts=texts)
    lines = _lines("FROM node:22-slim\nCOPY . /app\nRUN npm ci\n", surroundings)
    assert lines == ["**/__pycache__", "**/node_modules", ".env", ".git", "coverage"]


def test_dependencies_that_are_not_installed_are_not_left_out() -> None:
    lines = _lines("FROM node:22-slim\nCOPY . /app\n", around({"package.json": 9}, texts={"package.json": ""}))
    assert lines == [".git"]


def test_git_is_named_where_the_build_files_do_not_ask_it() -> None:
    known = {"pom.xml": "<project/>", "package.json": '{"devDependencies": {"husky": "^9.0.0"}}', "vite.config.ts": "x"}
    text = P + "COPY . /app\nRUN mvn package && npm run build\n"
    assert ".git" in _lines(text, around(dict.fromkeys(known, 9), texts=known))


def test_tests_below_spec_are_named() -> None:
    assert "spec" in _lines(P + "COPY . /app\n", around({"spec/models/user_spec.rb": MB, "spec/a.json": 9}))


def test_settings_that_pages_are_built_with_are_not_left_out() -> None:
    files = {"package.json": 9, ".gitignore": 9}
    text = "FROM node:22-slim\nCOPY . /app\nRUN npm ci && npm run build\n"
    for manifest, is_named in (("{}", True), ('{"devDependencies": {"vite": "6"}}', False)):
        lines = _lines(text, around(files, texts={"package.json": manifest, ".gitignore": ".env\n"}))
        assert (".env" in lines) is is_named
