"""The manifests of deploy/kubernetes: valid, confined, and of one mind with the code that they run."""

from __future__ import annotations

import re
from typing import Any

import kubernetes_validate
import pytest

from bot.settings import PREFIX, Settings
from cli.serve import REDIS_URL
from tests.deploy.conftest import ROOT
from tests.deploy.kustomize import Manifest, containers, render
from workers.messages import REVIEW_QUEUE, celery_options

DIRECTORY = ROOT / "deploy" / "kubernetes"
VERSION = "1.33.0"
"""What the manifests are held against; nothing in them is newer."""
OVERLAYS = ("small", "large")
# Their schemas come with KEDA and with the Prometheus operator.
_CUSTOM = {"ScaledObject", "TriggerAuthentication", "ServiceMonitor"}


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return render(DIRECTORY / "overlays" / request.param)


@pytest.fixture
def builders() -> list[Manifest]:
    return render(DIRECTORY / "overlays" / "builders")


@pytest.fixture(params=(*OVERLAYS, "builders"))
def every(request: pytest.FixtureRequest) -> list[Manifest]:
    return render(DIRECTORY / "overlays" / request.param)


def test_they_are_what_kubernetes_takes(every: list[Manifest]) -> None:
    checked = [each for each in every if each["kind"] not in _CUSTOM]
    for manifest in checked:
        kubernetes_validate.validate(manifest, VERSION, strict=True)
    assert {each["kind"] for each in checked} >= {
        *("Deployment", "ServiceAccount", "PodDisruptionBudget", "NetworkPolicy", "Namespace"),
    }


def test_they_are_all_there(manifests: list[Manifest]) -> None:
    assert {each["kind"] for each in manifests} >= {"HorizontalPodAutoscaler", "Ingress", "ScaledObject", "Service"}


def test_no_two_have_one_name(every: list[Manifest]) -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in every]
    assert len(names) == len(set(names))


