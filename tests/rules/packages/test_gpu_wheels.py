"""gpu-wheels."""

from __future__ import annotations

from rules.fix import Applicability
from rules.surroundings import Context, Surroundings
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS228"
P = "FROM python:3.12-slim\n"
TORCH = "RUN pip install torch\n"
SILENT = {
    "index": P + "RUN pip install torch --index-url $CPU\n",
    "index-short": P + "RUN pip install -i $CPU torch\n",
    "extra-index": P + "RUN pip install --extra-index-url=$CPU torch\n",
    "find-links": P + "RUN pip install -f /wheels torch\n",
    "index-by-env": P + "ENV PIP_EXTRA_INDEX_URL=$CPU\n" + TORCH,
    "index-in-front": P + "RUN PIP_INDEX_URL=$CPU pip install torch\n",
    "index-by-configuration": P + "RUN pip config set global.index-url $CPU\n" + TORCH,
    "index-by-file": P + "COPY pip.conf /etc/pip.conf\n" + TORCH,
    "marked-for-cpu": P + "RUN pip install torch==2.1.0+cpu\n",
    "marked-for-gpu": P + "RUN pip install torch==2.1.0+cu121\n",
    "uv-backend": P + "RUN uv pip install --torch-backend=auto torch\n",
    "cuda": "FROM nvidia/cuda:12.8.0-runtime-ubuntu24.04\n" + TORCH,
    "variable-of-nvidia": P + "ENV NVIDIA_VISIBLE_DEVICES=all\n" + TORCH,
    "comment-about-gpus": "# For GPU nodes.\n" + P + TORCH,
    "comment-about-cuda-elsewhere": P + TORCH + "# CUDA 12\n",
    "another-package-for-gpus": P + "RUN pip install torch bitsandbytes\n",
    "unknown-base": "FROM acme/base\n" + TORCH,
    "image-of-pytorch": "FROM pytorch/pytorch\n" + TORCH,
    "alpine": "FROM python:3.12-alpine\n" + TORCH,
    "arm": "FROM --platform=linux/arm64 python:3.12-slim\n" + TORCH,
    "not-shipped": P.replace("\n", " AS b\n") + TORCH + P + "COPY --from=b /x /x\n",
    "other-package": P + "RUN pip install torchmetrics torch-geometric\n",
    "wheel": P + "RUN pip install ./torch-2.1.0.whl\n",
    "download-to-a-folder": P + "RUN pip install --target /opt torch\n",
    "tensorflow-cpu": P + "RUN pip install tensorflow-cpu\n",
    "tensorflow-gpu": P + "RUN pip install tensorflow-gpu\n",
    "tensorflow-with-cuda": P + "RUN pip install 'tensorflow[and-cuda]'\n",
    "tensorflow-of-old": P + "RUN pip install tensorflow==1.14.0\n",
    "tensorflow-other": P + "RUN pip install tensorflow-hub tensorflow-datasets\n",
    "echo": P + "RUN echo pip install torch\n",
    "onbuild": P + "ONBUILD " + TORCH,
    "pragma": P + "# dockslim ignore=DS228\n" + TORCH,
}
FIRES = {
    "torch": P + TORCH,
    "torchaudio": P + "RUN pip3 install --no-cache-dir 'torchaudio>=2'\n",
    "several-in-one-command": P + "RUN pip install torch torchvision torchaudio\n",
    "several-commands": P + TORCH + "RUN pip install torchvision\n",
    "distribution": "FROM ubuntu:24.04\nRUN pip3 install --break-system-packages torch\n",
    "conda": "FROM continuumio/miniconda3\n" + TORCH,
    "mirror": "FROM public.ecr.aws/docker/library/python:3.11-slim\n" + TORCH,
    "below": P.replace("\n", " AS base\n") + "FROM base\n" + TORCH,
    "heredoc": P + "RUN <<EOF\npip install torch\nEOF\n",
    "exec-form": P + 'RUN ["pip", "install", "torch"]\n',
}
SHOWN = {
    "tensorflow": ("RUN pip install tensorflow\n", "RUN pip install tensorflow-cpu\n"),
    "tensorflow-pinned": ("RUN pip install 'tensorflow~=2.15'\n", "RUN pip install 'tensorflow-cpu~=2.15'\n"),
    "uv": ("RUN uv pip install --system torch\n", "RUN uv pip install --torch-backend cpu --system torch\n"),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table("text", FIRES)
def test_asks_once_and_edits_nothing(text: str) -> None:
    assert_fixed(CODE, text, None)
    assert len(findings(CODE, text)) == 1


@table(("text", "fixed"), SHOWN)
def test_fix_is_shown(text: str, fixed: str) -> None:
    assert_fixed(CODE, P + text, P + fixed)
    (found,) = findings(CODE, P + text)
    assert found.fix is not None
    assert found.fix.applicability is Applicability.DISPLAY


FILES = {
    "named": ("numpy\ntorch==2.5.1\n", 1),
    "index": ("--extra-index-url $CPU\ntorch==2.5.1\n", 0),
    "marked": ("torch==2.5.1+cpu\n", 0),
    "frozen-beside-a-gpu": ("torch==2.5.1\nnvidia-cublas-cu12==12.4.5.8\n", 0),
}


@table(("listed", "count"), FILES)
def test_reads_a_known_requirements_file(listed: str, count: int) -> None:
    text = P + "COPY . .\nRUN pip install -r requirements.txt\n"
    known = Surroundings(context=Context({}, texts={"requirements.txt": listed}))
    assert len(findings(CODE, text, known)) == count
    assert_silent(CODE, text)
