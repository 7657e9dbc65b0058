"""When to try again: at once, then after 5 ms, growing to 250 ms; as a descriptor, so that any loop can wait on it.

A source or sink without a hub is woken by this timer whether it waits in a call of its own, in asyncio or in the
application's selector.
"""

import ctypes
import os

FIRST = 0.005
LONGEST = 0.25
GROWTH = 1.5
_MONOTONIC = 1
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC


def pause(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row."""
    return min(LONGEST, FIRST * GROWTH ** min(failures - 1, 32)) if failures else 0.0


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Timer:
    """A timerfd (`os.timerfd_create` is younger than our oldest Python)."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = self._libc.timerfd_create(_MONOTONIC, _NONBLOCK_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def fileno(self) -> int:
        """Return the descriptor; it is readable while the time is up."""
        return self._fd

    def start(self, seconds: float) -> None:
        """Become readable after `seconds`, and no longer for what was asked before."""
        nanoseconds = max(int(seconds * 1e9), 1)
        self._set(_Itimerspec(value=_Timespec(*divmod(nanoseconds, 1_000_000_000))))

    def stop(self) -> None:
        """Be not readable until the next start."""
        self._set(_Itimerspec())

    def _set(self, when: _Itimerspec) -> None:
        if self._libc.timerfd_settime(self._fd, 0, ctypes.byref(when), None):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def due(self) -> bool:
        """Return whether the time is up, once for each start."""
        try:
            return bool(os.read(self._fd, 8))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._fd)
