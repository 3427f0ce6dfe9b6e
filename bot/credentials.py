"""Credentials: the App that /setup created, in one file that nobody else may read."""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = "app.json"
# GitHub's answer has a few kilobytes.
MOST_BYTES = 64 * 1024


class CredentialsError(Exception):
    """The file cannot be read or written; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What acting as the App takes."""

    path: Path
    app_id: int
    private_key: str
    webhook_secret: str

    def __repr__(self) -> str:
        return f"Credentials(path={str(self.path)!r}, app_id={self.app_id})"

    def as_settings(self) -> dict[str, Any]:
        """Return what the settings are made from."""
        return {
            "app_id": str(self.app_id),
            "private_key": self.private_key,
            "webhook_secret": self.webhook_secret,
        }


def read_credentials(directory: Path) -> Credentials | None:
    """Return the stored credentials, None where there are none; raise CredentialsError where they are no good."""
    path = directory / FILE
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(MOST_BYTES))
        return Credentials(path, int(found["app_id"]), str(found["private_key"]), str(found["webhook_secret"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CredentialsError(f"{path} cannot be read ({_reason(error)}).") from None
    except (ValueError, KeyError, TypeError):
        raise CredentialsError(f"{path} is not what /setup wrote. Restore it, or delete it to set up anew.") from None


def store_credentials(directory: Path, *, app_id: int, private_key: str, webhook_secret: str) -> Path:
    """Write the file, readable for its owner alone and whole or not at all; raise CredentialsError where it exists."""
    path = directory / FILE
    draft = directory / f".{FILE}.{secrets.token_hex(8)}"
    body = {"app_id": app_id, "private_key": private_key, "webhook_secret": webhook_secret}
    try:
        try:
            # O_EXCL and 0600 from the first byte on; a umask can only take away from it.
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(body, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            # Unlike a rename, a link does not replace: of two that store at once, one wins.
            os.link(draft, path)
        finally:
            with suppress(FileNotFoundError):
                draft.unlink()
    except OSError as error:
        raise CredentialsError(f"{path} cannot be written ({_reason(error)})") from None
    return path


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
