from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, NoEncryption

from bot.settings import Settings, SettingsError, read_redis_url, read_settings

_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_PKCS1, _PKCS8 = serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8


def _pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = _RSA,
    form: serialization.PrivateFormat = _PKCS1,
    password: bytes | None = None,
) -> str:
    sealed = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, sealed).decode()


PEM = _pem()
ENVIRON = {"DOCKSLIM_APP_ID": "12", "DOCKSLIM_WEBHOOK_SECRET": "hush", "DOCKSLIM_PRIVATE_KEY": PEM}


def _read(**changes: str | None) -> Settings:
    environ = ENVIRON | {f"DOCKSLIM_{name.upper()}": value for name, value in changes.items() if value is not None}
    return read_settings({name: value for name, value in environ.items() if name[9:].lower() not in _removed(changes)})


def _removed(changes: dict[str, str | None]) -> set[str]:
    return {name for name, value in changes.items() if value is None}


def test_the_least_is_enough() -> None:
    settings = _read()
    assert settings.app_id == 12
    assert settings.webhook_secret.get_secret_value() == "hush"
    assert settings.redis_url is None
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.github_api_url == "https://api.github.com"


def test_everything_can_be_set() -> None:
    settings = _read(
        redis_url="rediss://:secret@redis.example:6380/2",
        listen="[::1]:9000",
        github_api_url="https://ghe.example/api/v3/",
    )
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == "rediss://:secret@redis.example:6380/2"
    assert (settings.host, settings.port) == ("::1", 9000)
    assert settings.github_api_url == "https://ghe.example/api/v3"


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param(PEM, id="PKCS#1, as GitHub hands out"),
        pytest.param(_pem(form=_PKCS8), id="PKCS#8"),
        pytest.param(PEM.replace("\n", "\\n"), id="one line with \\n"),
        pytest.param("\n" + PEM.strip(), id="blank line first, no line end last"),
        pytest.param(PEM.replace("\n", "\r\n"), id="CRLF"),
    ],
)
def test_private_key_in_a_variable(pem: str) -> None:
    assert "PRIVATE KEY" in _read(private_key=pem).private_key.get_secret_value()


def test_private_key_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(PEM)
    settings = _read(private_key=None, private_key_file=str(tmp_path / "key.pem"))
    assert settings.private_key.get_secret_value() == PEM


def test_secrets_in_files(tmp_path: Path) -> None:
    given = {
        "status_token": "0123456789abcdef",
        "webhook_secret": "from a file",
        "redis_url": "redis://:opensesame@queue:6379/0",
    }
    for name, value in given.items():
        (tmp_path / name).write_text(value + "\n")
    files = {f"{name}_file": str(tmp_path / name) for name in given}
    settings = _read(webhook_secret=None, **files)
    read = {name: getattr(settings, name).get_secret_value() for name in given}
    assert read == given
    environ = {f"DOCKSLIM_{name.upper()}": value for name, value in files.items()}
    assert read_redis_url(environ) == given["redis_url"]


def test_secrets_are_not_printed() -> None:
    settings = _read(redis_url="redis://:opensesame@localhost:6379/0")
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert "hush" not in text
        assert "opensesame" not in text
        assert PEM.splitlines()[1] not in text


