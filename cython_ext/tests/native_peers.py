"""Peers of an engine for the tests: clients that keep the rules, and one that writes its rings as it likes.

A `Node` owns an engine and all that is attached to it, and closes everything. Its clients talk to the engine through
nothing but shared memory and what wakes them, as clients in other processes do; the attach socket is one end of a pair.
"""

import os
import select
import socket
import struct
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, Literal, Protocol, Self, TypedDict, TypeVar

from mediamesh_testing.rings import HostilePeer
from mediamesh_testing.waiting import wait_until

from mediamesh_native.engine import Drained, Ended, Engine
from mediamesh_native.pool import HEADER_SIZE, Pool, RingRegion
from mediamesh_native.port import Frame, SinkFrame, SinkPort, SourceFrame, SourcePort, Wait

PATIENCE = 20.0
PATIENCE_NS = int(PATIENCE * 1e9)
PAGE = 4096
STAMP = struct.Struct("<Q")
MASK_INT = 1

Policy = Literal["dropOldest", "block", "disconnect"]


class PortArguments(TypedDict):
    """What a port is told about its rings."""

    rings: int
    rings_size: int
    s2m_offset: int
    s2m_log2: int
    s2m_event: int
    m2s_offset: int
    m2s_log2: int
    m2s_event: int
    header_size: int
    capacity: int


def port_arguments(rings: RingRegion, capacity: int) -> PortArguments:
    """Describe rings as an attach would; what wakes each side are duplicates that the port will own."""
    return {
        "rings": rings.fd,
        "rings_size": rings.size,
        "s2m_offset": rings.s2m_offset,
        "s2m_log2": rings.s2m_log2,
        "s2m_event": os.dup(rings.s2m_event),
        "m2s_offset": rings.m2s_offset,
        "m2s_log2": rings.m2s_log2,
        "m2s_event": os.dup(rings.m2s_event),
        "header_size": HEADER_SIZE,
        "capacity": capacity,
    }


@dataclass
class Flow:
    """A flow with its pools, and which of them is in use."""

    number: int
    capacity: int
    pools: dict[int, Pool] = field(default_factory=dict)
    region: int = 0

    @property
    def pool(self) -> Pool:
        return self.pools[self.region]


PortT = TypeVar("PortT", SinkPort, SourcePort)
EventT = TypeVar("EventT", Ended, Drained)


@dataclass
class Client(Generic[PortT]):
    """One attachment and the port at its other end."""

    number: int
    port: PortT
    rings: RingRegion
    control: socket.socket
    flow: Flow


Source = Client[SourcePort]
Sink = Client[SinkPort]


class Closable(Protocol):
    """What a node closes in the end."""

    def close(self) -> None: ...


ClosableT = TypeVar("ClosableT", bound=Closable)


