"""What the chart allows whom: the operator what it needs by name, agents nothing, containers no more than they use."""

from collections.abc import Iterator
from typing import Any

import pytest
from chart_rendering import MUTATING, Object, only, rendered

ROLES = {"Role", "ClusterRole"}
BINDINGS = {"RoleBinding", "ClusterRoleBinding"}
OPERATOR, NODE = "media-mediamesh-operator", "media-mediamesh-node"
MODES = [{"node": {"sockets": {"mode": mode}}} for mode in ("hostPath", "csi")]
CERT_MANAGER = {"tls": {"certManager": {"enabled": True, "issuerRef": {"name": "studio-ca"}}}}
READS, WRITES = {"get", "list", "watch"}, {"get", "patch"}
modes = pytest.mark.parametrize("values", MODES, ids=lambda values: values["node"]["sockets"]["mode"])


def rules(objects: list[Object]) -> Iterator[dict[str, Any]]:
    return (rule for one in objects if one["kind"] in ROLES for rule in one["rules"])


def verbs(objects: list[Object], resource: str) -> set[tuple[str, str]]:
    """Return each verb that is allowed on a resource, with the name of the object, "" for all of them."""
    found = [rule for rule in rules(objects) if resource in rule["resources"]]
    return {(verb, name) for rule in found for verb in rule["verbs"] for name in rule.get("resourceNames", [""])}


def pods(objects: list[Object]) -> dict[str, Any]:
    """Return the pods of operator and node, by the name of their service account."""
    made = [one["spec"]["template"]["spec"] for one in objects if one["kind"] in {"DaemonSet", "Deployment"}]
    return {pod["serviceAccountName"]: pod for pod in made if "serviceAccountName" in pod}


def containers(objects: list[Object]) -> dict[str, Any]:
    return {each["name"]: each for pod in pods(objects).values() for each in pod["containers"]}


@modes
def test_every_container_is_looked_after(values: dict[str, Any]) -> None:
    made = containers(rendered(values))
    assert made.keys() == {"operator", "agent", "hub"}
    for container in made.values():
        assert {"startupProbe", "livenessProbe"} <= container.keys()
    hub = made["hub"]["livenessProbe"]
    assert (
        hub["periodSeconds"] * hub["failureThreshold"] >= 300
    )  # ended by mistake it would cost every flow of the node


@modes
def test_no_rule_is_open(values: dict[str, Any]) -> None:
    for rule in rules(rendered(values, apis=(MUTATING,))):
        words = [*rule["apiGroups"], *rule["resources"], *rule["verbs"], *rule.get("resourceNames", ())]
        assert not {"*", "escalate", "bind", "impersonate", "deletecollection"} & {*words}
        assert "nonResourceURLs" not in rule


@modes
def test_the_operator_alone_has_permissions(values: dict[str, Any]) -> None:
    bindings = [one for one in rendered(values) if one["kind"] in BINDINGS]
    subjects = {(each["kind"], each["name"], each["namespace"]) for one in bindings for each in one["subjects"]}
    assert subjects == {("ServiceAccount", OPERATOR, "media")}


def test_the_operator_may_do_what_it_does_and_nothing_else() -> None:
    objects = rendered()
    allowed = {resource: verbs(objects, resource) for rule in rules(objects) for resource in rule["resources"]}

    assert allowed == {
        "mediaconnections": {(verb, "") for verb in READS},
        "medianetworks": {(verb, "") for verb in READS},
        "medianodes": {(verb, "") for verb in READS | {"create", "patch"}},
        "mediaconnections/status": {("patch", "")},
        "medianodes/status": {("patch", "")},
        "pods": {(verb, "") for verb in READS},
        "nodes": {(verb, "") for verb in READS},
        "events": {("create", "")},
        "tokenreviews": {("create", "")},
        "leases": {("create", "")} | {(verb, OPERATOR) for verb in WRITES},
        "secrets": {(verb, "media-mediamesh-ca") for verb in WRITES},
        "configmaps": {(verb, "media-mediamesh-ca-bundle") for verb in WRITES},
    }
    everywhere = {resource for rule in only(objects, "ClusterRole")["rules"] for resource in rule["resources"]}
    assert not {"secrets", "configmaps", "leases"} & everywhere


def test_with_cert_manager_it_reads_no_secret() -> None:
    objects = rendered(CERT_MANAGER)
    assert verbs(objects, "secrets") == verbs(objects, "configmaps") == set()


def test_what_it_may_write_and_not_make_is_made_by_the_chart() -> None:
    made = {(one["kind"], one["metadata"]["name"]) for one in rendered()}
    assert {("Secret", "media-mediamesh-ca"), ("ConfigMap", "media-mediamesh-ca-bundle"), ("Lease", OPERATOR)} <= made


@modes
def test_agents_are_given_no_token_of_the_api_server(values: dict[str, Any]) -> None:
    objects = rendered(values)
    pod = pods(objects)[NODE]

    assert pod["automountServiceAccountToken"] is False
    tokens = [source["serviceAccountToken"] for volume in pod["volumes"] for source in sources(volume)]
    assert [token["audience"] for token in tokens] == ["mediamesh-operator"]
    mounts = {name: {each["name"] for each in one["volumeMounts"]} for name, one in containers(objects).items()}
    assert "identity" in mounts["agent"]
    assert "identity" not in mounts["hub"]


def sources(volume: dict[str, Any]) -> list[dict[str, Any]]:
    return [source for source in volume.get("projected", {}).get("sources", []) if "serviceAccountToken" in source]


def test_containers_have_the_capabilities_that_they_use() -> None:
    security = {name: one["securityContext"] for name, one in containers(rendered()).items()}

    assert {name: each["capabilities"] for name, each in security.items()} == {
        "operator": {"drop": ["ALL"]},
        "hub": {"drop": ["ALL"], "add": ["IPC_LOCK"]},
        "agent": {"drop": ["ALL"], "add": ["DAC_OVERRIDE", "FOWNER"]},
    }
    for each in security.values():
        assert each["readOnlyRootFilesystem"] is True
        assert each["allowPrivilegeEscalation"] is False
        assert "privileged" not in each


def test_mode_csi_makes_the_agent_privileged_and_nobody_else() -> None:
    privileged = {
        name for name, one in containers(rendered(MODES[1])).items() if one["securityContext"].get("privileged")
    }
    assert privileged == {"agent"}


@modes
def test_pods_share_nothing_with_their_node_but_folders(values: dict[str, Any]) -> None:
    for name, pod in pods(rendered(values)).items():
        assert not any(pod.get(space) for space in ("hostNetwork", "hostPID", "hostIPC"))
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["securityContext"].get("runAsNonRoot", False) is (name == OPERATOR)


def test_network_policies_close_both_ways_and_reach_the_api_server_where_it_is() -> None:
    objects = rendered({"networkPolicy": {"apiServerPorts": [443, 16443]}})
    operator, node = (only(objects, "NetworkPolicy", f"-{part}")["spec"] for part in ("operator", "node"))

    assert operator["policyTypes"] == node["policyTypes"] == ["Ingress", "Egress"]
    ports = [sorted({port["port"] for port in rule["ports"]}) for rule in operator["egress"]]
    assert ports == [[443, 16443], [53]]
    assert [rule["ports"][0]["port"] for rule in node["egress"]] == ["agents", 53]