def test_the_environment_of_this_process_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKSLIM_LISTEN", "0.0.0.0:1")
    assert _read().listen == "127.0.0.1:8000"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        pytest.param({"app_id": None}, "DOCKSLIM_APP_ID: is missing. Set it to the number", id="no App ID"),
        pytest.param({"app_id": " "}, "DOCKSLIM_APP_ID: is missing.", id="blank App ID"),
        pytest.param({"app_id": "Iv1.8a61"}, 'DOCKSLIM_APP_ID: "Iv1.8a61" is not an App ID.', id="client ID"),
        pytest.param({"app_id": "{0.__class__}"}, '"{0.__class__}" is not an App ID.', id="format string"),
        pytest.param({"app_id": "1\n2"}, '"1?2" is not an App ID.', id="line end"),
        pytest.param({"webhook_secret": None}, "DOCKSLIM_WEBHOOK_SECRET: is missing. Set it to", id="no secret"),
        pytest.param({"webhook_secret": "gehéim"}, "DOCKSLIM_WEBHOOK_SECRET: is not plain ASCII", id="other secret"),
        pytest.param(
            {"public_url": "dockslim.example"}, '"dockslim.example" is not the address of a site.', id="no URL"
        ),
        pytest.param(
            {"public_url": "https://a:b@c"}, "carries a user name or password, which GitHub", id="URL with one"
        ),
        pytest.param({"status_token": "short"}, "DOCKSLIM_STATUS_TOKEN: is not 16 to 200 characters", id="short token"),
        pytest.param({"status_token": "0123456789 bcdef"}, "ASCII without blanks", id="token with a blank"),
        pytest.param({"credentials_dir": "here"}, '"here" is not a directory, by its full path.', id="no directory"),
        pytest.param({"private_key": None}, "DOCKSLIM_PRIVATE_KEY_FILE: is missing, and so is", id="no key"),
        pytest.param(
            {"private_key_file": "/etc/key.pem"},
            "DOCKSLIM_PRIVATE_KEY: is set, and so is DOCKSLIM_PRIVATE_KEY_FILE. Keep one of them.",
            id="both keys",
        ),
        pytest.param(
            {"private_key": None, "private_key_file": "/nowhere/key.pem"},
            "DOCKSLIM_PRIVATE_KEY_FILE: /nowhere/key.pem cannot be read (no such file or directory).",
            id="no such file",
        ),
        pytest.param(
            {"private_key": None, "private_key_file": "/"},
            "DOCKSLIM_PRIVATE_KEY_FILE: / cannot be read (is a directory).",
            id="directory",
        ),
        pytest.param(
            {"private_key": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"},
            'DOCKSLIM_PRIVATE_KEY: is not an RSA private key (line 1 reads "-----BEGIN CERTIFICATE-----").',
            id="certificate",
        ),
        pytest.param(
            {"status_token": "0123456789abcdef", "status_token_file": "/etc/token"},
            "DOCKSLIM_STATUS_TOKEN: is set, and so is DOCKSLIM_STATUS_TOKEN_FILE. Keep one of them.",
            id="token twice",
        ),
        pytest.param(
            {"webhook_secret": None, "webhook_secret_file": "/nowhere/given"},
            "DOCKSLIM_WEBHOOK_SECRET_FILE: /nowhere/given cannot be read (no such file or directory).",
            id="no file of a secret",
        ),
        pytest.param({"redis_url_file": "/dev/null"}, "DOCKSLIM_REDIS_URL_FILE: /dev/null is empty.", id="empty file"),
        pytest.param({"private_key": "MIIBsecret"}, "is not an RSA private key (line 1 is no PEM header).", id="bare"),
        pytest.param({"private_key": PEM[:200]}, "is not an RSA private key", id="half a key"),
        pytest.param({"private_key": _pem(password=b"x")}, "is protected by a passphrase.", id="passphrase"),
        pytest.param(
            {"private_key": _pem(ec.generate_private_key(ec.SECP256R1()), _PKCS8)},
            'is not an RSA private key (line 1 reads "-----BEGIN PRIVATE KEY-----").',
            id="elliptic curve",
        ),
        pytest.param({"listen": "8000"}, 'DOCKSLIM_LISTEN: "8000" is not HOST:PORT.', id="port alone"),
        pytest.param({"listen": "0.0.0.0:65536"}, "is not HOST:PORT.", id="port too high"),
        pytest.param({"redis_url": "localhost:6379"}, "DOCKSLIM_REDIS_URL: is not a Redis address.", id="no scheme"),
        pytest.param({"redis_url": "redis://h:x/0"}, "DOCKSLIM_REDIS_URL: is not a Redis address.", id="no port"),
        pytest.param({"redis_url": "redis://h/queue"}, "does not end in the number", id="no number"),
        pytest.param({"github_api_url": "ghe.example"}, 'DOCKSLIM_GITHUB_API_URL: "ghe.example" is not', id="no URL"),
        pytest.param({"github_api_url": "ftp://ghe.example"}, "is not the address of an API.", id="other scheme"),
        pytest.param({"github_api_url": "https://h/?a=b"}, "is not the address of an API.", id="query"),
        pytest.param({"github_api_url": "https://u:pw@h/"}, "carries a user name or password.", id="password"),
    ],
)
def test_one_line_names_it_and_says_what_to_do(changes: dict[str, str | None], line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        _read(**changes)
    text = str(caught.value)
    assert line in text
    assert "\n" not in text
    assert text.endswith((".", ")"))
    for secret in ("secret", "MIIB", "opensesame", "u:pw"):
        assert secret not in text.replace("webhook secret", "")


def test_a_file_that_is_no_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("-----BEGIN CERTIFICATE-----\n")
    with pytest.raises(SettingsError) as caught:
        _read(private_key=None, private_key_file=str(path))
    assert str(caught.value) == (
        f'DOCKSLIM_PRIVATE_KEY_FILE: {path} is not an RSA private key (line 1 reads "-----BEGIN CERTIFICATE-----"). '
        'Download a key under the App\'s settings, "Private keys".'
    )
    path.write_bytes(b"\xff\x00")
    with pytest.raises(SettingsError, match="is not an RSA private key"):
        _read(private_key=None, private_key_file=str(path))
