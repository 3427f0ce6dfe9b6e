"""A stand-in GitHub over real git repositories, strict about GitHub's documented rules.

    with Sandbox() as sandbox, sandbox.serving() as url:
        sandbox.webhook_url = "http://127.0.0.1:8000/webhooks"
        repository = sandbox.create_repository("acme/shop", {"Dockerfile": "FROM debian:12\\n"})
        repository.commit("feature", {"Dockerfile": "FROM debian:13\\n"}, "Move to trixie")
        pull = sandbox.open_pull_request(repository, "feature", title="Move to trixie")
        sandbox.wait_until_delivered()

The App under test authenticates with `sandbox.app_id` and `sandbox.private_key`; its REST API is at `url`
(or `url`/api/v3), its GraphQL API at `url`/graphql (or /api/graphql), the page of a pull request at `pull.url`.

- `Sandbox`: `create_repository`, `fork`, `open_pull_request`, `set_permission`, `install`, `uninstall`,
  `accept_permissions`, `suspend`, `user_token`, `expire_tokens`, `set_rate_limit`, `redeliver`, `ping`, `reset`;
  `requests` (the log: iterate it, `.counted`, `.clear()`), `faults` (`.add(server_error(502, after=True))`),
  `deliveries`, `wait_until_delivered()`.
- `RepositoryHandle`: `commit`, `push`, `protect`, `delete_branch`, `tag`, `text`, `open_issue`, `pull_request`,
  `delete` (a fork).
- `PullRequestHandle`: `reviews`, `review_comments`, `threads`, `issue_comments`, `check_runs`, `head_text`,
  `comment`, `edit_comment`, `edit_review_comment`, `comment_on`, `reply`, `review`, `resolve`, `apply_suggestion(s)`,
  `rerequest`, `press`, `close`, `reopen`, `merge`, `mark_ready`, `convert_to_draft`, `change_base`, `edit`.
- Another process runs `python -m cli.sandbox` and drives it over HTTP: see `control`.

Where it knowingly differs from GitHub:

- Public repositories need the same permissions as private ones, so that one the App lacks shows up.
- The secondary rate limit strikes only on request; it is not computed.
- Reviews with `event: COMMENT` need a body, as documented; github.com has been seen to accept less.
- A commit that a force push removed cannot be reviewed; github.com may still know it.
- A commit made by GraphQL has no file modes: what it writes is 100644.
- A protected branch takes no push from anybody; pull requests are merged all the same.
- A suggestion ends the lines it writes with a bare newline, whatever the file uses.
- One App: registering another from a manifest turns it into that one.
- No plain OAuth, no organization membership, merge commits only.
"""

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
