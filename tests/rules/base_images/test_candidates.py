"""Which images the worker is asked to look up."""

from __future__ import annotations

from rules.base_images.candidates import wanted_images
from rules.dockerfile import parse
from rules.surroundings import Surroundings
from tests.rules.cases import table

CASES = {
    "slim": ("FROM python:3.12\n", {"python:3.12", "python:3.12-slim"}),
    "as-written": (
        "ARG V=3.12\nFROM docker.io/library/python:$V\n",
        {"docker.io/library/python:3.12", "docker.io/library/python:3.12-slim"},
    ),
    "two-siblings": ("FROM openjdk:8\n", {"openjdk:8", "openjdk:8-slim", "openjdk:8-jre"}),
    "nothing-known": ("FROM ubuntu:22.04\n", set()),
    "not-shipped": ("FROM python:3.12 AS b\nFROM scratch\n", set()),
}


@table(("text", "expected"), CASES)
def test_wanted_images(text: str, expected: set[str]) -> None:
    assert wanted_images(parse(text)) == expected


def test_declared_targets_count() -> None:
    text = "FROM python:3.12 AS b\nFROM scratch\n"
    assert wanted_images(parse(text), Surroundings(targets=frozenset({"b"}))) == {"python:3.12", "python:3.12-slim"}
