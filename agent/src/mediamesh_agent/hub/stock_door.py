"""A socket on which stock memif peers are waited for: they are clients, and slaves.

memif tells the interfaces of one socket apart by their ids, so endpoints may share a socket if their ids differ. Whose
peer it is follows from its first message; what it announces is checked before it is mapped.

Anybody who reaches the socket can connect, say nothing, or one word every other second. So all who come shake hands
side by side, each within a deadline, and the first that is done has the place; of too many the oldest is sent away.

The socket is the door's, not the task's that accepts on it: a DPDK client connects once in its life, so one that comes
while nobody accepts waits in the socket's queue, for a successor hub if need be.
"""

import asyncio
import logging
import socket
from collections.abc import Iterable
from functools import partial
from typing import NoReturn

from mediamesh_agent.hub.errors import AttachmentEnded, HubError
from mediamesh_agent.hub.root import Root
from mediamesh_agent.hub.service import Service
from mediamesh_agent.hub.stock_endpoint import StockEndpoint
from mediamesh_agent.hub.stock_handshake import StockHandshake, readable
from mediamesh_agent.hub.stock_link import FIRST_PAUSE, LONGEST_PAUSE, note, shake_hands, unlink
from mediamesh_native.memif import transport
from mediamesh_native.memif.errors import MemifError

log = logging.getLogger(__name__)

MOST_CANDIDATES = 8
_BACKLOG = 16


class StockDoor:
    """Keeps one socket open for the peers of its endpoints; `listener` is a predecessor's, or made by `keep`."""

    def __init__(
        self, root: Root, service: Service, folder: str, name: str, listener: socket.socket | None = None
    ) -> None:
        self.listener = listener
        self._root = root
        self._service = service
        self._folder = folder
        self._name = name
        self._endpoints: dict[int, StockEndpoint] = {}
        self._candidates: dict[asyncio.Task[bool], StockHandshake] = {}  # who shakes hands, oldest first

    def __str__(self) -> str:
        return f"socket {self._name} for memif peers"

    async def arrange(self, endpoints: Iterable[StockEndpoint]) -> None:
        """Let in the peers of exactly these; those of endpoints that stay notice nothing."""
        before = set(self._endpoints.values())
        self._endpoints = {endpoint.plan.id: endpoint for endpoint in endpoints}
        gone = before - set(self._endpoints.values())
        await _cancel(task for task, handshake in self._candidates.items() if handshake.endpoint in gone)
        for endpoint in gone:
            unlink(self._service, endpoint)

    async def keep(self) -> NoReturn:
        """Let in who comes, until cancelled; who is in, or half-way, stays."""
        if self.listener is None:
            self.listener = await self._listen()
        while True:
            sock = await self._accept(self.listener)
            self._push_out_oldest()
            handshake = StockHandshake(self._service, dict(self._endpoints), sock)
            task = asyncio.create_task(self._admit(handshake, sock), name=str(self))
            task.add_done_callback(partial(self._forget, sock))
            self._candidates[task] = handshake

    async def settle(self, patience: float) -> None:
        """Wait until nobody is half-way, or send those away after `patience` seconds."""
        if self._candidates:
            _, late = await asyncio.wait(self._candidates, timeout=patience)
            await _cancel(late)

    async def close(self) -> None:
        """Send everybody away and give up the socket. Nobody accepts on it any more."""
        await self.settle(0)
        await self.arrange(())
        if self.listener is not None:
            if not self._name.startswith("@"):
                self._root.unlink(self._folder, self._name)
            self.listener.close()
            self.listener = None

    async def _listen(self) -> socket.socket:
        while True:
            try:
                if self._name.startswith("@"):
                    return transport.listen_abstract(self._name)
                return self._root.listen(self._folder, self._name, 0o666, _BACKLOG, socket.SOCK_SEQPACKET)
            except (HubError, MemifError, OSError) as error:
                self._note_for_all(error)
            await asyncio.sleep(LONGEST_PAUSE)

    async def _accept(self, listener: socket.socket) -> socket.socket:
        """Wait for a peer; where the process has no descriptor left for it, until there may be one."""
        while True:
            try:
                await readable(listener)
                sock, _ = listener.accept()
            except BlockingIOError:
                continue
            except OSError as error:
                self._note_for_all(error)
                await asyncio.sleep(FIRST_PAUSE)
            else:
                sock.setblocking(False)
                return sock

    async def _admit(self, handshake: StockHandshake, sock: socket.socket) -> bool:
        """Shake hands with one who came; whether it is served. Nothing that it does may touch the others."""
        try:
            await shake_hands(self._service, handshake, sock, self._folder)
        except (HubError, MemifError, OSError) as error:
            self._note(handshake, error)
        except Exception:
            log.exception("a %s failed", handshake.endpoint or "memif peer")
        else:
            return True
        return False

    def _forget(self, sock: socket.socket, task: "asyncio.Task[bool]") -> None:
        """The handshake is over, perhaps before its first step."""
        self._candidates.pop(task, None)
        if task.cancelled() or not task.result():
            sock.close()

    def _push_out_oldest(self) -> None:
        if len(self._candidates) >= MOST_CANDIDATES:
            oldest, handshake = next(iter(self._candidates.items()))
            del self._candidates[oldest]
            oldest.cancel()
            self._note(handshake, AttachmentEnded("PushedOut", "others came before its handshake was done"))

    def _note(self, handshake: StockHandshake, error: Exception) -> None:
        """Book an end; a peer that has not said whom it means can mean only the one, if there is one."""
        only = next(iter(self._endpoints.values())) if len(self._endpoints) == 1 else None
        note(self._service, handshake.endpoint or only, error)

    def _note_for_all(self, error: Exception) -> None:
        for endpoint in self._endpoints.values():
            note(self._service, endpoint, error)


async def _cancel(tasks: "Iterable[asyncio.Task[bool]]") -> None:
    cancelled = list(tasks)
    for task in cancelled:
        task.cancel()
    await asyncio.gather(*cancelled, return_exceptions=True)
