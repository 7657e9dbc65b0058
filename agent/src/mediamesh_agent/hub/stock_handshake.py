"""The handshake with a stock memif peer, in either role, up to the engine serving it.

What a peer can digest follows from the name in its first message: how many bytes one descriptor may have (DPDK counts
in 16 bits, and from 23.03 on trusts that a descriptor fits into its mbuf; VPP takes 9216), unless the plan says it.

Clients, who come unasked and take places from each other, have seconds. A server was named by the plan and keeps nobody
waiting, and leaving it early harms it: DPDK listens before it is set up, greets only when it is (seconds on a busy
machine), and ends its whole process (PANIC in eal_intr_thread_main, 22.11) when the one that it greets is gone.
"""

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import Mapping, Sequence

from mediamesh_agent.hub import stock_serving
from mediamesh_agent.hub.admission import POLICIES, Grant
from mediamesh_agent.hub.attachment import Attachment
from mediamesh_agent.hub.errors import AttachmentEnded, HubError
from mediamesh_agent.hub.flows import Flow
from mediamesh_agent.hub.service import Service
from mediamesh_agent.hub.stock_endpoint import StockEndpoint
from mediamesh_native.memif import transport
from mediamesh_native.memif.errors import MemifError, ProtocolViolation
from mediamesh_native.memif.fdcheck import check_eventfd
from mediamesh_native.memif.handshake import (
    ConnectRequested,
    Event,
    MasterHandshake,
    PeerConnected,
    PeerDisconnected,
    PeerHello,
    PeerInit,
    RegionAdded,
    RingAdded,
    SlaveHandshake,
)
from mediamesh_native.memif.messages import M2S, MESSAGE_SIZE, S2M, Hello, decode
from mediamesh_native.pool import Pool
from mediamesh_native.stockrings import StockRings

_PATIENCE_WITH_CLIENTS = 2.0, 5.0
"""Seconds for each message, and for all of them together."""
_PATIENCE_WITH_SERVERS = 20.0, 30.0
SAFE_CHUNK = 2048
LONGEST_CHUNK = 65472  # what 16 bits can say, in whole cache lines
_FEWEST_LOG2, _MOST_LOG2 = 8, 14
_NAME = "mediamesh/1"


