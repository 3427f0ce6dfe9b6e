"""Which files of a repository are Dockerfiles, by their names."""

from __future__ import annotations

import re

from rules.patterns import regex

_NAME = regex(r"(?:dockerfile|containerfile)(?:\.(?P<suffix>.+))?|.+\.(?:dockerfile|containerfile)", re.IGNORECASE)
# `Dockerfile.j2` is a Dockerfile only after somebody has filled it in; `Dockerfile.dockerignore` never is one.
_OTHERS = (
    *("dockerignore", "containerignore", "md", "rst", "txt", "adoc", "html", "json", "yml", "yaml", "toml", "lock"),
    *("sh", "py", "bak", "orig", "rej", "swp", "old", "save", "diff", "patch", "j2", "jinja", "jinja2", "erb", "ejs"),
    *("tmpl", "tpl", "template", "in", "mustache", "hbs", "gotmpl", "m4", "liquid", "njk"),
)


def is_dockerfile(path: str) -> bool:
    """Tell whether `path` is named as Dockerfiles are: Dockerfile, Dockerfile.dev, api.Dockerfile, Containerfile."""
    found = _NAME.fullmatch(path.rpartition("/")[2])
    if found is None:
        return False
    suffix = found["suffix"]
    return suffix is None or not (suffix.endswith("~") or suffix.rpartition(".")[2].lower() in _OTHERS)
