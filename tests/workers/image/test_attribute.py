"""Which line made which layer: in the histories that builders write, and never where one does not fit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.dockerfile import parse
from workers.image import Image, Layer, attribute
from workers.image.model import Step
from workers.image.tar import Contents

Told = list[tuple[int, int] | None]


def image_of(history: list[Step]) -> Image:
    """Return an image that was built so, one layer for each entry that is not empty."""
    layers = tuple(Layer("sha256:0", step.created_by, None, Contents()) for step in history if not step.is_empty)
    return Image("sha256:0", "linux/amd64", layers, tuple(history))


def read(text: str, comment: str = "") -> list[Step]:
    """Return a history written down as lines: `L` in front of what made a layer, `-` of what made none."""
    return [Step(line[2:].replace("\\n", "\n"), line.startswith("-"), comment) for line in text.strip("\n").split("\n")]


def lines_of(dockerfile: str, history: list[Step], target: str | None = None) -> Told:
    """Return the first and the last line of each layer."""
    found = attribute(image_of(history), parse(dockerfile), target)
    assert found.base is None or found.origins[: found.base] == (None,) * found.base
    return [(origin.line, origin.end_line) if origin is not None else None for origin in found.origins]


ALL = r"""ARG BASE=bb:1
FROM $BASE AS one
ONBUILD RUN echo triggered > /trigger
ONBUILD ENV FROMTRIGGER=1
RUN echo "one" > /one \
    # a comment
    && echo two \
       > /two
