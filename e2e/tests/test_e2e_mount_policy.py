"""Who may mount what: the chart's policy at a real API server, asked by dry run, so that no pod is made."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from mediamesh_testing.pages import blocks, pages
from mediamesh_testing.waiting import wait_until

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.clients import helm
from mediamesh_e2e.errors import ProgramFailed
from mediamesh_e2e.places import REPOSITORY
from mediamesh_e2e.programs import run

ROOT = "/run/media-policy"
"""Of a release of this test's own, so that another one in the cluster decides nothing here."""
RELEASE = "policy-mediamesh"
OWN_FOLDER: dict[str, Any] = {
    "env": [{"name": "POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}],
    "volumeMounts": [{"name": "it", "mountPath": "/run/mediamesh", "subPathExpr": "$(POD_UID)"}],
}
WHOLE: dict[str, Any] = {"volumeMounts": [{"name": "it", "mountPath": "/host", "readOnly": True}]}


def pod(path: str, namespace: str, container: dict[str, Any]) -> str:
    spec = {
        "containers": [{"name": "main", "image": "registry.test/none", **container}],
        "volumes": [{"name": "it", "hostPath": {"path": path}}],
    }
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "it", "namespace": namespace}, "spec": spec}
    return json.dumps(body)


def told_pods() -> Iterator[Any]:
    """Give the pods, and the templates of pods, that the pages tell to write, each with the line where it begins."""
    for block in (block for page in pages() for block in blocks(page) if block.language == "yaml"):
        for told in filter(lambda each: isinstance(each, dict), yaml.safe_load_all(block.text)):
            spec = told.get("spec", {})
            found = spec if told.get("kind") == "Pod" else spec.get("template", {}).get("spec")
            if found and any("hostPath" in volume for volume in found.get("volumes", ())):
                yield pytest.param(found, id=str(block))


def refusal(backend: Backend, path: str, namespace: str, container: dict[str, Any]) -> str:
    """Try to make a pod; return what the API server says against it."""
    try:
        backend.kubectl("create", "--dry-run=server", "-f", "-", given=pod(path, namespace, container))
    except ProgramFailed as error:
        return error.message
    return ""


@pytest.fixture(scope="module")
def policy(backend: Backend) -> Iterator[Backend]:
    """Give a cluster in which the policy is in force."""
    chart = REPOSITORY / "charts" / "mediamesh"
    values = f"node.root={ROOT}"
    only = "templates/admission/mount-policy.yaml"
    text = run([helm(), "template", RELEASE, chart, "--namespace", RELEASE, "--set", values, "--show-only", only])
    backend.kubectl("apply", "-f", "-", given=text)
    wait_until(lambda: refusal(backend, ROOT, "default", WHOLE), "the policy to come into force")
    yield backend
    backend.kubectl("delete", "-f", "-", given=text)


@pytest.mark.parametrize("path", ["/", "/run", "/run/", "//run/.", "/var/run"])
def test_what_is_above_the_root_is_refused_read_only_too(policy: Backend, namespace: str, path: str) -> None:
    said = refusal(policy, path, namespace, WHOLE)
    assert f"hostPath {path} has {ROOT} in it" in said
    assert "mediamesh.io/may-mount-all=true" in said


@pytest.mark.parametrize("path", ["/run/media-polic", "/run/media-policy-too", "/var", "/var/log", "/dev/shm", "/runs"])
def test_what_is_beside_the_root_is_nobody_s_business(policy: Backend, namespace: str, path: str) -> None:
    assert refusal(policy, path, namespace, WHOLE) == ""


@pytest.mark.parametrize("path", [ROOT, f"{ROOT}/", f"/var{ROOT}", f"{ROOT}/pods/0123", f"{ROOT}/hub.sock"])
def test_what_is_below_the_root_is_refused_but_for_pods(policy: Backend, namespace: str, path: str) -> None:
    assert f"a hostPath below {ROOT} must be {ROOT}/pods" in refusal(policy, path, namespace, WHOLE)


