"""Pods, connections, namespaces and nodes are deleted in every order: nothing sticks, nothing stays, nobody notices.

One connection in a namespace of its own, the bystander, flows through all of it and loses no frame.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import permutations

import e2e_traces as traces
import pytest
from e2e_abandoned import LOSSLESS, Abandoned
from e2e_flows import Flow, flow
from e2e_namespaces import a_namespace
from e2e_releases import run_operators

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.pods import Pods
from mediamesh_e2e.release.applications import Applications, application, connection
from mediamesh_e2e.release.chart import Release

SINKS = {"sink": LOSSLESS}
KINDS = {"source": "pod", "sink": "pod", "cam": "mediaconnection"}
ORDERS = [
    (),
    *((first,) for first in KINDS),
    *permutations(KINDS),
]
"""What is deleted one after the other; after that the namespace, with all that is still in it."""


@pytest.fixture(scope="module")
def bystander(release: Release, shared_pods: Pods) -> Iterator[Flow]:
    with flow(release, shared_pods, sinks=SINKS) as cam:
        yield replace(cam, begun={"sink": cam.applications.more("sink")})


@pytest.fixture
def unharmed(bystander: Flow, cluster: Cluster) -> Iterator[None]:
    """Look at the bystander after the test, and that sockets and pools are there for it alone."""
    before = {name: traces.pools(node) for name, node in cluster.nodes.items()}
    yield
    bystander.assert_nothing_lost()
    for name, node in cluster.nodes.items():
        traces.await_pools(node, before[name])


def await_sockets(release: Release, cluster: Cluster) -> None:
    for node in cluster.nodes.values():
        traces.await_only_the_living(release.backend.kubectl, node, traces.pods_with_sockets, 60)


@pytest.fixture
def flows(release: Release, backend: Backend) -> Iterator[list[Flow]]:
    """Give a connection with source and sink for every order, each in a namespace of its own, all flowing."""
    with ExitStack() as stack:
        names = [stack.enter_context(a_namespace(backend)) for _ in ORDERS]
        made = [Flow(release, Applications(Pods(backend.kubectl, name))) for name in names]
        for number, each in enumerate(made):
            node = "node-a" if number % 2 else "node-b"
            apps = [application(release.tag, app, "cam", app=app, node=node) for app in ("source", "sink")]
            each.apply(connection("cam", sinks=SINKS), *apps)
        for each in made:
            await_frames(each)
        yield made


def await_frames(made: Flow) -> None:
    ready = ["--for=condition=Ready", "pods", "--all", "--namespace", made.namespace, "--timeout=170s"]
    made.release.backend.kubectl("wait", *ready, timeout=180)
    made.applications.more("sink", 10)


def test_pods_that_go_while_no_agent_runs_harm_nobody(abandoned: Abandoned) -> None:
    before, after = abandoned.before, abandoned.after
    assert after.frames > before.frames
    assert after.continues(before)


def delete_in_order(doomed: Flow, order: tuple[str, ...]) -> None:
    for name in order:
        doomed.delete(KINDS[name], name)


@pytest.mark.parametrize("operators", [2, 0], ids=["operator up", "operator down"])
def test_deleted_in_every_order_nothing_sticks(
    release: Release, cluster: Cluster, unharmed: None, flows: list[Flow], operators: int
) -> None:
    run_operators(release, operators)
    try:
        with ThreadPoolExecutor(len(ORDERS)) as pool:
            list(pool.map(delete_in_order, flows, ORDERS))
        namespaces = [f"namespace/{each.namespace}" for each in flows]
        release.backend.kubectl("delete", *namespaces, "--wait=true", "--timeout=100s")
    finally:
        run_operators(release, 2)
    await_sockets(release, cluster)


def test_pods_deleted_by_force_leave_nothing(release: Release, cluster: Cluster, unharmed: None, pods: Pods) -> None:
    with flow(release, pods, sinks=SINKS):
        pods.kubectl("delete", "pod", "source", "sink", "--namespace", pods.namespace, "--force", "--grace-period=0")
    await_sockets(release, cluster)


@pytest.mark.parametrize("operators", [2, 0], ids=["operator up", "operator down"])
def test_a_node_that_is_deleted_goes_and_comes_back(
    release: Release, cluster: Cluster, unharmed: None, pods: Pods, operators: int
) -> None:
    kubectl, node = release.backend.kubectl, cluster.nodes["node-b"]
    before = kubectl.get("medianode", "node-b")["metadata"]["uid"]
    cam = Flow(release, Applications(pods))
    apps = [application(release.tag, app, "cam", app=app, node="node-b") for app in ("source", "sink")]
    cam.apply(connection("cam", sinks=SINKS))
    pods.start(*apps)
    sender = cam.applications.more("sink").sources

    run_operators(release, operators)
    node.programs["kubelet"].kill()
    kubectl("delete", "node", "node-b")
    kubectl("wait", "--for=delete", "medianode/node-b", "--timeout=100s")
    forced = ["--namespace", pods.namespace, "--force", "--grace-period=0"]  # nobody is there to end them in order
    kubectl("delete", "pod", "source", "sink", *forced)
    node.launch("kubelet")  # it names its node to the API when it starts
    run_operators(release, 2)

    release.await_nodes()
    kubectl("wait", "--for=create", "medianode/node-b", "--timeout=100s")
    kubectl("wait", "--for=condition=Ready", "medianode/node-b", "--timeout=100s")
    assert kubectl.get("medianode", "node-b")["metadata"]["uid"] != before
    pods.start(*apps)
    received = cam.applications.more("sink")
    assert received.flawless
    assert received.sources[-1] not in sender  # the first may be: a flow keeps the newest frame of a source that went
    await_sockets(release, cluster)