FROM one AS two
ARG VERSION=3 OTHER=4 NONE
ENV A=1 B="two words"
LABEL x=y z="1 2"
MAINTAINER somebody
RUN --mount=type=cache,target=/c echo $VERSION > /version
RUN ["echo", "exec form"]
RUN true
WORKDIR /srv/app
COPY --from=one /one /srv/one
COPY --chown=1:1 f f2 ./
ADD r.tar /unpacked/
EXPOSE 80 443/udp
VOLUME /data
USER 1000
HEALTHCHECK CMD echo ok
STOPSIGNAL 9
SHELL ["/bin/busybox", "sh", "-c"]
RUN echo other shell
ENTRYPOINT ["sh"]
CMD echo hello
"""
# What the builder in Docker Engine 20.10.24, BuildKit in the same, and buildah 1.28.2 wrote for this file.
CLASSIC = r"""
L
- /bin/sh -c #(nop)  ONBUILD RUN echo triggered > /trigger
- /bin/sh -c #(nop)  ONBUILD ENV FROMTRIGGER=1
L /bin/sh -c echo "one" > /one     && echo two        > /two
L /bin/sh -c echo triggered > /trigger
- /bin/sh -c #(nop)  ENV FROMTRIGGER=1
- /bin/sh -c #(nop)  ARG VERSION=3
- /bin/sh -c #(nop)  ENV A=1 B=two words
- /bin/sh -c #(nop)  LABEL x=y z=1 2
- /bin/sh -c #(nop)  MAINTAINER somebody
L |1 VERSION=3 /bin/sh -c echo $VERSION > /version
- |1 VERSION=3 echo exec form
- |1 VERSION=3 /bin/sh -c true
L /bin/sh -c #(nop) WORKDIR /srv/app
L /bin/sh -c #(nop) COPY file:42167350d88925eed8e01d24d5b71aa543118fc3a5ca2b6908edf75703b15914 in /srv/one
L /bin/sh -c #(nop) COPY --chown=1:1multi:3bbbb3c8ced92d779f7cca7a267f3f367ecbfb13d31f3d149cf90f56edd856d7 in ./
L /bin/sh -c #(nop) ADD file:8f14a1d62f5d46797f7d691b2822c60c83d8b7e16ad75ca07ecdeea4b746a23b in /unpacked/
- /bin/sh -c #(nop)  EXPOSE 443/udp 80
- /bin/sh -c #(nop)  VOLUME [/data]
- /bin/sh -c #(nop)  USER 1000
- /bin/sh -c #(nop)  HEALTHCHECK &{["CMD-SHELL" "echo ok"] "0s" "0s" "0s" '\x00'}
- /bin/sh -c #(nop)  STOPSIGNAL 9
- /bin/busybox sh -c #(nop)  SHELL [/bin/busybox sh -c]
L |1 VERSION=3 /bin/busybox sh -c echo other shell
- /bin/busybox sh -c #(nop)  ENTRYPOINT ["sh"]
- /bin/busybox sh -c #(nop)  CMD ["/bin/busybox" "sh" "-c" "echo hello"]
"""
BUILDKIT = r"""
L
L RUN /bin/sh -c echo "one" > /one     && echo two        > /two # buildkit
L RUN /bin/sh -c echo triggered > /trigger # buildkit
- ENV FROMTRIGGER=1
- ARG VERSION=3 OTHER=4 NONE
- ENV A=1 B=two words
- LABEL x=y z=1 2
- MAINTAINER somebody
L RUN |3 VERSION=3 OTHER=4 NONE= /bin/sh -c echo $VERSION > /version # buildkit
L RUN |3 VERSION=3 OTHER=4 NONE= echo exec form # buildkit
L RUN |3 VERSION=3 OTHER=4 NONE= /bin/sh -c true # buildkit
L WORKDIR /srv/app
L COPY /one /srv/one # buildkit
L COPY f f2 ./ # buildkit
L ADD r.tar /unpacked/ # buildkit
- EXPOSE map[443/udp:{} 80/tcp:{}]
- VOLUME [/data]
- USER 1000
- HEALTHCHECK &{["CMD-SHELL" "echo ok"] "0s" "0s" "0s" '\x00'}
- STOPSIGNAL 9
- SHELL [/bin/busybox sh -c]
L RUN |3 VERSION=3 OTHER=4 NONE= /bin/busybox sh -c echo other shell # buildkit
- ENTRYPOINT ["sh"]
- CMD ["/bin/busybox" "sh" "-c" "echo hello"]
"""
BUILDAH = r"""
L
- /bin/sh -c #(nop) ONBUILD RUN echo triggered > /trigger
- /bin/sh -c #(nop) ONBUILD ENV FROMTRIGGER=1
L /bin/sh -c echo "one" > /one     && echo two        > /two
L /bin/sh -c echo triggered > /trigger
- /bin/sh -c #(nop) ENV FROMTRIGGER=1
- /bin/sh -c #(nop) ARG VERSION
- /bin/sh -c #(nop) ENV A=1 B="two words"
- /bin/sh -c #(nop) LABEL x=y z="1 2"
- /bin/sh -c #(nop) MAINTAINER somebody
L |1 VERSION=3 /bin/sh -c --mount=type=cache,target=/c echo $VERSION > /version
L |1 VERSION=3 /bin/sh -c ["echo", "exec form"]
L |1 VERSION=3 /bin/sh -c true
- /bin/sh -c #(nop) WORKDIR /srv/app
L /bin/sh -c #(nop) COPY file:254179255aa30057f250569d27e0a2b188228cf7f7b4ec25e4091077146c5295 in /srv/one
L /bin/sh -c #(nop) COPY multi:c141f9f58e353b6a932a129e17702084eba8f571c33d3b6169db94a84799f2eb in ./
L /bin/sh -c #(nop) ADD file:99bb0479e90256b310c292e76bca61d921ef79ced42d0d767d820f5bb7adf386 in /unpacked/
- /bin/sh -c #(nop) EXPOSE 80 443/udp
- /bin/sh -c #(nop) VOLUME /data
- /bin/sh -c #(nop) USER 1000
- /bin/sh -c #(nop) HEALTHCHECK CMD echo ok
- /bin/sh -c #(nop) STOPSIGNAL 9
- /bin/sh -c #(nop) SHELL ["/bin/busybox", "sh", "-c"]
L |1 VERSION=3 /bin/sh -c echo other shell
- /bin/sh -c #(nop) ENTRYPOINT ["sh"]
- /bin/sh -c #(nop) CMD echo hello
"""
WRITTEN: Told = [(5, 8), (3, 3)]
BUILT: dict[str, tuple[list[Step], Told]] = {
    "classic": (read(CLASSIC), [None, *WRITTEN, *((line, line) for line in (14, 17, 18, 19, 20, 27))]),
    "BuildKit": (
        read(BUILDKIT, "buildkit.dockerfile.v0"),
        [None, *WRITTEN, *((line, line) for line in (14, 15, 16, 17, 18, 19, 20, 27))],
    ),
    "buildah": (
        read(BUILDAH, "FROM 0123456789ab"),
        [None, *WRITTEN, *((line, line) for line in (14, 15, 16, 18, 19, 20, 27))],
    ),
}


@pytest.mark.parametrize(("history", "expected"), list(BUILT.values()), ids=list(BUILT))
def test_as_builders_write_it(history: list[Step], expected: Told) -> None:
    assert lines_of(ALL, history) == expected
    assert lines_of(ALL, history, "two") == expected


@pytest.mark.parametrize("history", [each[0] for each in BUILT.values()], ids=list(BUILT))
@pytest.mark.parametrize("change", [
    ALL.replace("echo two", "echo three"),
    ALL.replace("RUN true\n", ""),
    ALL.replace("RUN true\n", "RUN true\nRUN true\n"),
    ALL.replace("USER 1000\n", ""),
    ALL.replace("ADD r.tar", "COPY r.tar"),
    ALL.replace("$BASE", "scratch"),
    ALL.replace("WORKDIR", "ENV"),
    ALL.replace("FROM one AS two", "FROM bb:1 AS two"),
], ids=["RUN", "fewer", "more", "no USER", "COPY", "scratch", "ENV", "another base"])  # fmt: skip
def test_of_another_dockerfile_nothing_is_said(change: str, history: list[Step]) -> None:
    if "FROM bb:1 AS two" in change:
        # What stands above is the base image's then, and the lines below are right all the same.
        assert {line for line in lines_of(change, history) if line} <= {(line, line) for line in range(14, 28)}
        return
    assert set(lines_of(change, history)) == {None}


HEREDOCS = """FROM debian
RUN <<EOF
echo one
echo two
EOF
COPY <<EOF /etc/one.conf
setting
EOF
COPY <<ONE <<TWO /etc/
1
ONE
2
TWO
RUN cat <<EOF > /x && echo two
one
EOF
"""
TARGETS = """ARG A=debian
ARG B=first
FROM $A AS first
RUN make first
FROM ${B} AS Second
RUN make second
FROM debian AS other
RUN make other
FROM second
RUN make last
"""
CASES: dict[str, tuple[str, str, str | None, Told]] = {
    "heredocs": (
        HEREDOCS,
        r"""
