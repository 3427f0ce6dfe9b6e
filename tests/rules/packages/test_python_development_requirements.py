"""python-development-requirements."""

from __future__ import annotations

from rules.fix import Applicability
from rules.surroundings import NOTHING_KNOWN, Context, Surroundings
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS224"
P = "FROM python:3.12-slim\nCOPY . .\n"
CMD = 'CMD ["python", "app.py"]\n'
DEV = "RUN pip install -r requirements-dev.txt\n"
SILENT = {
    "requirements": P + "RUN pip install -r requirements.txt -r requirements/prod.txt\n" + CMD,
    "folder-named-test": P + "RUN pip install -r /test/requirements.txt\n" + CMD,
    "device": P + "RUN pip install -r /dev/stdin\n" + CMD,
    "no-program": P + DEV,
    "shell": P + DEV + 'CMD ["bash"]\n',
    "shell-form-of-a-shell": P + DEV + "CMD /bin/bash\n",
    "pytest": P + DEV + 'CMD ["pytest"]\n',
    "test-script": P + DEV + 'ENTRYPOINT ["./run-tests.sh"]\n',
    "development-server": P + DEV + "CMD python manage.py runserver 0.0.0.0:8000\n",
    "tests-run-here": P + DEV + "RUN python -m pytest\n" + CMD,
    "tests-run-in-the-same-run": P + "RUN pip install -r requirements-dev.txt && pytest\n" + CMD,
    "linter-run-here": P + "RUN pip install ruff\nRUN ruff check .\n" + CMD,
    "make": P + DEV + "RUN make\n" + CMD,
    "linter-image": P + 'RUN pip install flake8\nENTRYPOINT ["flake8"]\n',
    "base-for-others": 'FROM python:3.12-slim\nRUN pip install tox pre-commit\nCMD ["python3"]\n',
    "stage-test": "FROM python:3.12-slim AS test\nCOPY . .\n" + DEV + CMD,
    "not-shipped": P.replace("slim", "slim AS b") + DEV + "FROM python:3.12-slim\nCOPY --from=b /x /x\n" + CMD,
    "uv-no-dev": P + "RUN uv sync --no-dev\n" + CMD,
    "uv-groups-chosen": P + "RUN uv sync --group web\n" + CMD,
    "uv-variable": P + "ENV UV_NO_DEV=1\nRUN uv sync\n" + CMD,
    "poetry-only": P + "RUN poetry install --only main\n" + CMD,
    "poetry-without": P + "RUN poetry install --without dev,docs\n" + CMD,
    "poetry-no-dev": P + "RUN poetry install --no-dev\n" + CMD,
    "poetry-variable": P + "RUN poetry install $POETRY_ARGS\n" + CMD,
    "pipenv": P + "RUN pipenv install --deploy --system\n" + CMD,
    "path": P + "RUN pip install ./tests /wheels/pytest.whl\n" + CMD,
    "address": P + "RUN pip install git+https://example.com/pytest.git\n" + CMD,
    "similar-name": P + "RUN pip install blackfire testfixtures-x coverage-server\n" + CMD,
    "echo": P + "RUN echo pip install pytest\n" + CMD,
    "onbuild": P + "ONBUILD " + DEV + CMD,
    "powershell": P + 'SHELL ["powershell"]\n' + DEV + CMD,
    "pragma": P + "# dockslim ignore=DS224\n" + DEV + CMD,
}
FIRES = {
    "file": P + DEV + CMD,
    "file-other-way-round": P + "RUN pip install -r dev-requirements.txt\n" + CMD,
    "file-in-a-folder": P + "RUN pip install -r requirements/test.txt\n" + CMD,
    "file-attached": P + "RUN pip install -rrequirements_dev.txt\n" + CMD,
    "file-with-equals": P + "RUN pip install --requirement=requirements-dev.txt\n" + CMD,
    "uv-pip": P + "RUN uv pip install --system -r requirements-dev.txt\n" + CMD,
    "tool": P + "RUN pip install gunicorn 'pytest>=8'\n" + CMD,
    "tool-plugin": P + "RUN pip install pytest-cov\n" + CMD,
    "extra": P + "RUN pip install -e .[dev]\n" + CMD,
    "extra-among-others": P + "RUN pip install '.[postgres,test]'\n" + CMD,
    "pipenv": P + "RUN pipenv install --dev --system\n" + CMD,
    "over-lines": P + "RUN pip install \\\n  -r requirements.txt \\\n  -r requirements-dev.txt\n" + CMD,
    "crlf": (P + DEV + CMD).replace("\n", "\r\n"),
    "heredoc": P + "RUN <<EOF\npip install -r requirements-dev.txt\nEOF\n" + CMD,
    "exec-form": P + 'RUN ["pip", "install", "-r", "requirements-dev.txt"]\n' + CMD,
    "script-starts": P + DEV + 'ENTRYPOINT ["/entrypoint.sh"]\nCMD ["bash"]\n',
}
UV = Surroundings(context=Context({}, texts={"pyproject.toml": "[dependency-groups]\ndev = ['pytest']\n"}))
UV_OLD = Surroundings(context=Context({}, texts={"api/pyproject.toml": "[tool.uv]\ndev-dependencies = ['pytest']\n"}))
NO_GROUP = Surroundings(context=Context({}, texts={"pyproject.toml": "[project]\nname = 'x'\n"}))
CHOSEN = Surroundings(context=Context({}, texts={"pyproject.toml": "[tool.uv]\ndefault-groups = []\ndev = []\n"}))
POETRY = Surroundings(
    context=Context({}, texts={"pyproject.toml": "[tool.poetry.group.dev.dependencies]\npytest = '8'\n"})
)
FIXED = {
    "one-of-two-files": (
        P + "RUN pip install -r requirements.txt -r requirements-dev.txt\n" + CMD,
        P + "RUN pip install -r requirements.txt\n" + CMD,
        Applicability.UNSAFE,
        NOTHING_KNOWN,
    ),
    "first-of-two-files": (
        P + "RUN pip install -r requirements-dev.txt -r requirements.txt -q\n" + CMD,
        P + "RUN pip install -r requirements.txt -q\n" + CMD,
        Applicability.UNSAFE,
        NOTHING_KNOWN,
    ),
    "uv": (P + "RUN uv sync\n" + CMD, P + "RUN uv sync --no-dev\n" + CMD, Applicability.UNSAFE, UV),
    "uv-older-table": (P + "RUN uv sync\n" + CMD, P + "RUN uv sync --no-dev\n" + CMD, Applicability.UNSAFE, UV_OLD),
    "uv-unknown-project": (
        P + "RUN uv sync --locked\n" + CMD,
        P + "RUN uv sync --no-dev --locked\n" + CMD,
        Applicability.DISPLAY,
        NOTHING_KNOWN,
    ),
    "poetry": (
        P + "RUN poetry install --no-root\n" + CMD,
        P + "RUN poetry install --without dev --no-root\n" + CMD,
        Applicability.UNSAFE,
        POETRY,
    ),
    "poetry-unknown-project": (
        P + "RUN poetry install\n" + CMD,
        P + "RUN poetry install --only main\n" + CMD,
        Applicability.DISPLAY,
        NOTHING_KNOWN,
    ),
    "poetry-old": (
        P + "RUN pip install poetry==1.1.4\nRUN poetry install\n" + CMD,
        P + "RUN pip install poetry==1.1.4\nRUN poetry install --no-dev\n" + CMD,
        Applicability.DISPLAY,
        NOTHING_KNOWN,
    ),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table("text", FIRES)
def test_fires_without_a_fix(text: str) -> None:
    assert_fixed(CODE, text, None)


@table(("text", "fixed", "applicability", "surroundings"), FIXED)
def test_fixed(text: str, fixed: str, applicability: Applicability, surroundings: Surroundings) -> None:
    assert_fixed(CODE, text, fixed, surroundings)
    (found,) = findings(CODE, text, surroundings)
    assert found.fix is not None
    assert found.fix.applicability is applicability


@table("surroundings", {"no-group": NO_GROUP, "groups-chosen": CHOSEN})
def test_silent_where_the_project_has_none(surroundings: Surroundings) -> None:
    assert_silent(CODE, P + "RUN uv sync\n" + CMD, surroundings)


@table("path", {"folder": "docker/dev/Dockerfile", "suffix": "Dockerfile.test", "prefix": "ci.Dockerfile"})
def test_silent_for_images_of_developers(path: str) -> None:
    assert_silent(CODE, P + DEV + CMD, Surroundings(path=path))
