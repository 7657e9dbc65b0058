"""Tells a source that has lost time for good from one that was late and catches up.

The lead is how far the time of a frame is ahead of what has been counted. A stalled source makes it grow, and the
burst afterwards takes it back, so only the lowest lead of a while says anything: it is free of lateness. Here a
while is half a second of the frames' own time, because a burst of several seconds of sound takes none. A lead lasts
if the lowest ones of two such windows in a row, and that of the frame at hand, are above the tolerance and do not
fall: while they fall, by more than clocks differ, the source is still catching up.
"""

from __future__ import annotations

from fractions import Fraction

_WINDOW = Fraction(1, 2)
"""Seconds."""
_WINDOW_TOLERANCES = 4
"""A window has at least so many tolerances, for sources with few frames a second."""
_MOST_FALL = Fraction(1, 4)
"""Of the tolerance, from window to window: at 20 ms it is 1 %, and clocks differ by less than 0.1 %."""


class LastingLead:
    """The lowest leads of the present window and of the one before it, in units of the rate."""

    def __init__(self, rate: Fraction, tolerance: int) -> None:
        self._length = max(_WINDOW * rate, Fraction(_WINDOW_TOLERANCES * tolerance))
        self._tolerance = tolerance
        self._begun = Fraction(0)
        self._before: Fraction | None = None
        self._lowest = Fraction(0)

    @property
    def lowest(self) -> Fraction:
        """The lowest lead of late: where the source's clock is."""
        return self._lowest if self._before is None else min(self._before, self._lowest)

    def begin(self, moment: Fraction) -> None:
        """Forget everything; the frame of this moment has no lead."""
        self._restart(moment, Fraction(0))

    def see(self, moment: Fraction, lead: Fraction) -> int:
        """Take note of a frame's lead; return the units that are lost for good, by which the count must go on."""
        if moment - self._begun < self._length:
            self._lowest = min(self._lowest, lead)
            return 0
        lost = int(min(self.lowest, lead)) if self._lasts(lead) else 0
        if lost:
            self._restart(moment, lead - lost)
        else:
            self._begun, self._before, self._lowest = moment, self._lowest, lead
        return lost

    def _lasts(self, lead: Fraction) -> bool:
        if self._before is None or min(self.lowest, lead) <= self._tolerance:
            return False
        return self._lowest >= self._before - _MOST_FALL * self._tolerance

    def _restart(self, moment: Fraction, lead: Fraction) -> None:
        self._begun, self._before, self._lowest = moment, None, lead