L # debian.sh --arch 'amd64' out/ 'bookworm' '@1749513600'
L RUN /bin/sh -c echo one\necho two\n # buildkit
L COPY EOF /etc/one.conf # buildkit
L COPY ONE TWO /etc/ # buildkit
L RUN /bin/sh -c cat <<EOF > /x && echo two\none\nEOF # buildkit""",
        None,
        [None, (2, 5), (6, 8), (9, 13), (14, 16)],
    ),
    "ARG in FROM, a stage on a stage on a stage": (
        TARGETS,
        "L base\nL RUN /bin/sh -c make first # buildkit\nL RUN /bin/sh -c make second # buildkit\n"
        "L RUN /bin/sh -c make last # buildkit",
        None,
        [None, (4, 4), (6, 6), (10, 10)],
    ),
    "a stage in between": (
        TARGETS,
        "L base\nL RUN /bin/sh -c make first # buildkit\nL RUN /bin/sh -c make second # buildkit",
        "second",
        [None, (4, 4), (6, 6)],
    ),
    "a stage by its number": (TARGETS, "L base\nL RUN /bin/sh -c make other # buildkit", "2", [None, (8, 8)]),
    "a stage that is not there": (TARGETS, "L base\nL RUN /bin/sh -c make last # buildkit", "fourth", [None, None]),
    "another stage than was built": (TARGETS, "L base\nL RUN /bin/sh -c make other # buildkit", None, [None, None]),
    "an ONBUILD of the base image": (
        "FROM base-with-onbuild\nRUN make\n",
        'L RUN base\n- CMD ["sh"]\nL RUN /bin/sh -c triggered # buildkit\nL RUN /bin/sh -c make # buildkit',
        None,
        [None, None, (2, 2)],
    ),
    "from scratch": (
        'FROM scratch\nCOPY a /\nRUN ["/a"]\n',
        "L COPY a / # buildkit\nL RUN /a # buildkit",
        None,
        [(2, 2), (3, 3)],
    ),
    "two layers of one base": (
        "FROM x\nRUN a\n",
        "L 1\n- CMD x\nL 2\nL RUN /bin/sh -c a # buildkit",
        None,
        [None, None, (2, 2)],
    ),
    "nothing of its own": ("FROM x\n", "L 1\n- CMD x", None, [None]),
    "only what makes no layer": ("FROM x\nENV A=1\n", "L 1\n- ENV A=1", None, [None]),
    "a build argument with a shell in it": (
        "FROM x\nARG A\nRUN make $A\n",
        "L 1\n- ARG A=/bin/sh -c x\nL RUN |1 A=/bin/sh -c x /bin/sh -c make $A # buildkit",
        None,
        [None, None],
    ),
    "PowerShell": (
        'FROM x\nSHELL ["powershell", "-Command"]\nRUN Get-Item\n',
        "L 1\n- SHELL [powershell -Command]\nL RUN powershell -Command Get-Item # buildkit",
        None,
        [None, (3, 3)],
    ),
    "lower case": (
        "from x\nrun make\nCopy a b\n",
        "L 1\nL RUN /bin/sh -c make # buildkit\nL COPY a b # buildkit",
        None,
        [None, (2, 2), (3, 3)],
    ),
    "docker build --squash": ("FROM x\nRUN a\nRUN b\n", "- 1\n- /bin/sh -c a\n- /bin/sh -c b\nL ", None, [None]),
    "no history": ("FROM scratch\nRUN a\n", "- ", None, []),
    "a layer of CMD": ("FROM x\nRUN a\nCMD b\n", "L 1\n- /bin/sh -c a\nL /bin/sh -c #(nop) CMD b", None, [None, None]),
}


