"""browsers-not-used."""

from __future__ import annotations

from rules.fix import Applicability
from rules.surroundings import Context, Surroundings
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS251"
P = "FROM python:3.12\n"
N = "FROM node:22\nCOPY package.json .\n"
CMD = 'CMD ["python", "app.py"]\n'
START = 'CMD ["node", "app.js"]\n'
PLACE = "ENV PUPPETEER_EXECUTABLE_PATH=/usr/bin/chromium\n"
SKIP = "ENV PUPPETEER_SKIP_DOWNLOAD=true\n"
SILENT = {
    "one-browser": P + "RUN playwright install chromium\n" + CMD,
    "one-browser-with-dependencies": P + "RUN playwright install --with-deps firefox\n" + CMD,
    "dependencies-only": P + "RUN playwright install-deps\n" + CMD,
    "dry-run": P + "RUN playwright install --dry-run\n" + CMD,
    "shell-only": P + "RUN playwright install --only-shell\n" + CMD,
    "help": P + "RUN playwright install --help\n" + CMD,
    "package": P + "RUN pip install playwright\n" + CMD,
    "tests-run": P + "RUN playwright install\n" + 'CMD ["pytest"]\n',
    "tests-of-node": "FROM node:22\nRUN npx playwright install\n" + 'CMD ["npx", "playwright", "test"]\n',
    "npm-test": "FROM node:22\nRUN npx playwright install\nCMD npm test\n",
    "no-program": P + "RUN playwright install\n",
    "shell": P + "RUN playwright install\nCMD bash\n",
    "stage-for-tests": P.replace("\n", " AS e2e\n") + "RUN playwright install\n" + CMD,
    "not-shipped": P.replace("\n", " AS b\n") + "RUN playwright install\n" + P + CMD,
    "image-of-playwright": "FROM mcr.microsoft.com/playwright/python:v1.47.0\nRUN playwright install\n" + CMD,
    "download-off": P + "ENV PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1\nRUN playwright install\n" + CMD,
    "mounted": P + "RUN --mount=type=cache,target=/root/.cache/ms-playwright playwright install\n" + CMD,
    "echo": P + "RUN echo playwright install\n" + CMD,
    "another-program": P + "RUN uv run manage playwright install\n" + CMD,
    "onbuild": P + "ONBUILD RUN playwright install\n" + CMD,
    "pragma": P + "# dockslim ignore=DS251\nRUN playwright install\n" + CMD,
    "others-are-named": P + "RUN playwright install && playwright install-deps firefox webkit\n" + CMD,
    "puppeteer-runs-its-own-by-path": N
    + "ENV PUPPETEER_EXECUTABLE_PATH=/root/.cache/puppeteer/chrome/chrome\nRUN npm install puppeteer\n"
    + START,
    "puppeteer-configured": N + PLACE + "COPY .npmrc .\nRUN npm install puppeteer\n" + START,
    "puppeteer-without-scripts-by-env": N + PLACE + "ENV npm_config_ignore_scripts=true\nRUN npm i puppeteer\n" + START,
    "image-of-puppeteer": "FROM ghcr.io/puppeteer/puppeteer:21\n" + PLACE + "RUN npm install puppeteer\n" + START,
    "skip-turned-off-late": N + "RUN npm install puppeteer\nENV PUPPETEER_SKIP_DOWNLOAD=false\n" + START,
    "puppeteer-skips": N + PLACE + SKIP + "RUN npm install puppeteer\n" + START,
    "puppeteer-skips-of-old": N + PLACE + "ENV PUPPETEER_SKIP_CHROMIUM_DOWNLOAD 1\nRUN npm i puppeteer\n" + START,
    "puppeteer-skips-in-front": N + PLACE + "RUN PUPPETEER_SKIP_DOWNLOAD=1 npm i puppeteer\n" + START,
    "puppeteer-skips-by-file": N + PLACE + "COPY .puppeteerrc.cjs .\nRUN npm i puppeteer\n" + START,
    "puppeteer-runs-its-own": N + "RUN npm install puppeteer\n" + START,
    "puppeteer-core": N + PLACE + "RUN npm install puppeteer-core\n" + START,
    "puppeteer-unknown-manifest": N + PLACE + "RUN npm ci\n" + START,
    "puppeteer-without-scripts": N + PLACE + "RUN npm i --ignore-scripts puppeteer\n" + START,
    "late-and-another-install": N + "RUN npm ci\n" + SKIP + "RUN npm i -g puppeteer\n" + START,
    "late-but-of-something-else": N + "RUN npm i -g pm2\n" + SKIP + START,
}
RUNNERS = {
    "plain": "playwright install",
    "below-a-directory": "/venv/bin/playwright install",
    "module": "python -m playwright install",
    "npx": "npx playwright install",
    "npx-yes": "npx -y playwright@1.47.0 install",
    "npx-in-a-folder": "npx --prefix web playwright install",
    "npm-exec": "npm exec -- playwright install",
    "yarn": "yarn playwright install",
    "yarn-dlx": "yarn dlx playwright install",
    "pnpm": "pnpm exec playwright install",
    "poetry": "poetry run playwright install",
    "uv": "uv run playwright install",
    "uv-module": "uv run --no-sync python -m playwright install",
    "pipenv": "pipenv run playwright install",
    "sudo": "sudo -E npx playwright install",
    "with-dependencies": "playwright install --with-deps",
}
NAMED = Surroundings(
    context=Context({"package.json": 60}, texts={"package.json": '{"dependencies": {"puppeteer": "22"}}'})
)
DEVELOPMENT = Surroundings(
    context=Context({"package.json": 60}, texts={"package.json": '{"devDependencies": {"puppeteer": "22"}}'})
)


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table("command", RUNNERS)
def test_shows_one_browser_however_playwright_is_run(command: str) -> None:
    text = f"{P}RUN {command} && ls\n{CMD}"
    head, _, tail = text.partition("install")
    assert_fixed(CODE, text, f"{head}install chromium{tail}")
    (found,) = findings(CODE, text)
    assert found.fix is not None
    assert found.fix.applicability is Applicability.DISPLAY


