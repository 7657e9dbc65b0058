"""What the annotations add to a pod, said by a real API server that is asked by dry run, so that no pod is made."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from mediamesh_testing.waiting import wait_until

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.errors import ProgramFailed
from mediamesh_e2e.release.chart import CHART

RELEASE = "injection-mediamesh"
INJECT = {"mediamesh.io/inject": "true"}
LINES = "receive cam1 pipe:/media/cam1.y4m\nsend graded pipe:/media/graded.y4m\n"
SIDECAR = {**INJECT, "mediamesh.io/sidecar": LINES}
VOLUMES: dict[str, dict[str, Any]] = {
    "hostPath": {"hostPath": {"path": "/run/mediamesh/pods", "type": "DirectoryOrCreate"}},
    "csi": {"csi": {"driver": "mediamesh.csi", "readOnly": True}},
}
UID = {"name": "POD_UID", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.uid"}}}
TEMPLATES = ("templates/admission/injection.yaml", "templates/admission/mount-policy.yaml")


def rendered(backend: Backend, **values: object) -> str:
    """Render the two policies as an installation on this cluster would."""
    told = [f"--set={key.replace('_', '.')}={value}" for key, value in values.items()]
    shown = [f"--show-only={template}" for template in TEMPLATES]
    words = ["--namespace", RELEASE, "--dry-run=server", *told, *shown]
    return backend.kubectl.helm("template", RELEASE, str(CHART), *words)


def admitted(
    backend: Backend, namespace: str, annotations: dict[str, str], spec: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Try to make a pod; return the spec that the API server would keep."""
    told = spec or {"containers": [{"name": "main", "image": "registry.test/none"}]}
    metadata = {"name": "it", "namespace": namespace, "annotations": annotations}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": told}
    made = backend.kubectl("create", "--dry-run=server", "--output=json", "-f", "-", given=json.dumps(body))
    return dict(json.loads(made)["spec"])


def volume(spec: dict[str, Any], name: str = "mediamesh") -> dict[str, Any] | None:
    found = [each for each in spec.get("volumes", []) if each["name"] == name]
    assert len(found) <= 1
    return {key: value for key, value in found[0].items() if key != "name"} if found else None


def mounts(container: dict[str, Any]) -> list[dict[str, Any]]:
    return [mount for mount in container.get("volumeMounts", []) if mount["mountPath"] == "/run/mediamesh"]


