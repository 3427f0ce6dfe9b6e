"""The REST API: one module per noun, each ending in its table of endpoints."""

from __future__ import annotations

from cli.sandbox.rest import apps, checks, contents, issues, pulls, reactions, repositories, reviews
from cli.sandbox.rest.routing import Endpoint, Router

ENDPOINTS: tuple[Endpoint, ...] = (
    *apps.ENDPOINTS,
    *repositories.ENDPOINTS,
    *contents.ENDPOINTS,
    *pulls.ENDPOINTS,
    *reviews.ENDPOINTS,
    *issues.ENDPOINTS,
    *reactions.ENDPOINTS,
    *checks.ENDPOINTS,
    repositories.COMMIT,
)

__all__ = ["ENDPOINTS", "Router"]
