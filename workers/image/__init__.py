"""Images measured to the byte, out of files: nothing is run and nothing is extracted.

image = read_image("layout-or-archive")          # or read_stream(pipe, "name"); ImageError says what is wrong where
measured = measure(image, dockerfile, "target")  # bytes by layer, line, package and directory; what is lost
found = attribute(image, dockerfile, "target")   # only which instruction made which layer
compared = compare(before, after)                # two Measurements
"""

from workers.image.attribute import Attribution, attribute
from workers.image.compare import Comparison, compare
from workers.image.limits import ImageError, Limits
from workers.image.measure import measure
from workers.image.model import Image, Layer, Measurement
from workers.image.store import read_image, read_stream

__all__ = [
    "Attribution",
    "Comparison",
    "Image",
    "ImageError",
    "Layer",
    "Limits",
    "Measurement",
    "attribute",
    "compare",
    "measure",
    "read_image",
    "read_stream",
]
