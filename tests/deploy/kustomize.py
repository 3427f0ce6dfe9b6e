"""The part of kustomize that deploy/kubernetes uses; whatever else a kustomization says is an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]
_KNOWN = {"apiVersion", "kind", "namespace", "resources", "labels", "images", "patches"}
# Everything else that is used here lies in a namespace.
_CLUSTER_WIDE = {"Namespace"}


def render(directory: Path) -> list[Manifest]:
    """Return the manifests that `kubectl apply --kustomize` would send."""
    kustomization = yaml.safe_load((directory / "kustomization.yaml").read_text())
    assert kustomization.keys() <= _KNOWN, f"{directory}: {kustomization.keys() - _KNOWN}"
    manifests = [each for name in kustomization["resources"] for each in _read(directory / name)]
    for patch in kustomization.get("patches", ()):
        found = [each for each in manifests if _is_target(each, patch["target"])]
        assert len(found) == 1, f"{directory}: {patch['target']} fits {len(found)} manifests"
        for operation in yaml.safe_load(patch["patch"]):
            _apply(found[0], operation)
    for manifest in manifests:
        for label in kustomization.get("labels", ()):
            manifest["metadata"].setdefault("labels", {}).update(label["pairs"])
        for image in kustomization.get("images", ()):
            for container in containers(manifest):
                if container["image"] == image["name"]:
                    container["image"] = f"{image['newName']}:{image['newTag']}"
        if "namespace" in kustomization and manifest["kind"] not in _CLUSTER_WIDE:
            manifest["metadata"]["namespace"] = kustomization["namespace"]
    return manifests


def containers(manifest: Manifest) -> list[Manifest]:
    """Return the containers of a manifest that has pods."""
    pod = manifest.get("spec", {}).get("template", {}).get("spec", {})
    return [*pod.get("initContainers", ()), *pod.get("containers", ())]


def _read(path: Path) -> Iterator[Manifest]:
    if path.is_dir():
        yield from render(path)
    else:
        yield from yaml.safe_load_all(path.read_text())


def _is_target(manifest: Manifest, target: dict[str, str]) -> bool:
    return (manifest["kind"], manifest["metadata"]["name"]) == (target["kind"], target["name"])


def _apply(manifest: Manifest, operation: Manifest) -> None:
    *parents, last = operation["path"].strip("/").split("/")
    place: Any = manifest
    for name in parents:
        place = place[int(name) if isinstance(place, list) else name]
    assert operation["op"] in {"add", "replace"}
    assert (last in place) == (operation["op"] == "replace"), f"{operation['path']} does not fit"
    place[last] = operation["value"]
