"""Frames on their way from a sink to a recorder, in hand or copied ahead of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import pytest
from bridge_doubles import FakeFrame, frames_at

from mediamesh.errors import Interrupted
from mediamesh_bridges.file.taking import taken

PATIENCE = 30.0


class FakeSink:
    """Has some frames, and then none until it is interrupted."""

    def __init__(self, count: int) -> None:
        self.frames = list(frames_at((b"%d" % number for number in range(count)), Fraction(25)))
        self._interrupted = threading.Event()
        self.in_hand = 0
        self.received = 0
        self.empty = threading.Event()

    @contextmanager
    def receive(self) -> Iterator[FakeFrame]:
        if self.received == len(self.frames) or self._interrupted.is_set():
            self.empty.set()
            assert self._interrupted.wait(PATIENCE)
            raise Interrupted("enough")
        frame = self.frames[self.received]
        self.received += 1
        self.in_hand += 1
        try:
            yield frame
        finally:
            self.in_hand -= 1

    def interrupt(self) -> None:
        self._interrupted.set()


def test_a_frame_is_in_hand_until_the_next_is_asked_for() -> None:
    sink = FakeSink(3)
    with taken(sink, 0) as frames:
        for number in range(3):
            assert bytes(next(frames).buffer) == b"%d" % number
            assert (sink.in_hand, sink.received) == (1, number + 1)
        sink.interrupt()
        assert list(frames) == []
    assert sink.in_hand == 0


def test_a_busy_recorder_misses_no_frame_that_can_be_copied_ahead() -> None:
    sink = FakeSink(9)
    with taken(sink, 8) as frames:
        seen = [next(frames)]  # an encoder that is busy with the first one
        assert sink.empty.wait(PATIENCE)
        assert (sink.in_hand, sink.received) == (0, 9)
        sink.interrupt()
        seen += frames
    assert [(frame.sequence, bytes(frame.buffer)) for frame in seen] == [(n, b"%d" % n) for n in range(9)]


def test_copies_say_what_their_frames_said() -> None:
    sink = FakeSink(1)
    sink.frames = [FakeFrame(b"picture", sequence=7, time=123, duration=3600, flags=5, status=1)]
    with taken(sink, 1) as frames:
        copy = next(frames)
    assert (copy.sequence, copy.time, copy.duration, copy.flags, copy.status) == (7, 123, 3600, 5, 1)


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_recorder_that_gives_up_waits_for_no_frame(ahead: int) -> None:
    sink = FakeSink(1)

    def record() -> None:
        with taken(sink, ahead) as frames:
            next(frames)
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        record()
    assert sink.in_hand == 0
