"""Stock memif peers of the engine, in ctypes: they know rings and descriptors, and nothing of frames.

A `StockSlave` owns the memory, as DPDK's client does; a `StockMaster` works on memory that the engine's side made, as
DPDK's server does. Both can send and receive; the tests make them do it wrong through `rings`.
"""

import mmap
import os
from collections.abc import Sequence
from contextlib import suppress

from mediamesh_testing.rings import RingView
from mediamesh_testing.waiting import wait_until
from memif_ends import sealed_memfd

from mediamesh_native.memif import ring_layout
from mediamesh_native.stockrings import StockRings

NEXT = 1
RING_AREA = 1 << 16


def pieces_of(data: bytes, size: int) -> list[bytes]:
    """Cut a packet as a peer with buffers of that size does; an empty packet is one empty piece."""
    return [data[start : start + size] for start in range(0, len(data), size)] or [b""]


class _Memory:
    """Mapped regions and the rings in them."""

    def __init__(self, regions: Sequence[tuple[int, int]]) -> None:
        self.regions = [mmap.mmap(fd, size) for fd, size in regions]
        self.rings: list[RingView] = []
        self.signals: list[int] = []

    def payload(self, ring: int, index: int) -> bytes:
        descriptor = self.rings[ring][index]
        memory = self.regions[descriptor.region]
        return bytes(memory[descriptor.offset : descriptor.offset + descriptor.length])

    def kick(self, ring: int = 0) -> None:
        os.eventfd_write(self.signals[ring], 1)

    def signalled(self, ring: int = 0) -> bool:
        """Whether the engine has signalled since we last looked."""
        with suppress(BlockingIOError):
            return os.eventfd_read(self.signals[ring]) > 0
        return False

    def block_signals(self, ring: int = 0, *, blocking: bool = True) -> None:
        """Make the engine's next signal hang: fill the counter, and have writes wait until it is read."""
        self.signalled(ring)
        os.eventfd_write(self.signals[ring], 2**64 - 2)
        os.set_blocking(self.signals[ring], blocking)
        self.rings[ring].flags.value = 0

    def close(self) -> None:
        self.rings.clear()
        for memory in self.regions:
            memory.close()


class StockMaster(_Memory):
    """Works on what `StockRings.own` made: the rings of one direction, S2M to receive, M2S to send."""

    def __init__(self, own: StockRings) -> None:
        super().__init__(own.regions)
        for is_s2m, _, _, offset, log2, event in own.rings:
            if is_s2m == own.media_s2m:
                self.rings.append(RingView(self.regions[0], offset, 1 << log2))
                self.signals.append(event)
        self.seen = [0] * len(self.rings)

    def receive(self, ring: int = 0) -> bytes:
        """Wait for the next packet, give its positions back, return it."""
        view = self.rings[ring]
        wait_until(lambda: view.head.value != self.seen[ring], "a packet")
        packet, more = b"", True
        while more:
            assert self.seen[ring] != view.head.value, "a chain was published in parts"
            packet += self.payload(ring, self.seen[ring])
            more = bool(view[self.seen[ring]].flags & NEXT)
            self.seen[ring] = self.seen[ring] + 1 & 0xFFFF
        view.tail.value = self.seen[ring]
        return packet

    def send(self, packet: bytes, ring: int = 0, *, publish: bool = True) -> None:
        """Fill posted buffers with one packet."""
        view = self.rings[ring]
        tail = view.tail.value
        parts = pieces_of(packet, view[tail].length)
        wait_until(lambda: (view.head.value - tail & 0xFFFF) >= len(parts), "buffers to be posted")
        for number, part in enumerate(parts):
            descriptor = view[tail + number]
            self.regions[descriptor.region][descriptor.offset : descriptor.offset + len(part)] = part
            descriptor.length = len(part)
            descriptor.flags = NEXT if number < len(parts) - 1 else 0
        if publish:
            view.tail.value = tail + len(parts) & 0xFFFF
            self.kick(ring)


