"""Sends a file's units into a flow, each at its moment.

A unit is written into a frame of the pool before it is due, so that at the deadline only the descriptor has to
go. The unit after it is always known by then: that is how the last one can carry the end of the stream. The player
stays for as long as the last unit lasts. When the hub goes away with a frame, the unit is sent again in a frame of the
next hub.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from mediamesh.errors import Detached
from mediamesh_bridges.file.pacing import Now, Schedule
from mediamesh_bridges.file.received import DISCONTINUITY, END_OF_STREAM, KEY_FRAME
from mediamesh_bridges.file.timeline import VIDEO_CLOCK, ticks
from mediamesh_bridges.file.unit import Unit


class OutgoingFrame(Protocol):
    """What the player needs of `mediamesh.frames.SourceFrame`."""

    time: int
    rtp_timestamp: int
    duration: int
    flags: int
    length: int

    @property
    def buffer(self) -> memoryview:
        """The payload, writable, as long as a frame can hold."""

    def send(self) -> object:
        """Hand it to the flow."""

    def cancel(self) -> None:
        """Give it back unsent."""


class FrameSource(Protocol):
    """What the player needs of `mediamesh.source.Source`."""

    def acquire(self) -> OutgoingFrame:
        """Wait for a frame to fill."""


class Clock(Protocol):
    """What the player needs of time."""

    def now(self) -> Now:
        """Read the clocks."""

    def wait_until(self, deadline: int) -> bool:
        """Sleep until a moment of CLOCK_MONOTONIC in ns; True if asked to stop."""


class Player:
    """Plays units with the timing of `pacing`.

    Parameters
    ----------
    begins_anew
        What was sent before does not lead up to the first unit.
    """

    def __init__(self, source: FrameSource, clock: Clock, schedule: Schedule, *, begins_anew: bool = False) -> None:
        self._source = source
        self._clock = clock
        self._schedule = schedule
        self._discontinuity = begins_anew

    def play(self, units: Iterable[Unit]) -> None:
        """Send all units, or as many as there is time for before the clock says to stop."""
        for unit, last in _with_last(units):
            frame = self._filled(unit)
            while not self._wait(unit):
                if self._sent(frame, unit, last=last):
                    break
                frame = self._filled(unit)
            else:
                frame.cancel()
                return
            if last:
                self._clock.wait_until(self._schedule.deadline(unit.position + unit.duration))

    def _filled(self, unit: Unit) -> OutgoingFrame:
        frame = self._source.acquire()
        try:
            frame.length = unit.fill(frame.buffer)
        except BaseException:
            frame.cancel()
            raise
        return frame

    def _wait(self, unit: Unit) -> bool:
        """Sleep until the unit is due; True if asked to stop."""
        due = self._schedule.due(unit.position, unit.duration, self._clock.now())
        self._discontinuity |= due.discontinuity
        return self._clock.wait_until(due.deadline)

    def _sent(self, frame: OutgoingFrame, unit: Unit, *, last: bool) -> bool:
        """Send a frame; False if its hub is gone."""
        frame.time = self._schedule.time(unit.time)
        frame.rtp_timestamp = self._schedule.rtp_timestamp(unit.time)
        frame.duration = ticks(unit.duration, VIDEO_CLOCK)
        frame.flags = KEY_FRAME * unit.key | DISCONTINUITY * self._discontinuity | END_OF_STREAM * last
        try:
            frame.send()
        except Detached:
            return False
        self._discontinuity = False
        return True


def _with_last(units: Iterable[Unit]) -> Iterator[tuple[Unit, bool]]:
    held: Unit | None = None
    for unit in units:
        if held is not None:
            yield held, False
        held = unit
    if held is not None:
        yield held, True
