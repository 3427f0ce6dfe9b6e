"""Set-up in a real browser against the sandbox: from the empty directory to the first review's webhook."""

from __future__ import annotations

import base64
import json
import re
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from bot.credentials import CredentialsError, read_credentials, store_credentials
from bot.deliveries import Deliveries, State
from bot.github.apps import web_url
from bot.record import Record
from bot.settings import Hosting, NoAppError, Settings, complete, read_hosting, read_settings
from cli.sandbox import Sandbox
from tests.bot.pages.proxy import proxying
from tests.bot.pages.server import serving
from tests.bot.test_jobs import JOB
from tests.chromium import DESKTOP, PHONE, Page
from tests.ports import free_port
from tests.workers.web import wait_until

pytestmark = pytest.mark.slow


def _hosting(sandbox: Sandbox, **changes: Any) -> Hosting:
    listen = f"127.0.0.1:{free_port()}"
    values = {"listen": listen, "github_api_url": sandbox.url, "public_url": f"http://{listen}", **changes}
    return Hosting(**{name: str(value) for name, value in values.items() if value is not None})


def test_from_nothing_to_a_review(
    sandbox: Sandbox, page: Page, redis: Redis, redis_url: str, credentials_dir: Path
) -> None:
    repository = sandbox.create_repository("acme/shop", {"Dockerfile": "FROM debian:12\n"}, install=False)
    hosting = _hosting(sandbox, credentials_dir=credentials_dir)
    with serving(hosting, redis_url) as url:
        page.open(f"{url}/")
        assert page.url == f"{url}/setup"
        assert f"{credentials_dir}/app.json" in page.text
        page.fill("#organization", "acme")
        page.click("Continue")
        page.click("Create the App for acme")
        # At GitHub, which lets the name be changed.
        assert page.url.startswith(f"{sandbox.url}/organizations/acme/settings/apps/new?state=")
        page.fill("[name=name]", "Acme dockslim")
        page.click("Create GitHub App for acme")
        assert "Acme dockslim is registered" in page.text
        assert "PRIVATE KEY" not in page.text
        back = page.url
        page.click("Install it on repositories")
        page.click("Install")
        assert "Acme dockslim was installed" in page.text

        # The web process has the credentials without a restart: the delivery is verified, and its job queued.
        repository.commit("feature", {"Dockerfile": "FROM debian:13\n"})
        sandbox.open_pull_request(repository, "feature")
        sandbox.wait_until_delivered()
        [delivery] = [each for each in sandbox.deliveries if each.event == "pull_request"]
        assert delivery.status_code == 202
        wait_until(lambda: any(each.outcome == "queued" for each in Record(redis).read().deliveries))
        page.open(f"{url}/")
        assert "Acme dockslim" in page.text
        assert "acme/shop#1" in page.text
        for closed in (f"{url}/setup", back):
            answer = httpx.get(closed, trust_env=False, headers={"Accept": "text/html"})
            assert answer.status_code == 410
            assert f"dockslim acts as App {sandbox.app_id}" in answer.text
    # That of the first form, which nobody sent.
    assert len(redis.keys("dockslim:setup:*")) == 1
    assert page.problems == []

    stored = credentials_dir / "app.json"
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    assert list(credentials_dir.iterdir()) == [stored]
    # A worker, and whoever starts anew, read them.
    environ = {"DOCKSLIM_CREDENTIALS_DIR": str(credentials_dir), "DOCKSLIM_GITHUB_API_URL": sandbox.url}
    settings = read_settings(environ)
    assert (settings.app_id, settings.webhook_secret.get_secret_value()) == (sandbox.app_id, sandbox.webhook_secret)


def test_behind_a_proxy_and_below_a_path(
    sandbox: Sandbox, page: Page, redis: Redis, redis_url: str, credentials_dir: Path
) -> None:
    token, port = "0123456789abcdef", free_port()
    hosting = _hosting(
        sandbox,
        credentials_dir=credentials_dir,
        public_url=f"http://127.0.0.1:{port}/apps/dockslim",
        status_token=token,
    )
    with serving(hosting, redis_url) as inside, proxying(inside, port, "/apps/dockslim") as url:
        assert httpx.get(f"{url}/setup", trust_env=False).status_code == 401
        password = base64.b64encode(f":{token}".encode()).decode()
        page.ask("Network.setExtraHTTPHeaders", headers={"Authorization": f"Basic {password}"})
        page.open(f"{url}/")
        assert page.url == f"{url}/setup"
        page.click("Create the App for your own account")
        page.click("Create GitHub App for alice")
        assert page.url.startswith(f"{url}/setup/created?code=")
        assert "dockslim is registered" in page.text
        page.click("status page")
        assert page.url == f"{url}/"
        assert "The App is installed nowhere." in page.text
        assert page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") == "860px"
        sandbox.ping()
        sandbox.wait_until_delivered()
        assert [each.status_code for each in sandbox.deliveries if each.event == "ping"] == [200]
        Deliveries(redis).claim(JOB)
        Deliveries(redis).finish(JOB.delivery, State.FAILED, "a defect")
        page.open(f"{url}/")
        page.click("Run again")
        assert page.url == f"{url}/"
        assert Deliveries(redis).state(JOB.delivery) == State.QUEUED
        page.ask("Network.setExtraHTTPHeaders", headers={})
    assert page.problems == []


