"""The status of connections: computed by core, written if the API server has another.

Between our write and the watch telling of it the world still has the old status; what was written last is remembered
for exactly that long, by the version that it was made from.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from mediamesh_core.kinds.status import ConnectionStatus
from mediamesh_core.status import exposure, nominal_rate, status
from mediamesh_operator.events import Recorder
from mediamesh_operator.objects import Connection
from mediamesh_operator.outlook import Outlook
from mediamesh_operator.world import World


class Store(Protocol):
    """Writes statuses."""

    async def write_connection_status(self, namespace: str, name: str, uid: str, status: dict[str, Any]) -> None:
        """Make `status` the status of a connection."""


@dataclass(slots=True)
class Statuses:
    """Writes the status of one connection at a time."""

    world: World
    outlook: Outlook
    store: Store
    recorder: Recorder
    clock: Callable[[], datetime]
    _written: dict[str, tuple[str, ConnectionStatus]] = field(default_factory=dict)
    """By uid: the version before our last write, and what we wrote."""

    async def write(self, name: str) -> bool:
        """Write the status of a connection if it is another; return whether it was."""
        connection, verdict = self.world.connections.get(name), self.outlook.verdict(name)
        if connection is None or verdict is None:
            self._forget()
            return False
        before = self._before(connection)
        now = status(
            verdict,
            self.outlook.seen(name),
            before,
            generation=connection.generation,
            now=self.clock(),
            nominal=nominal_rate(connection.spec) if connection.spec else None,
            note=exposure(connection.spec) if connection.spec else "",
        )
        if now == before:
            return False
        await self.store.write_connection_status(connection.namespace, connection.name, connection.uid, now.as_object())
        self._written[connection.uid] = connection.version, now
        self.recorder.compare(connection, before, now)
        return True

    def _forget(self) -> None:
        """Forget what was written of connections that are gone."""
        alive = {each.uid for each in self.world.connections.values()}
        self._written = {uid: written for uid, written in self._written.items() if uid in alive}

    def _before(self, connection: Connection) -> ConnectionStatus | None:
        version, written = self._written.get(connection.uid, ("", None))
        if written is not None and version == connection.version:
            return written
        return ConnectionStatus.read(connection.status)
