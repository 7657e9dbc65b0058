"""A source: where an application sends the frames of a flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Unpack, cast

from mediamesh.end import End
from mediamesh.errors import FrameTooSmall
from mediamesh.frames import SourceFrame
from mediamesh_native.port import SourcePort

if TYPE_CHECKING:
    from typing_extensions import Buffer  # collections.abc has it from Python 3.12 on

    from mediamesh.options import RoleName, SourceOptions


class Source(End[SourcePort, SourceFrame]):
    """The source of a connection; `open_source` makes and opens one.

    May be used by several threads. When the hub goes away, `acquire` waits for its return and goes on with the
    sequence where it was; frames that were in hand are lost, and their `send` raises `Detached`.
    """

    ROLE: ClassVar[RoleName] = "source"
    GLANCES: ClassVar[bool] = True

    def __init__(self, connection: str, **options: Unpack[SourceOptions]) -> None:
        self._sequence = 0
        super().__init__(connection, options)

    def acquire(self, timeout: float | None = None) -> SourceFrame:
        """Return a frame to fill. Its bytes are whatever was there before.

        Parameters
        ----------
        timeout
            Seconds; None waits for ever, 0 not at all. A source waits while sinks that must not lose frames are
            behind, and until `wait_for_sinks` are attached.

        Raises
        ------
        Timeout
            None was free in that time.
        Refused
            The hub came back and refuses this source now.
        Interrupted, Closed
            `interrupt` or `close` was called.
        """
        return self._obtain(timeout)

    def send(
        self,
        data: Buffer,
        *,
        time: int | None = None,
        duration: int = 0,
        rtp_timestamp: int = 0,
        status: int = 0,
        flags: int = 0,
        metadata: bytes = b"",
        timeout: float | None = None,
    ) -> int:
        """Copy `data` (bytes or an array, in the order of its items) into a frame and send it.

        To send without a copy, `acquire` a frame and fill it in place.

        Parameters
        ----------
        time
            TAI in ns; None is now.
        duration
            In 1/90000 s; 0 is unknown.
        status, flags
            `mediamesh.Status` and `mediamesh.Flags`.
        metadata
            At most 3968 bytes.

        Returns
        -------
        int
            The frame's sequence number.

        Raises
        ------
        FrameTooSmall
            There is more data than a frame can hold.
        Detached
            The hub went away meanwhile; send it again.
        """
        with memoryview(data) as view, self.acquire(timeout) as frame:
            if view.nbytes > frame.capacity or view.nbytes > self.capacity:
                raise FrameTooSmall(f"{view.nbytes} bytes do not fit into a frame of {self.capacity}")
            with memoryview(frame) as target:
                target[: view.nbytes] = view.cast("B") if view.c_contiguous else view.tobytes()
            frame.length = view.nbytes
            frame.time, frame.duration, frame.rtp_timestamp = time or 0, duration, rtp_timestamp
            frame.status, frame.flags, frame.metadata = status, flags, metadata
            return frame.send()

    @property
    def next_sequence(self) -> int:
        """Sequence number that the next frame to be sent will have."""
        port: SourcePort | None = self._tether.port
        return self._sequence if port is None else port.next_sequence

    def _take(self, port: SourcePort) -> SourceFrame | None:
        frame: Any = port.acquire()  # of the class that it was given
        if frame is not None:
            frame.format = self._tether.format
        return cast("SourceFrame | None", frame)

    def _next_sequence(self) -> int:
        return self._sequence

    def _on_detach(self, port: SourcePort) -> None:
        self._sequence = port.next_sequence
