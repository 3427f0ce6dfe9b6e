"""devel-base-shipped."""

from __future__ import annotations

from rules.fix import Applicability
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS304"
DEVEL = "FROM nvidia/cuda:12.2.0-devel-ubuntu22.04\n"
SILENT = {
    "runtime": "FROM nvidia/cuda:12.2.0-runtime-ubuntu22.04\nCMD /x\n",
    "nvcc": DEVEL + "RUN nvcc x.cu\n",
    "make": DEVEL + "RUN cd /src && make\n",
    "compiler-installed": DEVEL + "RUN apt-get install -y build-essential\n",
    "flash-attn": DEVEL + "RUN pip install flash-attn\n",
    "local-package": DEVEL + "RUN pip install .\n",
    "script": DEVEL + "RUN ./build.sh\n",
    "arch-list": DEVEL + "ENV TORCH_CUDA_ARCH_LIST=8.0\n",
    "child-compiles": DEVEL.strip() + " AS base\nFROM base\nRUN cmake .\n",
    "not-shipped": DEVEL.strip() + " AS build\nRUN x\nFROM scratch\n",
    "stage-for-development": DEVEL.strip() + " AS dev\nRUN x\n",
    "pragma": "# dockslim ignore=DS304\n" + DEVEL,
}
FIXED = {
    "cuda": (DEVEL + "CMD /x\n", "FROM nvidia/cuda:12.2.0-runtime-ubuntu22.04\nCMD /x\n"),
    "cudnn": (
        "FROM nvidia/cuda:11.8.0-cudnn8-devel-ubuntu22.04\r\nCMD /x\r\n",
        "FROM nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04\r\nCMD /x\r\n",
    ),
    "pytorch": (
        "FROM pytorch/pytorch:2.1.0-cuda12.1-cudnn8-devel\nRUN pip install transformers\n",
        "FROM pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime\nRUN pip install transformers\n",
    ),
    "variable": (
        "ARG V=12.2.0\nFROM nvidia/cuda:${V}-devel-ubuntu22.04\nCMD /x\n",
        "ARG V=12.2.0\nFROM nvidia/cuda:${V}-runtime-ubuntu22.04\nCMD /x\n",
    ),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed"), FIXED)
def test_fixed(text: str, fixed: str) -> None:
    assert_fixed(CODE, text, fixed)


def test_never_one_click() -> None:
    (finding,) = findings(CODE, DEVEL + "CMD /x\n")
    assert finding.fix is not None
    assert finding.fix.applicability is Applicability.DISPLAY
