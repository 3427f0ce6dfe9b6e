"""How a request finds its endpoint, and what the endpoint is given."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

from cli.sandbox.answers import Answer, Fields, RefusedError, not_accessible, not_found
from cli.sandbox.auth import AppCaller, Caller, InstallationCaller, Need, require
from cli.sandbox.git import Commit
from cli.sandbox.site import Site
from cli.sandbox.state import Account, Issue, PullRequest, Repository

Item = TypeVar("Item")
Audience = Literal["repository", "app", "installation", "anyone"]

READ_CONTENTS = Need("contents", "read")
WRITE_CONTENTS = Need("contents", "write")
READ_PULLS = Need("pull_requests", "read")
WRITE_PULLS = Need("pull_requests", "write")
READ_ISSUES = Need("issues", "read")
WRITE_ISSUES = Need("issues", "write")
READ_CHECKS = Need("checks", "read")
WRITE_CHECKS = Need("checks", "write")
READ_METADATA = Need("metadata", "read")

_PARAMETER = re.compile(r"\{(\w+)(\*?)\}")
NEWEST_VERSION = "2026-03-10"


@dataclass(slots=True)
class Call:
    """One request that reached its endpoint."""

    site: Site
    caller: Caller | None
    path: str
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes
    version: str
    needs: tuple[Need, ...] = ()
    _repository: Repository | None = None

    @property
    def repository(self) -> Repository:
        """The repository of the path, which the caller may see."""
        if self._repository is None:
            full_name = f"{self.parameters['owner']}/{self.parameters['repo']}"
            found = self.site.world.repository(full_name)
            if found is None or self.caller is None:
                raise not_found()
            require(self.caller, found, self.needs)
            self._repository = found
        return self._repository

    @property
    def actor(self) -> Account:
        """Who acts: the bot of the App, or a person."""
        if self.caller is None or isinstance(self.caller, AppCaller):
            raise RefusedError(401, "Requires authentication")
        return self.caller.account

    def need(self, *needs: Need) -> None:
        """Refuse a caller that lacks every one of these permissions."""
        if self.caller is not None:
            self.needs = needs
            require(self.caller, self.repository, needs)

    def need_for(self, issue: Issue, access: Literal["read", "write"]) -> None:
        """Ask for the permission that a conversation needs: a pull request's differs from an issue's."""
        pulls, issues = Need("pull_requests", access), Need("issues", access)
        if not isinstance(issue, PullRequest):
            self.need(issues)
        elif access == "read":
            self.need(pulls, issues)
        else:
            # issues:write is not enough on a pull request (eneo-ai/eneo#539).
            self.need(pulls)

    @property
    def pull(self) -> PullRequest:
        """The pull request of the path."""
        found = self.repository.pull(self.integer("number"))
        if found is None:
            raise not_found()
        return found

    @property
    def issue(self) -> Issue:
        """The issue or pull request of the path."""
        found = self.repository.issues.get(self.integer("number"))
        if found is None:
            raise not_found()
        return found

    def integer(self, name: str) -> int:
        """Read a number of the path."""
        text = self.parameters[name]
        if not text.isdigit():
            raise not_found()
        return int(text)

    def commit(self, ref: str) -> Commit:
        """Resolve a ref of the path."""
        found = self.repository.commit(ref)
        if found is None:
            raise RefusedError(422, f"No commit found for SHA: {ref}")
        return found

    def fields(self, *permitted: str) -> Fields:
        """Read the JSON body, which must be an object with no other keys than the permitted ones."""
        if not self.raw.strip():
            return Fields({})
        try:
            values = json.loads(self.raw)
        except ValueError as error:
            raise RefusedError(400, "Problems parsing JSON") from error
        if not isinstance(values, dict):
            raise RefusedError(400, "Body should be a JSON object")
        return Fields(values, permitted)

    def accepts(self, media: str) -> bool:
        """Say whether the Accept header asks for one of GitHub's media types, such as "raw" or "diff"."""
        accepted = self.headers.get("accept", "")
        return re.search(rf"application/vnd\.github\.(v3\.)?{media}(\+json)?\b", accepted) is not None

    def paging(self, default: int = 30, most: int = 100) -> tuple[int, int]:
        """Read the page number and size, as forgiving as GitHub."""
        return max(_integer(self.query.get("page"), 1), 1), min(
            max(_integer(self.query.get("per_page"), default), 1), most
        )

    def page(
        self,
        items: Sequence[Item],
        render: Callable[[Item], Any],
        wrap: str | None = None,
        most: int | None = None,
    ) -> Answer:
        """Answer with one page of a list and the Link header to the others."""
        number, size = self.paging()
        total = len(items)
        items = items[:most] if most else items
        shown = [render(item) for item in items[(number - 1) * size : number * size]]
        body = {"total_count": total, wrap: shown} if wrap else shown
        return Answer(body, headers=self.links(number, -(-len(items) // size)))

    def links(self, number: int, last: int) -> dict[str, str]:
        """Return the Link header for a page out of several."""
        targets = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
        if number <= 1:
            del targets["prev"], targets["first"]
        if number >= last:
            del targets["next"], targets["last"]
        links = [f'<{self._address(page=str(page))}>; rel="{name}"' for name, page in targets.items()]
        return {"Link": ", ".join(links)} if links else {}

    def cursor_link(self, cursor: str | None) -> dict[str, str]:
        """Return the Link header for the next page of a list that is read by cursor."""
        return {"Link": f'<{self._address(cursor=cursor)}>; rel="next"'} if cursor else {}

    def _address(self, **changed: str) -> str:
        return f"{self.site.world.url}{self.path}?{urlencode({**self.query, **changed})}"


Handler = Callable[[Call], Answer]


@dataclass(frozen=True)
class Endpoint:
    """A method and path, who may call it, and what answers."""

    method: str
    pattern: str
    handler: Handler
    needs: tuple[Need, ...] = ()
    audience: Audience = "repository"
    resource: str = "core"
    counted: bool = True
    regex: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        parts = _PARAMETER.split(self.pattern)
        # split() gives: literal, name, star, literal, name, star, ... literal
        regex = re.escape(parts[0])
        for name, star, literal in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            regex += f"(?P<{name}>{'.+' if star else '[^/]+'}){re.escape(literal)}"
        object.__setattr__(self, "regex", re.compile(regex))

    def answer(self, call: Call) -> Answer:
        """Check who is calling, then answer."""
        if self.audience == "app" and not isinstance(call.caller, AppCaller):
            raise RefusedError(401, "A JSON web token could not be decoded")
        if self.audience == "installation" and not isinstance(call.caller, InstallationCaller):
            raise not_accessible()
        if self.audience == "repository":
            call.needs = self.needs
            _ = call.repository
        return self.handler(call)


class Router:
    """Finds the endpoint of a request."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._by_method: dict[str, list[Endpoint]] = {}
        for endpoint in endpoints:
            self._by_method.setdefault(endpoint.method, []).append(endpoint)

    def find(self, method: str, path: str) -> tuple[Endpoint, dict[str, str]] | None:
        """Return the endpoint and the parameters of its path."""
        for endpoint in self._by_method.get("GET" if method == "HEAD" else method, []):
            found = endpoint.regex.fullmatch(path)
            if found is not None:
                return endpoint, found.groupdict()
        return None


def _integer(text: str | None, default: int) -> int:
    return int(text) if text and text.isdigit() else default
