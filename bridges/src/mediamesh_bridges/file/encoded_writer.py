"""Encoded media into a container, without encoding it again.

A recording begins with a key frame; frames before it cannot be decoded and are left out. The first frames are held
back until the stream is recognised, and codecs that reorder pictures are held back by the window
in which decoding times are found.
"""

from __future__ import annotations

from fractions import Fraction
from typing import BinaryIO, Final

import av
from av.error import FFmpegError
from av.stream import Stream

from mediamesh_bridges.errors import BadSetting
from mediamesh_bridges.file.access_unit_gathering import Gathered, Gathering
from mediamesh_bridges.file.containers import CONTAINERS, open_container
from mediamesh_bridges.file.decode_times import WINDOW, DecodeTimes, Timed
from mediamesh_bridges.file.encoded_streams import PARSED_FRAMES, add_stream, check, is_parsed
from mediamesh_bridges.file.recorded import Recorded
from mediamesh_bridges.file.timeline import VIDEO_CLOCK
from mediamesh_core.formats import EncodedFormat

_REORDERED: Final = frozenset({"h264", "hevc", "vvc", "mpeg2video", "mpeg4"})
_USUAL_SAMPLE_RATE = 48_000


def clock_rate(format: EncodedFormat) -> int:
    """Return the ticks per second in which positions of this format are counted."""
    return format.sample_rate or _USUAL_SAMPLE_RATE if format.media == "audio" else VIDEO_CLOCK


class EncodedWriter:
    """Access units, as they are."""

    def __init__(self, file: BinaryIO, format: EncodedFormat, suffix: str) -> None:
        check(format)
        _check_place(format.codec, suffix)
        self._format = format
        self._time_base = Fraction(1, clock_rate(format))
        self._gathering = Gathering(format.alignment)
        self._times: DecodeTimes[Gathered] = DecodeTimes(WINDOW if format.codec in _REORDERED else 0)
        self._begin: int | None = None  # position of the first key frame
        self._unrecognised: list[Timed[Gathered]] = []
        self._stream: Stream | None = None
        self._container = open_container(file, suffix)
        if not is_parsed(format):
            self._recognise(suffix)

    def write(self, recorded: Recorded) -> None:
        """Add an access unit, or a NAL unit of one."""
        self._add(self._gathering.add(recorded))

    def finish(self) -> None:
        """Write what is held back, then the index."""
        self._add(self._gathering.rest())
        for timed in self._times.rest():
            self._place(timed)
        if self._unrecognised:
            self._recognise("")
        self._container.close()

    def _add(self, unit: Gathered | None) -> None:
        if unit is not None and unit.key and self._begin is None:
            self._begin = unit.position
        if unit is not None and self._begin is not None:
            for timed in self._times.add(unit, unit.position - self._begin):
                self._place(timed)

    def _place(self, timed: Timed[Gathered]) -> None:
        if self._stream is not None:
            self._mux(self._stream, timed)
            return
        self._unrecognised.append(timed)
        if len(self._unrecognised) == PARSED_FRAMES:
            self._recognise("")

    def _recognise(self, suffix: str) -> None:
        first = [timed.frame.data for timed in self._unrecognised]
        try:
            self._stream = add_stream(self._container, self._format, first)
            self._stream.time_base = self._time_base
        except (ValueError, FFmpegError) as error:
            raise BadSetting(f"file.path: {suffix} cannot hold {self._format.codec}: {error}") from error
        for timed in self._unrecognised:
            self._mux(self._stream, timed)
        self._unrecognised = []

    def _mux(self, stream: Stream, timed: Timed[Gathered]) -> None:
        packet = av.Packet(timed.frame.data)
        packet.stream = stream
        packet.time_base = self._time_base
        packet.pts, packet.dts = timed.present, timed.decode
        packet.duration = timed.frame.duration
        packet.is_keyframe = timed.frame.key
        self._container.mux(packet)


def _check_place(codec: str, suffix: str) -> None:
    places = CONTAINERS[suffix].encoded
    if places is not None and codec not in places:
        raise BadSetting(f"file.path: {suffix} holds {', '.join(places)}, not {codec}; use .mkv or .raw")
