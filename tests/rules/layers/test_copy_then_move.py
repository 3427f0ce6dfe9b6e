"""copy-then-move."""

from __future__ import annotations

from tests.rules.cases import findings, rule_test

CODE = "DS105"
D = "FROM debian:12\n"
SILENT = {
    "small-file": D + "COPY run.sh /\nRUN mv /run.sh /usr/bin/run\n",
    "part-of-a-tree": D + "COPY . /app\nRUN mv /app/conf /etc/app\n",
    "another-path": D + "COPY . /app\nRUN mv /data /srv\n",
    "copied-afterwards": D + "RUN mv /app /srv\nCOPY . /app\n",
    "conditional": D + "COPY . /app\nRUN if x; then mv /app /srv; fi\n",
    "copied-on-and-deleted": D + "COPY . /app\nRUN cp -r /app /srv && rm -rf /app\n",
    "copied-on-and-deleted-there": D + "WORKDIR /w\nCOPY . /app\nRUN cp -r /app src/app && make && rm -rf /w\n",
    "linked": D + "COPY . /app\nRUN cp -rl /app /srv\n",
    "single-file-copied-on": D + "COPY a.jar /app/\nRUN cp /app/a.jar /srv\n",
    "configuration": D + "COPY conf /etc/app\nRUN mv /etc/app /etc/b\n",
    "stage-not-shipped": "FROM debian:12 AS b\nCOPY . /app\nRUN mv /app /srv\n" + D + "COPY --from=b /srv /srv\n",
    "pragma": D + "COPY . /app\n# dockslim ignore=DS105\nRUN mv /app /srv\n",
    "powershell": D + 'SHELL ["pwsh"]\nCOPY . /app\nRUN mv /app /srv\n',
    "target-moved-away-first": D + "COPY . /app\nRUN mv /srv/app /srv/old && mv /app /srv/app\n",
    "target-written-between": D + "COPY . /app\nRUN install.sh /srv/app\nRUN mv /app /srv/app\n",
    "onbuild": D + "COPY . /app\nONBUILD RUN mv /app /srv\n",
}
FIRES = {
    "target-used-below": D + "COPY . /app\nRUN mv /app /srv/app && ls /srv/app\n",
    "tree": D + "COPY . /app\nRUN mv /app /srv/app\n",
    "content-of-a-tree": D + "COPY src /tmp/src\nRUN mkdir /x && mv /tmp/src/* /x/\n",
    "relative": D + "WORKDIR /w\nCOPY . app\nRUN mv app ../srv\n",
    "behind-cd": D + "COPY src /tmp/src\nRUN cd /tmp && mv src /x\n",
    "large-file": D + "COPY --from=b /out/a.jar /tmp/\nRUN mv /tmp/a.jar /srv/a.jar\n",
    "copied-on": D + "COPY . /app\nRUN cp -a /app /srv\n",
    "variable": D + "ENV A=/app\nCOPY . $A\nRUN mv $A /srv\n",
    "with-an-option": D + "COPY . /app\nRUN mv -f /app /srv\n",
    "crlf": "FROM debian:12\r\nCOPY . /app\r\nRUN mv /app /srv\r\n",
}

test_cases = rule_test(CODE, SILENT, {name: (text, None) for name, text in FIRES.items()})


def test_brings_the_copy() -> None:
    (found,) = findings(CODE, D + "COPY --link . /app\nRUN mv /app /srv/app\n")
    assert found.snippet is not None
    assert found.snippet.text == "COPY --link . /srv/app"


def test_a_mode_has_to_come_with_the_copy() -> None:
    (found,) = findings(CODE, D + "ADD https://e.com/a.phar /\nRUN chmod +x /a.phar; mv /a.phar /usr/bin/a\n")
    assert "with the mode that `chmod` sets" in found.reason
    assert found.snippet is None
