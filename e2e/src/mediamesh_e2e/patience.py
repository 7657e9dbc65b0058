"""Waiting for something to become true, with an end."""

import time
from collections.abc import Callable
from typing import TypeVar

from mediamesh_e2e.errors import StartFailed

Found = TypeVar("Found")
FIRST_PAUSE, LONGEST_PAUSE = 0.03, 0.5  # seconds: a look is a program that is run, on the CPUs of what is waited for


def until(look: Callable[[], Found | None], what: str, *, seconds: float) -> Found:
    """Call `look` until it gives something true, and give that; raise `StartFailed` naming `what` when time is up.

    The pauses grow, so that whoever waits long takes little from what it waits for.
    """
    end, pause = time.monotonic() + seconds, FIRST_PAUSE
    while True:
        if found := look():
            return found
        if time.monotonic() > end:
            raise StartFailed(f"{what}: not within {seconds:.0f} s")
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)
