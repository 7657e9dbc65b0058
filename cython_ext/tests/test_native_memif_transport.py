"""Messages with descriptors over real sockets: nothing truncated, nothing leaked, nothing blocking."""

import array
import collections
import os
import resource
import socket
from collections.abc import Iterator

import pytest
from mediamesh_testing.words import REGION_SIZE
from memif_ends import open_descriptors, sealed_memfd

from mediamesh_native.memif import transport
from mediamesh_native.memif.errors import ProtocolViolation
from mediamesh_native.memif.events import ConnectRequested, RegionAdded, RingAdded
from mediamesh_native.memif.fdcheck import check_eventfd, check_memory_fd
from mediamesh_native.memif.handshake import MasterHandshake, Ring, SlaveHandshake
from mediamesh_native.memif.machine import Machine
from mediamesh_native.memif.messages import M2S, S2M, Ack, encode

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        yield ours, theirs


def send_with(sock: socket.socket, data: bytes, fds: list[int]) -> None:
    sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])


def test_a_message_with_its_descriptor_arrives_close_on_exec(pair: Pair) -> None:
    ours, theirs = pair
    transport.send(theirs, encode(Ack()), theirs.fileno())
    received = transport.receive(ours)
    assert received is not None
    assert received.data == encode(Ack())
    assert received.credentials is None
    (fd,) = received.fds
    assert not os.get_inheritable(fd)
    os.close(fd)


def test_nothing_there_does_not_block(pair: Pair) -> None:
    with pytest.raises(BlockingIOError):
        transport.receive(pair[0])


def test_a_peer_that_does_not_read_does_not_block(pair: Pair) -> None:
    sent = iter(lambda: transport.send(pair[0], bytes(128)), "never")
    with pytest.raises(BlockingIOError):
        collections.deque(sent, maxlen=0)


def test_the_end_of_the_stream_is_none(pair: Pair) -> None:
    ours, theirs = pair
    theirs.close()
    assert transport.receive(ours) is None
    with pytest.raises(BrokenPipeError):
        transport.send(ours, bytes(128))


def test_a_peer_that_leaves_with_unread_messages_is_at_its_end_too(pair: Pair) -> None:
    ours, theirs = pair
    transport.send(ours, bytes(128))
    theirs.close()
    assert transport.receive(ours) is None


@pytest.mark.parametrize("count", [1, 4])
def test_an_empty_message_ends_the_stream_and_its_descriptors_are_closed(pair: Pair, count: int) -> None:
    ours, theirs = pair
    before = open_descriptors()
    send_with(theirs, b"", [theirs.fileno()] * count)
    assert transport.receive(ours) is None
    assert open_descriptors() == before


def test_a_message_that_is_too_long_is_a_violation_and_its_descriptors_are_closed(pair: Pair) -> None:
    ours, theirs = pair
    before = open_descriptors()
    send_with(theirs, bytes(129), [theirs.fileno()])
    with pytest.raises(ProtocolViolation, match="MessageLength"):
        transport.receive(ours)
    assert open_descriptors() == before


@pytest.mark.parametrize("count", [32, 253])
def test_more_descriptors_than_there_is_room_for_are_a_violation_and_closed(pair: Pair, count: int) -> None:
    ours, theirs = pair
    before = open_descriptors()
    send_with(theirs, encode(Ack()), [theirs.fileno()] * count)
    with pytest.raises(ProtocolViolation, match="DescriptorsTruncated"):
        transport.receive(ours)
    assert open_descriptors() == before


def test_credentials_leave_room_for_the_descriptors_that_are_due(pair: Pair) -> None:
    ours, theirs = pair
    before = open_descriptors()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    send_with(theirs, encode(Ack()), [theirs.fileno()] * 4)
    received = transport.receive(ours)
    assert received is not None
    assert (len(received.fds), received.credentials is None) == (4, False)
    transport.close_all(received.fds)
    send_with(theirs, encode(Ack()), [theirs.fileno()] * 253)
    with pytest.raises(ProtocolViolation, match="DescriptorsTruncated"):
        transport.receive(ours)
    assert open_descriptors() == before


def test_a_process_without_free_descriptors_says_so_and_leaks_none(pair: Pair) -> None:
    ours, theirs = pair
    send_with(theirs, encode(Ack()), [theirs.fileno()] * 3)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(ours.fileno())
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, hard))
    try:
        with pytest.raises(ProtocolViolation, match="DescriptorsTruncated"):
            transport.receive(ours)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_few_surplus_descriptors_reach_the_machine_which_names_them(pair: Pair) -> None:
    ours, theirs = pair
    before = open_descriptors()
    send_with(theirs, encode(Ack()), [theirs.fileno()] * 3)
    received = transport.receive(ours)
    assert received is not None
    slave = SlaveHandshake([(0, 4096)], [Ring(S2M, 0, 0, 0, 1, 0), Ring(M2S, 0, 0, 1024, 1, 0)], now=0.0)
    with pytest.raises(ProtocolViolation):
        slave.receive(received.data, received.fds, 0.0)
    transport.close_all(slave.take_unwanted())
    assert open_descriptors() == before


def test_credentials_name_the_sender_beside_a_descriptor(pair: Pair) -> None:
    ours, theirs = pair
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    transport.send(theirs, encode(Ack()), theirs.fileno())
    received = transport.receive(ours)
    assert received is not None
    transport.close_all(received.fds)
    assert len(received.fds) == 1
    assert received.credentials == (os.getpid(), os.getuid(), os.getgid())


def test_other_messages_on_the_same_socket_may_have_other_sizes(pair: Pair) -> None:
    ours, theirs = pair
    transport.send(theirs, bytes(5000))
    received = transport.receive(ours, 65536)
    assert received is not None
    assert len(received.data) == 5000


def test_both_ends_connect_over_a_socket_with_real_memory(pair: Pair) -> None:
    with_fds = [sealed_memfd(REGION_SIZE), os.eventfd(0, os.EFD_CLOEXEC), os.eventfd(0, os.EFD_CLOEXEC)]
    memory, *signals = with_fds
    rings = [Ring(S2M, 0, 0, 0, 8, signals[0]), Ring(M2S, 0, 0, 8192, 8, signals[1])]
    slave, master = SlaveHandshake([(memory, REGION_SIZE)], rings, now=0.0), MasterHandshake(now=0.0)
    got: list[int] = []
    while not (slave.connected and master.connected):
        _flush(master, pair[0])
        _take(slave, pair[1])
        _flush(slave, pair[1])
        got += _take(master, pair[0])
    assert [os.fstat(fd).st_ino for fd in got] == [os.fstat(fd).st_ino for fd in with_fds]
    transport.close_all(got + with_fds)


def _flush(machine: Machine, sock: socket.socket) -> None:
    for data, fd in machine.data_to_send():
        transport.send(sock, data, fd)


def _take(machine: Machine, sock: socket.socket) -> list[int]:
    """Take what is there and check it as an owner must; return the descriptors that are ours now."""
    try:
        received = transport.receive(sock)
    except BlockingIOError:
        return []
    assert received is not None
    got = []
    for event in machine.receive(received.data, received.fds, 0.0):
        match event:
            case RegionAdded(_, fd, size):
                check_memory_fd(fd, size)
                got.append(fd)
            case RingAdded(fd=fd):
                check_eventfd(fd)
                got.append(fd)
            case ConnectRequested() if isinstance(machine, MasterHandshake):
                machine.confirm()
            case _:
                pass
    return got
