"""A machine with its socket, and the memory of a ring: the least an owner needs, in ctypes, for the tests."""

import mmap
import os
import select
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from mediamesh_testing.rings import RingView
from memif_ends import sealed_memfd

from mediamesh_native.memif import ring_layout, transport
from mediamesh_native.memif.errors import ProtocolViolation
from mediamesh_native.memif.events import ConnectRequested, Event, PeerDisconnected, RegionAdded, RingAdded
from mediamesh_native.memif.fdcheck import check_eventfd, check_memory_fd
from mediamesh_native.memif.handshake import MasterHandshake, Ring, SlaveHandshake
from mediamesh_native.memif.machine import Machine
from mediamesh_native.memif.messages import M2S, S2M

LOG2 = 10
SLOTS = 1 << LOG2
S2M_OFFSET = 0
M2S_OFFSET = 32768
BUFFERS_OFFSET = 65536
BUFFER_SIZE = 2048
REGION_SIZE = BUFFERS_OFFSET + SLOTS * BUFFER_SIZE
PATIENCE = 20.0


class SlaveMemory:
    """A region with one ring each way and a buffer for every slot."""

    def __init__(self) -> None:
        self.fd = sealed_memfd(REGION_SIZE)
        self.signals = [os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(2)]
        self.memory = mmap.mmap(self.fd, REGION_SIZE)
        self.s2m = RingView(self.memory, S2M_OFFSET, SLOTS)
        self.m2s = RingView(self.memory, M2S_OFFSET, SLOTS)
        self.s2m.cookie.value = self.m2s.cookie.value = ring_layout.COOKIE

    @property
    def rings(self) -> list[Ring]:
        to_master, to_slave = self.signals
        return [Ring(S2M, 0, 0, S2M_OFFSET, LOG2, to_master), Ring(M2S, 0, 0, M2S_OFFSET, LOG2, to_slave)]

    def send(self, payload: bytes) -> None:
        """Put one packet on the S2M ring; there must be room."""
        head = self.s2m.head.value
        offset = BUFFERS_OFFSET + head % SLOTS * BUFFER_SIZE
        self.memory[offset : offset + len(payload)] = payload
        descriptor = self.s2m[head]
        descriptor.flags, descriptor.region, descriptor.metadata = 0, 0, 0
        descriptor.length, descriptor.offset = len(payload), offset
        self.s2m.head.value = head + 1 & 0xFFFF
        os.eventfd_write(self.signals[0], 1)

    def close(self) -> None:
        del self.s2m, self.m2s
        self.memory.close()
        transport.close_all([self.fd, *self.signals])


class Attachment:
    """Runs one machine over one socket and owns the descriptors that come out of it."""

    def __init__(self, sock: socket.socket, machine: Machine) -> None:
        self.sock = sock
        self.machine = machine
        self.events: list[Event] = []
        self.fds: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.sock.close()
        transport.close_all(self.fds)

    @property
    def ended(self) -> str | None:
        """The peer's words at the end, if it is over."""
        return next((event.reason for event in self.events if isinstance(event, PeerDisconnected)), None)

    def run_until(self, is_done: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE
        self._flush()
        while not is_done():
            ready, _, _ = select.select([self.sock], [], [], max(0.0, until - time.monotonic()))
            assert ready, f"nothing came at {self.machine.state}: {self.events}"
            self._step()

    def _step(self) -> None:
        received = transport.receive(self.sock)
        if received is None:
            self.events += self.machine.peer_gone()
            return
        try:
            new = self.machine.receive(received.data, received.fds, time.monotonic())
        except ProtocolViolation:
            self._flush()
            raise
        finally:
            transport.close_all(self.machine.take_unwanted())
        for event in new:
            self._accept(event)
        self._flush()

    def _accept(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, RegionAdded | RingAdded):
            self.fds.append(event.fd)
        if isinstance(event, RegionAdded) and event.index == 0:  # it has the rings; buffers need no mapping
            check_memory_fd(event.fd, event.size)
        if isinstance(event, RingAdded):
            check_eventfd(event.fd)
        if isinstance(event, ConnectRequested) and isinstance(self.machine, MasterHandshake):
            self.machine.confirm()

    def _flush(self) -> None:
        for data, fd in self.machine.data_to_send():
            transport.send(self.sock, data, fd)


def slave_attachment(sock: socket.socket, memory: SlaveMemory, **changes: object) -> Attachment:
    configuration = {"name": "mediamesh test", "now": time.monotonic(), **changes}
    regions = [(memory.fd, REGION_SIZE)]
    return Attachment(sock, SlaveHandshake(regions, memory.rings, **configuration))  # type: ignore[arg-type]


def master_attachment(sock: socket.socket, **changes: object) -> Attachment:
    interfaces = {changes.pop("id", 0): changes.pop("secret", b"")}
    configuration = {"name": "mediamesh test", "now": time.monotonic(), "interfaces": interfaces, **changes}
    return Attachment(sock, MasterHandshake(**configuration))  # type: ignore[arg-type]
