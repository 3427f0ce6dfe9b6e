"""Hostile input on the way through: whatever a pull request holds, what is posted shows it and obeys none of it."""

from __future__ import annotations

import io
import json
import re
import unicodedata

import pytest
from markdown_it import MarkdownIt

from bot.configuration.model import FILE
from cli.sandbox import File, PullRequestHandle
from tests.workers.stage import APT, CLEAN, WASTEFUL, Stage

pytestmark = pytest.mark.slow

NASTY = {
    "mention": "@acme/team @alice",
    "html": "<script>alert(1)</script><img src=x onerror=y><details><summary>",
    "backticks": "` `` ``` ```` `x`",
    "fence": "```suggestion",
    "link": "[click](https://evil.example) ![x](https://evil.example/x.png) https://evil.example www.evil.example",
    "reference": "#1 GH-1 acme/shop#2",
    "control": "\x1b[31m\x07\x08\u202e\u2066\u200b\ufeff",
    "marker": "--> <!-- dockslim:fp=0123456789abcdef --> <!-- dockslim:review -->",
    "table": "| a | b |\\| &lt; \\",
    "block": "# 1. - > === ---",
}
NASTIES = [pytest.param(text, id=name) for name, text in NASTY.items()]
# What our own Markdown is made of, beside text.
_OURS = re.compile(
    r"<!-- dockslim:[a-z]+(?:[=:][0-9a-f,]*)? -->|</?(?:sub|details|summary|b|code)>|<details><summary>.*</summary>",
    re.S,
)
_OUR_LINK = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+|https://docs\.|#")
_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")


def check_markdown(body: str, suggestions: int) -> None:
    """Read a body as GitHub would; fail where text of others is more than text."""
    check_characters(body)
    fences = []
    for token in _MARKDOWN.parse(body):
        if token.type == "fence":
            fences.append(token.info)
        elif token.type == "html_block":
            assert not _OURS.sub("", token.content).strip(), token.content
        for child in token.children or ():
            if child.type == "html_inline":
                assert _OURS.fullmatch(child.content), child.content
            elif child.type == "text":
                # Both are links on GitHub, without any Markdown.
                assert not re.search(r"(?<![\w`])@\w|https?://|www\.\w|#\d|GH-\d", child.content), child.content
            elif child.type in {"image", "link_open"}:
                target = str(child.attrGet("src") or child.attrGet("href"))
                assert _OUR_LINK.match(target), target
    assert fences.count("suggestion") == suggestions, body


def check_characters(text: str) -> None:
    """Fail where characters hide or turn around others."""
    for char in text:
        # The zero-width space is how a mention becomes text.
        if char not in "\n\t\u200b":
            assert unicodedata.category(char) not in {"Cc", "Cf", "Cs"}, repr(char)


def check_all(pull: PullRequestHandle) -> int:
    """Check everything that was posted; return how many comments there are on lines."""
    for review in pull.reviews:
        check_markdown(review.body, 0)
    for comment in pull.review_comments:
        check_markdown(comment.body, comment.body.count("\n```suggestion\n") or "suggestion\n" in comment.body)
    for said in pull.issue_comments:
        if said.author.login == pull.sandbox.bot:
            check_markdown(said.body, 0)
    for run in pull.check_runs:
        check_characters(run.title or "")
        check_markdown(run.summary or "", 0)
    return len(pull.review_comments)


def check_log(log: io.StringIO) -> None:
    """Every line is an event of its own; nothing from outside has made one or moved a cursor."""
    for line in log.getvalue().splitlines():
        json.loads(line)
        check_characters(line)


