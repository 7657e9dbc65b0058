import contextlib
import selectors
import threading
from typing import Any

import numpy as np
import pytest
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.waiting import wait_until
from sdk_plans import BLOB, QUEUE, connection

import mediamesh


def test_what_is_sent_is_received(hub: HubUnderTest) -> None:
    hub.apply(connection())
    with mediamesh.open_sink("cam", timeout=30) as sink, mediamesh.open_source("cam", timeout=30) as source:
        assert (sink.name, sink.endpoint, source.endpoint) == ("default/cam", "sink0", "camera")
        assert sink.format == source.format == BLOB
        first = source.next_sequence
        with source.acquire(30) as frame:
            frame.buffer[:5] = b"hello"
            frame.length = 5
            frame.time, frame.duration, frame.rtp_timestamp = 123, 3600, 77
            frame.flags, frame.status, frame.metadata = mediamesh.Flags.KEY_FRAME, mediamesh.Status.PARTIAL, b"meta"
            assert frame.send() == first
        with sink.receive(30) as received:
            assert bytes(received.buffer) == b"hello"
            assert (received.sequence, received.time, received.duration, received.rtp_timestamp) == (
                first,
                123,
                3600,
                77,
            )
            assert mediamesh.Status(received.status) is mediamesh.Status.PARTIAL
            assert mediamesh.Flags.KEY_FRAME in mediamesh.Flags(received.flags)
            assert received.metadata == b"meta"
        assert sink.last_sequence == first


def test_send_copies_any_buffer(hub: HubUnderTest) -> None:
    hub.apply(connection())
    pictures: Any = np.arange(24, dtype="<u2").reshape(4, 6)  # a Buffer to type checkers from Python 3.12 on
    with mediamesh.open_sink("cam", timeout=30) as sink, mediamesh.open_source("cam", timeout=30) as source:
        for data in (b"bytes", bytearray(b"more"), pictures, pictures[:, ::2], b""):
            source.send(data, time=1, flags=mediamesh.Flags.END_OF_STREAM, metadata=b"m", timeout=30)
            with sink.receive(30) as frame:
                assert bytes(frame) == memoryview(data).tobytes()
                assert (frame.time, frame.metadata) == (1, b"m")
                assert frame.flags & mediamesh.Flags.END_OF_STREAM


def test_too_much_data_is_refused_and_the_frame_stays_usable(hub: HubUnderTest) -> None:
    hub.apply(connection())
    with mediamesh.open_source("cam", timeout=30) as source:
        for _ in range(QUEUE + 1):
            with pytest.raises(mediamesh.FrameTooSmall, match="1001 bytes do not fit into a frame of 1000"):
                source.send(bytes(1001), timeout=30)
        source.send(bytes(1000), timeout=30)


def test_received_frames_are_read_only(hub: HubUnderTest) -> None:
    hub.apply(connection())
    with mediamesh.open_sink("cam", timeout=30) as sink, mediamesh.open_source("cam", timeout=30) as source:
        source.send(b"abc")
        with sink.receive(30) as frame:
            assert frame.buffer.readonly
            with pytest.raises(TypeError, match="read-only"):
                frame.buffer[0] = 1
            view = frame.array()
            assert not view.flags.writeable
            with pytest.raises(ValueError, match="WRITEABLE"):
                view.flags.writeable = True
            del view


def test_frames_go_back_in_any_order(hub: HubUnderTest) -> None:
    hub.apply(connection())
    with mediamesh.open_sink("cam", timeout=30) as sink, mediamesh.open_source("cam", timeout=30) as source:
        for round_ in range(50):
            for number in range(QUEUE):
                source.send(b"%d" % number, timeout=30)
            frames = [sink.receive(30) for _ in range(QUEUE)]
            assert [bytes(frame) for frame in frames] == [b"%d" % number for number in range(QUEUE)]
            for index in (2, 0, 3, 1) if round_ % 2 else (3, 2, 1, 0):
                sink.release(frames[index])
        assert sink.dropped == 0


def test_a_view_keeps_its_frame(hub: HubUnderTest) -> None:
    hub.apply(connection())
    with mediamesh.open_sink("cam", timeout=30) as sink, mediamesh.open_source("cam", timeout=30) as source:
        source.send(b"kept")
        frame = sink.receive(30)
        view = frame.buffer
        frame.release()
        for _ in range(3 * QUEUE):
            source.send(b"others", timeout=30)
            sink.receive(30).release()
        assert bytes(view) == b"kept"
        view.release()


