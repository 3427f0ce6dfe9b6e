"""Settings: what whoever runs dockslim has to say, in DOCKSLIM_ variables; read once, before anything starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar
from urllib.parse import SplitResult, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import BeforeValidator, SecretStr, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.credentials import CredentialsError, read_credentials

PREFIX = "DOCKSLIM_"
_Kind = TypeVar("_Kind", bound="Hosting")
WHERE_KEYS_ARE = 'Download a key under the App\'s settings, "Private keys".'


class SettingsError(Exception):
    """A setting that is missing or malformed: which one, and what to do about it, in one line."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(f"{name}: {sentence}")
        self.name = name
        self.sentence = sentence


class NoAppError(SettingsError):
    """No variable names an App, and /setup has stored none."""

    def __init__(self) -> None:
        super().__init__(
            "DOCKSLIM_APP_ID",
            "is missing, and so are the other credentials of an App. Start `dockslim web` or `dockslim serve` and open "
            "/setup, which creates one; or set DOCKSLIM_APP_ID, DOCKSLIM_PRIVATE_KEY_FILE and DOCKSLIM_WEBHOOK_SECRET.",
        )


def _refuse(sentence: str) -> NoReturn:
    # The text is a value, not a template: what somebody set must not be read as a format string.
    raise PydanticCustomError("dockslim", "{sentence}", {"sentence": sentence})


def _parse_app_id(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[1-9][0-9]{0,17}", value.strip()):
        _refuse(f'{_quote(value)} is not an App ID. It is the number under "About" in the App\'s settings.')
    return int(value)


def _parse_secret(value: Any) -> Any:
    if isinstance(value, str) and not value.isascii():
        _refuse("is not plain ASCII, which GitHub's signature of it would need to agree on. Choose another.")
    return value


def _parse_redis_url(value: Any) -> Any:
    # Never quoted back: it may carry a password.
    parts = _split(value)
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
        _refuse("is not a Redis address. It reads redis://HOST:6379/0, or rediss:// for TLS.")
    if not re.fullmatch(r"(?:/[0-9]{0,3})?", parts.path):
        _refuse("does not end in the number of a database. It reads redis://HOST:6379/0.")
    return value


def _parse_listen(value: Any) -> Any:
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+):([0-9]{1,5})", str(value))
    if not found or int(found[2]) > 65535:
        _refuse(f"{_quote(value)} is not HOST:PORT. It reads 127.0.0.1:8000, or [::1]:8000.")
    return value


def _parse_api_url(value: Any) -> Any:
    parts = _split(value)
    if parts.username is not None or parts.password is not None:
        _refuse("carries a user name or password. dockslim signs in as the App; leave them out.")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        _refuse(
            f"{_quote(value)} is not the address of an API. It reads https://api.github.com, "
            "or https://HOST/api/v3 for GitHub Enterprise Server."
        )
    return str(value).rstrip("/")


def _parse_public_url(value: Any) -> Any:
    parts = _split(value)
    if parts.username is not None or parts.password is not None:
        _refuse("carries a user name or password, which GitHub would be told. Leave them out.")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        _refuse(f"{_quote(value)} is not the address of a site. It reads https://dockslim.example.com.")
    return str(value).rstrip("/")


