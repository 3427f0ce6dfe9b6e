"""What dockslim says about measured images. Every name, path and log line in it is shown and never obeyed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bot.review.markdown import cell, code, escape, fence, fit, prose, shorten, visible
from bot.review.measured import Excess, Line, Measured, MeasuredImage, Size, Waste
from rules.sizes import format_bytes

MINUS = "\N{MINUS SIGN}"
_BAR = 20
_TEXT = 60
_PATH = 300
_GROWN = 3
"""Lines that are named outside the fold, for one image."""
_PARTS = 4
_WASTES = 5
_NOTABLE = 100_000
"""Bytes below which neither growth nor waste is worth a sentence."""
_ROOM = 24_000


def render_measured(measured: Measured) -> str:
    """Return the table of all images, what grew and why, and what each line costs."""
    if measured.problem:
        return f"Not measured: {prose(measured.problem)}."
    built = [each for each in measured.images if each.after is not None]
    parts = []
    if built:
        rows = [f"\n| {_render_row(each)} |" for each in built]
        head = "| Image | Before | This pull request | With suggestions |\n|---|---:|---:|---:|"
        parts.append(fit(head, rows, _more_images, "", _ROOM // 3))
    named = len(measured.images) > 1
    said = [f"{line}\n\n" for each in measured.images for line in _say(each, f"{_name(each)}: " if named else "")]
    if said:
        parts.append(
            fit(
                "", said, lambda left: f"{left:,} more lines without room here.\n\n" if left else "", "", _ROOM // 3
            ).rstrip()
        )
    folded = [_fold(each) for each in built]
    if folded:
        parts.append(fit("", [f"{each}\n\n" for each in folded], _more_images, "", _ROOM).rstrip())
    return "\n\n".join(parts)


def say_total(measured: Measured) -> str:
    """Return in a few words what the suggestions make of all images, or the pull request where there are none."""
    built = [(each.after, each.suggested) for each in measured.images if each.after is not None]
    if not built:
        return ""
    whole = sum(after.written for after, _ in built)
    at = f"(built and measured at {measured.head_sha[:7]})"
    if not any(suggested for _, suggested in built):
        return f" · {format_bytes(whole)} {at}"
    lean = sum((suggested or after).written for after, suggested in built)
    return f" · {format_bytes(whole)} → {format_bytes(lean)} if applied {at}"


def say_growth(measured: Measured) -> str:
    """Return what the pull request adds to its images, as plain text for a title; "" where that is not known."""
    grown = [(each, each.growth) for each in measured.images if each.growth is not None]
    if not grown:
        return ""
    total = sum(growth or 0 for _, growth in grown)
    where = shorten(grown[0][0].path, 120) if len(grown) == 1 else f"{len(grown)} images"
    return f"{signed(total)} in {where}"


def say_excess(excess: Excess) -> str:
    """Say which limit an image is over, and which line makes it so: plain text on one line."""
    name = f"{excess.path}, target {excess.target}" if excess.target else excess.path
    size = signed(excess.bytes) if excess.key == "max_growth" else format_bytes(excess.bytes)
    line = f", most of it in {excess.line.place}" if excess.line is not None else ""
    said = f"{shorten(name, _PATH)}: {size}, over {excess.key} of {format_bytes(excess.limit)}{line}"
    return visible(" ".join(said.split()))


def signed(size: int, whole: int = 0) -> str:
    """Return a difference with its sign, and in percent of `whole`."""
    if not size:
        return "±0"
    sign = "+" if size > 0 else MINUS
    said = f"{sign}{format_bytes(abs(size))}"
    return f"{said}, {sign}{abs(size) / whole:.1%}" if whole else said


def _render_row(image: MeasuredImage) -> str:
    before, after, suggested = image.before, image.after, image.suggested
    sizes = (_size(before), _size(after, before), _size(suggested, after))
    return " | ".join(map(cell, (_name(image), *sizes)))


def _name(image: MeasuredImage) -> str:
    path = code(shorten(image.path, _PATH))
    return f"{path}, target {code(shorten(image.target, _PATH))}" if image.target else path


def _size(size: Size | None, than: Size | None = None) -> str:
    """Return a size, compared with another; below it the one that a registry stores."""
    if size is None:
        return ""
    said = format_bytes(size.written)
    if than is not None:
        said += f" ({signed(size.written - than.written, than.written)})"
    if size.compressed is None:
        return said
    packed = f"{format_bytes(size.compressed)} compressed"
    if than is not None and than.compressed is not None:
        packed += f" ({signed(size.compressed - than.compressed)})"
    return f"{said}<br>{packed}"


def _say(image: MeasuredImage, whose: str) -> Iterator[str]:
    """Yield what is told about an image outside the fold; `whose` says which it is, where there are several."""
    if image.problem:
        log = (
            f"\n\n<details><summary>The end of its log</summary>\n\n{fence(_log_lines(image.log), 'text')}\n</details>"
        )
        yield f"{whose or f'{_name(image)}: '}{prose(image.problem)}.{log if image.log else ''}"
    grown = sorted((each for each in image.lines if _has_grown(image, each)), key=lambda each: -each.growth)
    for each in grown[:_GROWN]:
        parts = ", ".join(f"{escape(shorten(name, 100))} {format_bytes(size)}" for name, size in each.parts[:_PARTS])
        place = escape(each.place) if whose else escape(each.place[:1].upper() + each.place[1:])
        yield f"{whose}{place} adds {format_bytes(each.growth)}{f': {parts}' if parts else ''}."
    for note in image.notes:
        yield f"{whose}{prose(note if whose else note[:1].upper() + note[1:])}."


def _has_grown(image: MeasuredImage, line: Line) -> bool:
    return image.before is not None and line.growth >= _NOTABLE


def _fold(image: MeasuredImage) -> str:
    """Return what each line costs as a chart, and what is lost."""
    rows = [each for each in image.lines if each.before or each.after]
    most = max((max(each.before or 0, each.after or 0) for each in rows), default=0)
    width = max((len(each.place) for each in rows), default=0)
    chart = fence([visible(_bar(each, most, width, image.before is not None)) for each in rows], "text")
    wastes = [each for each in image.wastes if each.bytes >= _NOTABLE][:_WASTES]
    lost = "".join(f"\n- {_say_waste(each)}" for each in wastes)
    lost = f"\n\nIn a layer, and not in the image:\n{lost}" if lost else ""
    return f"<details><summary>{_summary(image)}</summary>\n\n{chart}{lost}\n</details>"


def _summary(image: MeasuredImage) -> str:
    # No Markdown inside this element: GitHub shows it as it is.
    name = f"{image.path}, target {image.target}" if image.target else image.path
    shown = shorten(visible(" ".join(name.split())), _PATH)
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("@", "&#64;")):
        shown = shown.replace(char, entity)
    return f"By line: {shown}"


def _bar(line: Line, most: int, width: int, compares: bool) -> str:
    size = line.after or 0
    drawn = "█" * max(round(size / most * _BAR), 1 if size else 0) if most else ""
    change = signed(line.growth) if compares and line.growth else ""
    text = shorten(" ".join(line.text.split()), _TEXT)
    return f"{line.place:<{width}} {format_bytes(size):>9} {drawn:<{_BAR}} {change:>10}  {text}".rstrip()


def _say_waste(waste: Waste) -> str:
    files = "1 file" if waste.files == 1 else f"{waste.files:,} files"
    where = code(f"/{shorten(waste.directory, _PATH)}")
    return (
        f"{format_bytes(waste.bytes)}, {files} in {where}: written by {escape(waste.writer)}, "
        f"{escape(waste.how)} by {escape(waste.loser)}"
    )


def _log_lines(log: str) -> Sequence[str]:
    return [visible(shorten(line, 300)) for line in log.replace("\r", "\n").split("\n")[-15:]]


def find_excesses(
    images: Iterable[MeasuredImage], max_growth: int | None, max_sizes: dict[tuple[str, str], int]
) -> tuple[Excess, ...]:
    """Return the images that are larger than they may be; `max_sizes` by Dockerfile and target."""
    found = []
    for image in images:
        if image.after is None:
            continue
        growth, most = image.growth, max_sizes.get((image.path, image.target))
        if max_growth is not None and growth is not None and growth > max_growth:
            blamed = max(image.lines, key=lambda each: each.growth, default=None)
            found.append(Excess(image.path, image.target, "max_growth", max_growth, growth, blamed))
        if most is not None and image.after.written > most:
            blamed = max(image.lines, key=lambda each: each.after or 0, default=None)
            found.append(Excess(image.path, image.target, "max_size", most, image.after.written, blamed))
    return tuple(found)


def _more_images(left: int) -> str:
    return f"\n{left:,} more image{'' if left == 1 else 's'} without room here." if left else ""
