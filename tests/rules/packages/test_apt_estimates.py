from __future__ import annotations

from rules.check import check
from rules.config import Config
from rules.dockerfile import parse
from rules.finding import Finding, Provenance, Severity
from rules.surroundings import NOTHING_KNOWN, Surroundings
from tests.rules.cases import table
from tests.rules.debian.archive import known

KNOWN = known()
CLEAN = " && rm -rf /var/lib/apt/lists/*\n"
INSTALL = "RUN apt-get update && apt-get install -y "


def _findings(
    text: str, surroundings: Surroundings = KNOWN, code: str = "DS201", floor: int = 1_000_000
) -> list[Finding]:
    return list(check(parse(text), Config(select=frozenset({code}), floor=floor), surroundings).findings)


def test_a_finding_says_what_comes_along() -> None:
    (found,) = _findings(f"FROM debian:12\n{INSTALL}cron{CLEAN}")
    assert found.message == "19.9 MB of recommended packages come along"
    assert found.reason == "`cron` recommends `exim4` and 1 more."
    assert found.saving.bytes == (1000 + 18400) * 1024
    assert (found.saving.provenance, found.saving.source) == (Provenance.ESTIMATED, "the package index of Debian 12")
    assert found.severity is Severity.WARNING


def test_what_a_dependency_recommends_is_told_apart() -> None:
    (found,) = _findings(f"FROM debian:12\n{INSTALL}libfetch4{CLEAN}")
    assert found.reason == "`libfetch4` recommends `bigdata`."
    (found,) = _findings(f"FROM debian:12\n{INSTALL}default-post{CLEAN}")
    assert found.reason == "What `default-post` needs recommends `readme`."


def test_what_the_fix_adds_is_not_saved() -> None:
    (found,) = _findings(f"FROM debian:12\n{INSTALL}curl{CLEAN}")
    assert found.saving.bytes == 0
    assert found.severity is Severity.INFO
    assert found.is_small
    assert found.reason.startswith("`curl` recommends nothing that is not here anyway.")


def test_what_another_install_needs_is_not_saved() -> None:
    text = f"FROM debian:12\n{INSTALL}cron{CLEAN}{INSTALL}--no-install-recommends exim4{CLEAN}"
    assert [each.saving.bytes for each in _findings(text)] == [0]


def test_what_two_installs_recommend_is_counted_once() -> None:
    text = f"FROM debian:12\n{INSTALL}clockd{CLEAN}{INSTALL}clockd readme{CLEAN}"
    assert [each.saving.bytes for each in _findings(text)] == [(10 + 3000 + 5000) * 1024, 0]


@table(
    "text",
    {
        "image-unknown": f"FROM example/app:12\n{INSTALL}cron{CLEAN}",
        "release-unknown": f"FROM debian\n{INSTALL}cron{CLEAN}",
        "other-release": f"FROM ubuntu:22.04\n{INSTALL}cron{CLEAN}",
        "variable": f"FROM debian:12\nARG MORE\n{INSTALL}cron $MORE{CLEAN}",
        "pattern": f"FROM debian:12\n{INSTALL}cron 'lib.*'{CLEAN}",
        "below-unknown": f"FROM debian:12\n{INSTALL}$BASICS{CLEAN}{INSTALL}cron{CLEAN}",
        "another-source": f"FROM debian:12\nRUN echo x > /etc/apt/sources.list.d/x.list\n{INSTALL}cron{CLEAN}",
        "setup-script": f"FROM debian:12\nRUN curl -s https://x.example/setup_20.x | bash -\n{INSTALL}cron{CLEAN}",
        "copied-package": f"FROM debian:12\nCOPY x.deb /tmp/\n{INSTALL}cron{CLEAN}",
        "removed-again": f"FROM debian:12\n{INSTALL}cron && apt-get purge -y cron{CLEAN}",
        "other-release-of-one": f"FROM debian:12\n{INSTALL}-t bookworm-backports cron{CLEAN}",
        "foreign": f"FROM debian:12\n{INSTALL}cron:i386{CLEAN}",
        "conditional": f"FROM debian:12\nRUN if true; then apt-get install -y cron; fi{CLEAN}",
        "deferred": f"FROM debian:12\nONBUILD {INSTALL}cron{CLEAN}",
    },
)
def test_no_figure_where_it_cannot_be_told(text: str) -> None:
    found = _findings(text)
    assert found
    assert {(each.saving.bytes, each.message) for each in found[-1:]} == {
        (None, "apt installs what is merely recommended, too")
    }
    assert {each.severity for each in found} == {Severity.WARNING}


def test_without_an_index_the_least_of_three_releases_is_known() -> None:
    (found,) = _findings(f"FROM debian:12\n{INSTALL}cron{CLEAN}", NOTHING_KNOWN)
    assert found.saving.bytes == 7_155_712
    assert found.saving.source == "the package indexes of Debian 11, 12 and 13, the least of them"


def test_the_floor_is_a_choice() -> None:
    text = f"FROM debian:12\n{INSTALL}cron{CLEAN}"
    assert [each.severity for each in _findings(text, floor=20_000_000)] == [Severity.INFO]
    assert [each.severity for each in _findings(text, floor=0)] == [Severity.WARNING]


def test_lists_are_counted_where_they_first_stay() -> None:
    text = f"FROM debian:12\n{INSTALL}--no-install-recommends cron\n{INSTALL}--no-install-recommends curl\n"
    first, second = _findings(text, code="DS202", floor=0)
    assert first.saving.bytes == KNOWN.packages["bookworm"].lists_size
    assert first.message.endswith("of package lists stay in the layer")
    assert second.saving.bytes is None


def test_what_a_full_image_has_is_not_counted() -> None:
    (found,) = _findings(f"FROM python:3.12-bookworm\n{INSTALL}fetch{CLEAN}")
    # buildpack-deps brings ca-certificates, and with it openssl.
    assert found.saving.bytes == 4000 * 1024


def test_many_installs_are_not_followed() -> None:
    text = "FROM debian:12\n" + f"{INSTALL}cron{CLEAN}" * 60
    assert {each.saving.source for each in _findings(text)} == {
        "the package indexes of Debian 11, 12 and 13, the least of them"
    }
