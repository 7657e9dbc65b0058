"""Where the frames that arrive belong in a recording.

A recording's timestamps are counted in whole units of the exact rate (frames, or samples), so a rounding or a
jitter of the sender never reaches the file: a frame's time is often only when it was sent. Sequence numbers decide.

* They follow on: so do the pictures and the samples, however late they come. Only a lead of the time that lasts
  (see `lasting_lead`) shows that a source left out something that it never numbered; then the recording gets a gap.
* Some are missing: they leave a gap of as many frames. It is counted and not timed, because frames are mostly lost
  in the burst after a stall, when times are worth the least.
* They begin anew, or the frame is flagged as a discontinuity: only the time can tell how long nothing came, measured
  against the lowest lead of late, which is free of lateness. If it says something near the numbers, those are taken.

Where the time is off by more than `LONGEST_GAP` either way, the clock or the source is another one now. The recording
simply goes on, and times are compared from there.

Times are compared in ticks, of which both a nanosecond and a unit have a whole number: exact as fractions are, at a
tenth of their cost, which a recorder pays for every frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from mediamesh_bridges.file.lasting_lead import LastingLead
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
    discontinuity: bool = False
    """What came before does not lead up to it, whatever the sequence says."""


class Placement:
    """Positions in units of a fixed rate, always increasing."""

    def __init__(self, rate: Fraction, tolerance: int) -> None:
        self._nanosecond, self._unit = rate.numerator, rate.denominator * NANOSECONDS  # ticks
        self._tolerance = tolerance
        self._longest = round(LONGEST_GAP * rate)
        self._lead = LastingLead(self._unit, self._nanosecond * NANOSECONDS, tolerance)
        self._origin = 0
        self._last: Arrival | None = None
        self._end = 0

    def place(self, arrival: Arrival) -> int:
        """Return the position of a frame; the first is at 0."""
        position = self._position(arrival, arrival.time * self._nanosecond)
        self._end = position + arrival.size
        self._last = arrival
        return position

    def _position(self, arrival: Arrival, moment: int) -> int:
        if self._last is None:
            return self._begin_at(0, moment)
        missing = self._missing(arrival, self._last)
        if missing is None or arrival.discontinuity:
            return self._begin_at(self._by_time(moment, self._end + (missing or 0)), moment)
        return self._by_number(moment, self._end + missing)

    def _begin_at(self, position: int, moment: int) -> int:
        """Compare times from here on."""
        self._origin = moment - position * self._unit
        self._lead.begin(moment)
        return position

    def _by_number(self, moment: int, expected: int) -> int:
        lead = moment - self._origin - expected * self._unit
        if abs(lead) > self._longest * self._unit:
            return self._begin_at(expected, moment)
        return expected + self._lead.see(moment, lead)

    def _by_time(self, moment: int, expected: int) -> int:
        position = round(Fraction(moment - self._origin - self._lead.lowest, self._unit))
        near = abs(position - expected) <= self._tolerance
        return position if not near and self._end < position <= self._end + self._longest else expected

    def _missing(self, arrival: Arrival, last: Arrival) -> int | None:
        """Return the units that the sequence numbers say are missing, None if they began anew."""
        missing = (arrival.sequence - last.sequence - 1) * max(arrival.size, last.size)
        return missing if 0 <= missing <= self._longest else None


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
