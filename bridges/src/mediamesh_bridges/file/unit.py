"""What a reader hands to the player: one unit of media with its exact place in time."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

Fill = Callable[[memoryview], int]
"""Writes a unit's bytes to the beginning of a frame's payload and returns how many; raises `FileUnusable` if they do
not fit."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One picture, block of samples or access unit. Positions are seconds since the player began, loops included."""

    position: Fraction
    """When it is sent."""
    time: Fraction
    """The time it carries; with reordered (B) pictures later than `position`."""
    duration: Fraction
    fill: Fill
    key: bool = False
    """An encoded unit with which decoding can begin."""


class Reader(Protocol):
    """A file that is being played."""

    @property
    def clock_rate(self) -> int:
        """Ticks per second of the RTP clock: 90 kHz for pictures, else the sample rate."""

    def units(self) -> Generator[Unit, None, None]:
        """Read from the beginning to the end, or for ever if the file loops."""
