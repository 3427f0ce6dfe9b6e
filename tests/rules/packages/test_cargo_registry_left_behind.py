"""cargo-registry-left-behind."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS246"
R = "FROM rust:1.82\n"
RM = "rm -rf /usr/local/cargo/registry"
SILENT = {
    "rm": R + f"RUN cargo install ripgrep && {RM}\n",
    "rm-variable": R + 'RUN cargo install ripgrep && rm -rf "$CARGO_HOME/registry"\n',
    "rm-above": R + "RUN cargo install ripgrep && rm -rf /usr/local/cargo\n",
    "rm-home": "FROM debian:12\nRUN cargo install ripgrep && rm -rf ~/.cargo\n",
    "mount": R + "RUN --mount=type=cache,target=/usr/local/cargo/registry cargo install ripgrep\n",
    "moved-inline": R + "RUN CARGO_HOME=/opt/rust cargo install ripgrep\n",
    "own-project": R + "COPY . .\nRUN cargo install --path .\n",
    "own-project-too": R + "RUN cargo install ripgrep\nCOPY . .\nRUN cargo install --path .\n",
    "built-later": R + "RUN cargo install cargo-chef\nCOPY . .\nRUN cargo build --release\n",
    "fetched-before": R + "RUN cargo fetch\nRUN cargo install ripgrep\n",
    "started": R + "RUN cargo install cargo-watch\nCMD cargo watch\n",
    "user-unknown": "FROM debian:12\nUSER 1000\nRUN cargo install ripgrep\n",
    "stage-not-shipped": "FROM rust:1 AS b\nRUN cargo install a\nFROM debian:12\nCOPY --from=b /bin/a /a\n",
    "onbuild": R + "ONBUILD RUN cargo install ripgrep\n",
    "pragma": R + "# dockslim ignore=DS246\nRUN cargo install ripgrep\n",
}
FIXED = {
    "one": (R, "cargo install ripgrep", f"cargo install ripgrep && {RM}"),
    "locked": (R, "cargo install --locked a b", f"cargo install --locked a b && {RM}"),
    "toolchain": (R, "cargo +nightly install a", f"cargo +nightly install a && {RM}"),
    "of-a-user": (
        "FROM debian:12\nUSER app\n",
        "cargo install a",
        "cargo install a && rm -rf /home/app/.cargo/registry",
    ),
    "home": ("FROM debian:12\nENV CARGO_HOME=/c\n", "cargo install a", "cargo install a && rm -rf /c/registry"),
    "lines": (R, "cd / \\\n  # x\n  && cargo install a", f"cd / \\\n  # x\n  && cargo install a \\\n  && {RM}"),
    "set-e": (R, "set -e; \\\n\tcargo install a; \\\n\tls", f"set -e; \\\n\tcargo install a; \\\n\tls; \\\n\t{RM}"),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("base", "before", "after"), FIXED)
def test_fixed(base: str, before: str, after: str) -> None:
    for end in ("\n", "\r\n"):
        old, new = (f"{base}RUN {each}\nCMD x\n".replace("\n", end) for each in (before, after))
        assert_fixed(CODE, old, new)
        assert {each.fix.applicability for each in findings(CODE, old) if each.fix} == {Applicability.SAFE}


def test_exec_form_and_or_get_no_fix() -> None:
    assert_fixed(CODE, R + 'RUN ["cargo", "install", "a"]\n', None)
    assert_fixed(CODE, R + "RUN cargo install a || true\n", None)
