"""The clocks of this machine, and sleeping until a moment of one of them."""

import time
from typing import Protocol

from mediamesh_bridges.file.pacing import Now

_FINE_NS = 3_000_000
"""`Stopping.wait` is a poll, which sleeps in whole milliseconds; the last few are slept by the nanosecond."""


class StopRequest(Protocol):
    """What the player needs of `mediamesh.stopping.Stopping`."""

    def is_set(self) -> bool:
        """Return whether somebody asked to stop."""

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep until then, or for `timeout` seconds."""


class SystemClock:
    """CLOCK_MONOTONIC for pacing, CLOCK_TAI for the time in the frames."""

    def __init__(self, stopping: StopRequest) -> None:
        self._stopping = stopping

    def now(self) -> Now:
        """Read both clocks."""
        return Now(time.monotonic_ns(), time.clock_gettime_ns(time.CLOCK_TAI))

    def wait_until(self, deadline: int) -> bool:
        """Sleep until a moment of CLOCK_MONOTONIC in ns; True, perhaps earlier, if asked to stop."""
        while (remaining := deadline - time.monotonic_ns()) > 0 and not self._stopping.is_set():
            if remaining > _FINE_NS:
                self._stopping.wait((remaining - _FINE_NS) / 1e9)
            else:
                time.sleep(remaining / 1e9)
        return self._stopping.is_set()


def utc_seconds(tai_ns: int) -> float:
    """Return the UTC of a frame's time, by the difference that this machine's kernel keeps.

    A kernel that nobody told the difference has CLOCK_TAI equal to UTC, and frame times are taken from it as well.
    """
    difference = time.clock_gettime(time.CLOCK_TAI) - time.clock_gettime(time.CLOCK_REALTIME)
    return tai_ns / 1e9 - round(difference)
