"""Tells of frames that cannot be recorded because they are not whole.

A picture of another length than the connection's payload says is no picture. One now and then is left out, as a
lost one is, but never without a word: the first is told at once, later ones are counted and told at most every ten
seconds. When nothing else comes, the source sends something that the connection does not promise. Then the recorder
gives up, so that the reason is seen in the status of the endpoint and not only in a log.
"""

from __future__ import annotations

from collections.abc import Callable

from mediamesh_bridges.errors import FramesNotWhole

REPORT_SECONDS = 10.0
MOST_IN_A_ROW = 100


class LeftOut:
    """Counts the frames that are left out.

    Parameters
    ----------
    tell
        Takes a line for people.
    now
        A monotonic clock, in seconds.
    """

    def __init__(self, tell: Callable[[str], None], now: Callable[[], float]) -> None:
        self._tell = tell
        self._now = now
        self._count = 0
        self._untold = 0
        self._in_a_row = 0
        self._told_at: float | None = None

    def whole(self) -> None:
        """Take note of a frame that was recorded."""
        self._in_a_row = 0

    def add(self, what: str) -> None:
        """Count a frame that is not whole; `what` says which and why.

        Raises
        ------
        FramesNotWhole
            It is the last of `MOST_IN_A_ROW` without a whole one between them.
        """
        self._count += 1
        self._untold += 1
        self._in_a_row += 1
        if self._in_a_row >= MOST_IN_A_ROW:
            raise FramesNotWhole(f"none of the last {self._in_a_row} frames is whole, the latest: {what}")
        if self._told_at is None or self._now() - self._told_at >= REPORT_SECONDS:
            self._report(f"the latest: {what}" if self._count > 1 else what)

    def finish(self) -> None:
        """Tell the count if it was not told yet."""
        if self._untold:
            self._report("no more will come")

    def _report(self, what: str) -> None:
        counted = "1 frame is" if self._count == 1 else f"{self._count} frames are"
        self._tell(f"{counted} not whole and left out, {what}")
        self._untold = 0
        self._told_at = self._now()
