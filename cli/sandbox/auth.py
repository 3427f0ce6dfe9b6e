"""Who is asking: App JWTs, installation tokens, user tokens, and what each may do."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import jwt

from cli.sandbox.answers import RefusedError, not_accessible, not_found, unprocessable
from cli.sandbox.state import Account, App, Installation, Repository, Role, World, now

# GitHub Docs, "Generating a JSON Web Token (JWT) for a GitHub App": at most 10 minutes into the future.
JWT_SECONDS = 600
# GitHub advises to issue 60 s in the past against clock drift, so it does not forgive much itself.
DRIFT_SECONDS = 5
TOKEN_LIFETIME = timedelta(hours=1)
LEVELS = ("none", "read", "write", "admin")

Access = Literal["read", "write"]
# GitHub Docs, "Repository roles for an organization": the role at which a person may do the same.
_ROLES: dict[tuple[str, Access], Role] = {
    ("contents", "write"): "write",
    ("checks", "write"): "write",
    ("checks", "read"): "read",
    ("pull_requests", "write"): "read",
    ("issues", "write"): "read",
}


@dataclass(frozen=True, slots=True)
class Need:
    """A permission that an endpoint asks for."""

    name: str
    access: Access

    def __str__(self) -> str:
        return f"{self.name}={self.access}"


@dataclass(frozen=True, slots=True)
class AppCaller:
    """The App itself, by a JWT."""

    app: App

    @property
    def label(self) -> str:
        """How the request log names it; also its rate-limit bucket."""
        return "app"


@dataclass(frozen=True, slots=True)
class InstallationCaller:
    """The App as one of its installations, by a token that may be narrowed."""

    app: App
    installation: Installation
    permissions: dict[str, str]
    repositories: tuple[Repository, ...] | None
    expires_at: datetime

    @property
    def label(self) -> str:
        """How the request log names it; also its rate-limit bucket."""
        return f"installation {self.installation.id}"

    @property
    def account(self) -> Account:
        """The bot."""
        return self.app.bot

    def sees(self, repository: Repository) -> bool:
        """Say whether the token reaches a repository."""
        chosen = self.installation.repositories
        return repository in chosen and (self.repositories is None or repository in self.repositories)

    def may(self, need: Need) -> bool:
        """Say whether the token carries a permission."""
        held = self.permissions.get(need.name, "none")
        return LEVELS.index(held) >= LEVELS.index(need.access)


@dataclass(frozen=True, slots=True)
class UserCaller:
    """A person, by a personal access token."""

    account: Account

    @property
    def label(self) -> str:
        """How the request log names them; also their rate-limit bucket."""
        return self.account.login


Caller = AppCaller | InstallationCaller | UserCaller


class Tokens:
    """The tokens that were handed out."""

    def __init__(self) -> None:
        self._installation: dict[str, InstallationCaller] = {}
        self._users: dict[str, UserCaller] = {}

    def clear(self) -> None:
        """Forget every token."""
        self._installation.clear()
        self._users.clear()

    def issue(self, caller: InstallationCaller) -> str:
        """Hand out an installation token."""
        token = f"ghs_{secrets.token_urlsafe(27)}"
        self._installation[token] = caller
        return token

    def issue_user(self, account: Account) -> str:
        """Hand out a personal access token."""
        token = f"ghp_{secrets.token_urlsafe(27)}"
        self._users[token] = UserCaller(account)
        return token

    def expire(self) -> None:
        """Let every installation token end now."""
        for token, caller in self._installation.items():
            self._installation[token] = InstallationCaller(
                caller.app, caller.installation, caller.permissions, caller.repositories, now()
            )

    def find(self, token: str) -> Caller | None:
        """Return whose token this is, None for unknown and expired ones."""
        if token in self._users:
            return self._users[token]
        caller = self._installation.get(token)
        return caller if caller and caller.expires_at > now() else None


def authenticate(world: World, tokens: Tokens, header: str | None) -> Caller:
    """Turn an Authorization header into a caller."""
    scheme, _, credential = (header or "").partition(" ")
    if not header:
        raise RefusedError(401, "Requires authentication")
    if scheme.lower() not in {"bearer", "token"}:
        raise RefusedError(401, "Bad credentials")
    if credential.count(".") == 2:
        return _verify(world.app, credential.strip())
    caller = tokens.find(credential.strip())
    if caller is None:
        raise RefusedError(401, "Bad credentials")
    if isinstance(caller, InstallationCaller) and caller.installation.suspended_at:
        raise RefusedError(403, "This installation has been suspended")
    return caller


def _verify(app: App, token: str) -> AppCaller:
    try:
        claims = jwt.decode(
            token,
            app.public_key,
            algorithms=["RS256"],
            leeway=DRIFT_SECONDS,
            options={"require": ["exp", "iat", "iss"], "verify_iss": False, "verify_sub": False},
        )
    except jwt.ExpiredSignatureError as error:
        raise RefusedError(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time "
            "at which the assertion expires",
        ) from error
    except jwt.ImmatureSignatureError as error:
        raise RefusedError(
            401,
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        ) from error
    except jwt.MissingRequiredClaimError as error:
        raise RefusedError(401, f"Missing '{error.claim}' claim in assertion") from error
    except jwt.PyJWTError as error:
        raise RefusedError(401, "A JSON web token could not be decoded") from error
    if claims["exp"] - now().timestamp() > JWT_SECONDS + DRIFT_SECONDS:
        raise RefusedError(401, "'Expiration time' claim ('exp') is too far in the future")
    if str(claims["iss"]) not in {str(app.id), app.client_id}:
        raise RefusedError(401, "'Issuer' claim ('iss') must be an Integer")
    return AppCaller(app)


def require(caller: Caller, repository: Repository, needs: tuple[Need, ...]) -> None:
    """Refuse a caller that does not see the repository (404) or lacks every one of the permissions (403).

    Public repositories get no exception: GitHub would let any token read them, which hides a permission
    that is missing from the App.
    """
    if isinstance(caller, AppCaller):
        raise RefusedError(401, "A JSON web token could not be decoded")
    if isinstance(caller, InstallationCaller):
        if not caller.sees(repository):
            raise not_found()
        if needs and not any(caller.may(need) for need in needs):
            raise not_accessible()
        return
    if not repository.allows(caller.account.login, "read"):
        raise not_found()
    if needs and not any(
        repository.allows(caller.account.login, _ROLES.get((need.name, need.access), "read")) for need in needs
    ):
        raise RefusedError(403, "Must have push access to this repository.")


def narrow(
    caller: AppCaller,
    installation: Installation,
    repositories: tuple[Repository, ...] | None,
    permissions: dict[str, str] | None,
) -> InstallationCaller:
    """Mint what an installation token stands for, refusing more than was installed."""
    granted = {**installation.permissions, "metadata": "read"}
    for name, level in (permissions or {}).items():
        if level not in LEVELS or LEVELS.index(level) > LEVELS.index(granted.get(name, "none")):
            raise unprocessable(message="The permissions requested are not granted to this installation.")
    held = {**permissions, "metadata": "read"} if permissions else granted
    return InstallationCaller(caller.app, installation, held, repositories, now() + TOKEN_LIFETIME)
