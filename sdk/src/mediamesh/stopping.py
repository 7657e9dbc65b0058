"""A stop request that a signal handler may make and that any wait can end on.

`threading.Event` cannot be set from a signal handler: the handler runs between two byte codes of the main
thread, which may hold the event's lock at that moment. An eventfd has no lock, and a poll sees it as well.
"""

import os
import select
from collections.abc import Callable


class Stopping:
    """Set once and for ever; has the reading half of `threading.Event`'s interface and a descriptor to poll."""

    def __init__(self) -> None:
        self._event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._set = False
        self._callbacks: list[Callable[[], None]] = []

    def is_set(self) -> bool:
        """Return whether somebody asked to stop."""
        return self._set

    def set(self) -> None:
        """Ask to stop; safe in signal handlers and in any thread."""
        self._set = True
        os.eventfd_write(self._event, 1)
        for callback in tuple(self._callbacks):
            callback()

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep until the request or for `timeout` seconds; return whether the request is there."""
        if not self._set:
            poll = select.poll()
            poll.register(self._event, select.POLLIN)
            poll.poll(None if timeout is None else max(timeout, 0) * 1000)
        return self._set

    def fileno(self) -> int:
        """Return a descriptor that is readable from the request on."""
        return self._event

    def call(self, callback: Callable[[], None]) -> None:
        """Call `callback` at the request, or now if it was made already; it must be safe in a signal handler."""
        self._callbacks.append(callback)
        if self._set:
            callback()

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._event)