def test_a_pod_may_mount_its_own_folder_and_no_other(policy: Backend, namespace: str) -> None:
    assert refusal(policy, f"{ROOT}/pods", namespace, OWN_FOLDER) == ""
    needs = f"a mount of {ROOT}/pods needs subPathExpr"
    assert needs in refusal(policy, f"{ROOT}/pods", namespace, WHOLE)
    fixed = {**OWN_FOLDER, "env": [{"name": "POD_UID", "value": "another-pod"}]}
    assert needs in refusal(policy, f"{ROOT}/pods", namespace, fixed)


@pytest.mark.parametrize("told", list(told_pods()))
def test_what_the_pages_tell_to_write_is_admitted(policy: Backend, namespace: str, told: dict[str, Any]) -> None:
    spec = json.loads(json.dumps(told).replace("/run/mediamesh/pods", f"{ROOT}/pods"))
    assert ROOT in json.dumps(spec)
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "it", "namespace": namespace}, "spec": spec}
    policy.kubectl("create", "--dry-run=server", "-f", "-", given=json.dumps(body))


@pytest.mark.parametrize("namespace_of", ["kube-system", "labelled"])
def test_who_is_exempt_may_mount_what_is_above_and_not_what_is_below(
    policy: Backend, namespace: str, namespace_of: str
) -> None:
    if namespace_of == "labelled":
        policy.kubectl("label", "namespace", namespace, "mediamesh.io/may-mount-all=true")
        namespace_of = namespace
    wait_until(lambda: not refusal(policy, "/run", namespace_of, WHOLE), "the label to have its effect")
    assert "must be" in refusal(policy, ROOT, namespace_of, WHOLE)


def test_a_container_that_is_added_for_debugging_may_not_mount_the_folders(policy: Backend, namespace: str) -> None:
    nowhere = json.loads(pod(f"{ROOT}/pods", namespace, OWN_FOLDER))
    nowhere["spec"]["nodeSelector"] = {"no": "node"}
    policy.kubectl("create", "-f", "-", given=json.dumps(nowhere))
    there = policy.kubectl.get("pod", "it", namespace=namespace)

    def add(container: dict[str, Any]) -> None:
        there["spec"]["ephemeralContainers"] = [{"name": "debug", "image": "registry.test/none", **container}]
        path = f"/api/v1/namespaces/{namespace}/pods/it/ephemeralcontainers?dryRun=All"
        policy.kubectl("replace", "--raw", path, "-f", "-", given=json.dumps(there))

    add({})
    with pytest.raises(ProgramFailed, match=f"an ephemeral container may not mount {ROOT}/pods"):
        add({"volumeMounts": [{"name": "it", "mountPath": "/all"}]})


def test_a_pod_that_was_there_before_can_be_changed_and_deleted(policy: Backend, namespace: str) -> None:
    policy.kubectl("label", "namespace", namespace, "mediamesh.io/may-mount-all=true")
    wait_until(lambda: not refusal(policy, "/run", namespace, WHOLE), "the label to have its effect")
    nowhere = json.loads(pod("/run", namespace, WHOLE))
    nowhere["spec"]["nodeSelector"] = {"no": "node"}
    nowhere["metadata"]["finalizers"] = ["mediamesh.io/test"]
    policy.kubectl("create", "-f", "-", given=json.dumps(nowhere))
    policy.kubectl("label", "namespace", namespace, "mediamesh.io/may-mount-all-")
    wait_until(lambda: refusal(policy, "/run", namespace, WHOLE), "the label to be gone")
    policy.kubectl("delete", "pod", "it", "--namespace", namespace, "--wait=false")
    patch = '{"metadata":{"finalizers":null}}'
    policy.kubectl("patch", "pod", "it", "--namespace", namespace, "--type=merge", f"--patch={patch}")
    policy.kubectl("wait", "pod", "it", "--namespace", namespace, "--for=delete", "--timeout=30s")


def test_policy_is_what_the_api_server_understands(policy: Backend) -> None:
    made = yaml.safe_load(policy.kubectl("get", "validatingadmissionpolicy", f"{RELEASE}-mounts", "--output", "yaml"))
    assert not made["status"].get("typeChecking", {}).get("expressionWarnings")
