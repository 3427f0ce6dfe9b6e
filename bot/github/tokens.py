"""Installation tokens, kept in Redis until they expire, sealed with the App's own key.

githubkit would keep them itself, but under a key that does not name the host (a token of github.com would be sent
to a GitHub Enterprise Server with the same numbers), in clear text, and without the permissions that were granted.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from cryptography.fernet import Fernet, InvalidToken
from redis import Redis
from redis.exceptions import RedisError

# A job that starts with a token must be able to end with it.
MARGIN = timedelta(minutes=5)

INCOMPLETE_LASTS = timedelta(seconds=60)
"""How long a token is kept that lacks a permission: the owner may be about to grant it."""

log = structlog.get_logger("dockslim.github")


@dataclass(frozen=True, slots=True)
class Token:
    """An installation token, and what it may do."""

    value: str
    permissions: Mapping[str, str]
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Token(permissions={dict(self.permissions)!r})"

    @classmethod
    def from_json(cls, answer: Mapping[str, Any]) -> Token:
        """Read GitHub's answer; fractions of a second are as good as none."""
        permissions = {str(name): str(level) for name, level in dict(answer.get("permissions") or {}).items()}
        expires_at = datetime.fromisoformat(str(answer["expires_at"]))
        return cls(str(answer["token"]), permissions, expires_at)


class TokenStore:
    """The tokens of one App on one host."""

    def __init__(self, redis: Redis | None, host: str, app_id: int, private_key: str) -> None:
        self._redis = redis
        self._prefix = f"dockslim:token:{host}:{app_id}"
        digest = hashlib.sha256(b"dockslim token store\0" + private_key.encode()).digest()
        self._seal = Fernet(base64.urlsafe_b64encode(digest))

    def get(
        self,
        installation_id: int,
        repository_id: int,
        wanted: Mapping[str, str],
        mint: Callable[[], Token],
        name: str = "",
        incomplete_lasts: timedelta = INCOMPLETE_LASTS,
    ) -> Token:
        """Return a token for one repository, from the store if it will last; `wanted` are the permissions hoped for.

        One repository may have several, by `name`.
        """
        key = self._key(installation_id, repository_id, name)
        found = self._load(key)
        if found is not None and found.expires_at - MARGIN > datetime.now(UTC):
            return found
        token = mint()
        lasts = timedelta.max if wanted.items() <= token.permissions.items() else incomplete_lasts
        self._save(key, token, lasts)
        return token

    def forget(self, installation_id: int, repository_id: int, name: str = "") -> None:
        """Drop a token that GitHub no longer accepts."""
        if self._redis is None:
            return
        try:
            self._redis.delete(self._key(installation_id, repository_id, name))
        except RedisError as error:
            log.warning("token store unwritable", error=type(error).__name__)

    def _key(self, installation_id: int, repository_id: int, name: str) -> str:
        return ":".join((self._prefix, str(installation_id), str(repository_id), *filter(None, [name])))

    def _load(self, key: str) -> Token | None:
        if self._redis is None:
            return None
        try:
            sealed = self._redis.get(key)
            return Token.from_json(json.loads(self._seal.decrypt(sealed))) if isinstance(sealed, bytes) else None
        except (RedisError, InvalidToken, ValueError, KeyError) as error:
            log.warning("token store unreadable", error=type(error).__name__)
            return None

    def _save(self, key: str, token: Token, most: timedelta) -> None:
        lasts = min(token.expires_at - MARGIN - datetime.now(UTC), most)
        if self._redis is None or lasts <= timedelta(seconds=1):
            return
        plain = {
            "token": token.value,
            "permissions": dict(token.permissions),
            "expires_at": token.expires_at.isoformat(),
        }
        try:
            self._redis.set(key, self._seal.encrypt(json.dumps(plain).encode()), px=lasts)
        except RedisError as error:
            log.warning("token store unwritable", error=type(error).__name__)
