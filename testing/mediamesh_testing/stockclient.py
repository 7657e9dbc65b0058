"""A stock memif client that says what a test wants: the slave of a hub that listens, with memory of any kind."""

import fcntl
import mmap
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from mediamesh_native.memif import ring_layout, transport
from mediamesh_native.memif.messages import (
    M2S,
    MESSAGE_SIZE,
    S2M,
    VERSION,
    Ack,
    AddRegion,
    AddRing,
    Connect,
    Init,
    Message,
    decode,
    encode,
)
from mediamesh_testing.rings import RingView
from mediamesh_testing.waiting import PATIENCE, wait_until

LOG2 = 5
RING_AREA = 1 << 16
RING_REGION = 4 * RING_AREA


class StockClient:
    """One connection. Region 0 holds a ring each way; more regions are what the test announces."""

    def __init__(self, path: Path, *, interface: int = 7, name: str = "stock client") -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(path))
        self.hello = self.hear()
        self.init = Init(VERSION, interface, 0, b"", name)
        self.signals = {direction: os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) for direction in (S2M, M2S)}
        self.rings: dict[int, RingView] = {}
        self.mapping: mmap.mmap | None = None
        self.areas: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.socket.close()
        for fd in (*self.signals.values(), *self.areas):
            os.close(fd)
        self.rings.clear()
        if self.mapping is not None:
            self.mapping.close()

    def memory(self, size: int, *, flags: int = os.MFD_ALLOW_SEALING, seals: int = fcntl.F_SEAL_SHRINK) -> int:
        """Make a memfd of that size, all holes; without `flags` it cannot be sealed."""
        fd = os.memfd_create("stock", os.MFD_CLOEXEC | flags)
        self.areas.append(fd)
        os.ftruncate(fd, size)
        if seals and flags & os.MFD_ALLOW_SEALING:
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
        return fd

    def say(self, message: Message, fd: int | None = None) -> Message | None:
        """Say one thing and return the answer; None if the hub hung up."""
        self.socket.setblocking(False)
        transport.send(self.socket, encode(message), fd)
        self.socket.settimeout(PATIENCE)
        return self.hear()

    def hear(self) -> Message | None:
        data = self.socket.recv(MESSAGE_SIZE)
        return decode(data) if data else None

    def connect(self, *regions: tuple[int, int], rings: int | None = None) -> Message | None:
        """Announce regions (fd, size) after the rings' own, and connect; returns the hub's last word."""
        own = self.memory(RING_REGION) if rings is None else rings
        self._make_rings(own)
        return self._announce([(own, RING_REGION), *regions])

    def _make_rings(self, fd: int) -> None:
        self.mapping = mmap.mmap(fd, RING_REGION)
        for number, direction in enumerate((S2M, M2S)):
            self.rings[direction] = RingView(self.mapping, number * RING_AREA, 1 << LOG2)
            self.rings[direction].cookie.value = ring_layout.COOKIE

    def _announce(self, regions: Sequence[tuple[int, int]]) -> Message | None:
        steps: list[tuple[Message, int | None]] = [(self.init, None)]
        steps += [(AddRegion(index, size), fd) for index, (fd, size) in enumerate(regions)]
        answer: Message | None = None
        for message, fd in steps:
            answer = self.say(message, fd)
            if not isinstance(answer, Ack):
                return answer
        for number, direction in enumerate((S2M, M2S)):
            answer = self.ring(direction, offset=number * RING_AREA)
            if not isinstance(answer, Ack):
                return answer
        return self.say(Connect("stock client"))

    def ring(self, direction: int, *, offset: int) -> Message | None:
        """Announce the ring of that direction."""
        return self.say(AddRing(direction, 0, 0, offset, LOG2), self.signals[direction])

    @property
    def connected(self) -> bool:
        """Whether the hub still holds the link; what it says meanwhile is thrown away."""
        self.socket.setblocking(False)
        try:
            return bool(self.socket.recv(MESSAGE_SIZE))
        except BlockingIOError:
            return True

    def describe(self, direction: int, index: int, region: int, offset: int, length: int, flags: int = 0) -> None:
        """Write one descriptor."""
        descriptor = self.rings[direction][index]
        descriptor.flags, descriptor.region, descriptor.length = flags, region, length
        descriptor.offset, descriptor.metadata = offset, 0

    def publish(self, direction: int, head: int) -> None:
        """Let the hub see descriptors up to `head`."""
        self.rings[direction].head.value = head & 0xFFFF
        os.eventfd_write(self.signals[direction], 1)

    def publish_packet(self, region: int, offset: int, length: int) -> None:
        """Send one packet of one descriptor."""
        ring = self.rings[S2M]
        index = ring.head.value
        wait_until(lambda: index - ring.tail.value & 0xFFFF < ring.slots, "a free position")
        self.describe(S2M, index, region, offset, length)
        self.publish(S2M, index + 1)
