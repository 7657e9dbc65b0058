"""The position of each arriving frame in its recording, by the kind of payload."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

from mediamesh_bridges.file.encoded_writer import clock_rate
from mediamesh_bridges.file.placement import Arrival, FreePlacement, Placement
from mediamesh_bridges.file.received import DISCONTINUITY, KEY_FRAME, ReceivedFrame
from mediamesh_bridges.file.recorded import Recorded
from mediamesh_bridges.file.sound import samples_in
from mediamesh_bridges.file.timeline import VIDEO_CLOCK
from mediamesh_core.formats import AudioFormat, EncodedFormat, Format, VideoFormat

_TOLERANCES_A_SECOND = 50
"""Sound may lag its time by 20 ms for long, or by a block if that is longer, before samples count as missing."""


class Positions(Protocol):
    """Says where in the recording a frame belongs."""

    def recorded(self, frame: ReceivedFrame, payload: memoryview) -> Recorded | None:
        """Return the frame as the writer wants it; None for one that is not whole."""


def positions(format: Format) -> Positions:
    """Return the positions of a new recording."""
    if isinstance(format, VideoFormat):
        return _Pictures(format)
    if isinstance(format, AudioFormat):
        return _Blocks(format)
    if isinstance(format, EncodedFormat):
        return _AccessUnits(format)
    return _InOrder()


def whole_length(format: Format) -> str:
    """Return how long a whole frame is, for people."""
    if isinstance(format, VideoFormat):
        return f"{format.capacity} bytes"
    if isinstance(format, AudioFormat):
        return f"at least {format.channels * format.sample_size} bytes"
    return "at least 1 byte"


def _arrival(frame: ReceivedFrame, size: int) -> Arrival:
    return Arrival(frame.time, frame.sequence, size, bool(frame.flags & DISCONTINUITY))


class _Pictures:
    def __init__(self, format: VideoFormat) -> None:
        self._length = format.capacity
        self._placement = Placement(format.frame_rate, tolerance=1)

    def recorded(self, frame: ReceivedFrame, payload: memoryview) -> Recorded | None:
        if len(payload) != self._length:
            return None
        return Recorded(payload, self._placement.place(_arrival(frame, 1)), 1)


class _Blocks:
    def __init__(self, format: AudioFormat) -> None:
        self._format = format
        tolerance = max(format.samples_per_frame, format.sample_rate // _TOLERANCES_A_SECOND)
        self._placement = Placement(Fraction(format.sample_rate), tolerance)

    def recorded(self, frame: ReceivedFrame, payload: memoryview) -> Recorded | None:
        samples = samples_in(self._format, payload)
        if samples == 0:
            return None
        whole = payload[: samples * self._format.channels * self._format.sample_size]
        return Recorded(whole, self._placement.place(_arrival(frame, samples)), samples)


class _AccessUnits:
    def __init__(self, format: EncodedFormat) -> None:
        self._clock_rate = clock_rate(format)
        self._placement = FreePlacement(self._clock_rate)

    def recorded(self, frame: ReceivedFrame, payload: memoryview) -> Recorded | None:
        if not payload:
            return None
        duration = round(frame.duration * Fraction(self._clock_rate, VIDEO_CLOCK))
        return Recorded(payload, self._placement.place(frame.time), duration, bool(frame.flags & KEY_FRAME))


class _InOrder:
    def recorded(self, frame: ReceivedFrame, payload: memoryview) -> Recorded | None:
        del frame
        return Recorded(payload, 0)
