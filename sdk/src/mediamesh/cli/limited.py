"""Ends that stop by themselves after so many frames or seconds, and that a signal stops."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

from mediamesh.errors import Interrupted
from mediamesh.frames import ReceivedFrame, SourceFrame
from mediamesh.sink import Sink
from mediamesh.source import Source

Counter = Callable[[int], None]
NANOSECONDS = 1_000_000_000


class Limit:
    """How much is enough."""

    def __init__(self, count: int | None, seconds: float | None) -> None:
        self._left = count
        self._seconds = seconds
        self._end: float | None = None
        self._begun: int | None = None

    def check(self) -> None:
        """Raise Interrupted if it is enough."""
        if self._left == 0 or (self._end is not None and time.monotonic() >= self._end):
            raise Interrupted("as much as was asked for")

    def patience(self, timeout: float | None) -> float | None:
        """Return how long to wait for the next frame."""
        if self._end is None:
            return timeout
        left = max(self._end - time.monotonic(), 0)
        return left if timeout is None else min(left, timeout)

    def is_past(self, time: int) -> bool:
        """Whether a frame of that time (ns) is one too many; the first may have waited, with others behind it."""
        if self._begun is None:
            self._begun = time
        return self._seconds is not None and time - self._begun >= self._seconds * NANOSECONDS

    def count(self) -> None:
        """One more; the seconds run from the first one on."""
        if self._end is None and self._seconds is not None:
            self._end = time.monotonic() + self._seconds
        if self._left is not None:
            self._left -= 1


class LimitedSink(Sink):
    """A sink whose `receive` raises Interrupted when the limit is reached."""

    def __init__(self, limit: Limit, counted: Counter, connection: str, **options: Any) -> None:
        super().__init__(connection, **options)
        self._limit = limit
        self._counted = counted

    def receive(self, timeout: float | None = None) -> ReceivedFrame:
        """Return the next frame, as long as there should be one."""
        self._limit.check()
        try:
            frame = super().receive(self._limit.patience(timeout))
        except TimeoutError:
            self._limit.check()
            raise
        if self._limit.is_past(frame.time):
            frame.release()
            raise Interrupted("as much as was asked for")
        self._limit.count()
        self._counted(len(frame))
        return frame


class LimitedSource(Source):
    """A source whose `acquire` raises Interrupted when the limit is reached."""

    def __init__(self, limit: Limit, counted: Counter, connection: str, **options: Any) -> None:
        super().__init__(connection, **options)
        self._limit = limit
        self._counted = counted

    def acquire(self, timeout: float | None = None) -> SourceFrame:
        """Return a frame to fill, as long as one should be sent."""
        self._limit.check()
        frame = super().acquire(self._limit.patience(timeout))
        self._limit.count()
        self._counted(len(frame))
        return frame


def until_signalled(end: Sink | Source) -> None:
    """Let SIGINT and SIGTERM interrupt the end, so that files are finished; the second one ends at once."""

    def stop(*_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        end.interrupt()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
