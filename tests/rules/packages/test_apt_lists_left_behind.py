"""apt-lists-left-behind."""

from __future__ import annotations

from rules.fix import Applicability, apply
from rules.surroundings import Surroundings
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS202"
D = "FROM debian:12\n"
UP = "apt-get update && apt-get install -y cron"
RM = "rm -rf /var/lib/apt/lists/*"
_CLEANUPS = {
    "rm-rf": RM,
    "rm-fr": "rm -fr /var/lib/apt/lists/*",
    "rm-r-f": "rm -r -f /var/lib/apt/lists/*",
    "rm-directory": "rm -rf /var/lib/apt/lists",
    "rm-directory-slash": "rm -rf /var/lib/apt/lists/",
    "rm-underscore": "rm -f /var/lib/apt/lists/*_*",
    "rm-several": "rm -rf /tmp/* /var/lib/apt/lists/* /var/tmp/*",
    "rm-braces": "rm -rf /var/lib/{apt,dpkg,cache,log}/",
    "rm-braces-deep": "rm -rf /var/lib/apt/{lists,periodic}/*",
    "rm-above": "rm -rf /var/lib/apt",
    "rm-above-glob": "rm -rf /var/lib/apt/*",
    "rm-long-flags": "rm --recursive --force /var/lib/apt/lists/*",
    "rm-path": "/bin/rm -rf /var/lib/apt/lists/*",
    "rm-verbose": "rm -rfv /var/lib/apt/lists/*",
    "sudo-rm": "sudo rm -rf /var/lib/apt/lists/*",
    "find-delete": "find /var/lib/apt/lists -type f -delete",
    "find-exec": "find /var/lib/apt/lists -mindepth 1 -exec rm -rf {} +",
    "dist-clean": "apt-get dist-clean",
    "distclean": "apt-get -y distclean",
    "clean-then-rm": f"apt-get clean && {RM}",
    "variable": "rm -rf $LISTS",
}
SILENT = {
    "used-by-rosdep": D + f"RUN {UP}\nRUN for i in 1 2; do rosdep install -r -y -i --from-paths src; done\n",
    "variable-directory": D + f"RUN {UP} && rm -rf $LISTS\n",
    "variable-below-var": D + f"RUN {UP} && rm -rf /var/lib/$X/*\n",
    "variable-glob": D + f"RUN {UP} && rm $LISTS/*\n",
    **{f"cleanup-{name}": D + f"RUN {UP} && {text}\n" for name, text in _CLEANUPS.items()},
    "semicolons": D + f"RUN set -eux; apt-get update; apt-get install -y cron; {RM}\n",
    "env-prefix": D + f"RUN DEBIAN_FRONTEND=x apt-get update && A=1 apt-get install -y cron && {RM}\n",
    "over-lines": D + "RUN apt-get update \\\n && apt-get install -y cron \\\n && rm -rf \\\n  /var/lib/apt/lists/*\n",
    "in-an-if": D + f"RUN if true; then {UP}; {RM}; fi\n",
    "heredoc": D + f"RUN <<EOF\nset -e\napt-get update\napt-get install -y cron\n{RM}\nEOF\n",
    "mount-lists": D + f"RUN --mount=type=cache,target=/var/lib/apt/lists {UP}\n",
    "mount-ancestor": D + f"RUN --mount=type=cache,target=/var/lib/apt,sharing=locked {UP}\n",
    "mount-far-ancestor": D + f"RUN --mount=type=cache,target=/var {UP}\n",
    "mount-tmpfs": D + f"RUN --mount=type=tmpfs,target=/var/lib/apt/lists {UP}\n",
    "mount-second": D + f"RUN --mount=type=cache,target=/var/cache/apt --mount=type=cache,target=/var/lib/apt {UP}\n",
    "quoted-is-for-another-rule": D + f"RUN {UP} && rm -rf '/var/lib/apt/lists/*'\n",
    "half-quoted": D + f"RUN {UP} && rm -rf '/var/lib/apt/lists/'*\n",
    "misspelt-is-for-another-rule": D + f"RUN {UP} && rm -rf /var/lib/apt/list/*\n",
    "no-update": D + "RUN apt-get install -y cron\n",
    "stage-not-shipped": f"{D[:-1]} AS b\nRUN {UP}\n{D}COPY --from=b /x /x\n",
    "used-by-a-later-run": D + f"RUN {UP}\nRUN apt-get install -y nano\n",
    "touched-by-a-later-run": D + f"RUN {UP}\nRUN chmod 0700 /var/lib/apt/lists/partial\n",
    "used-by-a-child-stage": f"{D[:-1]} AS b\nRUN {UP}\nFROM b\nRUN apt-get install -y nano\n",
    "copied-from": f"{D[:-1]} AS b\nRUN {UP}\nFROM b\nCOPY --from=b /var/lib/apt/lists /x\n",
    "powershell": D + f'SHELL ["pwsh", "-c"]\nRUN {UP}\n',
    "python-heredoc": D + "RUN python3 <<EOF\napt-get update\nEOF\n",
    "playwright-cleaned": f"FROM node:22\nRUN npx playwright install --with-deps chromium && {RM}\n",
    "playwright-without-dependencies": "FROM node:22\nRUN npx playwright install chromium\n",
    "playwright-shown": "FROM node:22\nRUN npx playwright install-deps --dry-run\n",
    "playwright-on-alpine": "FROM node:22-alpine\nRUN npx playwright install --with-deps\n",
    "update-locale": D + "RUN update-locale && update-ca-certificates\n",
    "pragma": D + f"# hadolint ignore=DL3009\nRUN {UP}\n",
    "onbuild": D + f"ONBUILD RUN {UP}\n",
}
FIXED = {
    "playwright": (
        "FROM node:22\nRUN npx playwright install --with-deps chromium\n",
        f"FROM node:22\nRUN npx playwright install --with-deps chromium && {RM}\n",
    ),
    "playwright-dependencies": (
        "FROM python:3.12\nRUN python -m playwright install-deps\n",
        f"FROM python:3.12\nRUN python -m playwright install-deps && {RM}\n",
    ),
    "playwright-as-a-user": ("FROM node:22\nUSER node\nRUN npx playwright install --with-deps chromium\n", None),
    "variable-elsewhere": (D + f"RUN {UP} && rm /x-$V.zip\n", D + f"RUN {UP} && rm /x-$V.zip && {RM}\n"),
    "variable-of-one-file": (D + f'RUN {UP} && rm "$FILE"\n', D + f'RUN {UP} && rm "$FILE" && {RM}\n'),
    "folder-with-a-version": (D + f"RUN {UP} && rm -rf x-$V\n", D + f"RUN {UP} && rm -rf x-$V && {RM}\n"),
    "archive-of-a-variable": (D + f"RUN {UP} && rm -rf $X.tgz\n", D + f"RUN {UP} && rm -rf $X.tgz && {RM}\n"),
    "cleanup-in-the-next-layer": (D + f"RUN {UP}\nRUN {RM}\n", D + f"RUN {UP} && {RM}\n"),
    "cleanup-of-more-in-the-next-layer": (
        D + f"RUN apt-get update \\\n && x\nRUN apt-get clean && {RM} /tmp/*\nCMD a\n",
        D + f"RUN apt-get update \\\n && x \\\n && apt-get clean && {RM} /tmp/*\nCMD a\n",
    ),
    "cleanup-in-the-next-layer-that-cannot-be-joined": (
        D + f"RUN cd /x && {UP}\nRUN {RM}\n",
        D + f"RUN cd /x && {UP} && {RM}\nRUN {RM}\n",
    ),
    "cleanup-further-on": (
        D + f"RUN {UP}\nCOPY a /\nRUN {RM}\n",
        D + f"RUN {UP} && {RM}\nCOPY a /\nRUN {RM}\n",
    ),
    "plain": (D + f"RUN {UP}\n", D + f"RUN {UP} && {RM}\n"),
    "apt": (D + "RUN apt update && apt install -y cron\n", D + f"RUN apt update && apt install -y cron && {RM}\n"),
    "no-final-newline": (D + f"RUN {UP}", D + f"RUN {UP} && {RM}"),
    "trailing-semicolon": (D + f"RUN {UP};\n", D + f"RUN {UP} && {RM};\n"),
    "leading-operators": (
        D + "RUN apt-get update \\\n && apt-get install -y cron\n",
        D + f"RUN apt-get update \\\n && apt-get install -y cron \\\n && {RM}\n",
    ),
    "trailing-operators": (
        D + "RUN apt-get update && \\\n    apt-get install -y cron\n",
        D + f"RUN apt-get update && \\\n    apt-get install -y cron && \\\n    {RM}\n",
    ),
    "packages-on-lines": (
        D + "RUN apt-get update \\\n  && apt-get install -y \\\n    cron \\\n    nano\n",
        D + f"RUN apt-get update \\\n  && apt-get install -y \\\n    cron \\\n    nano \\\n  && {RM}\n",
    ),
    "tabs": (
        D + "RUN apt-get update \\\n\t&& apt-get install -y cron\n",
        D + f"RUN apt-get update \\\n\t&& apt-get install -y cron \\\n\t&& {RM}\n",
    ),
    "crlf": (
        "FROM debian:12\r\nRUN apt-get update \\\r\n && apt-get install -y cron\r\n",
        f"FROM debian:12\r\nRUN apt-get update \\\r\n && apt-get install -y cron \\\r\n && {RM}\r\n",
    ),
    "crlf-one-line": (f"FROM debian:12\r\nRUN {UP}\r\n", f"FROM debian:12\r\nRUN {UP} && {RM}\r\n"),
    "aligned-escapes": (
        D + "RUN apt-get update         \\\n && apt-get install -y     \\\n      cron                 \\\n      nano\n",
        D + "RUN apt-get update         \\\n && apt-get install -y     \\\n      cron                 \\\n"
        f"      nano                 \\\n && {RM}\n",
    ),
    "packages-further-in": (
        D + "RUN apt-get update && \\\n  apt-get install -y \\\n      cron \\\n      nano\n",
        D + f"RUN apt-get update && \\\n  apt-get install -y \\\n      cron \\\n      nano && \\\n  {RM}\n",
    ),
    "packages-further-in-under-set-e": (
        D + "RUN set -e; \\\n  apt-get update; \\\n  apt-get install -y \\\n      cron\n",
        D + f"RUN set -e; \\\n  apt-get update; \\\n  apt-get install -y \\\n      cron; \\\n  {RM}\n",
    ),
    "comment-in-between": (
        D + "RUN apt-get update \\\n # now\n && apt-get install -y cron\n",
        D + f"RUN apt-get update \\\n # now\n && apt-get install -y cron \\\n && {RM}\n",
    ),
    "backtick": (
        "# escape=`\nFROM debian:12\nRUN apt-get update `\n && apt-get install -y cron\n",
        f"# escape=`\nFROM debian:12\nRUN apt-get update `\n && apt-get install -y cron `\n && {RM}\n",
    ),
    "set-e-semicolons": (
        D + "RUN set -eux; apt-get update; apt-get install -y cron\n",
        D + f"RUN set -eux; apt-get update; apt-get install -y cron; {RM}\n",
    ),
    "set-e-over-lines": (
        D + "RUN set -eux; \\\n\tapt-get update; \\\n\tapt-get install -y cron\n",
        D + f"RUN set -eux; \\\n\tapt-get update; \\\n\tapt-get install -y cron; \\\n\t{RM}\n",
    ),
    "after-the-last-install": (
        D + "RUN apt-get update && apt-get install -y cron && apt-get install -y nano\n",
        D + f"RUN apt-get update && apt-get install -y cron && apt-get install -y nano && {RM}\n",
    ),
    "sudo": (
        D + "RUN sudo apt-get update && sudo apt-get install -y cron\n",
        D + f"RUN sudo apt-get update && sudo apt-get install -y cron && sudo {RM}\n",
    ),
    "cleaned-before-only": (D + f"RUN {RM} && {UP}\n", D + f"RUN {RM} && {UP} && {RM}\n"),
    "cleaned-then-updated-again": (
        D + f"RUN apt-get update && {RM} && apt-get update\n",
        D + f"RUN apt-get update && {RM} && apt-get update && {RM}\n",
    ),
    "other-rm": (D + f"RUN {UP} && rm -rf /tmp/x\n", D + f"RUN {UP} && rm -rf /tmp/x && {RM}\n"),
    "apt-get-clean-is-not-enough": (D + f"RUN {UP} && apt-get clean\n", D + f"RUN {UP} && apt-get clean && {RM}\n"),
    "mount-on-the-archives-only": (
        D + f"RUN --mount=type=cache,target=/var/cache/apt {UP}\n",
        D + f"RUN --mount=type=cache,target=/var/cache/apt {UP} && {RM}\n",
    ),
    "bind-mount": (
        D + f"RUN --mount=type=bind,target=/var/lib/apt {UP}\n",
        D + f"RUN --mount=type=bind,target=/var/lib/apt {UP} && {RM}\n",
    ),
    "later-run-updates-itself": (
        D + f"RUN {UP}\nRUN {UP} && {RM}\n",
        D + f"RUN {UP} && {RM}\nRUN {UP} && {RM}\n",
    ),
    "heredoc": (
        D + "RUN <<EOF\nset -e\napt-get update\napt-get install -y cron\nEOF\n",
        D + f"RUN <<EOF\nset -e\napt-get update\napt-get install -y cron\n{RM}\nEOF\n",
    ),
    "heredoc-tabs": (
        D + "RUN <<-EOF\n\tset -e\n\tapt-get update\n\tapt-get install -y cron\n\tEOF\n",
        D + f"RUN <<-EOF\n\tset -e\n\tapt-get update\n\tapt-get install -y cron\n\t{RM}\n\tEOF\n",
    ),
    "or-true": (D + f"RUN {UP} || true\n", None),
    "pipe": (D + f"RUN {UP} | tee log\n", None),
    "background": (D + f"RUN {UP} &\n", None),
    "exit": (D + f"RUN {UP}; exit 0\n", None),
    "exec": (D + f"RUN {UP} && exec a\n", None),
    "shell-comment": (D + f"RUN {UP} # why\n", None),
    "semicolons-without-set-e": (
        D + "RUN apt-get update; apt-get install -y cron\n",
        D + f"RUN apt-get update; apt-get install -y cron && {RM}\n",
    ),
    "subshell": (D + f"RUN ({UP})\n", D + f"RUN ({UP}) && {RM}\n"),
    "exec-form": (D + 'RUN ["apt-get", "update"]\n', None),
}  # fmt: skip


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str | None) -> None:
    assert_fixed(CODE, text, fixed)


