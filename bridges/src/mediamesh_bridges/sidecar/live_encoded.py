"""Encoded media into a stream that somebody watches: nothing is held back that need not be.

The recorder's writer waits for sixteen frames to recognise a stream and to find decoding times. Here the first key
frame has to do, which carries all that a decoder wants, and decoding times are searched only as far as the stream
itself says that it reorders pictures. A stream that reorders more than it says gets times that are a tick late,
rather than an error. Sound is recognised as the recorder does it, once.
"""

from __future__ import annotations

from fractions import Fraction
from typing import BinaryIO

import av
from av.error import FFmpegError
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext

from mediamesh_bridges.errors import BadSetting
from mediamesh_bridges.file.access_unit_gathering import Gathered, Gathering
from mediamesh_bridges.file.containers import container_of, open_container
from mediamesh_bridges.file.decode_times import WINDOW, DecodeTimes, Timed
from mediamesh_bridges.file.encoded_streams import PARSED_FRAMES, add_stream, check, is_parsed
from mediamesh_bridges.file.encoded_writer import clock_rate
from mediamesh_bridges.file.recorded import Recorded
from mediamesh_core.formats import EncodedFormat


class LiveEncodedWriter:
    """Access units, as they are, into a container that can be written without seeking."""

    def __init__(self, file: BinaryIO, format: EncodedFormat, suffix: str) -> None:
        check(format)
        container = container_of(suffix)
        if container is not None and container.encoded is not None and format.codec not in container.encoded:
            raise BadSetting(f"{suffix} holds {', '.join(container.encoded)}, not {format.codec}")
        self._format = format
        self._time_base = Fraction(1, clock_rate(format))
        self._gathering = Gathering(format.alignment)
        self._needed = 0 if not is_parsed(format) else 1 if format.media == "video" else PARSED_FRAMES
        self._unrecognised: list[Gathered] = []
        self._stream: Stream | None = None
        self._times: DecodeTimes[Gathered] = DecodeTimes(0)
        self._begin: int | None = None
        self._container = open_container(file, suffix)
        if not self._needed:
            self._recognise()

    def write(self, recorded: Recorded) -> None:
        """Add an access unit, or a NAL unit of one; the first has to be a key frame."""
        unit = self._gathering.add(recorded)
        if unit is None:
            return
        if self._begin is None:
            self._begin = unit.position
        if self._stream is not None:
            self._mux(self._stream, unit)
            return
        self._unrecognised.append(unit)
        if len(self._unrecognised) == self._needed:
            self._recognise()

    def finish(self) -> None:
        """Write what is held back."""
        if self._stream is not None:
            for timed in self._times.rest():
                self._mux_timed(self._stream, timed)
        self._container.close()

    def _recognise(self) -> None:
        try:
            stream = add_stream(self._container, self._format, [unit.data for unit in self._unrecognised])
            stream.time_base = self._time_base
        except (ValueError, FFmpegError) as error:
            raise BadSetting(f"a stream of {self._format.codec} cannot be written: {error}") from error
        self._times = DecodeTimes(_window(stream))
        self._stream = stream
        held, self._unrecognised = self._unrecognised, []
        for unit in held:
            self._mux(stream, unit)

    def _mux(self, stream: Stream, unit: Gathered) -> None:
        for timed in self._times.add(unit, unit.position - (self._begin or 0)):
            self._mux_timed(stream, timed)

    def _mux_timed(self, stream: Stream, timed: Timed[Gathered]) -> None:
        packet = av.Packet(timed.frame.data)
        packet.stream = stream
        packet.time_base = self._time_base
        packet.pts, packet.dts = max(timed.present, timed.decode), timed.decode
        packet.duration = timed.frame.duration
        packet.is_keyframe = timed.frame.key
        self._container.mux(packet)


def _window(stream: Stream) -> int:
    """Return how many frames may have to be seen to know a decoding time."""
    context = stream.codec_context
    if not isinstance(context, VideoCodecContext):
        return 0
    return min(context.reorder_depth + 1, WINDOW) if context.has_b_frames else 0
