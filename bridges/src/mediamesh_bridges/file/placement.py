"""Where the frames that arrive belong in a recording.

A recording's timestamps come from the frames' times, but counted in whole units of the exact rate (frames, or
samples), so a rounding or a jitter of the sender never reaches the file. Between two frames the sequence
numbers say how many are missing; the times confirm it, and where they disagree by more than the tolerance they
win, because a source may leave out frames that it never numbered. Three things can happen then:

* the time is ahead by at most `LONGEST_GAP`: the recording gets a gap of that length;
* it is ahead by more, or behind: the clock or the source is another one now (a restart, a stepped clock). The
  recording simply goes on, and later frames are counted from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from mediamesh_bridges.file.timeline import LONGEST_GAP, LONGEST_STEP_BACK, NANOSECONDS

_STEP = Fraction(1, 25)
"""Seconds from the last frame before a jump to the first one after it."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What placing needs to know of a frame."""

    time: int
    """TAI ns."""
    sequence: int
    size: int = 1
    """Units that it fills: 1 for a picture, samples for a block."""


class Placement:
    """Positions in units of a fixed rate, always increasing."""

    def __init__(self, rate: Fraction, tolerance: int) -> None:
        self._rate = rate
        self._tolerance = tolerance
        self._longest = round(LONGEST_GAP * rate)
        self._origin: Fraction | None = None
        self._end = 0
        self._sequence = -1

    def place(self, arrival: Arrival) -> int:
        """Return the position of a frame; the first is at 0."""
        expected = self._end + self._missing(arrival)
        moment = Fraction(arrival.time, NANOSECONDS) * self._rate
        if self._origin is None:
            self._origin = moment
        by_time = round(moment - self._origin)
        position = by_time if self._is_gap(by_time - expected) else expected
        if abs(by_time - position) > self._tolerance:
            self._origin = moment - position
        self._end = position + arrival.size
        self._sequence = arrival.sequence
        return position

    def _is_gap(self, ahead: int) -> bool:
        return self._tolerance < ahead <= self._longest

    def _missing(self, arrival: Arrival) -> int:
        """Return the units that the sequence numbers say are missing, none if they began anew."""
        if self._sequence < 0:
            return 0
        missing = (arrival.sequence - self._sequence - 1) * arrival.size
        return missing if 0 <= missing <= self._longest else 0


class FreePlacement:
    """Positions of encoded frames in ticks: as their times say, in any order within a second."""

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._origin: Fraction | None = None
        self._latest = Fraction(0)

    def place(self, time: int) -> int:
        """Return the presentation time of a frame in ticks from the first one's."""
        moment = Fraction(time, NANOSECONDS)
        if self._origin is None:
            self._origin = moment
        ahead = moment - self._origin - self._latest
        if not -LONGEST_STEP_BACK <= ahead <= LONGEST_GAP:
            self._origin = moment - self._latest - _STEP
        position = moment - self._origin
        self._latest = max(self._latest, position)
        return round(position * self._clock_rate)
