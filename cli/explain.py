"""`dockslim explain`: the page of a rule."""

from __future__ import annotations

import sys

from cli.document import page_of
from cli.rules import refuse_unknown
from rules.registry import find_rule


def explain(name: str) -> None:
    """Print the page of a rule: laid out on a terminal, as Markdown elsewhere."""
    rule = find_rule(name)
    if rule is None:
        raise refuse_unknown("explain", name)
    page = page_of(rule)
    if not sys.stdout.isatty():
        print(page, end="")
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(page))
