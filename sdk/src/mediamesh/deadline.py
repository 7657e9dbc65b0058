"""Timeouts as people give them (None: for ever, 0: not at all, seconds) and what is left of them."""

import math
import time


class Deadline:
    """The moment at which a timeout that begins now is up."""

    __slots__ = ("_end",)

    def __init__(self, timeout: float | None) -> None:
        if timeout is not None and (timeout < 0 or math.isnan(timeout)):
            raise ValueError(f"a timeout is None (for ever), 0 (do not wait) or seconds, not {timeout}")
        self._end = None if timeout is None or math.isinf(timeout) else time.monotonic_ns() + round(timeout * 1e9)

    def nanoseconds(self) -> int:
        """Return what is left, at least 0; -1 for ever."""
        return -1 if self._end is None else max(self._end - time.monotonic_ns(), 0)

    def seconds(self) -> float | None:
        """Return what is left, at least 0; None for ever."""
        return None if self._end is None else self.nanoseconds() / 1e9

    def over(self) -> bool:
        """Return whether nothing is left."""
        return self._end is not None and time.monotonic_ns() >= self._end
