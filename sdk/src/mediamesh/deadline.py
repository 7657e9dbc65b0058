"""Timeouts as people give them (None: for ever, 0: not at all, seconds) and what is left of them.

A wait for ever that lasts looks like a program that hangs, so it ends its first sleep after `PATIENCE` and says what it
waits for.
"""

import math
import time
from collections.abc import Callable

PATIENCE = 2.0
"""Seconds after which somebody who waits wants to know what for."""


class Deadline:
    """The moment at which a timeout that begins now is up."""

    __slots__ = ("_end",)

    def __init__(self, timeout: float | None) -> None:
        if timeout is not None and (timeout < 0 or math.isnan(timeout)):
            raise ValueError(f"a timeout is None (for ever), 0 (do not wait) or seconds, not {timeout}")
        self._end = None if timeout is None or math.isinf(timeout) else time.monotonic_ns() + round(timeout * 1e9)

    @property
    def endless(self) -> bool:
        """Whether it is for ever."""
        return self._end is None

    def nanoseconds(self) -> int:
        """Return what is left, at least 0; -1 for ever."""
        return -1 if self._end is None else max(self._end - time.monotonic_ns(), 0)

    def seconds(self) -> float | None:
        """Return what is left, at least 0; None for ever."""
        left = self.nanoseconds()
        return None if left < 0 else left / 1e9

    def over(self) -> bool:
        """Return whether nothing is left."""
        return self._end is not None and time.monotonic_ns() >= self._end


class Impatience(Deadline):
    """Never over, but whoever asks how long to sleep makes it call `complain` once `PATIENCE` is up.

    Parameters
    ----------
    complain
        Says what is waited for.
    """

    __slots__ = ("_complain",)

    def __init__(self, complain: Callable[[], None]) -> None:
        super().__init__(PATIENCE)
        self._complain = complain

    def nanoseconds(self) -> int:
        """Return what is left of the patience, then -1."""
        if super().over():
            self._end = None
            self._complain()
        return super().nanoseconds()

    def over(self) -> bool:
        """Return False: it waits for ever."""
        return False
