"""A socket on which stock memif peers are waited for: they are clients, and slaves.

memif tells the interfaces of one socket apart by their ids, so endpoints may share a socket if their ids differ. Whose
peer it is follows from its first message; what it announces is checked before it is mapped.

Anybody who reaches the socket can connect, say nothing, or one word every other second. So all who come shake hands
side by side, each within a deadline, and the first that is done has the place; of too many the oldest is sent away.
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
from mediamesh_agent.hub.stock_handshake import StockHandshake
from mediamesh_agent.hub.stock_link import FIRST_PAUSE, LONGEST_PAUSE, note, serve
from mediamesh_native.memif import transport
from mediamesh_native.memif.errors import MemifError

log = logging.getLogger(__name__)

MOST_CANDIDATES = 8
_BACKLOG = 16


class StockDoor:
    """Keeps one socket open for the peers of its endpoints."""

    def __init__(self, root: Root, service: Service, folder: str, name: str) -> None:
        self._root = root
        self._service = service
        self._folder = folder
        self._name = name
        self._endpoints: dict[int, StockEndpoint] = {}
        self._peers: dict[asyncio.Task[None], StockHandshake] = {}
        self._candidates: dict[asyncio.Task[None], None] = {}  # who shakes hands, oldest first

    def __str__(self) -> str:
        return f"socket {self._name} for memif peers"

    async def arrange(self, endpoints: Iterable[StockEndpoint]) -> None:
        """Let in the peers of exactly these; those of endpoints that stay notice nothing."""
        self._endpoints = {endpoint.plan.id: endpoint for endpoint in endpoints}
        stay = {None, *self._endpoints.values()}
        gone = [task for task, handshake in self._peers.items() if handshake.endpoint not in stay]
        for task in gone:
            task.cancel()
        await asyncio.gather(*gone, return_exceptions=True)

    async def keep(self) -> NoReturn:
        """Go on until cancelled; the attachments end with it."""
        listener = await self._listener()
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    sock = await self._accept(listener)
                    self._push_out_oldest()
                    handshake = StockHandshake(self._service, dict(self._endpoints), sock)
                    task = group.create_task(self._admit(handshake, sock), name=str(self))
                    task.add_done_callback(partial(self._forget, sock))
                    self._peers[task] = handshake
                    self._candidates[task] = None
        finally:
            listener.close()
            if not self._name.startswith("@"):
                self._root.unlink(self._folder, self._name)

    async def _listener(self) -> socket.socket:
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
                sock, _ = await asyncio.get_running_loop().sock_accept(listener)
            except OSError as error:
                self._note_for_all(error)
                await asyncio.sleep(FIRST_PAUSE)
            else:
                sock.setblocking(False)
                return sock

    async def _admit(self, handshake: StockHandshake, sock: socket.socket) -> None:
        """Serve one who came. Nothing that he does may touch the others."""
        try:
            await serve(self._service, handshake, sock, self._folder, self._settle)
        except (HubError, MemifError, OSError) as error:
            self._note(handshake, error)
        except Exception:
            log.exception("a %s failed", handshake.endpoint or "memif peer")

    def _settle(self) -> None:
        """The handshake of this task is done."""
        task = asyncio.current_task()
        if task is not None:
            self._candidates.pop(task, None)

    def _forget(self, sock: socket.socket, task: "asyncio.Task[None]") -> None:
        """It is over, perhaps before its first step."""
        self._candidates.pop(task, None)
        del self._peers[task]
        sock.close()

    def _push_out_oldest(self) -> None:
        if len(self._candidates) >= MOST_CANDIDATES:
            oldest = next(iter(self._candidates))
            del self._candidates[oldest]
            oldest.cancel()
            end = AttachmentEnded("PushedOut", "others came before its handshake was done")
            self._note(self._peers[oldest], end)

    def _note(self, handshake: StockHandshake, error: Exception) -> None:
        """Book an end; a peer that has not said whom it means can mean only the one, if there is one."""
        only = next(iter(self._endpoints.values())) if len(self._endpoints) == 1 else None
        note(self._service, handshake.endpoint or only, error)

    def _note_for_all(self, error: Exception) -> None:
        for endpoint in self._endpoints.values():
            note(self._service, endpoint, error)
