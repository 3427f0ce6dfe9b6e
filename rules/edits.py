"""The ways in which a rule may edit a RUN, safest first, each in the style of the file it edits."""

from __future__ import annotations

from itertools import pairwise

from rules.dockerfile import Dockerfile, Instruction, Script, ShellCommand, Span, Word, parse
from rules.fix import Applicability, Edit, Fix, apply
from rules.patterns import regex

_LEADING = regex(r"^([ \t]*)(?:&&|\|\||;)")
# Options of `set` that neither change globbing nor set positional parameters.
_KNOWN_SET = regex(r"[-+][euxv]+o?|[-+]o|pipefail|errexit|nounset|xtrace")
_INDENT = regex(r"[ \t]*")
_BLANK_LINES = regex(r"(?:[ \t]*\r?\n)+")
_UNAPPENDABLE = frozenset({"heredoc", "negated_command", "function_definition", "comment", "ERROR"})
_LEAVING = frozenset({"exit", "exec", "return", "logout", "reboot"})


def insert_words(command: ShellCommand, behind: Word, *words: str) -> Edit:
    """Insert words behind one of a command; valid wherever the command stands."""
    if command.from_exec:
        at = behind.span.end + 1
        following = next((word.span.start for word in command.words if word.span.start > at), 0)
        comma = "," if following == at + 2 else ", "
        return Edit(Span(at, at), "".join(f'{comma}"{word}"' for word in words))
    at = behind.span.end
    return Edit(Span(at, at), "".join(f" {word}" for word in words))


def insert_words_before(dockerfile: Dockerfile, command: ShellCommand, first: Word, *words: str) -> Edit:
    """Insert words in front of one of a command, on lines of their own where that one starts a line."""
    if command.from_exec:
        at = first.span.start - 1
        comma = "," if dockerfile.text[at - 1] == "," else ", "
        return Edit(Span(at, at), "".join(f'"{word}"{comma}' for word in words))
    at = first.span.start
    lead = dockerfile.text[dockerfile.text.rfind("\n", 0, at) + 1 : at]
    if lead.strip(" \t"):
        return Edit(Span(at, at), "".join(f"{word} " for word in words))
    return Edit(Span(at, at), "".join(f"{word} {dockerfile.escape}{dockerfile.newline}{lead}" for word in words))


def with_words(command: ShellCommand, behind: Word, *words: str) -> tuple[str, ...]:
    """Return the words that `command` has after `insert_words`."""
    texts: list[str] = []
    for word in command.words:
        texts.append(word.text)
        if word is behind:
            texts.extend(words)
    return tuple(texts)


def append_command(dockerfile: Dockerfile, run: Instruction, text: str, *, shell_errexit: bool = False) -> Edit | None:
    """Append a command to a RUN so that it runs only after success, and a failure still fails the RUN.

    None where that cannot be promised: exec form, a last part behind `||`, `&` or a pipe, `exit`, a shell comment.
    """
    script = run.script
    if not _may_append(script):
        return None
    last = script.statements[-1]
    separate = _needs_separation(script, script.errexit or (shell_errexit and not script.own_shell))
    if separate is None:
        return None
    at = last.span.end
    before = dockerfile.text[run.span.start : at]
    if script.form == "heredoc":
        return Edit(Span(at, at), _heredoc_tail(dockerfile, at, text, separate))
    if "\n" not in before:
        return Edit(Span(at, at), f"; {text}" if separate else f" && {text}")
    return Edit(Span(at, at), _continued(dockerfile, run, at, text, separate))


