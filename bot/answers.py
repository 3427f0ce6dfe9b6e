"""Answers: what dockslim says to a comment that asks it something. What others wrote is shown, never obeyed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.commands import FORMS, MOST, Unknown, Verb, find_close_verb
from bot.configuration.model import FILE
from bot.notices import say_not_permitted
from bot.review.fingerprint import digest
from bot.review.markdown import cell, code, escape, fit, prose, shorten
from bot.review.model import Origin
from rules.registry import find_close_rules
from rules.rule import Rule

HOME = "https://github.com/dockslim/dockslim"
"""The project's own, as in its manifest."""
DOCS = f"{HOME}/blob/main/docs"
_EXPLAINED = ("What it does", "Why it costs", "Fix safety")
_LIST = ("- ", "* ", "|", "```")
_WRITERS = "who can write here"


@dataclass(frozen=True, slots=True)
class Setting:
    """One key that is not as it is built in, its value as a file has it, and the file that says so.

    The value is None where not everybody who sees the answer may read that file.
    """

    key: str
    value: str | None
    file: str


def mark_answer(comment: str) -> str:
    """Return the hidden line that ends the answer to a comment, by which it is found again."""
    return f"<!-- dockslim:answer={digest((comment,))} -->"


def join_answers(answers: Iterable[str], comment: str) -> str:
    """Return the answers to the commands of one comment as one, or "" where there is none."""
    said = [f"{each}\n\n" for each in answers if each]
    if not said:
        return ""
    return fit("", said, lambda left: f"{left} more without room here.\n\n" if left else "", mark_answer(comment))


def say_unknown(unknown: Unknown) -> str:
    """Say that something is no command, and which one comes close."""
    listed = "`/dockslim help` lists the commands."
    if not unknown.text:
        return f"`/dockslim` alone asks for nothing. {listed}"
    close = find_close_verb(unknown.text)
    hint = f" Close to it: {code(f'/dockslim {FORMS[close].usage}')}." if close is not None else ""
    return f"{code(f'/dockslim {unknown.text}')} is not a command.{hint} {listed}"


def say_unknown_rule(name: str) -> str:
    """Say that there is no such rule, and which ones come close."""
    close = ", ".join(f"{rule.code} {rule.name}" for rule in find_close_rules(name))
    return (
        f"There is no rule {code(name)}. {f'Close to it: {close}.' if close else f'[All rules]({DOCS}/rules/index.md)'}"
    )


def say_rule_missing(verb: Verb, several: Sequence[Rule] = ()) -> str:
    """Say that a command needs a rule; `several` where the comment above it speaks of more than one."""
    if several:
        listed = ", ".join(f"{rule.code} {rule.name}" for rule in several)
        return f"The comment above speaks of {listed}: {code(f'/dockslim {verb}')} needs one of them."
    return f"{code(f'/dockslim {verb}')} needs a rule: its code, such as DS201, or its name."


def say_too_many(left: int) -> str:
    """Say that not all commands of a comment were obeyed."""
    return f"One comment may hold {MOST} commands; {left:,} more {'was' if left == 1 else 'were'} left."


def say_writers_only(verb: Verb) -> str:
    """Say who may use a command, to somebody who may use others."""
    return f"{code(f'/dockslim {verb}')} is for those who can write to this repository."


def say_help() -> str:
    """List the commands and who may use them."""
    rows = "".join(f"\n| {_row(verb)} |" for verb in Verb)
    return (
        f"| Command | | Who |\n|---|---|---|{rows}\n\n"
        f"Each at the start of a line of a new comment, up to {MOST} in one. RULE is a code such as DS201, or a name."
    )


def say_build() -> str:
    """Say why nothing is built."""
    return "Nothing was built: dockslim is not set up to build images here, so it measures none."


def say_build_off() -> str:
    """Say that the configuration forbids it."""
    return f"Nothing was built: {code('builds')} is {code('never')} in the configuration that counts here."


def say_build_pending(head: str) -> str:
    """Say that it is on its way already."""
    return f"{head} is being built already; the summary will have its sizes."


def say_nothing_to_build() -> str:
    """Say that there is no Dockerfile to build."""
    return "Nothing was built: this pull request changes no Dockerfile that could be read."


def say_build_moved() -> str:
    """Say that a maintainer has to look at the new head first."""
    return (
        "Nothing was built: the pull request has changed since that was asked for, and it comes from a fork. "
        "`/dockslim build` again builds its new head."
    )


def say_building(head: str) -> str:
    """Say that images are going to be built."""
    return f"Building {head}: the check run says how far it is, the summary will have the sizes."


def say_explanation(rule: Rule) -> str:
    """Return the page of a rule in short."""
    sections = dict(each.partition("\n")[::2] for each in rule.page.split("\n## ")[1:])
    parts = [f"**{rule.code} {rule.name}** · {rule.summary}"]
    parts += (f"**{title}**\n{_reflow(sections[title])}" for title in _EXPLAINED if title in sections)
    parts.append(f"[The whole page]({DOCS}/rules/{rule.name}.md)")
    return "\n\n".join(parts)


