"""Comments as HTML: CommonMark with tables, and of HTML only what GitHub's readers need."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

RenderSuggestion = Callable[[int, tuple[str, ...]], str]
"""Turns the n-th suggestion of a comment into HTML."""

_KEPT = "sub|sup|kbd|details|summary|br"
_HTML = re.compile(rf"<!--.*?(?:-->|\Z)|</?(?:{_KEPT})(?:\s+open)?\s*/?>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(rf"<(/?)({_KEPT})\b", re.IGNORECASE)


def _sanitised(html: str) -> str:
    """Keep the few allowed tags, drop comments, and show everything else as the text that it is."""
    parts, at = [], 0
    for found in _HTML.finditer(html):
        parts.append(escape(html[at : found.start()], quote=False))
        parts.append("" if found[0].startswith("<!--") else found[0].lower())
        at = found.end()
    return "".join([*parts, escape(html[at:], quote=False)])


def _closed(html: str) -> str:
    """End the tags that a comment left open, so that it cannot swallow the next one."""
    opened: list[str] = []
    for closing, tag in _TAG.findall(html):
        name = tag.lower()
        if name == "br":
            continue
        if not closing:
            opened.append(name)
        elif name in opened:
            del opened[len(opened) - 1 - opened[::-1].index(name) :]
    return html + "".join(f"</{name}>" for name in reversed(opened))


class _Renderer(RendererHTML):
    def html_block(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        _ = options, env
        return _sanitised(tokens[idx].content)

    def html_inline(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return self.html_block(tokens, idx, options, env)

    def image(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        # The page loads nothing from elsewhere: a picture is a link to it.
        _ = options, env
        source = escape(str(tokens[idx].attrs.get("src", "")))
        return f'<a href="{source}" rel="nofollow">{escape(tokens[idx].content or "image")}</a>'

    def fence(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        token = tokens[idx]
        language = token.info.strip().split(maxsplit=1)[:1]
        if language == ["suggestion"] and "suggestion" in env:
            number = env["number"] = env.get("number", -1) + 1
            lines = tuple(token.content.removesuffix("\n").split("\n")) if token.content else ()
            return str(env["suggestion"](number, lines))
        if language == ["diff"]:
            return f"<pre><code>{''.join(map(_diff_line, token.content.splitlines()))}</code></pre>\n"
        return super().fence(tokens, idx, options, env)


def _diff_line(line: str) -> str:
    kind = {"+": "added", "-": "removed"}.get(line[:1], "same")
    return f'<span class="{kind}">{escape(line)}\n</span>'


# GitHub breaks lines in comments where their author did, unlike in files.
_markdown = MarkdownIt("commonmark", {"breaks": True}, renderer_cls=_Renderer).enable(["table", "strikethrough"])


def render(body: str | None, suggestion: RenderSuggestion | None = None) -> Markup:
    """Render a comment; its suggestions by the given function."""
    env: dict[str, Any] = {"suggestion": suggestion} if suggestion else {}
    html = _closed(_markdown.render(body or "", env)).replace("<table>", '<div class="table"><table>')
    # Everything in it was escaped or sanitised above.
    return Markup(html.replace("</table>", "</table></div>"))  # noqa: S704
