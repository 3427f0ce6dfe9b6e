"""delete-in-later-layer."""

from __future__ import annotations

from tests.rules.cases import findings, rule_test

CODE = "DS101"
D = "FROM debian:12\n"
GET = "curl -fsSL -o /tmp/a.tgz https://example.com/a.tgz && tar -xzf /tmp/a.tgz -C /opt"
SILENT = {
    "copied-list": "FROM python:3\nCOPY requirements.txt /\nRUN pip install -r /requirements.txt && rm /*.txt\n",
    "copied-source": "FROM gcc:13\nCOPY a.c /var/\nRUN gcc /var/a.c && rm /var/a.c\n",
    "copied-manifest": "FROM node:20\nCOPY package.json /app/\nRUN cd /app && npm i && rm /app/package.json\n",
    "copied-script": "FROM debian:12\nCOPY build.sh /build.sh\nRUN bash /build.sh && rm /build.sh\n",
    "find-by-name": D + "COPY site.cfg /plone/\nRUN find /plone -name '*.pyc' -exec rm -rf '{}' +\n",
    "same-run": D + f"RUN {GET} && rm /tmp/a.tgz\n",
    "from-the-base": D + "RUN rm /etc/motd\n",
    "made-and-left-empty": D + "RUN mkdir -p /src && cd /tmp && make\nRUN rm -rf /src\n",
    "variable-in-the-name": D + "ADD https://e.com/a-$V.zip /\nRUN rm /a-1.zip\n",
    "global-install": D + "WORKDIR /app\nRUN npm install -g a\nRUN rm -rf node_modules\n",
    "signature": D + "ADD https://e.com/a.zip.asc /\nRUN rm /a.zip.asc\n",
    "never-written": D + "RUN rm -rf /tmp/*\n",
    "other-path": D + f"RUN {GET}\nRUN rm /tmp/b.tgz\n",
    "longer-name": D + f"RUN {GET}\nRUN rm /tmp/a.tgz.asc\n",
    "written-again-here": D + f"RUN {GET}\nRUN {GET} && rm /tmp/a.tgz\n",
    "deleted-there-already": D + f"RUN {GET} && rm /tmp/a.tgz\nRUN rm -f /tmp/a.tgz\n",
    "moved-there": D + f"RUN {GET} && mv /tmp/a.tgz /x\nRUN rm -f /tmp/a.tgz\n",
    "on-a-mount": D + "RUN --mount=type=cache,target=/tmp " + f"{GET}\nRUN rm -f /tmp/a.tgz\n",
    "stage-not-shipped": f"{D[:-1]} AS b\nRUN {GET}\nRUN rm /tmp/a.tgz\n{D}COPY --from=b /opt /opt\n",
    "written-in-another-stage": f"{D[:-1]} AS b\nRUN {GET}\n{D}RUN rm -f /tmp/a.tgz\n",
    "conditional-download": D + f"RUN if x; then {GET}; fi\nRUN rm -f /tmp/a.tgz\n",
    "conditional-delete": D + f"RUN {GET}\nRUN if x; then rm /tmp/a.tgz; fi\n",
    "add-unpacks": D + "ADD a.tgz /tmp/\nRUN rm -f /tmp/a.tgz\n",
    "unknown-workdir": D + "WORKDIR $X\nCOPY a.tgz .\nRUN rm /a.tgz\n",
    "copied-directory-content": D + "COPY src /app/\nRUN rm -rf /app/src\n",
    "variable": D + f"RUN {GET}\nRUN rm $FILE\n",
    "quoted-glob": D + f"RUN {GET}\nRUN rm '/tmp/*'\n",
    "hidden-file-and-glob": D + "COPY .env /app/\nRUN rm -rf /app/*\n",
    "powershell": D + f'SHELL ["pwsh"]\nRUN {GET}\nRUN rm /tmp/a.tgz\n',
    "pragma": D + f"RUN {GET}\n# dockslim ignore=DS101\nRUN rm /tmp/a.tgz\n",
    "braces-without-bash": D + f"RUN {GET}\nRUN rm -rf /{{tmp,var/tmp}}\n",
    "to-dev-null": D + "RUN a > /dev/null\nRUN rm -f /dev/null\n",
}
FIXED = {
    "adjacent": (D + f"RUN {GET}\nRUN rm /tmp/a.tgz\n", D + f"RUN {GET} && rm /tmp/a.tgz\n"),
    "rm-rf-parent": (D + f"RUN {GET}\nRUN rm -rf /tmp\n", D + f"RUN {GET} && rm -rf /tmp\n"),
    "braces-with-bash": (
        D + f'SHELL ["/bin/bash", "-c"]\nRUN {GET}\nRUN rm -rf /{{tmp,var/tmp}}\n',
        D + f'SHELL ["/bin/bash", "-c"]\nRUN {GET} && rm -rf /{{tmp,var/tmp}}\n',
    ),
    "half-quoted-glob": (D + f"RUN {GET}\nRUN rm '/tmp/'*.tgz\n", D + f"RUN {GET} && rm '/tmp/'*.tgz\n"),
    "half-quoted-star": (D + f"RUN {GET}\nRUN rm '/tmp/'*\n", D + f"RUN {GET} && rm '/tmp/'*\n"),
    "glob": (D + f"RUN {GET}\nRUN rm /tmp/*.tgz\n", D + f"RUN {GET} && rm /tmp/*.tgz\n"),
    "variable-in-the-address": (D + "ADD https://e.com/$V/a.zip /\nRUN unzip /a.zip\nRUN rm /a.zip\n", None),
    "node-modules": (D + "WORKDIR /app\nRUN npm ci\nCOPY . .\nRUN npm run build && rm -rf node_modules\n", None),
    "tree-with-modules-made-in-it": (D + "COPY . /app\nRUN cd /app && npm ci && rm -rf /app\n", None),
    "unpacked-by-name": (
        D + "RUN tar xf /usr/share/a-1.2.tar.gz\nRUN rm -rf /a-1.2\n",
        D + "RUN tar xf /usr/share/a-1.2.tar.gz && rm -rf /a-1.2\n",
    ),
    "unzipped-into": (
        D + "RUN unzip /usr/share/a.zip -d /src\nRUN rm -rf /src\n",
        D + "RUN unzip /usr/share/a.zip -d /src && rm -rf /src\n",
    ),
    "made-and-worked-in": (D + "RUN mkdir -p /src && cd /src && make\nRUN rm -rf /src\n", None),
    "the-oldest-layer-counts": (
        D + "RUN wget https://e.com/a-1.tgz\nRUN tar xf /a-1.tgz\nRUN rm -rf /a-1*\n",
        D + "RUN wget https://e.com/a-1.tgz && tar xf /a-1.tgz && rm -rf /a-1*\n",
    ),
    "three-in-a-row": (
        D + "RUN wget https://e.com/a.zip\nRUN unzip /a.zip\nRUN rm /a.zip\n",
        D + "RUN wget https://e.com/a.zip && unzip /a.zip && rm /a.zip\n",
    ),
    "a-long-line-is-folded": (
        D + f"RUN wget https://e.com/{'a' * 60}.zip -O /a.zip\nRUN unzip /a.zip -d /usr/local/share\nRUN rm /a.zip\n",
        D + f"RUN wget https://e.com/{'a' * 60}.zip -O /a.zip \\\n    && unzip /a.zip -d /usr/local/share \\\n"
        "    && rm /a.zip\n",
    ),
    "too-many-in-a-row": (D + "RUN wget https://e.com/a.zip\n" + "RUN x\n" * 6 + "RUN rm /a.zip\n", None),
    "wget": (
        D + "WORKDIR /src\nRUN wget https://e.com/a.zip\nRUN rm a.zip\n",
        D + "WORKDIR /src\nRUN wget https://e.com/a.zip && rm a.zip\n",
    ),
    "curl-O": (
        D + "RUN curl -LO https://e.com/a.zip\nRUN rm /a.zip\n",
        D + "RUN curl -LO https://e.com/a.zip && rm /a.zip\n",
    ),
    "git-clone": (
        D + "RUN git clone https://e.com/a.git /src\nRUN rm -rf /src\n",
        D + "RUN git clone https://e.com/a.git /src && rm -rf /src\n",
    ),
    "git-directory": (
        D + "RUN git clone https://e.com/a.git /src\nRUN rm -rf /src/.git\n",
        D + "RUN git clone https://e.com/a.git /src && rm -rf /src/.git\n",
    ),
    "lists": (
        D + "RUN apt-get update && apt-get install -y cron\nRUN rm -rf /var/lib/apt/lists/*\n",
        D + "RUN apt-get update && apt-get install -y cron && rm -rf /var/lib/apt/lists/*\n",
    ),
    "over-lines": (
        D + "RUN curl -o /a.tgz https://e.com/a.tgz \\\n && tar xf /a.tgz\nRUN rm /a.tgz\n",
        D + "RUN curl -o /a.tgz https://e.com/a.tgz \\\n && tar xf /a.tgz \\\n && rm /a.tgz\n",
    ),
    "crlf": (
        "FROM a\r\nRUN curl -o /a.tgz https://e.com/a.tgz\r\nRUN rm /a.tgz\r\n",
        "FROM a\r\nRUN curl -o /a.tgz https://e.com/a.tgz && rm /a.tgz\r\n",
    ),
    "redirect": (
        D + "RUN curl https://e.com/a.tgz > /a.tgz\nRUN rm /a.tgz\n",
        D + "RUN curl https://e.com/a.tgz > /a.tgz && rm /a.tgz\n",
    ),
    "blank-line-between": (D + f"RUN {GET}\n\nRUN rm /tmp/a.tgz\n", D + f"RUN {GET} && rm /tmp/a.tgz\n"),
    "comment-between": (D + f"RUN {GET}\n# tidy\nRUN rm /tmp/a.tgz\n", None),
    "not-adjacent": (D + f"RUN {GET}\nENV A=1\nRUN rm /tmp/a.tgz\n", None),
    "flags-differ": (D + f"RUN {GET}\nRUN --network=none rm /tmp/a.tgz\n", None),
    "user-between": (D + f"RUN {GET}\nUSER root\nRUN rm /tmp/a.tgz\n", None),
    "leaves-state": (D + f"RUN cd /x && {GET}\nRUN rm /tmp/a.tgz\n", None),
    "first-ends-in-or": (D + f"RUN {GET} || true\nRUN rm /tmp/a.tgz\n", None),
    "copy": (D + "COPY a.tgz /tmp/\nRUN tar xf /tmp/a.tgz && rm /tmp/a.tgz\n", None),
    "beside-lists": (
        D + "COPY a.tgz /tmp/\nRUN apt-get update\nENV A=1\nRUN rm -rf /var/lib/apt/lists/* /tmp/a.tgz\n",
        None,
    ),
    "copy-to-a-name": (D + "COPY a.tgz /b.tgz\nRUN rm /b.tgz\n", None),
    "copy-into-workdir": (D + "WORKDIR /app\nCOPY a.tgz .\nRUN rm a.tgz\n", None),
    "copy-then-cd": (D + "COPY a.tgz /tmp/\nRUN cd /tmp && rm a.tgz\n", None),
    "add-url": (D + "ADD https://e.com/a.tgz /tmp/\nRUN rm /tmp/a.tgz\n", None),
    "exec-form": (D + 'COPY a.tgz /tmp/\nRUN ["rm", "/tmp/a.tgz"]\n', None),
    "parent-stage": (f"{D[:-1]} AS b\nRUN {GET}\nFROM b\nRUN rm /tmp/a.tgz\n", None),
    "braces": (D + 'SHELL ["/bin/bash", "-c"]\nCOPY a.tgz b.tgz /tmp/\nRUN rm /tmp/{a,b}.tgz\n', None),
    "find-delete": (D + "COPY a.tgz /tmp/\nRUN find /tmp -delete\n", None),
    "heredoc": (D + "COPY a.tgz /tmp/\nRUN <<EOF\nrm /tmp/a.tgz\nEOF\n", None),
}

test_cases = rule_test(CODE, SILENT, FIXED)


def test_names_the_path_and_the_line() -> None:
    (found,) = findings(CODE, D + "COPY a.tgz /tmp/\nRUN rm /tmp/a.tgz\n")
    assert found.message.split()[1].strip("`") == "/tmp/a.tgz"  # noqa: S108
    assert "line 2" in found.reason
