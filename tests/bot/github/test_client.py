"""githubkit's traps (reference/github.md, section 4), one by one."""

from __future__ import annotations

import importlib.metadata
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from githubkit import GitHub
from packaging.version import Version

from bot.github.client import API_VERSION, HASTY_TIMEOUT, PERMISSIONS, TIMEOUT
from bot.github.contents import read_text
from bot.github.failures import BrokenError, GitHubError, LimitedError, RefusedError, UnreachableError, is_uncertain
from bot.github.limits import RESERVE, Meter
from bot.github.paths import PathError, join, join_file
from tests.bot.github.hosts import ALL, REPOSITORY, FakeRedis, Host, refusal, token

BAD_GATEWAY = httpx.Response(502, text="<html>502</html>")
SHA = "0" * 40


class TestWritesAreSentOnce:
    @pytest.mark.parametrize("method", ["POST", "PATCH"])
    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(BAD_GATEWAY, id="502"),
            pytest.param(httpx.ReadTimeout("late"), id="no answer"),
            pytest.param(httpx.ConnectError("refused"), id="no connection"),
            pytest.param(httpx.Response(429, headers={"retry-after": "1"}), id="rate limit"),
            pytest.param(httpx.Response(200, text="<html>"), id="no JSON"),
        ],
    )
    def test_whatever_happens(self, private_key: str, method: str, answer: Any) -> None:
        host = Host(private_key, answer)
        with host.session() as session, pytest.raises(GitHubError):
            session.write(method, "/repos/acme/shop/pulls/1/reviews", {})
        assert len(host.paths) == 1

    @pytest.mark.parametrize("answer", [BAD_GATEWAY, httpx.ReadTimeout("late"), httpx.Response(200, text="<html>")])
    def test_nor_are_mutations_asked_twice(self, private_key: str, answer: Any) -> None:
        host = Host(private_key, answer)
        with host.session() as session, pytest.raises(GitHubError):
            session.mutate("mutation Change($a: ID!) { a: do(id: $a) { b } }", {"a": "mutation"})
        assert len(host.paths) == 1

    def test_of_several_mutations_those_that_are_refused_are_told(self, private_key: str) -> None:
        errors = [{"type": "FORBIDDEN", "path": ["b"], "message": "Resource not accessible by integration"}]
        host = Host(private_key, httpx.Response(200, json={"data": {"a": {}, "b": None}, "errors": errors}))
        with host.session() as session:
            assert session.mutate("mutation { a b }", {}) == {"b": "Resource not accessible by integration"}

    @pytest.mark.parametrize("message", ["You have exceeded a secondary rate limit", "was submitted too quickly"])
    def test_but_a_limit_is_one_for_all_of_them(self, private_key: str, message: str) -> None:
        errors = [{"type": "FORBIDDEN", "path": ["b"], "message": message}]
        host = Host(private_key, httpx.Response(200, json={"data": {"a": {}, "b": None}, "errors": errors}))
        with host.session() as session, pytest.raises(LimitedError):
            session.mutate("mutation { a b }", {})

    @pytest.mark.parametrize(
        ("answer", "uncertain"),
        [
            pytest.param(BAD_GATEWAY, True, id="502"),
            pytest.param(httpx.ReadTimeout("late"), True, id="no answer"),
            pytest.param(httpx.RemoteProtocolError("cut"), True, id="cut off"),
            pytest.param(httpx.Response(201, text=""), True, id="no JSON"),
            pytest.param(httpx.ConnectError("refused"), False, id="no connection"),
            pytest.param(httpx.ConnectTimeout("late"), False, id="connection too slow"),
            pytest.param(refusal(422, "Unprocessable Entity"), False, id="refused"),
        ],
    )
    def test_and_it_is_known_whether_it_may_have_happened(self, private_key: str, answer: Any, uncertain: bool) -> None:
        with Host(private_key, answer).session() as session, pytest.raises(GitHubError) as caught:
            session.write("POST", "/x", {})
        assert is_uncertain(caught.value) is uncertain


