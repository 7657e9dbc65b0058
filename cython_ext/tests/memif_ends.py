"""Both ends of an attachment for the tests: configurations, a wire made of lists, and real descriptors."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mediamesh_testing.words import (
    CONNECT,
    CONNECTED,
    HELLO,
    INIT,
    M2S_RING,
    REGION,
    REGION_SIZE,
    S2M_RING,
)

from mediamesh_native.memif.events import ConnectRequested, Event
from mediamesh_native.memif.handshake import MasterHandshake, Ring, SlaveHandshake
from mediamesh_native.memif.machine import Machine
from mediamesh_native.memif.messages import (
    M2S,
    S2M,
    Ack,
    AddRegion,
    AddRing,
    Connect,
    Message,
    decode,
    encode,
)

REGIONS = [(100, REGION_SIZE), (101, REGION_SIZE)]
RINGS = [Ring(S2M, 0, 0, 0, 4, 110), Ring(M2S, 0, 0, 4096, 4, 111)]

MASTER_SAYS: list[Message] = [HELLO, *[Ack()] * 5, CONNECTED]
SLAVE_SAYS: list[Message] = [INIT, REGION, S2M_RING, M2S_RING, CONNECT]
SEND_WITH_FD = (AddRegion, AddRing)


def new_slave(**changes: object) -> SlaveHandshake:
    return SlaveHandshake(**{"regions": REGIONS, "rings": RINGS, "now": 0.0, **changes})  # type: ignore[arg-type]


def new_master(**changes: object) -> MasterHandshake:
    """Return a master of one interface: `id` and `secret`."""
    interfaces = {changes.pop("id", 0): changes.pop("secret", b"")}
    return MasterHandshake(**{"interfaces": interfaces, "now": 0.0, **changes})  # type: ignore[arg-type]


@dataclass
class Wire:
    """Carries messages between two machines; descriptors are plain numbers and nothing is lost."""

    slave: SlaveHandshake
    master: MasterHandshake
    slave_events: list[Event] = field(default_factory=list)
    master_events: list[Event] = field(default_factory=list)
    said: list[Message] = field(default_factory=list)

    def run(self) -> None:
        """Go on until nobody has anything to say."""
        while self._carry(self.master, self.slave, self.slave_events) or self._carry(
            self.slave, self.master, self.master_events
        ):
            pass

    def _carry(self, sender: Machine, receiver: Machine, events: list[Event]) -> int:
        messages = sender.data_to_send()
        for data, fd in messages:
            self.said.append(decode(data))
            new = receiver.receive(data, [] if fd is None else [fd], 0.0)
            events.extend(new)
            if any(isinstance(event, ConnectRequested) for event in new):
                self.master.confirm()
        return len(messages)


def connected_wire(**master: object) -> Wire:
    wire = Wire(new_slave(), new_master(**master))
    wire.run()
    return wire


def said_by(machine: Machine) -> list[Message]:
    return [decode(data) for data, _ in machine.data_to_send()]


def tell(machine: Machine, message: Message, now: float = 0.0) -> list[Event]:
    """Give a machine a message with the right number of descriptors; a master's connect is confirmed."""
    fds = [200] if isinstance(message, SEND_WITH_FD) else []
    events = machine.receive(encode(message), fds, now)
    if isinstance(machine, MasterHandshake) and isinstance(message, Connect):
        machine.confirm()
    return events


def sealed_memfd(size: int, seals: int = fcntl.F_SEAL_SHRINK) -> int:
    fd = os.memfd_create("memif-test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


@contextmanager
def owned(make: Callable[[], int]) -> Iterator[int]:
    """Own a descriptor for the length of a test."""
    fd = make()
    try:
        yield fd
    finally:
        os.close(fd)


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208
