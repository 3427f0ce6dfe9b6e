"""bundler-cache-left-behind."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import rule_test

CODE = "DS241"
R = "FROM ruby:3.3\n"
RM = "rm -rf /usr/local/bundle/cache/*.gem"
SILENT = {
    "rm": R + f"RUN bundle install && {RM}\n",
    "rm-directory": R + "RUN bundle install && rm -rf /usr/local/bundle/cache\n",
    "rm-variable": R + 'RUN bundle install && rm -rf "$GEM_HOME"/cache\n',
    "rm-find": R + "RUN bundle install && find /usr/local/bundle/cache -name '*.gem' -delete\n",
    "mount": R + "RUN --mount=type=cache,target=/usr/local/bundle/cache bundle install\n",
    "path": R + "RUN bundle install --path vendor/bundle\n",
    "deployment": R + "RUN bundle install --deployment\n",
    "path-env": R + "ENV BUNDLE_PATH=/gems\nRUN bundle install\n",
    "path-inline": R + "RUN BUNDLE_PATH=/gems bundle install\n",
    "path-configured": R + "RUN bundle config set --local path vendor\nRUN bundle install\n",
    "other-base": "FROM debian:12\nRUN bundle install\n",
    "namesake": "FROM iron/ruby\nRUN bundle install\n",
    "exec": R + "RUN bundle exec rake\n",
    "stage-not-shipped": "FROM ruby:3.3 AS b\nRUN bundle install\nFROM ruby:3.3\nCOPY --from=b /usr/local/bundle /x\n",
    "onbuild": R + "ONBUILD RUN bundle install\n",
    "pragma": R + "# dockslim ignore=DS241\nRUN bundle install\n",
}
FIXED = {
    "install": (R + "RUN bundle install\n", R + f"RUN bundle install && {RM}\n"),
    "bare": (R + "RUN bundle\n", R + f"RUN bundle && {RM}\n"),
    "without": (R + "RUN bundle install --without test\n", R + f"RUN bundle install --without test && {RM}\n"),
    "gem-home": (
        "FROM debian:12\nENV GEM_HOME=/gems\nRUN bundle install\n",
        "FROM debian:12\nENV GEM_HOME=/gems\nRUN bundle install && rm -rf /gems/cache/*.gem\n",
    ),
    "purged-tools": (
        R + "RUN bundle install && apt-get purge -y gcc\n",
        R + f"RUN bundle install && apt-get purge -y gcc && {RM}\n",
    ),
    "set-e": (
        R + "RUN set -e; \\\n\tbundle install; \\\n\tls\n",
        R + f"RUN set -e; \\\n\tbundle install; \\\n\tls; \\\n\t{RM}\n",
    ),
    "crlf": ("FROM ruby:3\r\nRUN bundle install\r\n", f"FROM ruby:3\r\nRUN bundle install && {RM}\r\n"),
    "lines": (
        R + "RUN gem update \\\n    # gems\n    && bundle install\n",
        R + f"RUN gem update \\\n    # gems\n    && bundle install \\\n    && {RM}\n",
    ),
    "exec": (R + 'RUN ["bundle", "install"]\n', None),
    "or-true": (R + "RUN bundle install || true\n", None),
}

test_cases = rule_test(CODE, SILENT, FIXED, Applicability.SAFE)