class TestReadsAreRetried:
    @pytest.mark.parametrize("trouble", [BAD_GATEWAY, httpx.ReadTimeout("late"), httpx.ConnectError("no")])
    def test_once_and_at_once(self, private_key: str, trouble: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        host = Host(private_key, trouble, httpx.Response(200, json={"ok": 1}))
        slept: list[float] = []
        monkeypatch.setattr(time, "sleep", slept.append)
        with host.session() as session:
            assert session.read("/x") == {"ok": 1}
        assert len(host.paths) == 2
        assert sum(slept) < 0.01

    def test_and_no_more(self, private_key: str) -> None:
        host = Host(private_key, *[BAD_GATEWAY] * 5)
        with host.session() as session, pytest.raises(BrokenError, match="GitHub answered 502"):
            session.read("/x")
        assert len(host.paths) == 2

    def test_queries_are_reads(self, private_key: str) -> None:
        host = Host(private_key, BAD_GATEWAY, httpx.Response(200, json={"data": {"viewer": {"login": "x"}}}))
        with host.session() as session:
            assert session.query("query Q { viewer { login } }", {}) == {"viewer": {"login": "x"}}
        assert len(host.paths) == 2

    @pytest.mark.parametrize("status", [400, 403, 404, 422])
    def test_but_not_refusals(self, private_key: str, status: int) -> None:
        host = Host(private_key, refusal(status, "No"))
        with host.session() as session, pytest.raises(RefusedError):
            session.read("/x")
        assert len(host.paths) == 1


class TestRateLimits:
    @pytest.mark.parametrize(
        ("answer", "seconds"),
        [
            pytest.param(refusal(403, "You have exceeded a secondary rate limit."), 60, id="in words alone"),
            pytest.param(refusal(403, "You have triggered an abuse detection mechanism."), 60, id="older words"),
            pytest.param(refusal(403, "secondary rate limit", retry_after="33"), 33, id="retry-after"),
            pytest.param(refusal(429, "Too Many Requests"), 60, id="429"),
            pytest.param(refusal(422, "Validation Failed", ["was submitted too quickly"]), 60, id="too quickly"),
            pytest.param(
                httpx.Response(200, json={"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}),
                60,
                id="GraphQL, with status 200",
            ),
        ],
    )
    def test_recognised_and_handed_on_without_sleeping(
        self, private_key: str, answer: httpx.Response, seconds: int
    ) -> None:
        host = Host(private_key, answer)
        with host.session() as session, pytest.raises(LimitedError) as caught:
            session.query("query Q { viewer { login } }", {})
        assert caught.value.wait == timedelta(seconds=seconds)
        assert caught.value.told is (seconds != 60)
        assert len(host.paths) == 1

    def test_primary_limit_waits_for_the_reset(self, private_key: str) -> None:
        reset = str(int((datetime.now(UTC) + timedelta(minutes=30)).timestamp()))
        answer = refusal(403, "API rate limit exceeded", x_ratelimit_remaining="0", x_ratelimit_reset=reset)
        with Host(private_key, answer).session() as session, pytest.raises(LimitedError) as caught:
            session.read("/x")
        assert timedelta(minutes=29) < caught.value.wait <= timedelta(minutes=30)

    def test_a_wait_has_an_end(self) -> None:
        assert LimitedError(timedelta(days=3)).wait < timedelta(hours=2)

    def test_missing_permission_is_no_limit(self, private_key: str) -> None:
        answer = refusal(403, "Resource not accessible by integration", x_accepted_github_permissions="checks=write")
        with Host(private_key, answer).session() as session, pytest.raises(RefusedError):
            session.read("/x")


class TestPaths:
    def test_names_are_quoted(self, private_key: str) -> None:
        host = Host(private_key, httpx.Response(200, content=b"FROM x\xff"))
        with host.session() as session:
            assert read_text(session, "a b/c#d?e/Dockerfile%2f", SHA) == "FROM x\udcff"
        assert host.paths == [f"GET /repos/acme/shop/contents/a%20b/c%23d%3Fe/Dockerfile%252f?ref={SHA}"]

    @pytest.mark.parametrize("path", ["../../../app", "a/../b", "./a", "a//b", "/a", ""])
    def test_a_way_out_is_refused(self, private_key: str, path: str) -> None:
        host = Host(private_key)
        with host.session() as session, pytest.raises(PathError):
            read_text(session, path, SHA)
        assert host.requests == []

    def test_a_branch_with_a_slash_stays_one_segment(self) -> None:
        assert join("compare", "feature/x...abc") == "/compare/feature%2Fx...abc"

    def test_bytes_that_are_no_utf8(self) -> None:
        assert join_file("a\udcff/Dockerfile") == "/a%FF/Dockerfile"


class TestTokens:
    def test_least_permissions_for_one_repository(self, private_key: str) -> None:
        host = Host(private_key)
        with host.session() as session:
            session.read("/x")
        asked = host.requests[0]
        assert asked.url.path == "/app/installations/7/access_tokens"
        assert httpx.Response(200, content=asked.content).json() == {
            "repository_ids": [42],
            "permissions": dict(PERMISSIONS),
        }
        assert host.requests[1].headers["authorization"] == "token ghs_1_api.github.com"

    def test_are_not_shared_across_hosts(self, private_key: str) -> None:
        redis = FakeRedis()
        for url in ("https://api.github.com", "https://ghe.example/api/v3", "https://ghe.example:8443/api/v3"):
            host = Host(private_key, url=url, redis=redis)
            with host.session() as session:
                session.read("/x")
            assert host.minted == 1
            assert host.requests[-1].headers["authorization"] == f"token ghs_1_{url[8:]}"
        assert len(redis.values) == 3

    def test_are_kept_between_jobs_and_sealed(self, private_key: str) -> None:
        redis = FakeRedis()
        for _ in range(2):
            host = Host(private_key, redis=redis)
            with host.session() as session:
                session.read("/x")
        assert host.minted == 0
        assert b"ghs_" not in b"".join(redis.values.values())

    def test_a_store_that_cannot_be_read_costs_a_token(self, private_key: str) -> None:
        redis = FakeRedis()
        redis.values["dockslim:token:api.github.com:1:7:42"] = b"not sealed by us"
        host = Host(private_key, redis=redis)
        with host.session() as session:
            session.read("/x")
        assert host.minted == 1

    @pytest.mark.parametrize("permissions", [{"contents": "read"}, ALL | {"checks": "read"}])
    def test_that_lack_a_permission_are_kept_for_a_minute(self, private_key: str, permissions: dict[str, str]) -> None:
        redis = FakeRedis()
        host = Host(private_key, redis=redis)
        host.app._transport = httpx.MockTransport(lambda _: token("ghs_x", permissions))
        with host.session() as session:
            session.read("/x")
        assert list(redis.lasts.values()) == [timedelta(seconds=60)]

    def test_that_are_told_that_they_lack_one_are_forgotten(self, private_key: str) -> None:
        redis = FakeRedis()
        host = Host(private_key, refusal(403, "Resource not accessible by integration"), redis=redis)
        with host.session() as session, pytest.raises(RefusedError):
            session.read("/x")
        assert redis.values == {}

    def test_revoked_is_replaced_once(self, private_key: str) -> None:
        redis = FakeRedis()
        host = Host(private_key, refusal(401, "Bad credentials"), httpx.Response(200, json=[]), redis=redis)
        with host.session() as session:
            assert session.read("/x") == []
        assert host.minted == 2
        host = Host(private_key, *[refusal(401, "Bad credentials")] * 3)
        with host.session() as session, pytest.raises(RefusedError):
            session.read("/x")
        assert host.minted == 2

    def test_permissions_not_accepted_yet(self, private_key: str) -> None:
        asked: list[Any] = []

        def answer(request: httpx.Request) -> httpx.Response:
            if request.method == "GET":
                granted = {"contents": "write", "pull_requests": "write", "metadata": "read"}
                return httpx.Response(200, json={"permissions": granted})
            asked.append(httpx.Response(200, content=request.content).json()["permissions"])
            if len(asked) == 1:
                return refusal(422, "The permissions requested are not granted to this installation.")
            return token("ghs_x", asked[-1])

        host = Host(private_key)
        host._answer = answer  # type: ignore[method-assign]
        host.app._transport = httpx.MockTransport(answer)
        with host.session() as session:
            assert session.permissions == {"contents": "read", "pull_requests": "write", "metadata": "read"}
        assert asked[1] == {"contents": "read", "pull_requests": "write", "metadata": "read"}

    @pytest.mark.parametrize("expires_at", ["2099-01-01T00:00:00Z", "2099-01-01T00:00:00.123Z"])
    def test_expiry_with_and_without_fractions(self, private_key: str, expires_at: str) -> None:
        answer = {"token": "ghs_x", "expires_at": expires_at, "permissions": {}}
        host = Host(private_key)
        host.app._transport = httpx.MockTransport(lambda _: httpx.Response(201, json=answer))
        with host.session() as session:
            assert session.read("/x") == answer

    def test_are_not_printed(self, private_key: str) -> None:
        host = Host(private_key)
        with host.session() as session:
            session.read("/x")
            assert "ghs_" not in repr(session._token)


class TestConnections:
    def test_every_request_has_a_timeout(self, private_key: str) -> None:
        host = Host(private_key)
        with host.session() as session:
            session.read("/x")
        assert TIMEOUT.read == 20
        assert TIMEOUT.connect == 5
        for request in host.requests:
            assert request.extensions["timeout"] == TIMEOUT.as_dict()

    def test_a_hasty_session_waits_less_and_asks_once(self, private_key: str) -> None:
        host = Host(private_key, BAD_GATEWAY)
        with host.app.open(REPOSITORY, hasty=True) as session, pytest.raises(BrokenError):
            session.read("/x")
        assert [request.extensions["timeout"] for request in host.requests] == [HASTY_TIMEOUT.as_dict()] * 2

    def test_one_client_for_a_job(self, private_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
        made = []
        create = GitHub._create_sync_client
        monkeypatch.setattr(GitHub, "_create_sync_client", lambda self: made.append(1) or create(self))
        with Host(private_key).session() as session:
            for _ in range(5):
                session.read("/x")
        # One signed as the App for the token, one with the token.
        assert len(made) == 2

    def test_version_is_pinned_on_every_page(self, private_key: str) -> None:
        pages = [httpx.Response(200, json=[1], headers={"link": '<https://x>; rel="next"'}) for _ in range(2)]
        host = Host(private_key, *pages, httpx.Response(200, json=[2]))
        with host.session() as session:
            assert list(session.read_pages("/x", most=3000)) == [1, 1, 2]
        assert {request.headers["x-github-api-version"] for request in host.requests} == {API_VERSION}

    def test_pages_have_an_end(self, private_key: str) -> None:
        host = Host(private_key, *[httpx.Response(200, json=[1], headers={"link": '<x>; rel="next"'})] * 99)
        with host.session() as session:
            assert len(list(session.read_pages("/x", most=3000))) == 30

    def test_ghes_graphql_lies_beside_the_rest_api(self, private_key: str) -> None:
        host = Host(private_key, httpx.Response(200, json={"data": {}}), url="https://ghe.example/api/v3")
        with host.session() as session:
            session.query("query Q { viewer { login } }", {})
        assert host.paths == ["POST /api/graphql"]

    def test_hishel_is_one_that_githubkit_can_be_imported_with(self) -> None:
        assert Version("1.3") <= Version(importlib.metadata.version("hishel")) < Version("2")

    def test_what_is_not_githubs_failure_is_not_wrapped(self, private_key: str) -> None:
        class TimeLimit(Exception):  # noqa: N818
            pass

        with Host(private_key, TimeLimit()).session() as session, pytest.raises(TimeLimit):
            session.read("/x")

    def test_unreachable_says_why_without_an_address(self, private_key: str) -> None:
        with (
            Host(private_key, httpx.ReadTimeout("https://secret")).session() as session,
            pytest.raises(UnreachableError, match=r"^GitHub did not answer \(timeout\)$"),
        ):
            session.write("POST", "/x", {})


class TestMeter:
    def test_counts_every_request_and_reads_what_is_left(self, private_key: str) -> None:
        meter = Meter()
        host = Host(private_key, BAD_GATEWAY, httpx.Response(200, json={}, headers={"x-ratelimit-remaining": "4711"}))
        with host.session(meter) as session:
            session.read("/x")
        assert (meter.requests, meter.remaining) == (3, 4711)

    def test_knows_when_the_hour_is_nearly_used_up(self, private_key: str) -> None:
        meter = Meter()
        for remaining, resource in ((RESERVE - 1, "graphql"), (4000, "core")):
            headers = {
                "x-ratelimit-remaining": str(remaining),
                "x-ratelimit-reset": str(int(time.time()) + 600),
                "x-ratelimit-resource": resource,
            }
            meter.read(httpx.Response(200, headers=headers))
        assert (meter.spent() or timedelta()).total_seconds() == pytest.approx(600, abs=5)
        host = Host(private_key)
        with host.session(meter) as session:
            with pytest.raises(LimitedError):
                session.read("/x")
            with pytest.raises(LimitedError):
                session.query("query Q { viewer { login } }", {})
            # What was read is worth writing.
            session.write("POST", "/x", {})
        assert host.paths == ["POST /x"]

    @pytest.mark.parametrize("headers", [{}, {"x-ratelimit-remaining": "many"}, {"x-ratelimit-remaining": "3"}])
    def test_a_host_without_limits_is_never_spent(self, headers: dict[str, str]) -> None:
        meter = Meter()
        meter.read(httpx.Response(200, headers=headers))
        assert meter.spent() is None
