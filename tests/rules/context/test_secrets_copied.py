"""secrets-copied."""

from __future__ import annotations

from tests.rules.cases import assert_silent, table
from tests.rules.context.around import P, around, one

CODE = "DS503"
ENV = "A=b\nDATABASE_PASSWORD=qW8zRt5pLm\n"
CASES = {
    "private-key": (P + "COPY . /app\n", {"keys/id_rsa": 9}, {}, ["keys/id_rsa"]),
    "named": (P + "COPY keys/id_ed25519 /root/.ssh/\n", {"keys/id_ed25519": 9}, {}, ["keys/id_ed25519"]),
    "folder": (P + "COPY keys /root/.ssh/\n", {"keys/id_rsa": 9}, {}, ["keys/id_rsa"]),
    "aws": (P + "COPY . /app\n", {".aws/credentials": 9}, {}, [".aws/credentials"]),
    "env": (P + "COPY . /app\n", {".env": 9}, {".env": ENV}, [".env"]),
    "npmrc": (
        P + "COPY . /app\n",
        {".npmrc": 9},
        {".npmrc": "//registry.npmjs.org/:_authToken=npm_qW8zRt5pLm99\n"},
        [".npmrc"],
    ),
    "public-key": (P + "COPY . /app\n", {"id_rsa.pub": 9}, {}, []),
    "sample": (P + "COPY . /app\n", {".env.example": 9}, {".env.example": ENV}, []),
    "among-tests": (P + "COPY . /app\n", {"test/fixtures/id_rsa": 9}, {}, []),
    "unread": (P + "COPY . /app\n", {".env": 9}, {}, []),
    "placeholders": (
        P + "COPY . /app\n",
        {".env": 9},
        {".env": "API_KEY=your-key-goes-in\nPASSWORD=changeme\n"},
        [],
    ),
    "public-settings": (P + "COPY . /app\n", {".env": 9}, {".env": "NEXT_PUBLIC_API_KEY=qW8zRt5pLm\n"}, []),
    "no-secret": (P + "COPY . /app\n", {".env": 9}, {".env": "PORT=3000\nHOST=0.0.0.0\n"}, []),
    "npmrc-from-the-environment": (
        P + "COPY . /app\n",
        {".npmrc": 9},
        {".npmrc": "//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n"},
        [],
    ),
    "not-copied": (P + "COPY src /app\n", {"keys/id_rsa": 9}, {}, []),
    "excluded": (P + "COPY --exclude=keys . /app\n", {"keys/id_rsa": 9}, {}, []),
    "empty": (P + "COPY . /app\n", {"id_rsa": 0}, {}, []),
    "not-shipped": (f"{P[:-1]} AS b\nCOPY . /app\n{P}", {"id_rsa": 9}, {}, []),
}


@table(("text", "files", "texts", "secrets"), CASES)
def test_cases(text: str, files: dict[str, int], texts: dict[str, str], secrets: list[str]) -> None:
    surroundings = around(files, texts=texts, ignore="x\n")
    if not secrets:
        assert_silent(CODE, text, surroundings)
        return
    found = one(CODE, text, surroundings)
    assert found.snippet is not None
    assert found.snippet.text.split() == secrets
    assert found.fix is None


def test_the_value_is_never_repeated() -> None:
    found = one(CODE, P + "COPY . /app\n", around({".env": 9}, texts={".env": ENV}))
    assert "qW8zRt5pLm" not in repr(found)


def test_ignored() -> None:
    assert_silent(CODE, P + "COPY . /app\n", around({"a/id_rsa": 9}, ignore="**/id_rsa\n"))
