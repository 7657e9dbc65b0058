"""The worker: from what has changed to plans in the agents' hands, and to the statuses that have to be looked at.

One round at a time. It takes all that is due from the queue, plans anew if anything changed that a plan depends on,
offers the plans to the agents, and passes on the names of connections and nodes whose status may be another now;
`writers` carry on from there, so that a plan never waits for the API server. Nothing is carried from one round to the
next but caches of what is derived: it does not matter which changes were told of, or in what order.

Keys are (kind, name). "agent": a node's agent came, went or said something. "connection" and "medianode": somebody
wrote it, maybe we. All others only say that a plan may be another.

After a round the worker rests in proportion: a stream of changes (thousands of pods that become ready one by one)
would have it plan all the time. What comes alone finds it rested.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from mediamesh_operator.metrics import Metrics
from mediamesh_operator.outlook import Changed, Outlook
from mediamesh_operator.workqueue import WorkQueue

Key = tuple[str, str]
_NOTHING: Final = Changed(frozenset(), frozenset())
_RESTS: Final = 4.0
_LONGEST_REST: Final = 0.2
"""Seconds."""


class Reconciler:
    """The worker; `connections` and `nodes` are told the names of those to be looked at."""

    def __init__(
        self,
        outlook: Outlook,
        queue: WorkQueue[Key],
        metrics: Metrics,
        connections: Callable[[str], None],
        nodes: Callable[[str], None],
    ) -> None:
        self._outlook = outlook
        self._queue = queue
        self._metrics = metrics
        self._connections = connections
        self._nodes = nodes

    async def run(self) -> None:
        """Work off what is due, again and again."""
        while True:
            batch = await self._queue.batch()
            began = time.monotonic()
            self.round(batch)
            took = time.monotonic() - began
            self._metrics.reconcile_seconds.observe(took)
            await asyncio.sleep(rest_after(took))

    def round(self, batch: frozenset[Key]) -> None:
        """Work off a batch."""
        named = _by_kind(batch)
        planned = self._outlook.plan() or _NOTHING
        self._outlook.offer(planned.nodes | named["agent"])
        heard = [self._outlook.hear(node) for node in named["agent"]]
        for name in named["connection"].union(planned.connections, *heard):
            self._connections(name)
        for name in named["agent"] | named["node"] | named["medianode"] | planned.nodes:
            self._nodes(name)


def rest_after(took: float) -> float:
    """Return for how many seconds others have the loop after a round of so many."""
    return min(_RESTS * took, _LONGEST_REST)


def _by_kind(batch: frozenset[Key]) -> defaultdict[str, set[str]]:
    named: defaultdict[str, set[str]] = defaultdict(set)
    for kind, name in batch:
        named[kind].add(name)
    return named
