"""Waiting for something to become true, with an end."""

import time
from collections.abc import Callable
from typing import TypeVar

from mediamesh_e2e.errors import StartFailed

Found = TypeVar("Found")
LOOK_AGAIN = 0.03  # seconds: what is waited for takes tens of milliseconds to seconds


def until(look: Callable[[], Found | None], what: str, *, seconds: float) -> Found:
    """Call `look` until it gives something true, and give that; raise `StartFailed` naming `what` when time is up."""
    end = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        if time.monotonic() > end:
            raise StartFailed(f"{what}: not within {seconds:.0f} s")
        time.sleep(LOOK_AGAIN)
