"""Frame rates as people read them, and so calmly that a steady flow changes nothing.

A measured rate is never the same twice. What is within a hundredth of the rate that the payload promises is shown as
that ("59.94/s") until it is a twentieth away; everything else has two significant digits, and what has been shown
stays while the new rate is within one step of the last digit, or 5 %, of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor, log10
from typing import Final

STRETCH: Final = 4.0
"""Seconds of which a rate is, at least."""
NOTABLE: Final = 0.02
"""Share by which a rate has to change before anybody looks."""
_UNIT = "/s"
_ENTERS, _LEAVES, _STEADY = 0.01, 0.05, 0.05
_LEAST, _MOST = 1e-3, 1e9


def rate_between(frames: int, seconds: float, frames_later: int, seconds_later: float) -> float | None:
    """Return frames per second between two looks at one hub's counter and clock; None if it has begun anew."""
    if seconds_later <= seconds or frames_later < frames:
        return None
    return (frames_later - frames) / (seconds_later - seconds)


@dataclass(slots=True)
class Rates:
    """Frames per second of a hub's flows, from one look at its counters to the next.

    They are of the last stretch of at least `STRETCH` seconds by the hub's own clock, so it does not matter when the
    looks come.
    """

    clock: float = 0.0
    """Seconds, by the hub: when the stretch ended."""
    frames: Mapping[str, int] = field(default_factory=dict)
    """By connection, at that time."""
    rates: dict[str, float] = field(default_factory=dict)

    def update(self, clock: float, frames: Mapping[str, int]) -> None:
        """Take the counters of a look."""
        if 0 <= clock - self.clock < STRETCH:
            return
        before = self.frames
        found = {
            name: rate_between(before[name], self.clock, count, clock)
            for name, count in frames.items()
            if name in before
        }
        self.rates = {name: rate for name, rate in found.items() if rate is not None}
        self.clock, self.frames = clock, frames


def shown_rate(rate: float, nominal: Fraction | None, before: str) -> str:
    """Return how `rate` is shown where `before` was shown until now."""
    rate = max(0.0, min(rate, _MOST))
    if nominal is not None:
        far = abs(rate / float(nominal) - 1)
        promised = f"{float(nominal):.2f}".rstrip("0").rstrip(".") + _UNIT
        if far <= (_LEAVES if before == promised else _ENTERS):
            return promised
        before = "" if before == promised else before
    was = _number(before)
    if was is not None and was > 0 and abs(rate - was) <= max(_step(was), _STEADY * was):
        return before
    return f"{_two_digits(rate)}{_UNIT}"


def _number(text: str) -> float | None:
    try:
        return float(text.removesuffix(_UNIT))
    except ValueError:
        return None


def _step(value: float) -> float:
    """Return what the second significant digit counts."""
    step: float = 10.0 ** (floor(log10(value)) - 1)
    return step


def _two_digits(rate: float) -> str:
    if rate < _LEAST:
        return "0"
    step = _step(rate)
    rounded = round(rate / step) * step
    return f"{rounded:.0f}" if step >= 1 else f"{rounded:.{-floor(log10(step))}f}".rstrip("0").rstrip(".")
