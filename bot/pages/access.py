"""Who may see the pages: whoever sits at this machine, and whoever knows the token."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from urllib.parse import urlsplit

from fastapi import Request

from bot.pages.site import PageError
from bot.settings import Hosting

# Each of them says that somebody else asked: the peer is a proxy, whatever its address.
_FORWARDING = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


def insist(request: Request, hosting: Hosting) -> None:
    """Raise PageError unless the request may see the pages."""
    if _is_local(request, hosting):
        return
    if hosting.status_token is None:
        raise PageError(
            403,
            "Not from here",
            "The page is shown to whoever knows a token, and without one only on a machine that GitHub itself is on. "
            "Set DOCKSLIM_STATUS_TOKEN, at least 16 characters, and start dockslim again.",
        )
    if not _knows(request.headers.get("authorization", ""), hosting.status_token.get_secret_value()):
        raise PageError(
            401,
            "A token is needed",
            "Sign in with the value of DOCKSLIM_STATUS_TOKEN as the password; any name will do.",
            {"WWW-Authenticate": 'Basic realm="dockslim", charset="UTF-8"'},
        )


def trusts_this_machine(hosting: Hosting) -> bool:
    """Tell whether what comes from this machine can be told from what comes from elsewhere.

    GitHub has to get here. Where it is elsewhere, something on this machine hands on what comes from outside, and that
    may look like a browser on it: without a header of its own, and with our address in Host.
    """
    return _is_loopback(urlsplit(hosting.public_url or hosting.github_api_url).hostname)


def _is_local(request: Request, hosting: Hosting) -> bool:
    """Tell whether whoever asks is at this machine, and not behind a proxy on it or a page that calls it by a name."""
    if not trusts_this_machine(hosting):
        return False
    # No browser speaks HTTP/1.0; nginx does unless it is told otherwise, names us by our own address, and adds nothing.
    if request.scope["http_version"] == "1.0" or any(name in request.headers for name in _FORWARDING):
        return False
    # The name in Host: a site of somebody else's may point its own name at 127.0.0.1 (DNS rebinding).
    return _is_loopback(request.client.host if request.client else None) and _is_loopback(_host(request))


def _host(request: Request) -> str | None:
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname
    except ValueError:
        return None


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _knows(authorization: str, token: str) -> bool:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        given = value.strip()
    elif scheme.lower() == "basic":
        try:
            given = base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return False
    else:
        return False
    return hmac.compare_digest(given.encode(), token.encode())