def test_all_lie_in_one_namespace_that_holds_them_to_the_restricted_profile(manifests: list[Manifest]) -> None:
    [namespace] = [each for each in manifests if each["kind"] == "Namespace"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    others = {each["metadata"].get("namespace") for each in manifests if each is not namespace}
    assert others == {namespace["metadata"]["name"]}


def _pods(manifests: list[Manifest]) -> list[tuple[str, Manifest]]:
    return [(each["metadata"]["name"], each["spec"]["template"]) for each in manifests if containers(each)]


def test_pods_keep_to_the_restricted_profile(manifests: list[Manifest]) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards, "Restricted"."""
    for name, template in _pods(manifests):
        pod = template["spec"]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        kinds = {kind for volume in pod.get("volumes", ()) for kind in volume if kind != "name"}
        assert kinds <= {"emptyDir", "secret", "persistentVolumeClaim"}, name
        for container in pod["containers"]:
            confined = container["securityContext"]
            assert confined["allowPrivilegeEscalation"] is False, name
            assert confined["readOnlyRootFilesystem"] is True, name
            assert confined["capabilities"] == {"drop": ["ALL"]}, name


def test_builders_have_what_no_other_pod_has_and_are_kept_apart(
    manifests: list[Manifest], builders: list[Manifest]
) -> None:
    [namespace] = [each for each in builders if each["kind"] == "Namespace"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    assert namespace["metadata"]["name"] not in {each["metadata"]["name"] for each in manifests}
    assert {each["metadata"].get("namespace") for each in builders if each is not namespace} == {"dockslim-builders"}
    [(_, template)] = _pods(builders)
    pod = template["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert [each["hostPath"]["path"] for each in pod["volumes"] if "hostPath" in each] == ["/dev"]
    # Only on machines that were set aside for it, and no second one on any of them.
    [(label, value)] = pod["nodeSelector"].items()
    [toleration] = pod["tolerations"]
    assert (toleration["key"], toleration["value"]) == (label, value)
    assert "requiredDuringSchedulingIgnoredDuringExecution" in pod["affinity"]["podAntiAffinity"]
    [container] = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    secrets = {each["valueFrom"]["secretKeyRef"]["key"] for each in container["env"] if "valueFrom" in each}
    assert secrets == {"app-id"}


def test_builders_reach_the_queue_and_no_other_pod(builders: list[Manifest]) -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in builders if each["kind"] == "NetworkPolicy"}
    assert policies["deny-all"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert "ingress" not in policies["builder"]
    peers = [peer for rule in policies["builder"]["egress"] for peer in rule["to"]]
    pods = [peer["podSelector"]["matchLabels"] for peer in peers if "podSelector" in peer]
    assert pods == [{"k8s-app": "kube-dns"}, {"app.kubernetes.io/name": "valkey"}]
    small = render(DIRECTORY / "overlays" / "small")
    [valkey] = [each for each in small if (each["kind"], each["metadata"]["name"]) == ("NetworkPolicy", "valkey")]
    [labels] = [template["metadata"]["labels"] for _, template in _pods(builders)]
    letters = [
        each["podSelector"]["matchLabels"]
        for each in valkey["spec"]["ingress"][0]["from"]
        if each.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name")
        == "dockslim-builders"
    ]
    assert [each.items() <= labels.items() for each in letters] == [True]


def test_containers_have_limits_probes_and_a_fixed_image(every: list[Manifest]) -> None:
    for name, template in _pods(every):
        for container in template["spec"]["containers"]:
            assert {"cpu", "memory"} <= container["resources"]["limits"].keys(), name
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
            assert "livenessProbe" in container, name
            assert re.search(r":[0-9][0-9.]*(?:-\w+)?$", container["image"]), f"{name}: {container['image']}"


def test_what_selects_finds_something(every: list[Manifest]) -> None:
    labels = [template["metadata"]["labels"] for _, template in _pods(every)]
    names = {each["metadata"]["name"] for each in every if containers(each)}
    for manifest in every:
        spec: Any = manifest.get("spec", {})
        if manifest["kind"] == "Service":
            assert any(spec["selector"].items() <= each.items() for each in labels)
        if manifest["kind"] in {"Deployment", "StatefulSet", "PodDisruptionBudget"}:
            assert any(spec["selector"]["matchLabels"].items() <= each.items() for each in labels)
        if manifest["kind"] in {"HorizontalPodAutoscaler", "ScaledObject"}:
            assert spec["scaleTargetRef"]["name"] in names
        if manifest["kind"] == "NetworkPolicy":
            assert any(spec["podSelector"].get("matchLabels", {}).items() <= each.items() for each in labels)


def test_nothing_is_let_through_that_is_not_named(manifests: list[Manifest]) -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in manifests if each["kind"] == "NetworkPolicy"}
    assert policies["deny-all"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert {"web", "worker"} <= policies.keys()
    assert "ingress" not in policies["worker"]
    policies["builder"] = next(
        each["spec"]
        for each in render(DIRECTORY / "overlays" / "builders")
        if (each["kind"], each["metadata"]["name"]) == ("NetworkPolicy", "builder")
    )
    for name in ("web", "worker", "builder"):
        outside = [peer["ipBlock"] for rule in policies[name]["egress"] for peer in rule["to"] if "ipBlock" in peer]
        v4 = next(each for each in outside if each["cidr"] == "0.0.0.0/0")
        # The address that hands out a node's credentials, and the cluster's own API server.
        assert {"169.254.0.0/16", "10.0.0.0/8"} <= set(v4["except"])
    if "valkey" in policies:
        assert "egress" not in policies["valkey"]


def test_settings_are_such_that_dockslim_reads(every: list[Manifest]) -> None:
    files = {"PRIVATE_KEY_FILE", "WEBHOOK_SECRET_FILE", "STATUS_TOKEN_FILE", "REDIS_URL_FILE", "CACHE"}
    known = {f"{PREFIX}{name}" for name in (*files, *(each.upper() for each in Settings.model_fields))}
    for name, template in _pods(every):
        for container in template["spec"]["containers"]:
            variables = {each["name"]: each for each in container.get("env", ())}
            assert variables.keys() <= known, name
            for variable in variables.values():
                value = variable.get("value", "")
                mounts = [each["mountPath"] for each in container["volumeMounts"]]
                if variable["name"].endswith(("_FILE", "_CACHE")):
                    assert any(value.startswith(mount) for mount in mounts), variable
            if name in {"web", "worker", "builder"}:
                assert f"{REDIS_URL}_FILE" in variables


def test_workers_are_counted_by_the_list_that_they_read(manifests: list[Manifest]) -> None:
    [scaled] = [each for each in manifests if each["kind"] == "ScaledObject"]
    [trigger] = scaled["spec"]["triggers"]
    prefix = celery_options("redis://queue:6379/0")["broker_transport_options"]["global_keyprefix"]
    assert trigger["metadata"]["listName"] == f"{prefix}{REVIEW_QUEUE}"
