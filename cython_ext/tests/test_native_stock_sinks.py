"""Frames go out to stock memif peers, in both roles: whole, in order, cut to what the peer can digest."""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from mediamesh_testing.waiting import wait_until
from native_peers import Flow, Node, Policy, Source, acquire, receive, send
from native_stock_peers import StockMaster, StockSlave

from mediamesh_native.stockrings import StockRings

RANDOM = random.Random(7)
BOTH: list[str] = ["slave", "master"]  # our role


@dataclass
class Scene:
    """A flow with a source, and what a stock sink needs."""

    node: Node
    flow: Flow
    source: Source

    def as_slave(
        self,
        *,
        log2: int = 4,
        rings: int = 1,
        chunk: int = 2048,
        queue: int = 8,
        policy: Policy = "block",
        shared: bool = False,
    ) -> tuple[int, StockMaster]:
        own = self.node.own(StockRings.own(media_s2m=True, log2=log2, rings=rings, chunk=chunk, buffers=not shared))
        if shared:
            own.regions.append((self.flow.pool.fd, self.flow.pool.size))
        peer = self.node.own(StockMaster(own))
        number = self.node.engine.add_stock_sink(
            self.flow.number, own, queue=queue, policy=policy, newest=False, shared=shared, chunk=chunk
        )
        return number, peer

    def as_master(
        self, *, log2: int = 4, rings: int = 1, queue: int = 8, policy: Policy = "block", sealed: bool = True
    ) -> tuple[int, StockSlave]:
        peer = self.node.own(StockSlave(media_s2m=False, log2=log2, rings=rings, sealed=sealed))
        for ring in range(rings):
            peer.post(ring)
        adopted = self.node.own(peer.adopted())
        number = self.node.engine.add_stock_sink(self.flow.number, adopted, queue=queue, policy=policy, newest=False)
        return number, peer

    def send(self, content: bytes) -> bytes:
        frame = acquire(self.source)
        memoryview(frame)[: len(content)] = content
        frame.length = len(content)
        frame.send()
        return content


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Node() as node:
        flow = node.flow(frames=32, capacity=40_000)
        yield Scene(node, flow, node.source(flow))


def peer_of(scene: Scene, role: str, rings: int = 1) -> tuple[int, StockMaster | StockSlave]:
    return scene.as_slave(log2=5, rings=rings) if role == "slave" else scene.as_master(log2=5, rings=rings)


@pytest.mark.parametrize("role", BOTH)
def test_frames_of_every_length_arrive_in_order(scene: Scene, role: str) -> None:
    _, peer = peer_of(scene, role)
    for length in [0, 1, 63, 2047, 2048, 2049, 4096, 20_000, 40_000]:
        content = scene.send(RANDOM.randbytes(length))
        assert peer.receive() == content


@pytest.mark.parametrize("role", BOTH)
def test_frames_are_dealt_to_several_rings_in_turn(scene: Scene, role: str) -> None:
    number, peer = peer_of(scene, role, rings=3)
    for turn in range(30):
        content = scene.send(RANDOM.randbytes(100 + 300 * turn))
        assert peer.receive(turn % 3) == content
    assert scene.node.engine.counters(number).dropped == 0


@pytest.mark.parametrize("role", BOTH)
def test_indices_wrap_around(scene: Scene, role: str) -> None:
    _, peer = peer_of(scene, role)
    start = 65_536 // 20 - 10
    for turn in range(start):  # twenty descriptors each
        scene.send(b"x" * 40_000)
        assert len(peer.receive()) == 40_000, turn
    for turn in range(100):
        content = scene.send(RANDOM.randbytes(2048 * (turn % 16) + 1))
        assert peer.receive() == content
    assert peer.rings[0].tail.value < 2000


def test_a_shared_frame_is_described_where_it_lies(scene: Scene) -> None:
    number, peer = scene.as_slave(log2=6, chunk=2048, shared=True)
    for length in [1, 2048, 2049, 40_000]:
        content = scene.send(RANDOM.randbytes(length))
        assert peer.receive() == content
    wait_until(lambda: scene.node.engine.counters(number).occupancy == 0)
    assert scene.node.engine.engine_counters().bytes_copied == 0


def test_a_shared_frame_is_the_peers_until_it_gives_it_back(scene: Scene) -> None:
    number, peer = scene.as_slave(log2=6, shared=True)
    content = scene.send(RANDOM.randbytes(10_000))
    wait_until(lambda: peer.rings[0].head.value == 5)
    assert scene.node.engine.counters(number).occupancy == 1
    assert b"".join(peer.payload(0, index) for index in range(5)) == content
    peer.rings[0].tail.value = 4
    assert scene.node.engine.counters(number).occupancy == 1
    peer.rings[0].tail.value = 5
    assert scene.node.engine.counters(number).occupancy == 0


def test_frames_of_a_later_pool_are_not_for_a_sink_that_shares_the_old(scene: Scene) -> None:
    number, peer = scene.as_slave(log2=6, shared=True)
    scene.node.engine.remove(scene.source.number)
    scene.node.new_pool(scene.flow, 32, 2)
    source = scene.node.source(scene.flow)
    send(source, 1)
    scene.node.sent(scene.flow, 1)
    assert scene.node.engine.counters(number)[:3] == (0, 0, 1)
    assert peer.rings[0].head.value == 0


