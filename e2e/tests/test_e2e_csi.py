"""Folders as CSI volumes: pods under Pod Security `restricted`, and what befalls those who serve them."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from e2e_flows import Flow

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.errors import ProgramFailed
from mediamesh_e2e.patience import until
from mediamesh_e2e.pods import Pods
from mediamesh_e2e.release.applications import LIVE, Applications, application, connection, with_volume
from mediamesh_e2e.release.chart import NAMESPACE, Release, released
from mediamesh_e2e.release.images import provide_images

INJECT = {"mediamesh.io/inject": "true"}


@pytest.fixture(scope="module")
def release(backend: Backend) -> Iterator[Release]:
    """Install the chart in mode csi."""
    with released(backend, provide_images(backend), {"node.sockets.mode": "csi"}) as made:
        for node in ("node-a", "node-b"):
            until(partial(knows_driver, backend, node), f"the driver at kubelet of {node}", seconds=60)
        yield made


def knows_driver(backend: Backend, node: str) -> bool:
    drivers = backend.kubectl.get("csinode", node)["spec"]["drivers"] or []
    return "mediamesh.csi" in {driver["name"] for driver in drivers}


@pytest.fixture
def restricted(backend: Backend, pods: Pods) -> Pods:
    """Give a namespace that admits only pods that may do nothing."""
    backend.kubectl("label", "namespace", pods.namespace, "pod-security.kubernetes.io/enforce=restricted")
    return pods


@pytest.fixture
def cam(release: Release, restricted: Pods) -> Iterator[Flow]:
    """Give a connection between two pods of that namespace, through which frames flow."""
    made = Flow(release, Applications(restricted))
    made.apply(connection("cam", sinks={"sink": LIVE}))
    restricted.start(consumer(release, "source", "source"), consumer(release, "sink", "sink"))
    made.applications.more("sink", 10)
    yield made
    made.delete("mediaconnection", "cam")
    made.delete("pod", "--all")  # kubelet lets no pod go whose volume nobody takes back


def consumer(release: Release, program: str, name: str, *, app: str = "") -> dict[str, Any]:
    """Give an application with the volume that the documentation tells users to write."""
    return with_volume(application(release.tag, program, "cam", app=app or program, name=name, folder=False))


def test_frames_flow_between_pods_that_may_do_nothing(cam: Flow) -> None:
    received = cam.applications.more("sink", 50)

    assert received.flawless
    assert cam.applications.await_condition("cam", "Ready", "Flowing")["status"] == "True"
    with pytest.raises(ProgramFailed, match="violates PodSecurity"):
        cam.apply(application(cam.release.tag, "sink", "cam", app="sink", name="host-path"))


def test_an_annotation_is_all_that_a_pod_needs(cam: Flow) -> None:
    asking = application(cam.release.tag, "sink", "cam", app="sink", name="annotated", folder=False)
    asking["metadata"]["annotations"] = INJECT
    cam.applications.pods.start(asking)

    assert cam.applications.more("annotated").flawless


def test_a_pod_sees_its_own_folder_and_changes_nothing_in_it(cam: Flow) -> None:
    pods = cam.applications.pods
    assert pods.run("sink", "ls", "/run/mediamesh") == "attach.sock"
    with pytest.raises(ProgramFailed, match="Read-only file system"):
        pods.run("sink", "touch", "/run/mediamesh/mine")
    (mount,) = (line for line in pods.run("sink", "cat", "/proc/mounts").splitlines() if " /run/mediamesh " in line)
    assert "ro" in mount.split()[3].split(",")


def test_a_volume_goes_with_its_pod(cam: Flow) -> None:
    uid = cam.applications.pods.get("sink")["metadata"]["uid"]
    agent = cam.release.node_pod("node-a")
    cam.delete("pod", "sink")

    (volume,) = {line["volume"] for line in said(cam.release, agent, "volume published") if line["pod"] == uid}
    gone = "volume unpublished"
    until(lambda: volume in {line["volume"] for line in said(cam.release, agent, gone)}, gone, seconds=60)
    assert uid not in cam.release.run(agent, "agent", "cat", "/proc/mounts")


def said(release: Release, agent: str, message: str) -> list[dict[str, Any]]:
    """Return the lines of an agent's log with that message."""
    log = release.backend.kubectl("logs", "--namespace", NAMESPACE, agent, "--container=agent").splitlines()
    lines = [json.loads(line) for line in log if line.startswith("{")]
    return [line for line in lines if line["message"] == message]


def test_a_kubelet_that_comes_back_knows_its_volumes(cam: Flow, cluster: Cluster) -> None:
    before = cam.applications.more("sink")
    node = cluster.nodes["node-a"]
    node.programs["kubelet"].kill()
    node.launch("kubelet")

    cam.applications.pods.start(consumer(cam.release, "sink", "late", app="sink"))
    assert cam.applications.more("late").flawless
    assert cam.applications.more("sink").continues(before)
    cam.delete("pod", "late")


def test_pods_come_and_go_after_the_plugin_was_replaced(cam: Flow) -> None:
    before, old = cam.applications.more("sink"), cam.release.node_pod("node-a")
    cam.release.backend.kubectl("rollout", "restart", "--namespace", NAMESPACE, "daemonset/mediamesh-node")
    cam.release.backend.kubectl(
        "rollout", "status", "--namespace", NAMESPACE, "daemonset/mediamesh-node", "--timeout=120s", timeout=150
    )
    assert cam.release.node_pod("node-a") != old

    cam.applications.pods.start(consumer(cam.release, "sink", "late", app="sink"))
    assert cam.applications.more("late").flawless
    cam.delete("pod", "late")
    assert cam.applications.more("sink").continues(before)


def test_a_pod_with_a_host_path_is_served_too(cam: Flow, backend: Backend, namespace: str) -> None:
    backend.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce-")
    cam.applications.pods.start(application(cam.release.tag, "sink", "cam", app="sink", name="host-path"))
    assert cam.applications.more("host-path").flawless
