"""What a sink's policy, a late join and a held source mean for everybody else in the flow."""

import pytest
from mediamesh_testing.waiting import wait_until
from native_peers import PATIENCE_NS, Node, Policy, Sink, Source, acquire, receive, send, stamp, take, waiting

from mediamesh_native.port import Wait


def fill(source: Source, first: int, count: int) -> None:
    for number in range(first, first + count):
        send(source, number)


def test_a_block_sink_holds_the_source_back_and_loses_nothing() -> None:
    with Node() as node:
        flow = node.flow(frames=1 + 4 + 2 + 4)
        source, slow, fast = node.source(flow, 4), node.sink(flow, 2, "block"), node.sink(flow, 4)
        fill(source, 0, 6)  # two with the sink, four with the source
        node.sent(flow, 2)
        assert [receive(fast), receive(fast), fast.port.take()] == [0, 1, None]
        assert source.port.acquire() is None
        for number in range(6):
            assert receive(slow) == number
        assert [receive(fast) for _ in range(4)] == [2, 3, 4, 5]
        assert node.engine.counters(slow.number).dropped == 0


def test_a_stalled_flow_goes_on_by_each_single_return() -> None:
    with Node() as node:
        flow = node.flow(frames=1 + 8 + 1)
        source, slow = node.source(flow, 8), node.sink(flow, 1, "block")
        fill(source, 0, 8)
        for number in range(200):
            assert receive(slow) == number
            send(source, number + 8)


def test_removing_the_sink_that_stalls_lets_the_flow_go_on() -> None:
    with Node() as node:
        flow = node.flow(frames=1 + 4 + 2 + 4)
        source, slow, other = node.source(flow, 4), node.sink(flow, 2, "block"), node.sink(flow, 4)
        fill(source, 0, 6)
        node.sent(flow, 2)
        assert [receive(other), receive(other)] == [0, 1]
        node.engine.remove(slow.number)
        assert [receive(other) for _ in range(4)] == [2, 3, 4, 5]


def test_a_sink_that_stalls_with_frames_in_hand_stalls_no_other_flow() -> None:
    with Node() as node:
        stuck, free = node.flow(frames=1 + 4 + 2), node.flow(frames=1 + 4 + 4)
        source, slow = node.source(stuck, 4), node.sink(stuck, 2, "block")
        other_source, other = node.source(free, 4), node.sink(free, 4)
        fill(source, 0, 6)
        held = [take(slow), take(slow)]
        for number in range(300):
            send(other_source, number)
            assert receive(other) == number
        for frame in held:
            frame.release()
        assert [receive(slow) for _ in range(4)] == [2, 3, 4, 5]


def test_a_disconnect_sink_ends_when_it_cannot_keep_up() -> None:
    with Node() as node:
        flow = node.flow(frames=1 + 8 + 2 + 8)
        source, slow, other = node.source(flow), node.sink(flow, 2, "disconnect"), node.sink(flow)
        fill(source, 0, 3)
        assert node.ended() == (slow.number, "SlowSink")
        fill(source, 3, 3)
        assert [receive(other) for _ in range(6)] == list(range(6))
        assert node.engine.remove(slow.number).frames == 2


def test_a_late_sink_starts_with_the_newest_frame_or_with_the_next() -> None:
    with Node() as node:
        flow = node.flow(frames=1 + 8 + 4 * 4)
        source = node.source(flow)
        assert node.sink(flow, 4, newest=True).port.take() is None  # there is none yet
        fill(source, 0, 20)
        node.sent(flow, 20)
        newest, following = node.sink(flow, 4, newest=True), node.sink(flow, 4)
        assert [receive(newest), following.port.take()] == [19, None]
        send(source, 20)
        assert [receive(newest), receive(following)] == [20, 20]


def test_the_newest_frame_outlives_its_source() -> None:
    with Node() as node:
        flow = node.flow(frames=1 + 2 + 2)
        source = node.source(flow, 2)
        send(source, 7)
        node.sent(flow, 1)
        node.engine.remove(source.number)
        assert receive(node.sink(flow, 2, newest=True)) == 7