def test_a_frame_of_8_megabytes_goes_out_as_139_descriptors() -> None:
    with Node() as node:
        flow = node.flow(frames=4, capacity=8_294_400)
        scene = Scene(node, flow, node.source(flow, 2))
        _, peer = scene.as_slave(log2=8, chunk=60_000, queue=2)
        for _ in range(3):
            content = scene.send(RANDOM.randbytes(8_294_400))
            assert peer.receive() == content
        assert peer.rings[0].head.value == 3 * 139
        assert node.engine.engine_counters().bytes_copied == 3 * 8_294_400


def test_a_large_frame_for_one_peer_does_not_hold_up_others() -> None:
    with Node() as node:
        large, small = node.flow(frames=4, capacity=8_294_400), node.flow()
        scene = Scene(node, large, node.source(large, 2))
        peers = [scene.as_slave(log2=8, chunk=60_000, queue=2)[1] for _ in range(3)]
        source, sink = node.source(small), node.sink(small)
        content = scene.send(RANDOM.randbytes(8_294_400))
        for number in range(100):
            send(source, number)
            assert receive(sink) == number
        assert [peer.receive() == content for peer in peers] == [True] * 3


def test_a_sink_that_does_not_take_gets_the_newest_when_it_does(scene: Scene) -> None:
    number, peer = scene.as_slave(log2=2, queue=4, policy="dropOldest")
    sent = [scene.send(bytes([turn]) * 2048) for turn in range(40)]
    scene.node.sent(scene.flow, 40)
    assert [peer.receive()[:1] for _ in range(4)] == [frame[:1] for frame in sent[:4]]  # these were on the ring already
    assert [peer.receive()[:1] for _ in range(4)] == [frame[:1] for frame in sent[-4:]]
    assert scene.node.engine.counters(number).dropped == 32


@pytest.mark.parametrize("role", BOTH)
def test_a_block_sink_that_does_not_take_holds_the_source_back(scene: Scene, role: str) -> None:
    number, peer = (
        scene.as_slave(log2=2, queue=4, policy="block") if role == "slave" else scene.as_master(log2=2, queue=4)
    )
    for turn in range(8 + 8):
        scene.send(bytes([turn]) * 2048)
    scene.node.sent(scene.flow, 8)
    assert scene.source.port.acquire() is None
    assert [peer.receive()[0] for _ in range(16)] == list(range(16))
    assert scene.node.engine.counters(number).dropped == 0


def test_a_disconnect_sink_that_does_not_take_ends(scene: Scene) -> None:
    number, _ = scene.as_slave(log2=2, queue=4, policy="disconnect")
    for turn in range(9):
        scene.send(bytes([turn]))
    assert scene.node.ended() == (number, "SlowSink")


@pytest.mark.parametrize("role", BOTH)
def test_a_frame_that_no_ring_can_carry_is_dropped_and_the_next_arrives(scene: Scene, role: str) -> None:
    number, peer = scene.as_slave(log2=2) if role == "slave" else scene.as_master(log2=2)
    scene.send(bytes(4 * 2048 + 1))
    content = scene.send(RANDOM.randbytes(4 * 2048))
    assert peer.receive() == content
    assert scene.node.engine.counters(number).dropped == 1


@pytest.mark.parametrize("policy", ["dropOldest", "block"])
def test_a_lost_wake_up_is_repeated(scene: Scene, policy: Policy) -> None:
    _, peer = scene.as_slave(policy=policy)
    scene.send(b"unseen")
    wait_until(peer.signalled)
    wait_until(peer.signalled, "another signal")
    wait_until(peer.signalled, "another signal")
    assert peer.receive() == b"unseen"


def test_a_peer_that_polls_is_not_signalled(scene: Scene) -> None:
    _, peer = scene.as_slave()
    peer.rings[0].flags.value = 1
    for _ in range(10):
        scene.send(b"seen")
        assert peer.receive() == b"seen"
    assert not peer.signalled()


def test_unsealed_buffers_are_filled_without_a_mapping(scene: Scene) -> None:
    _, peer = scene.as_master(sealed=False)
    content = scene.send(RANDOM.randbytes(20_000))
    assert peer.receive() == content


def test_a_peer_that_truncates_its_buffers_ends_and_the_hub_does_not(scene: Scene) -> None:
    number, peer = scene.as_master(sealed=False)
    os.truncate(f"/proc/self/fd/{peer.announced_regions[1][0]}", 4096)
    scene.send(RANDOM.randbytes(20_000))
    assert scene.node.ended() == (number, "ForeignBuffer")
    witness = scene.node.sink(scene.flow)
    scene.node.engine.remove(number)
    send(scene.source, 7)
    assert receive(witness) == 7


def test_a_frame_of_33_megabytes_is_put_into_few_large_buffers_in_portions() -> None:
    with Node() as node:
        flow = node.flow(frames=4, capacity=33_177_600)
        scene = Scene(node, flow, node.source(flow, 2))
        peer = node.own(StockSlave(media_s2m=False, log2=2, size=12_000_001))
        peer.post()
        adopted = node.own(peer.adopted())
        node.engine.add_stock_sink(flow.number, adopted, queue=2, policy="block", newest=False)
        for length in [33_177_600, 1, 12_000_001, 12_000_002, 0]:
            content = scene.send(RANDOM.randbytes(length))
            assert peer.receive() == content


def test_removing_a_stock_sink_frees_what_it_had(scene: Scene) -> None:
    number, _ = scene.as_slave(log2=2, queue=8, policy="dropOldest")
    for turn in range(20):
        scene.send(bytes([turn]) * 2048)
    scene.node.sent(scene.flow, 20)
    assert scene.node.engine.remove(number).occupancy == 8
    wait_until(lambda: scene.node.free(scene.flow) == 32 - 1 - 8)
