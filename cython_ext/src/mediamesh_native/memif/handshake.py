"""The two ends of a memif attachment, without I/O.

What both share, and whose the descriptors are, is told in `machine`; in which order things are said, in
`conversation`; what may be announced, in `inventory`. Here is what each role adds: the slave has a script of
announcements and says the next line at each ACK; the master checks and acknowledges.

The words of a DISCONNECT for a wrong version, id, mode or secret are those of VPP and libmemif, so that people find
them where they look for them.
"""

import hmac
from collections import deque
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from mediamesh_native.memif.conversation import Role, State
from mediamesh_native.memif.errors import ProtocolViolation
from mediamesh_native.memif.events import (
    ConnectRequested,
    Event,
    PeerConnected,
    PeerDisconnected,
    PeerHello,
    PeerInit,
    RegionAcknowledged,
    RegionAdded,
    RingAdded,
)
from mediamesh_native.memif.inventory import Inventory, Limits, Region, Ring
from mediamesh_native.memif.machine import PATIENCE, Machine
from mediamesh_native.memif.messages import (
    SECRET_SIZE,
    VERSION,
    Ack,
    AddRegion,
    AddRing,
    Connect,
    Connected,
    Hello,
    Init,
    Message,
    cut_at_nul,
)

__all__ = [
    "ConnectRequested",
    "Event",
    "Limits",
    "MasterHandshake",
    "PeerConnected",
    "PeerDisconnected",
    "PeerHello",
    "PeerInit",
    "ProtocolViolation",
    "Region",
    "RegionAcknowledged",
    "RegionAdded",
    "Ring",
    "RingAdded",
    "SlaveHandshake",
    "State",
]

UNACKNOWLEDGED_REGIONS: Final = 64

# Nothing beyond this may be offered to anybody; what a peer takes, its HELLO says.
_OFFERED: Final = Limits(rings=256)


class SlaveHandshake(Machine):
    """The end that owns the memory.

    Parameters
    ----------
    regions
        (fd, size) each, announced as region 0, 1, ...
    rings
        (flags, number, region, offset, log2, fd) each, announced in this order: S2M from 0 up, then M2S from 0 up.
    id, mode, secret
        Of the interface at the master.
    name
        Who we are; stock masters show it. Cut at 31 bytes.
    now, patience
        See `Machine`.

    Raises
    ------
    ValueError
        Our own master would refuse these regions or rings.
    """

    def __init__(
        self,
        regions: Iterable[tuple[int, int]],
        rings: Iterable[tuple[int, int, int, int, int, int]],
        *,
        id: int = 0,  # noqa: A002 -- the protocol's word
        mode: int = 0,
        secret: bytes = b"",
        name: str = "mediamesh/1",
        now: float,
        patience: float = PATIENCE,
    ) -> None:
        super().__init__(Role.SLAVE, now=now, patience=patience)
        self._init = Init(VERSION, id, mode, secret, name)
        self._regions = [Region(*region) for region in regions]
        self._rings = [Ring(*ring) for ring in rings]
        self._inventory = Inventory(_OFFERED)
        self._script: deque[tuple[Message, int | None]] = deque()
        self._unacknowledged: deque[int] = deque()
        self._greeting: Hello | None = None
        self._check_announcements()

    @property
    def rings(self) -> list[Ring]:
        """The rings that are announced: the peer's HELLO may have allowed fewer than were offered."""
        return list(self._rings)

    @property
    def unacknowledged(self) -> int:
        """How many regions were announced since the link is up and not yet acknowledged."""
        return len(self._unacknowledged)

    def add_region(self, fd: int, size: int, index: int) -> None:
        """Announce one more region on the open link, or another one at a number used before; nobody waits for the ACK.

        Raises
        ------
        ValueError
            The region is impossible, or beyond what the peer said it takes.
        ProtocolViolation
            `PeerSilent`: 64 regions are not acknowledged. The machine is closed then and has a DISCONNECT to send.
        """
        if not self.connected or self._greeting is None:
            raise RuntimeError("regions are added while connected; those before belong to the constructor")
        if index > self._greeting.max_region:
            raise ValueError(f"the peer takes regions up to {self._greeting.max_region}, not {index}")
        if len(self._unacknowledged) >= UNACKNOWLEDGED_REGIONS:
            self._give_up(f"{UNACKNOWLEDGED_REGIONS} regions not acknowledged")
        message = AddRegion(index, size)
        try:
            self._inventory.add_region_while_connected(message)
        except ProtocolViolation as violation:
            raise ValueError(violation.message) from violation
        self._unacknowledged.append(index)
        self._say(message, fd)

    def _handle(self, message: Message, _fd: int, /) -> list[Event]:
        match message:
            case Hello():
                return self._on_hello(message)
            case Connected(name):
                return [PeerConnected(name)]
            case _ if self.connected:
                return self._on_late_ack()
            case _:
                self._say(*self._script.popleft())
                return []

    def _on_hello(self, hello: Hello) -> list[Event]:
        if not hello.min_version <= VERSION <= hello.max_version:
            window = f"{hello.min_version:#06x} to {hello.max_version:#06x}"
            raise ProtocolViolation("VersionMismatch", f"incompatible version: {window}")
        self._fit_to(hello)
        self._script.extend(self._announcements())
        self._say(self._init)
        counts = hello.max_region + 1, hello.max_s2m_ring + 1, hello.max_m2s_ring + 1
        return [PeerHello(hello.name, *counts)]

    def _on_late_ack(self) -> list[Event]:
        if not self._unacknowledged:
            raise ProtocolViolation("UnexpectedMessage", "Ack from the master for nothing")
        return [RegionAcknowledged(self._unacknowledged.popleft())]

    def _fit_to(self, hello: Hello) -> None:
        self._greeting = hello
        rings = 1 + min(hello.max_s2m_ring, hello.max_m2s_ring)
        self._rings = [ring for ring in self._rings if ring.number < rings]
        if len(self._regions) > hello.max_region + 1:
            text = f"{len(self._regions)} regions needed, the peer takes {hello.max_region + 1}"
            raise ProtocolViolation("PeerLimits", text)
        if any(ring.log2 > hello.max_log2_ring_size for ring in self._rings):
            raise ProtocolViolation("PeerLimits", f"the peer takes rings of at most 2^{hello.max_log2_ring_size} slots")

    def _announcements(self) -> Iterable[tuple[Message, int | None]]:
        for index, region in enumerate(self._regions):
            yield AddRegion(index, region.size), region.fd
        for ring in self._rings:
            yield AddRing(ring.flags, ring.number, ring.region, ring.offset, ring.log2), ring.fd
        yield Connect(self._init.name), None

    def _check_announcements(self) -> None:
        if not self._regions or not self._rings:
            raise ValueError("an attachment needs a region and a ring")
        try:
            for index, region in enumerate(self._regions):
                self._inventory.add_region(AddRegion(index, region.size))
            for ring in self._rings:
                self._inventory.add_ring(AddRing(*ring[:-1]))
            self._inventory.complete()
        except ProtocolViolation as violation:
            raise ValueError(violation.message) from violation