def test_forgotten_frames_are_counted(hub: HubUnderTest) -> None:
    hub.apply(connection())
    sink = mediamesh.open_sink("cam", timeout=30)
    with mediamesh.open_source("cam", timeout=30) as source:
        for _ in range(QUEUE):
            source.send(b"x", timeout=30)
        held = [sink.receive(30) for _ in range(QUEUE)]
        held.pop().release()
        held.pop()  # left to the garbage collector
        with pytest.warns(ResourceWarning, match="closed before 3 of its frames"):
            sink.__exit__(None, None, None)
        assert sink.closed
        assert all(frame.closed for frame in held)


def test_an_exception_is_not_followed_by_a_warning(hub: HubUnderTest) -> None:
    hub.apply(connection())
    with (
        contextlib.suppress(KeyError),
        mediamesh.open_sink("cam", timeout=30) as sink,
        mediamesh.open_source("cam", timeout=30) as source,
    ):
        source.send(b"x", timeout=30)
        frame = sink.receive(30)
        raise KeyError(frame.sequence)


def test_an_end_dropped_open_is_closed_with_a_warning(hub: HubUnderTest) -> None:
    hub.apply(connection())
    sink = mediamesh.open_sink("cam", timeout=30)
    with pytest.warns(ResourceWarning, match="was dropped open"):
        del sink


def test_gaps_are_counted_as_drops(hub: HubUnderTest) -> None:
    hub.apply(connection(policies=("dropOldest",)))
    with mediamesh.open_sink("cam", timeout=30) as sink, mediamesh.open_source("cam", timeout=30) as source:
        first = source.send(b"x", timeout=30)
        sink.receive(30).release()
        last = [source.send(b"x", timeout=30) for _ in range(3 * QUEUE)][-1]
        seen = []
        while sink.last_sequence < last:
            with sink.receive(30) as frame:
                seen.append(frame.sequence)
        assert seen[-1] == last
        assert sink.dropped == last - first - len(seen)


def test_timeouts_mean_what_they_say(hub: HubUnderTest) -> None:
    hub.apply(connection())
    with mediamesh.open_sink("cam", timeout=30) as sink, mediamesh.open_source("cam", timeout=30) as source:
        for timeout in (0, 0.01):
            with pytest.raises(mediamesh.Timeout, match="default/cam: no frame within") as raised:
                sink.receive(timeout)
            assert isinstance(raised.value, TimeoutError)
            assert raised.value.reason == "Timeout"
        with pytest.raises(ValueError, match="a timeout is None"):
            sink.receive(-1)
        held = [source.acquire(30) for _ in range(QUEUE)]
        with pytest.raises(mediamesh.Timeout):
            source.acquire(0.01)
        for frame in held:
            frame.cancel()
        source.acquire(0).cancel()


def test_a_waiting_receive_gets_what_comes_later(hub: HubUnderTest) -> None:
    hub.apply(connection())
    with mediamesh.open_sink("cam", timeout=30) as sink, mediamesh.open_source("cam", timeout=30) as source:
        sender = threading.Timer(0.05, source.send, [b"late"])
        sender.start()
        with sink.receive() as frame:
            assert bytes(frame) == b"late"
        sender.join()


def test_fileno_works_with_selectors(hub: HubUnderTest) -> None:
    hub.apply(connection())
    with (
        mediamesh.open_sink("cam", timeout=30) as sink,
        mediamesh.open_source("cam", timeout=30) as source,
        selectors.DefaultSelector() as selector,
    ):
        selector.register(sink, selectors.EVENT_READ)
        wait_until(lambda: not drain(sink) and not selector.select(0), "the end of news of the pool")
        for number in range(100):
            source.send(b"%d" % number, timeout=30)
            assert selector.select(30)
            while not (taken := drain(sink)):  # it was news of a pool
                assert selector.select(30)
            assert taken == [b"%d" % number]


def drain(sink: mediamesh.Sink) -> list[bytes]:
    taken = []
    while True:
        try:
            with sink.receive(0) as frame:
                taken.append(bytes(frame))
        except mediamesh.Timeout:
            return taken
