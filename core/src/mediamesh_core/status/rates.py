"""Frame rates as people read them, and so calmly that a steady flow changes nothing.

A measured rate is never the same twice. What is within a hundredth of the rate that the payload promises is shown as
that ("59.94/s") until it is a twentieth away; everything else has two significant digits, and what has been shown
stays while the new rate is within one step of the last digit, or 5 %, of it.
"""

from fractions import Fraction
from math import floor, log10

_UNIT = "/s"
_ENTERS, _LEAVES, _STEADY = 0.01, 0.05, 0.05
_LEAST, _MOST = 1e-3, 1e9


def rate_between(frames: int, seconds: float, frames_later: int, seconds_later: float) -> float | None:
    """Return frames per second between two looks at one hub's counter and clock; None if it has begun anew."""
    if seconds_later <= seconds or frames_later < frames:
        return None
    return (frames_later - frames) / (seconds_later - seconds)


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
