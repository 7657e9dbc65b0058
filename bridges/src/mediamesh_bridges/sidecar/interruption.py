"""Lets the request to stop interrupt whatever end of a flow is open at the moment.

A `Stopping` keeps what it is to call for ever; lines open an end for each visit of a program, for as long as a pod
lives. So one call is registered for a line.

The request comes from a signal handler in the main thread, the end is closed by the line's own thread: a lock keeps the
one from waking what the other has just closed. The main thread takes it in the handler only, where a second signal may
take it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

from mediamesh.sink import Sink
from mediamesh.source import Source
from mediamesh.stopping import Stopping


class Interruption:
    """The end of one line that is to be interrupted."""

    def __init__(self, stopping: Stopping) -> None:
        self._stopping = stopping
        self._end: Sink | Source | None = None
        self._lock = RLock()
        stopping.call(self._interrupt)

    @contextmanager
    def of(self, end: Sink | Source) -> Iterator[None]:
        """Interrupt this end, if the request comes during the block or was made before."""
        self._end = end
        if self._stopping.is_set():
            end.interrupt()
        try:
            yield
        finally:
            with self._lock:
                self._end = None

    def _interrupt(self) -> None:
        with self._lock:
            if self._end is not None:
                self._end.interrupt()
