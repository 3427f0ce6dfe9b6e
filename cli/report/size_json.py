"""Images and comparisons as JSON; sizes are bytes, layers count from 1, and what is not known is null."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from cli.report.checked import as_unicode
from workers.image.compare import Comparison, Files
from workers.image.directories import largest
from workers.image.model import Cost, Loss, Measurement, Package

DIRECTORIES = 20


def render_json(name: str, measured: Measurement) -> str:
    """Return one object for an image."""
    return json.dumps({"name": as_unicode(name), **_image(measured)}, indent=1)


def render_comparison(names: tuple[str, str], compared: Comparison) -> str:
    """Return one object with both images and what differs."""
    return json.dumps(
        {
            "before": {"name": as_unicode(names[0]), **_image(compared.before)},
            "after": {"name": as_unicode(names[1]), **_image(compared.after)},
            "difference": compared.written.difference,
            "lines": [
                {
                    "before": [cost.index + 1 for cost in each.before],
                    "after": [cost.index + 1 for cost in each.after],
                    "shared": each.is_shared,
                    "difference": each.difference,
                }
                for each in compared.lines
            ],
            "packages": [
                {**_package(each.name), "before": each.before, "after": each.after} for each in compared.packages
            ],
            "directories": _directories(compared.directories),
            "files": {
                "added": _files(compared.added),
                "removed": _files(compared.removed),
                "changed": _files(compared.changed),
            },
        },
        indent=1,
    )


def _image(measured: Measurement) -> dict[str, object]:
    return {
        "digest": as_unicode(measured.image.digest),
        "platform": as_unicode(measured.image.platform),
        "written": measured.written,
        "visible": measured.visible,
        "lost": measured.lost,
        "compressed": measured.compressed,
        "layers": [_layer(cost) for cost in measured.costs],
        "losses": [_loss(loss) for loss in measured.losses],
        "packages": _packages(measured.packages),
    }


def _layer(cost: Cost) -> dict[str, object]:
    origin = cost.origin
    return {
        "layer": cost.index + 1,
        "diff_id": cost.diff_id,
        "created_by": None if cost.created_by is None else as_unicode(cost.created_by),
        "line": origin.line if origin else None,
        "end_line": origin.end_line if origin else None,
        "base": cost.is_base,
        "written": cost.written,
        "compressed": cost.compressed,
        "lost": cost.lost,
        "overwrote": cost.overwrote,
        "deleted": cost.deleted,
        "copied": cost.copied,
        "packages": _packages(cost.packages),
        "directories": _directories(cost.directories),
    }


def _loss(loss: Loss) -> dict[str, object]:
    return {
        "written_by": loss.writer + 1,
        "lost_by": loss.loser + 1,
        "how": loss.how,
        "bytes": loss.bytes,
        "files": loss.files,
        "directory": as_unicode(f"/{loss.directory}"),
    }


def _packages(packages: Mapping[Package, int]) -> list[dict[str, object]]:
    ranked: Iterable[tuple[Package, int]] = sorted(packages.items(), key=lambda item: (-item[1], item[0]))
    return [{**_package(package), "bytes": size} for package, size in ranked]


def _package(package: Package) -> dict[str, object]:
    return {"manager": package.sort, "name": as_unicode(package.name)}


def _directories(direct: Mapping[str, int]) -> list[dict[str, object]]:
    return [{"directory": as_unicode(f"/{folder}"), "bytes": size} for folder, size in largest(direct, DIRECTORIES)]


def _files(files: Files) -> dict[str, int]:
    return {"files": files.count, "bytes": files.bytes}
