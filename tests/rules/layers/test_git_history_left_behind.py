"""git-history-left-behind."""

from __future__ import annotations

from rules.finding import Severity
from tests.rules.cases import findings, rule_test

CODE = "DS111"
D = "FROM debian:12\n"
U = "https://github.com/a/b.git"
SILENT = {
    "shallow": D + f"RUN git clone --depth 1 {U}\n",
    "shallow-with-equals": D + f"RUN git clone --depth=1 {U}\n",
    "partial": D + f"RUN git clone --filter=blob:none {U}\n",
    "mirror": D + f"RUN git clone --mirror {U}\n",
    "deleted": D + f"RUN git clone {U} && make -C b && rm -rf b\n",
    "deleted-by-path": D + f"RUN git clone {U} /src/b && rm -rf /src/b\n",
    "deleted-with-the-directory-above": D + f"RUN git clone {U} /src/b && rm -rf /src\n",
    "history-deleted": D + f"RUN git clone {U} && rm -rf b/.git\n",
    "history-deleted-inside": D + f"RUN git clone {U} && cd b && rm -rf .git\n",
    "history-found-and-deleted": D + f"RUN git clone {U} && find . -name .git -exec rm -rf {{}} +\n",
    "deleted-later": D + f"RUN git clone {U} /b\nRUN make\nRUN rm -rf /b\n",
    "history-deleted-later": D + f"RUN git clone {U} /b\nRUN rm -rf /b/.git\n",
    "conditional": D + f"RUN if x; then git clone {U}; fi\n",
    "on-a-mount": D + f"RUN --mount=type=cache,target=/src git clone {U} /src/b\n",
    "stage-not-shipped": f"{D[:-1]} AS b\nRUN git clone {U}\n{D}COPY --from=b /b /b\n",
    "echoed": D + f"RUN echo git clone {U}\n",
    "no-clone": D + "RUN git --version\n",
    "pragma": D + f"# dockslim ignore=DS111\nRUN git clone {U}\n",
    "onbuild": D + f"ONBUILD RUN git clone {U}\n",
}
FIXED = {
    "only-caches-are-deleted": (
        D + f"RUN git clone {U} && make -C b && rm -rf /var/lib/apt/lists/* /var/cache/apk/*\n",
        D + f"RUN git clone --depth 1 {U} && make -C b && rm -rf /var/lib/apt/lists/* /var/cache/apk/*\n",
    ),
    "plain": (D + f"RUN git clone {U} /opt/b\n", D + f"RUN git clone --depth 1 {U} /opt/b\n"),
    "branch": (D + f"RUN git clone -b v1 {U}\n", D + f"RUN git clone --depth 1 -b v1 {U}\n"),
    "here": (D + f"WORKDIR /src\nRUN git clone {U} .\n", D + f"WORKDIR /src\nRUN git clone --depth 1 {U} .\n"),
    "moved": (D + f"RUN git clone {U} && mv b /opt\n", D + f"RUN git clone --depth 1 {U} && mv b /opt\n"),
    "ssh": (D + "RUN git clone git@github.com:a/b.git\n", D + "RUN git clone --depth 1 git@github.com:a/b.git\n"),
    "two": (
        D + f"RUN git clone {U} x && \\\n\tgit clone {U} y\n",
        D + f"RUN git clone --depth 1 {U} x && \\\n\tgit clone --depth 1 {U} y\n",
    ),
    "exec-form": (D + f'RUN ["git", "clone", "{U}"]\n', D + f'RUN ["git", "clone", "--depth", "1", "{U}"]\n'),
    "other-directory-deleted": (
        D + f"RUN git clone {U} /b && rm -rf /tmp/x\n",
        D + f"RUN git clone --depth 1 {U} /b && rm -rf /tmp/x\n",
    ),
    "crlf": (f"FROM debian:12\r\nRUN git clone {U}\r\n", f"FROM debian:12\r\nRUN git clone --depth 1 {U}\r\n"),
    "heredoc": (
        D + f"RUN <<EOF\ngit clone {U} /b\nEOF\n",
        D + f"RUN <<EOF\ngit clone --depth 1 {U} /b\nEOF\n",
    ),
    "checkout": (D + f"RUN git clone {U} && cd b && git checkout abc\n", None),
    "checkout-elsewhere": (D + f"RUN git clone {U} && git -C b checkout abc\n", None),
    "checkout-later": (D + f"RUN git clone {U} /b\nRUN cd /b && git checkout abc\n", None),
    "describe": (D + f"RUN git clone {U} && cd b && make V=$(git describe)\n", None),
    "submodules": (D + f"RUN git clone {U} && cd b && git submodule update --init\n", None),
    "unknown-host": (D + "RUN git clone https://git.e.com/a/b.git\n", None),
    "variable": (D + "RUN git clone $REPO b\n", None),
}

test_cases = rule_test(CODE, SILENT, FIXED)


def test_is_information_where_nothing_can_be_offered() -> None:
    (found,) = findings(CODE, D + f"RUN git clone {U} && cd b && git checkout abc\n")
    assert found.severity is Severity.INFO
