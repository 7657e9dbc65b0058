"""Stock memif peers: DPDK, VPP, libmemif stand at an endpoint without knowing of us.

For each such endpoint of the plan one task keeps a link up. A peer that is *server* is connected to, again and again;
the hub is then the slave and the memory is its own. A peer that is *client* is waited for on a socket; it is
the slave, and what it announces is checked before it is mapped. Serving, the peer is an attachment like any
other, except that its rings are served by copying (or, `shared`, straight out of the pool, which then
cannot be sealed and has to be announced anew, by connecting anew, when the source changes).
"""

import asyncio
import logging
import os
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mediamesh_agent.hub.errors import AttachmentEnded, HubError
from mediamesh_agent.hub.root import Root
from mediamesh_agent.hub.service import Service
from mediamesh_agent.hub.stock_handshake import StockHandshake
from mediamesh_native.memif import transport
from mediamesh_native.memif.errors import MemifError
from mediamesh_protos import plan_pb2

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 3.0
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


def stock_endpoints(flows: Iterable[plan_pb2.FlowPlan]) -> Iterator[StockEndpoint]:
    """Yield the memif endpoints of a plan."""
    for flow in flows:
        ends = [("source", flow.source.name, flow.source.endpoint)]
        ends += [("sink", sink.name, sink.endpoint) for sink in flow.sinks]
        for role, name, endpoint in ends:
            if endpoint.kind == "memif":
                memif = endpoint.memif.SerializeToString(deterministic=True)
                yield StockEndpoint(flow.connection, name, role, memif)


class StockLinks:
    """All links to stock peers."""

    def __init__(self, root: Root, service: Service) -> None:
        self._root = root
        self._service = service
        self._links: dict[StockEndpoint, asyncio.Task[None]] = {}

    async def arrange(self, wanted: Iterable[StockEndpoint]) -> None:
        """Keep exactly these links."""
        endpoints = set(wanted)
        await self._cut(self._links.keys() - endpoints)
        for endpoint in endpoints - self._links.keys():
            self._links[endpoint] = asyncio.create_task(self._keep(endpoint), name=str(endpoint))

    async def close(self) -> None:
        """Cut all links; the attachments end with them."""
        await self._cut(set(self._links))

    async def _cut(self, endpoints: Iterable[StockEndpoint]) -> None:
        tasks = [self._links.pop(endpoint) for endpoint in set(endpoints)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, endpoint: StockEndpoint) -> None:
        if endpoint.plan.role == "server":
            await self._keep_connecting(endpoint)
        else:
            await self._keep_listening(endpoint)

    async def _keep_connecting(self, endpoint: StockEndpoint) -> None:
        """Try again and again; that a peer is still not there is told once, not at every try."""
        pause, told = FIRST_PAUSE, ""
        while True:
            try:
                await self._serve(endpoint, self._connect(endpoint.plan))
                pause, told = FIRST_PAUSE, ""
            except (HubError, MemifError, OSError) as error:
                if told != str(error):
                    self._note(endpoint, error)
                told = str(error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _keep_listening(self, endpoint: StockEndpoint) -> None:
        plan = endpoint.plan
        listener = await self._listener(endpoint)
        try:
            while True:
                try:
                    await self._serve(endpoint, await self._accept(listener))
                except (HubError, MemifError, OSError) as error:
                    self._note(endpoint, error)
        finally:
            listener.close()
            if not plan.socket.startswith("@"):
                self._root.unlink(plan.folder, plan.socket)

    async def _listener(self, endpoint: StockEndpoint) -> socket.socket:
        while True:
            try:
                return self._listen(endpoint.plan)
            except (HubError, MemifError, OSError) as error:
                self._note(endpoint, error)
            await asyncio.sleep(LONGEST_PAUSE)

    async def _accept(self, listener: socket.socket) -> socket.socket:
        """Wait for a peer; where the process has no descriptor left for it, until there may be one."""
        try:
            sock, _ = await asyncio.get_running_loop().sock_accept(listener)
        except OSError:
            await asyncio.sleep(FIRST_PAUSE)
            raise
        return sock

    def _connect(self, plan: plan_pb2.MemifPlan) -> socket.socket:
        if plan.socket.startswith("@"):
            return transport.connect_abstract(plan.socket)
        found = transport.open_socket_path(self._root.fd, plan.folder, plan.socket)
        try:
            return transport.connect_path(found)
        finally:
            os.close(found)

    def _listen(self, plan: plan_pb2.MemifPlan) -> socket.socket:
        if plan.socket.startswith("@"):
            return transport.listen_abstract(plan.socket)
        return self._root.listen(plan.folder, plan.socket, 0o666, _BACKLOG, socket.SOCK_SEQPACKET)

    async def _serve(self, endpoint: StockEndpoint, sock: socket.socket) -> None:
        """Shake hands, serve until it ends; raises what went wrong before it served."""
        sock.setblocking(False)
        flow = self._service.flows.get(endpoint.connection)
        if flow is None:
            sock.close()
            raise AttachmentEnded("NoSuchConnection", f"{endpoint.connection} is not set up")
        try:
            attachment = await StockHandshake(self._service, flow, endpoint.endpoint, endpoint.plan, sock).run()
        except BaseException:
            sock.close()
            raise
        try:
            await attachment.over.wait()
        finally:
            self._service.end(attachment, AttachmentEnded("EndpointChanged", f"{endpoint} is unlinked"))

    def _note(self, endpoint: StockEndpoint, error: Exception) -> None:
        reason = getattr(error, "reason", "SocketUnreachable")
        end = AttachmentEnded(reason, getattr(error, "message", str(error)))
        self._service.book.note(endpoint.connection, endpoint.endpoint, "stock peer", end)
