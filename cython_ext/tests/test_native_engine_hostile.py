"""A client that breaks the rules ends itself, with a reason, and nobody else.

Every case has a witness in the same flow and a second flow; both have to go on undisturbed.
"""

import ctypes
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from mediamesh_testing.rings import PAGE, HostilePeer
from mediamesh_testing.waiting import wait_until
from native_peers import Flow, Node, Sink, Source, receive, send, take

HEADER = 4096
CAPACITY = 4096
STRIDE = HEADER + CAPACITY
QUEUE = 8


@dataclass
class Scene:
    """A node with a bystander flow, and a flow for the hostile peer."""

    node: Node
    flow: Flow
    other: Flow
    other_source: Source
    other_sink: Sink
    count: int = 0

    def goes_on(self) -> None:
        """Pass a frame through the bystanders' flow."""
        self.count += 1
        send(self.other_source, self.count)
        assert receive(self.other_sink) == self.count

    def with_hostile_sink(self) -> tuple[Source, HostilePeer, Sink]:
        """Attach a source, a hostile sink and a witness to the flow."""
        return self.node.source(self.flow), self.node.hostile_sink(self.flow), self.node.sink(self.flow)

    def ends(self, peer: HostilePeer, reason: str) -> None:
        """Check that the peer is ended for that reason, and that removing it gives everything back."""
        assert self.node.ended() == (peer.number, reason)
        assert self.node.engine.events() == []
        self.goes_on()
        self.node.engine.remove(peer.number)
        self.goes_on()


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Node() as node:
        flow, other = node.flow(frames=1 + 8 + 3 * 8, capacity=CAPACITY), node.flow()
        yield Scene(node, flow, other, node.source(other), node.sink(other))


SENT_BADLY = [
    ({"region": 0}, "ForeignBuffer"),
    ({"region": 2}, "ForeignBuffer"),
    ({"region": 0xFFFF}, "ForeignBuffer"),
    ({"offset": 1}, "ForeignBuffer"),
    ({"offset": HEADER}, "ForeignBuffer"),
    ({"offset": STRIDE * 33}, "ForeignBuffer"),
    ({"offset": STRIDE * 20}, "ForeignBuffer"),  # of this pool, but never posted
    ({"offset": 0xFFFFFFFF}, "ForeignBuffer"),
    ({"offset": 0xFFFFE000}, "ForeignBuffer"),
    ({"length": 0}, "BadLength"),
    ({"length": HEADER - 1}, "BadLength"),
    ({"length": STRIDE + 1}, "BadLength"),
    ({"length": 0xFFFFFFFF}, "BadLength"),
    ({"flags": 1}, "BadChain"),
    ({"flags": 0xFFFF}, "BadChain"),
]


@pytest.mark.parametrize(("changes", "reason"), SENT_BADLY)
def test_a_source_that_sends_a_wrong_descriptor_ends(scene: Scene, changes: dict[str, int], reason: str) -> None:
    peer, witness = scene.node.hostile_source(scene.flow), scene.node.sink(scene.flow)
    good = peer.posted(0)
    peer.send(good, length=HEADER)
    assert len(take(witness)) == 0
    peer.send(peer.posted(1), **changes)
    scene.ends(peer, reason)
    assert witness.port.take() is None


@pytest.mark.parametrize(
    "changes", [{}, {"length": HEADER}, {"length": STRIDE}, {"metadata": 0xFFFFFFFF}, {"flags": 2}]
)
def test_a_source_may_send_what_is_within_its_frame(scene: Scene, changes: dict[str, int]) -> None:
    peer, witness = scene.node.hostile_source(scene.flow), scene.node.sink(scene.flow)
    peer.send(peer.posted(0), **changes)
    assert len(take(witness)) in {0, CAPACITY}
    scene.goes_on()


def test_a_frame_cannot_be_sent_twice(scene: Scene) -> None:
    peer, witness = scene.node.hostile_source(scene.flow), scene.node.sink(scene.flow)
    first = peer.posted(0)
    peer.send(first)
    held = take(witness)
    peer.send(first)
    scene.ends(peer, "ForeignBuffer")
    assert len(held) == CAPACITY
    held.release()


