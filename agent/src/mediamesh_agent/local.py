"""The agent of `mediamesh up`: files say what is desired, and it runs the hub itself."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mediamesh_agent.agent import Agent
from mediamesh_agent.control import HubControl
from mediamesh_agent.desired import DesiredByFiles
from mediamesh_agent.errors import HubUnreachable
from mediamesh_agent.hubprocess import HubProcess, HubSettings
from mediamesh_agent.ledger import Key
from mediamesh_agent.supervision import Supervision
from mediamesh_agent.upgrade import UpgradeReport


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


class LocalAgent(Agent):
    """Runs until `stop`; leaves nothing behind when it ends in order."""

    def __init__(self, settings: AgentSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        control = HubControl(settings.hub.socket)
        self.files = DesiredByFiles(settings.files, polling=settings.hub.polling)
        super().__init__(control, self.files, clock=clock)
        self.settings = settings
        self.local_parts: dict[Key, LocalPart] = {}
        self._supervision = Supervision(settings.hub, control, self.facts, came=self.look, went=self._lost, clock=clock)
        self._stopping = asyncio.Event()

    @property
    def hub(self) -> HubProcess | None:
        """The hub's process, once there has been one."""
        return self._supervision.hub

    def stop(self) -> None:
        """Ask `run` to shut the hub down and return."""
        self._stopping.set()

    def reload(self) -> None:
        """Read the files again now, changed or not."""
        self.files.forget()
        self.look()

    async def run(self) -> None:
        """Work until `stop`, then end the hub in order."""
        loops = [asyncio.create_task(self._supervision.run()), asyncio.create_task(self.reconcile())]
        stopped = asyncio.create_task(self._stopping.wait())
        try:
            done, _ = await asyncio.wait([*loops, stopped], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*loops, stopped):
                task.cancel()
            await asyncio.gather(*loops, stopped, return_exceptions=True)
            await self._supervision.end()
        for task in done:
            task.result()

    async def upgrade(self) -> UpgradeReport:
        """Put a fresh hub in the place of the running one; raises HandoverFailed if the old one goes on."""
        return await self._supervision.upgrade()

    async def _lost(self) -> None:
        await self.announce(None)

    def hub_is_silent(self, error: HubUnreachable) -> None:
        """Leave it to supervision, which knows more: a hub that has just been started is silent as well."""

    def hub_answers(self) -> None:
        """Leave it to supervision: what answered may have been killed since."""
