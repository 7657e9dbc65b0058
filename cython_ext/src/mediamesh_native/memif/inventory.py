"""What a slave announces, checked piece by piece as it comes: regions first, then rings inside them.

Both roles use it: the master on what the peer says, the slave on what it is told to announce, so that a
configuration that our own master would refuse never leaves the house. All arithmetic is in Python's integers:
an offset of 32 bits plus a ring cannot wrap. Whether a descriptor really is memory of that size is for
`fdcheck`, which needs the kernel.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mediamesh_native.memif.errors import ProtocolViolation
from mediamesh_native.memif.messages import M2S, MAX_LOG2_RING_SIZE, S2M, AddRegion, AddRing
from mediamesh_native.memif.ring_layout import RING_ALIGNMENT, ring_bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a peer may announce; all are inclusive maxima.

    Attributes
    ----------
    regions
        In total. 255 is what all stock masters survive.
    region_size
        Bytes. Offsets have 32 bits, so more than 4 GiB cannot be reached anyway.
    rings
        Per direction.
    log2_ring_size
        Above 14 the stock peers disagree.
    equal_rings
        As many rings one way as the other: a libmemif master without an M2S ring never gets an interrupt.
    """

    regions: int = 255
    region_size: int = 1 << 32
    rings: int = 16
    log2_ring_size: int = MAX_LOG2_RING_SIZE
    equal_rings: bool = True


class Region(NamedTuple):
    """Memory to announce: the descriptor is lent until the message is sent."""

    fd: int
    size: int


class Ring(NamedTuple):
    """A ring to announce: `number` of its direction (`flags`, S2M or M2S); the eventfd is lent until it is sent."""

    flags: int
    number: int
    region: int
    offset: int
    log2: int
    fd: int


class _Extent(NamedTuple):
    region: int
    start: int
    stop: int

    def overlaps(self, other: "_Extent") -> bool:
        return self.region == other.region and self.start < other.stop and other.start < self.stop


class Inventory:
    """The regions and rings of one slave. Every method raises `ProtocolViolation` and then has changed nothing."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._regions: dict[int, int] = {}
        self._rings = {S2M: 0, M2S: 0}
        self._extents: list[_Extent] = []

    @property
    def rings(self) -> int:
        """How many rings were announced in both directions."""
        return len(self._extents)

    def add_region(self, message: AddRegion) -> None:
        """Take the next region; before the link is up there are no gaps (all four stock masters depend on it)."""
        if message.index != len(self._regions):
            raise ProtocolViolation("RegionOutOfOrder", f"region {message.index} where {len(self._regions)} was due")
        self._check_region(message)
        self._regions[message.index] = message.size

    def add_region_while_connected(self, message: AddRegion) -> None:
        """Take a region at any number, also one used before, except where rings live."""
        if any(extent.region == message.index for extent in self._extents):
            raise ProtocolViolation("RegionHoldsRings", f"region {message.index} holds rings and cannot be replaced")
        self._check_region(message)
        self._regions[message.index] = message.size

    def add_ring(self, message: AddRing) -> None:
        """Take the next ring of its direction; it lies in a known region and on no other ring."""
        extent = self._extent(message)
        self._check_ring(message)
        self._check_place(message, extent)
        self._rings[message.flags] += 1
        self._extents.append(extent)

    def complete(self) -> None:
        """Check what can only be said at CONNECT."""
        if self._limits.equal_rings and self._rings[S2M] != self._rings[M2S]:
            counts = f"{self._rings[S2M]} S2M and {self._rings[M2S]} M2S rings"
            raise ProtocolViolation("UnequalRings", f"{counts}, the numbers must be equal")

    def _check_region(self, message: AddRegion) -> None:
        limits = self._limits
        if message.index >= limits.regions:
            raise ProtocolViolation("TooManyRegions", f"region {message.index}, at most {limits.regions} in all")
        if not 0 < message.size <= limits.region_size:
            text = f"region {message.index} of {message.size} bytes, allowed are 1 to {limits.region_size}"
            raise ProtocolViolation("RegionSize", text)

    def _check_ring(self, message: AddRing) -> None:
        for broken, reason, text in self._ring_rules(message):
            if broken:
                raise ProtocolViolation(reason, f"ring {message.index}: {text}")

    def _ring_rules(self, message: AddRing) -> Iterator[tuple[bool, str, str]]:
        limits = self._limits
        yield message.flags not in self._rings, "RingFlags", f"unknown flags {message.flags:#x}"
        yield message.index != self._rings[message.flags], "RingOutOfOrder", "not the next of its direction"
        yield message.index >= limits.rings, "TooManyRings", f"at most {limits.rings} in each direction"
        yield message.log2_ring_size > limits.log2_ring_size, "RingSize", f"more than 2^{limits.log2_ring_size} slots"
        yield message.private_hdr_size != 0, "PrivateHeader", "private headers are not spoken here"
        yield message.region not in self._regions, "UnknownRegion", f"there is no region {message.region}"
        yield message.offset % RING_ALIGNMENT != 0, "RingAlignment", f"offset {message.offset} is not on a cache line"

    def _check_place(self, message: AddRing, extent: _Extent) -> None:
        if extent.stop > self._regions[message.region]:
            text = f"ring {message.index} ends at {extent.stop} of {self._regions[message.region]} bytes"
            raise ProtocolViolation("RingOutsideRegion", text)
        if any(extent.overlaps(other) for other in self._extents):
            raise ProtocolViolation("RingOverlap", f"ring {message.index} lies on another ring")

    @staticmethod
    def _extent(message: AddRing) -> _Extent:
        return _Extent(message.region, message.offset, message.offset + ring_bytes(message.log2_ring_size))
