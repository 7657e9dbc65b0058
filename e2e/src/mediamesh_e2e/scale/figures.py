"""The numbers: one operator, its agents, and what it takes them.

The operator is started when the cluster is full and the agents are about to connect; so a cold start has everything
in it, from the interpreter on. Then nothing happens for a while; then one connection after another is changed; at
last the leader is killed, and a successor takes over.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mediamesh_e2e.cluster import simulated
from mediamesh_e2e.cluster.cluster import start
from mediamesh_e2e.kubectl import Kubectl
from mediamesh_e2e.places import REPOSITORY
from mediamesh_e2e.scale.cluster import Population, population
from mediamesh_e2e.scale.crowd import Crowd, until
from mediamesh_e2e.scale.operator import WRITES, OperatorProcess, free_port, replica

_CALM = 10.0
"""Seconds without a write from which on there is rest: the rates of new flows are written once they are known."""
_BETWEEN = 0.3
"""Seconds from a plan to the next change, in which a plan to another node would come."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of the cluster, and of the measurement."""

    nodes: int = 200
    connections: int = 1000
    pods: int = 5000
    changes: int = 40
    rest: int = 30
    """Seconds."""


@dataclass(slots=True)
class Figures:
    """Times in seconds unless they say otherwise; memory in MiB; CPU at rest in % of a core."""

    all_planned: float = 0.0
    """From the start of the process until every node has its plan."""
    cold_cpu: float = 0.0
    """CPU time of the operator until then."""
    all_ready: float = 0.0
    memory: float = 0.0
    rest_cpu: float = 0.0
    rest_writes: int = 0
    """Of the operator, or seen in a connection."""
    rest_memory: float = 0.0
    change_p50_ms: float = 0.0
    change_p95_ms: float = 0.0
    strays: int = 0
    """Plans to nodes that a change did not concern."""
    succession: float = 0.0
    """From `kill -9` of the leader until the successor has all agents."""
    resent: int = 0
    """Plans that the successor sent, of which none would do."""


def p95(delays: Sequence[float]) -> float:
    """Return the 95th percentile; of a single delay, that one."""
    return statistics.quantiles(delays, n=20)[-1] if len(delays) > 1 else delays[0]


def measure(size: Size) -> Figures:
    """Start a cluster, fill it, take all figures, end it; as root."""
    with start() as cluster, TemporaryDirectory() as folder:
        kubectl = Kubectl(cluster.kubeconfig, cluster.tools.clients)
        kubectl("apply", "--server-side", "-f", str(REPOSITORY / "crds"))
        simulated.start_kwok(cluster)
        os.environ["KUBECONFIG"] = str(cluster.kubeconfig)
        return asyncio.run(_measured(size, Path(folder) / "operator.log"))


async def _measured(size: Size, log: Path) -> Figures:
    async with population(size.nodes) as people:
        await people.fill(size.connections, size.pods)
        return await _Measurement(people, size, log).run()


class _Measurement:
    def __init__(self, people: Population, size: Size, log: Path) -> None:
        self._people = people
        self._size = size
        self._log = log
        self._port = free_port()
        self._crowd = Crowd(people, self._port)
        self._found = Figures()

    async def run(self) -> Figures:
        began = time.monotonic()
        with replica(self._people.namespace, "one", self._log, agents=self._port) as operator:
            async with self._crowd.connected():
                await self._cold_start(operator, began)
                await self._at_rest(operator)
                await self._changes()
                operator.process.kill()
                await asyncio.to_thread(operator.process.wait)
                with replica(self._people.namespace, "two", self._log, agents=self._port) as successor:
                    await self._succession(successor)
        return self._found

    async def _cold_start(self, operator: OperatorProcess, began: float) -> None:
        await until(lambda: self._crowd.runs(range(self._size.connections)), "all plans")
        self._found.all_planned, self._found.cold_cpu = time.monotonic() - began, operator.cpu_seconds()
        await until(lambda: self._crowd.all_ready(self._size.connections), "all to be Ready", 0.5)
        self._found.all_ready = time.monotonic() - began
        self._found.memory = operator.rss_mib()

    async def _at_rest(self, operator: OperatorProcess) -> None:
        await self._nothing_is_written(operator)
        cpu, writes, versions = operator.cpu_seconds(), operator.metric(WRITES), await self._people.versions()
        await asyncio.sleep(self._size.rest)
        self._found.rest_cpu = 100 * (operator.cpu_seconds() - cpu) / self._size.rest
        seen = len(await self._people.versions() - versions)
        self._found.rest_writes = max(int(operator.metric(WRITES) - writes), seen)
        self._found.rest_memory = operator.rss_mib()

    async def _nothing_is_written(self, operator: OperatorProcess) -> None:
        written, since = operator.metric(WRITES), time.monotonic()
        while time.monotonic() < since + _CALM:
            await asyncio.sleep(1)
            if (now := operator.metric(WRITES)) != written:
                written, since = now, time.monotonic()

    async def _changes(self) -> None:
        delays = [await self._change(number) for number in range(self._size.changes)]
        self._found.change_p50_ms = statistics.median(delays)
        self._found.change_p95_ms = p95(delays)

    async def _change(self, number: int) -> float:
        """Change a connection; return the milliseconds until its node has its plan."""
        before, node, began = self._crowd.told(), self._people.node(number), time.monotonic()
        await self._people.change(number, 5 + number % 3)
        await until(lambda: node in self._crowd.told_since(before), "the plan", 0.002)
        delay = 1000 * (self._crowd.agents[node].plans[-1][0] - began)
        await asyncio.sleep(_BETWEEN)
        self._found.strays += len(self._crowd.told_since(before) - {node})
        return delay

    async def _succession(self, successor: OperatorProcess) -> None:
        began, before = time.monotonic(), self._crowd.told()
        await until(lambda: successor.agents_connected() == self._size.nodes, "all agents")
        self._found.succession = time.monotonic() - began
        await asyncio.sleep(_CALM)
        self._found.resent = sum(self._crowd.told().values()) - sum(before.values())
