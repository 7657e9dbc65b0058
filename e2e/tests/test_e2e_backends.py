"""Each backend says plainly what it lacks; a cluster that is there can be used by its KUBECONFIG."""

from pathlib import Path

import pytest

from mediamesh_e2e.backends.choice import backend as chosen
from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.errors import MachineUnfit
from mediamesh_e2e.images.archive import Start
from mediamesh_e2e.images.image import Image


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


def test_helm_is_there(cluster: Cluster) -> None:
    from mediamesh_e2e.kubectl import Kubectl

    assert Kubectl(cluster.kubeconfig, cluster.tools.clients).helm("list", "--all-namespaces").startswith("NAME")
