"""A sink: where an application receives the frames of a flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

from mediamesh.end import End
from mediamesh.errors import Closed, Interrupted
from mediamesh.frames import Flags, ReceivedFrame
from mediamesh_native.port import SinkPort

if TYPE_CHECKING:
    from mediamesh.options import RoleName, SinkOptions


class Sink(End[SinkPort, ReceivedFrame]):
    """A sink of a connection; `open_sink` makes and opens one.

    Any number of frames up to the endpoint's queue may be in hand, and they may be released in any order. May be
    used by several threads. When the hub goes away, `receive` waits for its return and goes on; the first frame
    after that carries `Flags.DISCONTINUITY`. A loop over the sink (`for frame in sink`, in `mediamesh.aio` `async for`)
    receives until `interrupt` or `close` is called.
    """

    ROLE: ClassVar[RoleName] = "sink"

    def __init__(self, connection: str, **options: Unpack[SinkOptions]) -> None:
        super().__init__(connection, options)
        self._last = -1
        self._dropped = 0
        self._new_port = False

    def receive(self, timeout: float | None = None) -> ReceivedFrame:
        """Return the next frame. Release it soon: it is one of the few that the endpoint's queue allows.

        Parameters
        ----------
        timeout
            Seconds; None waits for ever, 0 not at all.

        Raises
        ------
        Timeout
            There was none in that time.
        Refused
            The hub came back and refuses this sink now.
        Interrupted, Closed
            `interrupt` or `close` was called.
        """
        return self._obtain(timeout)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ReceivedFrame:
        try:
            return self.receive()
        except (Interrupted, Closed):
            raise StopIteration from None

    @property
    def last_sequence(self) -> int:
        """Sequence number of the frame received last; -1 before the first."""
        return self._last

    @property
    def dropped(self) -> int:
        """How many frames of the flow this sink did not get since its first one, by the gaps in the sequence."""
        return self._dropped

    def release(self, frame: ReceivedFrame) -> None:
        """Give a frame back; the same as `frame.release()`."""
        frame.release()

    def _take(self, port: Any) -> ReceivedFrame | None:
        frame: ReceivedFrame | None = port.take()
        if frame is None:
            return None
        frame.format = self._tether.format  # type: ignore[assignment]  # known while there is a port
        sequence = frame.sequence
        if sequence != self._last + 1 and self._last >= 0:
            self._on_gap(frame, sequence)
        self._new_port = False
        self._last = sequence
        return frame

    def _missing(self, port: Any) -> str:
        if port.outstanding >= self._tether.queue:
            return f"all {self._tether.queue} frames are in your hand: release one, and all views of it"
        return (
            ""
            if self._last >= 0
            else "the first one has not come yet; `mediamesh list` shows whether there is a source"
        )

    def _on_gap(self, frame: ReceivedFrame, sequence: int) -> None:
        self._dropped += max(sequence - self._last - 1, 0)
        if self._new_port:
            frame.flags |= Flags.DISCONTINUITY

    def _on_attach(self) -> None:
        self._new_port = True

    def _forgotten(self, port: Any) -> int:
        collected: int = port.forgotten  # frames that the garbage collector had to give back
        held: int = port.outstanding
        return held + collected
