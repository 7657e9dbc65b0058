"""Numbers of the command line, checked where argparse can say which option was wrong."""

import math
from argparse import ArgumentTypeError
from fractions import Fraction


def count(text: str) -> int:
    """Return how many: a whole number of at least 1."""
    number = int(text) if text.isdecimal() and text.isascii() else 0
    if number < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number


def seconds(text: str) -> float:
    """Return a time that is not negative and comes to an end."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds, 0 or more")
    return number


def rate(text: str) -> Fraction:
    """Return frames per second, above 0, exact."""
    try:
        number = Fraction(text)
    except (ValueError, ZeroDivisionError):
        number = Fraction(0)
    if number <= 0:
        raise ArgumentTypeError(f"{text!r} is not a rate above 0, such as 25 or 60000/1001")
    return number


def port(text: str) -> int:
    """Return the number of a TCP port; 0 stands for none."""
    number = int(text) if text.isdecimal() and text.isascii() else -1
    if not 0 <= number < 1 << 16:
        raise ArgumentTypeError(f"{text!r} is not a port, 0 to 65535")
    return number