def test_nothing_is_appended_behind_a_heredoc_that_the_shell_reads() -> None:
    assert_silent(CODE, D + f"RUN {UP} && cat <<X > /y\nin\nX\n")


def test_pipe_under_pipefail_is_followed() -> None:
    text = D + f"RUN set -o pipefail && {UP} | tee log\n"
    for each in findings(CODE, text):
        if each.fix is not None:
            assert each.fix.edits[0].replacement == f" && {RM}"


def test_applicability() -> None:
    (safe,) = findings(CODE, D + f"RUN {UP}\n")
    assert safe.fix is not None
    assert safe.fix.applicability is Applicability.SAFE
    (sources,) = findings(CODE, D + f"RUN {UP}\nCOPY . .\nRUN ./configure --prefix=/usr\n")
    assert sources.fix is not None
    assert sources.fix.applicability is Applicability.SAFE
    (packages,) = findings(CODE, D + f"RUN {UP}\nCOPY . .\nRUN ./configure --install-deps\n")
    assert packages.fix is not None
    assert packages.fix.applicability is Applicability.UNSAFE
    (unsafe,) = findings(CODE, D + f"RUN {UP}\nCOPY setup.sh /\nRUN /setup.sh\n")
    assert unsafe.fix is not None
    assert unsafe.fix.applicability is Applicability.UNSAFE
    assert "/setup.sh" in unsafe.fix.caution