def test_without_a_directory_the_credentials_are_shown_once(
    sandbox: Sandbox, page: Page, redis: Redis, redis_url: str
) -> None:
    hosting = _hosting(sandbox)
    with serving(hosting, redis_url) as url:
        page.open(f"{url}/setup")
        assert "are shown once" in page.text
        page.click("Create the App for your own account")
        page.click("Create GitHub App for alice")
        shown = page.evaluate("document.querySelector('pre').textContent")
        variables = dict(line.split("=", 1) for line in shown.strip().splitlines())
        settings = read_settings(variables)
        assert (settings.app_id, settings.webhook_secret.get_secret_value()) == (sandbox.app_id, sandbox.webhook_secret)
        again = httpx.get(page.url, trust_env=False)
    assert again.status_code == 400
    assert "good once" in again.json()["error"]
    assert not [key for key in redis.scan_iter() if b"PRIVATE" in (redis.dump(key) or b"")]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_reaches_beyond_the_edge(
    sandbox: Sandbox, page: Page, redis_url: str, redis: Redis, size: tuple[int, int], tmp_path: Path
) -> None:
    del redis
    page.resize(size)
    with serving(_hosting(sandbox), redis_url) as url:
        page.open(f"{url}/setup")
        assert page.overflowing() == []
        page.screenshot(tmp_path / "setup.png")
        page.click("Create the App for your own account")
        page.click("Create GitHub App for alice")
        assert page.overflowing() == []
        page.screenshot(tmp_path / "created.png")
        page.open(f"{url}/setup/created?code=x&state=y")
        assert "begin again" in page.text
        assert page.overflowing() == []
    page.resize(DESKTOP)
    # The status of the page itself is all that the browser may complain about.
    assert {problem.partition(":")[0] for problem in page.problems} <= {"Failed to load resource"}
    page.problems.clear()


def _state(answer: httpx.Response) -> str:
    found = re.search(r"state=([\w-]+)", answer.text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("code=abc", "good once"),
        ("state={state}", "good once"),
        ("code=abc&state=other", "good once"),
        ("code=..%2F..%2Fapp&state={state}", "good once"),
        ("code=abc&state={state}", "GitHub answered 404"),
    ],
)
def test_a_code_counts_with_our_state_only(
    sandbox: Sandbox, redis: Redis, redis_url: str, query: str, sentence: str
) -> None:
    del redis
    with serving(_hosting(sandbox), redis_url) as url, httpx.Client(base_url=url, trust_env=False) as client:
        state = _state(client.get("/setup"))
        answer = client.get(f"/setup/created?{query.format(state=state)}")
    assert answer.status_code == (400 if sentence == "good once" else 502)
    assert sentence in answer.json()["error"]
    assert len([each for each in sandbox.requests if "conversions" in each.path]) == (sentence != "good once")


def test_a_state_is_good_once_and_for_an_hour(sandbox: Sandbox, redis: Redis, redis_url: str) -> None:
    with serving(_hosting(sandbox), redis_url) as url, httpx.Client(base_url=url, trust_env=False) as client:
        state = _state(client.get("/setup"))
        [key] = redis.keys("dockslim:setup:*")
        assert 3590 < redis.ttl(key) <= 3600
        assert state.encode() not in key
        assert client.get(f"/setup/created?code=abc&state={state}").status_code == 502
        assert client.get(f"/setup/created?code=abc&state={state}").status_code == 400
        redis.flushdb()
        late = _state(client.get("/setup"))
        redis.flushdb()
        assert client.get(f"/setup/created?code=abc&state={late}").status_code == 400


def test_the_manifest_carries_the_public_address(sandbox: Sandbox, redis: Redis, redis_url: str) -> None:
    del redis
    hosting = _hosting(sandbox, public_url="https://dockslim.example.com/bot/", status_token="0123456789abcdef")
    with serving(hosting, redis_url) as url:
        answer = httpx.get(f"{url}/setup", trust_env=False, auth=("", "0123456789abcdef"))
    text = re.search(r'name="manifest" value="([^"]*)"', answer.text)
    assert text is not None
    manifest = json.loads(text[1].replace("&#34;", '"'))
    assert manifest["hook_attributes"]["url"] == "https://dockslim.example.com/bot/webhooks"
    assert manifest["redirect_url"] == "https://dockslim.example.com/bot/setup/created"
    assert "'self' http://127.0.0.1" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("name", ["a b", "../x", "acme/x", '"><script>', "-x"])
