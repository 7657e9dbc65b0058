"""Nodes without a machine are Ready, and pods that are sent there are Running, with nothing running."""

from collections.abc import Iterator

import pytest

from mediamesh_e2e.cluster import simulated
from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.pods import Pods, pod

NAMES = ("simulated-1", "simulated-2", "simulated-3")


@pytest.fixture
def simulated_nodes(cluster: Cluster, pods: Pods) -> Iterator[tuple[str, ...]]:
    kwok = simulated.start_kwok(cluster)
    pods.kubectl.apply(*simulated.nodes(NAMES))
    yield NAMES
    pods.kubectl("delete", "node", *NAMES)
    kwok.kill()


def test_simulated_nodes_and_their_pods_are_ready(pods: Pods, simulated_nodes: tuple[str, ...]) -> None:
    pods.kubectl("wait", "--for=condition=Ready", "--timeout=60s", *[f"node/{name}" for name in simulated_nodes])

    tolerant = {"tolerations": [{"key": simulated.TAINT["key"], "operator": "Exists"}]}
    pods.start(*[pod(f"on-{name}", "registry.test/none:1", node=name, spec=tolerant) for name in simulated_nodes])

    assert {pods.get(f"on-{name}")["spec"]["nodeName"] for name in simulated_nodes} == set(simulated_nodes)
