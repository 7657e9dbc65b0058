"""What a source and a sink share: taking frames with a timeout, from any thread, across the deaths of hubs.

One lock, the turn, is held by whoever takes a frame or sleeps for one, so a second thread that wants a frame
queues behind the first and finds everything as that one left it. `interrupt` and `close` need no turn to be heard:
they write an eventfd that every sleep watches. Frames themselves may be used and given back by any thread.
"""

from __future__ import annotations

import threading
import time
import warnings
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar, cast

from mediamesh.deadline import Deadline, Impatience
from mediamesh.errors import Closed, Error, Interrupted, RefusedForNow, Timeout
from mediamesh_core.errors import MediameshError
from mediamesh_native.port import Frame, SinkPort, SourcePort, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from mediamesh.options import RoleName
    from mediamesh_core.formats import Format

UNPLANNED = frozenset({"NoSuchConnection", "NoSuchEndpoint", "NotYourEndpoint"})
"""Refusals that are for now because a plan may come; at `open` they are final unless `wait` was asked for."""
PERHAPS = "check the name, or wait until there is one (`wait=True`, `--wait`)"
GLANCE_EVERY = 0.002
"""Seconds; a system call for each of a million frames would be felt, for each picture it is not."""
FAREWELL = "closed by the application"
_monotonic = time.monotonic

Port = TypeVar("Port", SourcePort, SinkPort)
Taken = TypeVar("Taken", bound=Frame)


