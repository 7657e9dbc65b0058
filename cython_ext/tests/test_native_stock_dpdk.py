"""Frames through a real DPDK: out at one memif port of testpmd, through it, in at the other; every byte is compared."""

import os
import random
import select
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from mediamesh_testing.dpdk import INTERFACE, DpdkPeer, dpdk_peer
from mediamesh_testing.waiting import PATIENCE, wait_until
from memif_attachment import Attachment, master_attachment
from memif_ends import owned
from native_peers import Flow, Node, Sink, Source, acquire, take

from mediamesh_native.memif.events import RegionAdded, RingAdded
from mediamesh_native.memif.handshake import Ring, SlaveHandshake
from mediamesh_native.memif.messages import M2S, S2M
from mediamesh_native.memif.socket_path import connect_path, listen_in_folder, open_socket_path
from mediamesh_native.stockrings import StockRings

RANDOM = random.Random(11)
LARGE = 8_294_400  # a frame of 3840 x 1080 at 2 bytes a pixel
ROOM = 60_416  # a whole jumbo descriptor of 60,000 bytes
SMALL = 2048


@dataclass
class Loop:
    """A flow that goes out to testpmd and one that comes back from it."""

    node: Node
    room: int
    capacity: int
    opened: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.going, self.coming = self._flow(), self._flow()
        self.source: Source = self.node.source(self.going, 4)
        self.sink: Sink = self.node.sink(self.coming, 4, "block")

    def _flow(self) -> Flow:
        return self.node.flow(frames=12, capacity=self.capacity)

    def attach(self, out: StockRings, back: StockRings, *, shared: bool = False) -> list[int]:
        engine = self.node.engine
        chunk = min(self.room, 60_000)
        return [
            engine.add_stock_sink(
                self.going.number, out, queue=4, policy="block", newest=False, chunk=chunk, shared=shared
            ),
            engine.add_stock_source(self.coming.number, back),
        ]

    def passes(self, length: int) -> None:
        """Send a frame of random bytes and see it come back unaltered."""
        content = RANDOM.randbytes(length)
        frame = acquire(self.source)
        memoryview(frame)[:length] = content
        frame.length = length
        frame.send()
        with take(self.sink) as got:
            assert bytes(got) == content


def link_is_up(peer: DpdkPeer, port: int) -> None:
    peer.ask_until(f"show port info {port}", lambda answer: "Link status: up" in answer)


def as_slave(opened: ExitStack, path: Path, own: StockRings) -> Attachment:
    """Connect to testpmd's server with rings of ours."""
    with owned(lambda: open_socket_path(str(path.parent), "", path.name)) as fd:
        sock = connect_path(fd)
    rings = [Ring(S2M if ring[0] else M2S, *ring[1:]) for ring in own.rings]
    machine = SlaveHandshake(own.regions, rings, name="mediamesh test", now=time.monotonic(), id=INTERFACE)
    ours = opened.enter_context(Attachment(sock, machine))
    ours.run_until(lambda: ours.machine.connected)
    return ours


def adopted(ours: Attachment, *, media_s2m: bool) -> StockRings:
    """Take over what testpmd's client announced."""
    regions = [(os.dup(event.fd), event.size) for event in ours.events if isinstance(event, RegionAdded)]
    rings = [
        (event.flags == S2M, event.index, event.region, event.offset, event.log2, os.dup(event.fd))
        for event in ours.events
        if isinstance(event, RingAdded)
    ]
    return StockRings.adopt(regions, rings, media_s2m=media_s2m)


@contextmanager
def behind_us(folder: Path, room: int, capacity: int, *, shared: bool = False) -> Iterator[tuple[Loop, DpdkPeer]]:
    """We are slave and connect to testpmd, which is server at both ports."""
    paths = [folder / "out.sock", folder / "back.sock"]
    with (
        Node() as node,
        dpdk_peer(folder, "server", *map(str, paths), mode="io", room=room) as peer,
        ExitStack() as opened,
    ):
        loop = Loop(node, room, capacity)
        rings = [
            node.own(StockRings.own(media_s2m=True, log2=10, chunk=room, buffers=not shared)),
            node.own(StockRings.own(media_s2m=False, log2=10, chunk=room)),
        ]
        if shared:
            rings[0].regions.append((loop.going.pool.fd, loop.going.pool.size))
        for path, own in zip(paths, rings, strict=True):
            as_slave(opened, path, own)
        numbers = loop.attach(rings[0], rings[1], shared=shared)
        start(peer)
        yield loop, peer
        for number in numbers:
            node.engine.remove(number)


