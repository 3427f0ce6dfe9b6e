"""bundler-development-gems."""

from __future__ import annotations

from rules.surroundings import Context, Surroundings
from tests.rules.cases import assert_silent, findings, table

CODE = "DS242"
R = "FROM ruby:3.3\nCOPY Gemfile* ./\n"
GROUPS = "gem 'rack'\ngroup :development do\n  gem 'x'\nend\n"


def _around(gemfile: str, path: str = "Dockerfile") -> Surroundings:
    return Surroundings(path, context=Context({"Gemfile": 1}, texts={"Gemfile": gemfile}))


SILENT = {
    "without": R + "RUN bundle install --without development test\n",
    "env": R + "ENV BUNDLE_WITHOUT=development:test\nRUN bundle install\n",
    "inline": R + "RUN BUNDLE_WITHOUT=development bundle install\n",
    "configured": R + "RUN bundle config set --local without development && bundle install\n",
    "configured-before": R + "RUN bundle config set without 'development test'\nRUN bundle install\n",
    "configured-by-a-file": R + "COPY .bundle .bundle\nRUN bundle install\n",
    "tested": R + "RUN bundle install\nRUN bundle exec rspec\n",
    "not-copied": "FROM ruby:3.3\nRUN bundle install\n",
    "stage-named-test": "FROM ruby:3.3 AS test\nCOPY Gemfile* ./\nRUN bundle install\n",
    "pragma": R + "# dockslim ignore=DS242\nRUN bundle install\n",
}
GEMFILES = {
    "block": (GROUPS, "Gemfile has a group development."),
    "inline": ("gem 'x', group: :test\n", "Gemfile has a group test."),
    "both": (GROUPS + "group :test do\nend\n", "Gemfile has a group development and a group test."),
    "brackets": ("group(:development, :test) do\nend\n", "Gemfile has a group development."),
    "neither": ("group :assets do\nend\n", None),
    "hostile": ("group :" * 20000, None),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text, _around(GROUPS))


@table(("gemfile", "reason"), GEMFILES)
def test_reads_the_gemfile(gemfile: str, reason: str | None) -> None:
    found = findings(CODE, R + "RUN bundle install\n", _around(gemfile))
    assert [each.reason.replace("`", "") for each in found] == ([] if reason is None else [reason])
    assert all(each.fix is None and each.snippet is not None for each in found)


def test_silent_without_a_repository_and_in_files_for_development() -> None:
    assert_silent(CODE, R + "RUN bundle install\n")
    assert_silent(CODE, R + "RUN bundle install\n", _around(GROUPS, "dev.Dockerfile"))
