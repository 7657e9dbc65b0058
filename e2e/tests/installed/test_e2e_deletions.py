"""Pods, connections, namespaces and nodes are deleted in every order: nothing sticks, nothing stays, nobody notices.

One connection in a namespace of its own, the bystander, flows through all of it and loses no frame.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import permutations

import e2e_traces as traces
import pytest
from e2e_flows import Flow, flow
from e2e_namespaces import a_namespace
from e2e_releases import run_operators

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.cluster.node import Node
from mediamesh_e2e.patience import until
from mediamesh_e2e.pods import Pods
from mediamesh_e2e.release.applications import Applications, application, connection
from mediamesh_e2e.release.chart import Release

LOSSLESS = {"sink": {"policy": "block", "queue": 16}}
KINDS = {"source": "pod", "sink": "pod", "cam": "mediaconnection"}
ORDERS = [
    (),
    *((first,) for first in KINDS),
    *permutations(KINDS),
]
"""What is deleted one after the other; after that the namespace, with all that is still in it."""
FOLDERS_GO = 240.0  # seconds: a folder is left alone for two minutes, since kubelet makes it before a pod is known


@pytest.fixture(scope="module")
def bystander(release: Release, shared_pods: Pods) -> Iterator[Flow]:
    with flow(release, shared_pods, sinks=LOSSLESS) as cam:
        yield replace(cam, begun={"sink": cam.applications.more("sink")})


@pytest.fixture
def unharmed(bystander: Flow, cluster: Cluster) -> Iterator[None]:
    """Look at the bystander after the test, and that sockets and pools are there for it alone."""
    before = {name: traces.pools(node) for name, node in cluster.nodes.items()}
    yield
    bystander.assert_nothing_lost()
    for name, node in cluster.nodes.items():
        await_pools(node, before[name])


def await_pools(node: Node, expected: set[str]) -> None:
    """Wait until a machine has these pools and no others."""
    until(lambda: traces.pools(node) == expected, f"the end of other pools on {node.name}", seconds=60)


def living(release: Release, node: str) -> set[str]:
    """Give the uids of all pods on a node."""
    chosen = ["pods", "--all-namespaces", f"--field-selector=spec.nodeName={node}"]
    return {pod["metadata"]["uid"] for pod in release.backend.kubectl.get(*chosen)["items"]}


def await_only_the_living(release: Release, node: Node, what: Callable[[Node], set[str]], seconds: float) -> None:
    """Wait until what a machine has of pods, by their uids, is of pods that are there."""

    def seen() -> bool:
        return what(node) <= living(release, node.name)

    until(seen, f"the end of what pods that are gone had on {node.name}", seconds=seconds)


def await_sockets(release: Release, cluster: Cluster) -> None:
    for node in cluster.nodes.values():
        await_only_the_living(release, node, traces.pods_with_sockets, 60)


@pytest.fixture(scope="module")
def abandoned(release: Release, cluster: Cluster, shared_pods: Pods, bystander: Flow) -> set[str]:
    """Give the uids of pods of node-a that took part and went while no agent ran there; their folders go much later."""
    node, names, tag = cluster.nodes["node-a"], ("lost", "gone"), release.tag
    pools = traces.pools(node)
    bystander.apply(connection("other", source="lost", sinks={"gone": LOSSLESS["sink"]}))
    lost, gone = application(tag, "source", "other", app="lost"), application(tag, "sink", "other", app="gone")
    shared_pods.start(lost, gone)
    bystander.applications.more("gone", 10)
    uids = {shared_pods.get(name)["metadata"]["uid"] for name in names}
    agent = node.machine.run("pgrep", "--full", "--oldest", "^[^ ]*python3? [^ ]*mediamesh-node ").strip()
    node.machine.run("kill", "-STOP", agent)
    bystander.delete("pod", *names)
    assert uids <= traces.pod_folders(node)
    node.machine.run("kill", "-KILL", agent)  # kubelet starts another
    bystander.delete("mediaconnection", "other")
    await_pools(node, pools)
    return uids


@pytest.fixture
def flows(release: Release, backend: Backend) -> Iterator[list[Flow]]:
    """Give a connection with source and sink for every order, each in a namespace of its own, all flowing."""
    with ExitStack() as stack:
        names = [stack.enter_context(a_namespace(backend)) for _ in ORDERS]
        made = [Flow(release, Applications(Pods(backend.kubectl, name))) for name in names]
        for number, each in enumerate(made):
            node = "node-a" if number % 2 else "node-b"
            apps = [application(release.tag, app, "cam", app=app, node=node) for app in ("source", "sink")]
            each.apply(connection("cam", sinks=LOSSLESS), *apps)
        for each in made:
            await_frames(each)
        yield made


def await_frames(made: Flow) -> None:
    ready = ["--for=condition=Ready", "pods", "--all", "--namespace", made.namespace, "--timeout=170s"]
    made.release.backend.kubectl("wait", *ready, timeout=180)
    made.applications.more("sink", 10)


def test_pods_that_go_while_no_agent_runs_harm_nobody(abandoned: set[str], bystander: Flow) -> None:
    bystander.assert_nothing_lost()


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
    with flow(release, pods, sinks=LOSSLESS):
        pods.kubectl("delete", "pod", "source", "sink", "--namespace", pods.namespace, "--force", "--grace-period=0")
    await_sockets(release, cluster)


def test_their_folders_go_too(release: Release, cluster: Cluster, abandoned: set[str]) -> None:
    for node in cluster.nodes.values():
        await_only_the_living(release, node, traces.pod_folders, FOLDERS_GO)
    assert not abandoned & traces.pod_folders(cluster.nodes["node-a"])


def test_a_node_that_is_deleted_goes_and_comes_back(
    release: Release, cluster: Cluster, unharmed: None, pods: Pods
) -> None:
    kubectl, node = release.backend.kubectl, cluster.nodes["node-b"]
    before = kubectl.get("medianode", "node-b")["metadata"]["uid"]

    node.programs["kubelet"].kill()
    kubectl("delete", "node", "node-b")
    kubectl("wait", "--for=delete", "medianode/node-b", "--timeout=100s")
    node.launch("kubelet")  # it names its node to the API when it starts

    release.await_nodes()
    kubectl("wait", "--for=create", "medianode/node-b", "--timeout=100s")
    kubectl("wait", "--for=condition=Ready", "medianode/node-b", "--timeout=100s")
    assert kubectl.get("medianode", "node-b")["metadata"]["uid"] != before
    pods.kubectl.apply(connection("cam", sinks=LOSSLESS), namespace=pods.namespace)
    pods.start(*(application(release.tag, app, "cam", app=app, node="node-b") for app in ("source", "sink")))
    assert Applications(pods).more("sink").flawless
