"""Keeping a hub running on a folder: `mediamesh up` does it; in a cluster the hub's own container does.

When the hub ends, whoever answers on the socket now is adopted (a successor that somebody else started); else a new one
is started, at once the first time, then with growing delays.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from mediamesh_agent import hubprocess
from mediamesh_agent.agent import Facts
from mediamesh_agent.backoff import Backoff
from mediamesh_agent.control import HubControl
from mediamesh_agent.errors import HubDidNotStart, HubRefused, HubUnreachable
from mediamesh_agent.folder import kill_bridges, remove_dead_sockets
from mediamesh_agent.hubprocess import HubProcess, HubSettings
from mediamesh_agent.upgrade import UpgradeReport, hand_over

START_DEADLINE = 20.0
SHUTDOWN_DEADLINE = 30.0
"""Longer than a hub takes that waits for every bridge in vain: killed earlier, its recorders would be with it."""


class Supervision:
    """One folder's hub; its fate is written into `facts`. `came` is called when there is a hub, `went` when none is."""

    def __init__(
        self,
        settings: HubSettings,
        control: HubControl,
        facts: Facts,
        *,
        came: Callable[[], None],
        went: Callable[[], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.hub: HubProcess | None = None
        self._control = control
        self._facts = facts
        self._came = came
        self._went = went
        self._clock = clock
        self._handing_over = asyncio.Lock()

    async def run(self) -> None:
        """Work until cancelled."""
        backoff = Backoff()
        while True:
            began = self._clock()
            try:
                self.hub = hub = await self._adopt_or_start()
                self._facts.problems.pop("hub", None)
                self._came()
                self._facts.problems["hub"] = await self._watch(hub)
            except HubDidNotStart as error:
                words = (error.message, hubprocess.last_words(self.settings))
                self._facts.problems["hub"] = ": ".join(filter(None, words))
            await self._went()
            await asyncio.sleep(backoff.delay(self._clock() - began))

    async def upgrade(self) -> UpgradeReport:
        """Put a fresh hub in the place of the running one.

        Raises
        ------
        HandoverFailed
            The old hub goes on as before.
        """
        async with self._handing_over:
            predecessor = self.hub
            self.hub, report = await hand_over(self.settings, self._control)
            if predecessor is not None:
                await predecessor.end(SHUTDOWN_DEADLINE)
            return report

    async def end(self) -> None:
        """End the hub and all its bridges, and leave no socket that nobody serves."""
        with contextlib.suppress(HubUnreachable, HubRefused):
            await self._control.shutdown()
        await self._control.close()
        if self.hub is not None:
            await self.hub.end(SHUTDOWN_DEADLINE)
        kill_bridges(self.settings.root)
        remove_dead_sockets(self.settings.root)

    async def _adopt_or_start(self) -> HubProcess:
        running = await hubprocess.adopt(self._control)
        if running is not None:
            return running
        self._facts.hub_starts += 1
        process = HubProcess.start(self.settings)
        try:
            await hubprocess.answering(process, self._control, self.settings, START_DEADLINE)
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
        return hubprocess.obituary(hub, self.settings)
