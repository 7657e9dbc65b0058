"""Slave against master, and each against a peer that gets a detail wrong."""

import pytest
from mediamesh_testing.words import CONNECT, CONNECTED, HELLO, INIT, M2S_RING, REGION, REGION_SIZE, S2M_RING
from memif_ends import MASTER_SAYS, RINGS, SLAVE_SAYS, Wire, connected_wire, new_master, new_slave, said_by, tell

from mediamesh_native.memif.errors import ProtocolViolation
from mediamesh_native.memif.handshake import (
    ConnectRequested,
    Limits,
    PeerConnected,
    PeerDisconnected,
    PeerHello,
    PeerInit,
    RegionAcknowledged,
    RegionAdded,
    Ring,
    RingAdded,
)
from mediamesh_native.memif.machine import Machine
from mediamesh_native.memif.messages import (
    M2S,
    S2M,
    Ack,
    AddRegion,
    AddRing,
    Connect,
    Connected,
    Disconnect,
    Hello,
    Init,
    Message,
    encode,
)


def refused(machine: Machine, message: Message) -> str:
    with pytest.raises(ProtocolViolation) as caught:
        tell(machine, message)
    return caught.value.reason


def test_slave_and_master_connect_and_tell_each_other_everything() -> None:
    wire = Wire(
        new_slave(name="mediamesh/1 hub", id=7, secret=b"s"),
        new_master(name="mediamesh/1 camera", id=7, secret=b"s"),
    )
    wire.run()
    assert wire.slave.connected
    assert wire.master.connected
    assert wire.slave_events == [PeerHello("mediamesh/1 camera", 255, 16, 16), PeerConnected("mediamesh/1 camera")]
    assert wire.master_events == [
        PeerInit(7, "mediamesh/1 hub", authenticated=True),
        RegionAdded(0, 100, REGION_SIZE),
        RegionAdded(1, 101, REGION_SIZE),
        RingAdded(S2M, 0, 0, 0, 4, 110),
        RingAdded(M2S, 0, 0, 4096, 4, 111),
        ConnectRequested("mediamesh/1 hub"),
    ]


def test_the_two_speak_in_turn() -> None:
    wire = connected_wire()
    masters = [isinstance(message, Hello | Ack | Connected) for message in wire.said]
    assert masters == [turn % 2 == 0 for turn in range(len(masters))]


def test_a_master_connects_only_when_its_owner_says_so() -> None:
    master = new_master()
    for message in SLAVE_SAYS[:-1]:
        tell(master, message)
    said_by(master)
    assert master.receive(encode(CONNECT), [], 0.0) == [ConnectRequested("stock slave")]
    assert (master.connected, said_by(master)) == (False, [])
    master.confirm("port 0")
    assert master.connected
    assert said_by(master) == [Connected("port 0")]


def test_a_master_that_cannot_map_disconnects_instead() -> None:
    master = new_master()
    for message in SLAVE_SAYS[:-1]:
        tell(master, message)
    master.receive(encode(CONNECT), [], 0.0)
    master.disconnect("RegionNotSealed")
    assert said_by(master) == [Disconnect(0, "RegionNotSealed")]
    with pytest.raises(RuntimeError, match="Connected from the master"):
        master.confirm()


@pytest.mark.parametrize(
    ("init", "reason", "words"),
    [
        (Init(0x0200, 8, 0, b"right", "n"), "UnknownInterface", "unmatched interface id"),
        (Init(0x0100, 7, 0, b"right", "n"), "VersionMismatch", "incompatible version"),
        (Init(0x0200, 7, 1, b"right", "n"), "ModeMismatch", "mode mismatch"),
        (Init(0x0200, 7, 0, b"wrong", "n"), "WrongSecret", "incorrect secret"),
        (Init(0x0200, 7, 0, b"righ", "n"), "WrongSecret", "incorrect secret"),
        (Init(0x0200, 7, 0, b"", "n"), "WrongSecret", "secret required"),
    ],
)
def test_a_master_refuses_strangers_in_the_words_of_stock_masters(init: Init, reason: str, words: str) -> None:
    master = new_master(id=7, secret=b"right")
    said_by(master)
    assert refused(master, init) == reason
    assert said_by(master) == [Disconnect(0, words)]


def test_secrets_are_c_strings_of_up_to_24_bytes() -> None:
    for ours, theirs in [(b"x" * 24, b"x" * 24), (b"right\0rubbish", b"right")]:
        master = new_master(secret=ours)
        assert tell(master, Init(0x0200, 0, 0, theirs, "n")) == [PeerInit(0, "n", authenticated=True)]


def test_without_a_secret_of_ours_whatever_a_slave_sends_will_do() -> None:
    master = new_master()
    assert tell(master, Init(0x0200, 0, 0, b"stack rubbish", "n")) == [PeerInit(0, "n", authenticated=False)]


