"""A stock peer that makes the hub's signals hang: the engine is freed, that peer is ended, and no control call hangs.

Stock peers share an eventfd with the hub, whoever made it: memif has it so. Clients of ours cannot do this
(test_native_engine_wakeups.py).
"""

from collections.abc import Callable

import pytest
from mediamesh_testing.waiting import wait_until
from native_peers import Flow, Node, Policy, Sink, receive, send, take
from native_stock_peers import StockMaster, StockSlave

from mediamesh_native.stockrings import StockRings

QUEUE = 8
POLICIES: list[Policy] = ["dropOldest", "block"]
ROLES = ["slave", "master"]  # our role


def hanging(
    node: Node, flow: Flow, role: str = "slave", policy: Policy = "dropOldest", *, newest: bool = False
) -> tuple[int, StockMaster | StockSlave]:
    """Attach a stock sink whose next signal hangs."""
    peer: StockMaster | StockSlave
    if role == "slave":
        rings = node.own(StockRings.own(media_s2m=True, log2=4))
        peer = node.own(StockMaster(rings))
    else:
        peer = node.own(StockSlave(media_s2m=False))
        peer.post()
        rings = node.own(peer.adopted())
    peer.block_signals()
    number = node.engine.add_stock_sink(flow.number, rings, queue=QUEUE, policy=policy, newest=newest)
    return number, peer


def freed(node: Node) -> None:
    """Do what the owner does every few ms, until it was needed."""
    wait_until(lambda: node.engine.check_stuck(1_000_000), "something to hang")


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("role", ROLES)
def test_a_stock_sink_that_makes_signals_hang_ends(role: str, policy: Policy) -> None:
    with Node() as node:
        flow = node.flow()
        source, (number, _), witness = node.source(flow), hanging(node, flow, role, policy), node.sink(flow)
        send(source, 1)
        freed(node)
        assert receive(witness) == 1
        assert node.ended() == (number, "EventBlocked")
        send(source, 2)
        assert receive(witness) == 2
        node.engine.remove(number)
        wait_until(lambda: node.free(flow) == 64 - 1 - QUEUE)


def test_a_full_counter_alone_hurts_only_its_peer() -> None:
    with Node() as node:
        flow = node.flow()
        source, (_, peer), witness = node.source(flow), hanging(node, flow), node.sink(flow)
        peer.block_signals(blocking=False)
        for number in range(20):
            send(source, number)
            assert receive(witness) == number
        assert not node.engine.check_stuck()  # it may be at one of its signals, but none takes long
        assert node.engine.events() == []


def stop_and_go(node: Node) -> None:
    node.engine.add_flow()
    node.engine.start()


CALLS: dict[str, Callable[[Node, Sink], object]] = {
    "counters": lambda node, witness: node.engine.counters(witness.number),
    "events": lambda node, witness: node.look(),
    "start": lambda node, witness: stop_and_go(node),
    "flow": lambda node, witness: node.engine.remove_flow(node.engine.add_flow()),
    "hold": lambda node, witness: node.engine.hold(witness.number, held=False),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_control_call_frees_an_engine_that_hangs(call: str) -> None:
    with Node() as node:
        flow = node.flow()
        source, (number, peer), witness = node.source(flow), hanging(node, flow), node.sink(flow)
        send(source, 1)
        wait_until(lambda: peer.rings[0].head.value == 1)  # published: what comes next is the signal
        CALLS[call](node, witness)
        assert receive(witness) == 1
        assert node.ended() == (number, "EventBlocked")
        assert node.engine.remove(number).frames == 1


def test_closing_the_engine_frees_it_first() -> None:
    with Node() as node:
        flow = node.flow()
        source, (_, peer) = node.source(flow), hanging(node, flow)
        send(source, 1)
        wait_until(lambda: peer.rings[0].head.value == 1)  # published: what comes next is the signal


def test_adding_a_stock_sink_that_makes_signals_hang() -> None:
    with Node() as node:
        flow = node.flow()
        send(node.source(flow), 1)
        node.sent(flow, 1)
        number, _ = hanging(node, flow, policy="block", newest=True)
        freed(node)
        assert node.ended() == (number, "EventBlocked")


def test_removing_the_sink_that_stalls_does_not_hang_at_another() -> None:
    with Node() as node:
        flow = node.flow()
        source, slow = node.source(flow), node.sink(flow, 1, "block")
        send(source, 1)
        held = take(slow)
        number, _ = hanging(node, flow)
        send(source, 2)
        node.engine.remove(slow.number)
        freed(node)
        assert node.ended() == (number, "EventBlocked")
        held.release()
