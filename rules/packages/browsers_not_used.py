"""browsers-not-used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from rules.base_images.program import leaf_of, read_program
from rules.dockerfile import Dockerfile, Instruction, ShellCommand, Word
from rules.edits import insert_words, with_words
from rules.finding import Finding
from rules.fix import Applicability, Fix
from rules.packages.development import is_for_development, read_manifest
from rules.patterns import regex
from rules.rule import Bad, Good, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.surroundings import Context
from rules.tools import npm, yarn
from rules.tools.options import Call, read_call
from rules.tools.playwright import read_playwright

_SKIPS = ("PUPPETEER_SKIP_DOWNLOAD", "PUPPETEER_SKIP_CHROMIUM_DOWNLOAD", "PUPPETEER_CHROME_SKIP_DOWNLOAD")
_PLACE = "PUPPETEER_EXECUTABLE_PATH"
# Packages that depend on puppeteer, whose installation downloads a browser.
_PUPPETEER = frozenset(
    {"puppeteer", "@mermaid-js/mermaid-cli", "whatsapp-web.js", "html-pdf-node", "pageres", "pa11y", "percollate",
     "md-to-pdf", "mjml-cli", "backstopjs", "jest-puppeteer", "puppeteer-html-pdf"}
)  # fmt: skip
_TESTS = regex(r"\btests?\b|pytest|jest|mocha|\be2e\b|playwright test|cucumber|robot|behave|\bwdio\b|vitest|codecept")
_SHELL = regex(r"""\[?\s*["']?(?:/usr)?(?:/bin/)?(?:ba|a|z)?sh["']?(?:\s*,?\s*["']?-[il]+["']?)?\s*\]?\s*""")
_OTHER_BROWSERS = regex(r"\b(?:firefox|webkit)\b")
_OF_PUPPETEER = regex(r"puppeteer|node_modules|\.cache/|browserless|chrome", re.IGNORECASE)
_ONE_BROWSER = regex(r"(?:--project|--browser|BROWSER(?:_NAME|_TYPE)?)[=\s\"']{1,3}(chromium|firefox|webkit)\b")


class BrowsersNotUsed(Rule):
    """Browsers that are downloaded where another one, or fewer, are run.

    ## What it does
    Finds `playwright install` without the name of a browser, which downloads Chromium, its headless shell, Firefox and
    WebKit, also behind npx, `python -m`, `poetry run` or `uv run`; and an install of puppeteer that downloads a browser
    although `PUPPETEER_EXECUTABLE_PATH` names another one, since no variable says to skip the download or that
    variable is set too late.

    ## Why it costs
    By the package index of Debian 12, `chromium` 156 is 297 MB installed and `firefox-esr` 153 is 309 MB; Playwright
    and puppeteer download builds of the same programs.

    ## Fix safety
    Shown only: which browser a program starts stands in its code. Playwright says so at run time when one is missing.
    It is Chromium that is shown, or the one browser that the file names otherwise. `--only-shell` leaves Chromium's
    window out as well, and a program that runs headless does not miss it. Where puppeteer is told which browser to run,
    the variables belong above the install.

    ## When it is silent
    A browser is named, or two of them anywhere in the file; the image is there for tests, by its path, its stage or
    what it runs; no program is stated, or a shell; downloads are turned off; a mount covers them; the stage is not
    shipped. Of puppeteer: no browser's path is given, or one in puppeteer's own folder, so that the downloaded one is
    the one that runs; the base image is made for browsers; an `.npmrc` is copied; the install is not seen to bring
    puppeteer; another install follows the variable that comes late.
    """

    code = "DS251"
    techniques = ("browsers",)
    triggers = ("playwright", "PUPPETEER_EXECUTABLE_PATH", "puppeteer", "npm", "yarn", "pnpm")
    good = (
        "FROM python:3.12\nRUN pip install --no-cache-dir playwright && playwright install chromium\n"
        'CMD ["python", "app.py"]\n',
        "FROM node:22\nENV PUPPETEER_SKIP_DOWNLOAD=true PUPPETEER_EXECUTABLE_PATH=/usr/bin/chromium\n"
        'RUN npm install puppeteer && npm cache clean --force\nCMD ["node", "pdf.js"]\n',
        Good(
            "FROM python:3.12\nRUN pip install --no-cache-dir playwright && playwright install\n",
            Surroundings(path="e2e/Dockerfile"),
        ),
    )
    bad = (
        Bad(
            "FROM python:3.12\nRUN pip install --no-cache-dir playwright && playwright install\n"
            'CMD ["python", "app.py"]\n',
            "FROM python:3.12\nRUN pip install --no-cache-dir playwright && playwright install chromium\n"
            'CMD ["python", "app.py"]\n',
        ),
        Bad(
            "FROM node:22\nRUN npm install puppeteer && npm cache clean --force\n"
            'ENV PUPPETEER_SKIP_DOWNLOAD=true PUPPETEER_EXECUTABLE_PATH=/usr/bin/chromium\nCMD ["node", "pdf.js"]\n',
            None,
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each command that downloads browsers nobody runs."""
        text = dockerfile.text
        if "playwright" in text:
            yield from self._playwright(dockerfile, surroundings)
        if "PUPPETEER_" in text:
            yield from self._puppeteer(dockerfile, surroundings)

    def _playwright(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        for run in shipped_runs(dockerfile, surroundings, ("playwright",)):
            if (
                is_for_development(run, surroundings)
                or _tests(dockerfile, run.stage.index)
                or _names_others(dockerfile)
            ):
                continue
            for command in run.commands:
                call = read_playwright(command)
                if call is not None and _takes_all(run, call):
                    yield self.finding(
                        run.instruction,
                        command.span,
                        "Every browser that Playwright knows is downloaded",
                        "Without a name, `playwright install` brings Chromium, Firefox and WebKit.",
                        _name_browser(dockerfile, call),
                    )

    def _puppeteer(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        for run in shipped_runs(dockerfile, surroundings, ("npm", "yarn", "pnpm")):
            if is_for_development(run, surroundings) or _tests(dockerfile, run.stage.index):
                continue
            if _OF_PUPPETEER.search(run.base):
                continue  # such images set the variables themselves
            place, late = _place(dockerfile, run.stage.index), _set_too_late(run)
            for command in run.commands:
                brings = _brings_puppeteer(run, command, surroundings.context)
                if _skips(run, command) or not ((brings and place) or (brings is not False and late)):
                    continue
                yield self.finding(
                    run.instruction,
                    command.span,
                    "puppeteer downloads a browser that is not run",
                    _why(place, late),
                )


def _why(place: Instruction | None, late: Instruction | None) -> str:
    if late is not None:
        return f"Line {late.line} turns the download off too late: it belongs above this line."
    line = place.line if place is not None else 0
    return (
        f"`{_PLACE}` in line {line} names another one; `ENV PUPPETEER_SKIP_DOWNLOAD=true` above this line turns the"
        " download off (`PUPPETEER_SKIP_CHROMIUM_DOWNLOAD` before version 19)."
    )


def _takes_all(run: Run, call: Call) -> bool:
    if call.verb != "install" or call.operands or call.has("--help", "-h", "--dry-run", "--list", "--only-shell"):
        return False
    if run.scope.sets("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD") or "playwright" in run.base:
        return False  # the images of Playwright have them already
    if any(name == "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD" for name, _ in call.command.assignments):
        return False
    return not any(
        mount.type in ("cache", "tmpfs") and "playwright" in (mount.target or "") for mount in run.instruction.mounts
    )


def _names_others(dockerfile: Dockerfile) -> bool:
    """Tell whether a file speaks of other browsers than the one that an option or a variable names."""
    return _OTHER_BROWSERS.search(_ONE_BROWSER.sub("", dockerfile.text)) is not None


def _name_browser(dockerfile: Dockerfile, call: Call) -> Fix | None:
    """Show the one browser that the file names elsewhere, Chromium where it names none."""
    assert call.action is not None  # noqa: S101 - its verb was looked at
    named = set(_ONE_BROWSER.findall(dockerfile.text))
    if len(named) > 1:
        return None
    browser = named.pop() if named else "chromium"
    return Fix(
        (insert_words(call.command, call.action, browser),),
        Applicability.DISPLAY,
        (call.command.texts,),
        (with_words(call.command, call.action, browser),),
        "Breaks a program that starts another browser than this one.",
    )


@lru_cache(maxsize=8)
def _tests(dockerfile: Dockerfile, stage: int) -> bool:
    """Tell whether what a stage ends in runs tests, which may want every browser, or what others decide."""
    program = read_program(dockerfile, leaf_of(dockerfile, dockerfile.stages[stage]))
    started = [each.value for each in (program.entrypoint, program.command) if each is not None]
    return not started or any(map(_TESTS.search, started)) or all(map(_SHELL.fullmatch, started))


@lru_cache(maxsize=8)
def _place(dockerfile: Dockerfile, stage: int) -> Instruction | None:
    """Return the ENV that names the browser to run in what a stage ends in."""
    leaf = leaf_of(dockerfile, dockerfile.stages[stage])
    found = [each for _, each in dockerfile.lineage(leaf) if each.keyword == "ENV" and f"{_PLACE}=/" in _plain(each)]
    path = _plain(found[-1]).partition(f"{_PLACE}=")[2].split()[0] if found else ""
    # The browser that puppeteer downloads is run, where the path leads to it.
    return None if not found or re.search(r"puppeteer|node_modules|\.cache/", path) else found[-1]


def _plain(each: Instruction) -> str:
    return each.value.replace('"', "").replace("'", "").replace(f"{_PLACE} /", f"{_PLACE}=/")


def _brings_puppeteer(run: Run, command: ShellCommand, context: Context | None) -> bool | None:
    """Tell whether an install of node's packages brings puppeteer; None where a manifest says so that is not known."""
    call = _read_install(command)
    if call is None or call.has("--ignore-scripts", "--version", "--help", "-v", "-h"):
        return False
    if call.operands or call.verb == "global":
        return any(_bare(word.text) in _PUPPETEER for word in call.operands)
    manifest = read_manifest(run, "package.json", context)
    if manifest is None:
        return None
    kinds = ("dependencies",) if call.has("--production", "--omit", "--prod") else ("dependencies", "devDependencies")
    return any(name in _PUPPETEER for kind in kinds if isinstance(manifest.get(kind), dict) for name in manifest[kind])


def _read_install(command: ShellCommand) -> Call | None:
    """Return a call of npm, yarn or pnpm that installs packages."""
    call = npm.read_npm(command)
    if call is not None:
        return call if call.verb in npm.INSTALLS else None
    call = yarn.read_yarn(command)
    if call is not None:
        return call if call.verb in ("", "install", "add", "global") else None
    if command.name != "pnpm":
        return None
    call = read_call(command, frozenset({"--filter", "-F", "--dir", "-C"}))
    return call if call.verb in ("install", "i", "add") else None


def _bare(name: str) -> str:
    """Return the name of a package of npm without its version."""
    return name[:1] + name[1:].partition("@")[0]


_CONFIGURES = regex(r"npm_config_(?:puppeteer|ignore_scripts|userconfig|globalconfig)", re.IGNORECASE)


def _skips(run: Run, command: ShellCommand) -> bool:
    if any(map(run.scope.sets, _SKIPS)) or any(_CONFIGURES.search(each) for each in run.scope.env):
        return True
    if any(name in _SKIPS for each in run.commands for name, _ in each.assignments):
        return True
    return any("puppeteer" in text.lower() and "skip" in text.lower() for text in command.texts) or run.is_preceded_by(
        _copies_configuration
    )


def _copies_configuration(each: Instruction) -> bool:
    value = each.value.lower()
    return any(map(value.__contains__, ("puppeteerrc", "puppeteer.config", "npmrc", "yarnrc"))) or (
        each.keyword == "RUN" and "puppeteer_skip" in value
    )


def _set_too_late(run: Run) -> Instruction | None:
    """Return the ENV on top of an install that was to keep it from downloading, where no install follows."""
    late = None
    for _, each in run.dockerfile.after(run.stage, run.instruction):
        if each.keyword == "ENV" and late is None and any(map(_turns_off, each.words)):
            late = each
        elif each.keyword == "RUN" and late is not None and any(map(_read_install, each.commands)):
            return None
    return late


def _turns_off(word: Word) -> bool:
    name, _, value = word.text.partition("=")
    return name in _SKIPS and value.lower() not in ("false", "0", "no", "off", "")