class StockSlave(_Memory):
    """Owns rings in region 0 and buffers in region 1; hand `announced` to `StockRings.adopt`."""

    def __init__(
        self, *, media_s2m: bool, log2: int = 4, rings: int = 1, size: int = 2048, sealed: bool = True
    ) -> None:
        self.slots, self.size, self.media_s2m = 1 << log2, size, media_s2m
        areas = [(sealed_memfd(2 * rings * RING_AREA), 2 * rings * RING_AREA)]
        length = rings * self.slots * size
        fd = sealed_memfd(length) if sealed else os.memfd_create("unsealed")
        os.ftruncate(fd, length)
        areas.append((fd, length))
        super().__init__(areas)
        self.announced_regions = areas
        self.announced_rings: list[tuple[bool, int, int, int, int, int]] = []
        for index in range(rings):
            self._announce(index, log2)
        self.seen = [0] * rings

    def _announce(self, index: int, log2: int) -> None:
        for is_s2m in (True, False):
            event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            offset = (2 * index + (not is_s2m)) * RING_AREA
            view = RingView(self.regions[0], offset, self.slots)
            view.cookie.value = ring_layout.COOKIE
            self.announced_rings.append((is_s2m, index, 0, offset, log2, event))
            if is_s2m == self.media_s2m:
                self.rings.append(view)
                self.signals.append(event)

    def adopted(self) -> StockRings:
        """Let the engine's side take over everything announced; our mappings stay."""
        return StockRings.adopt(self.announced_regions, self.announced_rings, media_s2m=self.media_s2m)

    def buffer(self, ring: int, index: int) -> int:
        """Return where the buffer of a ring position begins."""
        return (ring * self.slots + index % self.slots) * self.size

    def describe(self, ring: int, index: int, length: int, flags: int = 0) -> None:
        descriptor = self.rings[ring][index]
        descriptor.flags, descriptor.region, descriptor.length = flags, 1, length
        descriptor.offset, descriptor.metadata = self.buffer(ring, index), 0

    def send(self, packet: bytes, ring: int = 0, *, size: int = 0, publish: bool = True) -> None:
        """Put one packet on an S2M ring, cut into pieces of `size`."""
        view = self.rings[ring]
        head = view.head.value
        parts = pieces_of(packet, size or self.size)
        wait_until(lambda: (head - view.tail.value & 0xFFFF) + len(parts) <= self.slots, "room in the ring")
        for number, part in enumerate(parts):
            offset = self.buffer(ring, head + number)
            self.regions[1][offset : offset + len(part)] = part
            self.describe(ring, head + number, len(part), NEXT if number < len(parts) - 1 else 0)
        if publish:
            self.publish(head + len(parts), ring)

    def publish(self, head: int, ring: int = 0) -> None:
        self.rings[ring].head.value = head & 0xFFFF
        self.kick(ring)

    def post(self, ring: int = 0) -> None:
        """Give the engine every buffer of an M2S ring that it does not have."""
        view = self.rings[ring]
        for index in range(view.head.value, self.seen[ring] + self.slots):
            self.describe(ring, index, self.size)
        view.head.value = self.seen[ring] + self.slots & 0xFFFF

    def receive(self, ring: int = 0) -> bytes:
        """Wait for a packet in posted buffers, return it and post them anew."""
        view = self.rings[ring]
        wait_until(lambda: view.tail.value != self.seen[ring], "a packet")
        packet, more = b"", True
        while more:
            assert self.seen[ring] != view.tail.value, "a chain was published in parts"
            packet += self.payload(ring, self.seen[ring])
            more = bool(view[self.seen[ring]].flags & NEXT)
            self.seen[ring] = self.seen[ring] + 1 & 0xFFFF
        head = view.head.value
        for number in range((self.seen[ring] + self.slots - head) & 0xFFFF):
            self.describe(ring, head + number, self.size)
        view.head.value = self.seen[ring] + self.slots & 0xFFFF
        return packet
