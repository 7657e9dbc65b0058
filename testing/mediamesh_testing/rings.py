"""The memory of memif rings in ctypes, and a client that writes it as it likes."""

import ctypes
import mmap
import os

from mediamesh_native.memif import ring_layout
from mediamesh_native.pool import RingRegion
from mediamesh_testing.waiting import wait_until

PAGE = 4096
BELL_OFFERED, BELL_AWAKE, BELL_ASLEEP = 1, 2, 3  # bell.h
_BELL_OFFSET = 896


class Descriptor(ctypes.LittleEndianStructure):
    _pack_ = 1
    _fields_ = (
        ("flags", ctypes.c_uint16),
        ("region", ctypes.c_uint16),
        ("length", ctypes.c_uint32),
        ("offset", ctypes.c_uint32),
        ("metadata", ctypes.c_uint32),
    )


class RingView:
    """One ring in mapped memory. Indices are single 16-bit stores: a polling peer must never see half of one."""

    def __init__(self, memory: mmap.mmap, offset: int, slots: int) -> None:
        self.slots = slots
        self.cookie = ctypes.c_uint32.from_buffer(memory, offset + ring_layout.COOKIE_OFFSET)
        self.flags = ctypes.c_uint16.from_buffer(memory, offset + ring_layout.FLAGS_OFFSET)
        self.head = ctypes.c_uint16.from_buffer(memory, offset + ring_layout.HEAD_OFFSET)
        self.tail = ctypes.c_uint16.from_buffer(memory, offset + ring_layout.TAIL_OFFSET)
        self.descriptors = (Descriptor * slots).from_buffer(memory, offset + ring_layout.DESCRIPTORS_OFFSET)

    def __getitem__(self, index: int) -> Descriptor:
        return self.descriptors[index % self.slots]


class HostilePeer:
    """A client that writes its rings as it likes, with ctypes over a mapping of its own."""

    def __init__(self, rings: RingRegion, number: int) -> None:
        self.number = number
        self.rings = rings
        self.memory = mmap.mmap(rings.fd, rings.size)
        self.s2m = RingView(self.memory, rings.s2m_offset, 1 << rings.s2m_log2)
        self.m2s = RingView(self.memory, rings.m2s_offset, 1 << rings.m2s_log2)
        self.claim = ctypes.c_uint64.from_buffer(self.memory, rings.size - PAGE)
        self.bell = ctypes.c_uint32.from_buffer(self.memory, rings.size - PAGE + _BELL_OFFSET)

    def kick(self) -> None:
        os.eventfd_write(self.rings.m2s_event, 1)

    def posted(self, index: int = 0) -> Descriptor:
        """Return a copy of a descriptor that the hub posted to this source."""
        wait_until(lambda: self.m2s.head.value > index, "a frame to be posted")
        return Descriptor.from_buffer_copy(self.m2s[index])

    def send(self, descriptor: Descriptor, **changes: int) -> None:
        """Send a descriptor, or give one back, with some of its fields changed."""
        slot = self.m2s[self.m2s.tail.value]
        for name, _ in Descriptor._fields_:
            setattr(slot, name, changes.get(name, getattr(descriptor, name)))
        self.m2s.tail.value += 1
        self.kick()

    def arrived(self, index: int = 0) -> Descriptor:
        """Return a copy of a descriptor that the hub put on this sink's ring."""
        wait_until(lambda: self.s2m.head.value > index, "a frame to arrive")
        return Descriptor.from_buffer_copy(self.s2m[index])

    def close(self) -> None:
        del self.s2m, self.m2s, self.claim, self.bell
        self.memory.close()