@pytest.mark.parametrize(
    ("limits", "message", "reason"),
    [
        (Limits(), AddRegion(2, 100), "RegionOutOfOrder"),
        (Limits(), AddRegion(0, 100), "RegionOutOfOrder"),
        (Limits(regions=1), AddRegion(1, 100), "TooManyRegions"),
        (Limits(region_size=REGION_SIZE), AddRegion(1, REGION_SIZE + 1), "RegionSize"),
        (Limits(), AddRegion(1, 0), "RegionSize"),
        (Limits(), AddRegion(1, (1 << 64) - 1), "RegionSize"),
        (Limits(), AddRing(2, 0, 0, 0, 4), "RingFlags"),
        (Limits(), AddRing(S2M, 1, 0, 0, 4), "RingOutOfOrder"),
        (Limits(), AddRing(S2M, 0, 1, 0, 4), "UnknownRegion"),
        (Limits(), AddRing(S2M, 0, 0, 0, 15), "RingSize"),
        (Limits(), AddRing(S2M, 0, 0, 0, 255), "RingSize"),
        (Limits(log2_ring_size=3), AddRing(S2M, 0, 0, 0, 4), "RingSize"),
        (Limits(), AddRing(S2M, 0, 0, 32, 4), "RingAlignment"),
        (Limits(), AddRing(S2M, 0, 0, REGION_SIZE - 320, 4), "RingOutsideRegion"),
        (Limits(), AddRing(S2M, 0, 0, 0xFFFFFFC0, 14), "RingOutsideRegion"),
        (Limits(), AddRing(S2M, 0, 0, 0, 4, 8), "PrivateHeader"),
    ],
)
def test_a_master_refuses_announcements_beyond_its_limits(limits: Limits, message: Message, reason: str) -> None:
    master = new_master(limits=limits)
    tell(master, INIT)
    tell(master, REGION)
    assert refused(master, message) == reason
    assert master.take_unwanted() == [200]


def test_rings_beyond_the_limit_of_a_direction_are_refused() -> None:
    master = new_master(limits=Limits(rings=1))
    for message in (INIT, REGION, S2M_RING):
        tell(master, message)
    assert refused(master, AddRing(S2M, 1, 0, 8192, 4)) == "TooManyRings"


def test_a_ring_may_fill_its_region_to_the_last_byte() -> None:
    master = new_master()
    tell(master, INIT)
    tell(master, AddRegion(0, 128 + 16 * 16))
    assert tell(master, S2M_RING) == [RingAdded(S2M, 0, 0, 0, 4, 200)]


@pytest.mark.parametrize("offset", [0, 64, 320])
def test_rings_may_not_lie_on_each_other(offset: int) -> None:
    master = new_master()
    for message in (INIT, REGION, S2M_RING):
        tell(master, message)
    assert refused(master, AddRing(M2S, 0, 0, offset, 4)) == "RingOverlap"


def test_unequal_ring_counts_are_refused_unless_allowed() -> None:
    for limits, connects in [(Limits(), False), (Limits(equal_rings=False), True)]:
        master = new_master(limits=limits)
        for message in (INIT, REGION, S2M_RING):
            tell(master, message)
        if connects:
            assert tell(master, CONNECT) == [ConnectRequested("stock slave")]
        else:
            assert refused(master, CONNECT) == "UnequalRings"


def test_255_regions_are_taken_and_not_one_more() -> None:
    master = new_master()
    tell(master, INIT)
    for index in range(255):
        tell(master, AddRegion(index, 4096))
    assert refused(master, AddRegion(255, 4096)) == "TooManyRegions"


@pytest.mark.parametrize(
    ("hello", "reason"),
    [
        (Hello("m", 0x0201, 0x0300), "VersionMismatch"),
        (Hello("m", 0x0100, 0x01FF), "VersionMismatch"),
        (Hello("m", max_region=0), "PeerLimits"),
        (Hello("m", max_log2_ring_size=3), "PeerLimits"),
    ],
)
def test_a_slave_refuses_a_master_that_cannot_serve_it(hello: Hello, reason: str) -> None:
    assert refused(new_slave(), hello) == reason


def test_a_slave_announces_no_more_rings_than_the_master_takes_either_way() -> None:
    rings = [Ring(flags, number, 0, 4096 * (2 * number + flags), 4, 9) for flags in (S2M, M2S) for number in range(3)]
    slave = new_slave(rings=rings)
    tell(slave, Hello("m", max_s2m_ring=1, max_m2s_ring=7))
    assert [(ring.flags, ring.number) for ring in slave.rings] == [(S2M, 0), (S2M, 1), (M2S, 0), (M2S, 1)]
    for _ in range(7):
        tell(slave, Ack())
    tell(slave, CONNECTED)
    announced = [message for message in said_by(slave) if isinstance(message, AddRing)]
    assert [(ring.flags, ring.index) for ring in announced] == [(S2M, 0), (S2M, 1), (M2S, 0), (M2S, 1)]


@pytest.mark.parametrize(
    "changes",
    [
        {"regions": []},
        {"rings": []},
        {"regions": [(1, 0)]},
        {"rings": RINGS[:1]},
        {"rings": [*RINGS, RINGS[1]]},
        {"regions": [(1, 100)]},
        {"regions": [(1, 1 << 20)] * 256},
    ],
)
def test_a_slave_never_starts_with_what_our_master_would_refuse(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"region|ring"):
        new_slave(**changes)


