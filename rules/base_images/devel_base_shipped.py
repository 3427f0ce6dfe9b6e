"""devel-base-shipped."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.base_images.families import find_sibling
from rules.base_images.swap import is_unknown_to_registry, is_workbench, shipped_roots, swap_fix, swap_saving
from rules.dockerfile import Dockerfile, Stage
from rules.finding import Finding
from rules.fix import Applicability
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings

# Whatever compiles for CUDA, or may: then the headers and nvcc are what the image is for.
_COMPILES = regex(
    r"\b(?:nvcc|gcc|g\+\+|clang|make|cmake|ninja|meson|bazel|configure|setup\.py|build-essential|CUDA_HOME|CUDACXX"
    r"|TORCH_CUDA_ARCH_LIST|FORCE_CUDA|CUDA_NVCC\w*|git\+|no-build-isolation|no-binary|flash[-_]attn|apex|deepspeed"
    r"|detectron2|xformers|vllm|triton|cupy|pycuda|horovod|pytorch3d|mmcv|bitsandbytes|auto[-_]gptq|llama[-_]cpp\S*"
    r"|tensorrt|numba|jax|minkowskiengine|spconv|torch[-_](?:scatter|sparse|cluster|geometric)|conda|xla|tvm)\b"
    r"|\.cu\b|\./\w+\.sh\b|\bbash \S+\.sh\b|\b(?:sh|bash) -c\b|pip3? install (?:-e )?\.",
    re.IGNORECASE,
)


class DevelBaseShipped(Rule):
    """CUDA's compiler and static libraries in an image that compiles nothing.

    ## What it does
    Finds a shipped stage that starts from a `-devel` image of `nvidia/cuda` or `pytorch/pytorch` and compiles nothing.

    ## Why it costs
    The devel images add nvcc, headers, static libraries and gcc to the runtime images. nvcc alone unpacks to 54.5 MB
    (`nvidia-cuda-nvcc-cu12` 12.2.140 on PyPI); the static libraries are the larger part and were not weighed here.

    ## Fix safety
    Shown, never one click: a package may compile for CUDA when it is first used.

    ## When it is silent
    A line of the stage, or of one built from it, names a compiler, a build tool, CUDA's own variables, a package that
    is known to compile for CUDA, or a script; the stage is not shipped; file or stage are named for development or CI.
    """

    code = "DS304"
    reads = ("FROM",)
    techniques = ("base-slim",)
    good = (
        "FROM nvidia/cuda:12.2.0-runtime-ubuntu22.04\nCOPY server /\nCMD /server\n",
        "FROM nvidia/cuda:12.2.0-devel-ubuntu22.04\nCOPY . /src\nRUN nvcc -o /server /src/server.cu\nCMD /server\n",
    )
    bad = (
        Bad(
            "FROM nvidia/cuda:12.2.0-devel-ubuntu22.04\nCOPY server /\nCMD /server\n",
            "FROM nvidia/cuda:12.2.0-runtime-ubuntu22.04\nCOPY server /\nCMD /server\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each shipped stage on a devel image that compiles nothing."""
        if "devel" not in dockerfile.text:
            return
        for stage in shipped_roots(dockerfile, surroundings):
            sibling = find_sibling(stage.base, "devel")
            if sibling is None or is_workbench(stage, surroundings) or is_unknown_to_registry(sibling, surroundings):
                continue
            if _compiles(dockerfile, stage):
                continue
            yield self.finding(
                stage.start,
                stage.start.words[0].span,
                f"{stage.base} brings CUDA's compiler and static libraries along",
                f"No line here is seen to compile; `{sibling.reference}` has what a compiled program needs.",
                swap_fix(
                    dockerfile,
                    stage,
                    sibling,
                    Applicability.DISPLAY,
                    "What compiles for CUDA when it is first used no longer can.",
                ),
                swap_saving(stage, sibling, surroundings),
            )


def _compiles(dockerfile: Dockerfile, stage: Stage) -> bool:
    return any(
        _COMPILES.search(each.span.of(dockerfile.text))
        for _, each in dockerfile.after(stage, stage.start)
        if each.keyword not in ("COPY", "ADD", "LABEL", "MAINTAINER")
    )
