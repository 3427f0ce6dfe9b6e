"""Whether a delivery is from GitHub."""

from __future__ import annotations

import hashlib
import hmac
import re

_SIGNATURE = re.compile(r"sha256=([0-9a-fA-F]{64})")


def is_signature(value: str) -> bool:
    """Tell whether a header has the form of a signature: without that, there is no need to read the body."""
    return _SIGNATURE.fullmatch(value) is not None


def verify(secret: str, body: bytes | bytearray, signature: str) -> bool:
    """Check X-Hub-Signature-256 against the raw body, in constant time.

    GitHub also sends the older SHA-1 header; it is not read. (docs.github.com: "Validating webhook deliveries")
    """
    found = _SIGNATURE.fullmatch(signature)
    if found is None:
        return False
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, found[1].lower())


def sign(secret: str, body: bytes) -> str:
    """Return the value of X-Hub-Signature-256 for `body`."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