def test_a_frame_posted_to_another_source_cannot_be_sent(scene: Scene) -> None:
    mine = scene.node.hostile_source(scene.flow)
    mine.posted(QUEUE - 1)
    with Node() as another:
        theirs = another.hostile_source(another.flow(frames=64, capacity=CAPACITY), queue=64)
        foreign = next(d for i in range(64) if (d := theirs.posted(i)).offset >= STRIDE * QUEUE)
        mine.send(foreign)
        scene.ends(mine, "ForeignBuffer")


@pytest.mark.parametrize("jump", [QUEUE + 1, 100, 0x7FFF, 0x8000, 0xFFFF])
def test_a_source_whose_tail_jumps_ends(scene: Scene, jump: int) -> None:
    peer = scene.node.hostile_source(scene.flow)
    peer.posted(QUEUE - 1)
    peer.m2s.tail.value = jump
    peer.kick()
    scene.ends(peer, "IndexJump")


@pytest.mark.parametrize("jump", [QUEUE + 1, 100, 0x7FFF, 0x8000, 0xFFFF])
def test_a_sink_whose_tail_jumps_ends(scene: Scene, jump: int) -> None:
    source, peer, witness = (
        scene.node.source(scene.flow),
        scene.node.hostile_sink(scene.flow),
        scene.node.sink(scene.flow),
    )
    peer.m2s.tail.value = jump
    send(source, 1)
    assert receive(witness) == 1
    scene.ends(peer, "IndexJump")
    send(source, 2)
    assert receive(witness) == 2


RETURNED_BADLY = [
    {"metadata": 0xFFFF},  # no such slot
    {"metadata": QUEUE},
    {"metadata": 1},  # a slot that is not in use
    {"metadata": 0x10000},  # another tag
    {"metadata": 0xFFFFFFFF},
]


@pytest.mark.parametrize("changes", RETURNED_BADLY)
def test_a_sink_that_returns_what_it_never_had_ends(scene: Scene, changes: dict[str, int]) -> None:
    source, peer, witness = (
        scene.node.source(scene.flow),
        scene.node.hostile_sink(scene.flow),
        scene.node.sink(scene.flow),
    )
    send(source, 1)
    descriptor = peer.arrived()
    assert descriptor.metadata == 0
    peer.claim.value = 1
    peer.send(descriptor, **changes)
    send(source, 2)
    assert [receive(witness), receive(witness)] == [1, 2]
    scene.ends(peer, "BadReturn")


def test_a_sink_that_returns_a_frame_twice_ends(scene: Scene) -> None:
    source, peer, witness = (
        scene.node.source(scene.flow),
        scene.node.hostile_sink(scene.flow),
        scene.node.sink(scene.flow),
    )
    send(source, 1)
    descriptor = peer.arrived()
    peer.claim.value = 1
    peer.send(descriptor)
    peer.send(descriptor)
    send(source, 2)
    assert [receive(witness), receive(witness)] == [1, 2]
    scene.ends(peer, "BadReturn")


def test_a_sink_may_harm_only_itself_by_returning_what_it_did_not_take(scene: Scene) -> None:
    source, peer, witness = (
        scene.node.source(scene.flow),
        scene.node.hostile_sink(scene.flow),
        scene.node.sink(scene.flow),
    )
    for number in range(64):
        send(source, number)
        assert receive(witness) == number
        if scene.node.engine.events():
            break
        peer.send(peer.arrived(number))
    else:
        pytest.fail("more frames waited than the ring has positions")
    scene.node.engine.remove(peer.number)
    send(source, 99)
    assert receive(witness) == 99
    wait_until(lambda: scene.node.engine.counters(witness.number).occupancy == 0)
    assert scene.node.free(scene.flow) == scene.flow.pool.frames - 1 - 8


