"""archive-left-behind."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import findings, rule_test

CODE = "DS107"
D = "FROM debian:12\n"
U = "https://e.com/a.tgz"
SILENT = {
    "deleted": D + f"RUN curl -O {U} && tar xzf a.tgz && rm a.tgz\n",
    "deleted-by-path": D + f"RUN cd /tmp && curl -O {U} && tar xzf a.tgz && rm -f /tmp/a.tgz\n",
    "deleted-by-glob": D + f"RUN curl -O {U} && tar xzf a.tgz && rm *.tgz\n",
    "deleted-by-a-wider-glob": D + f"RUN curl -o /tmp/a.tgz {U} && tar xzf /tmp/a.tgz && rm -rf /tmp/*\n",
    "deleted-by-a-glob-where-it-may-lie": D + f"RUN curl -O {U} && tar xzf a.tgz && rm -rf /srv/*\n",
    "deleted-with-its-directory": D + f"RUN curl -o /tmp/x/a.tgz {U} && tar xzf /tmp/x/a.tgz && rm -rf /tmp/x\n",
    "deleted-with-a-directory-above": D
    + f"RUN mkdir b && cd b && curl -O {U} && tar xf a.tgz && cd .. && rm -rf ../b\n",
    "deleted-by-a-variable": D + f"RUN curl -O {U} && tar xzf a.tgz && rm $F\n",
    "deleted-by-find": D + f"RUN curl -O {U} && tar xzf a.tgz && find . -name '*.tgz' -delete\n",
    "moved": D + f"RUN curl -O {U} && tar xzf a.tgz && mv a.tgz /keep/\n",
    "piped": D + f"RUN curl {U} | tar xz\n",
    "written-to-the-pipe": D + f"RUN wget -qO- {U} | tar xz -C /opt\n",
    "not-unpacked": D + f"RUN curl -O {U}\n",
    "packed-not-unpacked": D + f"RUN curl -O {U} && tar czf a.tgz /x\n",
    "listed-only": D + f"RUN curl -O {U} && tar tzf a.tgz\n",
    "another-file": D + f"RUN curl -O {U} && tar xzf b.tgz\n",
    "small-script": D + "RUN curl -o i.sh https://e.com/i.sh && sh i.sh\n",
    "deleted-later": D + f"RUN curl -O {U} && tar xzf a.tgz\nRUN rm a.tgz\n",
    "deleted-later-by-glob": D + f"RUN curl -o /tmp/a.tgz {U} && tar xzf /tmp/a.tgz\nRUN rm -rf /tmp/*\n",
    "used-later": D + f"RUN curl -O {U} && tar xzf a.tgz\nRUN sha256sum a.tgz\n",
    "used-by-the-command": D + f'RUN curl -O {U} && tar xzf a.tgz\nCMD ["serve", "a.tgz"]\n',
    "copied-from-here": f"{D[:-1]} AS b\nRUN curl -O {U} && tar xf a.tgz\nFROM b\nCOPY --from=b /a.tgz /x/\n",
    "repository-package": D + "RUN wget https://e.com/percona-release_1_all.deb && dpkg -i percona-release_1_all.deb\n",
    "on-a-mount": D + f"RUN --mount=type=cache,target=/tmp curl -o /tmp/a.tgz {U} && tar xzf /tmp/a.tgz\n",
    "conditional": D + f"RUN if x; then curl -O {U} && tar xzf a.tgz; fi\n",
    "stage-not-shipped": f"{D[:-1]} AS b\nRUN curl -O {U} && tar xzf a.tgz\n{D}COPY --from=b /a /a\n",
    "pragma": D + f"# dockslim ignore=DS107\nRUN curl -O {U} && tar xzf a.tgz\n",
    "powershell": D + f'SHELL ["pwsh"]\nRUN curl -O {U}; tar xzf a.tgz\n',
    "onbuild": D + f"ONBUILD RUN curl -O {U} && tar xzf a.tgz\n",
    "an-instruction-swallowed": D + f"RUN curl -O {U} && tar xzf a.tgz \\\n\n# x\nENV A=1\n",
    "echoed": D + f"RUN echo curl -O {U} && tar xzf a.tgz\n",
}
FIXED = {
    "curl-O": (D + f"RUN curl -O {U} && tar xzf a.tgz\n", D + f"RUN curl -O {U} && tar xzf a.tgz && rm a.tgz\n"),
    "curl-o": (
        D + f"RUN curl -fsSLo /tmp/a.tgz {U} && tar -xf /tmp/a.tgz -C /opt\n",
        D + f"RUN curl -fsSLo /tmp/a.tgz {U} && tar -xf /tmp/a.tgz -C /opt && rm /tmp/a.tgz\n",
    ),
    "only-lists-are-deleted": (
        D + f"RUN curl -O {U} && tar xzf a.tgz && rm -rf /var/lib/apt/lists/* /var/cache/apt\n",
        D + f"RUN curl -O {U} && tar xzf a.tgz && rm -rf /var/lib/apt/lists/* /var/cache/apt && rm a.tgz\n",
    ),
    "another-directory-is-emptied": (
        D + f"RUN curl -o /opt/a.tgz {U} && tar xzf /opt/a.tgz && rm -rf /tmp/* /opt/b/*\n",
        D + f"RUN curl -o /opt/a.tgz {U} && tar xzf /opt/a.tgz && rm -rf /tmp/* /opt/b/* && rm /opt/a.tgz\n",
    ),
    "curl-redirected": (
        D + f"RUN curl {U} > a.tgz && tar xf a.tgz\n",
        D + f"RUN curl {U} > a.tgz && tar xf a.tgz && rm a.tgz\n",
    ),
    "wget": (
        D + "RUN wget https://e.com/a.zip && unzip a.zip -d /opt\n",
        D + "RUN wget https://e.com/a.zip && unzip a.zip -d /opt && rm a.zip\n",
    ),
    "variable-in-the-name": (
        D + "RUN wget https://e.com/a-${V}.zip && unzip a-${V}.zip\n",
        D + "RUN wget https://e.com/a-${V}.zip && unzip a-${V}.zip && rm a-${V}.zip\n",
    ),
    "deb": (
        D + "RUN wget -O /x.deb https://e.com/y && dpkg -i /x.deb\n",
        D + "RUN wget -O /x.deb https://e.com/y && dpkg -i /x.deb && rm /x.deb\n",
    ),
    "apt-get-install": (
        D + "RUN curl -O https://e.com/x.deb && apt-get install -y --no-install-recommends ./x.deb\n",
        D + "RUN curl -O https://e.com/x.deb && apt-get install -y --no-install-recommends ./x.deb && rm ./x.deb\n",
    ),
    "miniconda": (
        D + "RUN wget https://e.com/Miniconda3-latest.sh && bash Miniconda3-latest.sh -b\n",
        D + "RUN wget https://e.com/Miniconda3-latest.sh && bash Miniconda3-latest.sh -b && rm Miniconda3-latest.sh\n",
    ),
    "directory-changed-afterwards": (
        D + f"WORKDIR /src\nRUN curl -O {U} && tar xf a.tgz && cd a && ./x.py\n",
        D + f"WORKDIR /src\nRUN curl -O {U} && tar xf a.tgz && cd a && ./x.py && rm /src/a.tgz\n",
    ),
    "directory-unknown": (D + f"RUN cd $X && curl -O {U} && tar xf a.tgz\n", None),
    "two-files": (
        D + f"RUN curl -O {U} && curl -O https://e.com/b.tgz && tar xf a.tgz && tar xf b.tgz\n",
        D + f"RUN curl -O {U} && curl -O https://e.com/b.tgz && tar xf a.tgz && tar xf b.tgz && rm a.tgz b.tgz\n",
    ),
    "misspelt-rm": (
        D + f"RUN curl -O {U} && tar xf a.tgz && rm -f b.tgz\n",
        D + f"RUN curl -O {U} && tar xf a.tgz && rm -f b.tgz && rm a.tgz\n",
    ),
    "set-eux": (
        D + f"RUN set -eux; \\\n    curl -O {U}; \\\n    # all\n    tar xf a.tgz\n",
        D + f"RUN set -eux; \\\n    curl -O {U}; \\\n    # all\n    tar xf a.tgz; \\\n    rm a.tgz\n",
    ),
    "crlf-and-tabs": (
        f"FROM debian:12\r\nRUN curl -O {U} \\\r\n\t&& tar xf a.tgz\r\n",
        f"FROM debian:12\r\nRUN curl -O {U} \\\r\n\t&& tar xf a.tgz \\\r\n\t&& rm a.tgz\r\n",
    ),
    "sudo": (
        D + f"RUN sudo curl -O {U} && sudo tar xf a.tgz\n",
        D + f"RUN sudo curl -O {U} && sudo tar xf a.tgz && sudo rm a.tgz\n",
    ),
    "heredoc": (
        D + f"RUN <<EOF\nset -e\ncurl -O {U}\ntar xf a.tgz\nEOF\n",
        D + f"RUN <<EOF\nset -e\ncurl -O {U}\ntar xf a.tgz\nrm a.tgz\nEOF\n",
    ),
    "ends-in-or-true": (D + f"RUN curl -O {U} && tar xf a.tgz && a || true\n", None),
    "semicolons-without-errexit": (
        D + f"RUN curl -O {U}; tar xf a.tgz\n",
        D + f"RUN curl -O {U}; tar xf a.tgz && rm a.tgz\n",
    ),
    "command-substitution": (D + "RUN curl -O https://e.com/$(u).tgz && tar xf $(u).tgz\n", None),
}

test_cases = rule_test(CODE, SILENT, FIXED)


def test_a_script_behind_may_use_it() -> None:
    (found,) = findings(CODE, D + f"RUN curl -O {U} && tar xf a.tgz\nRUN ./setup.sh\n")
    assert found.fix is not None
    assert found.fix.applicability is Applicability.UNSAFE
