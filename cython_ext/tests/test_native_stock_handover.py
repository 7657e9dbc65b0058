"""An engine is frozen and another goes on: stock memif peers keep their rings, and lose and get twice nothing."""

import fcntl
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from mediamesh_testing.waiting import wait_until
from native_peers import Flow, Node, Policy, Sink, Source, acquire, receive, send, take
from native_stock_peers import StockMaster, StockSlave
from native_succession import Succession, succession

from mediamesh_native.port import live_objects
from mediamesh_native.stockrings import StockRings

RANDOM = random.Random(12)
BOTH: list[str] = ["slave", "master"]  # our role
CAPACITY = 40_000
LARGE = 33_554_432
FUTURE_WRITE = 0x10  # F_SEAL_FUTURE_WRITE
Peer = StockMaster | StockSlave


@dataclass
class Stock:
    """A stock peer's attachment; `rings` are the engine's side."""

    number: int
    rings: StockRings
    peer: Peer


@dataclass
class Scene:
    """A flow that one engine after another serves."""

    node: Node
    flow: Flow
    line: Succession
    clients: list[Source | Sink | Stock] = field(default_factory=list)

    def source(self) -> Source:
        self.clients.append(feeding := self.node.source(self.flow))
        return feeding

    def sink(self, queue: int = 8, policy: Policy = "block") -> Sink:
        self.clients.append(taking := self.node.sink(self.flow, queue, policy))
        return taking

    def stock_sink(
        self, role: str, *, rings: int = 1, queue: int = 8, shared: bool = False, size: int = 2048, log2: int = 5
    ) -> Stock:
        ours, peer = self.ends(role, to_peer=True, rings=rings, shared=shared, size=size, log2=log2)
        chunk = min(size, 65_472)
        number = self.node.engine.add_stock_sink(
            self.flow.number, ours, queue=queue, policy="block", newest=False, shared=shared, chunk=chunk
        )
        return self.join(number, ours, peer)

    def stock_source(self, role: str, *, rings: int = 1, size: int = 2048, log2: int = 5) -> Stock:
        ours, peer = self.ends(role, to_peer=False, rings=rings, shared=False, size=size, log2=log2)
        stock = self.join(self.node.engine.add_stock_source(self.flow.number, ours), ours, peer)
        self.flow.pool.seal()
        return stock

    def ends(
        self, role: str, *, to_peer: bool, rings: int, shared: bool, size: int, log2: int
    ) -> tuple[StockRings, Peer]:
        if role == "master":
            slave = self.node.own(StockSlave(media_s2m=not to_peer, log2=log2, rings=rings, size=size))
            for ring in range(rings if to_peer else 0):
                slave.post(ring)
            return self.node.own(slave.adopted()), slave
        chunk = min(size, 65_472)
        own = self.node.own(StockRings.own(media_s2m=to_peer, log2=log2, rings=rings, chunk=chunk, buffers=not shared))
        own.regions.extend([(self.flow.pool.fd, self.flow.pool.size)] * shared)  # as the handshake announces it
        master = self.node.own(StockMaster(own))
        del own.regions[len(own.regions) - shared :]
        return own, master

    def join(self, number: int, rings: StockRings, peer: Peer) -> Stock:
        self.clients.append(stock := Stock(number, rings, peer))
        return stock

    def renew_pool(self) -> None:
        """Put a fresh pool under the source, and tell the sinks."""
        region = self.flow.region + 1
        pool = self.node.new_pool(self.flow, self.flow.pool.frames, region)
        pool.seal()
        for client in self.clients:
            if not isinstance(client, Stock):
                client.port.add_region(region, pool.fd, pool.size)


@contextmanager
def scene(frames: int = 32, capacity: int = CAPACITY) -> Iterator[Scene]:
    with Node() as node:
        flow = node.flow(frames=frames, capacity=capacity)
        clients: list[Source | Sink | Stock] = []
        with succession(node, [flow], clients) as line:
            yield Scene(node, flow, line, clients)