def test_a_held_source_gets_nothing_to_fill_until_it_is_let_go() -> None:
    with Node() as node:
        flow = node.flow(frames=1 + 4)
        source = node.source(flow, 4, held=True)
        assert source.port.acquire() is None
        assert source.port.wait(1_000_000) is Wait.TIMEOUT
        node.engine.hold(source.number, held=False)
        assert source.port.wait(PATIENCE_NS) is Wait.READY
        first = acquire(source)
        node.engine.hold(source.number, held=True)
        first.send()
        fill(source, 1, 3)  # those it already had
        node.sent(flow, 4)
        assert source.port.acquire() is None
        node.engine.hold(source.number, held=False)
        send(source, 4)
        node.sent(flow, 5)


@pytest.mark.parametrize("policy", ["dropOldest", "block"])
def test_a_source_that_waits_gets_what_its_sink_returns(policy: Policy) -> None:
    with Node() as node:
        flow = node.flow(frames=4)  # fewer than everybody together could hold
        source, sink = node.source(flow, 4), node.sink(flow, 8, policy)
        fill(source, 0, 3)
        held = [take(sink) for _ in range(3)]
        filling = acquire(source)
        assert source.port.acquire() is None
        for frame in held:
            frame.release()
        assert source.port.wait(PATIENCE_NS) is Wait.READY
        filling.send()
        fill(source, 4, 1)


def test_a_source_that_holds_frames_itself_is_woken_for_one_more() -> None:
    with Node() as node:
        flow = node.flow(frames=5)
        source, sink = node.source(flow, 4), node.sink(flow, 4)
        send(source, 0)
        send(source, 1)
        taken = [take(sink), take(sink)]
        filling = [acquire(source) for _ in range(3)]
        assert source.port.acquire() is None
        taken[0].release()
        assert source.port.wait(PATIENCE_NS) is Wait.READY
        filling.append(acquire(source))
        taken[1].release()
        for frame in filling:
            frame.cancel()


def test_a_sink_asleep_with_a_full_queue_starves_nobody() -> None:
    with Node() as node:
        flow = node.flow(frames=1 + 4 + 4 + 4)
        source, sleeper, other = node.source(flow, 4), node.sink(flow, 4), node.sink(flow, 4)
        held = []
        for number in range(500):
            send(source, number)
            assert receive(other) == number
            if number < 4:
                held.append(take(sleeper))
        assert [stamp(frame) for frame in held] == [0, 1, 2, 3]
        assert node.engine.counters(sleeper.number).dropped == 496
        for frame in held:
            frame.release()


def test_cancelled_and_forgotten_frames_are_filled_again() -> None:
    with Node() as node:
        flow = node.flow(frames=1 + 2 + 2)
        source, sink = node.source(flow, 2), node.sink(flow, 2)
        for number in range(20):
            acquire(source).cancel()
            with acquire(source):
                pass
            acquire(source)  # dropped at once
            assert send(source, number) == number
            assert receive(sink) == number
        assert (source.port.outstanding, source.port.forgotten) == (0, 20)


def test_sinks_come_and_go_while_frames_flow() -> None:
    with Node() as node:
        flow = node.flow(frames=1 + 4 + 4 * 4)
        source, steady = node.source(flow, 4), node.sink(flow, 4)
        guests: list[Sink] = []
        for number in range(300):
            send(source, number)
            assert receive(steady) == number
            if number % 3 == 0:
                guests.append(node.sink(flow, 4, newest=number % 2 == 0))
            if len(guests) == 3:
                guest = guests.pop(0)
                seen = waiting(guest)
                assert seen == sorted(seen)
                node.engine.remove(guest.number)
        for sink in [steady, *guests]:
            node.engine.remove(sink.number)
        wait_until(lambda: node.free(flow) == flow.pool.frames - 1 - 4)


def test_hundreds_of_small_flows_and_a_few_huge_ones_in_one_engine() -> None:
    sizes = [64] * 200 + [8 << 20] * 3
    with Node() as node:
        flows = [node.flow(frames=1 + 2 + 2, capacity=size) for size in sizes]
        pairs = [(node.source(flow, 2), node.sink(flow, 2)) for flow in flows]
        for number in range(10):
            for (source, _), size in zip(pairs, sizes, strict=True):
                send(source, number, size)
            assert [receive(sink) for _, sink in pairs] == [number] * len(sizes)
        assert {node.engine.flow_counters(flow.number).frames for flow in flows} == {10}
