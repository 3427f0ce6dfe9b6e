from __future__ import annotations

import hashlib
import hmac

import pytest

from bot.webhooks.verify import sign, verify


def test_signature_from_githubs_documentation() -> None:
    # docs.github.com, "Validating webhook deliveries", "Testing the webhook payload validation".
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert verify("It's a Secret to Everybody", b"Hello, World!", signature)
    assert sign("It's a Secret to Everybody", b"Hello, World!") == signature


def test_raw_bytes_count() -> None:
    assert verify("s", b'{"a":1}', sign("s", b'{"a":1}'))
    assert not verify("s", b'{"a": 1}', sign("s", b'{"a":1}'))
    assert not verify("t", b"{}", sign("s", b"{}"))


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param("", id="empty"),
        pytest.param("sha1=" + hmac.new(b"s", b"{}", hashlib.sha1).hexdigest(), id="SHA-1"),
        pytest.param(hmac.new(b"s", b"{}", hashlib.sha256).hexdigest(), id="no prefix"),
        pytest.param(sign("s", b"{}") + "0", id="too long"),
        pytest.param(sign("s", b"{}")[:-1], id="too short"),
        pytest.param(sign("s", b"{}") + "\n", id="line end"),
        pytest.param("sha256=" + "é" * 64, id="not ASCII"),
        pytest.param("sha256=" + "\u0660" * 64, id="other digits"),
        pytest.param("sha256=" + "0" * 64, id="wrong"),
    ],
)
def test_refused(signature: str) -> None:
    assert not verify("s", b"{}", signature)
