"""The agents of all nodes, and what they were told."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from mediamesh_agent.node.cadence import LONGEST
from mediamesh_e2e.errors import StartFailed
from mediamesh_e2e.scale.agent import SimulatedAgent
from mediamesh_e2e.scale.cluster import Population
from mediamesh_e2e.scale.operator import BUNDLE
from mediamesh_operator.errors import ApiUnreachable, OperatorError

PATIENCE = 600.0
_PAUSE = 0.02


class Crowd:
    """One agent for each node, all in one loop; each reports every `longest` seconds at least."""

    def __init__(self, people: Population, port: int, longest: float = LONGEST) -> None:
        self.agents: dict[str, SimulatedAgent] = {}
        self._people = people
        self._port = port
        self._longest = longest
        self._trusted = b""

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Have all agents connect, and come again as long as the context lasts; waits for the operator's CA."""
        for node, token in (await self._people.tokens()).items():
            address = f"127.0.0.1:{self._port}"
            self.agents[node] = SimulatedAgent(node, address, lambda: self._trusted, token, self._longest)
        await until(self._bundle, "the CA")
        running = [asyncio.create_task(agent.run()) for agent in self.agents.values()]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def told(self) -> dict[str, int]:
        """Return how many plans each node has been sent."""
        return {node: len(agent.plans) for node, agent in self.agents.items()}

    def told_since(self, before: dict[str, int]) -> set[str]:
        """Return the nodes that have been sent a plan since."""
        return {node for node, count in self.told().items() if count > before[node]}

    def flows(self, node: str) -> set[str]:
        """Return the connections of the newest plan of a node."""
        plans = self.agents[node].plans
        return {flow.connection for flow in plans[-1][1].flows} if plans else set()

    def runs(self, wanted: Iterable[int]) -> bool:
        """Whether the plans are those of these connections and no others."""
        by_node: dict[str, set[str]] = {node: set() for node in self.agents}
        for number in wanted:
            by_node[self._people.node(number)].add(self._people.full_name(number))
        return all(agent.plans and self.flows(node) == by_node[node] for node, agent in self.agents.items())

    async def all_ready(self, number: int) -> bool:
        """Whether there are so many connections, and all of them are Ready."""
        found = await self._people.connections()
        return len(found) == number and all(map(_is_ready, found))

    async def _bundle(self) -> bool:
        with contextlib.suppress(OperatorError):
            self._trusted = await self._people.trusted(BUNDLE)
        return bool(self._trusted)


async def until(condition: Callable[[], object], what: str, pause: float = _PAUSE) -> None:
    """Wait for a condition, or one that has to be awaited; raises `StartFailed` naming `what` after `PATIENCE`.

    Who does not answer in time is asked again: a machine that is busy with a large cluster is slow at times.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError, ApiUnreachable):
            found = condition()
            if await found if isinstance(found, Awaitable) else found:
                return
        if time.monotonic() > deadline:
            raise StartFailed(f"{what}: not within {PATIENCE:.0f} s")
        await asyncio.sleep(pause)


def _is_ready(connection: dict[str, object]) -> bool:
    status = connection.get("status")
    conditions = status.get("conditions", []) if isinstance(status, dict) else []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
