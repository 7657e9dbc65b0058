"""What can be done to the cluster is done, and undone, as the scenarios need it."""

import signal
from pathlib import Path

import pytest
from e2e_echo import SERVER, ask
from mediamesh_testing.waiting import wait_until

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.errors import ProgramFailed, StartFailed
from mediamesh_e2e.pods import Pods, pod


def test_a_kubelet_that_was_killed_comes_back_to_the_same_containers(
    cluster: Cluster, pods: Pods, python_image: str
) -> None:
    node = cluster.nodes["node-a"]
    pods.start(pod("stays", python_image, node="node-a"))
    before = pods.container("stays")

    node.programs["kubelet"].kill()
    assert not node.programs["kubelet"].runs
    node.launch("kubelet")
    pods.start(pod("new", python_image, node="node-a"))

    assert pods.container("stays") == before


def test_containers_live_on_without_containerd(cluster: Cluster, pods: Pods, python_image: str) -> None:
    node = cluster.nodes["node-b"]
    pods.start(pod("stays", python_image, node="node-b"))
    before = pods.container("stays")

    node.programs["containerd"].kill()
    node.launch("containerd")

    wait_until(lambda: runs(pods, "stays"), "containerd")
    assert pods.container("stays") == before


def runs(pods: Pods, name: str) -> bool:
    try:
        return pods.run(name, "echo", "here") == "here"
    except ProgramFailed:
        return False


@pytest.mark.parametrize("victim", ["kube-apiserver", "etcd"])
def test_the_api_forgets_nothing_when_a_part_of_it_is_killed(
    cluster: Cluster, backend: Backend, namespace: str, victim: str
) -> None:
    cluster.control.programs[victim].kill()
    cluster.control.launch(victim)
    wait_until(cluster.control.api.ready, victim)

    assert backend.kubectl.get("namespace", namespace)["status"]["phase"] == "Active"


def test_what_is_stopped_does_nothing_until_it_goes_on(cluster: Cluster, pods: Pods, python_image: str) -> None:
    scheduler = cluster.control.programs["kube-scheduler"]

    scheduler.send(signal.SIGSTOP)
    pods.kubectl.apply(pod("waits", python_image), namespace=pods.namespace)
    assert "nodeName" not in pods.get("waits")["spec"]
    scheduler.send(signal.SIGCONT)

    wait_until(lambda: "nodeName" in pods.get("waits")["spec"], "the scheduler")
    assert scheduler.runs


def test_a_cut_separates_two_addresses_and_no_others(cluster: Cluster, pods: Pods, python_image: str) -> None:
    serve = ["python3", "-c", SERVER]
    pods.start(
        pod("far", python_image, serve, node="node-b"),
        pod("near", python_image, serve, node="node-a"),
        pod("client", python_image, node="node-a"),
    )
    client, near, far = (pods.address(name) for name in ("client", "near", "far"))

    with cluster.cut(client, far):
        assert ask(pods, "client", far) == ""
        assert ask(pods, "client", near) == client
    with cluster.cut(near, client):  # on one node they meet on its bridge
        assert ask(pods, "client", near) == ""
        assert ask(pods, "client", far) == client
    assert ask(pods, "client", near) == ask(pods, "client", far) == client


def test_a_node_whose_cable_is_out_reaches_nobody(cluster: Cluster) -> None:
    node, server = cluster.nodes["node-b"], str(cluster.layout.control.address)
    connect = ["bash", "-c", f"echo >/dev/tcp/{server}/6443"]

    node.plug(connected=False)
    with pytest.raises(ProgramFailed):
        node.machine.run("timeout", "1", *connect)
    node.plug(connected=True)

    node.machine.run("timeout", "10", *connect)


def test_after_a_power_cut_a_node_starts_its_pods_anew(cluster: Cluster, pods: Pods, python_image: str) -> None:
    node = cluster.nodes["node-b"]
    pods.start(pod("returns", python_image, node="node-b"))
    node.machine.run("touch", "/run/of-this-boot")
    before, _ = pods.container("returns")

    node.power_off()
    with pytest.raises(StartFailed, match="switched off"):
        node.machine.run("true")
    node.power_on()
    node.join()

    wait_until(lambda: pods.container("returns")[1] == 1, "the restart of the pod")
    assert pods.container("returns")[0] != before
    assert "of-this-boot" not in node.machine.run("ls", "/run")


def test_the_nodes_leave_the_settings_of_this_computer_alone(cluster: Cluster) -> None:
    """A kubelet sets what the whole kernel shares; those of the nodes find theirs set already."""
    settings = [Path("/proc/sys/kernel/panic"), Path("/proc/sys/vm/overcommit_memory")]

    assert cluster.nodes["node-a"].machine.run("cat", *settings).split() == ["10", "1"]
    assert [file.read_text().strip() for file in settings] != ["10", "1"]
