"""apt-in-script."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS207"
D = "FROM debian:12\n"
SILENT = {
    "apt-get": D + "RUN apt-get update && apt-get install -y cron\n",
    "path": D + "RUN ls /etc/apt /var/lib/apt \n",
    "echo": D + "RUN echo apt install cron\n",
    "build-stage": "FROM debian AS b\nRUN apt update\nFROM debian\nCOPY --from=b /a /a\n",
    "hadolint": D + "# hadolint ignore=DL3027\nRUN apt update\n",
    "onbuild": D + "ONBUILD RUN apt update\n",
}
FIXED = {
    "update": (D + "RUN apt update\n", D + "RUN apt-get update\n"),
    "path": (D + "RUN /usr/bin/apt update\n", D + "RUN /usr/bin/apt-get update\n"),
    "sudo": (D + "RUN sudo apt -y autoremove\n", D + "RUN sudo apt-get -y autoremove\n"),
    "install": (
        D + "RUN apt update \\\n  && apt install --no-install-recommends -y \\\n  # a comment\n  cron\n",
        D + "RUN apt-get update \\\n  && apt-get install --no-install-recommends -y \\\n  # a comment\n  cron\n",
    ),
    "exec-form": (D + 'RUN ["apt", "update"]\n', D + 'RUN ["apt-get", "update"]\n'),
    "heredoc": (D + "RUN <<EOF\napt update\nEOF\n", D + "RUN <<EOF\napt-get update\nEOF\n"),
    "crlf": ("FROM debian\r\nRUN apt update\r\n", "FROM debian\r\nRUN apt-get update\r\n"),
    "upgrade-means-more": (D + "RUN apt update && apt -y upgrade\n", None),
    "list-is-no-verb-of-apt-get": (D + "RUN apt list --installed\n", None),
    "another-rule-comes-first": (D + "RUN apt update && apt install -y cron\n", None),
    "downloads-may-be-kept": ("FROM example/app\nRUN apt update\n", None),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str | None) -> None:
    assert_fixed(CODE, text, fixed)
    assert {each.fix.applicability for each in findings(CODE, text) if each.fix} <= {Applicability.SAFE}
