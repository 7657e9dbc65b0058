"""An engine is frozen and another one goes on with its memory: clients see nothing of it, and nothing is lost."""

import random
import select
import threading

import pytest
from mediamesh_testing.waiting import PATIENCE, wait_until
from native_peers import Node, Policy, Sink, Source, acquire, receive, send, take, waiting
from native_succession import State, succession

from mediamesh_native.engine import Drained, Ended
from mediamesh_native.pool import RingRegion
from mediamesh_native.port import live_objects


def test_everything_goes_on_where_it_was() -> None:
    with Node() as node:
        flow = node.flow(frames=32)
        source, sink = node.source(flow), node.sink(flow)
        for number in range(5):
            send(source, number)
        held = [take(sink), take(sink)]
        node.sent(flow, 5)
        counters, flow_counters = node.engine.counters(sink.number), node.engine.flow_counters(flow.number)
        with succession(node, [flow], [source, sink]) as line:
            engine = line.hand_over()
            assert engine.counters(sink.number) == counters
            assert engine.flow_counters(flow.number) == flow_counters
            for frame in reversed(held):
                frame.release()
            assert waiting(sink) == [2, 3, 4]
            assert send(source, 5) == 5
            assert receive(sink) == 5
            wait_until(lambda: engine.counters(sink.number).occupancy == 0)
            assert node.free(flow) == 32 - 1 - 8
            assert receive(node.sink(flow, newest=True)) == 5


def test_what_happens_while_nobody_looks_is_found_afterwards() -> None:
    with Node() as node:
        flow = node.flow(frames=32)
        source, sink = node.source(flow), node.sink(flow)
        send(source, 0)
        held = take(sink)
        node.sent(flow, 1)
        node.engine.freeze()
        for number in range(1, 6):
            send(source, number)
        held.release()
        with succession(node, [flow], [source, sink]) as line:
            line.hand_over()
            assert [receive(sink) for _ in range(5)] == [1, 2, 3, 4, 5]


def test_freezing_and_going_on_is_allowed_too() -> None:
    with Node() as node:
        flow = node.flow()
        source, sink = node.source(flow), node.sink(flow)
        for number in range(20):
            frame = acquire(source)
            node.engine.freeze()
            assert frame.send() == number
            node.engine.start()
            take(sink).release()


def test_freezing_just_after_a_change_ends() -> None:
    with Node() as node:
        source = node.source(node.flow())
        for number in range(3000):
            node.engine.hold(source.number, number % 2 == 0)
            node.engine.freeze()
            node.engine.start()


def test_what_was_not_yet_told_is_told_by_the_successor() -> None:
    with Node() as node:
        flow = node.flow(frames=16)
        source, slow = node.source(flow), node.sink(flow, 1, "disconnect")
        send(source, 0)
        send(source, 1)
        node.sent(flow, 2)
        node.engine.remove(source.number)
        node.new_pool(flow, 16, 2)
        node.engine.remove_flow(node.engine.add_flow())
        with succession(node, [flow], [slow]) as line:
            engine = line.hand_over()
            assert select.select([engine.event_fd], [], [], PATIENCE)[0]
            assert engine.events() == [Ended(slow.number, "SlowSink")]
            engine.remove(slow.number)
            assert node.next_event(Drained) == Drained(flow.number, 1)
            assert engine.events() == []


def test_a_number_that_was_used_before_the_handover_is_not_used_after_it() -> None:
    with Node() as node:
        flow = node.flow()
        source, gone = node.source(flow), [node.sink(flow) for _ in range(3)]
        for sink in gone:
            node.engine.remove(sink.number)
        with succession(node, [flow], [source]) as line:
            line.hand_over()
            before = {source.number, *(sink.number for sink in gone)}
            assert not before & {node.sink(flow).number for _ in range(4)}