class End(ABC, Generic[Port, Taken]):
    """One end of a flow. Use `Source` and `Sink`."""

    ROLE: ClassVar[RoleName]
    GLANCES: ClassVar[bool] = False
    """Whether to look for the hub's goodbye before frames are used up: what a source fills for a dead hub is lost."""
    _halt: Error | None = Closed("it never was open")  # what all calls raise; for __del__ if __init__ fails

    def __init__(self, connection: str, options: Mapping[str, object]) -> None:
        # The machinery is imported here, so that importing mediamesh stays quick.
        from mediamesh.attention import Attention  # noqa: PLC0415
        from mediamesh.tether import Tether  # noqa: PLC0415
        from mediamesh.wish import Wish  # noqa: PLC0415

        self._wish = Wish.of(connection, self.ROLE, options)
        # Reentrant: Ctrl-C may come between taking it and the `try`, and then this thread has to close all the same.
        self._turn = threading.RLock()
        self._attention = Attention()
        self._tether = Tether(self._wish, self._attention)
        self._glance_at = 0.0
        self._complaint = ""
        self._halt = None

    def open(self, timeout: float | None = None) -> Self:
        """Attach; what is refused for now, and a hub that is not there, is tried again until the timeout.

        Raises
        ------
        Refused, RefusedForNow
            With the hub's reason; the latter if a connection or endpoint is unknown and `wait` was not asked for.
        Timeout
            Its message says why it could not be done so far.
        """
        deadline = Deadline(timeout)
        with self._turn:
            if not self._attach(self._try_open, deadline):
                raise self._timeout(timeout)
        return self

    @property
    def name(self) -> str:
        """Full name of the connection, "namespace/name"."""
        return self._tether.names[0]

    @property
    def endpoint(self) -> str:
        """Name of the endpoint."""
        return self._tether.names[1]

    @property
    def format(self) -> Format:
        """What a frame holds, of `mediamesh_core.formats`; another one if a hub comes back with another plan."""
        if self._tether.format is None:
            raise Closed("open it first: the hub tells the format")
        return self._tether.format

    @property
    def capacity(self) -> int:
        """Bytes that a payload can have at most."""
        return self.format.capacity

    @property
    def attached(self) -> bool:
        """Whether there is a hub, as far as the last call saw."""
        return self._tether.port is not None

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return isinstance(self._halt, Closed)

    def fileno(self) -> int:
        """Return a descriptor for a selector: readable (level) when the next call with `timeout=0` is worth while.

        It stays the same while hubs come and go. Make such calls until one raises `Timeout`. Ask for it only
        if you need it: from then on every frame costs the hub a signal, since it cannot know whether you sleep.
        """
        if self._attention.outer is None:
            with self._turn:
                self._raise_halt()
                port = self._tether.port
                self._attention.make_outer(None if port is None else port.fileno())
        self._raise_halt()
        return cast("int", self._attention.outer)

    def interrupt(self) -> None:
        """Let calls that wait, and all later ones, raise `Interrupted`; safe in signal handlers and any thread."""
        if self._halt is None:
            self._halt = Interrupted("interrupted")
            self._attention.wake()

    def close(self) -> None:
        """Detach and close, from any thread but not from a signal handler. Frames in hand go back to the hub.

        Warns
        -----
        ResourceWarning
            Frames had not been given back; says how many. Views of their payload stay readable.
        """
        left = self._shut()
        if left:
            text = f"{self!r} was closed before {left} of its frames were given back; use `with` on each frame"
            warnings.warn(text, ResourceWarning, stacklevel=2)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._shut(_farewell(error))

    def __repr__(self) -> str:
        state = "closed" if self.closed else "attached" if self.attached else "detached"
        return f"<mediamesh.{type(self).__name__} {'/'.join(self._tether.names)} {state}>"

    def __del__(self) -> None:
        if not self.closed:
            self._shut()
            warnings.warn(f"{self!r} was dropped open", ResourceWarning, stacklevel=2)

    @abstractmethod
    def _take(self, port: Port) -> Taken | None:
        """Return what the port has now."""

    @abstractmethod
    def _missing(self, port: Port) -> str:
        """Return why there is likely to be no frame; empty if there is nothing unusual in that."""

    def _forgotten(self, port: Port) -> int:
        """Return how many frames were not given back."""
        return port.outstanding

    def _on_attach(self) -> None:
        """Be told of a new port, before anything is taken from it."""

    def _on_detach(self, port: Port) -> None:
        """Look at a closed port a last time."""

    def _obtain(self, timeout: float | None) -> Taken:
        """Return a frame within the timeout or raise Timeout."""
        deadline = None
        turn = self._turn
        if not turn.acquire(False):  # by position: this is the way of every frame
            deadline = Deadline(timeout)
            if not turn.acquire(timeout=_lock_seconds(deadline)):
                raise self._timeout(timeout)
        try:
            port: Port | None = self._tether.port
            if port is None or self._halt is not None or (self.GLANCES and _monotonic() > self._glance_at):
                taken = None
            else:
                taken = self._take(port)
            if taken is None:
                taken = self._await_frame(deadline or Deadline(timeout))
        finally:
            turn.release()
        if taken is None:
            raise self._timeout(timeout)
        return taken

    def _poll(self) -> Taken | None:
        """Return a frame if there is one now and no other thread is at it; never sleeps."""
        if not self._turn.acquire(blocking=False):
            return None
        try:
            return self._await_frame(Deadline(0))
        finally:
            self._turn.release()

    def _poll_open(self) -> bool:
        """Go on with attaching without waiting; return whether it is done."""
        with self._turn:
            return self._try_open()

    def _await_frame(self, deadline: Deadline) -> Taken | None:
        if self.GLANCES:
            self._glance()
        patience: Deadline | None = None
        while True:
            self._raise_halt()
            port: Port | None = self._tether.port
            if port is None:
                if not self._attach(self._returned, deadline):
                    return None
                continue
            taken = self._take(port)
            if taken is not None:
                return taken
            patience = patience or self._patience(deadline, port)
            woken = port.wait(patience.nanoseconds())
            if woken is Wait.CONTROL:
                self._serve(port)
            elif woken is Wait.TIMEOUT and patience.over():
                return None

    def _patience(self, deadline: Deadline, port: Port) -> Deadline:
        """Return how long to wait for a frame: a wait for ever with something unusual in it is to be explained."""
        unusual = deadline.endless and not self._complaint and self._missing(port)
        return Impatience(self._complain) if unusual else deadline

    def _attach(self, step: Callable[[], bool], deadline: Deadline) -> bool:
        """Repeat `step` until attached; return False if the time is up before."""
        patience = Impatience(self._complain) if deadline.endless else deadline
        while not step():
            if not self._attention.sleep(patience.seconds()) and patience.over():
                return False
        return True

    def _complain(self) -> None:
        """Log what is waited for, once until it is over."""
        text = self._waits_for()
        if not text or text == self._complaint or self._halt is not None:
            return
        import logging  # noqa: PLC0415  # keeps the import of mediamesh quick

        self._complaint = text
        logging.getLogger("mediamesh").warning("%s", text)

    def _waits_for(self) -> str:
        port: Port | None = self._tether.port
        if port is not None:
            why = self._missing(port)
            return why and f"waiting for a frame of {self.name}: {why}"
        reason = self._tether.failure or f"the hub at {self._wish.root} has not answered yet"
        return f"waiting to attach to {self.name}: {reason}"

    def _glance(self) -> None:
        self._glance_at = _monotonic() + GLANCE_EVERY
        port: Port | None = self._tether.port
        if port is not None and self._attention.sleep(0):
            self._serve(port)

    def _serve(self, port: Port) -> None:
        self._raise_halt()
        self._attention.hush()
        try:
            self._tether.serve()
        finally:
            if self._tether.port is None:
                self._on_detach(port)

    def _returned(self) -> bool:
        """Go on with coming back; whatever is refused for now is waited for, plans included."""
        try:
            return self._step()
        except RefusedForNow:
            return False

    def _try_open(self) -> bool:
        """Go on with attaching; a connection that is unknown is told to who asked for it."""
        try:
            return self._step()
        except RefusedForNow as refusal:
            if refusal.reason in UNPLANNED and not self._wish.wait:
                raise RefusedForNow(f"{refusal.message}; {PERHAPS}", refusal.reason) from None
            return False

    def _step(self) -> bool:
        self._attention.hush()  # first: a call of `wake` that comes after the look at `_halt` is to end the sleep
        self._raise_halt()
        if self._tether.port is not None:
            return True
        attached = self._tether.step()
        if attached:
            self._complaint = ""
            self._on_attach()
        return attached

    def _shut(self, farewell: str = FAREWELL) -> int:
        """Close everything once; return how many frames were not given back."""
        if self.closed:
            return 0
        self._halt = Closed(f"this {self.ROLE} was closed")
        self._attention.wake()
        with self._turn:
            port = self._tether.port
            left = 0 if port is None else self._forgotten(port)
            self._tether.detach(None, farewell)
            self._attention.close()
        return left

    def _raise_halt(self) -> None:
        if self._halt is not None:
            raise type(self._halt)(self._halt.message)

    def _timeout(self, timeout: float | None) -> Timeout:
        port: Port | None = self._tether.port
        what, why = ("attachment", self._tether.failure) if port is None else ("frame", self._missing(port))
        return Timeout(f"{self.name}: no {what} within {timeout or 0:g} s{f': {why}' if why else ''}")


def _farewell(error: BaseException | None) -> str:
    """Return what the hub is to write into its log about an end that an exception closed."""
    if isinstance(error, Interrupted) or not isinstance(error, Exception):
        return FAREWELL
    return (
        f"{error.reason}: {error.message}" if isinstance(error, MediameshError) else f"closed by {type(error).__name__}"
    )


def _lock_seconds(deadline: Deadline) -> float:
    seconds = deadline.seconds()
    return -1 if seconds is None else min(seconds, threading.TIMEOUT_MAX)
