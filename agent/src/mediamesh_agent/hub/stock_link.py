"""The link to one stock memif peer: found or waited for, served while it lasts, then sought again.

A peer that is *server* is connected to, again and again; the hub is then the slave and the memory is its own. A peer
that is *client* is waited for on a socket; it is the slave, and what it announces is checked before it is mapped.
Serving, the peer is an attachment like any other, except that its rings are served by copying (or, `shared`,
straight out of the pool, which then cannot be sealed and has to be announced anew, by connecting anew, when the source
changes).

Anybody who reaches the socket can connect, say nothing, or one word every other second. So all who come shake hands
side by side, each within a deadline, and the first that is done has the place; of too many the oldest is sent away.
"""

import asyncio
import logging
import os
import socket
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from mediamesh_agent.hub.door import peer_of
from mediamesh_agent.hub.errors import AttachmentEnded, HubError
from mediamesh_agent.hub.flows import Flow
from mediamesh_agent.hub.root import Root
from mediamesh_agent.hub.service import Service
from mediamesh_agent.hub.stock_handshake import StockHandshake
from mediamesh_native.memif import transport
from mediamesh_native.memif.errors import MemifError
from mediamesh_protos import plan_pb2

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 3.0
MOST_CANDIDATES = 8
_BACKLOG = 16


@dataclass(frozen=True, slots=True)
class StockEndpoint:
    """One memif endpoint of a plan; equal ones need not be linked anew."""

    connection: str
    endpoint: str
    role: str
    memif: bytes  # the serialized MemifPlan

    @property
    def plan(self) -> plan_pb2.MemifPlan:
        """How to find the peer."""
        return plan_pb2.MemifPlan.FromString(self.memif)

    def __str__(self) -> str:
        return f"memif peer of {self.connection} {self.endpoint}"


class StockLink:
    """Keeps a peer at one endpoint."""

    def __init__(self, root: Root, service: Service, endpoint: StockEndpoint) -> None:
        self._root = root
        self._service = service
        self._endpoint = endpoint
        self._plan = endpoint.plan
        self._candidates: dict[asyncio.Task[None], None] = {}  # who shakes hands, oldest first

    async def keep(self) -> NoReturn:
        """Go on until cancelled; the attachment ends with it."""
        if self._plan.role == "server":
            await self._keep_connecting()
        await self._keep_listening()

    async def _keep_connecting(self) -> NoReturn:
        """Try again and again; that a peer is still not there is told once, not at every try."""
        pause, told = FIRST_PAUSE, ""
        while True:
            try:
                await self._serve(self._connect())
                pause, told = FIRST_PAUSE, ""
            except (HubError, MemifError, OSError) as error:
                if told != str(error):
                    self._note(error)
                told = str(error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _keep_listening(self) -> NoReturn:
        listener = await self._listener()
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    try:
                        sock = await self._accept(listener)
                    except OSError as error:
                        self._note(error)
                    else:
                        self._push_out_oldest()
                        task = group.create_task(self._admit(sock), name=str(self._endpoint))
                        task.add_done_callback(partial(_close, sock))
                        self._candidates[task] = None
        finally:
            listener.close()
            if not self._plan.socket.startswith("@"):
                self._root.unlink(self._plan.folder, self._plan.socket)

    async def _listener(self) -> socket.socket:
        while True:
            try:
                return self._listen()
            except (HubError, MemifError, OSError) as error:
                self._note(error)
            await asyncio.sleep(LONGEST_PAUSE)

    async def _accept(self, listener: socket.socket) -> socket.socket:
        """Wait for a peer; where the process has no descriptor left for it, until there may be one."""
        try:
            sock, _ = await asyncio.get_running_loop().sock_accept(listener)
        except OSError:
            await asyncio.sleep(FIRST_PAUSE)
            raise
        return sock

    async def _admit(self, sock: socket.socket) -> None:
        """Serve one who came. Nothing that he does may touch the others."""
        try:
            await self._serve(sock)
        except (HubError, MemifError, OSError) as error:
            self._note(error)
        except Exception:
            log.exception("a %s failed", self._endpoint)
        finally:
            self._settle()

    def _push_out_oldest(self) -> None:
        if len(self._candidates) >= MOST_CANDIDATES:
            oldest = next(iter(self._candidates))
            del self._candidates[oldest]
            oldest.cancel()
            self._note(AttachmentEnded("TooManyCandidates", "others came before its handshake was done"))

    def _settle(self) -> None:
        """The handshake of this task is over, well or not."""
        task = asyncio.current_task()
        if task is not None:
            self._candidates.pop(task, None)

    def _connect(self) -> socket.socket:
        if self._plan.socket.startswith("@"):
            return transport.connect_abstract(self._plan.socket)
        found = transport.open_socket_path(self._root.fd, self._plan.folder, self._plan.socket)
        try:
            return transport.connect_path(found)
        finally:
            os.close(found)

    def _listen(self) -> socket.socket:
        if self._plan.socket.startswith("@"):
            return transport.listen_abstract(self._plan.socket)
        return self._root.listen(self._plan.folder, self._plan.socket, 0o666, _BACKLOG, socket.SOCK_SEQPACKET)

    async def _serve(self, sock: socket.socket) -> None:
        """Shake hands, serve until it ends; raises what went wrong before it served."""
        sock.setblocking(False)
        endpoint = self._endpoint
        try:
            self._service.guard(self._plan.folder, peer_of(sock)[0])
            attachment = await StockHandshake(self._service, self._flow(), endpoint.endpoint, self._plan, sock).run()
        except BaseException:
            sock.close()
            raise
        self._settle()
        try:
            await attachment.over.wait()
        finally:
            self._service.end(attachment, AttachmentEnded("EndpointChanged", f"{endpoint} is unlinked"))

    def _flow(self) -> Flow:
        flow = self._service.flows.get(self._endpoint.connection)
        if flow is None:
            raise AttachmentEnded("NoSuchConnection", f"{self._endpoint.connection} is not set up")
        return flow

    def _note(self, error: Exception) -> None:
        end = error
        if not isinstance(end, HubError):
            end = AttachmentEnded(getattr(error, "reason", "SocketUnreachable"), getattr(error, "message", str(error)))
        self._service.book.note(self._endpoint.connection, self._endpoint.endpoint, "stock peer", end)


def _close(sock: socket.socket, _: "asyncio.Task[None]") -> None:
    """Close it also if the task was cancelled before its first step."""
    sock.close()
