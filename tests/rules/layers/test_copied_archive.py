"""copied-archive."""

from __future__ import annotations

from tests.rules.cases import findings, rule_test

CODE = "DS108"
D = "FROM debian:12\n"
C = D + "COPY a.tgz /tmp/\n"
SILENT = {
    "deleted": C + "RUN tar xzf /tmp/a.tgz && rm /tmp/a.tgz\n",
    "deleted-with-its-directory": C + "RUN tar xzf /tmp/a.tgz && rm -rf /tmp/*\n",
    "deleted-later": C + "RUN tar xzf /tmp/a.tgz\nRUN rm /tmp/a.tgz\n",
    "named-later": C + 'RUN tar xzf /tmp/a.tgz\nCMD ["serve", "/tmp/a.tgz"]\n',
    "not-unpacked": C + "RUN ls /tmp/a.tgz\n",
    "another-file": C + "RUN tar xzf /opt/a.tgz\n",
    "unpacked-by-add": D + "ADD a.tgz /tmp/\nRUN tar xzf /tmp/a.tgz\n",
    "a-tree": D + "COPY . /app\nRUN tar xzf /app/a.tgz\n",
    "copied-afterwards": D + "RUN tar xzf /tmp/a.tgz\nCOPY a.tgz /tmp/\n",
    "conditional": C + "RUN if x; then tar xzf /tmp/a.tgz; fi\n",
    "stage-not-shipped": "FROM debian:12 AS b\nCOPY a.tgz /tmp/\nRUN tar xzf /tmp/a.tgz\n"
    + D
    + "COPY --from=b /a /a\n",
    "pragma": C + "# hadolint ignore=DL3010\nRUN tar xzf /tmp/a.tgz\n",
}
FIRES = {
    "tar": C + "RUN tar xzf /tmp/a.tgz -C /opt\n",
    "relative": D + "WORKDIR /src\nCOPY a.zip .\nRUN unzip a.zip\n",
    "behind-cd": C + "RUN cd /tmp && tar xzf a.tgz\n",
    "deb": D + "COPY x.deb /\nRUN dpkg -i /x.deb\n",
    "deb-by-apt": D + "COPY x.deb /\nRUN apt-get install -y --no-install-recommends /x.deb\n",
    "wheel": "FROM python:3\nCOPY --from=b /dist/a.whl /\nRUN pip install --no-cache-dir /a.whl\n",
    "glob": D + "COPY a.rpm /tmp/\nRUN rpm -i /tmp/*.rpm\n",
    "address": D + "ADD https://e.com/a.tgz /tmp/\nRUN tar xzf /tmp/a.tgz\n",
    "variable": D + "ENV V=1\nCOPY a-1.tgz /tmp/\nRUN tar xzf /tmp/a-$V.tgz\n",
    "crlf": "FROM debian:12\r\nCOPY a.tgz /tmp/\r\nRUN tar xzf /tmp/a.tgz\r\n",
}

test_cases = rule_test(CODE, SILENT, {name: (text, None) for name, text in FIRES.items()})


def test_brings_the_bind_mount() -> None:
    (found,) = findings(CODE, C + "RUN tar xzf /tmp/a.tgz -C /opt && ldconfig\n")
    assert found.snippet is not None
    assert found.snippet.text == (
        "RUN --mount=type=bind,source=a.tgz,target=/tmp/a.tgz \\\n    tar xzf /tmp/a.tgz -C /opt"
    )


def test_names_the_stage() -> None:
    (found,) = findings(CODE, "FROM python:3\nCOPY --from=b /dist/a.whl /\nRUN pip install --no-cache-dir /a.whl\n")
    assert found.snippet is not None
    assert "type=bind,from=b,source=/dist/a.whl,target=/a.whl" in found.snippet.text


def test_the_deletion_brings_it_too() -> None:
    (found,) = findings("DS101", C + "RUN tar xzf /tmp/a.tgz && rm /tmp/a.tgz\n")
    assert found.snippet is not None
    assert found.snippet.text.endswith("tar xzf /tmp/a.tgz")
