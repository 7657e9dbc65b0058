"""Clients that have attached by the rules and then do to the shared memory what they like, beside a healthy flow."""

import ctypes
import mmap
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from faults_beset import OTHER, TARGET, all_is_well, ends, new_ends, told
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import CAPACITY
from mediamesh_testing.rawclient import RawClient
from mediamesh_testing.rings import PAGE, HostilePeer
from mediamesh_testing.waiting import PATIENCE, wait_until

import mediamesh
from mediamesh_native.pool import RingRegion

QUEUE = 4
PUNCH_HOLE = 0x03  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def hostile(hub: HubUnderTest, role: str, connection: str = TARGET) -> Iterator[HostilePeer]:
    """Attach as an honest client would, and get at the rings."""
    with RawClient(hub.root) as client:
        client.attach(role, connection)
        s2m, m2s = client.rings[1].fd, client.rings[0].fd
        # The end to wait on stands here where the hub has the end to send on.
        rings = RingRegion(QUEUE, fd=client.regions[0].fd, s2m_signal=s2m, m2s_event=m2s)
        client.fds = [fd for fd in client.fds if fd not in {rings.fd, s2m, m2s}]  # the rings close them
        peer = HostilePeer(rings, 0)
        try:
            yield peer
        finally:
            peer.close()
            rings.close()


def jump(peer: HostilePeer) -> None:
    peer.m2s.tail.value += 30000
    peer.kick()


def twice(peer: HostilePeer) -> None:
    posted = peer.posted()
    peer.send(posted)
    peer.send(posted)


def ends_of(peer: HostilePeer) -> Iterator[socket.socket]:
    """Yield the end on which the hub wakes the client."""
    with socket.socket(fileno=os.dup(peer.rings.s2m_signal)) as end:
        yield end


def never_reads(peer: HostilePeer) -> None:
    for fd in (peer.rings.s2m_signal, peer.rings.m2s_event):
        os.set_blocking(fd, True)
    for end in ends_of(peer):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)


def shuts_down(peer: HostilePeer) -> None:
    for end in ends_of(peer):
        end.shutdown(socket.SHUT_RDWR)


def closes(peer: HostilePeer) -> None:
    """Put another file in its place: the rings are going to close the number once more."""
    os.dup2(peer.rings.fd, peer.rings.s2m_signal)


def fills(peer: HostilePeer) -> None:
    with suppress(BlockingIOError):
        os.eventfd_read(peer.rings.m2s_event)
    os.eventfd_write(peer.rings.m2s_event, 2**64 - 2)
    os.set_blocking(peer.rings.m2s_event, True)


def claim(peer: HostilePeer, number: int) -> None:
    peer.claim.value = number
    peer.kick()


SOURCES: dict[str, tuple[Callable[[HostilePeer], None], str]] = {
    "beyond the pool": (lambda peer: peer.send(peer.posted(), offset=1 << 31), "ForeignBuffer"),
    "another region": (lambda peer: peer.send(peer.posted(), region=7), "ForeignBuffer"),
    "the header of the next frame": (lambda peer: peer.send(peer.posted(), offset=PAGE), "ForeignBuffer"),
    "a frame that is not its own": (
        lambda peer: peer.send(peer.posted(), offset=900 * (CAPACITY + PAGE)),
        "ForeignBuffer",
    ),
    "longer than a frame": (lambda peer: peer.send(peer.posted(), length=CAPACITY + PAGE + 1), "BadLength"),
    "as long as can be said": (lambda peer: peer.send(peer.posted(), length=0xFFFFFFFF), "BadLength"),
    "shorter than a header": (lambda peer: peer.send(peer.posted(), length=7), "BadLength"),
    "the same frame twice": (twice, "ForeignBuffer"),
    "more than the ring holds": (jump, "IndexJump"),
}
SINKS: dict[str, tuple[Callable[[HostilePeer], None], str]] = {
    "a frame it never had": (lambda peer: peer.send(peer.arrived(), metadata=0xABCD0002), "BadReturn"),
    "a slot that is none": (lambda peer: peer.send(peer.arrived(), metadata=0xFFFF), "BadReturn"),
    "more than the ring holds": (jump, "IndexJump"),
    "frames of the future": (lambda peer: claim(peer, 1 << 40), "ClaimJump"),
    "frames of the past": (lambda peer: claim(peer, (1 << 64) - 1), "ClaimJump"),
}


@pytest.mark.parametrize(("harm", "reason"), SOURCES.values(), ids=SOURCES.keys())
def test_a_source_that_writes_nonsense_is_ended(
    beset: HubUnderTest, harm: Callable[[HostilePeer], None], reason: str
) -> None:
    before = ends(beset)
    with hostile(beset, "source") as peer:
        harm(peer)
        told(beset, before, reason)
    all_is_well(beset)


@pytest.mark.parametrize(("harm", "reason"), SINKS.values(), ids=SINKS.keys())
def test_a_sink_that_writes_nonsense_is_ended(
    beset: HubUnderTest, harm: Callable[[HostilePeer], None], reason: str
) -> None:
    wait_until(lambda: not beset.flow(TARGET).attachments, "the last test's clients to be gone")
    before = ends(beset)
    taking, feeding = mediamesh.open_sink(TARGET), mediamesh.open_source(TARGET, timeout=PATIENCE)
    with taking, feeding, hostile(beset, "sink") as peer:
        feeding.send(b"first", timeout=PATIENCE)
        peer.arrived()
        harm(peer)
        for number in range(64):
            feeding.send(b"%d" % number, timeout=PATIENCE)
            taking.receive(timeout=PATIENCE).release()
        told(beset, before, reason)
    all_is_well(beset)


