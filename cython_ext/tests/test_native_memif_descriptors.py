"""Whose is a descriptor: each received one leaves the machine exactly once, each lent one is never touched."""

import pytest
from mediamesh_testing.words import CONNECT, HELLO, INIT, ONE_OF_EACH, REGION, S2M_RING
from memif_ends import SEND_WITH_FD, connected_wire, new_master, new_slave, tell

from mediamesh_native.memif.errors import ProtocolViolation
from mediamesh_native.memif.machine import Machine
from mediamesh_native.memif.messages import AddRegion, AddRing, Message, decode, encode


def reason_of(machine: Machine, message: Message, fds: list[int]) -> str:
    with pytest.raises(ProtocolViolation) as caught:
        machine.receive(encode(message), fds, 0.0)
    return caught.value.reason


def test_an_accepted_descriptor_belongs_to_the_receiver_of_the_event() -> None:
    master = new_master()
    tell(master, INIT)
    (event,) = master.receive(encode(REGION), [77], 0.0)
    assert event.fd == 77  # type: ignore[union-attr]
    assert master.take_unwanted() == []


@pytest.mark.parametrize("message", [REGION, S2M_RING])
def test_a_missing_descriptor_is_a_violation(message: Message) -> None:
    master = new_master()
    tell(master, INIT)
    if message is S2M_RING:
        tell(master, REGION)
    assert reason_of(master, message, []) == "DescriptorMissing"
    assert master.take_unwanted() == []


def test_a_second_descriptor_is_a_violation_and_both_are_unwanted() -> None:
    master = new_master()
    tell(master, INIT)
    assert reason_of(master, REGION, [70, 71]) == "DescriptorSurplus"
    assert master.take_unwanted() == [70, 71]
    assert master.take_unwanted() == []


def test_a_descriptor_with_a_message_that_has_none_is_a_violation() -> None:
    slave, master = new_slave(), new_master()
    assert reason_of(slave, HELLO, [70]) == "DescriptorSurplus"
    assert slave.take_unwanted() == [70]
    assert reason_of(master, INIT, [71, 72]) == "DescriptorSurplus"
    assert master.take_unwanted() == [71, 72]


@pytest.mark.parametrize("message", ONE_OF_EACH)
def test_descriptors_of_a_message_out_of_turn_are_unwanted(message: Message) -> None:
    wire = connected_wire()
    wire.slave.disconnect("over")
    reason_of(wire.slave, message, [70, 71, 72])
    assert wire.slave.take_unwanted() == [70, 71, 72]


def test_descriptors_of_a_malformed_message_are_unwanted() -> None:
    master = new_master()
    with pytest.raises(ProtocolViolation, match="MessageLength"):
        master.receive(b"short", [70], 0.0)
    assert master.take_unwanted() == [70]


def test_unwanted_descriptors_add_up_until_taken() -> None:
    master = new_master()
    for fd in (70, 71):
        reason_of(master, CONNECT, [fd])
    assert master.take_unwanted() == [70, 71]


def test_lent_descriptors_go_out_with_their_message_and_no_other() -> None:
    wire = connected_wire()
    wire.slave.add_region(300, 4096, 4)
    ((data, fd),) = wire.slave.data_to_send()
    assert (decode(data), fd) == (AddRegion(4, 4096), 300)
    assert wire.slave.data_to_send() == []
    slave = new_slave()
    tell(slave, HELLO)
    lent: list[tuple[Message, int | None]] = []
    for _ in range(5):
        lent += [(decode(data), fd) for data, fd in slave.data_to_send()]
        slave.receive(encode(ONE_OF_EACH[0]), [], 0.0)
    assert [fd for message, fd in lent if isinstance(message, SEND_WITH_FD)] == [100, 101, 110, 111]
    assert all(fd is None for message, fd in lent if not isinstance(message, AddRegion | AddRing))


def test_what_was_to_be_sent_is_forgotten_at_the_end_not_closed() -> None:
    wire = connected_wire()
    wire.slave.add_region(300, 4096, 4)
    wire.slave.disconnect("over")
    assert [fd for _, fd in wire.slave.data_to_send()] == [None]
    assert wire.slave.take_unwanted() == []
