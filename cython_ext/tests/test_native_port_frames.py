"""Frames in hand: views, what is read-only, what outlives what, and what is counted as forgotten."""

import ctypes
import gc
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from mediamesh_testing.waiting import wait_until
from native_peers import Node, Sink, Source, acquire, receive, send, stamp, take

from mediamesh_native.port import SinkFrame, SinkPort, SourceFrame, live_objects


@dataclass
class Pair:
    """A source and a sink of one flow."""

    node: Node
    source: Source
    sink: Sink

    def occupancy(self) -> int:
        """How many frames the engine thinks the sink has."""
        return self.node.engine.counters(self.sink.number).occupancy


@pytest.fixture
def pair() -> Iterator[Pair]:
    with Node() as node:
        flow = node.flow()
        yield Pair(node, node.source(flow), node.sink(flow))


def test_a_received_frame_is_a_row_of_read_only_bytes(pair: Pair) -> None:
    send(pair.source, 3, 100)
    with take(pair.sink) as frame, memoryview(frame) as view:
        assert (view.readonly, view.format, view.shape, view.strides, view.nbytes) == (True, "B", (100,), (1,), 100)
        with pytest.raises(TypeError, match="read-only"):
            view[0] = 1
        with pytest.raises(TypeError):
            (ctypes.c_char * 100).from_buffer(frame)


def test_a_frame_to_fill_is_a_row_of_writable_bytes(pair: Pair) -> None:
    frame = acquire(pair.source)
    with memoryview(frame) as view:
        assert (view.readonly, view.format, view.nbytes) == (False, "B", 4096)
        view[:] = bytes(4096)
    assert (frame.capacity, frame.length, len(frame)) == (4096, 4096, 4096)
    frame.cancel()


@pytest.mark.parametrize("length", [-1, 4097, 2**32, 2**70])
def test_a_length_beyond_the_capacity_is_refused(pair: Pair, length: int) -> None:
    with acquire(pair.source) as frame, pytest.raises(ValueError, match=r"is not in 0\.\.4096"):
        frame.length = length


def test_metadata_beyond_its_room_is_refused(pair: Pair) -> None:
    with acquire(pair.source) as frame:
        with pytest.raises(ValueError, match="3969 bytes of metadata"):
            frame.metadata = bytes(3969)
        assert frame.metadata == b""


def test_a_sent_or_cancelled_frame_is_no_longer_in_hand(pair: Pair) -> None:
    sent, cancelled = acquire(pair.source), acquire(pair.source)
    assert sent.send() == sent.sequence == 0
    cancelled.cancel()
    cancelled.cancel()
    for frame in (sent, cancelled):
        assert frame.closed
        with pytest.raises(ValueError, match="no longer in hand"):
            memoryview(frame)
        with pytest.raises(ValueError, match="no longer in hand"):
            frame.send()
    take(pair.sink).release()


def test_a_released_frame_is_no_longer_in_hand(pair: Pair) -> None:
    send(pair.source, 1)
    frame = take(pair.sink)
    closed = [frame.closed]
    frame.release()
    frame.release()
    assert [*closed, frame.closed] == [False, True]
    for use in (memoryview, SinkFrame.__enter__):
        with pytest.raises(ValueError, match="no longer in hand"):
            use(frame)
    with pytest.raises(ValueError, match="no longer in hand"):
        _ = frame.metadata


def test_a_frame_goes_back_only_when_its_last_view_is_gone(pair: Pair) -> None:
    send(pair.source, 1)
    frame = take(pair.sink)
    whole = memoryview(frame)
    part = whole[10:20]
    frame.release()
    whole.release()
    assert (frame.closed, pair.sink.port.outstanding, pair.occupancy()) == (True, 1, 1)
    content = bytes(part)
    for number in range(30):
        send(pair.source, number + 2)
    pair.node.sent(pair.sink.flow, 31)
    assert bytes(part) == content
    part.release()
    assert pair.sink.port.outstanding == 0
    wait_until(lambda: pair.occupancy() == 7)