def _needs_separation(script: Script, errexit: bool) -> bool | None:
    """Tell whether a new last command must be a statement of its own (`;`) or part of the last list (`&&`).

    None where neither keeps every failure a failure: `set -e` does not hold left of `&&`, neither for the commands of
    a list nor inside a compound command or a function, and the status of a list that `;` follows is lost, also at the
    end of a compound command: that of a subshell alone ends the shell.
    """
    last = script.statements[-1]
    tail = [each for each in script.commands if each.statement == len(script.statements) - 1]
    plain = last.kind in ("command", "variable_assignment", "declaration_command", "test_command") and not any(
        each.name in script.functions for each in tail
    )
    if script.errexit_changes:
        return False if plain and not last.operators else None
    if not errexit:
        return False
    if not last.operators:
        if not plain and last.kind != "subshell" and any(each.nesting and each.before in ("&&", "||") for each in tail):
            return None
        return not plain or len(script.statements) > 1
    return False if plain and all(not each.nesting for each in tail) else None


def _may_append(script: Script) -> bool:
    if not script.parsed or script.form == "exec" or not script.statements:
        return False
    if script.has_comment and script.form != "heredoc":
        return False
    if any(_is_odd(each) for each in script.commands) or "rm" in script.functions:
        return False
    last = script.statements[-1]
    if any(each.terminator == "&" for each in script.statements) and any(
        each.name == "set" for each in script.commands
    ):
        return False
    if last.terminator == "&" or last.kind in _UNAPPENDABLE or "||" in last.operators:
        return False
    if last.kind == "pipeline" and not script.pipefail:
        return False
    tail = [each for each in script.commands if each.statement == len(script.statements) - 1]
    if not tail:
        return False
    if any("negation" in each.nesting or each.name == "!" for each in tail):
        return False
    return tail[-1].name not in _LEAVING and not _LEAVING.intersection(tail[-1].wrappers)


def _is_odd(command: ShellCommand) -> bool:
    """Tell whether a command may change how the shell goes on in ways that are not followed here: `set -f`, eval."""
    if command.name == "set":
        return not all(_KNOWN_SET.fullmatch(text) for text in command.texts[1:]) or len(command.words) == 1
    return command.name == "eval"


def _heredoc_tail(dockerfile: Dockerfile, at: int, text: str, separate: bool) -> str:
    if not separate:
        return f" && {text}"
    line_start = dockerfile.text.rfind("\n", 0, at) + 1
    indent = _INDENT.match(dockerfile.text, line_start)
    return f"{dockerfile.newline}{indent[0] if indent else ''}{text}"


def _continued(dockerfile: Dockerfile, run: Instruction, at: int, text: str, separate: bool) -> str:
    """Return the tail of a RUN that goes over several lines: escape, new line, indentation, operator, command."""
    lines = dockerfile.text[run.span.start : at].split("\n")
    lines = [line.rstrip("\r") for line in lines]
    style = lines[1:]
    leading = next((m[1] for line in reversed(style) if (m := _LEADING.match(line))), None)
    indent = _indent_of_last(dockerfile, run) or _indent_of(style)
    pad = _padding(dockerfile.escape, lines, at, dockerfile)
    line_end = f"{pad}{dockerfile.escape}{dockerfile.newline}"
    if separate:
        return f";{line_end}{indent}{text}"
    if leading is None and any(line.rstrip(f"{dockerfile.escape} \t").endswith("&&") for line in lines[:-1]):
        return f" &&{line_end}{indent}{text}"
    return f"{line_end}{leading if leading is not None else indent}&& {text}"


def _indent_of_last(dockerfile: Dockerfile, run: Instruction) -> str:
    """Return the indentation of the line on which the last command begins, "" where that is the RUN's first."""
    script = run.script
    last = len(script.statements) - 1
    starts = (each.span.start for each in script.commands if each.statement == last and not each.nesting)
    start = dockerfile.text.rfind("\n", run.span.start, max(starts, default=script.statements[last].span.start)) + 1
    return _INDENT.match(dockerfile.text, start)[0] if start else ""  # type: ignore[index]


def _indent_of(lines: list[str]) -> str:
    for line in reversed(lines):
        if line.strip() and not line.lstrip().startswith("#"):
            return _INDENT.match(line)[0]  # type: ignore[index]
    return "    "


