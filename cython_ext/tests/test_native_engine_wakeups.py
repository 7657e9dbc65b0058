"""What a client does to the descriptors on which it is woken, or wakes the hub, harms nobody but itself.

Each `HARMS` is done by a client that says it sleeps and never takes anything, so the engine signals it for every frame.
"""

import array
import ctypes
import fcntl
import os
import socket
from collections.abc import Callable
from contextlib import closing, suppress

import pytest
from mediamesh_testing.rings import BELL_ASLEEP, BELL_AWAKE, HostilePeer
from native_peers import PATIENCE_NS, Node, receive, send, take

from mediamesh_native.pool import RingRegion
from mediamesh_native.port import Wait

KEEP_SIZE, PUNCH_HOLE = 1, 2  # of fallocate
FRAMES = 500  # far more than there is room for signals


def with_socket(act: Callable[[socket.socket], object]) -> Callable[[HostilePeer], None]:
    """Do something to the end on which the hub wakes us."""

    def harm(peer: HostilePeer) -> None:
        with socket.socket(fileno=os.dup(peer.rings.s2m_event)) as end:
            act(end)

    return harm


def blocking(peer: HostilePeer) -> None:
    for fd in (peer.rings.s2m_event, peer.rings.m2s_event, peer.rings.fd):
        os.set_blocking(fd, True)


def smallest(end: socket.socket) -> None:
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF, socket.SO_RCVLOWAT):
        end.setsockopt(socket.SOL_SOCKET, option, 0)


def punch_holes(peer: HostilePeer) -> None:
    """Give back the memory of the rings, the bell's too, while the engine writes there."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.fallocate(peer.rings.fd, KEEP_SIZE | PUNCH_HOLE, ctypes.c_long(0), ctypes.c_long(peer.rings.size)) == 0


def lie(value: int) -> Callable[[HostilePeer], None]:
    """Say of the bell what is not so."""

    def harm(peer: HostilePeer) -> None:
        peer.bell.value = value

    return harm


def full_counter(peer: HostilePeer) -> None:
    """Fill the eventfd on which we wake the hub, and have whoever writes it wait."""
    with suppress(BlockingIOError):
        os.eventfd_read(peer.rings.m2s_event)
    os.eventfd_write(peer.rings.m2s_event, 2**64 - 2)
    os.set_blocking(peer.rings.m2s_event, True)


HARMS: dict[str, Callable[[HostilePeer], None]] = {
    "never reads": lambda peer: None,
    "takes O_NONBLOCK off": blocking,
    "makes its buffers small": with_socket(smallest),
    "shuts reading down": with_socket(lambda end: end.shutdown(socket.SHUT_RD)),
    "shuts everything down": with_socket(lambda end: end.shutdown(socket.SHUT_RDWR)),
    "closes its end": lambda peer: peer.rings.given_away(),
    "fills the hub's eventfd": full_counter,
    "says that it is awake": lie(BELL_AWAKE),
    "says that it sleeps on the bell": lie(BELL_ASLEEP),
    "writes nonsense on the bell": lie(0xFFFFFFFF),
    "punches holes": punch_holes,
}
TELLS_NOTHING = {"says that it is awake", "says that it sleeps on the bell"}
"""It has said itself, for good or until the next time, that no signal is needed."""


@pytest.mark.parametrize("polling", [False, True])
@pytest.mark.parametrize("name", HARMS)
def test_a_client_cannot_make_the_engine_wait(name: str, polling: bool) -> None:
    with Node(polling=polling) as node:
        flow = node.flow()
        source, peer, witness = node.source(flow), node.hostile_sink(flow), node.sink(flow)
        signals = node.engine.engine_counters().signals
        peer.s2m.flags.value = 0
        HARMS[name](peer)
        for number in range(FRAMES):
            send(source, number)
            assert receive(witness) == number
        assert not node.engine.check_stuck(0)
        assert node.engine.events() == []  # and the engine has done with the last frame
        assert name in TELLS_NOTHING or node.engine.engine_counters().signals >= signals + FRAMES
        assert node.engine.remove(peer.number).dropped >= FRAMES - 8


@pytest.mark.parametrize("name", [name for name in HARMS if name != "punches holes"])  # it is to send what was posted
def test_a_source_cannot_either(name: str) -> None:
    with Node() as node:
        flow, other = node.flow(), node.flow()
        peer, source, sink = node.hostile_source(flow), node.source(other), node.sink(other)
        peer.s2m.flags.value = 0
        peer.posted(7)
        HARMS[name](peer)
        for index in range(8):
            peer.m2s.tail.value += 1  # what was posted is sent as it is
            node.engine.hold(peer.number, held=False)  # has it looked at: its own way to say so may be gone
            node.sent(flow, index + 1)
        for number in range(FRAMES):
            send(source, number)
            assert receive(sink) == number
        assert node.engine.events() == []


def test_the_hub_has_an_end_of_its_own() -> None:
    with closing(RingRegion(8)) as rings:
        assert fcntl.fcntl(rings.s2m_signal, fcntl.F_GETFD) == fcntl.FD_CLOEXEC
        assert os.fstat(rings.s2m_signal).st_ino != os.fstat(rings.s2m_event).st_ino
        for way in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
            with pytest.raises(OSError, match="No such device"):
                os.open(f"/proc/self/fd/{rings.s2m_event}", way)


def test_nothing_can_be_sent_to_it_not_even_a_descriptor() -> None:
    with closing(RingRegion(8)) as rings, socket.socket(fileno=os.dup(rings.s2m_event)) as end:
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [rings.fd]).tobytes())
        with pytest.raises(BrokenPipeError):
            end.send(b"x")
        with pytest.raises(BrokenPipeError):
            end.sendmsg([b"x"], [rights])


def test_an_end_that_was_given_away_is_the_clients_alone() -> None:
    with Node() as node:
        flow = node.flow()
        source, sink = node.source(flow), node.sink(flow)
        end = sink.rings.s2m_event
        sink.rings.given_away()
        sink.rings.given_away()
        assert sink.rings.s2m_event == -1
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(end)
        send(source, 1)
        assert receive(sink) == 1


@pytest.mark.parametrize("external", [False, True])
def test_a_sleeper_that_was_signalled_too_often_misses_nothing(external: bool) -> None:
    with Node() as node:
        flow = node.flow()
        source, sink = node.source(flow), node.sink(flow)
        if external:
            sink.port.fileno()
        for turn in range(20):
            with closing(node.hub_side(sink.rings)) as rings:
                rings.s2m.flags.value = 0  # it says that it sleeps, and is signalled each time
            for number in range(100):
                send(source, number)
            node.sent(flow, 101 * turn + 100)
            assert [receive(sink) for _ in range(8)] == list(range(92, 100))
            assert sink.port.wait(0) is Wait.TIMEOUT
            send(source, turn)
            assert sink.port.wait(PATIENCE_NS) is Wait.READY
            assert take(sink).sequence == 101 * (turn + 1) - 1


def test_the_hub_going_away_is_no_frame() -> None:
    with Node() as node:
        flow = node.flow()
        sink = node.sink(flow)
        node.engine.remove(sink.number)
        sink.rings.close()
        assert sink.port.wait(1_000_000) is Wait.TIMEOUT
        sink.port.fileno()
        assert sink.port.wait(1_000_000) is Wait.TIMEOUT
