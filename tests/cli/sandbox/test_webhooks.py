"""Webhooks: signed, in order, complete enough, logged, and sent again on request."""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid

import pytest

from cli.sandbox import Sandbox, drop, duplicate, shuffle
from tests.cli.sandbox.conftest import BASE, HEAD, Receiver, World

pytestmark = pytest.mark.slow


@pytest.fixture
def hooked(world: World, receiver: Receiver) -> World:
    world.sandbox.webhook_url = receiver.url
    return world


def test_delivery_is_signed(hooked: World, receiver: Receiver) -> None:
    hooked.pull.comment("/dockslim recheck")
    hooked.sandbox.wait_until_delivered()

    [(headers, body)] = receiver.received
    digest = hmac.new(hooked.sandbox.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
    assert headers["x-hub-signature-256"] == f"sha256={digest}"
    assert headers["x-hub-signature"].startswith("sha1=")
    assert headers["x-github-event"] == "issue_comment"
    assert uuid.UUID(headers["x-github-delivery"]).version == 4
    assert re.fullmatch(r"GitHub-Hookshot/[0-9a-f]+", headers["user-agent"])
    assert headers["x-github-hook-installation-target-id"] == str(hooked.sandbox.app_id)
    assert headers["x-github-hook-installation-target-type"] == "integration"
    assert headers["x-github-hook-id"]
    assert headers["content-type"] == "application/json"


def test_issue_comment_says_whether_it_is_a_pull_request(hooked: World, receiver: Receiver) -> None:
    hooked.pull.comment("hello", author="mallory")
    hooked.repository.open_issue("An issue").comment("hello")
    hooked.sandbox.wait_until_delivered()

    on_pull, on_issue = receiver.payloads("issue_comment", "created")
    assert on_pull["issue"]["pull_request"]["url"].endswith("/pulls/1")
    assert "pull_request" not in on_issue["issue"]
    assert on_pull["comment"]["author_association"] == "NONE"
    assert on_pull["sender"] == on_pull["sender"] | {"login": "mallory", "type": "User"}


def test_installing(receiver: Receiver, private_key: str) -> None:
    with Sandbox(webhook_url=receiver.url, private_key=private_key) as sandbox:
        first = sandbox.create_repository("acme/one", {"a": "b"})
        sandbox.create_repository("acme/two", {"a": "b"})
        sandbox.uninstall(first)
        sandbox.ping()
        sandbox.wait_until_delivered()

    assert receiver.events == [
        ("installation", "created"),
        ("installation_repositories", "added"),
        ("installation_repositories", "removed"),
        ("ping", None),
    ]
    [created] = receiver.payloads("installation")
    assert created["repositories"][0]["full_name"] == "acme/one"


def test_opened(hooked: World, receiver: Receiver) -> None:
    hooked.repository.commit("other", {"Dockerfile": HEAD}, author="bob", parent="main")
    pull = hooked.sandbox.open_pull_request(hooked.repository, "other", author="bob", draft=True)
    hooked.sandbox.wait_until_delivered()

    assert receiver.events == [("push", None), ("check_suite", "requested"), ("pull_request", "opened")]
    [payload] = receiver.payloads("pull_request")
    shown = payload["pull_request"]
    assert payload["number"] == shown["number"] == pull.number
    assert (shown["draft"], shown["merged"], shown["state"]) == (True, False, "open")
    assert (shown["changed_files"], shown["additions"], shown["deletions"]) == (1, 2, 2)
    assert shown["head"]["sha"] == pull.head_sha
    assert shown["head"]["repo"]["full_name"] == shown["base"]["repo"]["full_name"] == "acme/shop"
    assert payload["repository"]["default_branch"] == "main"
    assert payload["repository"]["owner"]["type"] == "Organization"
    assert payload["organization"]["login"] == "acme"
    assert payload["installation"]["id"] == hooked.sandbox.installation(hooked.repository).id
    assert payload["sender"]["login"] == "bob"


def test_synchronize(hooked: World, receiver: Receiver) -> None:
    before = hooked.pull.head_sha
    after = hooked.repository.commit("feature", {"Dockerfile": "FROM scratch\n"}, parent="main", force=True)
    hooked.sandbox.wait_until_delivered()

    [payload] = receiver.payloads("pull_request", "synchronize")
    assert (payload["before"], payload["after"]) == (before, after)
    assert payload["pull_request"]["head"]["sha"] == after
    [push] = receiver.payloads("push")
    assert push["forced"] is True
    assert push["ref"] == "refs/heads/feature"


def test_synchronize_from_a_fork(hooked: World, receiver: Receiver) -> None:
    fork = hooked.sandbox.fork(hooked.repository, "mallory")
    fork.commit("patch", {"Dockerfile": HEAD}, author="mallory")
    pull = hooked.sandbox.open_pull_request(hooked.repository, (fork, "patch"), author="mallory")
    fork.commit("patch", {"Dockerfile": BASE + "RUN more\n"}, author="mallory")
    hooked.sandbox.wait_until_delivered()

    # Pushes to a fork without the App are its own business.
    assert receiver.events == [("pull_request", "opened"), ("pull_request", "synchronize")]
    assert receiver.payloads("pull_request")[1]["pull_request"]["head"]["sha"] == pull.head_sha
    fork.delete()
    pull.close()
    hooked.sandbox.wait_until_delivered()
    assert receiver.payloads("pull_request", "closed")[0]["pull_request"]["head"]["repo"] is None


def test_life_of_a_pull_request(hooked: World, receiver: Receiver) -> None:
    hooked.repository.commit("release", {}, parent="main")
    pull = hooked.pull
    pull.convert_to_draft()
    pull.mark_ready()
    pull.edit(title="Better")
    pull.change_base("release")
    pull.close()
    pull.reopen()
    pull.change_base("main")
    pull.merge()
    hooked.sandbox.wait_until_delivered()

    assert [action for event, action in receiver.events if event == "pull_request"] == [
        *("converted_to_draft", "ready_for_review", "edited", "edited"),
        *("closed", "reopened", "edited", "closed"),
    ]
    _, rebased, _ = receiver.payloads("pull_request", "edited")
    assert rebased["changes"]["base"]["ref"] == {"from": "main"}
    assert receiver.payloads("pull_request", "closed")[1]["pull_request"]["merged"] is True


def test_what_the_bot_does_is_told_too(hooked: World, receiver: Receiver) -> None:
    hooked.review({"path": "Dockerfile", "line": 3, "body": "here"})
    run = {"name": "dockslim", "head_sha": hooked.pull.head_sha, "conclusion": "success"}
    hooked.bot.post(hooked.path("/check-runs"), json=run)
    hooked.sandbox.wait_until_delivered()

    assert receiver.events == [
        ("pull_request_review", "submitted"),
        ("pull_request_review_comment", "created"),
        ("check_run", "created"),
        ("check_run", "completed"),
    ]
    assert receiver.payloads("pull_request_review")[0]["sender"]["type"] == "Bot"


def test_only_what_was_subscribed_and_permitted(receiver: Receiver, private_key: str) -> None:
    """Without the issues permission no issue_comment comes, whatever was subscribed (dcoapp/app#290)."""
    permissions = {"contents": "read", "pull_requests": "write"}
    events = ("pull_request", "issue_comment")
    with Sandbox(webhook_url=receiver.url, private_key=private_key, permissions=permissions, events=events) as sandbox:
        repository = sandbox.create_repository("acme/shop", {"a": "b"})
        repository.commit("feature", {"a": "c"})
        sandbox.open_pull_request(repository, "feature").comment("hello")
        sandbox.wait_until_delivered()

    assert receiver.events == [("installation", "created"), ("pull_request", "opened")]


def test_the_log_and_redelivery(hooked: World, receiver: Receiver) -> None:
    receiver.status = 500
    hooked.pull.comment("one")
    hooked.sandbox.wait_until_delivered()
    receiver.status = 202
    hooked.pull.comment("two")
    hooked.sandbox.wait_until_delivered()

    listed = hooked.app.get("/app/hook/deliveries", params={"per_page": 1})
    [newest] = listed.json()
    [failed] = hooked.app.get(listed.links["next"]["url"]).json()
    assert (newest["status"], newest["status_code"], newest["event"]) == ("OK", 202, "issue_comment")
    assert (failed["status"], failed["status_code"]) == ("Invalid HTTP Response: 500", 500)
    assert hooked.app.post(f"/app/hook/deliveries/{failed['id']}/attempts").status_code == 202
    hooked.sandbox.wait_until_delivered()

    again = hooked.app.get("/app/hook/deliveries").json()[0]
    assert (again["guid"], again["redelivery"], again["status"]) == (failed["guid"], True, "OK")
    assert receiver.received[2][0]["x-github-delivery"] == receiver.received[0][0]["x-github-delivery"]
    assert receiver.received[2][1] == receiver.received[0][1]
    detail = hooked.app.get(f"/app/hook/deliveries/{again['id']}").json()
    assert detail["request"]["payload"]["comment"]["body"] == "one"


def test_nobody_listens(world: World) -> None:
    world.sandbox.webhook_url = "http://127.0.0.1:9/"
    world.pull.comment("hello")
    world.sandbox.wait_until_delivered()

    assert list(world.sandbox.deliveries)[-1].status == "failed to connect to host"


def test_duplicates_losses_and_disorder(hooked: World, receiver: Receiver) -> None:
    hooked.sandbox.faults.add(duplicate("issue_comment"))
    hooked.pull.comment("twice")
    hooked.sandbox.wait_until_delivered()
    assert len({headers["x-github-delivery"] for headers, _ in receiver.received}) == 1
    assert len(receiver.received) == 2

    receiver.received.clear()
    hooked.sandbox.faults.add(drop("issue_comment"))
    hooked.pull.comment("never")
    hooked.sandbox.wait_until_delivered()
    assert receiver.received == []
    assert list(hooked.sandbox.deliveries)[-1].status_code == 502

    hooked.sandbox.faults.add(shuffle(3))
    for word in ("a", "b", "c", "d"):
        hooked.pull.comment(word)
    hooked.sandbox.wait_until_delivered()
    assert [payload["comment"]["body"] for payload in receiver.payloads("issue_comment")] == ["c", "b", "a", "d"]