def _padding(escape: str, lines: list[str], at: int, dockerfile: Dockerfile) -> str:
    """Return the blanks before a new escape: one, or as many as line it up with the others."""
    columns = [len(line.rstrip()) - 1 for line in lines[:-1] if line.rstrip().endswith(escape)]
    contents = {len(line.rstrip()[:-1].rstrip()) for line in lines[:-1] if line.rstrip().endswith(escape)}
    if len(columns) >= 2 and len(set(columns)) == 1 and len(contents) > 1:
        line_start = dockerfile.text.rfind("\n", 0, at) + 1
        return " " * max(columns[0] - (at - line_start), 1)
    return " "


def drop_command(dockerfile: Dockerfile, script: Script, command: ShellCommand) -> Edit | None:
    """Remove a command together with the operator that joins it to the next.

    None where what follows would then run under another condition, or where something else stands in between.
    """
    if command.nesting or command.redirects or command.before not in ("", "&&"):
        return None
    if any("$?" in text or "PIPESTATUS" in text for each in script.commands for text in each.texts):
        return None
    statement = script.statements[command.statement]
    for left, right in pairwise(each for each in script.commands if not each.nesting):
        if left is not command:
            continue
        alone = statement.kind == "command" and not statement.operators
        if right.before != "&&" and not (right.statement == left.statement + 1 and not right.before and alone):
            return None
        between = dockerfile.text[left.span.end : right.span.start]
        if between.replace("&&", "", 1).strip(f"; \t\r\n{dockerfile.escape}"):
            return None
        return Edit(Span(left.span.start, right.span.start), "")
    return None


def is_lone_command(script: Script) -> bool:
    """Tell whether a script is one simple command and nothing else."""
    if len(script.statements) != 1 or len(script.commands) != 1:
        return False
    only, command = script.statements[0], script.commands[0]
    return only.kind == "command" and not only.operators and not only.terminator and not command.redirects


def delete_lines(dockerfile: Dockerfile, instruction: Instruction) -> Edit:
    """Remove an instruction with the whole lines that it stands on.

    Of the blank lines around it one group stays; at the end of the file none, so that it ends as it did before.
    """
    text = dockerfile.text
    start = dockerfile.line_span(instruction.line, instruction.line).start
    end = dockerfile.line_span(instruction.line, instruction.end_line).end
    following = _BLANK_LINES.match(text, end)
    behind = following.end() if following is not None else end
    if behind >= len(text):
        kept = len(text[:start].rstrip(" \t\r\n"))
        return Edit(Span(kept if end == len(text) else _line_end(text, kept), _line_end(text, end)), "")
    is_below_blank = start == 0 or text[:start].endswith(("\n\n", "\n\r\n"))
    return Edit(Span(start, behind if is_below_blank else _line_end(text, end)), "")


def _line_end(text: str, at: int) -> int:
    """Step over the line end at `at`."""
    if text.startswith("\r\n", at):
        return at + 2
    return at + 1 if text.startswith("\n", at) else at


# Commands whose effect would reach into the second RUN once the two are one shell.
_STATEFUL = frozenset(
    {
        "cd", "pushd", "popd", "export", "unset", "declare", "typeset", "local", "readonly", "alias", "source", ".",
        "trap", "ulimit", "umask", "shopt", "exit", "exec", "return", "eval", "su", "newgrp", "read", "getopts",
        "mapfile", "readarray", "let", "enable", "hash", "bind", "coproc", "disown", "complete",
    }
)  # fmt: skip


def join_runs(
    dockerfile: Dockerfile, first: Instruction, second: Instruction, *, shell_errexit: bool = False
) -> Fix | None:
    """Join two RUNs that stand next to each other with `&&`; None unless the result certainly does the same.

    The flags must be equal, the first must leave no shell state, the second must be one list of `&&`.
    """
    if [(f.name, f.value) for f in first.flags] != [(f.name, f.value) for f in second.flags]:
        return None
    if first.flags or first.script.form != "shell" or second.script.form != "shell":
        return None
    if not _is_plain_list(second.script) or leaves_state(first.script):
        return None
    gap = dockerfile.text[first.span.end : second.span.start]
    if gap.strip():
        return None
    if "((" in first.span.of(dockerfile.text) or "$_" in second.value:
        return None
    text = dockerfile.text[second.source.offset(second.arguments_start) : second.script.statements[-1].span.end]
    tail = append_command(dockerfile, first, text, shell_errexit=shell_errexit)
    if tail is None:
        return None
    return Fix((_folded(dockerfile, first, tail), delete_lines(dockerfile, second)), Applicability.SAFE)