@pytest.mark.parametrize("harm", [never_reads, shuts_down, closes, fills])
@pytest.mark.parametrize("role", ["source", "sink"])
def test_a_client_that_spoils_what_wakes_it_hurts_only_itself(
    beset: HubUnderTest, harm: Callable[[HostilePeer], None], role: str
) -> None:
    wait_until(lambda: not beset.flow(TARGET).attachments, "the last test's clients to be gone")
    before = ends(beset)
    connection = OTHER if role == "source" else TARGET
    with mediamesh.open_sink(TARGET) as taking, mediamesh.open_source(TARGET, timeout=PATIENCE) as feeding:
        with hostile(beset, role, connection) as peer:
            peer.s2m.flags.value = 0
            harm(peer)
            for number in range(200):
                feeding.send(b"%d" % number, timeout=PATIENCE)
                with taking.receive(timeout=PATIENCE) as frame:
                    assert bytes(frame) == b"%d" % number
        wait_until(lambda: len(beset.flow(connection).attachments) == (2 if role == "sink" else 0), "it to be gone")
        assert new_ends(beset, before) in ({}, {"PeerGone": 1})
    all_is_well(beset)


def test_a_source_gets_at_no_other_flow(beset: HubUnderTest) -> None:
    """It knows the other flow's pool only if it is that flow's sink, and then the memory is sealed."""
    with mediamesh.open_source(OTHER, timeout=PATIENCE) as honest, RawClient(beset.root) as spy:
        spy.attach("sink", OTHER)
        while max(spy.regions) == 0:
            spy.step()
        pool = spy.regions[max(spy.regions)]
        before = ends(beset)
        with hostile(beset, "source") as peer, mediamesh.open_sink(OTHER) as taking:
            with pytest.raises(PermissionError):
                mmap.mmap(pool.fd, pool.size)
            own = peer.posted()
            peer.send(own, region=own.region + 1)
            told(beset, before, "ForeignBuffer")
            honest.send(b"untouched", timeout=PATIENCE)
            with taking.receive(timeout=PATIENCE) as frame:
                assert bytes(frame) == b"untouched"
        assert beset.flow(OTHER).attachments, "its own source is still there"
    all_is_well(beset)


def written(fd: int) -> None:
    os.pwrite(fd, b"mine", PAGE)


def mapped(fd: int) -> None:
    with mmap.mmap(fd, PAGE):
        pass


def upgraded(fd: int) -> None:
    """Map it for reading, then ask for more."""
    with mmap.mmap(fd, PAGE, prot=mmap.PROT_READ):
        pointer = ctypes.c_void_p(address_of(fd))
        checked(libc.mprotect(pointer, ctypes.c_size_t(PAGE), mmap.PROT_READ | mmap.PROT_WRITE))


def forced(fd: int) -> None:
    """Write through /proc/self/mem, which writes into read-only mappings as a debugger does."""
    with mmap.mmap(fd, PAGE, prot=mmap.PROT_READ), Path("/proc/self/mem").open("r+b", buffering=0) as all_memory:
        all_memory.seek(address_of(fd))
        all_memory.write(b"mine")


def address_of(fd: int) -> int:
    """Find where the last mapping of this memory begins."""
    inode = str(os.fstat(fd).st_ino)
    mappings = [line for line in Path("/proc/self/maps").read_text().splitlines() if line.split()[4] == inode]
    return int(mappings[-1].partition("-")[0], 16)


def checked(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def reopened(fd: int) -> int:
    return os.open(f"/proc/self/fd/{fd}", os.O_RDWR)


def through_another(way: Callable[[int], None]) -> Callable[[int], None]:
    """Try it with a descriptor that was opened anew, for writing."""

    def attempt(fd: int) -> None:
        again = reopened(fd)
        try:
            way(again)
        finally:
            os.close(again)

    return attempt


def sent(fd: int) -> None:
    with Path(__file__).open("rb") as this:
        os.sendfile(fd, this.fileno(), 0, 100)


WAYS: dict[str, Callable[[int], None]] = {
    "write": written,
    "map": mapped,
    "map for reading, then mprotect": upgraded,
    "/proc/self/mem": forced,
    "shrink": lambda fd: os.ftruncate(fd, 0),
    "grow": lambda fd: os.ftruncate(fd, 1 << 40),
    "punch a hole": lambda fd: checked(libc.fallocate(fd, PUNCH_HOLE, ctypes.c_long(0), ctypes.c_long(PAGE))),
    "sendfile": sent,
}
WAYS |= {f"{name}, opened anew": through_another(way) for name, way in WAYS.items()}


FORCED = [name for name in WAYS if "/proc/self/mem" in name]
"""The kernel forbids these on every shared mapping, sealed or not."""


@pytest.mark.parametrize("name", sorted(WAYS.keys() - FORCED))
def test_each_way_works_where_nothing_is_sealed(name: str) -> None:
    fd = os.memfd_create("open to all")
    try:
        os.ftruncate(fd, 4 * PAGE)
        WAYS[name](fd)
    finally:
        os.close(fd)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_consumer_cannot_write_the_pool_not_even_as_root(beset: HubUnderTest, way: Callable[[int], None]) -> None:
    with mediamesh.open_source(TARGET, timeout=PATIENCE) as feeding, RawClient(beset.root) as consumer:
        consumer.attach("sink", TARGET)
        while max(consumer.regions) == 0:
            consumer.step()
        with mediamesh.open_sink(TARGET) as honest:
            feeding.send(b"as it was", timeout=PATIENCE)
            with honest.receive(timeout=PATIENCE) as frame:
                with pytest.raises(OSError, match=r"Permission denied|not permitted|Input/output error"):
                    way(consumer.regions[max(consumer.regions)].fd)
                assert bytes(frame) == b"as it was"
