"""A peer that makes the hub's signals hang: the engine is freed, that peer is ended, and no control call hangs."""

from collections.abc import Callable

import pytest
from mediamesh_testing.rings import HostilePeer
from mediamesh_testing.waiting import wait_until
from native_peers import Node, Policy, Sink, receive, send, take

from mediamesh_native.pool import RingRegion

QUEUE = 8
POLICIES: list[Policy] = ["dropOldest", "block"]


def freed(node: Node) -> None:
    """Do what the owner does every few ms, until it was needed."""
    wait_until(lambda: node.engine.check_stuck(1_000_000), "something to hang")


@pytest.mark.parametrize("policy", POLICIES)
def test_a_sink_that_makes_signals_hang_ends(policy: Policy) -> None:
    with Node() as node:
        flow = node.flow()
        source, peer, witness = node.source(flow), node.hostile_sink(flow, policy=policy), node.sink(flow)
        peer.block_signals()
        send(source, 1)
        freed(node)
        assert receive(witness) == 1
        assert node.ended() == (peer.number, "EventBlocked")
        send(source, 2)
        assert receive(witness) == 2
        node.engine.remove(peer.number)
        wait_until(lambda: node.free(flow) == 64 - 1 - QUEUE)


def test_a_source_that_makes_signals_hang_ends() -> None:
    with Node() as node:
        flow, other = node.flow(), node.flow()
        peer, source, sink = node.hostile_source(flow), node.source(other), node.sink(other)
        peer.posted(QUEUE - 1)
        peer.block_signals()
        for index in range(QUEUE):
            peer.send(peer.posted(index))
        freed(node)
        assert node.ended() == (peer.number, "EventBlocked")
        send(source, 1)
        assert receive(sink) == 1


def test_a_full_counter_alone_hurts_only_its_peer() -> None:
    with Node() as node:
        flow = node.flow()
        source, peer, witness = node.source(flow), node.hostile_sink(flow), node.sink(flow)
        peer.block_signals(blocking=False)
        for number in range(20):
            send(source, number)
            assert receive(witness) == number
        assert not node.engine.check_stuck(0)
        assert node.engine.events() == []


def stop_and_go(node: Node) -> None:
    node.engine.freeze()
    node.engine.start()


CALLS: dict[str, Callable[[Node, Sink], object]] = {
    "counters": lambda node, witness: node.engine.counters(witness.number),
    "events": lambda node, witness: node.look(),
    "freeze": lambda node, witness: stop_and_go(node),
    "flow": lambda node, witness: node.engine.remove_flow(node.engine.add_flow()),
    "hold": lambda node, witness: node.engine.hold(witness.number, held=False),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_control_call_frees_an_engine_that_hangs(call: str) -> None:
    with Node() as node:
        flow = node.flow()
        source, peer, witness = node.source(flow), node.hostile_sink(flow), node.sink(flow)
        peer.block_signals()
        send(source, 1)
        wait_until(lambda: peer.s2m.head.value == 1)  # published: what comes next is the signal
        CALLS[call](node, witness)
        assert receive(witness) == 1
        assert node.ended() == (peer.number, "EventBlocked")
        assert node.engine.remove(peer.number).frames == 1


def test_closing_the_engine_frees_it_first() -> None:
    with Node() as node:
        flow = node.flow()
        source, peer = node.source(flow), node.hostile_sink(flow)
        peer.block_signals()
        send(source, 1)
        wait_until(lambda: peer.s2m.head.value == 1)  # published: what comes next is the signal


def test_letting_go_a_source_that_makes_signals_hang() -> None:
    with Node() as node:
        flow = node.flow()
        rings = node.own(RingRegion(QUEUE))
        number = node.engine.add_source(flow.number, rings, queue=QUEUE, held=True)
        peer = node.own(HostilePeer(rings, number))
        peer.block_signals()
        node.engine.hold(number, held=False)
        freed(node)
        assert node.ended() == (number, "EventBlocked")


def test_adding_a_source_that_makes_signals_hang() -> None:
    with Node() as node:
        flow = node.flow()
        rings = node.own(RingRegion(QUEUE))
        node.own(HostilePeer(rings, 0)).block_signals()
        number = node.engine.add_source(flow.number, rings, queue=QUEUE)
        freed(node)
        assert node.ended() == (number, "EventBlocked")


def test_adding_a_sink_that_makes_signals_hang() -> None:
    with Node() as node:
        flow = node.flow()
        send(node.source(flow), 1)
        node.sent(flow, 1)
        rings = node.own(RingRegion(QUEUE))
        node.own(HostilePeer(rings, 0)).block_signals()
        number = node.engine.add_sink(flow.number, rings, queue=QUEUE, policy="block", newest=True)
        freed(node)
        assert node.ended() == (number, "EventBlocked")


def test_removing_the_sink_that_stalls_does_not_hang_at_another() -> None:
    with Node() as node:
        flow = node.flow()
        source, slow, peer = node.source(flow), node.sink(flow, 1, "block"), node.hostile_sink(flow)
        send(source, 1)
        held = take(slow)
        send(source, 2)
        node.sent(flow, 1)
        peer.block_signals()
        node.engine.remove(slow.number)
        freed(node)
        assert node.ended() == (peer.number, "EventBlocked")
        held.release()
