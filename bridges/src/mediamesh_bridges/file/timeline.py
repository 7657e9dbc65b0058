"""Where each unit of a file lies on one endless, exact time axis.

A container's timestamps are rounded (Matroska: to the millisecond), its frame rate may differ from the
connection's, and a loop starts them again from the beginning. Everything after this module sees none of that:
positions are fractions of a second since the player began, computed from whole counts (slots of the frame grid,
samples, ticks of the container's time base) and never by adding rounded durations, so nothing can drift.

A video connection promises a frame rate, so frames lie on a grid of `slot / rate`. A frame whose timestamp is
between slots goes to the slot that has begun, with a quarter of a slot of tolerance for timestamps that were
rounded down; a slot nobody fills repeats the frame before it, and of two frames for one slot the first is shown.
A pass over the file ends where its last frame ends, and there the next pass begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Picture = TypeVar("Picture")

NANOSECONDS = 1_000_000_000
VIDEO_CLOCK = 90_000
LONGEST_GAP = Fraction(10)
"""Seconds; a longer jump in a file's timestamps is an edit, not a picture to show for so long."""
LONGEST_STEP_BACK = Fraction(1)
_ROUNDED_DOWN = Fraction(1, 4)


@dataclass(frozen=True, slots=True)
class Stamped(Generic[Picture]):
    """A picture of a file: its own timestamp and how long it is shown, in seconds."""

    picture: Picture
    at: Fraction
    duration: Fraction


@dataclass(frozen=True, slots=True)
class Placed(Generic[Picture]):
    """A picture in a slot of the frame grid."""

    picture: Picture
    slot: int


def nanoseconds(position: Fraction) -> int:
    """Return a position as whole nanoseconds, rounded once."""
    return round(position * NANOSECONDS)


def ticks(position: Fraction, clock_rate: int) -> int:
    """Return a position or duration in ticks of an RTP clock, rounded once."""
    return round(position * clock_rate)


def place_on_grid(
    pictures: Iterable[Stamped[Picture]], rate: Fraction, first_slot: int = 0
) -> Iterator[Placed[Picture]]:
    """Give every slot from `first_slot` to the end of the last picture exactly one picture.

    Timestamps count from the first picture's. A jump ahead of more than `LONGEST_GAP` or back by more than
    `LONGEST_STEP_BACK` goes to the next slot, and counting goes on from there.
    """
    grid = _Grid(rate, first_slot)
    held: Stamped[Picture] | None = None
    for stamped in pictures:
        slot = grid.slot(stamped.at)
        if held is not None and slot < grid.filled:
            continue
        if held is not None:
            yield from grid.fill(held, slot)
        held = stamped
        grid.hold(slot)
    if held is not None:
        yield from grid.fill(held, grid.end(held))


class _Grid:
    """Which slot comes next, and what timestamp slot 0 has."""

    def __init__(self, rate: Fraction, first_slot: int) -> None:
        self._rate = rate
        self._first = first_slot
        self._origin: Fraction | None = None
        self._held = first_slot
        self.filled = first_slot

    def slot(self, at: Fraction) -> int:
        """Return the slot of a timestamp, moving the origin where the timestamps jump."""
        if self._origin is None:
            self._origin = at - self._first / self._rate
        ahead = at - self._origin - self._held / self._rate
        if ahead > LONGEST_GAP or ahead < -LONGEST_STEP_BACK:
            self._origin = at - self.filled / self._rate
        return int(((at - self._origin) * self._rate + _ROUNDED_DOWN) // 1)

    def hold(self, slot: int) -> None:
        """Take note that a picture begins at `slot`."""
        self._held = slot
        self.filled = slot + 1

    def fill(self, held: Stamped[Picture], until: int) -> Iterator[Placed[Picture]]:
        """Show the held picture in every slot before `until`."""
        for slot in range(self._held, until):
            yield Placed(held.picture, slot)

    def end(self, held: Stamped[Picture]) -> int:
        """Return the slot after the last one of the last picture."""
        shown = max(1, round(min(held.duration, LONGEST_GAP) * self._rate))
        return self._held + shown
