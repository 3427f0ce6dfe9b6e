"""gem-documentation."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS240"
D = "FROM debian:12\n"
FLAG = "--no-document"
SILENT = {
    "flag": D + f"RUN gem install {FLAG} fpm\n",
    "flag-behind": D + f"RUN gem install fpm -v 1 {FLAG}\n",
    "short-flag": D + "RUN gem install -N fpm\n",
    "old-flags": D + "RUN gem install fpm --no-ri --no-rdoc\n",
    "asked-for": D + "RUN gem install --document=ri fpm\n",
    "gemrc-written": D + "RUN echo 'gem: --no-document' > /etc/gemrc && gem install fpm\n",
    "gemrc-before": D + "RUN echo 'gem: --no-document' >> ~/.gemrc\nRUN gem install fpm\n",
    "gemrc-copied": D + "COPY .gemrc /root/\nRUN gem install fpm\n",
    "gemrc-variable": D + "ENV GEMRC=/x\nRUN gem install fpm\n",
    "deleted": D + "RUN gem install fpm && rm -rf /var/lib/gems/*/doc\n",
    "official-ruby": "FROM ruby:3.3\nRUN gem install fpm\n",
    "alpine": "FROM alpine:3.20\nRUN gem install fpm\n",
    "node-alpine": "FROM node:22-alpine\nRUN gem install fpm\n",
    "unknown-base": "FROM example/debian:12\nRUN gem install fpm\n",
    "own-ruby": D + "RUN rbenv install 3.3.0\nRUN gem install fpm\n",
    "system": D + "RUN gem update --system\n",
    "other-verb": D + "RUN gem sources -a https://x && gem list\n",
    "echo": D + "RUN echo gem install fpm\n",
    "stage-not-shipped": "FROM debian:12 AS b\nRUN gem install fpm\nFROM debian:12\nCOPY --from=b /x /x\n",
    "pragma": D + "# dockslim ignore=DS240\nRUN gem install fpm\n",
}
FIXED = {
    "install": ("gem install fpm", f"gem install {FLAG} fpm"),
    "two": ("gem install a && gem install b", f"gem install {FLAG} a && gem install {FLAG} b"),
    "sudo": ("sudo gem install fpm", f"sudo gem install {FLAG} fpm"),
    "exec": ('["gem", "install", "fpm"]', f'["gem", "install", "{FLAG}", "fpm"]'),
    "or-true": ("gem install fpm || true", f"gem install {FLAG} fpm || true"),
    "set-e": ("set -eux; \\\n\tgem install fpm; \\\n\tls", f"set -eux; \\\n\tgem install {FLAG} fpm; \\\n\tls"),
    "lines": ("gem install \\\n  # x\n  fpm", f"gem install {FLAG} \\\n  # x\n  fpm"),
    "heredoc": ("<<EOF\ngem install fpm\nEOF", f"<<EOF\ngem install {FLAG} fpm\nEOF"),
    "mount": ("--mount=type=cache,target=/c gem install fpm", f"--mount=type=cache,target=/c gem install {FLAG} fpm"),
    "docs-of-others": ("gem install a && rm -rf /usr/share/doc", f"gem install {FLAG} a && rm -rf /usr/share/doc"),
}
BASES = {
    "php-7": ("php:7", True), "xenial": ("ubuntu:16.04", True), "jessie": ("debian:jessie", True),
    "library": ("docker.io/library/node:22", True),
    "trusty": ("ubuntu:14.04", False), "wheezy": ("node:6-wheezy", False),
    "debian-7": ("debian:7.11", False),
}  # fmt: skip


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("before", "after"), FIXED)
def test_fixed(before: str, after: str) -> None:
    for end in ("\n", "\r\n"):
        old, new = (f"{D}RUN {each}\nONBUILD RUN {each}\n".replace("\n", end) for each in (before, after))
        if "<<" in before:
            old, new = (f"{D}RUN {each}\n" for each in (before, after))
        assert_fixed(CODE, old, new)
        assert {each.fix.applicability for each in findings(CODE, old) if each.fix} == {Applicability.UNSAFE}


@table(("base", "fixed"), BASES)
def test_knows_which_gem_knows_the_flag(base: str, fixed: bool) -> None:
    assert [each.fix is not None for each in findings(CODE, f"FROM {base}\nRUN gem install fpm\n")] == [fixed]
