"""`dockslim size` and `dockslim compare`: an image from a path, or from an engine on this machine, measured."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cli.files import read_text
from cli.formats import ImageFormat
from cli.trouble import TroubleError
from rules.dockerfile import Dockerfile, DockerfileError, parse
from workers.image import Image, ImageError, Measurement, compare, measure, read_image, read_stream

STREAMS = ("docker", "podman")
"""Engines that write an archive to a pipe; buildah only writes to places with a name."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image by path or reference, and the Dockerfile that it was built from."""

    name: str
    dockerfile: str | None = None
    target: str | None = None
    platform: str | None = None


def size(wanted: Wanted, form: ImageFormat) -> str:
    """Return what an image costs, line by line."""
    measured = _measure(wanted)
    match form:
        case ImageFormat.TEXT:
            from cli.report.size import render_text

            return "\n".join(render_text(wanted.name, measured))
        case ImageFormat.JSON:
            from cli.report.size_json import render_json

            return render_json(wanted.name, measured)
        case ImageFormat.MARKDOWN:
            from cli.report.size import render_markdown

            return "\n".join(render_markdown(wanted.name, measured))


def pair(
    before: str, after: str, dockerfiles: Sequence[str], target: str | None, platform: str | None
) -> tuple[Wanted, Wanted]:
    """Return two images to compare; one Dockerfile is that of both, of two each has its own."""
    if len(dockerfiles) > 2:
        raise TroubleError("--dockerfile", "given more than twice, and there are two images")
    first, last = (dockerfiles[0], dockerfiles[-1]) if dockerfiles else (None, None)
    return Wanted(before, first, target, platform), Wanted(after, last, target, platform)


def compare_images(images: tuple[Wanted, Wanted], form: ImageFormat) -> str:
    """Return what the second image costs more or less than the first."""
    before, after = images
    compared = compare(_measure(before), _measure(after))
    names = (before.name, after.name)
    match form:
        case ImageFormat.TEXT:
            from cli.report.comparison import render_text

            return "\n".join(render_text(names, compared))
        case ImageFormat.JSON:
            from cli.report.size_json import render_comparison

            return render_comparison(names, compared)
        case ImageFormat.MARKDOWN:
            from cli.report.comparison import render_markdown

            return "\n".join(render_markdown(names, compared))


def _measure(wanted: Wanted) -> Measurement:
    dockerfile = _read_dockerfile(wanted.dockerfile) if wanted.dockerfile else None
    try:
        return measure(_read(wanted), dockerfile, wanted.target, place=wanted.name)
    except ImageError as error:
        raise TroubleError(error.place, error.reason) from None


def _read_dockerfile(path: str) -> Dockerfile:
    try:
        return parse(read_text(path))
    except DockerfileError as error:
        raise TroubleError(path, error.reason, error.line) from None


def _read(wanted: Wanted) -> Image:
    name = wanted.name
    if os.path.exists(name) or name.startswith(("/", "./", "../")):
        return read_image(name, wanted.platform)
    if name.startswith("-"):
        raise TroubleError(name, "neither a path nor the reference of an image")
    said: list[str] = []
    for read in _engines(wanted):
        try:
            return read()
        except TroubleError as trouble:
            said.append(f"{trouble.path}: {trouble.reason}")
    found = "; ".join(said) or "and none of docker, podman and buildah is here to ask"
    raise TroubleError(name, f"no such file or directory; {found}")


def _engines(wanted: Wanted) -> Iterator[Callable[[], Image]]:
    """Yield a way to read the image for each engine that is installed."""
    for engine in STREAMS:
        if shutil.which(engine):
            yield lambda engine=engine: _save(engine, wanted)  # type: ignore[misc]
    if shutil.which("buildah"):
        yield lambda: _push(wanted)


def _save(engine: str, wanted: Wanted) -> Image:
    """Read what `docker save` writes as it comes; nothing is stored."""
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen([engine, "save", wanted.name], stdout=subprocess.PIPE, stderr=errors) as process:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            problem = image = None
            try:
                image = read_stream(process.stdout, wanted.name, wanted.platform)
                while process.stdout.read(1 << 20):
                    pass  # the padding behind the archive: without a reader the engine would fail
            except ImageError as error:
                problem = error
                process.kill()
        if process.returncode > 0:
            errors.seek(0)
            raise TroubleError(f"{engine} save", _last_line(errors.read(1 << 16)))
    if image is None:
        raise problem or ImageError(wanted.name, f"{engine} save was ended by signal {-process.returncode}")
    return image


def _push(wanted: Wanted) -> Image:
    with tempfile.TemporaryDirectory(prefix="dockslim-") as folder:
        command = ["buildah", "push", "--quiet", wanted.name, f"oci:{folder}/image"]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        if done.returncode:
            raise TroubleError("buildah push", _last_line(done.stderr))
        return read_image(f"{folder}/image", wanted.platform)


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it failed and did not say why"
