"""A source: where an application sends the frames of a flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, Unpack

from mediamesh.end import End
from mediamesh.errors import FrameTooSmall
from mediamesh.frames import SourceFrame
from mediamesh.layout import slices
from mediamesh_native.port import SourcePort

if TYPE_CHECKING:
    from typing_extensions import Buffer  # collections.abc has it from Python 3.12 on

    from mediamesh.options import RoleName, SourceOptions


class Fields(TypedDict, total=False):
    """What a frame carries besides its payload.

    Attributes
    ----------
    time
        TAI in ns; 0 or None is now.
    duration
        In 1/90000 s; 0 is unknown.
    rtp_timestamp
        32 bits.
    status, flags
        `mediamesh.Status` and `mediamesh.Flags`.
    metadata
        At most 3968 bytes.
    """

    time: int | None
    duration: int
    rtp_timestamp: int
    status: int
    flags: int
    metadata: bytes


class Source(End[SourcePort, SourceFrame]):
    """The source of a connection; `open_source` makes and opens one.

    May be used by several threads. When the hub goes away, `acquire` waits for its return and goes on with the
    sequence where it was; frames that were in hand are lost, and their `send` raises `Detached`.
    """

    ROLE: ClassVar[RoleName] = "source"
    GLANCES: ClassVar[bool] = True

    def __init__(self, connection: str, **options: Unpack[SourceOptions]) -> None:
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

    def send(self, data: Buffer, *, timeout: float | None = None, **fields: Unpack[Fields]) -> int:
        """Copy `data` (bytes or an array, in the order of its items) into a frame and send it.

        To send without a copy, `acquire` a frame and fill it in place.

        Parameters
        ----------
        timeout
            As for `acquire`.
        fields
            See `Fields`.

        Returns
        -------
        int
            The frame's sequence number.

        Raises
        ------
        FrameTooSmall
            There is more data than a frame can hold.
        WrongLength
            The data is not a whole picture, or not a whole number of samples.
        Detached
            The hub went away meanwhile; send it again.
        """
        with self.acquire(timeout) as frame:
            return send_copy(frame, data, fields)

    @property
    def next_sequence(self) -> int:
        """Sequence number that the next frame to be sent will have."""
        port: SourcePort | None = self._tether.port
        return self._tether.next_sequence if port is None else port.next_sequence

    def _take(self, port: Any) -> SourceFrame | None:
        frame: SourceFrame | None = port.acquire()
        if frame is not None:
            frame.format = self._tether.format  # type: ignore[assignment]  # known while there is a port
        return frame

    def _missing(self, port: Any) -> str:
        if port.outstanding >= self._tether.queue:
            return f"all {self._tether.queue} frames are in your hand: send or cancel one"
        full = "a sink with the delivery policy block is full (`mediamesh top` names it)"
        sinks = self._wish.wait_for_sinks
        return f"fewer than {sinks} sinks are attached (wait_for_sinks), or {full}" if sinks else f"probably {full}"

    def _on_detach(self, port: SourcePort) -> None:
        self._tether.next_sequence = port.next_sequence


def send_copy(frame: SourceFrame, data: Buffer, fields: Fields) -> int:
    """Fill a frame with a copy of `data` and send it; raises as `Source.send`."""
    with memoryview(data) as view:
        if view.nbytes > frame.format.capacity:
            raise FrameTooSmall(f"{view.nbytes} bytes do not fit into a frame of {frame.format.capacity}")
        if view.nbytes:
            slices(view.nbytes, frame.format)  # refuse here what would puzzle those who receive it
        with memoryview(frame) as target:
            target[: view.nbytes] = view.cast("B") if view.c_contiguous and view.nbytes else view.tobytes()
        frame.length = view.nbytes
    for name, value in fields.items():
        setattr(frame, name, value or (b"" if name == "metadata" else 0))
    return frame.send()
