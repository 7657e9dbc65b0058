"""Large packets of stock sources come in by portions, and nobody else waits for the whole."""

import random
from contextlib import closing

import pytest
from mediamesh_testing.waiting import wait_until
from native_peers import Node, take
from native_stock_peers import StockMaster, StockSlave

from mediamesh_native.stockrings import StockRings

RANDOM = random.Random(11)
BOTH: list[str] = ["slave", "master"]  # our role
Peer = StockMaster | StockSlave
LARGE, PORTIONS = 33_554_432, 100


@pytest.mark.parametrize("role", BOTH)
def test_others_have_their_turns_between_the_portions_of_a_large_packet(role: str) -> None:
    with Node(start=False) as node:
        large, small = node.flow(frames=2, capacity=LARGE), node.flow(frames=PORTIONS + 8)
        first = node.sink(large)
        if role == "slave":
            own = node.own(StockRings.own(media_s2m=False, log2=10, chunk=65_472))
            peer: Peer = node.own(StockMaster(own))
            node.engine.add_stock_source(large.number, own)
        else:
            peer = node.own(StockSlave(media_s2m=True, log2=1, size=LARGE))
            node.engine.add_stock_source(large.number, node.own(peer.adopted()))
        many = node.own(StockSlave(media_s2m=True, log2=10))
        node.engine.add_stock_source(small.number, node.own(many.adopted()))
        taking = node.sink(small, 128)
        content = RANDOM.randbytes(LARGE // 64) * 64
        peer.send(content)
        for _ in range(PORTIONS):
            many.send(b"small", publish=False)
            many.publish(many.rings[0].head.value + 1)
        node.engine.start()
        with take(first) as frame:
            came = frame.sent
            assert bytes(frame) == content
        before = 0
        for _ in range(PORTIONS):
            with take(taking) as frame:
                before += frame.sent < came
        assert before == PORTIONS, "the large packet was copied first"


def test_whoever_goes_in_the_middle_of_a_packet_leaves_no_frame_behind() -> None:
    with Node() as node:
        flow = node.flow(frames=2, capacity=LARGE)
        for turn in range(20):
            peer = StockSlave(media_s2m=True, log2=1, size=LARGE)
            with closing(peer), closing(peer.adopted()) as adopted:
                number = node.engine.add_stock_source(flow.number, adopted)
                copied = node.engine.engine_counters().bytes_copied
                peer.describe(0, 0, LARGE)
                peer.publish(1)
                wait_until(lambda copied=copied: node.engine.engine_counters().bytes_copied > copied, "a portion")  # type: ignore[misc]
                node.engine.remove(number)
            assert node.free(flow) >= 1, turn  # the newest frame stays for a late sink