def test_shows_the_browser_that_the_file_names() -> None:
    text = P + "RUN playwright install\nENV BROWSER=firefox\n" + CMD
    assert_fixed(CODE, text, text.replace("install\n", "install firefox\n"))


def test_shows_none_where_the_file_names_two() -> None:
    assert_fixed(CODE, P + "RUN playwright install\nENV BROWSER=firefox\nRUN x --browser=webkit\n" + CMD, None)


PUPPETEER = {
    "path-above": PLACE + "RUN npm install puppeteer\n" + START,
    "path-below": "RUN npm install puppeteer@22 express\n" + PLACE + START,
    "path-quoted": 'ENV PUPPETEER_EXECUTABLE_PATH="/usr/bin/chromium"\nRUN yarn add puppeteer\n' + START,
    "path-in-the-old-form": "ENV PUPPETEER_EXECUTABLE_PATH /usr/bin/chromium\nRUN pnpm add puppeteer\n" + START,
    "brought-by-another": "RUN npm install -g @mermaid-js/mermaid-cli@11\n" + PLACE + START,
    "late": "RUN npm ci\n" + SKIP + START,
    "late-with-path": "RUN npm install puppeteer\n" + PLACE + SKIP + START,
}


@table("text", PUPPETEER)
def test_puppeteer(text: str) -> None:
    assert_fixed(CODE, N + text, None)
    (found,) = findings(CODE, N + text)
    assert ("too late" in found.reason) is ("SKIP" in text)


def test_reads_the_manifest() -> None:
    text = N + PLACE + "RUN npm ci --omit=dev\n" + START
    assert len(findings(CODE, text, NAMED)) == 1
    assert_silent(CODE, text, DEVELOPMENT)
    assert len(findings(CODE, text.replace(" --omit=dev", ""), DEVELOPMENT)) == 1


@table("path", {"tests": "tests/Dockerfile", "ci": "ci/Dockerfile", "suffix": "Dockerfile.e2e"})
def test_silent_for_tests(path: str) -> None:
    assert_silent(CODE, P + "RUN playwright install\n" + CMD, Surroundings(path=path))
