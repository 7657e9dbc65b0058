"""`python -m mediamesh_e2e.scale`: how the operator fares with hundreds of nodes, on the cluster of KUBECONFIG.

The kinds must be installed. Everything is made in a namespace of its own and removed afterwards; nodes and agents are
simulated, API server and operator are real. Prints one line for each number, with its target.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from mediamesh_e2e.scale.agent import SimulatedAgent
from mediamesh_e2e.scale.cluster import Population
from mediamesh_e2e.scale.operator import BUNDLE, OperatorProcess, free_port, replica
from mediamesh_operator import storage
from mediamesh_operator.errors import OperatorError

PATIENCE = 180.0


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(prog="mediamesh_e2e.scale", description=__doc__)
    for name, default in (("nodes", 200), ("connections", 1000), ("pods", 5000), ("changes", 40), ("rest", 30)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asyncio.run(_measure(parser.parse_args()))
    return 0


async def _measure(wanted: argparse.Namespace) -> None:
    with TemporaryDirectory() as folder:
        log = Path(folder) / "operator.log"
        try:
            async with storage.connected() as api:
                people = Population(api, f"scale-{uuid.uuid4().hex[:6]}", wanted.nodes)
                try:
                    await people.fill(wanted.connections, wanted.pods)
                    await Measurement(people, wanted, log).run()
                finally:
                    await people.empty()
        except BaseException:
            sys.stderr.write(log.read_text()[-4000:] if log.exists() else "")
            raise


class Measurement:
    """One operator, its agents, and the numbers."""

    def __init__(self, people: Population, wanted: argparse.Namespace, log: Path) -> None:
        self._people = people
        self._wanted = wanted
        self._log = log
        self._port = free_port()
        self._agents: dict[str, SimulatedAgent] = {}
        self._trusted = b""

    async def run(self) -> None:
        """Take all numbers."""
        with replica(self._people.namespace, "one", self._log, agents=self._port) as operator:
            async with self._connected():
                await self._cold_start(operator)
                await self._at_rest(operator)
                await self._changes()
                operator.process.kill()
                await asyncio.to_thread(operator.process.wait)
                with replica(self._people.namespace, "two", self._log, agents=self._port) as successor:
                    await self._succession(successor)

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[None]:
        for node, token in (await self._people.tokens()).items():
            self._agents[node] = SimulatedAgent(node, f"127.0.0.1:{self._port}", lambda: self._trusted, token)
        await _until(self._bundle, "the CA")
        running = [asyncio.create_task(agent.run()) for agent in self._agents.values()]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _bundle(self) -> bool:
        with contextlib.suppress(OperatorError):
            self._trusted = await self._people.trusted(BUNDLE)
        return bool(self._trusted)

    async def _cold_start(self, operator: OperatorProcess) -> None:
        began = time.monotonic()
        await _until(lambda: all(agent.plans for agent in self._agents.values()), "all plans")
        _tell("start to all plans delivered", f"{time.monotonic() - began:.1f} s", "20 s")
        await _until(self._all_ready, "all to be Ready")
        _tell("start to all Ready", f"{time.monotonic() - began:.1f} s", "")
        _tell("resident memory", f"{operator.rss_mib():.0f} MiB", "200 MiB")

    async def _all_ready(self) -> bool:
        await asyncio.sleep(0.5)
        found = await self._people.connections()
        return all(_is_ready(each) for each in found)

    async def _at_rest(self, operator: OperatorProcess) -> None:
        await asyncio.sleep(10)
        cpu, writes = operator.cpu_seconds(), operator.metric("mediamesh_operator_reconcile_total")
        versions = {each["metadata"]["resourceVersion"] for each in await self._people.connections()}
        await asyncio.sleep(self._wanted.rest)
        used = (operator.cpu_seconds() - cpu) / self._wanted.rest
        again = {each["metadata"]["resourceVersion"] for each in await self._people.connections()}
        _tell("CPU at rest", f"{100 * used:.1f} % of a core", "3 %")
        written = operator.metric("mediamesh_operator_reconcile_total") - writes
        _tell("writes at rest", f"{written:.0f}, {len(again - versions)} connections changed", "0")
        _tell("resident memory at rest", f"{operator.rss_mib():.0f} MiB", "200 MiB")

    async def _changes(self) -> None:
        delays, others = [], 0
        for number in range(self._wanted.changes):
            before = {node: len(agent.plans) for node, agent in self._agents.items()}
            agent = self._agents[self._people.nodes[number % len(self._people.nodes)]]
            count, began = len(agent.plans), time.monotonic()
            await self._people.change(number, 5 + number % 3)
            await _until(lambda agent=agent, count=count: len(agent.plans) > count, "the plan")  # type: ignore[misc]
            delays.append(1000 * (agent.plans[-1][0] - began))
            await asyncio.sleep(0.3)
            others += sum(len(each.plans) - before[node] for node, each in self._agents.items() if each is not agent)
        p95 = statistics.quantiles(delays, n=20)[-1]
        _tell("one change to its plan", f"p50 {statistics.median(delays):.0f} ms, p95 {p95:.0f} ms", "200 ms")
        _tell("plans to others", f"{others}", "0")

    async def _succession(self, successor: OperatorProcess) -> None:
        began, before = time.monotonic(), sum(len(agent.plans) for agent in self._agents.values())
        await _until(lambda: successor.metric("mediamesh_operator_agents_connected") == len(self._agents), "agents")
        _tell("kill -9 of the leader to all agents back", f"{time.monotonic() - began:.1f} s", "")
        await asyncio.sleep(5)
        sent = sum(len(agent.plans) for agent in self._agents.values()) - before
        written = successor.metric("mediamesh_operator_reconcile_total")
        _tell("plans sent and objects written by the successor", f"{sent}, {written:.0f}", "0, 0")


def _is_ready(connection: dict[str, object]) -> bool:
    status = connection.get("status")
    conditions = status.get("conditions", []) if isinstance(status, dict) else []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _tell(what: str, number: str, target: str) -> None:
    sys.stdout.write(f"{what:48} {number:36} {target and f'target {target}'}\n")
    sys.stdout.flush()


async def _until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError):
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {PATIENCE:.0f} s for {what}")
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
