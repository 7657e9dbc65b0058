"""Pods and nodes followed on a real API server: its pages, its short memory, and its end."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from mediamesh_testing.waiting import eventually, wait_until

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.pods import Pods, pod
from mediamesh_operator.edge import Edge
from mediamesh_operator.errors import VersionGone
from mediamesh_operator.following import Follower
from mediamesh_operator.storage import KindStore, connected, kinds
from mediamesh_operator.world import World


@pytest.fixture(autouse=True)
def _here(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    monkeypatch.setattr(kinds, "_PAGE", 2)


def followed(plural: str, scene: Callable[[World], Awaitable[None]]) -> None:
    """Follow a kind while a scene lasts."""

    async def run() -> None:
        async with connected() as api:
            world = World("none/none", "/run/mediamesh")
            edge = Edge(world, lambda *_: None)
            take = edge.pod if plural == "pods" else edge.node
            follower = Follower(plural, KindStore(api), edge, take)
            running = asyncio.create_task(follower.run())
            await eventually(follower.listed.is_set, "the list")
            await scene(world)
            running.cancel()
            await asyncio.wait([running])

    asyncio.run(run())


def test_pods_are_known_by_pages_and_by_what_becomes_of_them(pods: Pods, python_image: str) -> None:
    for name in ("one", "two", "three"):
        pods.start(pod(name, python_image, node="node-a"))

    def here(world: World) -> dict[str, str]:
        ours = (each.pod for each in world.pods.values() if each.pod.namespace == pods.namespace)
        return {each.name: each.labels.get("told", "") for each in ours}

    async def scene(world: World) -> None:
        assert here(world).keys() == {"one", "two", "three"}
        pods.kubectl("label", "pod", "one", "told=yes", "--namespace", pods.namespace)
        pods.kubectl("delete", "pod", "two", "--wait=false", "--namespace", pods.namespace)
        await eventually(lambda: here(world) == {"one": "yes", "three": ""}, lambda: str(here(world)))

    followed("pods", scene)


def test_what_changes_while_the_api_server_is_away_is_heard_of(pods: Pods, cluster: Cluster, python_image: str) -> None:
    async def scene(world: World) -> None:
        cluster.control.programs["kube-apiserver"].kill()
        cluster.control.launch("kube-apiserver")
        await asyncio.to_thread(wait_until, cluster.control.api.ready, "the API server")
        await asyncio.to_thread(pods.start, pod("late", python_image, node="node-a"))
        await eventually(lambda: "late" in {each.pod.name for each in world.pods.values()}, "the pod")

    followed("pods", scene)


def test_nodes_are_known_and_when_they_come_and_go(backend: Backend) -> None:
    passing = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "passing"}}

    async def scene(world: World) -> None:
        assert {"node-a", "node-b"} <= set(world.nodes)
        backend.kubectl.apply(passing)
        await eventually(lambda: "passing" in world.nodes, "the node")
        backend.kubectl("delete", "node", "passing")
        await eventually(lambda: "passing" not in world.nodes, "its end")

    followed("nodes", scene)


def test_a_version_of_long_ago_is_gone() -> None:
    async def ask() -> None:
        async with connected() as api:
            async for _ in KindStore(api).changes("pods", "1"):
                pass

    with pytest.raises(VersionGone):
        asyncio.run(ask())
