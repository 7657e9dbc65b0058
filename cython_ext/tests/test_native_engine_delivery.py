"""Frames arrive unaltered, in order and exactly once, whatever the sinks do meanwhile."""

import random

import pytest
from native_peers import Node, Policy, acquire, receive, send, stamp, take, waiting

from mediamesh_native.port import SinkFrame

POLICIES: list[Policy] = ["dropOldest", "block", "disconnect"]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("sinks", [1, 2, 5, 16])
def test_every_sink_gets_every_frame_in_order(sinks: int, policy: Policy) -> None:
    with Node() as node:
        flow = node.flow(frames=1 + 8 + sinks * 8)
        source = node.source(flow)
        everyone = [node.sink(flow, policy=policy) for _ in range(sinks)]
        for number in range(40):
            assert send(source, number, 16 + number) == number
            for sink in everyone:
                with take(sink) as frame:
                    assert (stamp(frame), frame.sequence, len(frame)) == (number, number, 16 + number)
        assert [node.engine.counters(sink.number)[:3] for sink in everyone] == [(40, 40, 0)] * sinks


def test_frames_come_as_they_were_sent() -> None:
    with Node() as node:
        flow = node.flow(capacity=10_000)
        source, sink = node.source(flow), node.sink(flow)
        frame = acquire(source)
        content = random.Random(3).randbytes(9_999)
        memoryview(frame)[:9_999] = content
        frame.length, frame.metadata = 9_999, b"m" * 3968
        frame.time, frame.rtp_timestamp, frame.duration, frame.status, frame.flags = 5, 6, 7, 1, 9
        assert frame.send() == 0
        with take(sink) as got:
            assert bytes(got) == content
            assert got.metadata == b"m" * 3968
            assert (got.time, got.rtp_timestamp, got.duration, got.status, got.flags) == (5, 6, 7, 1, 9)
            assert got.sent > 0


@pytest.mark.parametrize("length", [0, 1, 4095, 4096, 4097, 10_000])
def test_every_length_up_to_the_capacity_arrives(length: int) -> None:
    with Node() as node:
        flow = node.flow(capacity=10_000)
        source, sink = node.source(flow), node.sink(flow)
        frame = acquire(source)
        frame.length = length
        frame.send()
        with take(sink) as got:
            assert len(got) == got.length == len(bytes(got)) == length


def test_frames_go_back_in_any_order() -> None:
    shuffle = random.Random(1).shuffle
    with Node() as node:
        flow = node.flow(frames=1 + 8 + 8)
        source, sink = node.source(flow), node.sink(flow)
        for round_ in range(50):
            for number in range(8):
                send(source, round_ * 8 + number)
            held: list[SinkFrame] = [take(sink) for _ in range(8)]
            assert [stamp(frame) for frame in held] == list(range(round_ * 8, round_ * 8 + 8))
            shuffle(held)
            for frame in held:
                frame.release()
        assert node.engine.counters(sink.number).dropped == 0


def test_a_held_frame_keeps_its_content_while_others_pass() -> None:
    with Node() as node:
        flow = node.flow(frames=1 + 4 + 2 * 4)
        source, slow, fast = node.source(flow, 4), node.sink(flow, 4), node.sink(flow, 4)
        send(source, 0)
        held = take(slow)
        for number in range(500):
            if number:
                send(source, number)
            assert receive(fast) == number
            assert stamp(held) == 0
        held.release()


@pytest.mark.parametrize("queue", [1, 2, 3, 8, 100])
def test_a_sleeper_gets_exactly_the_newest_of_its_queue(queue: int) -> None:
    with Node() as node:
        flow = node.flow(frames=1 + 8 + queue)
        source, sleeper = node.source(flow), node.sink(flow, queue)
        total = 3 * queue + 7
        for number in range(total):
            send(source, number)
        node.sent(flow, total)
        assert waiting(sleeper) == list(range(total - queue, total))
        assert node.engine.counters(sleeper.number).dropped == total - queue


def test_a_sink_with_frames_in_hand_gets_the_newest_of_the_rest() -> None:
    with Node() as node:
        flow = node.flow(frames=1 + 8 + 4)
        source, sink = node.source(flow), node.sink(flow, 4)
        send(source, 0)
        held = take(sink)
        for number in range(1, 20):
            send(source, number)
        node.sent(flow, 20)
        assert waiting(sink) == [17, 18, 19]
        held.release()


def test_a_sink_with_its_whole_queue_in_hand_gets_nothing_until_it_returns_one() -> None:
    with Node() as node:
        flow = node.flow(frames=1 + 8 + 2)
        source, sink = node.source(flow), node.sink(flow, 2)
        send(source, 0)
        send(source, 1)
        held = [take(sink), take(sink)]
        send(source, 2)
        node.sent(flow, 3)
        assert sink.port.take() is None
        held.pop().release()
        send(source, 3)
        assert receive(sink) == 3
        assert node.engine.counters(sink.number).dropped == 1
        held.pop().release()


@pytest.mark.parametrize("policy", POLICIES)
def test_a_polling_engine_delivers_the_same(policy: Policy) -> None:
    with Node(polling=True) as node:
        flow = node.flow(frames=1 + 8 + 2 * 8)
        source, sinks = node.source(flow), [node.sink(flow, policy=policy) for _ in range(2)]
        for number in range(200):
            send(source, number)
            assert [receive(sink) for sink in sinks] == [number] * 2
