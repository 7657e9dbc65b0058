"""How a client sleeps until the hub, or another thread of its own, wakes it."""

import enum

from mediamesh_native.signals import Signals

class Wait(enum.IntEnum):
    """What ended a wait."""

    TIMEOUT = 0
    READY = 1
    CONTROL = 2

class Sleeper(Signals):
    """Sleeping, waking and being woken."""

    def wait(self, timeout_ns: int) -> Wait:
        """Sleep without the GIL until a frame may be there, the socket has something or time is up (-1: never).

        Raises InterruptedError never: signals are handled (PyErr_CheckSignals) and waiting goes on.
        """
    def fileno(self) -> int:
        """An epoll descriptor, readable (level) while a frame or a control message may be there."""
    def close(self) -> None:
        """Unmap and close. Frames in hand become closed; their views stay readable until dropped."""