@pytest.mark.parametrize(("dockerfile", "history", "target", "expected"), list(CASES.values()), ids=list(CASES))
def test_shapes(dockerfile: str, history: str, target: str | None, expected: Told) -> None:
    assert lines_of(dockerfile, read(history), target) == expected


def test_a_layer_of_several_instructions_is_nobodys() -> None:
    """buildah without --layers writes all but the last instruction down as empty."""
    dockerfile = "FROM x\nRUN a\nENV A=1\nRUN b\n"
    squashed = [
        Step("base", False),
        Step("/bin/sh -c a", True),
        Step("/bin/sh -c #(nop) ENV A=1", True),
        Step("/bin/sh -c b", False, "FROM localhost/x"),
    ]
    assert lines_of(dockerfile, squashed) == [None, None]


def test_layers_without_history() -> None:
    """As bazel and ko make them: how many belong to the base image is not known."""
    layers = tuple(Layer("sha256:0", None, None, Contents()) for _ in range(3))
    image = Image("sha256:0", "linux/amd64", layers, (Step("RUN /bin/sh -c make # buildkit", False),))
    assert attribute(image, parse("FROM x\nRUN make\n")).origins == (None, None, None)


Form = Callable[[str, str], str]
FORMS: dict[str, Form] = {
    "classic": lambda keyword, rest: "/bin/sh -c " + (rest if keyword == "RUN" else f"#(nop) {keyword} {rest}"),
    "buildkit": lambda keyword, rest: f"RUN /bin/sh -c {rest} # buildkit" if keyword == "RUN" else f"{keyword} {rest}",
}
STEPS = st.lists(st.sampled_from(("RUN", "RUN", "COPY", "ENV", "WORKDIR", "CMD")), min_size=1, max_size=8)


@given(
    keywords=STEPS,
    below=st.integers(0, 4),
    form=st.sampled_from(sorted(FORMS)),
    folds=st.integers(0, 3),
    without=st.integers(0, 30),
)
def test_right_or_not_at_all(keywords: list[str], below: int, form: str, folds: int, without: int) -> None:
    """Where an entry is missing from the history, no layer is given another line than its own."""
    text, history, truth = "FROM base\n", [Step(f"RUN base {at}", False) for at in range(below)], [None] * below
    line = 2
    known: Told = list(truth)
    for at, keyword in enumerate(keywords):
        rest = {"RUN": f"make step{at}", "CMD": '["x"]'}.get(keyword, f"a{at} /b{at}")
        fold = " \\\n # why\n".join(["", *[""] * folds]) if keyword == "RUN" else ""
        text += f"{keyword} {fold}{rest}\n"
        end = line + 2 * folds if keyword == "RUN" else line
        is_empty = keyword in ("ENV", "CMD")
        history.append(Step(FORMS[form](keyword, rest), is_empty))
        if not is_empty:
            known.append((line, end))
        line = end + 1
    assert lines_of(text, history) == known
    if without < len(history):
        gone = history.pop(without)
        if not gone.is_empty:
            known.pop(sum(not step.is_empty for step in history[:without]))
        for found, true in zip(lines_of(text, history), known, strict=True):
            assert found in (None, true)
