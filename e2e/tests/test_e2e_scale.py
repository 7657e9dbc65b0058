"""The operator with hundreds of nodes and agents, a thousand connections and thousands of pods: who is told what."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.cluster import simulated
from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.places import REPOSITORY
from mediamesh_e2e.scale.cluster import Population, population
from mediamesh_e2e.scale.crowd import Crowd, until
from mediamesh_e2e.scale.operator import REPORTS, WRITES, OperatorProcess, free_port, replica

NODES, CONNECTIONS, PODS = 200, 1000, 5000
REPORTS_EVERY = 2.0  # seconds: none of these tests is about how long reports can be waited for


@dataclass(frozen=True, slots=True)
class Scene:
    """A full cluster and its agents, all of them planned and Ready; `leader` leads, `standby` waits."""

    people: Population
    crowd: Crowd
    leader: OperatorProcess
    standby: OperatorProcess

    async def settled(self, connections: range | list[int]) -> None:
        """Wait until exactly these connections run, all of them are Ready, and nothing more is written."""
        await until(lambda: self.crowd.runs(connections), "all plans")
        await until(lambda: self.crowd.all_ready(len(connections)), "all to be Ready", 0.5)

    async def at_rest(self, operator: OperatorProcess) -> None:
        """Wait until all agents have reported once more without a write."""
        written = -1.0
        while written != operator.metric(WRITES):
            written, reports = operator.metric(WRITES), operator.metric(REPORTS)
            await until(lambda reports=reports: operator.metric(REPORTS) > reports + NODES, "reports", 1)  # type: ignore[misc]


@contextlib.asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    async with population(NODES) as people:
        await people.fill(CONNECTIONS, PODS)
        port = free_port()
        with contextlib.ExitStack() as replicas:
            leader, standby = (
                replicas.enter_context(replica(people.namespace, name, folder / f"{name}.log", agents=port))
                for name in ("one", "two")
            )
            await until(lambda: leader.ready() and standby.ready(), "both replicas")
            if not leader.metric("mediamesh_operator_leader"):
                leader, standby = standby, leader
            crowd = Crowd(people, port, REPORTS_EVERY)
            async with crowd.connected():
                yield Scene(people, crowd, leader, standby)


async def play(folder: Path) -> None:
    async with scene(folder) as on:
        await on.settled(range(CONNECTIONS))
        await on.at_rest(on.leader)
        await nothing_happens_at_rest(on)
        await a_change_reaches_its_node_alone(on)
        await a_new_leader_loses_nothing_and_tells_only_what_is_new(on)


async def nothing_happens_at_rest(on: Scene) -> None:
    versions, told = await on.people.versions(), on.crowd.told()
    await on.at_rest(on.leader)
    assert await on.people.versions() == versions
    assert on.crowd.told() == told


async def a_change_reaches_its_node_alone(on: Scene) -> None:
    for number in (3, 4):  # between pods, between peers
        told = on.crowd.told()
        await on.people.change(number, 9)
        await until(lambda told=told: on.crowd.told_since(told), "the plan")  # type: ignore[misc]
        await on.at_rest(on.leader)
        assert on.crowd.told_since(told) == {on.people.node(number)}
        (flow,) = (
            flow
            for flow in on.crowd.agents[on.people.node(number)].plans[-1][1].flows
            if flow.connection == on.people.full_name(number)
        )
        assert {sink.queue for sink in flow.sinks} == {9}


async def a_new_leader_loses_nothing_and_tells_only_what_is_new(on: Scene) -> None:
    told, before = on.crowd.told(), await said(on)
    on.leader.process.kill()
    await asyncio.to_thread(on.leader.process.wait)
    await on.people.change(10, 9)
    await on.people.remove(21)
    await on.people.add(CONNECTIONS + 32)
    now = [number for number in range(CONNECTIONS) if number != 21] + [CONNECTIONS + 32]
    await until(lambda: on.standby.agents_connected() == NODES, "all agents at the other replica")
    await on.settled(now)
    await on.at_rest(on.standby)
    assert on.crowd.told_since(told) == {on.people.node(number) for number in (10, 21, CONNECTIONS + 32)}
    after = await said(on)
    others = before.keys() - {"cam10", "cam21"}
    assert {name: after[name] for name in others} == {name: before[name] for name in others}


async def said(on: Scene) -> dict[str, list[tuple[str, str, str]]]:
    """Return what is said of every connection: its node, and its conditions without their times.

    Agents that take long to come again are missed by a new leader, which says so until they are there.
    """
    found = {each["metadata"]["name"]: each["status"] for each in await on.people.connections()}
    return {
        name: [(status["node"], each["type"], each["status"]) for each in status["conditions"]]
        for name, status in found.items()
    }


@pytest.mark.timeout(1800)
def test_a_large_cluster_is_planned_whole_and_told_only_what_is_new(
    cluster: Cluster, backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.kubectl("apply", "--server-side", "-f", str(REPOSITORY / "crds"))
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    kwok = simulated.start_kwok(cluster)
    try:
        asyncio.run(play(tmp_path))
    finally:
        kwok.kill()