class MasterHandshake(Machine):
    """The end that maps the other's memory.

    Parameters
    ----------
    name
        Who we are. Cut at 31 bytes.
    interfaces
        The ids that a slave may ask for, each with its secret; an empty one is not compared (libmemif does not
        initialise the field).
    mode
        Of all of them.
    limits
        What a slave may announce.
    now, patience
        See `Machine`.
    """

    def __init__(
        self,
        *,
        name: str = "mediamesh/1",
        interfaces: Mapping[int, bytes] = MappingProxyType({0: b""}),
        mode: int = 0,
        limits: Limits | None = None,
        now: float,
        patience: float = PATIENCE,
    ) -> None:
        super().__init__(Role.MASTER, now=now, patience=patience)
        self._name = name
        self._secrets = {number: cut_at_nul(secret) for number, secret in interfaces.items()}
        self._mode = mode
        limits = limits or Limits()
        self._inventory = Inventory(limits)
        rings = limits.rings - 1
        self._say(Hello(name, VERSION, VERSION, limits.regions - 1, rings, rings, limits.log2_ring_size))
        self._restart_clock(now)

    def confirm(self, name: str | None = None) -> None:
        """Answer `ConnectRequested` with CONNECTED: memory is mapped, cookies were right."""
        self._say(Connected(self._name if name is None else name))

    def _handle(self, message: Message, fd: int, /) -> list[Event]:
        match message:
            case Init():
                return self._acknowledge(self._on_init(message))
            case AddRegion():
                return self._acknowledge(self._on_region(message, fd))
            case AddRing(flags, index, region, offset, log2):
                self._inventory.add_ring(message)
                return self._acknowledge(RingAdded(flags, index, region, offset, log2, fd))
            case Connect(name):
                self._inventory.complete()
                return [ConnectRequested(name)]
            case _:
                raise AssertionError(message)

    def _acknowledge(self, event: Event) -> list[Event]:
        self._say(Ack())
        return [event]

    def _on_init(self, init: Init) -> PeerInit:
        if init.version != VERSION:
            raise ProtocolViolation("VersionMismatch", "incompatible version")
        secret = self._secrets.get(init.id)
        if secret is None:
            raise ProtocolViolation("UnknownInterface", "unmatched interface id")
        if init.mode != self._mode:
            raise ProtocolViolation("ModeMismatch", "mode mismatch")
        if secret and not _same_secret(secret, init.secret):
            raise ProtocolViolation("WrongSecret", "incorrect secret" if init.secret else "secret required")
        return PeerInit(init.id, init.name, authenticated=bool(secret))

    def _on_region(self, message: AddRegion, fd: int) -> RegionAdded:
        if self.connected:
            self._inventory.add_region_while_connected(message)
        else:
            self._inventory.add_region(message)
        return RegionAdded(message.index, fd, message.size)


def _same_secret(ours: bytes, theirs: bytes) -> bool:
    return hmac.compare_digest(ours.ljust(SECRET_SIZE, b"\0"), theirs.ljust(SECRET_SIZE, b"\0"))
