"""The frames that a recorder is given: each in hand until the next one, or copied ahead of it.

A frame in hand costs no copy, and a sink with the policy `block` misses none, however long an encoder takes. With
`dropOldest` it may have only as many frames waiting as its queue says, and the first picture alone can take an encoder
longer than that. Who has no say in the policy, as `mediamesh receive`, lets a thread copy frames meanwhile.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol, Self

from mediamesh.errors import Interrupted
from mediamesh_bridges.file.prefetch import prefetched
from mediamesh_bridges.file.received import ReceivedFrame


class FrameSink(Protocol):
    """What is needed of `mediamesh.Sink`."""

    def receive(self) -> AbstractContextManager[ReceivedFrame]:
        """Wait for the next frame; `Interrupted` ends it."""

    def interrupt(self) -> None:
        """Let `receive` raise `Interrupted`."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A frame that has been given back."""

    sequence: int
    time: int
    duration: int
    flags: int
    status: int
    buffer: memoryview

    @classmethod
    def of(cls, frame: ReceivedFrame) -> Self:
        """Copy a frame that is in hand."""
        payload = memoryview(bytes(frame.buffer))
        return cls(frame.sequence, frame.time, frame.duration, frame.flags, frame.status, payload)


@contextmanager
def taken(sink: FrameSink, ahead: int) -> Iterator[Iterator[ReceivedFrame]]:
    """Give the frames until the sink is interrupted, with up to `ahead` of them copied early; 0: no copies.

    Copies that were made before the interruption are given as well.
    """
    if ahead:
        with prefetched(_copies(sink), ahead) as copies:
            try:
                yield copies
            finally:
                sink.interrupt()  # the thread may wait for a frame
    else:
        with closing(_in_hand(sink)) as frames:
            yield frames


def _in_hand(sink: FrameSink) -> Generator[ReceivedFrame, None, None]:
    with suppress(Interrupted):
        while True:
            with sink.receive() as frame:
                yield frame


def _copies(sink: FrameSink) -> Generator[ReceivedFrame, None, None]:
    with suppress(Interrupted):
        while True:
            with sink.receive() as frame:
                copy = Copied.of(frame)
            yield copy
