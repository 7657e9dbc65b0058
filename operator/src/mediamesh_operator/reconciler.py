"""The worker: from what has changed to plans in the agents' hands, and to the statuses that have to be looked at.

One round at a time. It takes all that is due from the queue, plans anew if anything changed that a plan depends on,
offers the plans to the agents, and passes on the names of connections and nodes whose status may be another now;
`writers` carry on from there, so that a plan never waits for the API server. Nothing is carried from one round to the
next but caches of what is derived: it does not matter which changes were told of, or in what order.

Keys are (kind, name). "agent": a node's agent came, went or said something. "connection" and "medianode": somebody
wrote it, maybe we. All others only say that a plan may be another.
"""

import time
from collections.abc import Callable

from mediamesh_operator.metrics import Metrics
from mediamesh_operator.outlook import Outlook
from mediamesh_operator.workqueue import WorkQueue

Key = tuple[str, str]


class Reconciler:
    """The worker; `connections` is told the names of those to be looked at."""

    def __init__(
        self,
        outlook: Outlook,
        queue: WorkQueue[Key],
        metrics: Metrics,
        connections: Callable[[str], None],
    ) -> None:
        self._outlook = outlook
        self._queue = queue
        self._metrics = metrics
        self._connections = connections

    async def run(self) -> None:
        """Work off what is due, again and again."""
        while True:
            batch = await self._queue.batch()
            began = time.monotonic()
            self.round(batch)
            self._metrics.reconcile_seconds.observe(time.monotonic() - began)

    def round(self, batch: frozenset[Key]) -> None:
        """Work off a batch."""
        planned = self._outlook.plan()
        if planned is not None:
            self._outlook.offer()
        agents = {name for kind, name in batch if kind == "agent"}
        heard = [self._outlook.hear(node) for node in agents]
        self._outlook.offer(agents)
        touched = {name for kind, name in batch if kind == "connection"}
        for name in touched.union(planned or (), *heard):
            self._connections(name)