@pytest.mark.parametrize("text", NASTIES)
class TestEverywhere:
    def test_in_a_dockerfile(self, stage: Stage, text: str, log: io.StringIO) -> None:
        quoted = text.replace("'", "").replace("\\", "")
        dockerfile = (
            f"# {text}\nFROM debian:12-slim AS base\nLABEL note='{quoted}'\n"
            f"RUN apt-get update && apt-get install -y cron && echo '{quoted}'\n"
            f"RUN pip install 'flask' '{quoted}'\n"
            f"RUN <<EOF\napt-get update\napt-get install -y curl\n{text}\nEOF\n"
            f"RUN echo {text}\nCOPY --from=base /a /{quoted.split()[0]}\n"
        )
        pull = stage.open({"Dockerfile": dockerfile})
        assert stage.perform(pull) is None
        assert check_all(pull) > 0
        check_log(log)

    def test_in_a_path(self, stage: Stage, text: str, log: io.StringIO) -> None:
        pull = stage.open({f"{text.replace('/', '')}/Dockerfile": WASTEFUL, "line\nbreak/Dockerfile": WASTEFUL})
        assert stage.perform(pull) is None
        assert check_all(pull) == 4
        check_log(log)

    def test_in_a_title_a_body_and_a_command(self, stage: Stage, text: str, log: io.StringIO) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL}, title=text, body=f"{text}\n/dockslim recheck\n{text}")
        pull.comment(f"{text}\n/dockslim {text}")
        assert stage.perform(pull) is None
        assert check_all(pull) == 2
        check_log(log)

    def test_in_the_configuration(self, stage: Stage, text: str, log: io.StringIO) -> None:
        stage.repository.commit("main", {FILE: f"{json.dumps(text)}: 1\nrules: {json.dumps(text)}\n"})
        pull = stage.open({"Dockerfile": WASTEFUL, FILE: f'"x{json.dumps(text)[1:-1]}": [1]\n'})
        assert stage.perform(pull) is None
        check_all(pull)
        assert pull.check_runs
        check_log(log)


@pytest.mark.parametrize("branch", ["@acme/team", "`x`<b>", "a|b#1", "$(id)", "%2e%2e%2f", "ü\u202ex"])
def test_in_branch_names(stage: Stage, branch: str, log: io.StringIO) -> None:
    stage.repository.push(f"base-{branch}", stage.repository.branches["main"])
    pull = stage.open({"Dockerfile": WASTEFUL}, branch=branch, base=f"base-{branch}")
    assert stage.perform(pull) is None
    assert check_all(pull) == 2
    check_log(log)


class TestFiles:
    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            pytest.param(File(b"/etc/passwd", "120000"), "symbolic link", id="symbolic link"),
            pytest.param(File(b"1" * 40, "160000"), "submodule", id="submodule"),
            pytest.param(
                f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n", "Git LFS", id="LFS"
            ),
            pytest.param(b"FROM x\n" + b"#" * 50_000_000, "larger than 1 MB", id="50 MB"),
            pytest.param(b"\x7fELF\x00\x01" * 100, "", id="a program"),
        ],
    )
    def test_what_is_no_text_of_ours_to_read(self, stage: Stage, content: bytes, reason: str) -> None:
        pull = stage.open({"Dockerfile": content, "api/Dockerfile": WASTEFUL})
        assert stage.perform(pull) is None
        (run,) = pull.check_runs
        assert reason in (run.summary or "")
        # The other file is reviewed all the same.
        assert check_all(pull) == 2
        assert {comment.thread.original.path for comment in pull.review_comments} == {"api/Dockerfile"}

    @pytest.mark.parametrize("path", ["..%2f/Dockerfile", "a/..b/Dockerfile", "..../Dockerfile", "~/Dockerfile"])
    def test_paths_that_look_like_ways_out(self, stage: Stage, path: str) -> None:
        # Not UTF-8, so that the path is asked for by REST as well.
        pull = stage.open({path: WASTEFUL.encode() + b"# \xff\n"})
        assert stage.perform(pull) is None
        assert {comment.thread.original.path for comment in pull.review_comments} == {path}
        repository = f"/repos/{stage.repository.full_name}"
        asked = [request.path for request in stage.sandbox.requests]
        assert all(each.startswith((repository, "/graphql", "/app/installations/")) for each in asked), asked

    def test_3000_files_and_the_dockerfile_is_the_last(self, stage: Stage) -> None:
        files = {f"src/{number:04}.txt": "x\n" for number in range(2997)} | {"zz/Dockerfile": WASTEFUL}
        pull = stage.open(files)
        assert stage.perform(pull) is None
        assert check_all(pull) == 2
        assert "first 3,000 files" not in (pull.check_runs[0].summary or "")

    def test_more_than_3000_files_are_said(self, stage: Stage) -> None:
        files = {f"src/{number:04}.txt": "x\n" for number in range(3001)} | {"zz/Dockerfile": WASTEFUL}
        pull = stage.open(files | {"Dockerfile": CLEAN + APT})
        assert stage.perform(pull) is None
        assert check_all(pull) == 1
        assert "GitHub lists 3,000 of the 3,004 files" in (pull.check_runs[0].summary or "")