def say_ignored(rule: Rule, reason: str) -> str:
    """Say that a rule is silent here from now on, and how it is silenced for good."""
    why = f": {prose(reason, 300)}" if reason else "."
    return (
        f"{rule.code} {rule.name} is ignored on this pull request{why}\n\n"
        f"For good: `# dockslim ignore={rule.code}` above the instruction, or in {code(FILE)}:\n\n"
        f"```yaml\nrules:\n  {rule.code}: off\n```\n`/dockslim unignore {rule.code}` takes it back."
    )


def say_heard(rule: Rule, was_ignored: bool) -> str:
    """Say that a rule is no longer silent, or never was."""
    if was_ignored:
        return f"{rule.code} {rule.name} is not ignored on this pull request any more."
    return (
        f"{rule.code} {rule.name} was not ignored on this pull request. "
        f"What a comment in the Dockerfile or {code(FILE)} silences is taken back there."
    )


def say_configuration(origin: Origin, settings: Sequence[Setting], base_branch: str) -> str:
    """Say which configuration counts, key by key, where each comes from, and what is wrong with files that do not."""
    files = " over ".join((*(code(each) for each in origin.files), "the built-in defaults"))
    head = f"On this pull request counts {files}. {code(FILE)} is read from {code(base_branch)}."
    if not origin.files:
        head = f"On this pull request only the built-in defaults count: no {code(FILE)} of {code(base_branch)} does."
    head += "".join(f"\n\n{prose(each)}" for each in origin.problems[:20])
    if not settings:
        return f"{head}\n\nEvery key is as [built in]({DOCS}/configuration.md)."
    head += "\n\n| Key | Value | From |\n|---|---|---|"
    rows = [f"\n| {_show_setting(each)} |" for each in settings]
    tail = f"\n\nEvery other key is as [built in]({DOCS}/configuration.md)."
    return fit(head, rows, lambda left: f"\n\n{left:,} more keys have no room here." if left else "", tail, 20_000)


def _show_setting(each: Setting) -> str:
    value = code(shorten(each.value, 300)) if each.value is not None else "not shown: its repository is not public"
    return " | ".join(map(cell, (code(each.key), value, code(each.file))))


def say_committed(commit: str, said: str) -> str:
    """Say what was committed."""
    return f"Committed as {commit}: {said}" if said else f"Committed as {commit}."


def say_nothing_to_commit(said: str) -> str:
    """Say that there is no suggestion to commit."""
    return f"Nothing to commit: no suggestion is open that one click would apply.{f' {said}' if said else ''}"


def say_moved() -> str:
    """Say that the branch moved while the commit was made."""
    return "Nothing was committed: the branch moved meanwhile. `/dockslim fix` again takes its new head."


def say_branch_gone() -> str:
    """Say that there is no branch to commit to."""
    return "Nothing was committed: the branch of this pull request is gone."


def say_closed_fork(repository: str) -> str:
    """Say that a fork's owner does not let maintainers push."""
    return (
        f"Nothing was committed: the branch is in {code(repository)}, and its author has not ticked "
        '"Allow edits by maintainers" on this pull request. They can commit the suggestions themselves.'
    )


def say_foreign(repository: str, own: str) -> str:
    """Say that the App may not push to another repository."""
    return (
        f"Nothing was committed: the branch is in {code(repository)}, and GitHub lets the App push to "
        f"{code(own)} only. Whoever can push there can commit the suggestions."
    )


def say_may_not_push() -> str:
    """Say which permission a commit takes."""
    return f"Nothing was committed: {say_not_permitted('Contents: read and write')}."


def say_commit_refused(message: str) -> str:
    """Say in GitHub's words why it takes no commit."""
    return f"Nothing was committed. GitHub refuses it: {escape(shorten(message, 300))}"


def say_not_done(reason: str) -> str:
    """Say that something failed."""
    return f"Not done: {prose(reason)}."


def write_message(suggestions: int, rules: Iterable[str], comment: str) -> tuple[str, str]:
    """Return the headline and the body of a commit. Nothing that others wrote is in it: GitHub obeys commit messages.

    Its last line tells which comment it obeys.
    """
    headline = f"Apply {suggestions:,} suggestion{'' if suggestions == 1 else 's'} by dockslim"
    listed = ", ".join(sorted(set(rules)))
    return headline, f"{listed}\n\n{sign_commit(comment)}" if listed else sign_commit(comment)


def sign_commit(comment: str) -> str:
    """Return the last line of the commit that a comment asked for."""
    return f"Dockslim-Command: {digest((comment,))}"


def _row(verb: Verb) -> str:
    form = FORMS[verb]
    who = f"{_WRITERS}, and the author of a pull request from a fork" if form.for_author else _WRITERS
    return " | ".join((code(f"/dockslim {form.usage}"), form.meaning, who))


def _reflow(section: str) -> str:
    """Return Markdown with a paragraph on one line: GitHub breaks those of comments where they are broken."""
    return "\n\n".join(_reflow_paragraphs(section.strip().split("\n\n")))


def _reflow_paragraphs(paragraphs: Iterable[str]) -> Iterator[str]:
    for each in paragraphs:
        yield each if each.startswith(_LIST) else " ".join(each.split())
