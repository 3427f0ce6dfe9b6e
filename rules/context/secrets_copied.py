"""secrets-copied."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from rules.context.copies import Copy, copies, says_copy
from rules.context.leftovers import say_root
from rules.context.sent import copied_files
from rules.dockerfile import Dockerfile
from rules.finding import Finding, Snippet
from rules.patterns import regex
from rules.rule import Bad, Good, Rule, Surroundings
from rules.surroundings import Context

_MOST = 10
# Files that are a secret by what they are called.
_BY_NAME = regex(r"(?:.*/)?(?:id_(?:rsa|dsa|ecdsa|ed25519)|\.git-credentials|\.aws/credentials|privkey\.pem)")
# Files that are one only where their text says so.
_ENV = regex(r"(?:.*/)?\.env(?:\.(?:local|prod|production|staging|live))?")
_SETTING = regex(
    r"^[ \t]*(?:export[ \t]+)?[A-Z0-9_]*(?:SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY)[A-Z0-9_]*"
    r"[ \t]*=[ \t]*[\"']?([^\s\"'#]{8,})",
    re.MULTILINE,
)
_PLACEHOLDER = regex(
    r"change|example|your|xxx|<|\$|\{|\}|dummy|placeholder|insert|replace|todo|test|secret|password|passwd|token|localhost"
    r"|default|sample|fake|null|undefined|123|abc|dev|local|insecure|random|here|\*\*\*|(.)\1{5}",
    re.IGNORECASE,
)
_PUBLIC_SETTING = regex(
    r"^[ \t]*(?:export[ \t]+)?(?:NEXT_PUBLIC|VITE|REACT_APP|VUE_APP|NUXT_PUBLIC|PUBLIC|GATSBY|EXPO_PUBLIC)_"
)
_LOGINS = {
    ".npmrc": regex(r"^[^#;\n]*:_(?:authToken|password|auth)[ \t]*=[ \t]*(?!\$)[^\s$]{8,}", re.MULTILINE),
    ".netrc": regex(r"^[^#\n]*\bpassword[ \t]+[^\s$<{]{6,}", re.MULTILINE),
    ".pypirc": regex(r"^[ \t]*password[ \t]*[=:][ \t]*[^\s$<{]{6,}", re.MULTILINE),
}
_MADE_UP = regex(
    r"(?:^|/)(?:tests?|testdata|testing|__tests__|spec|specs|e2e|fixtures?|examples?|samples?|mocks?|demos?|docs?|vendor"
    r"|node_modules|dev|development|vagrant|ftp|ctf|challenges?)(?:/|$)",
    re.IGNORECASE,
)


class SecretsCopied(Rule):
    """A file that looks like a secret is copied into the image.

    ## What it does
    Finds COPY and ADD of a shipped stage that take a tracked file with a private key or a login in it: `id_rsa` and its
    like, `.git-credentials`, `.aws/credentials`; `.env`, `.npmrc`, `.netrc` and `.pypirc` where their text holds a
    value that is no placeholder. The value itself is never repeated.

    ## Why it costs
    Not bytes: whoever can pull an image can read every file of every layer, a file deleted by a later layer included.
    Measured with buildah: a file of 20 MB that a later RUN deletes leaves the image 20 MB and 129 bytes larger.

    ## Fix safety
    Nothing is applied. A line for the ignore file is shown; what a RUN needs of it comes by `RUN --mount=type=secret`,
    what the program needs by its environment. A secret that was pushed counts as known and is to be replaced.

    ## When it is silent
    Nobody looked into the repository, or its context cannot be told; the file is ignored, a sample, public, or lies
    among tests, examples or documentation; its text is not known or only holds placeholders and public settings.
    """

    code = "DS503"
    reads = ("COPY", "ADD")
    good = (
        "FROM node:22-slim\nCOPY . /app\n",
        Good(
            "FROM node:22-slim\nCOPY . /app\n",
            Surroundings(context=Context({"id_rsa.pub": 400, ".env.example": 30, "a.js": 9})),
        ),
    )
    bad = (
        Bad(
            "FROM node:22-slim\nCOPY . /app\n",
            None,
            Surroundings(context=Context({"deploy/id_rsa": 1700, "a.js": 9}, ignore=".git\n")),
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each COPY that takes secrets which none before it took."""
        context = surroundings.context
        if context is None or not says_copy(dockerfile):
            return
        secrets = [path for path in context.files if _is_secret(path, context)][:_MOST]
        if not secrets:
            return
        seen: set[str] = set()
        for copy in copies(dockerfile.shipped(surroundings.targets)):
            taken = [path for path in _taken(copy, context, secrets) if path not in seen]
            if taken:
                seen.update(taken)
                yield self._report(copy, context, taken)

    def _report(self, copy: Copy, context: Context, taken: list[str]) -> Finding:
        named = f"`{taken[0]}`" + (f" and {len(taken) - 1} more like it" if len(taken) > 1 else "")
        return self.finding(
            copy.instruction,
            (copy.broad or copy.sources[0]).span,
            f"{named} {'are' if len(taken) > 1 else 'is'} copied into the image",
            "It looks like a private key or a login, which whoever can pull the image can read, even if a later line"
            f" deletes it{say_root(context)}.",
            snippet=Snippet(f"Lines for `{context.ignore_path}`", "\n".join(taken) + "\n", "text"),
        )


def _taken(copy: Copy, context: Context, secrets: list[str]) -> list[str]:
    found = copied_files(context, copy)
    return [path for path in secrets if path in found]


def _is_secret(path: str, context: Context) -> bool:
    name = posixpath.basename(path)
    # Most paths are none of it: the dear questions come last.
    if not name.startswith((".env", ".npmrc", ".netrc", ".pypirc", "id_", ".git-", "credentials", "privkey")):
        return False
    if _MADE_UP.search(posixpath.dirname(path)):
        return False
    if _BY_NAME.fullmatch(path):
        return context.files[path] > 0
    text = context.texts.get(path)
    if text is None:
        return False
    if name in _LOGINS:
        return any(not _PLACEHOLDER.search(each[0].rpartition("=")[2]) for each in _LOGINS[name].finditer(text))
    return bool(_ENV.fullmatch(path)) and any(
        not _PLACEHOLDER.search(each[1]) and not _PUBLIC_SETTING.match(each[0]) for each in _SETTING.finditer(text)
    )
