"""When each unit is due, and what time it carries.

The schedule is absolute: the first unit ties position 0 to a reading of CLOCK_MONOTONIC and of TAI, and every
later unit is due at that anchor plus its own exact position. Waking up late therefore never shifts what follows,
and the time in the frames has no jitter at all, whatever the machine does.

A player that falls behind (a suspended process, a sink with policy `block` that holds the source back) catches
up by sending late units at once. Beyond a limit that would be a burst that helps nobody: the schedule is
anchored anew at the late unit, which is flagged as a discontinuity. The limit is eight units or 200 ms,
whichever is longer: audio blocks of a millisecond must survive one bad turn of the scheduler.

The RTP timestamp is the TAI time in ticks of the media's clock, as SMPTE ST 2110-10 derives it, and advances by
exact counts from the anchor, so audio blocks are exactly their number of samples apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from mediamesh_bridges.file.timeline import NANOSECONDS, nanoseconds, ticks

LATE_UNITS = 8
LATE_AT_LEAST = Fraction(1, 5)
_RTP_MODULUS = 1 << 32


@dataclass(frozen=True, slots=True)
class Now:
    """One reading of both clocks, in nanoseconds."""

    monotonic: int
    tai: int


@dataclass(frozen=True, slots=True)
class Due:
    """When to send a unit (CLOCK_MONOTONIC ns) and what its header says."""

    deadline: int
    discontinuity: bool


@dataclass(frozen=True, slots=True)
class _Anchor:
    position: Fraction
    now: Now


class Schedule:
    """Ties positions on the timeline to the clocks."""

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._anchor: _Anchor | None = None

    def due(self, position: Fraction, duration: Fraction, now: Now) -> Due:
        """Return when the unit at `position` is due, anchoring the schedule first where needed."""
        if self._anchor is None:
            self._anchor = _Anchor(position, now)
            return Due(now.monotonic, discontinuity=False)
        deadline = self.deadline(position)
        if now.monotonic - deadline <= nanoseconds(max(LATE_UNITS * duration, LATE_AT_LEAST)):
            return Due(deadline, discontinuity=False)
        return self._begin_anew(position, now)

    def deadline(self, position: Fraction) -> int:
        """Return the moment of a position in ns of CLOCK_MONOTONIC; `due` was asked before."""
        anchor = self._anchored()
        return anchor.now.monotonic + nanoseconds(position - anchor.position)

    def time(self, position: Fraction) -> int:
        """Return the TAI time of a position in ns; `due` was asked before."""
        anchor = self._anchored()
        return anchor.now.tai + nanoseconds(position - anchor.position)

    def rtp_timestamp(self, position: Fraction) -> int:
        """Return the RTP timestamp of a position; `due` was asked before."""
        anchor = self._anchored()
        first = anchor.now.tai * self._clock_rate // NANOSECONDS
        return (first + ticks(position - anchor.position, self._clock_rate)) % _RTP_MODULUS

    def _begin_anew(self, position: Fraction, now: Now) -> Due:
        self._anchor = _Anchor(position, now)
        return Due(now.monotonic, discontinuity=True)

    def _anchored(self) -> _Anchor:
        if self._anchor is None:
            message = "the schedule was not asked when the first unit is due"
            raise RuntimeError(message)
        return self._anchor


class LiveSchedule(Schedule):
    """For units that come at their own pace: each is due at once.

    Their times go as the sender counts them, so the jitter of the way does not show. A sender whose clock runs away, or
    that sends faster than it counts, is anchored anew where it is ahead by as much as a late one may be behind.
    """

    def due(self, position: Fraction, duration: Fraction, now: Now) -> Due:
        """Return that it is due now, and whether its time begins anew."""
        due = super().due(position, duration, now)
        if due.deadline - now.monotonic > nanoseconds(LATE_AT_LEAST):
            due = self._begin_anew(position, now)
        return Due(now.monotonic, due.discontinuity)
