"""purge-in-later-layer."""

from __future__ import annotations

from tests.rules.cases import findings, rule_test

CODE = "DS102"
D = "FROM debian:12\n"
A = "FROM alpine:3.20\n"
GCC = "apt-get update && apt-get install -y --no-install-recommends gcc"
SILENT = {
    "same-run": D + f"RUN {GCC} && make && apt-get purge -y gcc\n",
    "same-run-virtual": A + "RUN apk add --no-cache --virtual .b gcc && make && apk del .b\n",
    "apk-by-its-own-rule": A + "RUN apk add --no-cache gcc\nRUN apk del gcc\n",
    "from-the-base": D + "RUN apt-get purge -y perl\n",
    "other-package": D + f"RUN {GCC}\nRUN apt-get purge -y g++\n",
    "other-manager": D + f"RUN {GCC}\nRUN pip uninstall -y gcc\n",
    "autoremove-alone": D + f"RUN {GCC}\nRUN apt-get autoremove -y\n",
    "clean-only": D + f"RUN {GCC}\nRUN apt-get clean\n",
    "conditional": D + f"RUN {GCC}\nRUN if x; then apt-get purge -y gcc; fi\n",
    "conditional-install": D + f"RUN if x; then {GCC}; fi\nRUN apt-get purge -y gcc\n",
    "removed-there-already": D + f"RUN {GCC} && apt-get purge -y gcc\nRUN apt-get purge -y gcc\n",
    "variable-of-another-shell": D + "RUN B=gcc && apt-get install -y $B\nRUN apt-get purge -y $B\n",
    "installed-in-another-stage": f"{D[:-1]} AS b\nRUN {GCC}\n{D}RUN apt-get purge -y gcc\n",
    "stage-not-shipped": f"{D[:-1]} AS b\nRUN {GCC}\nRUN apt-get purge -y gcc\n{D}COPY --from=b /a /a\n",
    "echoed": D + f"RUN {GCC}\nRUN echo apt-get purge -y gcc\n",
    "npm-prune-without-development": "FROM node:22\nRUN npm ci --omit=dev\nRUN npm prune --production\n",
    "npm-package-removed": "FROM node:22\nRUN npm ci\nRUN npm uninstall x\n",
    "powershell": D + f'SHELL ["pwsh"]\nRUN {GCC}\nRUN apt-get purge -y gcc\n',
    "pragma": D + f"RUN {GCC}\n# dockslim ignore=DS102\nRUN apt-get purge -y gcc\n",
}
FIXED = {
    "adjacent": (D + f"RUN {GCC}\nRUN apt-get purge -y gcc\n", D + f"RUN {GCC} && apt-get purge -y gcc\n"),
    "three-in-a-row": (
        D + f"RUN {GCC}\nRUN make\nRUN apt-get remove --purge -y gcc\n",
        D + f"RUN {GCC} && make && apt-get remove --purge -y gcc\n",
    ),
    "glob": (D + "RUN apt-get install -y libfoo-dev\nCOPY . .\nRUN apt-get purge -y '*-dev'\n", None),
    "variable-of-the-file": (
        D + "ENV B=gcc\nRUN apt-get install -y $B\nCOPY . .\nRUN apt-get purge -y $B\n",
        None,
    ),
    "yum": ("FROM centos:7\nRUN yum install -y gcc\nCOPY . .\nRUN yum remove -y gcc\n", None),
    "dnf": ("FROM fedora:40\nRUN dnf -y install gcc\nCOPY . .\nRUN dnf -y autoremove gcc\n", None),
    "pip": ("FROM python:3\nRUN pip install --no-cache-dir cython\nCOPY . .\nRUN pip uninstall -y cython\n", None),
    "npm-prune": ("FROM node:22\nRUN npm ci\nCOPY . .\nRUN npm run build && npm prune --production\n", None),
    "flags-differ": (D + f"RUN {GCC}\nRUN --network=none apt-get purge -y gcc\n", None),
    "state-left": (D + f"RUN {GCC} && cd /x\nRUN apt-get purge -y gcc\n", None),
    "script-between": (D + f"RUN {GCC}\nRUN cd /x && make\nRUN apt-get purge -y gcc\n", None),
    "comment-between": (D + f"RUN {GCC}\n# tidy\nRUN apt-get purge -y gcc\n", None),
    "parent-stage": (f"{D[:-1]} AS b\nRUN {GCC}\nFROM b\nRUN apt-get purge -y gcc\n", None),
    "crlf": (
        f"FROM debian:12\r\nRUN {GCC}\r\nRUN make\r\nRUN apt-get purge -y gcc\r\n",
        f"FROM debian:12\r\nRUN {GCC} && make && apt-get purge -y gcc\r\n",
    ),
}

test_cases = rule_test(CODE, SILENT, FIXED)


def test_names_the_first_layer_and_counts() -> None:
    (found,) = findings(CODE, D + "RUN apt-get install -y gcc make\nCOPY . .\nRUN apt-get purge -y gcc make\n")
    assert "gcc and 1 more" in found.message
    assert "line 2" in found.reason