class Node:
    """An engine and everything that is attached to it."""

    def __init__(self, engine: Engine | None = None, *, start: bool = True, polling: bool = False) -> None:
        self._open = ExitStack()
        self.engine = self.own(engine or Engine(polling=polling))
        self._news: list[Ended | Drained] = []
        if start:
            self.engine.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.engine.close()
        self._open.close()

    def own(self, thing: ClosableT) -> ClosableT:
        self._open.callback(thing.close)
        return thing

    def flow(self, frames: int = 64, capacity: int = 4096) -> Flow:
        flow = Flow(self.engine.add_flow(), capacity)
        self.new_pool(flow, frames, 1)
        return flow

    def new_pool(self, flow: Flow, frames: int, region: int) -> Pool:
        pool = self.own(Pool(frames, flow.capacity))
        self.engine.set_pool(flow.number, pool, region)
        flow.pools[region], flow.region = pool, region
        return pool

    def port(
        self, kind: type[PortT], rings: RingRegion, capacity: int, frame_class: type[Frame] | None = None
    ) -> tuple[PortT, socket.socket]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.own(ours)
        self.own(theirs)
        port = kind(socket=theirs.fileno(), frame_class=frame_class, **port_arguments(rings, capacity))
        return self.own(port), ours

    def source(
        self,
        flow: Flow,
        queue: int = 8,
        *,
        held: bool = False,
        discontinuity: bool = False,
        next_sequence: int = 0,
        frame_class: type[SourceFrame] = SourceFrame,
    ) -> Source:
        rings = self.own(RingRegion(queue))
        port, control = self.port(SourcePort, rings, flow.capacity, frame_class)
        port.add_region(1, flow.pool.fd, flow.pool.size)  # every source calls its pool 1
        number = self.engine.add_source(
            flow.number, rings, queue=queue, held=held, discontinuity=discontinuity, next_sequence=next_sequence
        )
        port.next_sequence = self.engine.flow_counters(flow.number).next_sequence
        return Client(number, port, rings, control, flow)

    def sink(
        self,
        flow: Flow,
        queue: int = 8,
        policy: Policy = "dropOldest",
        *,
        newest: bool = False,
        frame_class: type[SinkFrame] = SinkFrame,
    ) -> Sink:
        rings = self.own(RingRegion(queue))
        port, control = self.port(SinkPort, rings, flow.capacity, frame_class)
        for region, pool in flow.pools.items():
            port.add_region(region, pool.fd, pool.size)
        number = self.engine.add_sink(flow.number, rings, queue=queue, policy=policy, newest=newest)
        return Client(number, port, rings, control, flow)

    def hostile_sink(self, flow: Flow, queue: int = 8, policy: Policy = "dropOldest") -> "HostilePeer":
        rings = self.own(RingRegion(queue))
        number = self.engine.add_sink(flow.number, rings, queue=queue, policy=policy, newest=False)
        return self.own(HostilePeer(rings, number))

    def hostile_source(self, flow: Flow, queue: int = 8) -> "HostilePeer":
        rings = self.own(RingRegion(queue))
        return self.own(HostilePeer(rings, self.engine.add_source(flow.number, rings, queue=queue)))

    @staticmethod
    def hub_side(rings: RingRegion) -> "HostilePeer":
        """Return what writes those rings as a hub that is itself hostile would."""
        return HostilePeer(rings, 0)

    def look(self) -> None:
        """Ask the engine what has happened, and keep it for `next_event`."""
        self._news += self.engine.events()

    def next_event(self, kind: type[EventT]) -> EventT:
        """Wait for the engine to report an event of that kind; others are kept for later."""
        while not (found := [event for event in self._news if isinstance(event, kind)]):
            assert select.select([self.engine.event_fd], [], [], PATIENCE)[0], "the engine never reported it"
            self.look()
        self._news.remove(found[0])
        return found[0]

    def ended(self) -> tuple[int, str]:
        """Wait for an attachment to end: its number and the reason."""
        event = self.next_event(Ended)
        return event.attachment, event.reason

    def free(self, flow: Flow) -> int:
        """How many frames of the flow's pool nobody has."""
        return self.engine.flow_counters(flow.number).pool_free

    def sent(self, flow: Flow, count: int) -> None:
        """Return when the engine has passed on so many frames of the flow."""
        wait_until(lambda: self.engine.flow_counters(flow.number).frames >= count, f"{count} frames to go through")


def acquire(source: Source) -> SourceFrame:
    """Return the next free frame, waiting for it."""
    while (frame := source.port.acquire()) is None:
        assert source.port.wait(PATIENCE_NS) is Wait.READY, "no frame came free"
    return frame


def send(source: Source, number: int, length: int = 64) -> int:
    """Send one frame that carries `number` at both ends of its payload and in its metadata."""
    frame = acquire(source)
    stamp = STAMP.pack(number)
    view = memoryview(frame)
    view[: STAMP.size] = view[length - STAMP.size : length] = stamp
    frame.length, frame.metadata = length, stamp
    return frame.send()


def take(sink: Sink) -> SinkFrame:
    """Return the sink's next frame, waiting for it."""
    while (frame := sink.port.take()) is None:
        assert sink.port.wait(PATIENCE_NS) is Wait.READY, "no frame came"
    return frame


def stamp(frame: SinkFrame) -> int:
    """Return the number that `send` put in; it must be the same at all three places."""
    with memoryview(frame) as view:
        found = {bytes(view[: STAMP.size]), bytes(view[-STAMP.size :]), frame.metadata}
    assert len(found) == 1, f"a frame was altered: {found}"
    return int(STAMP.unpack(found.pop())[0])


def receive(sink: Sink) -> int:
    """Take one frame, give it back, return its number."""
    with take(sink) as frame:
        return stamp(frame)


def waiting(sink: Sink) -> list[int]:
    """Take and give back what waits for the sink now."""
    numbers = []
    while (frame := sink.port.take()) is not None:
        with frame:
            numbers.append(stamp(frame))
    return numbers