@pytest.mark.parametrize("claim", [QUEUE + 1, 1 << 16, 1 << 63, 2**64 - 1])
def test_a_claim_beyond_the_head_ends_the_sink(scene: Scene, claim: int) -> None:
    source, peer, witness = (
        scene.node.source(scene.flow),
        scene.node.hostile_sink(scene.flow),
        scene.node.sink(scene.flow),
    )
    for number in range(QUEUE):
        send(source, number)
        assert receive(witness) == number
    peer.claim.value = claim
    send(source, QUEUE)
    assert receive(witness) == QUEUE
    scene.ends(peer, "ClaimJump")


def test_a_claim_that_goes_back_ends_the_sink(scene: Scene) -> None:
    source, peer, witness = (
        scene.node.source(scene.flow),
        scene.node.hostile_sink(scene.flow),
        scene.node.sink(scene.flow),
    )
    for number in range(QUEUE + 3):  # three were withdrawn
        send(source, number)
        assert receive(witness) == number
    assert peer.claim.value == 3
    peer.claim.value = 2
    send(source, 0)
    assert receive(witness) == 0
    scene.ends(peer, "ClaimJump")


def scribble_descriptors(peer: HostilePeer) -> None:
    for ring in (peer.s2m, peer.m2s):
        ctypes.memset(ring.descriptors, 0xFF, ctypes.sizeof(ring.descriptors))


def scribble_rings(peer: HostilePeer) -> None:
    """Overwrite all that only the hub should write."""
    for ring in (peer.s2m, peer.m2s):
        ring.cookie.value, ring.flags.value, ring.head.value = 0, 0xFFFE, 0xABCD
    scribble_descriptors(peer)
    peer.memory[-PAGE:] = b"\xff" * PAGE


def test_a_sink_that_overwrites_everything_harms_only_itself(scene: Scene) -> None:
    source, peer, witness = (
        scene.node.source(scene.flow),
        scene.node.hostile_sink(scene.flow),
        scene.node.sink(scene.flow),
    )
    for number in range(3 * QUEUE):
        scribble_rings(peer)
        send(source, number)
        assert receive(witness) == number
    scene.ends(peer, "ClaimJump")


def test_a_source_that_overwrites_everything_harms_only_itself(scene: Scene) -> None:
    peer = scene.node.hostile_source(scene.flow)
    peer.posted(QUEUE - 1)
    scribble_rings(peer)
    peer.m2s.tail.value = 1
    peer.kick()
    scene.ends(peer, "BadChain")


GARBAGE = [b"\xff" * 56, b"\0" * 56, b"FMM1" + b"\xff" * 52]


@pytest.mark.parametrize("header", GARBAGE)
def test_a_garbage_header_reaches_sinks_as_a_frame_within_its_bounds(scene: Scene, header: bytes) -> None:
    node, flow = scene.node, scene.flow
    peer, witness = node.hostile_source(flow), node.sink(flow)
    descriptor = peer.posted(0)
    os.pwrite(flow.pool.fd, header, descriptor.offset)
    peer.send(descriptor, length=HEADER + 100)
    with take(witness) as frame:
        assert (len(frame), len(bytes(frame)), frame.sequence) == (100, 100, 0)
        assert len(frame.metadata) in {0, 3968}
        assert frame.status == (0xFFFFFFFF if header.startswith(b"FMM1") else 2)
    scene.goes_on()


def test_what_a_source_changes_after_sending_is_not_believed(scene: Scene) -> None:
    """Neither between the hub and the sink, nor while the sink has the frame in hand."""
    node, flow = scene.node, scene.flow
    peer, witness = node.hostile_source(flow), node.sink(flow)
    descriptor = peer.posted(0)
    peer.send(descriptor, length=HEADER + 100)
    wait_until(lambda: node.engine.flow_counters(flow.number).frames == 1)
    scribble_descriptors(peer)
    os.pwrite(flow.pool.fd, GARBAGE[2], descriptor.offset)
    with take(witness) as frame:
        assert (len(frame), len(bytes(frame)), frame.sequence) == (100, 100, 0)
        os.pwrite(flow.pool.fd, GARBAGE[0], descriptor.offset)
        assert (len(frame), len(bytes(frame)), frame.sequence) == (100, 100, 0)
    scene.goes_on()