def chunk_for(name: str, planned: int, capacity: int) -> int:
    """Choose the most bytes per descriptor for the peer of that name."""
    if planned:
        return min(planned, LONGEST_CHUNK)
    dpdk = re.match(r"DPDK (\d+)\.(\d+)", name)
    roomy = bool(dpdk and (int(dpdk[1]), int(dpdk[2])) < (23, 3)) or "libmemif" in name
    return min(LONGEST_CHUNK, max(SAFE_CHUNK, -(-capacity // 64) * 64)) if roomy else SAFE_CHUNK


def log2_for(capacity: int, chunk: int) -> int:
    """Choose a ring in which two whole frames have room."""
    pieces = -(-capacity // chunk)
    return max(_FEWEST_LOG2, min(_MOST_LOG2, (2 * pieces - 1).bit_length()))


class StockHandshake:
    """One try with a connected socket; the socket stays the caller's until `run` returns.

    `endpoints` are those that a peer on this socket may mean, by interface id. If the peer is server there is one, and
    the hub says its id; else the peer says it.
    """

    def __init__(self, service: Service, endpoints: Mapping[int, StockEndpoint], sock: socket.socket) -> None:
        self.endpoint: StockEndpoint | None = None
        """Whose peer it is, once that is known."""
        self._service = service
        self._endpoints = endpoints
        self._socket = sock
        self._rings: StockRings | None = None
        self._name = ""
        self._regions: dict[int, RegionAdded] = {}
        self._announced: list[RingAdded] = []
        self._lent = 0
        self._pool: Pool | None = None
        self._machine: SlaveHandshake | MasterHandshake | None = None
        self._first = next(iter(endpoints.values()))
        with_server = self._first.plan.role == "server"
        self._patience, self._whole_patience = _PATIENCE_WITH_SERVERS if with_server else _PATIENCE_WITH_CLIENTS

    @property
    def _to_peer(self) -> bool:
        return self._grant.role == "sink"

    async def run(self) -> Attachment:
        """Return the serving attachment; raises HubError, MemifError or OSError."""
        try:
            machine = await self._agree()
            return await self._attach(machine)
        except BaseException as error:
            self._say_why(error)
            self._service.maker.lent -= self._lent
            if self._rings is not None:
                self._rings.close()
            transport.close_all([region.fd for region in self._regions.values()])
            transport.close_all([ring.fd for ring in self._announced])
            raise

    async def _agree(self) -> SlaveHandshake | MasterHandshake:
        """Converse within the bound for it all; return the machine."""
        try:
            async with asyncio.timeout(self._whole_patience):
                if self._first.plan.role == "server":
                    self._choose(self._first)
                    machine: SlaveHandshake | MasterHandshake = await self._slave()
                else:
                    machine = self._master()
                self._machine = machine
                await self._converse(machine)
        except TimeoutError:
            text = f"the stock peer's handshake was not done after {self._whole_patience:g} s"
            raise AttachmentEnded("HandshakeTooLong", text) from None
        return machine

    def _choose(self, endpoint: StockEndpoint) -> None:
        """Know from here on whose peer it is; raises HubError if there is no place for it."""
        self.endpoint = endpoint
        flow = self._service.flows.get(endpoint.connection)
        if flow is None:
            raise AttachmentEnded("NoSuchConnection", f"{endpoint.connection} is not set up")
        self._flow, self._memif = flow, endpoint.plan
        self._grant = _grant(flow, endpoint.endpoint)
        stock_serving.check_room(flow, self._grant)

    def _say_why(self, error: BaseException) -> None:
        """Have the peer know, in memif's own way, why it is sent away."""
        if self._machine is not None and isinstance(error, HubError | MemifError):
            self._machine.disconnect(error.message)
            self._send_best_effort(self._machine)

    async def _slave(self) -> SlaveHandshake:
        """Make rings that the peer, which greets first, can digest."""
        await self._readable()
        self._name = _greeter(self._socket.recv(MESSAGE_SIZE, socket.MSG_PEEK))
        capacity = self._flow.plan.capacity
        chunk = chunk_for(self._name, self._memif.chunk, capacity)
        shared = self._to_peer and self._memif.access == "shared"
        self._rings = StockRings.own(
            media_s2m=self._to_peer,
            log2=log2_for(capacity, chunk),
            rings=self._memif.rings or 1,
            chunk=chunk,
            buffers=not shared,
        )
        regions = list(self._rings.regions)
        if shared:
            regions.append(self._shared_pool())
        rings = [
            (S2M if is_s2m else M2S, index, region, offset, log2, fd)
            for is_s2m, index, region, offset, log2, fd in sorted(self._rings.rings, key=lambda ring: not ring[0])
        ]
        secret = self._memif.secret.encode()
        return SlaveHandshake(regions, rings, id=self._memif.id, secret=secret, name=_NAME, now=time.monotonic())

    def _shared_pool(self) -> tuple[int, int]:
        flow = self._flow
        if flow.current not in flow.pools or flow.pools[flow.current].pool.sealed:
            raise AttachmentEnded(
                "NoSharedPool", f"{flow.name} has no pool yet that a peer may map: it waits for its source"
            )
        self._pool = flow.pools[flow.current].pool
        return self._pool.fd, self._pool.size

    def _master(self) -> MasterHandshake:
        secrets = {number: endpoint.plan.secret.encode() for number, endpoint in self._endpoints.items()}
        return MasterHandshake(name=_NAME, interfaces=secrets, now=time.monotonic())

    async def _converse(self, machine: SlaveHandshake | MasterHandshake) -> None:
        """Exchange messages until the link is up, or (as master) until only our CONNECTED is missing."""
        self._send(machine)
        while True:
            await self._readable()
            done = any(self._take(event) for event in self._receive(machine))
            self._send(machine)
            if done:
                return

    def _take(self, event: Event) -> bool:
        """Note what was said; True when the conversation has come to its aim."""
        match event:
            case PeerHello(name=name):
                self._name = name
            case PeerInit(id=number, name=name):
                self._name = name
                self._choose(self._endpoints[number])
            case RegionAdded():
                self._regions[event.index] = event
            case RingAdded():
                self._announced.append(event)
                check_eventfd(event.fd)
            case PeerDisconnected(reason=reason):
                raise AttachmentEnded("PeerGone", f"the stock peer left during the handshake: {reason or 'no reason'}")
            case PeerConnected() | ConnectRequested():
                return True
        return False

    async def _attach(self, machine: SlaveHandshake | MasterHandshake) -> Attachment:
        service, flow, grant = self._service, self._flow, self._grant
        chunk = chunk_for(self._name, self._memif.chunk, flow.plan.capacity)
        if isinstance(machine, MasterHandshake):
            self._rings = self._adopt()
        if self._rings is None:
            raise RuntimeError("a stock peer without rings")
        shared = self._pool is not None
        if shared and (flow.current not in flow.pools or flow.pools[flow.current].pool is not self._pool):
            raise AttachmentEnded("PoolChanged", "the pool was replaced during the handshake")
        attachment = stock_serving.take_place(service, flow, grant, self._rings, self._socket, self._name)
        attachment.lent, self._lent = self._lent, 0
        self._rings = None  # the attachment's from here on
        try:
            await stock_serving.serve(service, flow, attachment, chunk, shared=shared)
        except BaseException as error:
            reason = error if isinstance(error, HubError) else AttachmentEnded("Withdrawn", "it was interrupted")
            service.forget(attachment, reason)
            raise
        if isinstance(machine, MasterHandshake):
            machine.confirm()
            self._send_best_effort(machine)
        return attachment

    def _adopt(self) -> StockRings:
        """Take over what the peer announced, once there is memory for all of it."""
        regions = [(self._regions[index].fd, self._regions[index].size) for index in sorted(self._regions)]
        rings = [
            (ring.flags == S2M, ring.index, ring.region, ring.offset, ring.log2, ring.fd) for ring in self._announced
        ]
        lent = stock_serving.bill(regions, to_peer=self._to_peer)
        self._service.lend(lent)
        self._lent = lent
        self._regions, self._announced = {}, []
        try:
            return StockRings.adopt(regions, rings, media_s2m=not self._to_peer)
        except ValueError as error:
            raise AttachmentEnded("BadRegion", str(error)) from error

    def _receive(self, machine: SlaveHandshake | MasterHandshake) -> Sequence[Event]:
        received = transport.receive(self._socket)
        if received is None:
            return machine.peer_gone()
        try:
            return machine.receive(received.data, received.fds, time.monotonic())
        finally:
            transport.close_all(machine.take_unwanted())

    def _send(self, machine: SlaveHandshake | MasterHandshake) -> None:
        for data, fd in machine.data_to_send():
            transport.send(self._socket, data, fd)

    def _send_best_effort(self, machine: SlaveHandshake | MasterHandshake) -> None:
        with contextlib.suppress(OSError):
            self._send(machine)

    async def _readable(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await readable(self._socket)
        except TimeoutError:
            raise AttachmentEnded("PeerSilent", f"the stock peer said nothing for {self._patience:g} s") from None


def _greeter(data: bytes) -> str:
    """Return the name in a HELLO; empty for anything else, to which the conversation has the answer."""
    try:
        hello = decode(data)
    except ProtocolViolation:
        return ""
    return hello.name if isinstance(hello, Hello) else ""


async def readable(sock: socket.socket) -> None:
    """Wait until there is something to take; whoever is cancelled meanwhile has taken nothing."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(sock, _tell, ready)
    try:
        await ready
    finally:
        loop.remove_reader(sock)


def _tell(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


def _grant(flow: Flow, endpoint: str) -> Grant:
    if endpoint == flow.plan.source.name:
        return Grant(flow.name, endpoint, "source", "memif", flow.plan.source.queue)
    sink = next(sink for sink in flow.plan.sinks if sink.name == endpoint)
    return Grant(flow.name, endpoint, "sink", "memif", sink.queue, POLICIES[sink.policy], sink.start == "newest")
