"""The article's seventh technique: multi-stage builds, which pay the more the more tools the build needs."""

from __future__ import annotations

from rules.dockerfile import parse
from tests.rules.cases import assert_silent, findings

GO = 'FROM golang:1.22\nWORKDIR /src\nCOPY . .\nRUN go build -ldflags="-s -w" -o /usr/local/bin/app .\nCMD ["app"]\n'


def test_a_compiler_image_is_rewritten_in_two_stages() -> None:
    (found,) = findings("DS305", GO)
    assert found.snippet is not None
    assert len(parse(found.snippet.text).stages) == 2


def test_four_megabytes_of_django_are_not_worth_a_stage() -> None:
    django = 'FROM python:3.12-slim\nRUN pip install --no-cache-dir django\nCMD ["django-admin"]\n'
    for code in ("DS305", "DS401", "DS404"):
        assert_silent(code, django)
