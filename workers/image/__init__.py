"""Images measured to the byte, out of files: nothing is run and nothing is extracted."""

from workers.image.compare import Comparison, compare
from workers.image.limits import ImageError, Limits
from workers.image.measure import measure
from workers.image.model import Image, Layer, Measurement
from workers.image.store import read_image, read_stream

__all__ = [
    "Comparison",
    "Image",
    "ImageError",
    "Layer",
    "Limits",
    "Measurement",
    "compare",
    "measure",
    "read_image",
    "read_stream",
]
