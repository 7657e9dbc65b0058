"""Random walks: legal configurations always connect, random talk never does and never loses a descriptor."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from mediamesh_testing.words import CONNECT, CONNECTED, DISCONNECT, HELLO, INIT, M2S_RING, REGION, S2M_RING
from memif_ends import SLAVE_SAYS, Wire, new_master, new_slave

from mediamesh_native.memif.conversation import TABLE, State
from mediamesh_native.memif.errors import ProtocolViolation
from mediamesh_native.memif.events import ConnectRequested, RegionAdded, RingAdded
from mediamesh_native.memif.handshake import Limits, MasterHandshake, Ring, SlaveHandshake
from mediamesh_native.memif.machine import Machine
from mediamesh_native.memif.messages import M2S, S2M, Ack, AddRegion, AddRing, Message, decode, encode
from mediamesh_native.memif.ring_layout import RING_ALIGNMENT, ring_bytes


@st.composite
def legal_configurations(draw: st.DrawFn) -> tuple[list[tuple[int, int]], list[Ring]]:
    """Rings one behind the other with gaps, each in a region of its own choice."""
    region_count = draw(st.integers(1, 20))
    pairs = draw(st.integers(1, 8))
    used = [0] * region_count
    rings: list[Ring] = []
    for flags in (S2M, M2S):
        for number in range(pairs):
            region = draw(st.integers(0, region_count - 1))
            offset = used[region] + RING_ALIGNMENT * draw(st.integers(0, 3))
            log2 = draw(st.integers(0, 14))
            used[region] = -(-(offset + ring_bytes(log2)) // RING_ALIGNMENT) * RING_ALIGNMENT
            rings.append(Ring(flags, number, region, offset, log2, 1000 + len(rings)))
    sizes = [draw(st.integers(max(1, size), 1 << 32)) for size in used]
    return list(enumerate(sizes, start=2000)), rings


@given(legal_configurations(), st.integers(0, (1 << 32) - 1), st.binary(max_size=24))
def test_every_legal_configuration_connects(
    configuration: tuple[list[tuple[int, int]], list[Ring]],
    interface: int,
    secret: bytes,
) -> None:
    regions, rings = configuration
    wire = Wire(
        new_slave(regions=regions, rings=rings, id=interface, secret=secret),
        new_master(id=interface, secret=secret),
    )
    wire.run()
    assert wire.slave.connected
    assert wire.master.connected
    added = [event for event in wire.master_events if isinstance(event, RegionAdded)]
    assert [(event.fd, event.size) for event in added] == regions
    ringed = [event for event in wire.master_events if isinstance(event, RingAdded)]
    assert [(e.flags, e.index, e.region, e.offset, e.log2, e.fd) for e in ringed] == rings


@dataclass
class Ledger:
    """Follows every descriptor that a machine is given."""

    machine: Machine
    next_fd: int = 0

    def give(self, data: bytes, count: int) -> bool:
        """Return whether the machine took it; check that nothing is lost or owned twice."""
        fds = list(range(self.next_fd, self.next_fd + count))
        self.next_fd += count
        try:
            events = self.machine.receive(data, fds, 0.0)
        except ProtocolViolation:
            events = []
            taken = False
        else:
            taken = True
        mine = [event.fd for event in events if isinstance(event, RegionAdded | RingAdded)]
        unwanted = self.machine.take_unwanted()
        assert sorted(mine + unwanted) == fds
        if any(isinstance(event, ConnectRequested) for event in events):
            self.machine.confirm()  # type: ignore[attr-defined]
        return taken


small = st.integers(0, 3)
talk: st.SearchStrategy[Message] = st.one_of(
    st.sampled_from([Ack(), HELLO, INIT, REGION, S2M_RING, M2S_RING, CONNECT, CONNECTED, DISCONNECT]),
    st.builds(AddRegion, small, st.sampled_from([0, 4096, 1 << 20, 1 << 40])),
    st.builds(AddRing, small, small, small, st.sampled_from([0, 64, 1024, 4096, 0xFFFFFFC0]), st.integers(0, 16)),
)
packets = st.tuples(
    st.one_of(talk.map(encode), st.binary(max_size=200), st.binary(min_size=128, max_size=128)),
    st.integers(0, 3),
)
well_meant = st.tuples(talk.map(encode), st.none())
walks = st.lists(st.one_of(well_meant, packets), max_size=40)


def _count(data: bytes, count: int | None) -> int:
    return count if count is not None else int(isinstance(decode(data), AddRegion | AddRing))


@settings(max_examples=400)
@given(walks, st.integers(0, len(SLAVE_SAYS)))
def test_random_talk_never_connects_a_master_illegally(walk: list[tuple[bytes, int | None]], prefix: int) -> None:
    master = MasterHandshake(limits=Limits(rings=2), now=0.0)
    _walk(master, [(encode(message), None) for message in SLAVE_SAYS[:prefix]] + walk)


@settings(max_examples=400)
@given(walks, st.integers(0, 7))
def test_random_talk_never_connects_a_slave_illegally(walk: list[tuple[bytes, int | None]], prefix: int) -> None:
    slave: SlaveHandshake = new_slave()
    usual: list[Message] = [HELLO, *[Ack()] * 5, CONNECTED]
    _walk(slave, [(encode(message), None) for message in usual[:prefix]] + walk)


def _walk(machine: Machine, walk: list[tuple[bytes, int | None]]) -> None:
    """Follow the machine with the table alone: its state must be where the legal messages lead, no further."""
    ledger = Ledger(machine)
    machine.data_to_send()  # a master greets unasked
    for data, count in walk:
        before = machine.state
        taken = ledger.give(data, _count(data, count))
        said = [decode(answer) for answer, _ in machine.data_to_send()]
        if not taken:
            assert machine.closed
            assert len(said) == (before is not State.CLOSED)
            continue
        state = TABLE[before][type(decode(data))]
        for answer in said:
            state = TABLE[state][type(answer)]
        assert machine.state is state