def _parse_token(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[\x21-\x7e]{16,200}", value):
        _refuse("is not 16 to 200 characters of plain ASCII without blanks. `openssl rand -hex 32` makes a good one.")
    return value


def _parse_directory(value: Any) -> Any:
    path = Path(str(value))
    if not path.is_absolute() or not path.is_dir():
        _refuse(f"{_quote(value)} is not a directory, by its full path. Make it, for dockslim alone to read and write.")
    return path


class Hosting(BaseSettings):
    """How dockslim is run. Secrets show as asterisks wherever this is printed."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, hide_input_in_errors=True, extra="ignore")

    redis_url: Annotated[SecretStr, BeforeValidator(_parse_redis_url)] | None = None
    """None: whoever starts dockslim starts a server for it."""
    listen: Annotated[str, BeforeValidator(_parse_listen)] = "127.0.0.1:8000"
    github_api_url: Annotated[str, BeforeValidator(_parse_api_url)] = "https://api.github.com"
    public_url: Annotated[str, BeforeValidator(_parse_public_url)] | None = None
    """Where GitHub and browsers reach the web process; a proxy may stand in front of it."""
    status_token: Annotated[SecretStr, BeforeValidator(_parse_token)] | None = None
    """What whoever is not on this machine has to know to see its pages."""
    credentials_dir: Annotated[Path, BeforeValidator(_parse_directory)] | None = None
    """Where /setup stores the App's credentials, and web process and workers read them."""
    queue_dir: Annotated[Path, BeforeValidator(_parse_directory)] | None = None
    """Where the queue that `dockslim serve` brings keeps what it holds; None: in memory alone."""

    @property
    def host(self) -> str:
        """The address to listen on."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to listen on."""
        return int(self.listen.rpartition(":")[2])

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing but what is handed in: no variable of this process, no .env that happens to lie about."""
        return (init_settings,)


class Settings(Hosting):
    """Everything dockslim is told from outside: how it is run, and as which App."""

    app_id: Annotated[int, BeforeValidator(_parse_app_id)]
    private_key: SecretStr
    webhook_secret: Annotated[SecretStr, BeforeValidator(_parse_secret)]


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings out of `environ`, or raise a SettingsError that says what to do. An empty variable is unset.

    Where no variable names an App, the one counts that /setup stored; without that, raise NoAppError.
    """
    hosting = read_hosting(environ)
    if not isinstance(hosting, Settings):
        raise NoAppError
    return hosting


def read_hosting(environ: Mapping[str, str]) -> Hosting:
    """Read the settings as far as they are there: a Settings where there is an App."""
    given = _read_files({name: environ[name] for name in environ if name.startswith(PREFIX) and environ[name].strip()})
    values: dict[str, Any] = {name.removeprefix(PREFIX).lower(): value for name, value in given.items()}
    if not _APP_VARIABLES & given.keys():
        hosting = _validate(Hosting, values)
        return complete(hosting) or hosting
    values["private_key"] = _read_private_key(given)
    return _validate(Settings, values)


def complete(hosting: Hosting) -> Settings | None:
    """Return the settings with the App that /setup stored, None while there is none.

    Raise SettingsError where what is stored is no good.
    """
    if hosting.credentials_dir is None:
        return None
    name = f"{PREFIX}CREDENTIALS_DIR"
    try:
        found = read_credentials(hosting.credentials_dir)
    except CredentialsError as error:
        raise SettingsError(name, str(error)) from None
    if found is None:
        return None
    _check_private_key(name, f"the key in {found.path} ", found.private_key)
    values = {each: _reveal(getattr(hosting, each)) for each in Hosting.model_fields}
    given = {each: value for each, value in values.items() if value is not None}
    return _validate(Settings, {**given, **found.as_settings()})


def _reveal(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _validate(kind: type[_Kind], values: Mapping[str, Any]) -> _Kind:
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = f"{PREFIX}{first['loc'][0]}".upper()
        sentence = _MISSING.get(name, "is missing.") if first["type"] == "missing" else first["msg"]
        raise SettingsError(name, sentence) from None


def read_redis_url(environ: Mapping[str, str]) -> str:
    """Read where the queue is, and nothing else, or raise a SettingsError."""
    names = ("DOCKSLIM_REDIS_URL", "DOCKSLIM_REDIS_URL_FILE")
    given = _read_files({name: environ[name] for name in names if environ.get(name, "").strip()})
    value = given.get("DOCKSLIM_REDIS_URL", "").strip()
    if not value:
        raise SettingsError(
            "DOCKSLIM_REDIS_URL", "is missing. The queue that `dockslim serve` brings is its own; set one for both."
        )
    try:
        return str(_parse_redis_url(value))
    except PydanticCustomError as error:
        raise SettingsError("DOCKSLIM_REDIS_URL", error.message()) from None


_APP_VARIABLES = {f"{PREFIX}{each}" for each in ("APP_ID", "PRIVATE_KEY", "PRIVATE_KEY_FILE", "WEBHOOK_SECRET")}
_MISSING = {
    "DOCKSLIM_APP_ID": 'is missing. Set it to the number under "About" in the App\'s settings.',
    "DOCKSLIM_WEBHOOK_SECRET": "is missing. Set it to the webhook secret in the App's settings.",
}


# What is secret may lie in a file, as Docker and Kubernetes hand secrets over: a file is in no listing of a process.
_MAY_LIE_IN_FILES = tuple(f"{PREFIX}{each}" for each in ("STATUS_TOKEN", "WEBHOOK_SECRET", "REDIS_URL"))
_MOST_BYTES = 4096


def _read_files(given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with the secrets that lie in files filled in; the private key is read by itself."""
    found = dict(given)
    for name in _MAY_LIE_IN_FILES:
        path = found.pop(f"{name}_FILE", None)
        if path is None:
            continue
        if name in found:
            raise SettingsError(name, f"is set, and so is {name}_FILE. Keep one of them.")
        try:
            with open(path, encoding="utf-8") as file:
                value = file.read(_MOST_BYTES).strip()
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            raise SettingsError(f"{name}_FILE", f"{path} cannot be read ({reason}).") from None
        except ValueError:
            raise SettingsError(f"{name}_FILE", f"{path} is not text.") from None
        if not value:
            raise SettingsError(f"{name}_FILE", f"{path} is empty.")
        found[name] = value
    return found


def _read_private_key(given: Mapping[str, str]) -> str:
    inline, path = given.get("DOCKSLIM_PRIVATE_KEY"), given.get("DOCKSLIM_PRIVATE_KEY_FILE")
    if inline is not None and path is not None:
        raise SettingsError("DOCKSLIM_PRIVATE_KEY", "is set, and so is DOCKSLIM_PRIVATE_KEY_FILE. Keep one of them.")
    if inline is not None:
        # Variables in .env files and in many dashboards hold one line: "\n" stands for a line end there.
        pem = inline.replace("\\n", "\n").strip() + "\n"
        _check_private_key("DOCKSLIM_PRIVATE_KEY", "", pem)
        return pem
    if path is None:
        raise SettingsError(
            "DOCKSLIM_PRIVATE_KEY_FILE", f"is missing, and so is DOCKSLIM_PRIVATE_KEY. {WHERE_KEYS_ARE}"
        )
    try:
        pem = Path(path).read_text(encoding="ascii")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise SettingsError("DOCKSLIM_PRIVATE_KEY_FILE", f"{path} cannot be read ({reason}).") from None
    except ValueError:
        pem = ""
    _check_private_key("DOCKSLIM_PRIVATE_KEY_FILE", f"{path} ", pem)
    return pem


def _check_private_key(name: str, subject: str, pem: str) -> None:
    first_line = pem.lstrip().partition("\n")[0].strip()
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise SettingsError(name, f"{subject}is protected by a passphrase. {WHERE_KEYS_ARE}") from None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, RSAPrivateKey):
        return
    # Only a PEM header is quoted: any other line may be part of a key.
    header = re.fullmatch(r"-----BEGIN [A-Z0-9 ]{1,40}-----", first_line)
    seen = f'line 1 reads "{first_line}"' if header else "line 1 is no PEM header"
    raise SettingsError(name, f"{subject}is not an RSA private key ({seen}). {WHERE_KEYS_ARE}")


def _split(value: Any) -> SplitResult:
    try:
        parts = urlsplit(str(value))
        _ = parts.port
    except ValueError:
        return SplitResult("", "", "", "", "")
    return parts


def _quote(value: Any) -> str:
    return '"' + "".join(c if c.isprintable() else "?" for c in str(value)[:60]) + '"'
