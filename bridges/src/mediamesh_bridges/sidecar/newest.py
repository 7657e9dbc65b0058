"""The newest picture, for any number of viewers: each takes the next one when it has sent the last one.

So a viewer that is slow skips pictures, and costs nobody else anything; a picture is made once for all of them, and
only while there is one.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Condition

from mediamesh.errors import Interrupted
from mediamesh.stopping import Stopping
from mediamesh_bridges.sidecar.waiting import await_event

PATIENCE = 5.0
"""Seconds; a viewer without a picture for so long is looked at, whether it is still there."""


class Newest:
    """One page's picture."""

    def __init__(self, stopping: Stopping) -> None:
        self._stopping = stopping
        self._changed = Condition()
        self._number = 0
        self._picture = b""
        self._viewers = 0
        self._arrived = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    @property
    def viewers(self) -> int:
        """How many look."""
        return self._viewers

    def publish(self, picture: bytes) -> None:
        """Show the next picture."""
        with self._changed:
            self._number += 1
            self._picture = picture
            self._changed.notify_all()

    def await_viewer(self) -> None:
        """Wait until somebody looks; raises Interrupted."""
        while not self._viewers:
            if not await_event(self._arrived, select.POLLIN, [self._stopping]):
                raise Interrupted("asked to stop")
            with suppress(BlockingIOError):
                os.eventfd_read(self._arrived)

    @contextmanager
    def viewing(self) -> Iterator[Viewer]:
        """Be a viewer."""
        with self._changed:
            self._viewers += 1
        os.eventfd_write(self._arrived, 1)
        try:
            yield Viewer(self)
        finally:
            with self._changed:
                self._viewers -= 1

    def after(self, number: int) -> tuple[int, bytes]:
        """Return number and picture of one that is newer; the same number if there is none within `PATIENCE`."""
        with self._changed:
            self._changed.wait_for(lambda: self._number != number, PATIENCE)
            return self._number, self._picture

    @property
    def number(self) -> int:
        """Of the newest picture."""
        return self._number

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._arrived)


class Viewer:
    """What one viewer has seen. What was there before it came is old: nobody looked."""

    def __init__(self, newest: Newest) -> None:
        self._newest = newest
        self._seen = newest.number

    def next(self) -> bytes:
        """Wait for a newer picture; nothing if there is none for a while."""
        number, picture = self._newest.after(self._seen)
        fresh = number != self._seen
        self._seen = number
        return picture if fresh else b""
