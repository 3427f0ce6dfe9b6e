"""A stage: the sandbox GitHub with a repository, and a Performer that works on it over HTTP."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from redis import Redis

from bot.github.client import GitHubApp
from bot.github.limits import Writes
from bot.jobs import ReviewJob
from cli.sandbox import PullRequestHandle, RepositoryHandle, Sandbox
from workers.perform import Performer

CLEAN = 'FROM debian:12-slim\nCMD ["/bin/true"]\n'
APT = "RUN apt-get update && apt-get install -y cron\n"
PIP = "RUN pip install flask\n"
WASTEFUL = f"FROM debian:12-slim\n{APT}{PIP}"


class Stage:
    """One repository, pull requests on it, and jobs about them."""

    def __init__(self, sandbox: Sandbox, redis: Redis) -> None:
        self.sandbox = sandbox
        self.redis = redis
        self.repository = sandbox.create_repository("acme/shop", {"Dockerfile": CLEAN, "README.md": "shop\n"})
        self.installation = sandbox.installation(self.repository)
        app = GitHubApp(
            app_id=sandbox.app_id,
            private_key=sandbox.private_key,
            api_url=sandbox.url,
            redis=redis,
        )
        self.slept: list[float] = []
        # Jobs here follow each other within milliseconds: who is to meet the limits of writes asks for them.
        self.performer = Performer(app, redis, self.slept.append, writes=Writes(redis, windows=()))
        self._numbers = itertools.count(1)

    def open(self, files: Mapping[str, Any], branch: str = "feature", **options: Any) -> PullRequestHandle:
        """Open a pull request that changes files."""
        # Equal commits are one commit, and would share one check run.
        self.repository.commit(branch, {f".branch/{branch}": branch, **files})
        return self.sandbox.open_pull_request(self.repository, branch, **options)

    def job(self, pull: PullRequestHandle, **changes: Any) -> ReviewJob:
        """Return the job that an event about a pull request leads to."""
        values: dict[str, Any] = {
            "delivery": f"delivery-{next(self._numbers)}",
            "installation_id": self.installation.id,
            "repository_id": self.repository.id,
            "owner": "acme",
            "repository": "shop",
            "number": pull.number,
            "reason": "opened",
            "head_sha": pull.head_sha,
            "base_branch": pull.record.base_ref,
        }
        return ReviewJob(**(values | changes))

    def perform(self, pull: PullRequestHandle, **changes: Any) -> timedelta | None:
        """Perform a job about a pull request."""
        return self.performer.perform(self.job(pull, **changes))

    def say_requests(self) -> list[str]:
        """Return the API requests since the last `clear`, without the repository."""
        return [str(request).replace("/repos/acme/shop", "") for request in self.sandbox.requests]

    def other_repository(self) -> RepositoryHandle:
        """Return a fork that somebody else owns."""
        return self.sandbox.fork(self.repository, "mallory")
