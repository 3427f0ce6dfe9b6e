"""Registering the App from a manifest, over HTTP as a browser and dockslim do it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from cli.sandbox import Sandbox, manifests
from cli.sandbox.state import now

MANIFEST: dict[str, Any] = json.loads((Path(__file__).parents[3] / "app.yml").read_text()) | {
    "redirect_url": "https://dockslim.example/setup/created"
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox, sandbox.serving():
        yield sandbox


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url, trust_env=False) as client:
        yield client


def _register(http: httpx.Client, name: str = "Acme dockslim") -> str:
    fields = {"manifest": json.dumps(MANIFEST), "state": "s", "name": name, "owner": "acme"}
    back = urlsplit(http.post("/settings/apps", data=fields).headers["location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == MANIFEST["redirect_url"]
    query = parse_qs(back.query)
    assert query["state"] == ["s"]
    return query["code"][0]


def test_a_code_becomes_an_app(sandbox: Sandbox, http: httpx.Client) -> None:
    answer = http.post(f"/app-manifests/{_register(http)}/conversions")
    made = answer.json()
    assert answer.status_code == 201
    assert (made["slug"], made["owner"]["login"]) == ("acme-dockslim", "acme")
    assert made["permissions"] == MANIFEST["default_permissions"]
    assert sandbox.webhook_url == MANIFEST["hook_attributes"]["url"]
    assert sandbox.webhook_secret == made["webhook_secret"]
    claims = {"iss": str(made["id"]), "iat": int(now().timestamp()), "exp": int(now().timestamp()) + 60}
    token = jwt.encode(claims, made["pem"], "RS256")
    assert http.get("/app", headers={"Authorization": f"Bearer {token}"}).json()["name"] == "Acme dockslim"


def test_a_code_is_good_once_and_for_an_hour(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    code = _register(http)
    assert http.post(f"/app-manifests/{code}/conversions").status_code == 201
    assert http.post(f"/app-manifests/{code}/conversions").status_code == 404
    late = _register(http)
    monkeypatch.setattr(manifests, "now", lambda: now() + timedelta(hours=1))
    assert http.post(f"/app-manifests/{late}/conversions").status_code == 404


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"colour": "red"}, "Unknown key: colour"),
        ({"url": "dockslim"}, "The url must be a valid URL"),
        ({"redirect_url": None}, "The redirect_url must be a valid URL"),
        ({"hook_attributes": {}}, "The hook url must be a valid URL"),
        ({"default_permissions": {"checks": "write"}}, "Default events are not supported by permissions"),
    ],
)
def test_what_is_no_manifest_is_refused(http: httpx.Client, changes: dict[str, Any], reason: str) -> None:
    answer = http.post("/settings/apps/new?state=s", data={"manifest": json.dumps(MANIFEST | changes)})
    assert answer.status_code == 422
    assert reason in answer.text


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_what_is_no_json_is_refused(http: httpx.Client, text: str) -> None:
    assert http.post("/settings/apps/new", data={"manifest": text}).status_code == 422
