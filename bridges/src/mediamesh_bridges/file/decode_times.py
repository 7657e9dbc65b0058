"""Decoding times for encoded frames that come with presentation times only.

A flow's frames arrive in decoding order and carry the time at which they are shown. Containers also want the time
at which each is decoded: never going back, never after it is shown. An even assignment is known: the
n-th decoding time is the n-th smallest presentation time, moved ahead by the largest distance by which
a frame is shown before that. Both follow from a window: no picture of H.264, H.265 or H.266 is preceded by more than 16
pictures that are shown after it (the size of the largest decoded picture buffer). A stream may begin to reorder
late, when earlier frames have their times already; then the times around that place move closer together, by
single ticks if need be. Presentation times never change.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Generic, TypeVar

Frame = TypeVar("Frame")

WINDOW = 16


@dataclass(frozen=True, slots=True)
class Timed(Generic[Frame]):
    """A frame with both of its times, in ticks."""

    frame: Frame
    present: int
    decode: int


class DecodeTimes(Generic[Frame]):
    """Holds back as many frames as their times need; `window` 0 is for codecs that do not reorder."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._frames: deque[tuple[Frame, int]] = deque()
        self._shown: list[int] = []
        self._ahead = 0
        self._last: int | None = None

    def add(self, frame: Frame, present: int) -> Iterator[Timed[Frame]]:
        """Take one more frame in decoding order; yield those whose times are known now."""
        self._frames.append((frame, present))
        heappush(self._shown, present)
        while len(self._frames) > self._window:
            yield self._next()

    def rest(self) -> Iterator[Timed[Frame]]:
        """Yield the frames that are still held back; no more will come."""
        while self._frames:
            yield self._next()

    def _next(self) -> Timed[Frame]:
        present = [own for _, own in self._frames]
        smallest = sorted(self._shown)
        self._ahead = max(self._ahead, *(shown - own for shown, own in zip(smallest, present, strict=True)))
        latest = min(own - later for later, own in enumerate(present))
        decode = min(heappop(self._shown) - self._ahead, latest)
        if self._last is not None:
            decode = max(decode, self._last + 1)
        self._last = decode
        return Timed(self._frames.popleft()[0], present[0], decode)
