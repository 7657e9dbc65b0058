"""A flow goes from pool to pool: sequence, discontinuity, and what sinks still hold of the old one."""

from contextlib import closing

import pytest
from mediamesh_testing.waiting import wait_until
from native_peers import Flow, Node, Sink, acquire, receive, send, stamp, take, waiting

from mediamesh_native.engine import Drained
from mediamesh_native.pool import Pool
from mediamesh_native.port import Wait

DISCONTINUITY = 2


def announce(sinks: list[Sink], flow: Flow) -> None:
    for sink in sinks:
        sink.port.add_region(flow.region, flow.pool.fd, flow.pool.size)


def test_a_new_source_continues_the_sequence_with_a_flag() -> None:
    with Node() as node:
        flow = node.flow(frames=16)
        sink = node.sink(flow)
        for region in [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3]:
            if region != flow.region:
                old = flow.region
                node.new_pool(flow, 16, region)
                assert node.next_event(Drained) == Drained(flow.number, old)
                announce([sink], flow)
            source = node.source(flow, discontinuity=True)
            for expected in (DISCONTINUITY, 0):
                sequence = send(source, 5)
                with take(sink) as frame:
                    assert (frame.sequence, frame.flags) == (sequence, expected)
            wait_until(lambda: node.engine.counters(sink.number).occupancy == 0)
            node.engine.remove(source.number)
        assert sink.port.last_sequence == 21


def test_a_source_may_ask_for_a_later_sequence_but_not_for_an_earlier() -> None:
    with Node() as node:
        flow = node.flow()
        sink = node.sink(flow)
        for wanted, first in ((100, 100), (50, 101), (2**40, 2**40)):
            source = node.source(flow, next_sequence=wanted)
            assert send(source, 0) == first
            assert take(sink).sequence == first
            node.engine.remove(source.number)


def test_the_old_pool_drains_exactly_when_the_last_frame_comes_back() -> None:
    with Node() as node:
        flow = node.flow(frames=16)
        old = flow.pool
        source, sinks = node.source(flow), [node.sink(flow), node.sink(flow)]
        for number in range(3):
            send(source, number)
        held = [take(sink) for sink in sinks for _ in range(3)]
        node.engine.remove(source.number)
        node.new_pool(flow, 16, 2)
        announce(sinks, flow)
        source = node.source(flow)
        for frame in reversed(held):
            assert node.engine.events() == []
            assert stamp(frame) == frame.sequence
            frame.release()
            number = send(source, frame.sequence + 100)  # with the next frame the engine looks at what came back
            assert [receive(sink) - 100 for sink in sinks] == [frame.sequence] * 2
            assert number >= 3
        send(source, 0)
        assert node.next_event(Drained) == Drained(flow.number, 1)
        old.close()


def test_frames_of_the_old_pool_come_before_those_of_the_new() -> None:
    with Node() as node:
        flow = node.flow(frames=16)
        source, sink = node.source(flow), node.sink(flow)
        for number in range(4):
            send(source, number)
        node.sent(flow, 4)
        node.engine.remove(source.number)
        node.new_pool(flow, 16, 2)
        announce([sink], flow)
        source = node.source(flow, discontinuity=True)
        for number in range(4, 8):
            send(source, number)
        assert [receive(sink) for _ in range(8)] == list(range(8))


def test_a_sleeper_gets_what_waits_from_many_pools() -> None:
    with Node() as node:
        flow = node.flow(frames=4)
        sink = node.sink(flow, 16)
        for region in range(1, 13):
            if region > 1:
                node.new_pool(flow, 4, region)
                announce([sink], flow)
            source = node.source(flow, 2)
            send(source, region)
            node.sent(flow, region)
            node.engine.remove(source.number)
        assert sink.port.wait(0) is Wait.READY
        assert waiting(sink) == list(range(1, 13))


def test_a_region_that_is_still_referenced_is_not_given_again() -> None:
    with Node() as node:
        flow = node.flow(frames=16)
        source, sink = node.source(flow), node.sink(flow)
        send(source, 0)
        held = take(sink)
        node.engine.remove(source.number)
        node.new_pool(flow, 16, 2)
        with closing(Pool(4, 4096)) as pool, pytest.raises(ValueError, match=r"region 1 .* still referenced"):
            node.engine.set_pool(flow.number, pool, 1)
        held.release()


def test_everything_a_source_had_comes_back_when_it_is_removed() -> None:
    with Node() as node:
        flow = node.flow(frames=16)
        for _ in range(5):
            source = node.source(flow, 8)
            in_hand = [acquire(source) for _ in range(3)]
            assert node.free(flow) == 8
            node.engine.remove(source.number)
            assert node.free(flow) == 16
            del in_hand


def test_everything_a_sink_had_comes_back_when_it_is_removed() -> None:
    with Node() as node:
        flow = node.flow(frames=32)
        source, sink, other = node.source(flow), node.sink(flow), node.sink(flow)
        for number in range(6):
            send(source, number)
        held = [take(sink), take(sink)]  # and four wait
        assert [receive(other) for _ in range(6)] == list(range(6))
        wait_until(lambda: node.engine.counters(other.number).occupancy == 0)
        assert node.engine.remove(sink.number).occupancy == 6
        wait_until(lambda: node.free(flow) == 32 - 8 - 1)
        assert [stamp(frame) for frame in held] == [0, 1]  # mapped for as long as it wants
        for frame in held:
            frame.release()


def test_a_flow_with_attachments_stays() -> None:
    with Node() as node:
        flow = node.flow(frames=8)
        source = node.source(flow, 4)
        with pytest.raises(ValueError, match="still has attachments"):
            node.engine.remove_flow(flow.number)
        with pytest.raises(ValueError, match="still has a source"):
            node.new_pool(flow, 8, 2)
        node.engine.remove(source.number)
        node.engine.remove_flow(flow.number)
        with pytest.raises(KeyError):
            node.engine.flow_counters(flow.number)
