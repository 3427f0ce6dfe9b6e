"""The article's fifth technique: no build tools in the shipped image."""

from __future__ import annotations

from tests.rules.cases import assert_silent, findings

BUILD = (
    "FROM debian:12-slim\n"
    "RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev make"
    " && rm -rf /var/lib/apt/lists/*\n"
    'COPY . /src\nRUN make -C /src install\nCMD ["hello"]\n'
)


def test_a_compiler_that_only_built_is_found_with_its_last_use() -> None:
    (found,) = findings("DS401", BUILD)
    assert "`gcc`" in found.reason
    assert "line 4 (`make`)" in found.reason


def test_a_compiler_outside_the_shipped_image_is_fine() -> None:
    staged = BUILD.replace("slim\n", "slim AS build\n", 1).replace('CMD ["hello"]\n', "")
    assert_silent(
        "DS401", staged + 'FROM debian:12-slim\nCOPY --from=build /usr/local/bin/hello /usr/local/bin/\nCMD ["hello"]\n'
    )
