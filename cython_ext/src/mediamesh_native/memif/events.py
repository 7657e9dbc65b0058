"""What the machines tell their owner; a descriptor in an event belongs to whoever receives the event."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PeerHello:
    """Slave: the master greeted. `name` tells what it can digest; the maxima are counts, not indices."""

    name: str
    max_regions: int
    max_s2m_rings: int
    max_m2s_rings: int


@dataclass(frozen=True, slots=True)
class PeerInit:
    """Master: a slave wants this interface; `authenticated` if a secret was asked for and was right."""

    id: int
    name: str
    authenticated: bool


@dataclass(frozen=True, slots=True)
class RegionAdded:
    """Master: memory of the slave, unchecked by the kernel so far. `fd` is the receiver's to close."""

    index: int
    fd: int
    size: int


@dataclass(frozen=True, slots=True)
class RingAdded:
    """Master: a ring of the slave, inside its region. `fd`, its eventfd, is the receiver's to close."""

    flags: int
    index: int
    region: int
    offset: int
    log2: int
    fd: int


@dataclass(frozen=True, slots=True)
class ConnectRequested:
    """Master: all is announced. Map the memory, check the cookies, then `confirm` or `disconnect`."""

    name: str


@dataclass(frozen=True, slots=True)
class PeerConnected:
    """Slave: the link is up; rings start at 0/0."""

    name: str


@dataclass(frozen=True, slots=True)
class RegionAcknowledged:
    """Slave: the master has taken this region, announced while connected."""

    index: int


@dataclass(frozen=True, slots=True)
class PeerDisconnected:
    """The peer ended the attachment; `reason` is its own words, empty if it just went away."""

    code: int
    reason: str


Event = (
    PeerHello
    | PeerInit
    | RegionAdded
    | RingAdded
    | ConnectRequested
    | PeerConnected
    | RegionAcknowledged
    | PeerDisconnected
)
