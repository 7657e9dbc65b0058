"""Waiting for what nothing tells us about: looking again and again, within a bound.

The first looks come close together and only let others run between them, so that what takes microseconds costs no
more; then the pauses grow, so that what takes long is not slowed down by those who wait for it.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

PATIENCE = 60.0
"""Seconds; long enough for a machine that is busy with other things, within the limit of a single test."""
FIRST_PAUSE, LONGEST_PAUSE = 20e-6, 0.01

T = TypeVar("T")


def wait_until(condition: Callable[[], T], what: str | Callable[[], str] = "it") -> T:
    """Return what the condition says once that is true.

    Raises
    ------
    AssertionError
        It was not true within PATIENCE. The message has `what`; a callable is asked then, and can tell how far it came.
    """
    looks = _looks(what)
    while not (found := condition()):
        time.sleep(next(looks))
    return found


async def eventually(condition: Callable[[], T], what: str | Callable[[], str] = "it") -> T:
    """Wait as `wait_until` does, and let the loop run meanwhile."""
    looks = _looks(what)
    while not (found := condition()):  # noqa: ASYNC110  # what is looked at has no event
        await asyncio.sleep(next(looks))
    return found


def _looks(what: str | Callable[[], str]) -> Iterator[float]:
    began, pause = time.monotonic(), FIRST_PAUSE
    while time.monotonic() < began + PATIENCE:
        yield pause
        pause = min(pause * 1.5, LONGEST_PAUSE)
    raise AssertionError(f"waited {PATIENCE:.0f} s in vain for {what if isinstance(what, str) else what()}")