def test_clients_come_and_go_without_end_while_nobody_serves_them() -> None:
    with Node(start=False) as node:
        flow = node.flow()
        source, rings = node.source(flow), node.own(RingRegion(8))
        for _ in range((1 << 16) + 100):
            node.engine.remove(node.engine.add_sink(flow.number, rings, queue=1, policy="block", newest=False))
        sink = node.sink(flow)
        node.engine.start()
        send(source, 1)
        assert receive(sink) == 1


def test_numbers_stay_and_new_ones_are_new() -> None:
    with Node() as node:
        flow = node.flow()
        gone, sink = node.sink(flow), node.sink(flow)
        node.engine.remove(gone.number)
        with succession(node, [flow], [sink]) as line:
            engine = line.hand_over()
            with pytest.raises(KeyError):
                engine.counters(gone.number)
            assert engine.add_flow() > flow.number
            assert node.sink(flow).number != sink.number


@pytest.mark.parametrize("policy", ["block", "dropOldest"])
def test_sleepers_are_woken_by_the_successor(policy: Policy) -> None:
    with Node() as node:
        flow = node.flow(frames=4)
        source, sink = node.source(flow, 2), node.sink(flow, 2, policy)
        with succession(node, [flow], [source, sink]) as line:
            received: list[int] = []
            consumer = threading.Thread(target=lambda: received.extend(receive(sink) for _ in range(40)))
            consumer.start()
            for number in range(40):
                send(source, number)
                if number % 4 == 0:
                    line.hand_over()
                wait_until(lambda number=number: len(received) > number)  # type: ignore[misc]
            consumer.join()
            assert received == list(range(40))


@pytest.mark.parametrize("change", [{"version": 99}, {"flows": [{}]}])
def test_a_state_that_cannot_be_thawed_leaves_nothing_open(change: State) -> None:
    with Node() as node:
        flow = node.flow()
        source = node.source(flow)
        before = live_objects()
        with succession(node, [flow], [source]) as line:
            with pytest.raises((ValueError, KeyError)):
                line.hand_over(lambda state: state.update(change))
            assert live_objects() == before
            node.engine.start()  # the old one goes on
            send(source, 1)
            node.sent(flow, 1)


def test_another_geometry_is_refused() -> None:
    with Node() as node:
        flow = node.flow(frames=16)

        def shrink(state: State) -> None:
            state["flows"][0]["pools"][0]["frames"] = 15

        with succession(node, [flow], []) as line, pytest.raises(ValueError, match="another geometry"):
            line.hand_over(shrink)


FRAMES_BETWEEN = random.Random(5)


END = 4  # the flag of the last frame


def produce(source: Source, stop: threading.Event) -> None:
    number = 0
    while not stop.is_set():
        send(source, number)
        number += 1
    last = acquire(source)
    last.flags = END
    last.send()


def consume(sink: Sink, seen: list[int]) -> None:
    number, flags = 0, 0
    while not flags & END:
        frame = take(sink)
        assert frame.sequence == number, f"frame {number} was lost"
        flags = frame.flags
        frame.release()
        number += 1
    seen.append(number)


def test_a_hundred_hand_overs_under_load_lose_nothing() -> None:
    stop, seen = threading.Event(), list[int]()
    with Node() as node:
        flow = node.flow(frames=1 + 8 + 2 * 8)
        source, sinks = node.source(flow), [node.sink(flow, 8, "block") for _ in range(2)]
        threads = [threading.Thread(target=consume, args=(sink, seen)) for sink in sinks]
        threads.append(threading.Thread(target=produce, args=(source, stop)))
        with succession(node, [flow], [source, *sinks]) as line:
            for thread in threads:
                thread.start()
            for _ in range(100):
                node.sent(flow, node.engine.flow_counters(flow.number).frames + FRAMES_BETWEEN.randrange(20))
                line.hand_over()
            stop.set()
            for thread in threads:
                thread.join()
            assert seen == [node.engine.flow_counters(flow.number).frames] * 2