def _folded(dockerfile: Dockerfile, run: Instruction, tail: Edit) -> Edit:
    """Put the tail of a RUN that stands on one line on a line of its own where the line would grow too long."""
    line = dockerfile.line_span(run.line, run.line)
    if run.line != run.end_line or not tail.replacement.startswith(" && "):
        return tail
    if line.end - line.start + len(tail.replacement) <= _WIDTH or "\n" in tail.replacement:
        return tail
    return Edit(tail.span, f" {dockerfile.escape}{dockerfile.newline}    {tail.replacement[1:]}")


_WIDTH = 120
_MOST_JOINED = 6
_LONGEST_JOINED = 200


def join_all_runs(
    dockerfile: Dockerfile, first: Instruction, last: Instruction, *, shell_errexit: bool = False
) -> Fix | None:
    """Join the RUNs from `first` to `last`, which follow each other, as `join_runs` joins two."""
    steps = last.index - first.index
    if not 0 < steps < _MOST_JOINED:
        return None
    if steps == 1:
        return join_runs(dockerfile, first, last, shell_errexit=shell_errexit)
    if any(each.keyword != "RUN" for each in dockerfile.instructions[first.index : last.index + 1]):
        return None
    if dockerfile.text[first.span.start : last.span.end].count("\n") > _LONGEST_JOINED:
        return None
    runs = dockerfile.instructions[first.index : last.index + 1]
    if any(join_runs(dockerfile, *pair, shell_errexit=shell_errexit) is None for pair in pairwise(runs)):
        return None  # what fails for two of them fails for all: most do, and parsing costs more
    start = dockerfile.line_span(first.line, first.line).start
    end = dockerfile.line_span(last.line, last.end_line).end
    # Read by themselves: a file of 5,000 instructions need not be parsed anew for each join.
    head = f"# escape={dockerfile.escape}{dockerfile.newline}FROM scratch{dockerfile.newline}"
    joined = parse(head + dockerfile.text[start:end])
    for _ in range(steps):
        if len(joined.instructions) < 3:
            return None
        fix = join_runs(joined, *joined.instructions[1:3], shell_errexit=shell_errexit)
        if fix is None:
            return None
        joined = parse(apply(joined.text, [fix]))
    if len(joined.instructions) != 2 or not joined.text.startswith(head):
        return None
    return Fix((Edit(Span(start, end), joined.text[len(head) :].rstrip("\r\n")),), Applicability.SAFE)


def _is_plain_list(script: Script) -> bool:
    if not script.parsed or len(script.statements) != 1 or script.has_comment or script.has_heredoc:
        return False
    only = script.statements[0]
    return only.kind == "command" and "||" not in only.operators and only.terminator in ("", ";")


def leaves_state(script: Script) -> bool:
    """Tell whether a command after this script, in the same shell, could notice that it ran."""
    if script.functions or any(each.terminator == "&" for each in script.statements):
        return True
    for command in script.commands:
        if "subshell" in command.nesting or "substitution" in command.nesting:
            continue
        if "loop" in command.nesting or command.name in _STATEFUL or not command.words[0].literal:
            return True
        if command.name == "set" and any(text not in ("-e", "-x", "-ex", "-xe") for text in command.texts[1:]):
            return True
        if command.name == "printf" and "-v" in command.texts:
            return True
        if "=" in command.words[0].text or any("=" in text and "${" in text for text in command.texts):
            return True
    return False
