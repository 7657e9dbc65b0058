"""Each backend says plainly what it lacks; a cluster that is there can be used by its KUBECONFIG."""

from pathlib import Path
from typing import Any

import pytest

from mediamesh_e2e.backends import existing
from mediamesh_e2e.backends.choice import backend as chosen
from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.errors import MachineUnfit, ProgramFailed
from mediamesh_e2e.images.archive import Start
from mediamesh_e2e.images.image import Image
from mediamesh_e2e.nodenames import NodeNames
from mediamesh_e2e.pods import Pods, pod


def test_a_name_that_is_no_backend_is_answered_with_those_that_are() -> None:
    with pytest.raises(MachineUnfit, match="minikube: no backend; there are local, kind, existing"):
        chosen("minikube")


def test_kind_says_that_it_needs_docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(MachineUnfit, match="needs Docker and kind: docker: no such program"), chosen("kind"):
        pytest.fail("it started")


def test_an_existing_cluster_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)

    with pytest.raises(MachineUnfit, match="KUBECONFIG is not set"), chosen("existing"):
        pytest.fail("it started")


def test_an_existing_cluster_is_used_and_pulls_images_from_a_registry(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    monkeypatch.setenv("PATH", str(cluster.tools.clients), prepend=":")
    monkeypatch.delenv("REGISTRY", raising=False)

    with chosen("existing") as backend:
        assert backend.cluster is None
        assert len(backend.kubectl.get("nodes")["items"]) == 2
        with pytest.raises(MachineUnfit, match="REGISTRY is not set"):
            backend.provide(Image("registry.test/python:1", Start(("true",))))


def test_nodes_of_other_names_are_those_that_the_tests_mean(
    cluster: Cluster, pods: Pods, python_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    monkeypatch.setenv("PATH", str(cluster.tools.clients), prepend=":")
    monkeypatch.setenv("NODES", "node-b,node-a")

    with chosen("existing") as backend:
        Pods(backend.kubectl, pods.namespace).start(pod("there", python_image, node="node-a"))
        told = backend.kubectl.get("pod", "there", namespace=pods.namespace)["spec"]["nodeName"]
        with pytest.raises(ProgramFailed, match='nodes "node-c" not found'):
            backend.kubectl.get("node", "node-c")
    assert (told, pods.get("there")["spec"]["nodeName"]) == ("node-a", "node-b")


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("pod a on node-a, b on node-b.", "pod a on n1, b on n1.example."),
        ('{"spec":{"nodeName":"node-a"}}', '{"spec":{"nodeName":"n1"}}'),
        ("--field-selector=spec.nodeName=node-b", "--field-selector=spec.nodeName=n1.example"),
        ("medianode/node-a", "medianode/n1"),
        ("mediamesh-node-a7k2q node-agent my-node-b", "mediamesh-node-a7k2q node-agent my-node-b"),
    ],
)
def test_whole_names_are_translated_both_ways(text: str, translated: str) -> None:
    names = NodeNames(("n1", "n1.example"))
    assert names.theirs(text) == translated
    assert names.ours(translated) == text


def node(name: str, *effects: str, key: str = "it") -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"taints": [{"key": key, "effect": effect} for effect in effects]}}


def test_two_nodes_that_take_any_pod_are_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NODES", raising=False)
    beginning = node("c", "NoSchedule", key=existing.PASSING)
    nodes = [beginning, node("a", "NoSchedule"), node("d"), node("b", "PreferNoSchedule")]

    assert existing.chosen(nodes) == ["b", "c"]
    with pytest.raises(MachineUnfit, match=r"name them by NODES=one,other \(found: \['c'\]\)"):
        existing.chosen(nodes[:2])
    monkeypatch.setenv("NODES", "a,a")
    with pytest.raises(MachineUnfit, match="NODES=one,other"):
        existing.chosen(nodes)


@pytest.mark.parametrize(
    ("reference", "reached"),
    [
        ("registry.test/python:1", "host:5000/group/python:1"),
        ("host:5000/group/mediamesh-node:2", "host:5000/group/mediamesh-node:2"),
    ],
)
def test_images_are_pushed_where_pods_look_for_them(reference: str, reached: str) -> None:
    assert existing.pushed(reference, "host:5000/group") == reached


def test_helm_is_there(cluster: Cluster) -> None:
    from mediamesh_e2e.kubectl import Kubectl

    assert Kubectl(cluster.kubeconfig, cluster.tools.clients).helm("list", "--all-namespaces").startswith("NAME")