def packet(length: int) -> bytes:
    return RANDOM.randbytes(length)


def fill(source: Source, content: bytes) -> bytes:
    frame = acquire(source)
    memoryview(frame)[: len(content)] = content
    frame.length = len(content)
    frame.send()
    return content


LENGTHS = [0, 64, 2048, 2049, 20_000, CAPACITY]


@pytest.mark.parametrize("role", BOTH)
@pytest.mark.parametrize("rings", [1, 3])
def test_a_sink_is_given_every_frame_once(role: str, rings: int) -> None:
    with scene() as it:
        source, stock = it.source(), it.stock_sink(role, rings=rings)
        sent = 0
        for length in LENGTHS:
            waiting = [fill(source, packet(length)) for _ in range(3)]
            it.line.hand_over()
            for content in waiting:
                assert stock.peer.receive(sent % rings) == content
                sent += 1
        counters = it.node.engine.counters(stock.number)
        assert (counters.frames, counters.dropped) == (sent, 0)
        wait_until(lambda: it.node.engine.counters(stock.number).occupancy == 0, "every frame to come back")


def test_a_sink_that_maps_the_pool_keeps_what_it_has() -> None:
    with scene() as it:
        source, stock = it.source(), it.stock_sink("slave", shared=True)
        for length in LENGTHS:
            waiting = [fill(source, packet(length)) for _ in range(4)]
            it.line.hand_over()
            assert stock.peer.receive() == waiting[0]
            it.line.hand_over()
            for content in waiting[1:]:
                assert stock.peer.receive() == content
        wait_until(lambda: it.node.engine.counters(stock.number).occupancy == 0, "every frame to come back")
        assert it.node.engine.engine_counters().bytes_copied == 0
        assert it.node.free(it.flow) == 32 - 1 - 8


@pytest.mark.parametrize("role", BOTH)
@pytest.mark.parametrize("rings", [1, 3])
def test_a_source_goes_on_in_a_fresh_pool(role: str, rings: int) -> None:
    with scene() as it:
        stock, taking = it.stock_source(role, rings=rings), it.sink()
        for turn, length in enumerate(LENGTHS):
            before = packet(length)
            stock.peer.send(before, turn % rings)
            it.node.sent(it.flow, 2 * turn + 1)
            it.node.engine.freeze()
            meanwhile = packet(length)
            stock.peer.send(meanwhile, turn % rings)
            it.line.hand_over(prepare=it.renew_pool)
            for number, content in enumerate([before, meanwhile]):
                with take(taking) as frame:
                    assert (frame.sequence, bytes(frame)) == (2 * turn + number, content)
                    assert frame.flags == 0
        wait_until(lambda: it.node.free(it.flow) == 32 - 1, "every frame to come back")


def test_a_sealed_pool_without_a_fresh_one_is_never_written() -> None:
    with scene() as it:
        stock, taking = it.stock_source("master"), it.sink()
        engine = it.line.hand_over()
        stock.peer.send(b"too early")
        assert engine.flow_counters(it.flow.number).frames == 0
        it.renew_pool()
        with take(taking) as frame:
            assert bytes(frame) == b"too early"


