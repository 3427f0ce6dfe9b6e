"""A GitHub at the edge that we own: the transport. Answers are scripted; what was asked is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from bot.github.client import GitHubApp, RepositoryRef, Session
from bot.github.limits import Meter

REPOSITORY = RepositoryRef(7, 42, "acme", "shop")
ALL = {"checks": "write", "contents": "read", "metadata": "read", "pull_requests": "write"}
Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class FakeRedis:
    """The two commands of a token store, as Redis answers them."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.lasts: dict[str, timedelta] = {}

    def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    def set(self, key: str, value: bytes, px: timedelta) -> None:
        assert px > timedelta(0)
        self.values[key] = value
        self.lasts[key] = px

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


class Host:
    """One host: hands out tokens, answers the rest from a list."""

    def __init__(self, private_key: str, *answers: Answer, url: str = "https://api.github.com", redis: Any = None):
        self.requests: list[httpx.Request] = []
        self.minted = 0
        self.clients = 0
        self._answers = list(answers)
        self._url = url
        self.app = GitHubApp(
            app_id=1,
            private_key=private_key,
            api_url=url,
            redis=redis,
            transport=httpx.MockTransport(self._answer),
        )

    @contextmanager
    def session(self, meter: Meter | None = None) -> Iterator[Session]:
        with self.app.open(REPOSITORY, meter) as session:
            yield session

    @property
    def paths(self) -> list[str]:
        """What was asked besides tokens, as it went over the wire."""
        return [
            f"{request.method} {request.url.raw_path.decode()}"
            for request in self.requests
            if not request.url.path.endswith("access_tokens")
        ]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path.endswith("access_tokens"):
            self.minted += 1
            return token(f"ghs_{self.minted}_{self._url[8:]}")
        answer = self._answers.pop(0) if self._answers else httpx.Response(200, json={})
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer


def token(value: str, permissions: dict[str, str] | None = None) -> httpx.Response:
    """Return GitHub's answer with an installation token."""
    expires = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return httpx.Response(201, json={"token": value, "expires_at": expires, "permissions": permissions or ALL})


def refusal(status: int, message: str, errors: list[Any] | None = None, **headers: str) -> httpx.Response:
    """Return an error as GitHub words it."""
    body = {"message": message, "documentation_url": "https://docs.github.com/rest"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json=body | ({"errors": errors} if errors is not None else {}), headers=named)
