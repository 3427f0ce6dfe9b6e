"""opencv-with-windows."""

from __future__ import annotations

from rules.fix import Applicability
from rules.surroundings import NOTHING_KNOWN, Context, Surroundings
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS225"
P = "FROM python:3.12-slim\n"
PIP = "RUN pip install "
CV = PIP + "opencv-python\n"
SILENT = {
    "headless": P + PIP + "opencv-python-headless\n",
    "both": P + CV + PIP + "opencv-python-headless\n",
    "older-than-headless": P + PIP + "opencv-python==3.4.1.15\n",
    "display": P + "ENV DISPLAY=:99\n" + CV,
    "screen-in-a-package": P + "RUN apt-get install -y xvfb\n" + CV,
    "screen-installed-later": P + CV + "RUN apt-get install -y x11-apps\n",
    "toolkit": P + PIP + "opencv-python PyQt5\n",
    "screen-of-the-program": P + CV + 'CMD ["xvfb-run", "python", "app.py"]\n',
    "desktop": "FROM acme/ubuntu-desktop\n" + CV,
    "alpine": "FROM python:3.12-alpine\n" + CV,
    "brought-by-another": P + PIP + "opencv-python ultralytics\n",
    "brought-by-another-run": P + CV + PIP + "mediapipe==0.10\n",
    "not-shipped": P.replace("\n", " AS b\n") + CV + P + "COPY --from=b /x /x\n",
    "distribution": P + "RUN apt-get install -y python3-opencv\n",
    "path": P + PIP + "./opencv-python/dist/x.whl\n",
    "similar-name": P + PIP + "opencv-python-rolling opencv-stubs\n",
    "removed-name": P + "RUN pip uninstall -y opencv-python\n",
    "echo": P + "RUN echo pip install opencv-python\n",
    "onbuild": P + "ONBUILD " + CV,
    "powershell": P + 'SHELL ["powershell"]\n' + CV,
    "pragma": P + "# dockslim ignore=DS225\n" + CV,
}
ALL_KNOWN = Surroundings(context=Context({}, texts={"requirements.txt": "flask==3.0\nnumpy\n\n# done\n"}))
TWICE = Surroundings(context=Context({}, texts={"requirements.txt": "flask\nopencv-python==4.9.0.80\n"}))
UNKNOWN_LINE = Surroundings(context=Context({}, texts={"requirements.txt": "flask\n-r base.txt\n"}))
UNSAFE, DISPLAY = Applicability.UNSAFE, Applicability.DISPLAY
FIXED = {
    "alone": (CV, PIP + "opencv-python-headless\n", UNSAFE, NOTHING_KNOWN),
    "pinned": (PIP + "opencv-python==4.9.0.80\n", PIP + "opencv-python-headless==4.9.0.80\n", UNSAFE, NOTHING_KNOWN),
    "contrib": (PIP + "opencv-contrib-python\n", PIP + "opencv-contrib-python-headless\n", UNSAFE, NOTHING_KNOWN),
    "quoted": (PIP + '"opencv-python>=4,<5"\n', PIP + '"opencv-python-headless>=4,<5"\n', UNSAFE, NOTHING_KNOWN),
    "underscore": (PIP + "opencv_python\n", PIP + "opencv_python-headless\n", UNSAFE, NOTHING_KNOWN),
    "known-others": (PIP + "flask opencv-python\n", PIP + "flask opencv-python-headless\n", UNSAFE, NOTHING_KNOWN),
    "uv": (
        "RUN uv pip install --system opencv-python\n",
        "RUN uv pip install --system opencv-python-headless\n",
        UNSAFE,
        NOTHING_KNOWN,
    ),
    "exec-form": (
        'RUN ["pip", "install", "opencv-python"]\n',
        'RUN ["pip", "install", "opencv-python-headless"]\n',
        UNSAFE,
        NOTHING_KNOWN,
    ),
    "unknown-other": (PIP + "opencv-python foo\n", PIP + "opencv-python-headless foo\n", DISPLAY, NOTHING_KNOWN),
    "unknown-other-run": (CV + PIP + "foo\n", PIP + "opencv-python-headless\n" + PIP + "foo\n", DISPLAY, NOTHING_KNOWN),
    "unknown-file-later": (
        CV + PIP + "-r requirements.txt\n",
        PIP + "opencv-python-headless\n" + PIP + "-r requirements.txt\n",
        DISPLAY,
        NOTHING_KNOWN,
    ),
    "known-file": (
        CV + PIP + "-r requirements.txt\n",
        PIP + "opencv-python-headless\n" + PIP + "-r requirements.txt\n",
        UNSAFE,
        ALL_KNOWN,
    ),
    "file-that-reads-another": (
        CV + PIP + "-r requirements.txt\n",
        PIP + "opencv-python-headless\n" + PIP + "-r requirements.txt\n",
        DISPLAY,
        UNKNOWN_LINE,
    ),
    "own-project": (CV + PIP + ".\n", PIP + "opencv-python-headless\n" + PIP + ".\n", DISPLAY, NOTHING_KNOWN),
    "editable": (CV + PIP + "-e .\n", PIP + "opencv-python-headless\n" + PIP + "-e .\n", DISPLAY, NOTHING_KNOWN),
    "poetry": (
        CV + "RUN poetry install\n",
        PIP + "opencv-python-headless\nRUN poetry install\n",
        DISPLAY,
        NOTHING_KNOWN,
    ),
    "script": (CV + "RUN ./setup.sh\n", PIP + "opencv-python-headless\nRUN ./setup.sh\n", DISPLAY, NOTHING_KNOWN),
    **{
        name: (
            f"{before} opencv-python{behind}\n",
            f"{before} opencv-python-headless{behind}\n",
            DISPLAY,
            NOTHING_KNOWN,
        )
        for name, before, behind in (
            ("wheels-of-ones-own", PIP + "--no-index --find-links=/wheels", ""),
            ("wheels-by-a-variable", "ENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels\nRUN pip install", ""),
            ("constraints", PIP + "-c constraints.txt", ""),
            ("index", PIP + "-i https://index.example/simple", ""),
            ("asked-for-by-name-later", "RUN pip install", " && pip show opencv-python"),
            ("built-from-source", PIP + "--no-binary opencv-python", ""),
            ("project-of-uv", "RUN uv add", ""),
        )
    },
    "library-of-windows": (
        "RUN apt-get install -y libgl1\n" + CV,
        "RUN apt-get install -y libgl1\n" + PIP + "opencv-python-headless\n",
        DISPLAY,
        NOTHING_KNOWN,
    ),
    "library-of-windows-later": (
        CV + "RUN apt-get install -y ffmpeg libsm6 libxext6\n",
        PIP + "opencv-python-headless\nRUN apt-get install -y ffmpeg libsm6 libxext6\n",
        DISPLAY,
        NOTHING_KNOWN,
    ),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text)


@table(("text", "fixed", "applicability", "surroundings"), FIXED)
def test_fixed(text: str, fixed: str, applicability: Applicability, surroundings: Surroundings) -> None:
    assert_fixed(CODE, P + text, P + fixed, surroundings)
    (found,) = findings(CODE, P + text, surroundings)
    assert found.fix is not None
    assert found.fix.applicability is applicability


def test_one_name_of_two_is_only_shown() -> None:
    text = P + PIP + "opencv-python\nCOPY . .\n" + PIP + "-r requirements.txt\n"
    first, second = findings(CODE, text, TWICE)
    assert first.fix is not None
    assert first.fix.applicability is DISPLAY
    assert second.fix is None
    assert "`requirements.txt` can name it" in second.reason