def test_regions_come_and_are_replaced_while_connected() -> None:
    wire = connected_wire()
    wire.master_events.clear()
    wire.slave_events.clear()
    numbers = [5, 1, 8, 5]
    for fd, number in enumerate(numbers, start=300):
        wire.slave.add_region(fd, 4096 * number, number)
    assert wire.slave.unacknowledged == 4
    wire.run()
    assert wire.master_events == [RegionAdded(number, fd, 4096 * number) for fd, number in enumerate(numbers, 300)]
    assert wire.slave_events == [RegionAcknowledged(number) for number in numbers]
    assert wire.slave.unacknowledged == 0


def test_the_region_with_the_rings_cannot_be_replaced() -> None:
    wire = connected_wire()
    with pytest.raises(ValueError, match="holds rings"):
        wire.slave.add_region(300, 4096, 0)
    assert refused(wire.master, AddRegion(0, 4096)) == "RegionHoldsRings"


def test_a_slave_adds_nothing_beyond_what_the_master_takes() -> None:
    wire = connected_wire(limits=Limits(regions=9))
    with pytest.raises(ValueError, match="up to 8"):
        wire.slave.add_region(300, 4096, 9)
    with pytest.raises(ValueError, match="0 bytes"):
        wire.slave.add_region(300, 0, 3)
    assert wire.slave.connected


def test_regions_are_not_added_before_the_link_is_up() -> None:
    with pytest.raises(RuntimeError, match="constructor"):
        new_slave().add_region(300, 4096, 5)


def test_a_master_that_never_acknowledges_is_silent() -> None:
    slave = connected_wire().slave
    for count in range(64):
        slave.add_region(300, 4096, 1 + count % 8)
    with pytest.raises(ProtocolViolation, match="PeerSilent"):
        slave.add_region(300, 4096, 1)
    assert said_by(slave) == [Disconnect(0, "64 regions not acknowledged")]


def test_an_ack_for_nothing_is_a_violation() -> None:
    assert refused(connected_wire().slave, Ack()) == "UnexpectedMessage"


def test_disconnect_of_the_peer_is_told_in_its_words() -> None:
    wire = connected_wire()
    assert tell(wire.slave, Disconnect(3, "Device closed")) == [PeerDisconnected(3, "Device closed")]
    assert wire.slave.closed
    assert said_by(wire.slave) == []
    wire.master.disconnect("enough", 4)
    assert said_by(wire.master) == [Disconnect(4, "enough")]


def test_after_the_end_nothing_more_is_said() -> None:
    slave = new_slave()
    slave.disconnect("first")
    slave.disconnect("second")
    assert said_by(slave) == [Disconnect(0, "first")]
    assert refused(slave, HELLO) == "UnexpectedMessage"
    assert said_by(slave) == []


def test_the_end_of_the_stream_is_a_disconnect_without_words() -> None:
    master = new_master()
    assert master.peer_gone() == [PeerDisconnected(0, "")]
    assert master.closed
    assert master.peer_gone() == []
    assert said_by(master) == []


@pytest.mark.parametrize("steps", range(len(MASTER_SAYS)))
def test_a_slave_notices_a_silent_master_at_every_step(steps: int) -> None:
    slave = new_slave(now=50.0)
    for step, message in enumerate(MASTER_SAYS[:steps], start=1):
        tell(slave, message, 50.0 + step)
    _silence(slave, 50.0 + steps)


@pytest.mark.parametrize("steps", range(len(SLAVE_SAYS)))
def test_a_master_notices_a_silent_slave_at_every_step(steps: int) -> None:
    master = new_master(now=50.0)
    for step, message in enumerate(SLAVE_SAYS[:steps], start=1):
        tell(master, message, 50.0 + step)
    _silence(master, 50.0 + steps)


def test_nobody_waits_for_the_peer_when_the_link_is_up_or_it_is_our_turn() -> None:
    wire = connected_wire()
    assert wire.slave.deadline is None
    assert wire.master.deadline is None
    wire.slave.timed_out(1e9)
    master = new_master()
    for message in SLAVE_SAYS[:-1]:
        tell(master, message)
    master.receive(encode(CONNECT), [], 0.0)
    assert master.deadline is None


def test_patience_is_a_parameter() -> None:
    assert new_master(now=1.0, patience=0.5).deadline == 1.5


def _silence(machine: Machine, since: float) -> None:
    assert machine.deadline == since + 2.0
    machine.timed_out(since + 1.9)
    with pytest.raises(ProtocolViolation, match="PeerSilent"):
        machine.timed_out(since + 2.0)
    assert [type(message) for message in said_by(machine)] == [Disconnect]
    assert machine.deadline is None


def test_examples_are_the_usual_course() -> None:
    assert [type(message) for message in SLAVE_SAYS] == [Init, AddRegion, AddRing, AddRing, Connect]
    assert M2S_RING.flags == M2S
