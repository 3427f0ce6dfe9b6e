"""Numbers of bytes, as people read them."""

from __future__ import annotations


def format_bytes(count: int) -> str:
    """Return a number of bytes in decimal units, rounded to what a reader compares."""
    if abs(count) < 1000:
        return f"{count} bytes" if count != 1 else "1 byte"
    for unit, scale, rounding in (("kB", 10**3, 0), ("MB", 10**6, 1), ("GB", 10**9, 2)):
        value = round(count / scale, 0 if abs(count) >= 100 * scale and unit == "MB" else rounding)
        if abs(value) < 1000 or unit == "GB":
            break
    return f"{value:.2f}".rstrip("0").rstrip(".") + f" {unit}"