def test_what_the_next_layer_deletes_is_one_suggestion_with_delete_in_later_layer() -> None:
    text = D + f"RUN {UP}\nRUN {RM}\n"
    (left,), (deleted,) = findings(CODE, text), findings("DS101", text)
    assert left.fix is not None
    assert deleted.fix is not None
    assert left.fix.edits == deleted.fix.edits
    assert left.fix.applicability is Applicability.SAFE


def test_all_that_leave_lists_are_cleaned_up_together() -> None:
    """Deleted by one alone, they would be fetched into the layer of the next."""
    text = D + f"RUN {UP}\nCOPY a b\nRUN {UP}\nFROM scratch AS other\nCOPY a b\n"
    text = text.replace(D, D.replace("\n", " AS app\n"))
    surroundings = Surroundings(targets=frozenset({"app"}))
    first, second = findings(CODE, text, surroundings)
    assert first.fix is not None
    assert first.fix == second.fix
    assert first.fix.applicability is Applicability.SAFE
    assert apply(text, [first.fix]).count(f"{UP} && {RM}\n") == 2


def test_where_a_layer_keeps_its_lists_the_next_fetches_none() -> None:
    keeps = f"RUN {UP} | tee log\n"
    (kept,) = findings(CODE, D + keeps + f"RUN {UP}\n" + keeps)
    assert kept.fix is None
    (above,) = findings(CODE, D + f"RUN {UP}\n" + keeps)
    assert above.fix is None  # line 3 would fetch them once more
    above, below = findings(CODE, D + keeps + f"RUN {RM}\nRUN {UP}\n")
    assert above.fix is None
    assert below.fix is not None
    assert below.fix.applicability is Applicability.SAFE


