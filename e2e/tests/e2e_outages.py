"""What can befall a release and its cluster, each as a `with`: broken inside, mended or mending when it ends."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.patience import until
from mediamesh_e2e.release.chart import NAME, NAMESPACE, Release

NODE: Final = "node-a"
LONG: Final = bool(os.environ.get("MEDIAMESH_LONG"))
PATIENCE: Final = 120.0
CUT: Final = 120.0 if LONG else 0.0
"""Seconds that a network stays cut at least; in any case until both ends have noticed."""
Outage = Callable[[Release, Cluster], AbstractContextManager[None]]


@contextmanager
def leader_killed(release: Release, _: Cluster) -> Iterator[None]:
    release.kill(release.operator_pods()[0], "operator")
    yield


@contextmanager
def leader_changed(release: Release, _: Cluster) -> Iterator[None]:
    """Delete the leader's pod: it gives its Lease away, and the other one leads."""
    before = release.operator_pods()[0]
    release.backend.kubectl("delete", "pod", before, "--namespace", NAMESPACE, "--wait=false")
    until(lambda: release.operator_pods()[0] != before, "another leader", seconds=PATIENCE)
    yield


@contextmanager
def operators_gone(release: Release, _: Cluster) -> Iterator[None]:
    _scale(release, 0)
    gone = ["--for=delete", "pods", "--selector=app.kubernetes.io/component=operator", "--timeout=60s"]
    release.backend.kubectl("wait", "--namespace", NAMESPACE, *gone)
    yield
    _scale(release, 2)


def _scale(release: Release, replicas: int) -> None:
    release.backend.kubectl("scale", f"deployment/{NAME}-operator", f"--replicas={replicas}", "--namespace", NAMESPACE)


@contextmanager
def agent_killed(release: Release, _: Cluster) -> Iterator[None]:
    release.kill(release.node_pod(NODE), "agent")
    yield


@contextmanager
def network_cut(release: Release, cluster: Cluster) -> Iterator[None]:
    """Cut agent and leader from each other until both have noticed, and for as long as a long run asks for."""
    leader, agent = (release.pods.address(name) for name in (release.operator_pods()[0], release.node_pod(NODE)))
    with cluster.cut(agent, leader):
        end = time.monotonic() + CUT
        until(lambda: release.node_reason(NODE) == "NoAgent", "the operator to miss the agent", seconds=PATIENCE)
        until(lambda: "no stream to the operator" in _said(release), "the agent to miss the operator", seconds=PATIENCE)
        yield
        until(lambda: time.monotonic() >= end, "the end of the cut", seconds=2 * CUT + 1)


def _said(release: Release) -> str:
    words = ["logs", release.node_pod(NODE), "--container=agent", "--namespace", NAMESPACE, "--tail=5"]
    return release.backend.kubectl(*words)


@contextmanager
def api_server_killed(release: Release, cluster: Cluster) -> Iterator[None]:
    """Keep the API server away until the leader has given up; what runs on the nodes is told by containerd alone."""
    leader = release.operator_pods()[0]
    process, node = release.container(leader, "operator"), release.pods.get(leader)["spec"]["nodeName"]
    cluster.control.programs["kube-apiserver"].kill()
    until(lambda: not cluster.nodes[node].runs_container(process), "the leader to give up", seconds=PATIENCE)
    _launch(cluster, "kube-apiserver")
    yield


@contextmanager
def etcd_killed(_: Release, cluster: Cluster) -> Iterator[None]:
    cluster.control.programs["etcd"].kill()
    _launch(cluster, "etcd")
    yield


def _launch(cluster: Cluster, name: str) -> None:
    cluster.control.launch(name)
    until(cluster.control.api.ready, name, seconds=PATIENCE)


@contextmanager
def kubelet_killed(_: Release, cluster: Cluster) -> Iterator[None]:
    cluster.nodes[NODE].programs["kubelet"].kill()
    yield
    cluster.nodes[NODE].launch("kubelet")


@contextmanager
def containerd_killed(_: Release, cluster: Cluster) -> Iterator[None]:
    cluster.nodes[NODE].programs["containerd"].kill()
    yield
    cluster.nodes[NODE].launch("containerd")


OUTAGES: Final[Mapping[str, Outage]] = {
    "leader-killed": leader_killed,
    "leader-changed": leader_changed,
    "operators-gone": operators_gone,
    "agent-killed": agent_killed,
    "network-cut": network_cut,
    "api-server-killed": api_server_killed,
    "etcd-killed": etcd_killed,
    "kubelet-killed": kubelet_killed,
    "containerd-killed": containerd_killed,
}
