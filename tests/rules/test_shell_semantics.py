"""No fix hides a failure or runs other commands: the original and the fixed RUNs in real dash and bash."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pytest

from cli.fix import fix_text
from rules.check import check
from rules.dockerfile import Dockerfile, DockerfileError, Instruction, parse
from rules.fix import Fix, apply
from tests.corpus import corpus_texts
from tests.rules.cases import table
from tests.rules.shells import BASH, CLEANUP, DASH, Process, Promised, World, compare, processes

pytestmark = pytest.mark.skipif(
    not (os.access(DASH, os.X_OK) and os.access(BASH, os.X_OK)), reason="needs /bin/dash and /bin/bash"
)

NAMES = (
    "apt-get",
    "apk",
    "pip",
    "curl",
    "wget",
    "tar",
    "rm",
    "make",
    "foo",
    "bar",
    "git",
    "ls",
    "cat",
    "sleep",
    "tee",
    "sudo",
    "mkdir",
    "touch",
    "dpkg",
    "gcc",
    "apt-key",
    "gpg",
    "mark",
    "find",
)
IN = "apt-get install -y --no-install-recommends"
UP = "apt-get update"
BASH_E = 'SHELL ["/bin/bash", "-e", "-c"]\n'
BASH_PIPE = 'SHELL ["/bin/bash", "-eo", "pipefail", "-c"]\n'
BASH_O_PIPE = 'SHELL ["/bin/bash", "-o", "pipefail", "-c"]\n'
BASH_NO_E = 'SHELL ["/bin/bash", "--noprofile", "-c"]\n'


def _apt(*runs: str, setup: str = "") -> str:
    return f"FROM debian:12-slim\n{setup}" + "".join(f"RUN {each}\n" for each in runs)


def _apk(*runs: str, setup: str = "") -> str:
    return f"FROM alpine:3.20\n{setup}" + "".join(f"RUN {each}\n" for each in runs)


def _pip(*runs: str) -> str:
    return "FROM python:3.12-slim\n" + "".join(f"RUN {each}\n" for each in runs)


# Cases that a person would expect a fix for.
PLAIN = {
    "and": _apt(f"{UP} && {IN} x"),
    "and-three": _apt(f"{UP} && {IN} x && make all"),
    "recommends": _apt("apt-get update && apt-get install -y x && rm -rf /var/lib/apt/lists/*"),
    "recommends-and-lists": _apt("apt-get update && apt-get install -y x"),
    "chain": _apt(f"{UP}; {IN} x"),
    "chain-trailing": _apt(f"{UP}; {IN} x;"),
    "chain-three": _apt(f"{UP}; {IN} x; make all"),
    "set-e-chain": _apt(f"set -e; {UP}; {IN} x"),
    "set-e-chain-trailing": _apt(f"set -e; {UP}; {IN} x;"),
    "set-eux": _apt(f"set -eux; {UP}; {IN} x; make all"),
    "set-eux-lines": _apt(f"set -eux; \\\n    {UP}; \\\n    {IN} \\\n        x \\\n    ; \\\n    make all"),
    "set-x": _apt(f"set -x; {UP}; {IN} x"),
    "set-x-and": _apt(f"set -x && {UP} && {IN} x"),
    "set-e-and": _apt(f"set -e && {UP} && {IN} x"),
    "comments": _apt(f"{UP} \\\n    # why\n    && {IN} \\\n    # one\n    x \\\n    # two\n    && make all"),
    "lines-trailing-and": _apt(f"{UP} && \\\n    {IN} x && \\\n    make all"),
    "bash-e": _apt(f"{UP}; {IN} x", setup=BASH_E),
    "bash-pipefail": _apt(f"{UP} && {IN} x", setup=BASH_PIPE),
    "heredoc-set-e": _apt(f"<<EOF\nset -e\n{UP}\n{IN} x\nEOF"),
    "heredoc": _apt(f"<<EOF\n{UP}\n{IN} x\nEOF"),
    "split": _apt(UP, f"{IN} a"),
    "split-and": _apt(UP, f"{IN} a && make all"),
    "split-set-e": _apt(UP, f"set -e; {IN} a; make all"),
    "split-set-eux-lines": _apt(UP, f"set -eux; \\\n    {IN} a; \\\n    make all"),
    "split-lines": _apt(UP, f"{IN} \\\n    a \\\n    && make all"),
    "split-cleaned": _apt(UP, f"{IN} a && rm -rf /var/lib/apt/lists/*"),
    "apk": _apk("apk add x"),
    "apk-update-and": _apk("apk update && apk add x"),
    "apk-update-and-lines": _apk("apk update && \\\n    apk add x && \\\n    make all"),
    "apk-update-chain": _apk("apk update; apk add x"),
    "apk-set-e": _apk("set -e; apk update; apk add x; make all"),
    "apk-split": _apk("apk update", "apk add x"),
    "apk-split-two": _apk("apk update", "apk add x", "apk add y && make all"),
    "pip": _pip("pip install x"),
    "pip-and": _pip("make deps && pip install x && make all"),
    "pip-or": _pip("pip install x || pip install y"),
    "join": _apt("curl -o /opt/a.tgz https://e.org/a.tgz && tar -xzf /opt/a.tgz -C /opt", "rm /opt/a.tgz"),
    "join-chain": _apt("curl -o /opt/a.tgz https://e.org/a.tgz; tar -xzf /opt/a.tgz -C /opt", "rm /opt/a.tgz"),
    "join-set-e": _apt("set -e; curl -o /opt/a.tgz https://e.org/a.tgz; tar -xf /opt/a.tgz", "rm /opt/a.tgz"),
    "join-more": _apt("curl -o /opt/a.tgz https://e.org/a.tgz && tar -xf /opt/a.tgz", "rm /opt/a.tgz && make all"),
    "if-body": _apt(f"if foo; then {UP} && {IN} x; fi"),
    "subshell": _apt(f"({UP} && {IN} x)"),
}  # fmt: skip

# Cases where one wrong step hides a failure; no fix is fine.
CURL = "curl -o /opt/a.tgz https://e.org/a.tgz"
DEL = "rm /opt/a.tgz"
HARD = {
    "set-e-last-list": _apt(f"set -e; {UP}; {IN} x && mark done"),
    "set-e-and-for": _apt(f"set -e && {UP} && for p in a b; do {IN} $p; done"),
    "export-set-e-for": _apt(f"export A=1; set -e; {UP}; for p in a b; do {IN} $p; done"),
    "export-and-set-e": _apt(f"export A=1 && set -e && {UP} && for p in a b; do {IN} $p; mark $p; done"),
    "assignment-set-e": _apt(f"A=1; set -e; {UP}; {IN} x; mark done"),
    "env-set-e-list": _apt(f"export A=1; set -e; {UP}; {IN} x && mark done"),
    "subshell-set-e": _apt(f"(set -e; {UP}; {IN} x; mark done)"),
    "subshell-set-e-and": _apt(f"foo && (set -e; {UP}; {IN} x; mark done)"),
    "set-e-subshell": _apt(f"set -e; ({UP}; {IN} x; mark done)"),
    "set-e-subshell-list": _apt(f"set -e; foo && ({UP}; {IN} x; mark done)"),
    "set-e-if-list": _apt(f"set -e; if foo; then {UP} && {IN} x; fi"),
    "set-e-group-list": _apt(f"set -e; {{ {UP} && {IN} x; }}"),
    "set-e-for-break": _apt(f"set -e; for i in 1 2; do {UP} && {IN} x && break; done"),
    "set-e-case-list": _apt(f"set -e; case a in a) {UP} && {IN} x;; esac"),
    "set-e-subshell-list-last": _apt(f"set -e; ({UP} && {IN} x)"),
    "set-e-nested-list": _apt(f"set -e; (if foo; then {UP} && {IN} x; fi)"),
    "shell-e-if-list": _apt(f"if foo; then {UP} && {IN} x; fi", setup=BASH_E),
    "shell-e-else-list": _apt(f"if foo; then mark; else {UP} && {IN} x; fi", setup=BASH_PIPE),
    "shell-e-group-list": _apt(f"{{ {UP} && {IN} x; }}", setup=BASH_E),
    "shell-e-group-list-redirect": _apt(f"{{ {UP} && {IN} x; }} > /dev/null", setup=BASH_E),
    "shell-e-for-list": _apt(f"for i in a b; do {UP} && {IN} $i; done", setup=BASH_PIPE),
    "shell-e-for-break": _apt(f"for i in a b; do {UP} && {IN} x && break; done", setup=BASH_E),
    "shell-e-for-break-or-sleep": _apt(f"for i in a b; do {UP} && {IN} x && break || sleep 1; done", setup=BASH_E),
    "shell-e-for-continue": _apt(f"for i in a b; do foo || continue; {UP} && {IN} x; done", setup=BASH_E),
    "shell-e-case-list": _apt(f"case a in a) {UP} && {IN} x;; esac", setup=BASH_E),
    "shell-e-while-list": _apt(f"while foo; do {UP} && {IN} x; break; done", setup=BASH_E),
    "shell-e-subshell-list": _apt(f"({UP} && {IN} x)", setup=BASH_E),
    "shell-e-function-list": _apt(f"f() {{ {UP} && {IN} x; }}; f", setup=BASH_E),
    "function-set-e": _apt(f"f() {{ set -e; {UP}; {IN} x; mark done; }}; f"),
    "set-e-function": _apt(f"set -e; f() {{ {UP}; {IN} x; mark done; }}; f"),
    "set-e-function-arg": _apt(f"set -e; f() {{ {IN} $1; mark done; }}; {UP}; f x"),
    "set-e-function-list": _apt(f"set -e; f() {{ {IN} x; mark done; }}; {UP} && f"),
    "function-keyword": _apt(f"set -e; function f {{ {IN} x; mark done; }}; {UP}; f", setup=BASH_NO_E),
    "function-only": _apt(f"f() {{ {UP} && {IN} x; }}; f"),
    "function-redirect": _apt(f"set -e; f() {{ {UP}; {IN} x; mark; }}; f > /dev/null"),
    "group-set-e": _apt(f"{{ set -e; {UP}; {IN} x; mark done; }}"),
    "set-e-group": _apt(f"set -e; {{ {UP}; {IN} x; mark done; }}"),
    "set-e-group-redirect": _apt(f"set -e; {{ {UP}; {IN} x; mark done; }} > /dev/null 2>&1"),
    "group-redirect": _apt(f"{{ {UP}; {IN} x; }} > /dev/null 2>&1"),
    "set-plus-eu": _apt(f"set -e; {UP}; set +eu; {IN} x"),
    "set-plus-e": _apt(f"set -e; {UP}; set +e; {IN} x; mark done"),
    "set-plus-o-errexit": _apt(f"set -e; {UP}; set +o errexit; {IN} x; mark done"),
    "set-plus-e-minus-e": _apt(f"set -e; set +e; {UP}; set -e; {IN} x; mark done"),
    "set-plus-e-first": _apt(f"set +e; {UP}; {IN} x; mark done"),
    "set-o-errexit": _apt(f"set -o errexit; {UP}; {IN} x; mark done"),
    "set-o-errexit-list": _apt(f"set -o errexit; {UP}; {IN} x && mark done"),
    "set-o-errexit-for": _apt(f"set -o errexit; {UP}; for p in a b; do {IN} $p; done"),
    "set-eo-pipefail": _apt(f"set -eo pipefail; {UP}; for p in a b; do {IN} $p; done", setup=BASH_NO_E),
    "set-o-nounset-o-errexit": _apt(f"set -o nounset -o errexit; {UP}; for p in a b; do {IN} $p; done"),
    "set-ue-positional": _apt(f"set -ue -- a b; {UP}; for p; do {IN} $p; done"),
    "set-positional-e": _apt(f"set -- -e; {UP}; for p in a b; do {IN} $p; done"),
    "set-minus-minus-e-word": _apt(f"set -x -- -e; {UP}; {IN} x; mark done"),
    "set-quoted": _apt(f"set '-e'; {UP}; for p in a b; do {IN} $p; done"),
    "set-variable": _apt(f"O=-e; set $O; {UP}; for p in a b; do {IN} $p; done"),
    "builtin-set": _apt(f"command set -e; {UP}; for p in a b; do {IN} $p; done"),
    "eval-set": _apt(f"eval 'set -e'; {UP}; for p in a b; do {IN} $p; done"),
    "set-e-if-condition": _apt(f"if set -e; then {UP}; {IN} x; mark done; fi"),
    "set-e-or": _apt(f"set -e || foo; {UP}; for p in a b; do {IN} $p; done"),
    "foo-and-set-e": _apt(f"foo && set -e; {UP}; for p in a b; do {IN} $p; done"),
    "foo-or-set-e": _apt(f"foo || set -e; {UP}; for p in a b; do {IN} $p; done"),
    "set-e-background": _apt(f"set -e & {UP}; for p in a b; do {IN} $p; done"),
    "set-e-pipe": _apt(f"set -e | cat; {UP}; for p in a b; do {IN} $p; done"),
    "shell-noprofile-for": _apt(f"{UP}; for p in a b; do {IN} $p; done", setup=BASH_NO_E),
    "shell-noprofile-list": _apt(f"{UP}; {IN} x && mark done", setup=BASH_NO_E),
    "shell-noprofile": _apt(f"{UP}; {IN} x; mark done", setup=BASH_NO_E),
    "shell-norc-e": _apt(f"{UP}; for p in a b; do {IN} $p; done", setup='SHELL ["/bin/bash", "--norc", "-ec"]\n'),
    "shell-sh-ec": _apt(f"{UP}; for p in a b; do {IN} $p; done", setup='SHELL ["/bin/sh", "-ec"]\n'),
    "shell-e-list": _apt(f"{UP}; {IN} x && mark done", setup=BASH_E),
    "shell-e-for": _apt(f"{UP}; for p in a b; do {IN} $p; mark $p; done", setup=BASH_E),
    "shell-e-if": _apt(f"{UP}; if foo; then {IN} x; mark done; fi", setup=BASH_E),
    "shell-e-and-if": _apt(f"{UP} && if foo; then {IN} x; mark done; fi", setup=BASH_E),
    "shell-e-set-plus-e": _apt(f"set +e; {UP}; {IN} x; mark done", setup=BASH_E),
    "shell-e-set-plus-e-for": _apt(f"set +e; {UP}; for p in a b; do {IN} $p; done", setup=BASH_E),
    "shell-o-errexit": _apt(
        f"{UP}; for p in a b; do {IN} $p; done",
        setup='SHELL ["/bin/bash", "-o", "errexit", "-c"]\n'
    ),
    "shell-plus-e": _apt(f"{UP}; for p in a b; do {IN} $p; done", setup='SHELL ["/bin/bash", "+e", "-c"]\n'),
    "shell-e-plus-e": _apt(f"{UP}; for p in a b; do {IN} $p; done", setup='SHELL ["/bin/bash", "-e", "+e", "-c"]\n'),
    "shell-rcfile": _apt(
        f"{UP}; for p in a b; do {IN} $p; done", setup='SHELL ["/bin/bash", "--rcfile", "-e", "-c"]\n'
    ),
    "shell-o-noclobber": _apt(
        f"{UP}; for p in a b; do {IN} $p; done", setup='SHELL ["/bin/bash", "-o", "noclobber", "-c"]\n'
    ),
    "shell-f": _apt(f"{UP} && {IN} x", setup='SHELL ["/bin/bash", "-fc"]\n'),
    "shell-pipefail-pipe": _apt(f"{UP} && {IN} x | tee log", setup=BASH_PIPE),
    "shell-pipefail-pipe-list": _apt(f"{UP}; foo | bar; {IN} x | tee log", setup=BASH_O_PIPE),
    "shell-pipefail-heredoc-bash": _apt(f"bash <<EOF\n{UP}\n{IN} x\nmark done\nEOF", setup=BASH_PIPE),
    "shell-pipefail-heredoc-bash-list": _apt(f"bash <<EOF\n{UP}\nfoo && {IN} x\nEOF", setup=BASH_PIPE),
    "shell-pipefail-heredoc-bash-for": _apt(f"bash <<EOF\n{UP}\nfor p in a b; do {IN} x; done\nEOF", setup=BASH_PIPE),
    "shell-pipefail-heredoc": _apt(f"<<EOF\n{UP}\nfor p in a b; do {IN} x; done\nEOF", setup=BASH_PIPE),
    "shell-pipefail-heredoc-list": _apt(f"<<EOF\n{UP}\n{IN} x && mark done\nEOF", setup=BASH_PIPE),
    "shell-pipefail-heredoc-shebang": _apt(f"<<EOF\n#!/bin/bash\n{UP}\n{IN} x\nmark done\nEOF", setup=BASH_PIPE),
    "heredoc-bash-e": _apt(f"bash -e <<EOF\n{UP}\nfor p in a b; do {IN} x; done\nEOF"),
    "heredoc-bash-ex-list": _apt(f"bash -ex <<'EOF'\n{UP}\n{IN} x && mark done\nEOF"),
    "heredoc-bash-norc": _apt(f"bash --norc <<EOF\n{UP}\n{IN} x\nEOF"),
    "heredoc-bash-noprofile-for": _apt(f"bash --noediting <<EOF\n{UP}\nfor p in a b; do {IN} x; done\nEOF"),
    "heredoc-shebang-e": _apt(f"<<EOF\n#!/bin/bash -e\n{UP}\nfor p in a b; do {IN} x; done\nEOF"),
    "heredoc-shebang-env": _apt(f"<<EOF\n#!/usr/bin/env bash\n{UP}\n{IN} x\nmark done\nEOF"),
    "heredoc-shebang-set-e": _apt(f"<<EOF\n#!/bin/sh\nset -e\n{UP}\n{IN} x\nmark done\nEOF"),
    "heredoc-no-e": _apt(f"<<EOF\n{UP}\n{IN} x\nmark done\nEOF"),
    "heredoc-set-ex-list": _apt(f"<<EOF\nset -ex\n{UP}\n{IN} x && mark done\nEOF"),
    "heredoc-set-e-for": _apt(f"<<EOF\nset -e\n{UP}\nfor p in a b; do {IN} x; done\nEOF"),
    "heredoc-late-set-e": _apt(f"<<EOF\nfoo\nset -e\n{UP}\nfor p in a b; do {IN} x; done\nEOF"),
    "heredoc-comment-last": _apt(f"<<EOF\n{UP}\n{IN} x # the end\n# more\nEOF"),
    "heredoc-tabs": _apt(f"<<-EOF\n\tset -e\n\t{UP}\n\t{IN} x\n\tmark done\n\tEOF"),
    "heredoc-continued": _apt(f"<<EOF\nset -e\n{UP}\n{IN} \\\n  x \\\n  y\nEOF"),
    "heredoc-exit": _apt(f"<<EOF\nset -e\n{UP}\n{IN} x\nexit 0\nEOF"),
    "heredoc-nested": _apt(f"<<EOF\nset -e\n{UP}\n{IN} x\ncat <<END\nhi\nEND\nEOF"),
    "heredoc-piped": _apt(f"bash <<EOF | tee log\n{UP}\n{IN} x\nEOF"),
    "heredoc-and": _apt(f"bash <<EOF && mark\n{UP}\n{IN} x\nEOF"),
    "heredoc-or": _apt(f"bash <<EOF || true\n{UP}\n{IN} x\nEOF"),
    "inner-heredoc": _apt(f"{UP} && {IN} x && cat <<EOF\nhello\nEOF"),
    "pipe": _apt(f"{UP} && {IN} x | tee log"),
    "pipe-first": _apt(f"{UP} | tee log; {IN} x"),
    "pipe-set-e": _apt(f"set -e; {UP}; {IN} x | tee log"),
    "pipe-set-o-pipefail": _apt(f"set -o pipefail; {UP} && {IN} x | tee log", setup=BASH_NO_E),
    "pipe-set-eo-pipefail": _apt(f"set -eo pipefail; {UP}; {IN} x | tee log", setup=BASH_NO_E),
    "pipe-late-pipefail": _apt(f"{UP}; set -o pipefail; {IN} x | tee log", setup=BASH_NO_E),
    "pipe-unset-pipefail": _apt(f"set -o pipefail; {UP}; set +o pipefail; {IN} x | tee log", setup=BASH_NO_E),
    "pipe-list-in-group": _apt(f"set -e; {{ {UP} && {IN} x; }} | tee log"),
    "yes-pipe": _apt(f"{UP} && echo y | {IN} x"),
    "or-true": _apt(f"{UP} && {IN} x || true"),
    "or-true-first": _apt(f"{UP} || true; {IN} x"),
    "or-true-and": _apt(f"{UP} || true && {IN} x"),
    "or-and": _apt(f"foo || {UP} && {IN} x"),
    "or-last": _apt(f"{UP}; {IN} x || {IN} y"),
    "or-group": _apt(f"{UP} && ({IN} x || true)"),
    "or-exit": _apt(f"{UP} || exit 1; {IN} x || exit 1"),
    "or-in-middle": _apt(f"{UP} && {IN} x || foo && bar"),
    "set-e-or-true": _apt(f"set -e; {UP}; {IN} x || true"),
    "and-or-in-set-e": _apt(f"set -e; {UP} || foo; {IN} x"),
    "negated": _apt(f"{UP}; {IN} x; ! foo"),
    "negated-set-e": _apt(f"set -e; {UP}; {IN} x; ! foo"),
    "negated-and": _apt(f"{UP} && {IN} x && ! foo"),
    "negated-group": _apt(f"set -e; {UP}; ! {{ {IN} x; }}"),
    "if-chain": _apt(f"if foo; then {UP}; {IN} x; fi"),
    "if-set-e": _apt(f"set -e; {UP}; if foo; then {IN} x; mark done; fi"),
    "if-and": _apt(f"set -e; {UP} && if foo; then {IN} x; mark done; fi"),
    "if-else": _apt(f"{UP} && if foo; then {IN} x; else {IN} y; fi"),
    "if-elif-set-e": _apt(f"set -e; {UP}; if foo; then {IN} x; elif bar; then {IN} y; mark 1; else {IN} z; mark 2; fi"),
    "if-condition-update": _apt(f"if {UP}; then {IN} x; fi"),
    "if-condition-update-set-e": _apt(f"set -e; if {UP} && {IN} x; then mark; fi"),
    "if-redirect": _apt(f"set -e; {UP}; if foo; then {IN} x; mark; fi >/dev/null"),
    "for": _apt(f"{UP}; for p in a b; do {IN} $p; done"),
    "for-and": _apt(f"{UP} && for p in a b; do {IN} $p; done"),
    "for-set-e": _apt(f"set -e; {UP}; for p in a b; do {IN} $p; done"),
    "for-update": _apt(f"set -e; for p in a b; do {UP}; {IN} $p; mark; done"),
    "for-break": _apt(f"{UP}; for p in a b; do {IN} $p && break; done"),
    "while": _apt(f"set -e; {UP}; while ! {IN} x; do sleep 1; done"),
    "until": _apt(f"until {UP}; do sleep 1; done; {IN} x"),
    "until-and": _apt(f"until {UP}; do sleep 1; done && {IN} x"),
    "while-read": _apt(f"set -e; {UP}; printf 'a\\nb\\n' | while read p; do {IN} $p; done"),
    "case": _apt(f"{UP}; case a in a) {IN} x; mark;; esac"),
    "case-set-e": _apt(f"set -e; {UP}; case a in a) {IN} x; mark;; *) foo;; esac"),
    "case-and": _apt(f"set -e; {UP} && case a in a) {IN} x; mark;; esac"),
    "subshell-chain": _apt(f"({UP}; {IN} x)"),
    "subshell-and": _apt(f"foo && ({UP}; {IN} x; mark)"),
    "subshell-cd": _apt(f"{UP} && (cd / && {IN} x)"),
    "substitution": _apt(f"{UP} && foo $({IN} x; mark)"),
    "substitution-set-e": _apt(f"set -e; {UP}; A=$({IN} x; mark); foo"),
    "substitution-last": _apt(f"set -e; {UP}; {IN} x; A=$(foo)"),
    "export-substitution-last": _apt(f"set -e; {UP}; {IN} x; export A=$(foo)"),
    "background": _apt(f"{UP} && {IN} x &"),
    "background-wait": _apt(f"{UP} && {IN} x & wait"),
    "background-first": _apt(f"foo & {UP} && {IN} x"),
    "exit": _apt(f"{UP} && {IN} x; exit 0"),
    "exit-status": _apt(f"{UP}; {IN} x; exit $?"),
    "exec": _apt(f"{UP} && exec {IN} x"),
    "exec-inner": _apt(f"{UP} && {IN} x && {{ exec foo; }}"),
    "exit-in-group": _apt(f"set -e; {UP}; {IN} x; {{ foo; exit 0; }}"),
    "exit-in-if": _apt(f"{UP}; {IN} x; if foo; then exit 0; fi"),
    "status-variable": _apt(f"{UP}; {IN} x; r=$?; mark; test $r = 0"),
    "test-last": _apt(f"{UP}; {IN} x; [ -d / ]"),
    "test-last-set-e": _apt(f"set -e; {UP}; {IN} x; [ -f /none ] && foo"),
    "test-and-last": _apt(f"{UP} && {IN} x; [ -d / ] && foo"),
    "double-bracket": _apt(f"set -e; {UP}; {IN} x; [[ -d / ]] && foo", setup=BASH_NO_E),
    "trap-err": _apt(f"trap 'exit 0' EXIT; {UP}; {IN} x"),
    "trap-exit-set-e": _apt(f"set -e; trap 'mark bye' EXIT; {UP}; {IN} x; mark done"),
    "set-f": _apt(f"set -f; {UP} && {IN} x"),
    "set-ef": _apt(f"set -ef; {UP}; {IN} x; mark"),
    "set-n": _apt(f"set -n; {UP}; {IN} x"),
    "alias": _apt(f"alias rm=foo; {UP} && {IN} x"),
    "function-rm": _apt(f"rm() {{ mark; }}; {UP} && {IN} x"),
    "function-apt": _apt(f"aptget() {{ apt-get \"$@\"; }}; aptget update && aptget install -y x; {UP} && {IN} x"),
    "escaped-semicolon": _apt(f"{UP} && {IN} x && find / -name y -exec foo {{}} \\;"),
    "trailing-escape": f"FROM debian:12-slim\nRUN {UP} && {IN} x \\\n\n",
    "trailing-escape-comment": f"FROM debian:12-slim\nRUN {UP} && {IN} x \\\n# end\n\nRUN make all\n",
    "trailing-escape-eof": f"FROM debian:12-slim\nRUN {UP} && {IN} x \\",
    "trailing-semicolon-lines": _apt(f"set -e; \\\n  {UP}; \\\n  {IN} x; \\\n"),
    "trailing-and": f"FROM debian:12-slim\nRUN {UP} && \\\n    {IN} x ; \\\n    # end\n    true\n",
    "comment-inside-for": _apt(f"set -e; \\\n  {UP}; \\\n  for p in a b; do \\\n    # why\n    {IN} $p; \\\n  done"),
    "backtick-escape": f"# escape=`\nFROM debian:12-slim\nRUN {UP} && `\n    {IN} x && `\n    make all\n",
    "shell-comment": _apt(f"{UP} && {IN} x # done"),
    "quoted-newline": _apt(f"{UP} && {IN} x && foo 'a \\\n b'"),
    "empty-lines": _apt(f"{UP} && \\\n\n    {IN} x && \\\n\n    make all"),
    "crlf": _apt(f"{UP} && \\\n    {IN} x && \\\n    make all").replace("\n", "\r\n"),
    "sudo": _apt(f"sudo {UP} && sudo {IN} x"),
    "exec-form": 'FROM debian:12-slim\nRUN ["apt-get", "update"]\nRUN ["apt-get", "install", "-y", "x"]\n',
    # DS205
    "split-test": _apt(UP, f"[ -f x ] && {IN} a; {IN} b"),
    "split-test-true": _apt(UP, f"[ -d / ] && {IN} a; {IN} b"),
    "split-chain": _apt(UP, f"{IN} a; {IN} b"),
    "split-echo": _apt(UP, f"echo; {IN} a; echo"),
    "split-foo": _apt(UP, f"foo; {IN} a; bar"),
    "split-foo-and": _apt(UP, f"foo && {IN} a && bar"),
    "split-or": _apt(UP, f"{IN} a || {IN} b"),
    "split-foo-or": _apt(UP, f"foo || {IN} a"),
    "split-foo-or-and": _apt(UP, f"foo || bar && {IN} a"),
    "split-negated": _apt(UP, f"! {IN} a"),
    "split-trailing": _apt(UP, f"{IN} a;"),
    "split-pipe": _apt(UP, f"{IN} a | tee log"),
    "split-pipe-pipefail": _apt(UP, f"{IN} a | tee log", setup=BASH_PIPE),
    "split-if": _apt(UP, f"if foo; then {IN} a; fi"),
    "split-for": _apt(UP, f"for p in a b; do {IN} $p; done"),
    "split-set-e-list": _apt(UP, f"set -e; {IN} a && mark"),
    "split-set-e-and": _apt(UP, f"set -e && {IN} a && for p in a b; do {IN} $p; done"),
    "split-set-e-for": _apt(UP, f"set -e; for p in a b; do {IN} $p; mark; done"),
    "split-set-ex-o": _apt(UP, f"set -e -x; foo; {IN} a; mark"),
    "split-set-e-twice": _apt(UP, f"set -e; set -x; {IN} a; mark"),
    "split-set-u-e": _apt(UP, f"set -u; set -e; {IN} a; mark"),
    "split-set-x": _apt(UP, f"set -x; {IN} a; mark"),
    "split-set-e-plus-e": _apt(UP, f"set -e; {IN} a; set +e; foo; mark"),
    "split-set-plus-x-e": _apt(UP, f"set -e +x; {IN} a; mark"),
    "split-e-shell": _apt(UP, f"{IN} a; mark", setup=BASH_E),
    "split-e-shell-for": _apt(UP, f"for p in a b; do {IN} $p; mark; done", setup=BASH_E),
    "split-e-shell-set-plus-e": _apt(UP, f"set +e; {IN} a; mark", setup=BASH_E),
    "split-group": _apt(UP, f"{{ {IN} a; mark; }}"),
    "split-subshell": _apt(UP, f"({IN} a; mark)"),
    "split-background": _apt(UP, f"{IN} a & wait"),
    "split-env": _apt(UP, f"A=1 {IN} a"),
    "split-assignment": _apt(UP, f"A=a && {IN} $A"),
    "split-export": _apt(UP, f"export A=a && {IN} $A && make all"),
    "split-cd": _apt(UP, f"cd / && {IN} a"),
    "split-between-env": f"FROM debian:12-slim\nRUN {UP}\nENV A=b\nRUN {IN} a && make all\n",
    "split-two-installs": _apt(UP, f"{IN} a", f"{IN} b"),
    "split-two-updates": _apt(UP, f"{UP} && {IN} b"),
    "split-update-and": _apt(f"{UP} && foo", f"{IN} b"),
    "split-update-yes": _apt(f"{UP} || true", f"{IN} b"),
    "split-update-semicolon": _apt(f"{UP};", f"{IN} b"),
    "split-update-redirect": _apt(f"{UP} > /dev/null", f"{IN} b"),
    "split-update-env": _apt(f"A=1 {UP}", f"{IN} b && make all"),
    "split-update-sudo": _apt(f"sudo {UP}", f"sudo {IN} b && make all"),
    "split-heredoc": _apt(UP, f"<<EOF\n{IN} a\nmark\nEOF"),
    "split-comment": _apt(UP, f"{IN} a \\\n # why\n && make all # end"),
    "split-cleaned-chain": _apt(UP, f"{IN} a; rm -rf /var/lib/apt/lists/*"),
    "split-cleaned-or": _apt(UP, f"{IN} a && rm -rf /var/lib/apt/lists/* || true"),
    # apk
    "apk-test": _apk("[ -f /x ] && apk update; apk add y"),
    "apk-test-true": _apk("[ -d / ] && apk update; apk add y"),
    "apk-foo-test": _apk("foo && apk update; apk add y"),
    "apk-or": _apk("foo || apk update && apk add y"),
    "apk-or-last": _apk("apk update || foo; apk add y"),
    "apk-or-true": _apk("apk update || true && apk add y"),
    "apk-and-or": _apk("apk update && apk add y || foo"),
    "apk-foo-and": _apk("foo && apk update && apk add y"),
    "apk-foo-chain": _apk("foo; apk update; apk add y"),
    "apk-update-last": _apk("foo && apk update", "apk add y"),
    "apk-update-last-chain": _apk("foo; apk update", "apk add y"),
    "apk-update-semicolon": _apk("apk update;", "apk add y"),
    "apk-set-e-update-and": _apk("set -e; foo && apk update; apk add y"),
    "apk-set-e-foo-and": _apk("set -e; foo && apk update && apk add y; mark"),
    "apk-update-and-chain": _apk("apk update && apk add y; mark"),
    "apk-chain-update-and": _apk("apk update; foo && apk add y"),
    "apk-chain-update-or": _apk("apk update; foo || apk add y"),
    "apk-update-or-chain": _apk("apk update && foo || apk add y"),
    "apk-negated": _apk("! apk update; apk add y"),
    "apk-negated-next": _apk("apk update && ! foo; apk add y"),
    "apk-redirect": _apk("apk update > /dev/null && apk add y"),
    "apk-if": _apk("if foo; then apk update && apk add y; fi"),
    "apk-update-if": _apk("apk update; if foo; then apk add y; fi"),
    "apk-update-and-if": _apk("apk update && if foo; then apk add y; fi; mark"),
    "apk-update-for": _apk("set -e; apk update; for p in a b; do apk add $p; mark; done"),
    "apk-update-and-for": _apk("set -e; apk update && for p in a b; do apk add $p; mark; done"),
    "apk-update-and-subshell": _apk("set -e; apk update && (apk add x; mark)"),
    "apk-update-and-group": _apk("set -e; apk update && { apk add x; mark; }"),
    "apk-subshell": _apk("(apk update; apk add y)"),
    "apk-pipe": _apk("apk update | tee log; apk add y"),
    "apk-update-and-pipe": _apk("apk update && apk add y | tee log"),
    "apk-background": _apk("apk update & apk add y"),
    "apk-update-variable": _apk("apk update && P=y && apk add $P"),
    "apk-status": _apk("apk update; r=$?; apk add y; exit $r"),
    "apk-status-next": _apk("foo; apk update; mark $?; apk add y"),
    "apk-status-and": _apk("apk update && mark $? && apk add y"),
    "apk-quiet": _apk("apk --quiet update && apk --quiet add y"),
    "apk-add-update": _apk("apk add --update y && make all"),
    "apk-add-virtual": _apk("apk add -t .b gcc && make all && apk del .b"),
    "apk-lines": _apk("apk update \\\n && apk add \\\n    # c\n    x \\\n    y \\\n && make all"),
    "apk-function": _apk("f() { apk add $1; }; apk update; f y"),
    "apk-heredoc": _apk("<<EOF\nset -e\napk update\napk add y\nmark\nEOF"),
    "apk-heredoc-no-e": _apk("<<EOF\napk update\napk add y\nEOF"),
    "apk-upgrade": _apk("apk update && apk upgrade && apk add y"),
    "apk-substitution": _apk("apk update && foo $(apk add y)"),
    "apk-shell-e": _apk("foo && apk update; apk add y; mark", setup=BASH_E),
    "apk-case": _apk("apk update; case a in a) apk add y;; esac"),
    # DS101
    "join-set-f": _apt(f"set -f; {CURL} && tar -xf /opt/a.tgz", f"{DEL} /opt/*.log"),
    "join-set-eu": _apt(f"set -eu; {CURL}; tar -xf /opt/a.tgz", f"{DEL} $NONE"),
    "join-set-C": _apt(f"set -C; {CURL}; tar -xf /opt/a.tgz", f"{DEL} && foo > /dev/null"),
    "join-set-e-two": _apt(f"set -e; {CURL}; tar -xf /opt/a.tgz", f"{DEL} && mark"),
    "join-set-e-list": _apt(f"set -e; {CURL}; tar -xf /opt/a.tgz && mark", DEL),
    "join-set-ex-list": _apt(f"set -ex; foo && {CURL}", DEL),
    "join-set-e-late": _apt(f"foo; set -e; {CURL}; mark", DEL),
    "join-set-e-if": _apt(f"set -e; if foo; then {CURL}; mark; fi", DEL),
    "join-set-plus-e": _apt(f"set -e; {CURL}; set +e; foo; mark", DEL),
    "join-set-o-errexit": _apt(f"set -o errexit; {CURL}; mark", DEL),
    "join-shell-e": _apt(f"{CURL}; tar -xf /opt/a.tgz", DEL, setup=BASH_E),
    "join-shell-e-and": _apt(f"{CURL}; tar -xf /opt/a.tgz && mark", f"{DEL} && mark", setup=BASH_E),
    "join-background": _apt(f"{CURL} &", DEL),
    "join-background-wait": _apt(f"{CURL} & wait", DEL),
    "join-background-first": _apt(f"foo & {CURL}", DEL),
    "join-cd": _apt(f"cd / && {CURL}", f"{DEL} bin"),
    "join-cd-second": _apt(CURL, f"cd / && {DEL}"),
    "join-loop": _apt(f"for i in a b; do {CURL} $i; done", f"{DEL} $i"),
    "join-function": _apt(f"rm() {{ mark; }}; {CURL}", DEL),
    "join-variable": _apt(f"A=x; {CURL}", f"{DEL} $A"),
    "join-default-variable": _apt(f"{CURL} ${{A:=x}}", f"{DEL} $A"),
    "join-default-variable-path": _apt(f"foo && {CURL} && foo ${{A=x}}", f"{DEL} $A"),
    "join-arithmetic": _apt(f"{CURL} && foo $((A=1))", f"{DEL} $A"),
    "join-read": _apt(f"{CURL} && read A", f"{DEL} $A"),
    "join-shift": _apt(f"set -- a b; {CURL}", f'{DEL} "$@"'),
    "join-set-word": _apt(f"set a b; {CURL}", f'{DEL} "$@"'),
    "join-status": _apt(f"{CURL}; mark", f"{DEL} $?"),
    "join-bang-pid": _apt(CURL, f"{DEL} $!"),
    "join-underscore": _apt(CURL, f"{DEL} $_"),
    "join-random-args": _apt(CURL, f'{DEL} "$0" "$@"'),
    "join-or": _apt(f"{CURL} || foo", DEL),
    "join-or-second": _apt(CURL, f"{DEL} || true"),
    "join-or-and": _apt(f"foo || bar && {CURL}", DEL),
    "join-chain-second": _apt(CURL, f"{DEL}; mark"),
    "join-trailing": _apt(f"{CURL};", f"{DEL};"),
    "join-pipe": _apt(f"{CURL} | tee log", DEL),
    "join-pipe-second": _apt(CURL, f"{DEL} | tee log"),
    "join-pipe-pipefail": _apt(f"{CURL} | tee log", f"{DEL} && mark", setup=BASH_PIPE),
    "join-if": _apt(f"if foo; then {CURL}; fi", DEL),
    "join-if-second": _apt(CURL, f"if foo; then {DEL}; fi"),
    "join-subshell": _apt(f"(cd / && {CURL})", DEL),
    "join-subshell-set": _apt(f"(set -e; {CURL}; mark)", DEL),
    "join-group": _apt(f"{{ {CURL}; mark; }}", DEL),
    "join-negated": _apt(f"! foo && {CURL}", DEL),
    "join-negated-last": _apt(f"{CURL} && ! foo", DEL),
    "join-negated-second": _apt(CURL, f"! {DEL}"),
    "join-negated-second-list": _apt(CURL, f"! foo && {DEL}"),
    "join-exit": _apt(f"{CURL}; exit 0", DEL),
    "join-exec": _apt(f"exec {CURL}", DEL),
    "join-trap": _apt(f"trap 'mark bye' EXIT; {CURL}", DEL),
    "join-alias": _apt(f"alias rm=foo; {CURL}", DEL),
    "join-umask": _apt(f"umask 000; {CURL}", DEL),
    "join-getopts": _apt(f"getopts a A; {CURL}", f"{DEL} $A"),
    "join-printf-v": _apt(f"printf -v A x; {CURL}", f"{DEL} $A", setup=BASH_NO_E),
    "join-command-cd": _apt(f"command cd /; {CURL}", f"{DEL} b*"),
    "join-command-set": _apt(f"command set -f; {CURL}", f"{DEL} /b*"),
    "join-eval": _apt(f"eval A=1; {CURL}", f"{DEL} $A"),
    "join-hash": _apt(f"hash -p /bin/none rm; {CURL}", DEL, setup=BASH_NO_E),
    "join-enable": _apt(f"enable -n test; {CURL}", f"{DEL} && test -d /", setup=BASH_NO_E),
    "join-set-o-noglob": _apt(f"set -o noglob; {CURL}", f"{DEL} /b*"),
    "join-set-x-f": _apt(f"set -x -f; {CURL}", f"{DEL} /b*"),
    "join-set-exu": _apt(f"set -exu; {CURL}", f"{DEL} $NONE"),
    "join-exec-redirect": _apt(f"exec 3>/dev/null; {CURL}", DEL),
    "join-test-builtin": _apt(f"[ -d / ] && {CURL}", DEL),
    "join-double-bracket": _apt(f"[[ abc =~ b ]] && {CURL}", f"{DEL} $BASH_REMATCH", setup=BASH_NO_E),
    "join-select-case": _apt(f"case a in a) {CURL};; esac", DEL),
    "join-let": _apt(f"let A=1; {CURL}", f"{DEL} $A", setup=BASH_NO_E),
    "join-double-paren": _apt(f"((A=1)); {CURL}", f"{DEL} $A", setup=BASH_NO_E),
    "join-fd-variable": _apt(f"foo {{fd}}>/dev/null; {CURL}", f"{DEL} $fd", setup=BASH_NO_E),
    "join-coproc": _apt(f"coproc foo; {CURL}", DEL, setup=BASH_NO_E),
    "join-lines": _apt(f"{CURL} \\\n  # c\n  && tar -xf /opt/a.tgz \\\n  && mark", f"{DEL} \\\n && make all"),
    "join-comment": _apt(f"{CURL} # why", DEL),
    "join-comment-second": _apt(CURL, f"{DEL} # why"),
    "join-wait": _apt(CURL, f"wait && {DEL}"),
    "join-second-set": _apt(CURL, f"set -e && {DEL} && mark"),
    "join-second-set-f": _apt(CURL, f"set -f && {DEL} /b*"),
    "join-second-exit": _apt(CURL, f"{DEL} && exit 0"),
    "join-three": _apt(CURL, DEL, "make all"),
    "join-apt": _apt(f"{UP} && {IN} x && {CURL}", f"{DEL} && make all"),
    "join-apt-set-e": _apt(f"set -e; {UP}; {IN} x; {CURL}", DEL),
    "join-apt-set-e-if": _apt(f"set -e; {UP}; {IN} x; if foo; then {CURL}; mark; fi", DEL),
    # pip
    "pip-set-e": _pip("set -e; pip install x; make all"),
    "pip-if": _pip("if foo; then pip install x; else pip install y; fi"),
    "pip-pipe": _pip("pip install x | tee log"),
    "pip-for": _pip("for p in a b; do pip install $p; done"),
    "pip-quoted": _pip("pip install 'x>1' && make all"),
    "pip-lines": _pip("pip install \\\n    # c\n    x \\\n    y"),
    "pip-substitution": _pip("foo $(pip install x)"),
    "pip-heredoc": _pip("<<EOF\nset -e\npip install x\nmark\nEOF"),
}  # fmt: skip


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World(NAMES, real_shells=True)
    yield made
    made.close()


@cache
def variants(text: str) -> tuple[str, ...]:
    """Return the text after each fix alone, and after all of them."""
    dockerfile = parse(text)
    alone = [apply(text, [each.fix]) for each in check(dockerfile).findings if each.fix is not None]
    found = dict.fromkeys([*alone, fix_text(text, unsafe=True).text])
    return tuple(each for each in found if each != text)


def _is_ordered(script: str) -> bool:
    """Tell whether the calls come in one order: not where they run side by side, nor where a trap comes last."""
    return re.search(r"(?<!\|)\|(?!\|)|(?<![&>])&(?![&>])|coproc|trap", script) is None


def _compare(
    world: World,
    old: list[Process],
    new: list[Process],
    env: dict[str, str],
    *,
    ordered: bool,
    promised: Promised | None = None,
) -> list[str]:
    """Compare; where commands run side by side, what a race made is not there the next time."""
    found: list[str] = []
    for _ in range(1 if ordered else 4):
        found = compare(world, old, new, env, ordered=ordered, promised=promised)
        if not found:
            break
    return found


def _trouble(world: World, text: str, sh: str) -> str:
    before = parse(text)
    old = list(processes(before, sh))
    trouble = []
    for fixed in variants(text):
        new = list(processes(parse(fixed), sh))
        assert None not in old
        assert None not in new
        found = _compare(world, old, new, {}, ordered=_is_ordered(text))  # type: ignore[arg-type]
        trouble += [f"    {each}\n        in {fixed!r}" for each in found]
    return "\n".join([repr(text), *trouble]) if trouble else ""


ALL = {**PLAIN, **HARD}


@pytest.mark.slow
@table("text", ALL)
def test_a_fix_keeps_statuses_and_calls(world: World, text: str) -> None:
    trouble = _trouble(world, text, DASH)
    assert not trouble, trouble


@pytest.mark.slow
@table("text", {name: text for name, text in ALL.items() if "SHELL [" not in text})
def test_a_fix_keeps_statuses_and_calls_where_sh_is_bash(world: World, text: str) -> None:
    trouble = _trouble(world, text, str(world.posix_bash))
    assert not trouble, trouble


# What fills something that another fix empties, takes away or leaves out; `mark` and `foo` are other commands.
FILLERS = {
    "npm": ("FROM node:22\n", "npm ci"),
    "yum": ("FROM centos:7\n", "yum install -y x"),
    "composer": ("FROM php:8.2-cli\n", "composer install"),
    "poetry": ("FROM python:3.12\n", "poetry install"),
    "archive": ("FROM debian:12-slim\n", "curl -O https://e.org/a.tgz && tar xzf a.tgz"),
    "browser": ("FROM python:3.12\n", "playwright install --with-deps chromium"),
}
CONSTRUCTS = (
    "F; mark", "F && mark", "F || true", "foo || F", "foo || F && mark", "F || exit 1; mark",
    "F || { mark; exit 3; }", "(F || exit 7); mark", "foo && F || bar", "(F) && mark", "(set -e; F; mark)",
    "set -e; foo; (F)", "{ F; } || true", "F & wait $!", "foo & F; wait", "F; foo &", "(F) & wait",
    "if foo; then F; else mark; fi", "if F; then mark; fi", "if ! F; then exit 1; fi", "foo && if bar; then F; fi",
    "if foo; then F; fi || bar", "[ -f /none ] && F", "[ -f /none ] || F", "for i in a b; do F || exit 1; done",
    "for i in 1 2; do F && break || sleep 1; done", "for i in a b; do F || continue; mark; done",
    "while ! F; do sleep 1; break; done", "! F", "foo && ! F", "F; ! foo", "F | tee log", "echo y | F",
    "set -o pipefail; foo && F | tee log && mark", "X=$(F); mark", "mark $(F)", "trap 'mark bye' EXIT; F",
    "set -e; trap 'mark bye' EXIT; F; foo", "set -e; F; trap - EXIT", "F; exit $?", "foo || exit 0; F",
    "foo; if bar; then exit 0; fi; F", "F && exec mark", "F; R=$?; mark $R; exit $R", "F; test -f /none",
    "set -e; foo; set +e; F; mark", "f() { F; mark; }; set -e; f && mark 2", "f() { F || return 1; }; f",
    "bash -c 'F'", "sh -ec 'F; mark'", "eval 'F'", "F; foo | bar", "set -e; F; foo | bar", "set -e; F; foo && bar",
    "set -e; F; foo || bar", "set -e; F; [ -f /none ] && mark; true", "set -e; for i in a b; do F; mark $i; done",
    "F; for i in a b; do mark $i; done", "<<EOF\nset -e\nX=1\nF\nmark \\$X\nEOF", "<<'EOF'\nX=1\nF\nmark $X\nEOF",
    "<<EOF\nF\nexit 0\nEOF", "cat <<EOF && F\nhi $X\nEOF", "set -e; if foo; then F; fi", "set -e; { foo && F; }",
    "{ F; mark; } > /dev/null",
)  # fmt: skip
SHELLS = ("", BASH_PIPE)


@pytest.mark.slow
@table(("base", "filler"), FILLERS)
def test_a_fix_of_any_rule_keeps_statuses_and_calls(base: str, filler: str) -> None:
    tools = {"npm", "yum", "composer", "poetry", "playwright", "yes"}
    world = World({*NAMES, *tools}, real_shells=True)
    trouble, count = [], 0
    try:
        for setup, construct in ((setup, construct) for setup in SHELLS for construct in CONSTRUCTS):
            script = re.sub(r"\bF\b", filler.replace("\\", r"\\"), construct)
            text = f"{base}{setup}RUN {script}\n"
            dockerfile = parse(text)
            old = [each for each in processes(dockerfile) if each is not None]
            for finding in check(dockerfile).findings:
                if finding.fix is None:
                    continue
                count += 1
                fixed = apply(text, [finding.fix])
                new = [each for each in processes(parse(fixed)) if each is not None]
                promised = Promised.by(finding.fix)
                found = _compare(world, old, new, {}, ordered=_is_ordered(script), promised=promised)
                trouble += [f"{each}\n    in {fixed!r}" for each in found]
    finally:
        world.close()
    assert count > len(CONSTRUCTS) // 4
    assert not trouble, "\n".join(trouble)


def test_most_plain_cases_get_a_fix(capsys: pytest.CaptureFixture[str]) -> None:
    plain = [name for name, text in PLAIN.items() if variants(text)]
    hard = [name for name, text in HARD.items() if variants(text)]
    with capsys.disabled():
        print(f"\nfixes: {len(plain)} of {len(PLAIN)} plain cases, {len(hard)} of {len(HARD)} hard ones")
    assert len(plain) >= len(PLAIN) - 3, sorted(set(PLAIN) - set(plain))
    assert len(hard) >= len(HARD) // 4


@dataclass(frozen=True)
class _Change:
    name: str
    before: Dockerfile
    after: Dockerfile
    fix: Fix


_HARMLESS = re.compile(r"[0-9]?>>?\s*/dev/null|[0-9]?>&[0-9]|&>\s*/dev/null|[-=]>")
_UNRUNNABLE = frozenset(
    {".", "source", "eval", "exec", "command", "builtin", "enable", "hash", "kill", "ulimit", "time"}
)
_ENV = re.compile(r"PATH|IFS|STUB|BASH|^ENV$|^PS\d|^LD_|SHELLOPTS|^HOME$|^PWD$|^OLDPWD$")
# Nothing is where a script would go; it is told that it went there.
_PRELUDE = 'cd() { stub-cd "$@"; }; pushd() { stub-cd "$@"; }; popd() { stub-cd "$@"; }\n'


def _is_runnable(run: Instruction) -> bool:
    """Tell whether a RUN may be run among stubs: only plain names, no file written or read, nothing that escapes."""
    script = run.script
    text = run.arguments + "".join(each.body.of(run.document) for each in run.heredocs)
    if not script.parsed or not script.commands or _ENV.search(text) or re.search(r"[<>]", _HARMLESS.sub("", text)):
        return False
    for command in script.commands:
        first = command.words[0]
        if not first.literal or "/" in first.text or not first.text or first.text in _UNRUNNABLE:
            return False
        if {*command.wrappers} & _UNRUNNABLE:
            return False
        if not re.fullmatch(r"[\w.+-]+|\[{1,2}|[A-Za-z_]\w*\+?=.*", first.text, re.DOTALL):
            return False
    return True


def _changed_runs(change: _Change) -> tuple[list[Instruction], list[Instruction]]:
    """Return the RUNs between the first and the last that a fix touches."""
    old = [run for stage in change.before.stages for run in stage.runs()]
    new = [run for stage in change.after.stages for run in stage.runs()]
    start = 0
    while start < min(len(old), len(new)) and old[start].value == new[start].value:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end].value == new[-1 - end].value:
        end += 1
    return old[start : len(old) - end], new[start : len(new) - end]


def _sample() -> Iterator[_Change]:
    files = corpus_texts()
    random.Random(20240501).shuffle(files)  # noqa: S311 - a sample, always the same
    for name, text in files:
        try:
            before = parse(text)
        except DockerfileError:
            continue
        fixes = [each for each in check(before).findings if each.fix is not None]
        for finding in fixes[:3]:
            assert finding.fix is not None
            if not _is_in_the_shell(finding.fix):
                continue
            change = _Change(f"{name} {finding.code}", before, parse(apply(text, [finding.fix])), finding.fix)
            old, new = _changed_runs(change)
            if old and len(old) <= 4 and all(not each.heredocs and _is_runnable(each) for each in (*old, *new)):
                yield change


def _is_in_the_shell(fix: Fix) -> bool:
    """Tell whether a fix changes commands only, into others of the same program with words that nothing expands."""
    programs = {command[0] for command in fix.added}
    if fix.removed and programs and programs.isdisjoint(command[0] for command in fix.removed):
        return False
    commands = [each for each in (*fix.removed, *fix.added) if " ".join(each) != CLEANUP]
    words = [word for command in commands for word in command]
    return not fix.removed_instructions and not any(char in word for word in words for char in '$`*~?{"')


def _environment(dockerfile: Dockerfile, run: Instruction) -> dict[str, str]:
    for stage in dockerfile.stages:
        if run in stage.instructions:
            scope = dockerfile.scope(stage, run)
            return {
                name: value or "1"
                for name, value in {**scope.args, **scope.env}.items()
                if re.fullmatch(r"[A-Za-z_]\w*", name) and not _ENV.search(name) and "\0" not in (value or "")
            }
    return {}


def _of(dockerfile: Dockerfile, wanted: list[Instruction], sh: str) -> list[Process] | None:
    found = []
    runs = [run for stage in dockerfile.stages for run in stage.runs()]
    for run, process in zip(runs, processes(dockerfile, sh, _PRELUDE), strict=True):
        if any(run is each for each in wanted):
            if process is None:
                return None
            found.append(process)
    return found


@pytest.mark.slow
def test_fixes_of_the_corpus_keep_statuses_and_calls(capsys: pytest.CaptureFixture[str]) -> None:
    changes = []
    for change in _sample():
        changes.append(change)
        if len(changes) == 150:
            break
    assert len(changes) == 150
    pairs = [(change, *_changed_runs(change)) for change in changes]
    names = {
        command.wrappers[0] if command.wrappers else command.texts[0]
        for _, old, new in pairs
        for run in (*old, *new)
        for command in run.commands
    }
    names = {name for name in names if re.fullmatch(r"[\w.+-]+", name)}
    world = World({*NAMES, *names, "stub-cd"}, real_shells=False)
    trouble = []
    unlike = 0
    try:
        for change, old, new in pairs:
            before, after = _of(change.before, old, DASH), _of(change.after, new, DASH)
            if before is None or after is None:
                unlike += 1
                continue
            env = _environment(change.before, old[0])
            ordered = all(_is_ordered(run.arguments) for run in old)
            found = _compare(world, before, after, env, ordered=ordered, promised=Promised.by(change.fix))
            if found:
                trouble.append("\n".join([change.name, *(run.arguments for run in old), "->"]
                                         + [run.arguments for run in new] + found[:4]))  # fmt: skip
    finally:
        world.close()
    with capsys.disabled():
        print(f"\n{len(pairs)} fixes of the corpus run, {unlike} of another shell")
    assert unlike < 30
    assert not trouble, "\n\n".join(trouble)
