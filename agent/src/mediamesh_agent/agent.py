"""The agent: makes the node be what the files say, and knows what it is.

One loop, level-triggered: every quarter of a second it compares what is desired (the files) with what the hub
reports and sends the whole plan if they differ. It keeps no memory of events, so it does not matter whether the
hub was started, adopted, restarted after a crash or replaced by a successor. The plan's revision is the hub's own
plus one, so an agent that restarts continues the count, and applying an equal plan changes nothing.

A second loop supervises the hub: when it ends, whoever answers on the socket now is adopted (a successor that
somebody else started); else a new one is started, at once the first time, then with growing delays.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mediamesh_agent import hubprocess
from mediamesh_agent.backoff import Backoff
from mediamesh_agent.control import HubControl
from mediamesh_agent.desired import Desired
from mediamesh_agent.errors import HubDidNotStart, HubRefused, HubUnreachable
from mediamesh_agent.folder import kill_bridges, remove_dead_sockets
from mediamesh_agent.hubprocess import HubProcess, HubSettings
from mediamesh_agent.ledger import Key, Ledger
from mediamesh_agent.picture import History, Picture, draw
from mediamesh_agent.upgrade import UpgradeReport, hand_over
from mediamesh_core.errors import MediameshError
from mediamesh_protos import hub_pb2, plan_pb2

TICK = 0.25
START_DEADLINE = 20.0
SHUTDOWN_DEADLINE = 15.0
RETRY = 5.0


class LocalPart(Protocol):
    """A process beside the hub that was started together with this agent (the demo's applications)."""

    def kill(self) -> None:
        """End it the hard way."""

    def restart(self) -> None:
        """End it politely; whoever supervises it starts it again."""


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """What one agent works on."""

    hub: HubSettings
    files: tuple[Path, ...]


@dataclass(slots=True)
class Facts:
    """What the agent knows, for whoever shows it."""

    observed: hub_pb2.Observed | None = None
    ledger: Ledger = field(default_factory=Ledger)
    history: History = field(default_factory=History)
    hub_starts: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    """What is wrong right now, by subject: "plan", "hub" or a connection."""


class Agent:
    """Runs until `stop`; leaves nothing behind when it ends in order."""

    def __init__(self, settings: AgentSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self.facts = Facts()
        self.desired = Desired(settings.files, polling=settings.hub.polling)
        self.control = HubControl(settings.hub.socket)
        self.hub: HubProcess | None = None
        self.local_parts: dict[Key, LocalPart] = {}
        self._clock = clock
        self._not_before = 0.0
        self._stopping = asyncio.Event()
        self._soon = asyncio.Event()
        self._handing_over = asyncio.Lock()
        self._news = asyncio.Condition()

    def stop(self) -> None:
        """Ask `run` to shut the hub down and return."""
        self._stopping.set()

    def reload(self) -> None:
        """Read the files again now, changed or not."""
        self.desired.forget()
        self._soon.set()

    async def run(self) -> None:
        """Work until `stop`, then end the hub in order."""
        loops = [asyncio.create_task(self._supervise()), asyncio.create_task(self._reconcile())]
        stopped = asyncio.create_task(self._stopping.wait())
        try:
            done, _ = await asyncio.wait([*loops, stopped], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*loops, stopped):
                task.cancel()
            await asyncio.gather(*loops, stopped, return_exceptions=True)
            await self._shut_down()
        for task in done:
            task.result()

    def picture(self) -> Picture:
        """Return what is to be shown."""
        return draw(self.desired.plan, self.facts.observed, self.facts.history)

    async def news(self) -> None:
        """Wait for the next observation, or for its absence being noticed."""
        async with self._news:
            await self._news.wait()

    async def upgrade(self) -> UpgradeReport:
        """Put a fresh hub in the place of the running one.

        Raises
        ------
        HandoverFailed
            The old hub goes on as before.
        """
        async with self._handing_over:
            predecessor = self.hub
            self.hub, report = await hand_over(self.settings.hub, self.control)
            if predecessor is not None:
                await predecessor.end(SHUTDOWN_DEADLINE)
            return report

    async def _supervise(self) -> None:
        backoff = Backoff()
        while True:
            began = self._clock()
            try:
                self.hub = hub = await self._adopt_or_start()
                self._soon.set()
                self.facts.problems["hub"] = await self._watch(hub)
            except HubDidNotStart as error:
                self.facts.problems["hub"] = ": ".join(
                    filter(None, (error.message, hubprocess.last_words(self.settings.hub)))
                )
            await self._announce(None)
            await asyncio.sleep(backoff.delay(self._clock() - began))

    async def _adopt_or_start(self) -> HubProcess:
        running = await hubprocess.adopt(self.control)
        if running is not None:
            return running
        self.facts.hub_starts += 1
        process = HubProcess.start(self.settings.hub)
        try:
            await hubprocess.answering(process, self.control, self.settings.hub, START_DEADLINE)
        except BaseException:
            await hubprocess.abandon(process)
            raise
        return process

    async def _watch(self, hub: HubProcess) -> str:
        """Return how the hub has ended, once it has and is not followed by a successor."""
        while hub.running:
            await hub.ended()
            async with self._handing_over:
                hub = self.hub or hub  # a successor that was being started is in its place now
        return hubprocess.obituary(hub, self.settings.hub)

    async def _reconcile(self) -> None:
        while True:
            self._soon.clear()
            self._read_files()
            try:
                await self._compare(await self.control.observe())
            except HubUnreachable:
                await self._announce(None)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK):
                    await self._soon.wait()

    async def _compare(self, observed: hub_pb2.Observed) -> None:
        self.facts.problems.pop("hub", None)
        differs = self.desired.applied_revision != observed.revision
        if (differs or self._failed_flows) and self._clock() >= self._not_before:
            await self._apply(self.desired.numbered(observed.revision))
        await self._announce(observed)

    @property
    def _failed_flows(self) -> bool:
        return bool(self.facts.problems.keys() - {"plan", "hub"})

    async def _apply(self, plan: plan_pb2.NodePlan) -> None:
        """Send the plan; what fails now is tried again later, or when a file changes."""
        try:
            applied = await self.control.apply(plan)
        except HubRefused as error:
            self._not_before = self._clock() + RETRY
            self.facts.problems["plan"] = f"the hub refuses the plan: {error.message}"
            return
        self.desired.applied_revision = applied.revision
        self._not_before = self._clock() + RETRY if applied.errors else 0.0
        kept = {subject: text for subject, text in self.facts.problems.items() if subject == "plan"}
        self.facts.problems = kept | {error.connection: error.message for error in applied.errors}

    def _read_files(self) -> None:
        try:
            if self.desired.refresh():
                self._not_before = 0.0
                self.facts.problems.pop("plan", None)
        except MediameshError as error:
            self.facts.problems["plan"] = error.message

    async def _announce(self, observed: hub_pb2.Observed | None) -> None:
        self.facts.observed = observed
        if observed is not None:
            self.facts.ledger.update(observed)
            self.facts.history.add(observed, self.facts.ledger)
        async with self._news:
            self._news.notify_all()

    async def _shut_down(self) -> None:
        """End the hub and all its bridges, and leave no socket that nobody serves."""
        with contextlib.suppress(HubUnreachable, HubRefused):
            await self.control.shutdown()
        await self.control.close()
        if self.hub is not None:
            await self.hub.end(SHUTDOWN_DEADLINE)
        kill_bridges(self.settings.hub.root)
        remove_dead_sockets(self.settings.hub.root)
