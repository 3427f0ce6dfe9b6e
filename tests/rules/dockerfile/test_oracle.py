"""dockslim's reading of a Dockerfile against BuildKit's parser."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.corpus import read_corpus
from tests.rules.dockerfile.fragments import unended
from tests.rules.dockerfile.oracle import official_shape, our_shape

F = "FROM a\n"
ACCEPTED = {
    "heredoc": F + "RUN <<EOF\na\nb\nEOF\nRUN c\n",
    "heredoc-tabs": F + "RUN <<-EOF\n\ta\n\tEOF\nRUN c\n",
    "heredoc-tab-terminator-needs-dash": F + "RUN <<EOF\n\tEOF\nEOF\nRUN c\n",
    "heredoc-single-quoted": F + "RUN <<'EOF'\n$a\nEOF\nRUN c\n",
    "heredoc-double-quoted": F + 'RUN <<"EOF"\n$a\nEOF\nRUN c\n',
    "heredoc-with-program": F + "RUN python3 <<EOF\nprint(1)\nEOF\nRUN c\n",
    "heredoc-program-behind": F + "RUN <<EOF bash\na\nEOF\nRUN c\n",
    "heredoc-several": F + "RUN cat <<A <<B > x\na\nA\nb\nB\nRUN c\n",
    "heredoc-descriptor": F + "RUN cat 3<<A\na\nA\nRUN c\n",
    "heredoc-then-continuation": F + "RUN cat <<A && \\\n  b\nin\nA\nRUN c\n",
    "heredoc-opened-on-second-line": F + "RUN a && \\\n  cat <<A\nin\nA\nRUN c\n",
    "heredoc-holds-instructions": F + "RUN <<EOF\nFROM b\n# no comment\nRUN x \\\nEOF\nRUN c\n",
    "heredoc-empty": F + "RUN <<EOF\nEOF\nRUN c\n",
    "heredoc-terminator-at-end-of-file": F + "RUN <<EOF\na\nEOF",
    "heredoc-crlf": "FROM a\r\nRUN <<EOF\r\na\r\nEOF\r\nRUN c\r\n",
    "heredoc-blank-lines": F + "RUN <<EOF\n\n\na\n\nEOF\nRUN c\n",
    "heredoc-copy": F + "COPY <<EOF /a\nx\nEOF\nRUN c\n",
    "heredoc-copy-two": F + "COPY <<A <<B /d/\nx\nA\ny\nB\nRUN c\n",
    "heredoc-add": F + "ADD <<EOF /a\nx\nEOF\nRUN c\n",
    "heredoc-flags": F + "RUN --mount=type=cache,target=/x <<EOF\nx\nEOF\nRUN c\n",
    "heredoc-onbuild": F + "ONBUILD RUN <<EOF\nx\nEOF\nRUN c\n",
    "heredoc-lower-case": F + "run <<EOF\nx\nEOF\nrun c\n",
    "heredoc-inside-quotes-is-none": F + "RUN echo '<<EOF'\nRUN c\n",
    "heredoc-in-env-is-none": F + "ENV A=<<EOF\nRUN c\n",
    "heredoc-shift-is-none": F + "RUN echo $((1<<2))\nRUN c\n",
    "herestring-is-none": F + "RUN cat <<<word\nRUN c\n",
    "blank-line-in-continuation": F + "RUN a && \\\n\n  b\nRUN c\n",
    "blank-lines-with-spaces": F + "RUN a && \\\n  \n\t\n  b\nRUN c\n",
    "comment-in-continuation": F + "RUN a && \\\n# c\n  b\nRUN c\n",
    "indented-comment-in-continuation": F + "RUN a && \\\n   # c \\\n  b\nRUN c\n",
    "comment-ends-continuation": F + "RUN a && \\\n# c\n\nRUN c\n",
    "trailing-escape-at-end": F + "RUN a \\",
    "trailing-escape-newline-at-end": F + "RUN a \\\n",
    "trailing-escape-then-blanks": F + "RUN a \\\n\n\n",
    "trailing-escape-then-comment": F + "RUN a \\\n# end\n",
    "escape-then-blanks": F + "RUN a \\  \t\n  b\nRUN c\n",
    "double-escape": F + "RUN a \\\\\nRUN c\n",
    "triple-escape": F + "RUN a \\\\\\\nRUN c\n",
    "double-escape-in-middle": F + "RUN a \\\n  b \\\\\nRUN c\n",
    "lone-escape": F + "RUN \\\na\nRUN c\n",
    "keyword-continued": F + "RU\\\nN a\nRUN c\n",
    "bom": "\ufeffFROM a\nRUN b\n",
    "bom-directive": "\ufeff# escape=`\nFROM a\nRUN b `\n c\n",
    "backtick": "# escape=`\nFROM a\nRUN b `\n c\nRUN d \\\n",
    "backtick-upper": "#EsCaPe = `\nFROM a\nRUN b `\n c\n",
    "directive-after-comment-is-none": "# hello\n# escape=`\nFROM a\nRUN b `\nRUN d\n",
    "directive-after-blank-is-none": "\n# escape=`\nFROM a\nRUN b `\nRUN d\n",
    "directive-after-directive": "# syntax=x\n# escape=`\nFROM a\nRUN b `\n c\n",
    "unknown-directive-ends-them": "# unknown=x\n# escape=`\nFROM a\nRUN b `\nRUN d\n",
    "crlf": "FROM a\r\nRUN b \\\r\n  c\r\nRUN d\r\n",
    "crlf-blank-in-continuation": "FROM a\r\nRUN b \\\r\n\r\n  c\r\nRUN d\r\n",
    "mixed-ends": "FROM a\r\nRUN b \\\n  c\r\nRUN d\n",
    "tabs": "\tFROM\ta\n\tRUN\tb \\\n\t\tc\n",
    "indented": "   FROM a\n   RUN b\n",
    "no-final-newline": "FROM a\nRUN b",
    "comment-last": "FROM a\n# end",
    "several-arguments-lines": "FROM a\nENV A=1 \\\n    B=2 \\\n    C=3\nLABEL x=y\n",
    "json": 'FROM a\nCMD ["a", \\\n "b"]\nRUN c\n',
    "non-ascii": "FROM a\nRUN echo é \\\n  ü\nRUN c\n",
    "hash-inside": "FROM a\nRUN echo '#' \\\n  b # tail\nRUN c\n",
    "onbuild": "FROM a\nONBUILD RUN b \\\n c\nRUN d\n",
    "unknown-instruction": "FROM a\nWIBBLE x\nRUN c\n",
    "no-from": "RUN a\n",
    "nbsp-indent": "FROM a\n\u00a0RUN b\n",
}
REFUSED = {
    "heredoc-unterminated": F + "RUN <<EOF\na\n",
    "heredoc-two-one-terminated": F + "RUN cat <<A <<B\na\nA\n",
    "escape-of-another-kind": "# escape=x\nFROM a\n",
    "escape-twice": "# escape=`\n# escape=`\nFROM a\n",
    "empty": "",
    "only-comments": "# a\n# b\n",
    "only-blanks": " \n\t\n",
}


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_reads_as_buildkit_does(text: str) -> None:
    expected = official_shape(text)
    assert expected is not None
    assert our_shape(text) == expected


def test_check_is_a_directive() -> None:
    """The parser behind the `dockerfile` package is older than `# check=`; BuildKit's present one reads it so."""
    assert our_shape("# check=skip=all\n# escape=`\nFROM a\nRUN b `\n c\n") == [("FROM", 3, 3), ("RUN", 4, 5)]


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_refuses_what_buildkit_refuses(text: str) -> None:
    assert official_shape(text) is None
    assert our_shape(text) is None


@settings(max_examples=600, deadline=None)
@given(unended)
def test_concatenations_read_as_buildkit_does(text: str) -> None:
    expected = official_shape(text)
    if expected is not None:
        assert our_shape(text) == expected


@pytest.mark.slow
def test_corpus_reads_as_buildkit_does(capsys: pytest.CaptureFixture[str]) -> None:
    agree = refused_by_both = refused_by_official = 0
    different = []
    for name, content in read_corpus():
        expected = official_shape(content.decode("utf-8", "replace"))
        ours = our_shape(content.decode("utf-8", "surrogateescape"))
        if expected is None:
            refused_by_official += 1
            refused_by_both += ours is None
        elif ours == expected:
            agree += 1
        else:
            different.append(name)
    with capsys.disabled():
        print(
            f"\noracle: {agree} of {agree + len(different)} files that BuildKit's parser accepts read the same;"
            f" it refuses {refused_by_official}, of which dockslim refuses {refused_by_both}"
        )
    assert different == []
    assert agree > 5000
