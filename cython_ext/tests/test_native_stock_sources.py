"""What stock memif peers send becomes frames: one packet, however chained, is one frame."""

import os
import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from mediamesh_testing.waiting import wait_until
from memif_ends import open_descriptors
from native_peers import Flow, Node, Sink, receive, send, take
from native_stock_peers import NEXT, StockMaster, StockSlave

from mediamesh_native.memif.errors import DescriptorRefused
from mediamesh_native.pool import Pool
from mediamesh_native.port import Wait
from mediamesh_native.stockrings import StockRings

RANDOM = random.Random(9)
BOTH: list[str] = ["slave", "master"]  # our role
CAPACITY = 40_000
TRIES = 50
LONG_AGO = 100_000_000  # ns, a hundred times what the engine has its doubts
Peer = StockMaster | StockSlave


@dataclass
class Scene:
    """A flow with a sink, and what a stock source needs."""

    node: Node
    flow: Flow
    sink: Sink

    def attach(self, role: str, *, log2: int = 5, rings: int = 1, sealed: bool = True) -> tuple[int, Peer]:
        return self.as_slave(log2, rings) if role == "slave" else self.as_master(log2, rings, sealed=sealed)

    def as_slave(self, log2: int = 5, rings: int = 1) -> tuple[int, StockMaster]:
        own = self.node.own(StockRings.own(media_s2m=False, log2=log2, rings=rings))
        peer = self.node.own(StockMaster(own))
        return self.node.engine.add_stock_source(self.flow.number, own), peer

    def as_master(self, log2: int = 5, rings: int = 1, *, sealed: bool = True) -> tuple[int, StockSlave]:
        peer = self.node.own(StockSlave(media_s2m=True, log2=log2, rings=rings, sealed=sealed))
        adopted = self.node.own(peer.adopted())
        return self.node.engine.add_stock_source(self.flow.number, adopted), peer

    def arrives(self, content: bytes) -> None:
        with take(self.sink) as frame:
            assert bytes(frame) == content
            assert (frame.metadata, frame.status) == (b"", 0)
            assert frame.time > 0
            assert frame.sent > 0


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Node() as node:
        flow = node.flow(frames=32, capacity=CAPACITY)
        yield Scene(node, flow, node.sink(flow))


@pytest.mark.parametrize("role", BOTH)
def test_packets_of_every_length_become_frames(scene: Scene, role: str) -> None:
    number, peer = scene.attach(role)
    lengths = [0, 1, 64, 2047, 2048, 2049, 20_000, CAPACITY]
    for sequence, length in enumerate(lengths):
        content = RANDOM.randbytes(length)
        peer.send(content)
        scene.arrives(content)
        assert scene.sink.port.last_sequence == sequence
    assert scene.node.engine.counters(number).frames == len(lengths)
    assert scene.node.engine.engine_counters().bytes_copied == sum(lengths)


@pytest.mark.parametrize("role", BOTH)
def test_every_ring_is_read(scene: Scene, role: str) -> None:
    _, peer = scene.attach(role, rings=3)
    for turn in range(60):
        content = RANDOM.randbytes(100 + 200 * turn)
        peer.send(content, turn % 3)
        scene.arrives(content)


