"""What is missing is said, with what to do, by condition and by `trace`; frames flow by themselves once it is there."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from e2e_flows import Flow

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.errors import ProgramFailed
from mediamesh_e2e.patience import until
from mediamesh_e2e.pods import Pods
from mediamesh_e2e.release.applications import LIVE, Applications, application, connection
from mediamesh_e2e.release.chart import Release, released
from mediamesh_e2e.release.images import provide_images

MEBIBYTE = 2**20
LABEL = "mediamesh.io/test-media"
VALUES: dict[str, Any] = {"node.memoryLimit": 20 * MEBIBYTE, "node.nodeSelector": {LABEL: "yes"}}
"""Little memory, where one pool of `large` fits, twice while its source changes; and agents where a label says so."""


@pytest.fixture(scope="module")
def release(backend: Backend) -> Iterator[Release]:
    """Install the chart on nodes with little memory, each of which can lose its agent."""
    backend.kubectl("label", "nodes", "--all", f"{LABEL}=yes", "--overwrite")
    with released(backend, provide_images(backend), VALUES) as made:
        yield made
    backend.kubectl("label", "nodes", "--all", f"{LABEL}-")


@pytest.fixture
def cam(release: Release, pods: Pods) -> Iterator[Flow]:
    """Give a name for a connection, and remove what was made of it."""
    made = Flow(release, Applications(pods))
    yield made
    made.delete("mediaconnection", "--all")


def traced(flow: Flow) -> str:
    """Ask `kubectl mediamesh trace` why the connection is not ready; it ends with 1."""
    with pytest.raises(ProgramFailed) as failed:
        flow.release.backend.kubectl("mediamesh", "trace", flow.name, "--namespace", flow.namespace)
    return failed.value.message


def says(flow: Flow, kind: str, reason: str, message: str) -> str:
    """Wait for the condition, see what it says, and return what `trace` says."""
    condition = flow.applications.await_condition(flow.name, kind, reason)
    assert condition["status"] != "True"
    assert message in condition["message"]
    told = traced(flow)
    assert reason in told
    assert condition["message"] in told
    return told


def heals(flow: Flow, sink: str = "sink") -> None:
    assert flow.applications.more(sink).flawless
    flow.applications.await_condition(flow.name, "Ready", "Flowing")
    told = flow.release.backend.kubectl("mediamesh", "trace", flow.name, "--namespace", flow.namespace)
    assert f"{flow.namespace}/{flow.name}: Ready" in told


def starts(flow: Flow, *programs: str, name: str = "", node: str = "node-a") -> None:
    tag = flow.release.tag
    words = {"source": ["10"], "sink": []}
    flow.applications.pods.start(
        *(application(tag, each, flow.name, *words[each], app=each, name=name, node=node) for each in programs)
    )


def patch(flow: Flow, **spec: object) -> None:
    words = ["patch", "mediaconnection", flow.name, "--namespace", flow.namespace, "--type=merge"]
    flow.release.backend.kubectl(*words, f"--patch={json.dumps({'spec': spec})}")


def large(name: str, app: str) -> dict[str, Any]:
    """Give a connection whose pool has 7 frames of a mebibyte."""
    made = connection(name, sinks={app: {**LIVE, "queue": 2}}, payload={"blob": {"maxSize": MEBIBYTE}})
    made["spec"]["sinks"][0]["maxAttachments"] = 1
    made["spec"]["source"]["queue"] = 4
    return made


def test_a_source_that_is_not_there(cam: Flow) -> None:
    cam.apply(connection("cam", sinks={"sink": LIVE}))
    starts(cam, "sink")
    told = says(cam, "Programmed", "NoSource", f"source source: namespace {cam.namespace} has no pod with app=source")
    assert "Look for the pod: its labels, its namespace, whether it is ready." in told

    starts(cam, "source")
    heals(cam)


def test_a_sink_on_another_node(cam: Flow) -> None:
    cam.apply(connection("cam", sinks={"sink": LIVE}))
    starts(cam, "source")
    starts(cam, "sink", node="node-b")
    message = "sink sink is on node-b and the source on node-a; nothing carries frames between nodes: put them on one"
    told = says(cam, "Programmed", "NoTransport", message)
    assert "Put the pods on one node, by nodeSelector or podAffinity." in told

    starts(cam, "sink", name="near")
    assert cam.applications.more("near").flawless, "the one beside the source is served meanwhile"
    cam.delete("pod", "sink")
    heals(cam, "near")


def test_a_format_that_nobody_knows(cam: Flow) -> None:
    wrong = connection("cam", sinks={"sink": LIVE})
    wrong["spec"]["payload"] = {"video": {"width": 64, "height": 48, "frameRate": 25, "pixelFormat": "rgb42"}}
    cam.apply(wrong)
    told = says(cam, "Accepted", "InvalidSpec", "rgb42")
    assert "pixelFormat" in told
    starts(cam, "source", "sink")

    patch(cam, payload={"video": {"pixelFormat": "rgb24"}})
    heals(cam)


def test_a_bridge_that_is_not_installed(cam: Flow) -> None:
    wanted = connection("cam", sinks={"sink": LIVE})
    wanted["spec"]["source"] = {"name": "source", "bridge": {"name": "teleport", "nodeName": "node-a"}}
    cam.apply(wanted)
    starts(cam, "sink")
    told = says(cam, "Ready", "SourceNotAttached", "bridge has not attached as source source")
    until(lambda: "no bridge 'teleport' is installed" in traced(cam), "what is missing", seconds=60)
    assert "teleport" in told or "teleport" in traced(cam)

    patch(cam, source={"bridge": None, "pod": {"matchLabels": {"app": "source"}}})
    starts(cam, "source")
    heals(cam)


def test_a_pool_that_does_not_fit_beside_another(cam: Flow) -> None:
    cam.apply(large("first", "other"))
    cam.applications.pods.start(application(cam.release.tag, "source", "first", "5", app="source", name="first"))
    cam.applications.await_condition("first", "Ready", "Flowing")
    second = large("cam", "sink")
    second["spec"]["source"]["pod"] = {"matchLabels": {"app": "second"}}
    cam.apply(second)
    tag = cam.release.tag
    cam.applications.pods.kubectl.apply(
        application(tag, "source", "cam", "5", app="second"),
        application(tag, "sink", "cam", app="sink"),
        namespace=cam.namespace,
    )
    told = says(cam, "Programmed", "OutOfMemory", "")
    assert "node.memoryLimit" in told
    assert cam.applications.condition("first", "Ready")["status"] == "True"

    cam.delete("mediaconnection", "first")
    heals(cam)


def test_a_node_without_an_agent(cam: Flow) -> None:
    label = ["label", "node", "node-b"]
    kubectl = cam.release.backend.kubectl
    kubectl(*label, f"{LABEL}-")
    try:
        kubectl("wait", "medianode/node-b", "--for=condition=Ready=False", "--timeout=60s")
        cam.apply(connection("cam", sinks={"sink": LIVE}))
        starts(cam, "source", "sink", node="node-b")
        told = says(cam, "Programmed", "NoAgent", "the agent of node node-b is not connected")
        assert "Look at the node's pod: kubectl get pods -A -l app.kubernetes.io/component=node -o wide" in told
    finally:
        kubectl(*label, f"{LABEL}=yes")
    heals(cam)
