"""The web page of a pull request, as a reader sees it on GitHub."""

from __future__ import annotations

from starlette.routing import Route

from cli.sandbox.site import Site


def routes(site: Site) -> list[Route]:
    """Return the routes of the pages."""
    _ = site
    return []