@pytest.mark.parametrize("role", BOTH)
def test_indices_wrap_around(scene: Scene, role: str) -> None:
    _, peer = scene.attach(role)
    for turn in range(65_536 // 20 - 10):
        peer.send(b"x" * CAPACITY)
        assert len(take(scene.sink)) == CAPACITY, turn
    for turn in range(100):
        content = RANDOM.randbytes(2048 * (turn % 16) + 1)
        peer.send(content)
        scene.arrives(content)
    assert peer.rings[0].tail.value < 2000


def test_small_pieces_make_one_frame(scene: Scene) -> None:
    _, peer = scene.as_master(log2=8)
    content = RANDOM.randbytes(10_000)
    peer.send(content, size=100)
    scene.arrives(content)


@pytest.mark.parametrize("role", BOTH)
def test_a_chain_waits_until_it_is_complete(scene: Scene, role: str) -> None:
    _, peer = scene.attach(role)
    content = RANDOM.randbytes(5 * 2048)
    peer.send(content, publish=False)
    ring = [peer.rings[0].head if isinstance(peer, StockSlave) else peer.rings[0].tail]
    for published in range(1, 5):
        ring[0].value = published
        peer.kick()
        scene.node.engine.flow_counters(scene.flow.number)
        assert scene.sink.port.take() is None
    ring.pop().value = 5
    peer.kick()
    scene.arrives(content)


@pytest.mark.parametrize("role", BOTH)
def test_a_packet_too_large_for_a_frame_ends_the_peer(scene: Scene, role: str) -> None:
    number, peer = scene.attach(role)
    peer.send(b"before")
    scene.arrives(b"before")
    peer.send(bytes(CAPACITY + 1))
    assert scene.node.ended() == (number, "BadLength")
    assert scene.node.engine.counters(number).frames == 1


@pytest.mark.parametrize("role", BOTH)
def test_a_packet_that_is_never_completed_ends_the_peer(scene: Scene, role: str) -> None:
    number, peer = scene.attach(role)
    peer.send(bytes(3 * 2048), publish=False)
    published = peer.rings[0].head if isinstance(peer, StockSlave) else peer.rings[0].tail
    published.value = 2
    peer.kick()
    assert scene.node.ended() == (number, "BadChain")


@pytest.mark.parametrize("role", BOTH)
def test_a_block_sink_holds_the_peers_packets_back(scene: Scene, role: str) -> None:
    node = scene.node
    node.engine.remove(scene.sink.number)
    slow = node.sink(scene.flow, 2, "block")
    _, peer = scene.attach(role)
    for turn in range(8):
        peer.send(bytes([turn]))
    node.sent(scene.flow, 2)
    for turn in range(8):
        with take(slow) as frame:
            assert bytes(frame) == bytes([turn])


@pytest.mark.parametrize("role", BOTH)
def test_a_pool_that_is_used_up_holds_the_peers_packets_back(role: str) -> None:
    with Node() as node:
        flow = node.flow(frames=4, capacity=CAPACITY)
        scene = Scene(node, flow, node.sink(flow, 8))
        _, peer = scene.attach(role)
        for turn in range(8):
            peer.send(bytes([turn]))
        held = [take(scene.sink) for _ in range(4)]
        assert scene.sink.port.take() is None
        for turn, frame in enumerate(held):
            assert bytes(frame) == bytes([turn])
            frame.release()
        for turn in range(4, 8):
            scene.arrives(bytes([turn]))


def test_buffers_that_the_owner_can_truncate_are_read_without_a_mapping(scene: Scene) -> None:
    source, witness = scene.node.flow(), scene.node.flow()
    number, peer = scene.as_master(sealed=False)
    content = RANDOM.randbytes(20_000)
    peer.send(content)
    scene.arrives(content)
    peer.send(content, publish=False)
    os.truncate(f"/proc/self/fd/{peer.announced_regions[1][0]}", 4096)
    peer.publish(20)
    assert scene.node.ended() == (number, "ForeignBuffer")
    other_source, other = scene.node.source(witness), scene.node.sink(witness)
    send(other_source, 1)
    assert receive(other) == 1
    assert scene.node.free(source) == 64


@pytest.mark.parametrize("flags", [0, os.MFD_HUGETLB])
def test_holes_of_memory_that_is_not_steady_are_read_and_stay_holes(scene: Scene, flags: int) -> None:
    peer = StockSlave(media_s2m=True)
    fd = os.memfd_create("holes", os.MFD_CLOEXEC | flags)
    os.ftruncate(fd, 1 << 30)
    size = (1 << 30) - 100_000
    adopted = StockRings.adopt([*peer.announced_regions, (fd, size)], peer.announced_rings, media_s2m=True)
    scene.node.own(adopted)
    number = scene.node.engine.add_stock_source(scene.flow.number, adopted)
    for turn in range(16):
        peer.describe(0, turn, 9000)
        peer.rings[0][turn].region, peer.rings[0][turn].offset = 2, turn * 67_000_000 % (size - 9000)
        peer.publish(turn + 1)
        scene.arrives(bytes(9000))
    assert os.fstat(fd).st_blocks == 0
    scene.node.engine.remove(number)
    peer.close()


WRONG = [
    ({"region": 2}, "ForeignBuffer"),
    ({"region": 0xFFFF}, "ForeignBuffer"),
    ({"offset": 0xFFFFFFFF}, "ForeignBuffer"),
    ({"offset": 32 * 2048 - 99}, "ForeignBuffer"),
]


@pytest.mark.parametrize(("changes", "reason"), WRONG)
def test_a_slave_that_describes_what_is_not_its_own_ends(scene: Scene, changes: dict[str, int], reason: str) -> None:
    number, peer = scene.as_master()
    peer.send(b"x" * 100, publish=False)
    for name, value in changes.items():
        setattr(peer.rings[0][0], name, value)
    peer.publish(1)
    assert scene.node.ended() == (number, reason)
    scene.node.engine.remove(number)
    assert scene.node.free(scene.flow) == 32


@pytest.mark.parametrize("role", BOTH)
@pytest.mark.parametrize("jump", [33, 0x7FFF, 0x8000, 0xFFFF])
def test_an_index_that_jumps_ends_the_peer(scene: Scene, role: str, jump: int) -> None:
    number, peer = scene.attach(role)
    if isinstance(peer, StockSlave):
        peer.rings[0].head.value = jump
    else:
        wait_until(lambda: peer.rings[0].head.value == 32)
        peer.rings[0].tail.value = jump
    peer.kick()
    assert scene.node.ended() == (number, "IndexJump")


@pytest.mark.parametrize("role", BOTH)
def test_a_chain_without_an_end_ends_the_peer(scene: Scene, role: str) -> None:
    number, peer = scene.attach(role)
    for index in range(32):
        peer.rings[0][index].flags = NEXT
        peer.rings[0][index].length = 1
    (peer.rings[0].head if isinstance(peer, StockSlave) else peer.rings[0].tail).value = 32
    peer.kick()
    assert scene.node.ended() == (number, "BadChain")


def test_a_master_that_fills_more_than_its_buffer_ends(scene: Scene) -> None:
    number, peer = scene.as_slave()
    peer.send(b"x", publish=False)
    peer.rings[0][0].length = 2049
    peer.rings[0].tail.value = 1
    peer.kick()
    assert scene.node.ended() == (number, "BadLength")


def test_what_a_master_writes_into_other_fields_does_not_matter(scene: Scene) -> None:
    _, peer = scene.as_slave()
    for turn in range(100):
        index = peer.rings[0].tail.value
        peer.send(bytes([turn]), publish=False)
        descriptor = peer.rings[0][index]
        descriptor.region, descriptor.offset, descriptor.metadata = 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF
        peer.rings[0].tail.value = index + 1
        peer.kick()
        scene.arrives(bytes([turn]))


def test_a_sealed_pool_is_not_for_stock_sources() -> None:
    with Node() as node, closing(Pool(8, 4096)) as made:
        made.seal()
        adopted = node.own(Pool(8, 4096, fd=os.dup(made.fd)))
        flow = node.engine.add_flow()
        node.engine.set_pool(flow, adopted, 1)
        own = node.own(StockRings.own(media_s2m=False, log2=4))
        with pytest.raises(ValueError, match="sealed"):
            node.engine.add_stock_source(flow, own)


BAD_RINGS = [
    {"region": 7},
    {"offset": 1},
    {"offset": 1 << 40},
    {"log2": 60},
    {"offset": 4096},  # no cookie there
    {"region": 1},  # cannot be sealed
]


@pytest.mark.parametrize("change", BAD_RINGS)
def test_rings_that_are_not_what_they_should_be_are_not_adopted(scene: Scene, change: dict[str, int]) -> None:
    peer = scene.node.own(StockSlave(media_s2m=True, sealed=False))
    before = open_descriptors()
    names = ["is_s2m", "index", "region", "offset", "log2", "event"]
    rings = [tuple((dict(zip(names, ring, strict=True)) | change).values()) for ring in peer.announced_rings]
    with pytest.raises((ValueError, DescriptorRefused), match=r"ring \d|region \d"):
        StockRings.adopt(peer.announced_regions, rings, media_s2m=True)  # type: ignore[arg-type]
    assert len(open_descriptors()) == len(before) - 4  # taken over, and closed


def test_a_ring_in_memory_that_can_shrink_is_not_adopted() -> None:
    peer = StockSlave(media_s2m=True)
    fd = os.memfd_create("can shrink")
    os.ftruncate(fd, 1 << 17)
    regions = [(fd, 1 << 17), *peer.announced_regions]
    with pytest.raises(DescriptorRefused, match="can neither be sealed"):
        StockRings.adopt(regions, peer.announced_rings, media_s2m=True)
    peer.close()


def test_buffers_in_a_file_that_could_make_us_wait_are_not_adopted(tmp_path: Path) -> None:
    peer = StockSlave(media_s2m=True)
    regions = [peer.announced_regions[0], (os.open(tmp_path / "slow", os.O_RDWR | os.O_CREAT), 4096)]
    os.ftruncate(regions[1][0], 4096)
    try:
        with pytest.raises(DescriptorRefused, match="neither tmpfs nor hugetlbfs"):
            StockRings.adopt(regions, peer.announced_rings, media_s2m=True).close()
    finally:
        os.close(peer.announced_regions[1][0])
        peer.close()


def test_without_a_ring_for_the_media_nothing_is_adopted() -> None:
    peer = StockSlave(media_s2m=True)
    with pytest.raises(ValueError, match="no ring"):
        StockRings.adopt(peer.announced_regions, [r for r in peer.announced_rings if not r[0]], media_s2m=True)
    for ring in peer.announced_rings[:1]:
        os.close(ring[5])
    peer.close()


CHUNKS = [0, 2049, 65_536]


@pytest.mark.parametrize("chunk", CHUNKS)
def test_descriptors_larger_than_the_buffers_are_refused(chunk: int) -> None:
    with Node() as node:
        own = node.own(StockRings.own(media_s2m=True, log2=4, chunk=2048))
        with pytest.raises(ValueError, match="do not fit"):
            node.engine.add_stock_sink(node.flow().number, own, queue=4, policy="block", newest=False, chunk=chunk)


def test_a_packet_is_found_though_its_sender_saw_us_awake_and_did_not_signal(scene: Scene) -> None:
    """A sender looks whether we are awake before others can see its packet, so it may send while we fall asleep."""
    _, peer = scene.as_master()
    for _ in range(TRIES):
        peer.send(b"with a signal")
        scene.arrives(b"with a signal")
        wait_until(lambda: peer.rings[0].flags.value == 0, "the engine to sleep")
        peer.send(b"without", publish=False)
        peer.rings[0].head.value += 1
        if scene.sink.port.wait(LONG_AGO) is Wait.READY:
            return scene.arrives(b"without")
        peer.kick()  # this machine gave us no time while the engine still looked
        scene.arrives(b"without")
    pytest.fail("nobody looked again")