def test_a_forgotten_frame_goes_back_and_is_counted(pair: Pair) -> None:
    send(pair.source, 1)
    take(pair.sink)
    assert (pair.sink.port.forgotten, pair.sink.port.outstanding, pair.occupancy()) == (1, 0, 0)


class Attached(SinkFrame):
    """What an application makes of a frame; it has a dictionary, so it can be part of a cycle."""

    me: object


class Filling(SourceFrame):
    """The same for frames to fill."""

    me: object


def test_frames_caught_in_a_cycle_come_back() -> None:
    with Node() as node:
        flow = node.flow(frames=1 + 2 + 2)
        source = node.source(flow, 2, frame_class=Filling)
        sink = node.sink(flow, 2, frame_class=Attached)
        for number in range(10):
            filling = acquire(source)
            assert isinstance(filling, Filling)
            filling.me = filling
            del filling
            gc.collect()
            send(source, number)
            frame = take(sink)
            assert isinstance(frame, Attached)
            frame.me = frame
            del frame
            gc.collect()
        assert (sink.port.forgotten, source.port.forgotten) == (10, 10)
        assert (sink.port.outstanding, source.port.outstanding) == (0, 0)


def test_views_outlive_release_and_port(pair: Pair) -> None:
    send(pair.source, 77, 4096)
    frame = take(pair.sink)
    view = memoryview(frame)
    frame.release()
    pair.sink.port.close()
    pair.node.engine.remove(pair.sink.number)
    del frame
    gc.collect()
    assert view[:8] == view[-8:] == (77).to_bytes(8, "little")
    assert live_objects()["mapping"] == 2
    view.release()
    assert live_objects()["mapping"] == 1


def test_a_frame_outlives_its_port(pair: Pair) -> None:
    send(pair.source, 5)
    frame = take(pair.sink)
    filling = acquire(pair.source)
    pair.sink.port.close()
    pair.source.port.close()
    assert frame.closed
    assert filling.closed
    assert stamp(frame) == 5
    memoryview(filling)[:3] = b"abc"
    with pytest.raises(ValueError, match="closed"):
        filling.send()
    filling.cancel()
    frame.release()


def test_releases_from_a_view_that_outlives_the_port_reach_nobody(pair: Pair) -> None:
    send(pair.source, 5)
    frame = take(pair.sink)
    pair.sink.port.close()
    frame.release()
    assert pair.occupancy() == 1
    pair.node.engine.remove(pair.sink.number)
    send(pair.source, 6)
    pair.node.sent(pair.sink.flow, 2)
    assert receive(pair.node.sink(pair.sink.flow, newest=True)) == 6


def test_the_hub_has_the_last_word_on_the_sequence(pair: Pair) -> None:
    pair.source.port.next_sequence = 1000
    frame = acquire(pair.source)
    assert frame.send() == 1000
    with take(pair.sink) as got:
        assert got.sequence == pair.sink.port.last_sequence == 0


def test_a_time_that_is_not_set_is_now(pair: Pair) -> None:
    send(pair.source, 1)
    send(pair.source, 2)
    with take(pair.sink) as first, take(pair.sink) as second:
        assert 0 < first.time <= second.time
        assert 0 < first.sent <= second.sent


def test_all_that_was_open_is_counted_and_closed() -> None:
    before = live_objects()
    with Node() as node:
        flow = node.flow()
        node.source(flow)
        node.sink(flow)
        assert live_objects() != before
        assert live_objects()["port"] == 2
    gc.collect()
    assert live_objects() == before


def test_a_port_class_has_frames_of_its_own_kind(pair: Pair) -> None:
    assert type(acquire(pair.source)) is SourceFrame
    send(pair.source, 0)
    assert type(take(pair.sink)) is SinkFrame
    assert isinstance(pair.sink.port, SinkPort)
