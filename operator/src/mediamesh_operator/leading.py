"""What only the leader does, and in which order it begins.

First the certificate, the kinds and the watches; then the wait until the world is complete, because a plan made of half
a cluster takes away what runs; only then the agents' port is opened and the worker begins. From then on all parts run
side by side, and the end of any of them is the end of the process.
"""

import contextlib
import logging
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from mediamesh_operator import census, handlers, storage
from mediamesh_operator.authority import MountedCertificate, OwnAuthority, Shown, Source
from mediamesh_operator.door import Door
from mediamesh_operator.edge import Edge
from mediamesh_operator.events import Recorder
from mediamesh_operator.following import Follower
from mediamesh_operator.identity import AgentRule
from mediamesh_operator.landscape import HEARING
from mediamesh_operator.metrics import Metrics, Picture
from mediamesh_operator.nodes import MediaNodes
from mediamesh_operator.options import AUDIENCE, Options
from mediamesh_operator.outlook import Outlook
from mediamesh_operator.reconciler import Key, Reconciler
from mediamesh_operator.serving import AgentService, listening
from mediamesh_operator.sessions import Sessions
from mediamesh_operator.statuses import Statuses
from mediamesh_operator.tasks import never_ending, until_one_ends
from mediamesh_operator.workqueue import WorkQueue
from mediamesh_operator.world import World
from mediamesh_operator.writers import Writer

log = logging.getLogger(__name__)


class Leading:
    """The leader's parts, wired together."""

    def __init__(self, options: Options, api: storage.Api, metrics: Metrics, take_signals: Callable[[], None]) -> None:
        self.serving = False
        """Agents are served."""
        self._options = options
        self._api = api
        self._metrics = metrics
        self._take_signals = take_signals
        self._store = storage.KindStore(api)
        self._shown = Shown(self._certificates())
        self._queue: WorkQueue[Key] = WorkQueue(time.monotonic)
        self._world = World(f"{options.namespace}/{options.agent_service_account}", options.root)
        self._edge = Edge(self._world, self._changed)
        self._nodes_followed = Follower("nodes", self._store, self._edge, self._edge.node)
        self._pods_followed = Follower("pods", self._store, self._edge, self._edge.pod)
        self._sessions = Sessions(time.monotonic, self._world.created, self._agent_changed)
        self._outlook = Outlook(self._world, self._sessions, time.monotonic)
        self._recorder = Recorder(storage.EventStore(api), options.identity, _now)
        statuses = Statuses(self._world, self._outlook, self._store, self._recorder, _now)
        nodes = MediaNodes(self._world, self._sessions, self._outlook, self._store, _now)
        self._connections = Writer("MediaConnection", statuses.write, metrics.writes)
        self._nodes = Writer("MediaNode", nodes.write, metrics.writes)
        self._worker = Reconciler(self._outlook, self._queue, metrics, self._connections.look, self._nodes.look)

    def picture(self) -> Picture:
        """Return what the metrics show."""
        return Picture(
            leader=True,
            queue_depth=len(self._queue) + len(self._connections) + len(self._nodes),
            agents=len(self._sessions),
            certificate_ends=self._shown.ends,
            conditions=self._conditions(),
        )

    def _conditions(self) -> Iterator[tuple[str, str, str, str]]:
        for each in self._world.connections.values():
            for condition in each.status.get("conditions") or ():
                yield each.namespace, each.name, str(condition.get("type")), str(condition.get("status"))

    async def run(self) -> None:
        """Lead until cancelled, or until a part fails."""
        await self._shown.load()
        await census.kinds_served(self._store)
        watch = never_ending("the watch", handlers.watch(self._edge, self._take_signals))
        try:
            await until_one_ends(watch, self._nodes_followed.run(), self._pods_followed.run(), self._serve())
        finally:
            self.serving = False

    async def _serve(self) -> None:
        await self._nodes_followed.listed.wait()
        await self._pods_followed.listed.wait()
        await census.complete(self._world, self._store)
        log.info("the cluster is known", extra=self._world.sizes())
        self._outlook.begin()
        self._worker.round(frozenset())
        for node in self._world.nodes:
            self._queue.add_later(("node", node), HEARING)
        async with self._port():
            self.serving = True
            await until_one_ends(
                self._worker.run(),
                self._connections.run(),
                self._nodes.run(),
                self._recorder.run(),
                census.keep(self._world, self._store, self._changed),
                self._shown.follow(),
            )

    @contextlib.asynccontextmanager
    async def _port(self) -> AsyncIterator[None]:
        options, metrics = self._options, self._metrics
        rule = AgentRule(AUDIENCE, options.namespace, options.agent_service_account)
        reviews = storage.TokenReviews(self._api)
        service = AgentService(
            self._sessions,
            reviews,
            rule,
            metrics.refused,
            metrics.plans,
            metrics.reports,
            self._outlook.connections_of,
        )
        with tempfile.TemporaryDirectory(prefix="mediamesh-") as folder:
            inside = Path(folder) / "agents.sock"
            door = Door(inside, metrics.refused)
            async with listening(service, f"unix:{inside}", self._shown), door.opened(*options.agents) as port:
                log.info("agents are served", extra={"port": port})
                yield

    def _certificates(self) -> Source:
        options = self._options
        if options.certificates is not None:
            return MountedCertificate(options.certificates)
        store = storage.AuthorityStore(self._api, options.namespace, options.ca_secret, options.ca_bundle)
        return OwnAuthority(store, options.service, _now)

    def _changed(self, kind: str, name: str) -> None:
        self._queue.add((kind, name))

    def _agent_changed(self, node: str, delay: float) -> None:
        if delay:
            self._queue.add_later(("agent", node), delay)
        else:
            self._queue.add(("agent", node))


def _now() -> datetime:
    return datetime.now(UTC)