@contextmanager
def before_us(folder: Path, room: int, capacity: int, *, zero_copy: int = -1) -> Iterator[tuple[Loop, DpdkPeer]]:
    """We are master and listen; testpmd is client at both ports."""
    names = ["out.sock", "back.sock"]
    with Node() as node, ExitStack() as opened:
        loop = Loop(node, room, capacity)
        with owned(lambda: os.open(folder, os.O_PATH)) as fd:
            listeners = [opened.enter_context(listen_in_folder(fd, name)) for name in names]
        paths = [str(folder / name) for name in names]
        peer = opened.enter_context(dpdk_peer(folder, "client", *paths, mode="io", room=room, zero_copy=zero_copy))
        rings = []
        for listener, media_s2m in zip(listeners, [False, True], strict=True):
            assert select.select([listener], [], [], PATIENCE)[0]
            accepted, _ = listener.accept()
            accepted.setblocking(False)
            ours = opened.enter_context(master_attachment(accepted, id=INTERFACE))
            ours.run_until(lambda ours=ours: ours.machine.connected)  # type: ignore[misc]
            rings.append(node.own(adopted(ours, media_s2m=media_s2m)))
        numbers = loop.attach(rings[0], rings[1])
        start(peer)
        yield loop, peer
        for number in numbers:
            node.engine.remove(number)


def start(peer: DpdkPeer) -> None:
    for port in (0, 1):
        link_is_up(peer, port)
    peer.ask("start")


def everything_passes(loop: Loop, lengths: list[int]) -> None:
    for length in lengths:
        for _ in range(10):
            loop.passes(length)
    assert loop.node.engine.flow_counters(loop.coming.number).frames == 10 * len(lengths)
    assert loop.node.engine.events() == []


LENGTHS = [64, 1500, 2048, 2049, 60_000]


def test_frames_go_through_a_server_behind_us(free_dir: Path) -> None:
    with behind_us(free_dir, SMALL, 60_000) as (loop, _):
        everything_passes(loop, LENGTHS)


def test_shared_frames_go_through_a_server_behind_us(free_dir: Path) -> None:
    with behind_us(free_dir, SMALL, 60_000, shared=True) as (loop, _):
        everything_passes(loop, LENGTHS)


def test_frames_of_8_megabytes_go_through_a_server_behind_us(free_dir: Path) -> None:
    with behind_us(free_dir, ROOM, LARGE) as (loop, _):
        for _ in range(3):
            loop.passes(LARGE)


@pytest.mark.parametrize("zero_copy", [-1, 0, 1])
def test_frames_go_through_a_client_before_us(free_dir: Path, zero_copy: int) -> None:
    with before_us(free_dir, SMALL, 60_000, zero_copy=zero_copy) as (loop, _):
        everything_passes(loop, LENGTHS)


def test_frames_of_8_megabytes_go_through_a_client_before_us(free_dir: Path) -> None:
    with before_us(free_dir, ROOM, LARGE) as (loop, _):
        for _ in range(3):
            loop.passes(LARGE)


def test_many_frames_in_a_row_come_back_in_order(free_dir: Path) -> None:
    with behind_us(free_dir, SMALL, 4096) as (loop, _):
        sent = [RANDOM.randbytes(1500) for _ in range(4)]
        for turn in range(500):
            for content in sent:
                frame = acquire(loop.source)
                memoryview(frame)[:1500] = content
                frame.length = 1500
                frame.send()
            for content in sent:
                with take(loop.sink) as got:
                    assert bytes(got) == content, turn
        wait_until(lambda: loop.node.free(loop.going) == 12 - 1 - 4)
