"""Tells of frames that are recorded although they arrived damaged.

A picture that lost packets on its way has its full length and the status partial or corrupt. It is recorded as it is,
since a gap would be worse, but never without a word. Damage comes in bursts, so there is one line for each, with the
count, when it is over or has lasted for a while; the hub counts single frames for the metrics.
"""

from __future__ import annotations

from collections.abc import Callable

from mediamesh.frames import Status
from mediamesh_bridges.file.received import ReceivedFrame

QUIET_SECONDS = 1.0
"""Without damage, after which a burst is over."""
LONGEST_SECONDS = 10.0
"""Of a burst before it is told."""


class Damage:
    """Gathers bursts.

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
        self._partial = 0
        self._corrupt = 0
        self._first = 0
        self._last = 0
        self._began = 0.0
        self._newest = 0.0

    def see(self, frame: ReceivedFrame) -> None:
        """Take note of a frame that is recorded."""
        if frame.status == Status.COMPLETE and not self._count:
            return
        now = self._now()
        if self._count and (now - self._newest >= QUIET_SECONDS or now - self._began >= LONGEST_SECONDS):
            self.finish()
        if frame.status != Status.COMPLETE:
            self._add(frame, now)

    def finish(self) -> None:
        """Tell of a burst that was not told yet."""
        if not self._count:
            return
        which = f"frame {self._first}" if self._count == 1 else f"{self._count} of frames {self._first} to {self._last}"
        counts = f"{self._partial} partial, {self._corrupt} corrupt"
        self._tell(f"{which} came damaged ({counts}); what has its full length is recorded as it came")
        self._partial = self._corrupt = 0

    @property
    def _count(self) -> int:
        return self._partial + self._corrupt

    def _add(self, frame: ReceivedFrame, now: float) -> None:
        if not self._count:
            self._first, self._began = frame.sequence, now
        self._last, self._newest = frame.sequence, now
        if frame.status == Status.PARTIAL:
            self._partial += 1
        else:
            self._corrupt += 1