@pytest.fixture(scope="module", params=["hostPath", "csi"])
def mode(backend: Backend, request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the way by which pods get their folder, on a cluster in which both policies are in force."""
    text = rendered(backend, node_sockets_mode=request.param)
    backend.kubectl("apply", "-f", "-", given=text)
    wait_until(lambda: in_force(backend, request.param), "the policies to come into force")
    yield request.param
    backend.kubectl("delete", "-f", "-", given=text)
    wait_until(lambda: volume(admitted(backend, "default", INJECT)) is None, "the policy to be gone")


def in_force(backend: Backend, mode: str) -> bool:
    above = {
        "containers": [{"name": "main", "image": "registry.test/none"}],
        "volumes": [{"name": "it", "hostPath": {"path": "/run"}}],
    }
    try:
        admitted(backend, "default", {}, above)
    except ProgramFailed:
        return volume(admitted(backend, "default", INJECT)) == VOLUMES[mode]
    return False


SEVERAL: dict[str, Any] = {
    "initContainers": [{"name": "first", "image": "registry.test/none", "env": [{"name": "A", "value": "1"}]}],
    "containers": [
        {"name": "main", "image": "registry.test/none"},
        {
            "name": "beside",
            "image": "registry.test/none",
            "env": [{"name": "A", "value": "1"}],
            "volumeMounts": [{"name": "own", "mountPath": "/own"}],
        },
    ],
    "volumes": [{"name": "own", "emptyDir": {}}],
}


def test_every_container_gets_the_folder(backend: Backend, mode: str, namespace: str) -> None:
    spec = admitted(backend, namespace, INJECT, SEVERAL)

    path = {"name": "mediamesh", "mountPath": "/run/mediamesh", "readOnly": True}
    assert volume(spec) == VOLUMES[mode]
    for container in [*spec["initContainers"], *spec["containers"]]:
        assert mounts(container) == [path if mode == "csi" else {**path, "subPathExpr": "$(POD_UID)"}]
        assert (UID in container.get("env", [])) == (mode == "hostPath")
    assert {"name": "A", "value": "1"} in spec["containers"][1]["env"]
    assert {"name": "own", "mountPath": "/own"} in spec["containers"][1]["volumeMounts"]
    assert [container["name"] for container in spec["initContainers"]] == ["first"]


def test_a_sidecar_comes_first_and_may_do_nothing(backend: Backend, mode: str, namespace: str) -> None:
    spec = admitted(backend, namespace, SIDECAR, SEVERAL)

    sidecar, first = spec["initContainers"]
    assert (sidecar["name"], first["name"]) == ("mediamesh-sidecar", "first")
    assert sidecar["restartPolicy"] == "Always"
    assert {"name": "MEDIAMESH_SIDECAR", "value": LINES} in sidecar["env"]
    assert sidecar["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"name": "mediamesh-media", "mountPath": "/media"} in sidecar["volumeMounts"]
    assert len(mounts(sidecar)) == 1
    assert volume(spec, "mediamesh-media") == {"emptyDir": {}}
    assert volume(spec) == VOLUMES[mode]


def test_asking_twice_changes_nothing(backend: Backend, mode: str, namespace: str) -> None:
    once = admitted(backend, namespace, SIDECAR, SEVERAL)
    assert volume(once) == VOLUMES[mode]
    assert admitted(backend, namespace, SIDECAR, once) == once


def test_a_container_that_another_policy_adds_gets_its_own(backend: Backend, mode: str, namespace: str) -> None:
    once = admitted(backend, namespace, SIDECAR)
    more = {**once, "containers": [*once["containers"], {"name": "late", "image": "registry.test/none"}]}
    assert [len(mounts(each)) for each in admitted(backend, namespace, SIDECAR, more)["containers"]] == [1, 1], mode


def test_who_does_not_ask_gets_nothing(backend: Backend, mode: str, namespace: str) -> None:
    for annotations in ({}, {"mediamesh.io/inject": "false"}, {"mediamesh.io/sidecar": LINES}):
        spec = admitted(backend, namespace, annotations)
        assert volume(spec) is None, mode
        assert "initContainers" not in spec


def test_a_volume_of_theirs_with_our_name_is_left_alone(backend: Backend, mode: str, namespace: str) -> None:
    theirs = {
        "containers": [{"name": "main", "image": "registry.test/none"}],
        "volumes": [{"name": "mediamesh", "emptyDir": {}}],
    }
    spec = admitted(backend, namespace, SIDECAR, theirs)
    assert volume(spec) == {"emptyDir": {}}, mode
    assert mounts(spec["containers"][0]) == []


@pytest.mark.parametrize("mode", ["hostPath"], indirect=True)
def test_what_is_injected_is_what_the_mount_policy_wants(backend: Backend, mode: str, namespace: str) -> None:
    liar = {"containers": [{"name": "main", "image": "none", "env": [{"name": "POD_UID", "value": "another-pod"}]}]}
    assert volume(admitted(backend, namespace, INJECT)) == VOLUMES[mode]
    with pytest.raises(ProgramFailed, match=r"needs subPathExpr: \$\(POD_UID\), with POD_UID from fieldRef"):
        admitted(backend, namespace, INJECT, liar)


@pytest.mark.parametrize(("wanted", "there"), [("auto", True), ("true", True), ("false", False)])
def test_a_release_can_do_without(backend: Backend, wanted: str, there: bool) -> None:
    told = ["--dry-run=server", "--namespace=bare", f"--set=admission.injection={wanted}", "--set=crds.enabled=false"]
    objects = backend.kubectl.helm("template", "bare", str(CHART), *told)
    assert ("kind: MutatingAdmissionPolicy\n" in objects) is there