def test_what_is_cleaned_up_together_has_to_leave_fewer_lists_than_before() -> None:
    """Lines 3 and 5 keep the lists of a script: cleaned up above, they are fetched in two layers instead of one."""
    keeps = "RUN curl -sL https://deb.nodesource.com/setup_18.x | bash -\n"
    found = findings(CODE, f"{D}RUN {UP}\n{keeps}RUN {UP}\nRUN {UP} | tee log\n")
    assert [each.fix for each in found] == [None]


def test_a_clean_up_by_a_variable_is_one_where_its_value_says_so() -> None:
    clean = f'ENV CLEAN="eval apt-get clean && {RM}"\n'
    assert_silent(CODE, D + clean + f"RUN {UP} && $CLEAN\n")
    assert_silent(CODE, D + f"ARG CLEAN\nRUN {UP} && ${{CLEAN}}\n")
    assert len(findings(CODE, D + f'ENV NOTE="echo done"\nRUN {UP} && $NOTE\n')) == 1
    assert len(findings(CODE, D + f'RUN GET="apt-get install" && {UP} && $GET x\n')) == 1


def test_what_adds_a_repository_fetches_all_lists() -> None:
    setup = "curl -sL https://deb.nodesource.com/setup_18.x | bash -"
    text = f"{D}RUN {UP}\nRUN {setup} && apt-get install -y nodejs && {RM}\n"
    assert_silent(CODE, text)  # line 3 reads the lists of line 2
    text = f"{D}RUN {UP}\nRUN {setup} && touch /done\nRUN apt-get update && apt-get install -y nodejs && {RM}\n"
    first, second = findings(CODE, text)
    assert first.fix is not None
    assert first.fix == second.fix
    assert apply(text, [first.fix]) == text.replace("cron", f"cron && {RM}").replace("/done", f"/done && {RM}")
    assert [each.fix for each in findings(CODE, f"{D}RUN {setup}\n")] == [None]
    for line in (
        "add-apt-repository -r ppa:a/b",
        "add-apt-repository -n ppa:a/b",
        "curl -sL https://example.com | bash -",
    ):
        assert_silent(CODE, f"FROM ubuntu:22.04\nRUN {line}\n")
    assert_silent(CODE, "FROM ubuntu:16.04\nRUN add-apt-repository -y ppa:a/b\n")
    assert_silent(CODE, f"FROM ubuntu:22.04\nRUN add-apt-repository ppa:a/b && {RM}\n")
    assert len(findings(CODE, "FROM ubuntu:16.04\nRUN add-apt-repository -u ppa:a/b\n")) == 1


def test_what_dash_does_not_delete_is_no_clean_up() -> None:
    text = D + f"RUN {UP}\nRUN x && rm -rf /var/lib/{{apt,dpkg}}/\n"
    (found,) = findings(CODE, text)
    assert found.fix is not None
    assert "later layer" not in found.reason
    assert apply(text, [found.fix]) == text.replace(UP, f"{UP} && {RM}")


def test_a_downloaded_script_that_adds_a_repository_fetches_the_lists() -> None:
    """What line 2 fetches would be fetched by line 3."""
    text = f"{D}RUN {UP}\nRUN ./script.deb.sh | tee log\nRUN {UP} && {RM}\n"
    (found,) = findings(CODE, text)
    assert found.fix is None


def test_lists_that_a_shell_fetches_for_itself_are_there() -> None:
    """Line 3 fetches nothing: line 2 did, and keeps them."""
    hidden = 'bash -c "if ! [ -e /x ]; then apt-get update && apt-get install -y cron; fi"'
    assert_silent(CODE, f"{D}RUN {hidden}\nRUN {UP}\n")