@pytest.mark.parametrize("role", BOTH)
def test_a_packet_that_was_half_copied_comes_in_whole(role: str) -> None:
    size, log2 = (65_472, 10) if role == "slave" else (LARGE, 1)
    with scene(frames=4, capacity=LARGE) as it:
        stock, taking = it.stock_source(role, size=size, log2=log2), it.sink(queue=1)
        for turn in range(3):
            content = packet(LARGE // 64) * 64
            copied = it.node.engine.engine_counters().bytes_copied
            stock.peer.send(content)
            wait_until(lambda: it.node.engine.engine_counters().bytes_copied > copied, "a portion")  # noqa: B023
            it.line.hand_over(prepare=it.renew_pool)
            with take(taking) as frame:
                assert (frame.sequence, bytes(frame) == content) == (turn, True)


@pytest.mark.parametrize("role", BOTH)
def test_a_frame_that_was_half_copied_goes_out_whole_and_once(role: str) -> None:
    size, log2 = (65_472, 10) if role == "slave" else (1 << 20, 6)
    with scene(frames=4, capacity=LARGE) as it:
        source, stock = it.source(), it.stock_sink(role, queue=2, size=size, log2=log2)
        for _ in range(3):
            copied = it.node.engine.engine_counters().bytes_copied
            content = fill(source, packet(LARGE // 64) * 64)
            wait_until(lambda: it.node.engine.engine_counters().bytes_copied > copied, "a portion")  # noqa: B023
            it.line.hand_over()
            assert stock.peer.receive() == content
        assert it.node.engine.counters(stock.number).frames == 3


def test_a_source_under_a_pool_that_is_not_sealed_keeps_it() -> None:
    with scene(frames=4) as it:
        ours, peer = it.ends("master", to_peer=False, rings=1, shared=False, size=2048, log2=5)
        it.join(it.node.engine.add_stock_source(it.flow.number, ours), ours, peer)
        taking = it.sink(queue=1)
        for turn in range(10):
            peer.send(b"%d" % turn)
            it.line.hand_over()
            with take(taking) as frame:
                assert bytes(frame) == b"%d" % turn
        wait_until(lambda: it.node.free(it.flow) == 4 - 1, "every frame to come back")


@pytest.mark.parametrize("to_peer", [True, False])
def test_a_peer_that_forbids_to_map_its_memory_again_ends_alone(to_peer: bool) -> None:
    with scene() as it:
        taking = it.sink()
        stock = it.stock_sink("master") if to_peer else it.stock_source("master")
        source = it.source() if to_peer else None
        fcntl.fcntl(stock.rings.regions[0][0], fcntl.F_ADD_SEALS, FUTURE_WRITE)
        if source is not None:
            send(source, 0)
        it.line.hand_over()
        assert it.node.ended() == (stock.number, "RingsLost")
        it.node.engine.remove(stock.number)
        it.clients.remove(stock)
        if source is not None:
            assert receive(taking) == 0
            assert receive_next(source, taking) == 1
        it.line.hand_over()


def receive_next(source: Source, taking: Sink) -> int:
    send(source, 1)
    return receive(taking)


def test_a_peer_whose_memory_has_shrunk_is_found_out_when_it_is_used() -> None:
    with scene() as it:
        source = it.source()
        peer = it.node.own(StockSlave(media_s2m=False, sealed=False))
        peer.post()
        ours = it.node.own(peer.adopted())
        number = it.node.engine.add_stock_sink(it.flow.number, ours, queue=4, policy="block", newest=False)
        it.join(number, ours, peer)
        it.line.hand_over()
        assert fill(source, b"whole") == peer.receive()
        os.ftruncate(peer.announced_regions[1][0], 0)
        it.line.hand_over()
        fill(source, b"gone")
        assert it.node.ended() == (number, "ForeignBuffer")


def test_what_cannot_be_thawed_leaves_the_old_engine_in_charge_of_stock_peers() -> None:
    with scene() as it:
        source, stock = it.source(), it.stock_sink("slave")
        before = live_objects()
        with pytest.raises(ValueError, match="0 were described"):
            it.line.hand_over(lambda state: state["flows"][0]["sinks"][0]["stock"].update(rings=[]))
        assert live_objects() == before
        it.node.engine.start()
        assert fill(source, b"still here") == stock.peer.receive()


def test_a_hundred_hand_overs_of_every_kind_lose_nothing() -> None:
    with scene(frames=1 + 8 + 3 * 8) as it:
        source, taking = it.source(), it.sink()
        peers = [it.stock_sink("slave"), it.stock_sink("master")]
        for turn in range(100):
            contents = [fill(source, packet(RANDOM.randrange(8000))) for _ in range(RANDOM.randrange(4))]
            it.line.hand_over()
            for content in contents:
                assert [stock.peer.receive() for stock in peers] == [content] * 2, turn
                with take(taking) as frame:
                    assert bytes(frame) == content
