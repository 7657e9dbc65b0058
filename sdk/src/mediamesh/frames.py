"""The frames that an application holds: native frames that know the format of their flow.

A frame is a piece of the flow's shared memory, lent by the hub. It supports the buffer protocol (payload, one
row of unsigned bytes); `planes` and `array` look at it as the format says, with NumPy or without, never by a copy.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Protocol

from mediamesh.errors import Detached
from mediamesh_native import port as native

if TYPE_CHECKING:
    import numpy as np

    from mediamesh_core.formats import Format


_send = native.SourceFrame.send


class Flags(enum.IntFlag):
    """What `frame.flags`, a number, may hold: `frame.flags & Flags.DISCONTINUITY`."""

    NONE = 0
    KEY_FRAME = 1
    DISCONTINUITY = 2
    """What came before does not lead up to this frame: the source or the hub began anew."""
    END_OF_STREAM = 4
    FIELD_2 = 8


class Status(enum.IntEnum):
    """What `frame.status`, a number, may be."""

    COMPLETE = 0
    PARTIAL = 1
    CORRUPT = 2


class _Buffer(Protocol):
    format: Format

    def __buffer__(self, flags: int, /) -> memoryview: ...


class _Views:
    """What both kinds of frames show of their payload."""

    __slots__ = ()

    @property
    def buffer(self: _Buffer) -> memoryview:
        """The payload as bytes. A frame goes back to the hub only when no view of it is alive."""
        return memoryview(self)

    def planes(self: _Buffer) -> tuple[np.ndarray[Any, Any], ...]:
        """Return one array per plane, shaped as `frame.format.planes` says.

        Video planes are (rows, columns) or (rows, columns, components), audio is (samples, channels), 24-bit
        audio (samples, channels, 3) bytes; formats without planes give their bytes as one row.

        Raises
        ------
        NumPyMissing
            Use `memoryviews`, or install `mediamesh[numpy]`.
        WrongLength
            The frame holds less than a picture.
        """
        from mediamesh.arrays import planes  # noqa: PLC0415  # NumPy is an extra

        return planes(memoryview(self), self.format)

    def array(self: _Buffer) -> np.ndarray[Any, Any]:
        """Return the only plane of the format, as `planes` does; raises `SeveralPlanes` where it has more."""
        from mediamesh.arrays import array  # noqa: PLC0415  # NumPy is an extra

        return array(memoryview(self), self.format)

    def memoryviews(self: _Buffer) -> tuple[memoryview, ...]:
        """Return the bytes of each plane, without NumPy."""
        from mediamesh.layout import slices  # noqa: PLC0415  # keeps the import of mediamesh quick

        view = memoryview(self)
        return tuple(view[piece.start : piece.stop] for piece in slices(len(view), self.format))


class ReceivedFrame(_Views, native.SinkFrame):
    """A frame of a sink: read-only, given back by `release`, which is also the end of a `with` block.

    Attributes
    ----------
    sequence
        Of the flow: goes on with the next source, and leaves out what this sink has missed.
    time
        TAI in ns, as the source gave it; of clocks of computers CLOCK_TAI.
    sent
        When the source sent it: CLOCK_MONOTONIC in ns, so `time.monotonic_ns() - frame.sent` is the latency.
    duration
        In 1/90000 s; 0 is unknown.
    rtp_timestamp
        32 bits.
    flags, status
        See `Flags` and `Status`.
    metadata
        Bytes, at most 3968; b"" if the source gave none.
    format
        What it holds, of `mediamesh_core.formats`.
    """

    __slots__ = ("format",)
    format: Format


class SourceFrame(_Views, native.SourceFrame):
    """A frame to fill: writable, handed on by `send` or given back by `cancel`, also the end of a `with` block.

    `length` is how many bytes are sent, all if it is not set. What else can be set: see `Fields`; `metadata` is bytes.
    """

    __slots__ = ("format",)
    format: Format

    def send(self) -> int:
        """Hand the frame to the flow; return its sequence number. A `time` not set is now, other fields 0.

        Raises
        ------
        Detached
            The frame's hub is gone. The next `acquire` reattaches and gives a frame to fill anew.
        ValueError
            The frame was sent or cancelled already.
        """
        try:
            return _send(self)  # `super` would make an object for every frame
        except ValueError as error:
            if self._lost():
                raise Detached("the hub that lent this frame is gone; acquire another one") from error
            raise

    def _lost(self) -> bool:
        """Whether the frame is still in hand but its port closed: a buffer can be had only while in hand."""
        try:
            memoryview(self).release()
        except ValueError:
            return False
        return self.closed