def test_what_is_no_organisation_is_refused(sandbox: Sandbox, redis: Redis, redis_url: str, name: str) -> None:
    del redis
    with serving(_hosting(sandbox), redis_url) as url:
        answer = httpx.get(f"{url}/setup", params={"organization": name}, trust_env=False)
    assert answer.status_code == 400


def test_without_a_public_address_it_says_what_to_set(sandbox: Sandbox, redis: Redis, redis_url: str) -> None:
    del redis
    with serving(_hosting(sandbox, public_url=None), redis_url) as url:
        answer = httpx.get(f"{url}/setup", trust_env=False)
        hook = httpx.post(f"{url}/webhooks", json={}, trust_env=False)
        ready = httpx.get(f"{url}/readyz", trust_env=False)
    assert answer.status_code == 503
    assert "DOCKSLIM_PUBLIC_URL" in answer.json()["error"]
    assert (hook.status_code, hook.json()) == (503, {"error": "there is no App yet; open /setup"})
    assert (ready.status_code, ready.json()) == (200, {"status": "there is no App yet; open /setup"})


def test_credentials_that_cannot_be_stored_are_shown(
    sandbox: Sandbox, redis: Redis, redis_url: str, credentials_dir: Path
) -> None:
    """Another process stores an App between the form and the redirect: what GitHub handed out must not be lost."""
    del redis
    hosting = _hosting(sandbox, credentials_dir=credentials_dir)
    with serving(hosting, redis_url) as url, httpx.Client(trust_env=False, follow_redirects=False) as client:
        form = client.get(f"{url}/setup")
        state = _state(form)
        manifest = json.loads(re.findall(r'name="manifest" value="([^"]*)"', form.text)[0].replace("&#34;", '"'))
        fields = {"manifest": json.dumps(manifest), "state": state, "name": "x", "owner": "alice"}
        back = client.post(f"{sandbox.url}/settings/apps", data=fields).headers["location"]
        (credentials_dir / "app.json").mkdir()
        answer = client.get(back)
    assert answer.status_code == 503
    assert "app.json cannot be read (is a directory)" in answer.json()["error"]


def test_of_two_that_store_one_wins(tmp_path: Path) -> None:
    store_credentials(tmp_path, app_id=1, private_key="a", webhook_secret="b")
    with pytest.raises(CredentialsError, match=r"app\.json cannot be written \(file exists\)"):
        store_credentials(tmp_path, app_id=2, private_key="c", webhook_secret="d")
    found = read_credentials(tmp_path)
    assert found is not None
    assert (found.app_id, found.private_key, found.webhook_secret) == (1, "a", "b")
    assert repr(found) == f"Credentials(path='{tmp_path}/app.json', app_id=1)"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"app_id": "x", "private_key": "", "webhook_secret": ""}'])
def test_a_file_that_setup_did_not_write_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "app.json").write_text(text)
    with pytest.raises(CredentialsError, match="is not what /setup wrote"):
        read_credentials(tmp_path)


def test_variables_go_before_the_file(sandbox: Sandbox, tmp_path: Path) -> None:
    store_credentials(tmp_path, app_id=5, private_key=sandbox.private_key, webhook_secret="stored")
    directory = {"DOCKSLIM_CREDENTIALS_DIR": str(tmp_path)}
    ours = {
        "DOCKSLIM_APP_ID": "6",
        "DOCKSLIM_WEBHOOK_SECRET": "given",
        "DOCKSLIM_PRIVATE_KEY": sandbox.private_key,
    }
    hosting = {"DOCKSLIM_REDIS_URL": "redis://:secret@localhost:6379/0", "DOCKSLIM_STATUS_TOKEN": "0123456789abcdef"}
    stored = read_settings({**directory, **hosting})
    assert stored.app_id == 5
    assert stored.redis_url is not None
    assert stored.redis_url.get_secret_value() == hosting["DOCKSLIM_REDIS_URL"]
    assert stored.status_token is not None
    assert stored.status_token.get_secret_value() == hosting["DOCKSLIM_STATUS_TOKEN"]
    assert read_settings({**directory, **ours}).app_id == 6


def test_without_an_app_there_is_only_how_it_is_run(tmp_path: Path) -> None:
    hosting = read_hosting({"DOCKSLIM_CREDENTIALS_DIR": str(tmp_path)})
    assert not isinstance(hosting, Settings)
    assert complete(hosting) is None
    with pytest.raises(NoAppError, match="open /setup"):
        read_settings({})


@pytest.mark.parametrize(
    ("api", "web"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://api.acme.ghe.com", "https://acme.ghe.com"),
        ("https://git.acme.example/api/v3", "https://git.acme.example"),
        ("https://api.acme.example/api/v3", "https://api.acme.example"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
    ],
)
def test_where_people_see_github(api: str, web: str) -> None:
    assert web_url(api) == web
