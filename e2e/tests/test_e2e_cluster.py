"""The cluster is what the scenarios take for granted: nodes, network, names, folders of pods, policies, tokens."""

from collections.abc import Mapping
from typing import Any

from e2e_echo import SERVER, ask
from mediamesh_testing.waiting import wait_until

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.errors import ProgramFailed
from mediamesh_e2e.pods import Pods, pod

ADMISSION = "admissionregistration.k8s.io/v1"
OWN_FOLDER = {
    "env": [{"name": "POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}],
    "volumeMounts": [{"name": "root", "mountPath": "/mine", "subPathExpr": "$(POD_UID)"}],
}


def node_names(backend: Backend) -> list[str]:
    """Name the nodes that run pods."""
    nodes = backend.kubectl.get("nodes", "--selector=!node-role.kubernetes.io/control-plane")["items"]
    return [node["metadata"]["name"] for node in nodes]


def policy(kind: str, name: str, namespace: str, spec: Mapping[str, object]) -> list[dict[str, object]]:
    """Give a policy for the ConfigMaps of one namespace, and its binding."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE"]}
    where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    binding: dict[str, object] = {"policyName": name}
    if kind == "ValidatingAdmissionPolicy":
        binding["validationActions"] = ["Deny"]
    matched = {"matchConstraints": {"resourceRules": [rule], **where}, "failurePolicy": "Fail"}
    return [
        {"apiVersion": ADMISSION, "kind": kind, "metadata": {"name": name}, "spec": {**matched, **spec}},
        {"apiVersion": ADMISSION, "kind": f"{kind}Binding", "metadata": {"name": name}, "spec": binding},
    ]


def config_map(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


def test_two_nodes_are_ready(backend: Backend) -> None:
    ready = backend.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=1s")

    assert len(node_names(backend)) == 2
    assert ready.count("condition met") >= 2


def test_pods_reach_each_other_across_nodes_by_address_and_by_name(
    backend: Backend, pods: Pods, python_image: str
) -> None:
    one, other = node_names(backend)
    labels = {"app": "server"}
    service = {"selector": labels, "ports": [{"port": 8080}]}
    pods.start(
        pod("server", python_image, ["python3", "-c", SERVER], node=one, labels=labels),
        pod("client", python_image, node=other),
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "echo"}, "spec": service},
    )

    assert ask(pods, "client", pods.address("server")) == pods.address("client")
    assert wait_until(lambda: ask(pods, "client", "echo"), "the service") == pods.address("client")


def test_a_folder_mounted_by_the_uid_of_the_pod_is_visible_to_that_pod_only(
    backend: Backend, pods: Pods, namespace: str, python_image: str
) -> None:
    folder = {"path": f"/run/{namespace}", "type": "DirectoryOrCreate"}
    spec = {"volumes": [{"name": "root", "hostPath": folder}], "nodeName": node_names(backend)[0]}
    whole = {"volumeMounts": [{"name": "root", "mountPath": "/all"}]}
    pods.start(
        pod("one", python_image, container=OWN_FOLDER, spec=spec),
        pod("two", python_image, container=OWN_FOLDER, spec=spec),
        pod("agent", python_image, container=whole, spec=spec),
    )
    uid = {name: pods.get(name)["metadata"]["uid"] for name in ("one", "two")}
    pods.run("one", "touch", "/mine/only-of-one")

    assert pods.run("agent", "ls", f"/all/{uid['one']}") == "only-of-one"
    assert pods.run("agent", "ls", f"/all/{uid['two']}") == ""
    assert pods.run("two", "ls", "/mine") == ""


def test_a_validating_policy_denies_with_its_message(backend: Backend, namespace: str) -> None:
    validation = {"expression": "object.metadata.name != 'forbidden'", "message": "not that name"}
    backend.kubectl.apply(*policy("ValidatingAdmissionPolicy", namespace, namespace, {"validations": [validation]}))

    def denied() -> str:
        try:
            backend.kubectl.apply(config_map("forbidden"), namespace=namespace)
        except ProgramFailed as refusal:
            return str(refusal)
        backend.kubectl("delete", "configmap", "forbidden", "--namespace", namespace)
        return ""

    assert "not that name" in wait_until(denied, "the policy")


def test_a_mutating_policy_changes_what_is_created(backend: Backend, namespace: str) -> None:
    expression = 'Object{metadata: Object.metadata{labels: {"by": "policy"}}}'
    mutation = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}
    spec = {"mutations": [mutation], "reinvocationPolicy": "Never"}
    backend.kubectl.apply(*policy("MutatingAdmissionPolicy", namespace, namespace, spec))

    def labelled() -> bool:
        backend.kubectl.apply(config_map("plain"), namespace=namespace)
        labels = backend.kubectl.get("configmap", "plain", namespace=namespace)["metadata"].get("labels")
        backend.kubectl("delete", "configmap", "plain", "--namespace", namespace)
        return bool(labels == {"by": "policy"})

    wait_until(labelled, "the policy")


def test_a_projected_token_is_good_for_its_audience_and_names_pod_and_node(
    backend: Backend, pods: Pods, python_image: str
) -> None:
    token = {"serviceAccountToken": {"audience": "mediamesh", "path": "token", "expirationSeconds": 600}}
    spec = {"volumes": [{"name": "token", "projected": {"sources": [token]}}]}
    mounted = {"volumeMounts": [{"name": "token", "mountPath": "/token"}]}
    pods.start(pod("bearer", python_image, container=mounted, spec=spec))
    secret, bearer = pods.run("bearer", "cat", "/token/token"), pods.get("bearer")

    accepted = review(backend, secret, "mediamesh")

    assert accepted["authenticated"]
    assert accepted["audiences"] == ["mediamesh"]
    extra = accepted["user"]["extra"]
    assert extra["authentication.kubernetes.io/pod-uid"] == [bearer["metadata"]["uid"]]
    assert extra["authentication.kubernetes.io/node-name"] == [bearer["spec"]["nodeName"]]
    assert not review(backend, secret, "other").get("authenticated")


def review(backend: Backend, token: str, audience: str) -> Any:
    asked = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token, "audiences": [audience]},
    }
    return backend.kubectl.create(asked)["status"]
