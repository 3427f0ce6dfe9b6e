"""gpu-wheels."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.base_images.reference import read_reference
from rules.dockerfile import Dockerfile, Span
from rules.edits import insert_words, with_words
from rules.finding import Finding
from rules.fix import Applicability, Edit, Fix
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.surroundings import Context
from rules.tools import requirements, uv
from rules.tools.requirements import Requirement

_TORCH = ("torch", "torchvision", "torchaudio")
# Anything of this says that somebody thought of a device: an image for GPUs, or one that has its CPU wheels already.
_DEVICE = regex(
    r"cuda|cudnn|nvidia|\bcu\d{2,3}\b|\bgpus?\b|[-_]gpu|rocm|\bxpu\b|habana|\btpu\b|tensorrt|whl/|[+/=-]cpu\b|cpuonly"
    r"|torch_stable|[-_]cpu\b|torch[-_]backend|vllm|deepspeed|bitsandbytes|flash[-_]attn|xformers|triton|apex|cupy"
    r"|openvino",
    re.IGNORECASE,
)
# Images without anything for GPUs whose processor is one of Intel's or AMD's by default.
_PLAIN_IMAGE = regex(
    r"python|debian|ubuntu|buildpack-deps|centos|fedora|rockylinux|almalinux|pypy|continuumio/(?:mini|ana)conda3"
    r"|condaforge/(?:miniforge3|mambaforge)|mambaorg/micromamba|bitnami/python|tiangolo/[\w.-]+"
    r"|jupyter/(?:base|minimal|scipy)-notebook|(?:[\w.-]+/)?astral-sh/uv"
)
_ARM = regex(r"arm|aarch64|ppc64|s390", re.IGNORECASE)
_OTHER_TARGETS = ("--torch-backend", "--platform", "-t", "--target", "--no-deps")
_PIN = regex(r"(?:==|~=)\s*(\d+)\.(\d+)")
_FIRST_TENSORFLOW_CPU = (2, 1)
_CAUTION = "Nothing in this image runs on a GPU afterwards."
_REQUIRED_BY_NAME = "A package that requires `tensorflow` by its name brings it again."


class GpuWheels(Rule):
    """PyTorch or TensorFlow with what they run on a GPU with, on a base image that shows none.

    ## What it does
    Asks about `pip install torch`, `torchvision`, `torchaudio` and `tensorflow`, and uv's counterparts, that take the
    wheels of PyPI. For Linux on x86-64 those are the ones for NVIDIA's GPUs; they work without one, at their size.

    ## Why it costs
    Measured with torch 2.13 from PyPI: a wheel of 555 MB, and it requires 17 further packages of CUDA libraries.
    tensorflow 2.20.0 is a wheel of 620.7 MB, tensorflow-cpu 2.20.0 one of 259.0 MB.

    ## Fix safety
    A question, never a click: the Dockerfile does not tell where the image will run, and these wheels find a GPU that
    the container is given. `uv pip install` knows `--torch-backend cpu`, which is shown, and so is the name
    `tensorflow-cpu`. pip needs PyTorch's CPU index as `--index-url`, in a command of its own, since the other packages
    are not there; PyTorch's installation page gives its address.

    ## When it is silent
    Anything in the file says CUDA, NVIDIA, GPU or CPU, comments included; an index or a place to find wheels is given
    on the command line, by a variable or by a configuration file; the version is marked (`+cpu`, `+cu121`); tensorflow
    is older than tensorflow-cpu (2.1); the base image is not a plain one of Python or of a distribution, which may
    bring anything; `--platform` is another than amd64; the stage is not shipped.
    """

    code = "DS228"
    techniques = ("torch-cpu",)
    triggers = ("torch", "tensorflow", "pip", "uv")
    good = (
        "FROM python:3.12-slim\nRUN pip install --no-cache-dir --index-url $CPU_INDEX torch\n",
        "FROM nvidia/cuda:12.8.0-runtime-ubuntu24.04\nRUN pip install --no-cache-dir torch\n",
    )
    bad = (
        Bad("FROM python:3.12-slim\nRUN pip install --no-cache-dir torch torchvision\n", None),
        Bad(
            "FROM python:3.12-slim\nRUN pip install --no-cache-dir tensorflow==2.20.0\n",
            "FROM python:3.12-slim\nRUN pip install --no-cache-dir tensorflow-cpu==2.20.0\n",
        ),
        Bad(
            "FROM python:3.12-slim\nRUN uv pip install --system --no-cache torch\n",
            "FROM python:3.12-slim\nRUN uv pip install --torch-backend cpu --system --no-cache torch\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each stage that takes the wheels for GPUs."""
        text = dockerfile.text
        if not ("torch" in text or "tensorflow" in text or surroundings.context):
            return
        asked: set[int] = set()
        for run in shipped_runs(dockerfile, surroundings, ("pip", "uv ")):
            if run.stage.index in asked or not _is_plain(run):
                continue
            found = next(filter(_takes_gpu, requirements.named(run.instruction, surroundings.context)), None)
            if found is not None and not _DEVICE.search(text) and not _is_configured(run, found, surroundings.context):
                asked.add(run.stage.index)
                yield self._report(run, found)

    def _report(self, run: Run, found: Requirement) -> Finding:
        listed = f"`{found.file[:60]}` names {found.name}" if found.file else f"`{found.name}` comes from PyPI"
        return self.finding(
            run.instruction,
            found.word.span,
            "Will this image run on a GPU?",
            f"{listed}: on x86-64 that is the wheel for GPUs. {_instead(found)}",
            None if found.file else _fix(run, found),
        )


