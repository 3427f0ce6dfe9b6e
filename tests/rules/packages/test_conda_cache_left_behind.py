"""conda-cache-left-behind."""

from __future__ import annotations

from rules.fix import Applicability, apply
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS220"
P = "FROM continuumio/miniconda3:24.7.1-0\n"
INSTALL = "conda install -y numpy"
SILENT = {
    "clean-afy": P + f"RUN {INSTALL} && conda clean -afy\n",
    "clean-all": P + f"RUN {INSTALL} && conda clean --all -f -y\n",
    "clean-options-first": P + f"RUN {INSTALL} && conda clean -y --tarballs\n",
    "clean-tipsy": P + f"RUN {INSTALL} && conda clean -tipsy\n",
    "clean-tip": P + f"RUN {INSTALL} && conda clean -tipy\n",
    "clean-of-the-other-tool": P + "RUN mamba install -y numpy && conda clean -afy\n",
    "rm-packages": P + f"RUN {INSTALL} && rm -rf /opt/conda/pkgs\n",
    "rm-packages-glob": P + f"RUN {INSTALL} && rm -rf /opt/conda/pkgs/*\n",
    "rm-packages-variable": P + f'RUN {INSTALL} && rm -rf "$CONDA_DIR/pkgs"\n',
    "find-delete": P + f"RUN {INSTALL} && find /opt/conda/pkgs -name '*.conda' -delete\n",
    "script-that-cleans": P + f"RUN {INSTALL} && clean-layer.sh\n",
    "mount": P + f"RUN --mount=type=cache,target=/opt/conda/pkgs {INSTALL}\n",
    "mount-of-a-user": P + f"RUN --mount=type=cache,target=/home/u/.mamba/pkgs {INSTALL}\n",
    "dry-run": P + "RUN conda install --dry-run numpy\n",
    "help": P + "RUN conda install --help\n",
    "info": P + "RUN conda info && conda config --add channels conda-forge && conda init\n",
    "remove": P + "RUN conda remove -y numpy\n",
    "env-list": P + "RUN conda env list\n",
    "echo": P + "RUN echo conda install numpy\n",
    "conda-build": P + "RUN conda-build install\n",
    "not-shipped": P.replace("\n", " AS b\n") + f"RUN {INSTALL}\nFROM debian:12\nCOPY --from=b /opt /opt\n",
    "powershell": P + f'SHELL ["powershell"]\nRUN {INSTALL}\n',
    "onbuild": P + f"ONBUILD RUN {INSTALL}\n",
    "python-heredoc": P + "RUN python3 <<EOF\nprint('conda install numpy')\nEOF\n",
    "pragma": P + f"# dockslim ignore=DS220\nRUN {INSTALL}\n",
}
FIXED = {
    "plain": (P + f"RUN {INSTALL}\n", P + f"RUN {INSTALL} && conda clean -afy\n"),
    "untagged": (
        f"FROM continuumio/anaconda3\nRUN {INSTALL}\n",
        f"FROM continuumio/anaconda3\nRUN {INSTALL} && conda clean -afy\n",
    ),
    "conda-of-unknown-age": (
        f"FROM ubuntu:16.04\nRUN {INSTALL}\n",
        f"FROM ubuntu:16.04\nRUN {INSTALL} && conda clean --all --yes\n",
    ),
    "conda-4.5": (
        f"FROM continuumio/miniconda3:4.5.12\nRUN {INSTALL}\n",
        f"FROM continuumio/miniconda3:4.5.12\nRUN {INSTALL} && conda clean --all --yes\n",
    ),
    "anaconda-5": (
        f"FROM continuumio/anaconda3:5.3.0\nRUN {INSTALL}\n",
        f"FROM continuumio/anaconda3:5.3.0\nRUN {INSTALL} && conda clean --all --yes\n",
    ),
    "env-create": (
        P + "RUN conda env create -f env.yml\n",
        P + "RUN conda env create -f env.yml && conda clean -afy\n",
    ),
    "env-update": (
        P + "RUN conda env update -n base -f env.yml\n",
        P + "RUN conda env update -n base -f env.yml && conda clean -afy\n",
    ),
    "mamba": (P + "RUN mamba create -n a x\n", P + "RUN mamba create -n a x && mamba clean --all --yes\n"),
    "path": (
        P + "RUN /opt/conda/bin/conda install -y x\n",
        P + "RUN /opt/conda/bin/conda install -y x && /opt/conda/bin/conda clean -afy\n",
    ),
    "path-variable": (
        P + "RUN $CONDA_DIR/bin/conda install -y x\n",
        P + "RUN $CONDA_DIR/bin/conda install -y x && $CONDA_DIR/bin/conda clean -afy\n",
    ),
    "sudo": (P + f"RUN sudo {INSTALL}\n", P + f"RUN sudo {INSTALL} && sudo conda clean -afy\n"),
    "set-eux": (
        P + f"RUN set -eux; \\\n\t{INSTALL}; \\\n\techo done\n",
        P + f"RUN set -eux; \\\n\t{INSTALL}; \\\n\techo done; \\\n\tconda clean -afy\n",
    ),
    "comment-in-between": (
        P + "RUN conda install -y \\\n    # why\n    numpy\n",
        P + "RUN conda install -y \\\n    # why\n    numpy \\\n    && conda clean -afy\n",
    ),
    "crlf": (
        (P + "RUN conda install -y \\\n    numpy\n").replace("\n", "\r\n"),
        (P + "RUN conda install -y \\\n    numpy \\\n    && conda clean -afy\n").replace("\n", "\r\n"),
    ),
    "heredoc": (
        P + f"RUN <<EOF\nset -e\n{INSTALL}\nEOF\n",
        P + f"RUN <<EOF\nset -e\n{INSTALL}\nconda clean -afy\nEOF\n",
    ),
    "cleaned-before-only": (
        P + f"RUN conda clean -afy && {INSTALL}\n",
        P + f"RUN conda clean -afy && {INSTALL} && conda clean -afy\n",
    ),
    "cleaned-in-a-later-layer": (
        P + f"RUN {INSTALL}\nRUN conda clean -afy\n",
        P + f"RUN {INSTALL} && conda clean -afy\nRUN conda clean -afy\n",
    ),
    "index-only": (
        P + f"RUN {INSTALL} && conda clean --index-cache -y\n",
        P + f"RUN {INSTALL} && conda clean --index-cache -y && conda clean -afy\n",
    ),
    "exec-form": (P + 'RUN ["conda", "install", "-y", "x"]\n', None),
    "branch": (P + f"RUN if [ -n $A ]; then {INSTALL}; fi\n", None),
    "or-true": (P + f"RUN {INSTALL} || true\n", None),
    "pipe": (P + f"RUN {INSTALL} | tee log\n", None),
    "path-of-one-command": (P + f"RUN PATH=/opt/conda/bin:$PATH {INSTALL}\n", None),
    "soft-links": (P + f"RUN conda config --set allow_softlinks true\nRUN {INSTALL}\n", None),
    "ancient": (f"FROM continuumio/miniconda3:4.0.5\nRUN {INSTALL}\n", None),
    "two-tools": (P + f"RUN {INSTALL} && mamba install -y x\n", None),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str | None) -> None:
    assert_fixed(CODE, text, fixed)
    assert {each.fix.applicability for each in findings(CODE, text) if each.fix} <= {Applicability.SAFE}


def test_all_that_leave_packages_are_cleaned_up_together() -> None:
    """After a clean-up in one alone, the next would fetch the index of the channels again."""
    text = "FROM continuumio/miniconda3:24.7.1-0\nRUN conda install -y a\nRUN conda install -y b\n"
    first, second = findings(CODE, text)
    assert first.fix is not None
    assert first.fix == second.fix
    assert apply(text, [first.fix]).count(" && conda clean -afy\n") == 2
