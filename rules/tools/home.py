"""The home directory of the user that RUN lines run as."""

from __future__ import annotations

from rules.dockerfile import Scope


def home(scope: Scope) -> str:
    """Return the home directory of the user that RUN lines run as, `~` when it cannot be told."""
    known = scope.variable("HOME")
    if known:
        return known
    user = (scope.user or "root").partition(":")[0]
    if user in ("root", "0"):
        return "/root"
    return f"/home/{user}" if user and not user.isdigit() and "$" not in user else "~"


def first_set(scope: Scope, *names: str, default: str) -> str:
    """Return the value of the first of these variables that ENV or ARG sets, `~` where that value is unknown."""
    for name in names:
        if scope.sets(name):
            return scope.variable(name) or "~"
    return default
