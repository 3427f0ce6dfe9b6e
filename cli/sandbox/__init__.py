"""A stand-in GitHub over real git repositories, strict about GitHub's documented rules."""

from cli.sandbox.faults import (
    DeliveryFault,
    RequestFault,
    drop,
    duplicate,
    primary_limit,
    secondary_limit,
    server_error,
    shuffle,
    slow,
)
from cli.sandbox.git import File
from cli.sandbox.sandbox import (
    EVENTS,
    PERMISSIONS,
    IssueHandle,
    PullRequestHandle,
    RepositoryHandle,
    Sandbox,
    SandboxError,
)
from cli.sandbox.suggestions import SuggestionRefusedError

__all__ = [
    "EVENTS",
    "PERMISSIONS",
    "DeliveryFault",
    "File",
    "IssueHandle",
    "PullRequestHandle",
    "RepositoryHandle",
    "RequestFault",
    "Sandbox",
    "SandboxError",
    "SuggestionRefusedError",
    "drop",
    "duplicate",
    "primary_limit",
    "secondary_limit",
    "server_error",
    "shuffle",
    "slow",
]
