"""What the fuzzer and the replay of its corpus do with some bytes: both roles, any packets, any descriptors.

The first byte chooses the role and how far the usual course goes before the rest is said: packets, each a byte with
the number of descriptors (low two bits) and one with a length, which counts as 128 when it is above.
"""

from collections.abc import Iterator

from memif_ends import MASTER_SAYS, SLAVE_SAYS, new_slave, tell

from mediamesh_native.memif.conversation import TABLE, State
from mediamesh_native.memif.errors import ProtocolViolation
from mediamesh_native.memif.events import ConnectRequested, RegionAdded, RingAdded
from mediamesh_native.memif.handshake import Limits, MasterHandshake
from mediamesh_native.memif.machine import Machine
from mediamesh_native.memif.messages import MESSAGE_SIZE, decode, encode

LATE_REGIONS = 3


def run(data: bytes) -> None:
    """Say all of it to a machine; whatever it is, the promises of the machine hold."""
    if not data:
        return
    steps, is_slave = divmod(data[0], 2)
    machine = _slave(steps) if is_slave else _master(steps)
    machine.data_to_send()
    fd = 0
    for count, packet in _packets(data[1:]):
        fds = list(range(fd, fd + count))
        fd += count
        _say(machine, packet, fds)


def _say(machine: Machine, packet: bytes, fds: list[int]) -> None:
    before = machine.state
    try:
        events = machine.receive(packet, fds, 0.0)
    except ProtocolViolation:
        assert machine.closed
        assert machine.take_unwanted() == fds
        return
    mine = [event.fd for event in events if isinstance(event, RegionAdded | RingAdded)]
    assert mine == fds
    assert machine.take_unwanted() == []
    if isinstance(machine, MasterHandshake) and any(isinstance(event, ConnectRequested) for event in events):
        machine.confirm()
    _check_state(machine, before, packet)


def _check_state(machine: Machine, state: State, packet: bytes) -> None:
    for message in [decode(packet)] + [decode(answer) for answer, _ in machine.data_to_send()]:
        state = TABLE[state][type(message)]
    assert machine.state is state


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 2:
        count, length = data[0] % 4, min(data[1], MESSAGE_SIZE)
        yield count, data[2 : 2 + length].ljust(length, b"\0")
        data = data[2 + length :]


def _slave(steps: int) -> Machine:
    slave = new_slave()
    for message in MASTER_SAYS[:steps]:
        tell(slave, message)
    if slave.connected:
        for number in range(1, 1 + LATE_REGIONS):
            slave.add_region(300, 4096, number)
    return slave


def _master(steps: int) -> Machine:
    master = MasterHandshake(limits=Limits(regions=4, rings=2), now=0.0)
    for message in SLAVE_SAYS[:steps]:
        tell(master, message)
    return master


def seeds() -> Iterator[tuple[str, bytes]]:
    """Yield what a corpus starts with: the usual course of each role, in one go and from every step on."""
    for is_slave, course in ((1, MASTER_SAYS), (0, SLAVE_SAYS)):
        for steps in range(len(course) + 1):
            packets = b"".join(
                bytes([type(message).__name__ in {"AddRegion", "AddRing"}, MESSAGE_SIZE]) + encode(message)
                for message in course[steps:]
            )
            yield f"{'slave' if is_slave else 'master'}-from-step-{steps}", bytes([2 * steps + is_slave]) + packets
