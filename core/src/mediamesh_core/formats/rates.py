"""Exact frame rates.

Television rates such as 30000/1001 are not decimal numbers: a clock that counts
29.97 drifts by a frame every few hours. So a rate is an integer or a fraction,
never a decimal number, and whoever writes 29.97 is told what to write instead.
"""

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from re import compile as pattern

from mediamesh_core.formats.fields import FormatError
from mediamesh_core.suggestions import shown

_RATE = pattern(r"([0-9]{1,9})(?:/([0-9]{1,9}))?", flags=256)  # re.ASCII
_HIGHEST = 1_000_000
_LONGEST = 999_999_999
_NTSC_TOLERANCE = Decimal("0.006")  # 23.98 is written for 23.976…, 59.94 for 59.940…


def exact_rate(value: object, field: str = "frameRate") -> Fraction:
    """Return the rate that `value` names: an integer, a `Fraction`, or a text such as "25" or "60000/1001".

    Raises
    ------
    FormatError
        For decimal numbers, with the fraction to write instead, and for all else that is not a rate
        above 0 and up to a million frames a second.
    """
    if isinstance(value, bool) or not isinstance(value, (int, str, float, Fraction)):
        raise FormatError(field, f"{shown(value)} is not a frame rate; write 25 or 60000/1001")
    if isinstance(value, float):
        raise FormatError(field, _instead_of(str(value)))
    rate = Fraction(value) if isinstance(value, (int, Fraction)) else _parsed(value, field)
    if max(rate.numerator, rate.denominator) > _LONGEST:
        raise FormatError(field, f"{shown(value)} has more than nine digits above or below the line")
    if not 0 < rate <= _HIGHEST:
        raise FormatError(field, f"{shown(value)} is not above 0 and at most {_HIGHEST} frames/s")
    return rate


def rate_text(rate: Fraction) -> str:
    """Return the one spelling of a rate: "25", "60000/1001"."""
    return str(rate)


def _parsed(text: str, field: str) -> Fraction:
    match = _RATE.fullmatch(text)
    if match is None or (match[2] is not None and int(match[2]) == 0):
        raise FormatError(field, _instead_of(text))
    return Fraction(int(match[1]), int(match[2] or 1))


def _instead_of(text: str) -> str:
    try:
        number = Decimal(text[:20])
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not 0 < number <= _HIGHEST:
        return f"{shown(text)} is not a frame rate; write 25 or 60000/1001"
    return f"{text} is not exact; write {_meant(number)}"


def _meant(number: Decimal) -> str:
    nominal = int((number * 1001 / 1000).to_integral_value())
    if number != number.to_integral_value() and abs(Decimal(nominal * 1000) / 1001 - number) < _NTSC_TOLERANCE:
        return f"{nominal * 1000}/1001"
    return str(Fraction(number))
