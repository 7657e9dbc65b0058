"""Doing something at a rate: by absolute times, so that one late turn does not delay all others."""

import time
from collections.abc import Iterator


def ticks(count: int, rate: float) -> Iterator[int]:
    """Yield 0..count-1 at `rate` per second; sleeps in between."""
    start = time.monotonic()
    for number in range(count):
        pause = start + number / rate - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        yield number