def _is_plain(run: Run) -> bool:
    """Tell whether a stage starts from a plain image for amd64."""
    stage = run.stage
    while stage.parent is not None:
        stage = run.dockerfile.stages[stage.parent]
    platform = stage.start.flag("platform")
    if platform is not None and _ARM.search(platform.value or ""):
        return False
    reference = read_reference(stage.base)
    if reference is None or "alpine" in reference.tag:
        return False
    return _PLAIN_IMAGE.fullmatch(reference.image) is not None


def _takes_gpu(requirement: Requirement) -> bool:
    if _DEVICE.search(requirement.text):
        return False
    if requirement.name in _TORCH:
        return True
    if requirement.name != "tensorflow" or "[" in requirement.text:
        return False
    pin = _PIN.search(requirement.text)
    return pin is None or (int(pin[1]), int(pin[2])) >= _FIRST_TENSORFLOW_CPU


def _is_configured(run: Run, found: Requirement, context: Context | None) -> bool:
    """Tell whether the wheels may come from elsewhere than PyPI, or somebody chose them."""
    listed = requirements.text_of(found.file, context) if found.file else None
    if listed is not None and ("index-url" in listed or "find-links" in listed or _DEVICE.search(listed)):
        return True
    if found.command.has_flag(*_OTHER_TARGETS) or run.scope.sets("UV_TORCH_BACKEND"):
        return True
    return requirements.is_chosen_elsewhere(run, found.command)


def _instead(found: Requirement) -> str:
    if found.name == "tensorflow":
        return "For a processor alone there is `tensorflow-cpu`."
    if uv.read_uv(found.command) is not None:
        return "For a processor alone, `--torch-backend cpu` takes the wheels of PyTorch's CPU index."
    return "For a processor alone, install PyTorch in a command of its own, with PyTorch's CPU index as `--index-url`."


def _fix(run: Run, found: Requirement) -> Fix | None:
    command, word = found.command, found.word
    if found.name == "tensorflow":
        source = word.span.of(run.dockerfile.text)
        at = source.find("tensorflow")
        if at < 0:
            return None
        end = word.span.start + at + len("tensorflow")
        texts = tuple(
            text.replace("tensorflow", "tensorflow-cpu", 1) if each is word else text
            for each, text in zip(command.words, command.texts, strict=True)
        )
        return Fix(
            (Edit(Span(end, end), "-cpu"),),
            Applicability.DISPLAY,
            (command.texts,),
            (texts,),
            f"{_CAUTION} {_REQUIRED_BY_NAME}",
        )
    call = uv.read_uv(command)
    installing = uv.installing_word(call) if call is not None and call.verb == "pip" else None
    if installing is None:
        return None
    words = ("--torch-backend", "cpu")
    return Fix(
        (insert_words(command, installing, *words),),
        Applicability.DISPLAY,
        (command.texts,),
        (with_words(command, installing, *words),),
        _CAUTION,
    )
