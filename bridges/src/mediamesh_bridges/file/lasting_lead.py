"""Tells a source that has lost time for good from one that was late and catches up.

The lead is how far the time of a frame is ahead of what has been counted. A stalled source makes it grow, and the
burst afterwards takes it back, so only the lowest lead of a while says anything: it is free of lateness. Here a
while is half a second of the frames' own time, because a burst of several seconds of sound takes none. A lead lasts
if the lowest ones of two such windows in a row, and that of the frame at hand, are above the tolerance and do not
fall: while they fall, by more than clocks differ, the source is still catching up.
"""

from __future__ import annotations

_WINDOWS_PER_SECOND = 2
_WINDOW_TOLERANCES = 4
"""A window has at least so many tolerances, for sources with few frames a second."""
_FALLS_PER_TOLERANCE = 4
"""The most that a lead may fall from window to window: at 20 ms it is 1 %, and clocks differ by less than 0.1 %."""


class LastingLead:
    """The lowest leads of the present window and of the one before it, in ticks.

    Parameters
    ----------
    unit
        Ticks of a unit, which is what frames are counted in.
    second
        Ticks of a second.
    tolerance
        Units.
    """

    def __init__(self, unit: int, second: int, tolerance: int) -> None:
        self._unit = unit
        self._tolerance = tolerance * unit
        self._length = max(second // _WINDOWS_PER_SECOND, _WINDOW_TOLERANCES * self._tolerance)
        self._begun = 0
        self._before: int | None = None
        self._lowest = 0

    @property
    def lowest(self) -> int:
        """The lowest lead of late: where the source's clock is."""
        return self._lowest if self._before is None else min(self._before, self._lowest)

    def begin(self, moment: int) -> None:
        """Forget everything; the frame of this moment has no lead."""
        self._restart(moment, 0)

    def see(self, moment: int, lead: int) -> int:
        """Take note of a frame's lead; return the units that are lost for good, by which the count must go on."""
        if moment - self._begun < self._length:
            self._lowest = min(self._lowest, lead)
            return 0
        lost = min(self.lowest, lead) // self._unit if self._lasts(lead) else 0
        if lost:
            self._restart(moment, lead - lost * self._unit)
        else:
            self._begun, self._before, self._lowest = moment, self._lowest, lead
        return lost

    def _lasts(self, lead: int) -> bool:
        if self._before is None or min(self.lowest, lead) <= self._tolerance:
            return False
        return self._lowest >= self._before - self._tolerance // _FALLS_PER_TOLERANCE

    def _restart(self, moment: int, lead: int) -> None:
        self._begun, self._before, self._lowest = moment, None, lead
