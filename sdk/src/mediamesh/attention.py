"""The descriptors that a source or a sink sleeps on, arranged so that one sleep sees everything.

An attachment comes and goes with its hub, but the application has registered one descriptor in its loop, and
a thread may sleep in native code that watches one "control" descriptor. So both are epoll descriptors that live
as long as the source or sink: *control* gathers the attach socket, the retry timer and an eventfd that `wake`
writes (from any thread or signal handler), and *outer*, the one the application sees, shows the port's own
descriptor while attached and control while not. Outer is made when it is asked for: a port that has been asked
for its descriptor costs the hub a signal for each frame.
"""

import os
import select

from mediamesh.retry import Timer


class Attention:
    """Control and outer epoll, the wake eventfd and the retry timer of one source or sink."""

    def __init__(self) -> None:
        self.timer = Timer()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._control = select.epoll()
        self._outer: select.epoll | None = None
        self._shown = self._control.fileno()
        self._control.register(self._wake, select.EPOLLIN)
        self._control.register(self.timer.fileno(), select.EPOLLIN)

    @property
    def control(self) -> int:
        """Readable when `wake` was called, the timer is due or the watched socket has something."""
        return self._control.fileno()

    @property
    def outer(self) -> int | None:
        """Readable when it is worth while to try again; None before `make_outer`."""
        return None if self._outer is None else self._outer.fileno()

    def make_outer(self, port: int | None) -> None:
        """Make the descriptor for the application; see `show`."""
        outer = select.epoll()
        self._shown = self._control.fileno() if port is None else port
        outer.register(self._shown, select.EPOLLIN)
        self._outer = outer

    def show(self, port: int | None) -> None:
        """Let outer see the port's descriptor, or control for None (before the port is closed)."""
        if self._outer is None:
            return
        self._outer.unregister(self._shown)
        self._shown = self._control.fileno() if port is None else port
        self._outer.register(self._shown, select.EPOLLIN)

    def watch(self, descriptor: int) -> None:
        """Let control see a socket, until it is closed."""
        self._control.register(descriptor, select.EPOLLIN | select.EPOLLRDHUP)

    def wake(self) -> None:
        """End a sleep, now or the next one."""
        os.eventfd_write(self._wake, 1)

    def hush(self) -> None:
        """Forget all calls of `wake` so far."""
        try:
            os.eventfd_read(self._wake)
        except BlockingIOError:
            return

    def sleep(self, seconds: float | None) -> bool:
        """Sleep until control is readable; return False if that did not come true in time."""
        return bool(self._control.poll(seconds, 1))

    def close(self) -> None:
        """Close all."""
        if self._outer is not None:
            self._outer.close()
        self._control.close()
        self.timer.close()
        os.close(self._wake)
