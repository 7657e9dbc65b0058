"""The encoded stream of a file as it is, without decoding: encoded passthrough.

Units are sent at their decoding time and carry their presentation time. A pass over the file lasts from its first
decoding time to the end of its last unit, and there the next pass begins.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction
from functools import partial

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from mediamesh_bridges.file.access_units import AccessUnit, EncodedStream, read_pass
from mediamesh_bridges.file.annexb import byte_stream, nal_units
from mediamesh_bridges.file.media import Media, chosen_stream
from mediamesh_bridges.file.timeline import VIDEO_CLOCK
from mediamesh_bridges.file.unit import Unit
from mediamesh_core.formats import CODECS, EncodedFormat


class EncodedReader:
    """Plays the encoded stream of a file."""

    def __init__(self, media: Media, format: EncodedFormat, *, loop: bool) -> None:
        self._media = media
        self._format = format
        self._loop = loop
        with media.demux() as container:
            stream = self._stream(container)
            self.clock_rate = stream.sample_rate if isinstance(stream, AudioStream) else VIDEO_CLOCK

    def units(self) -> Generator[Unit, None, None]:
        """Read pass after pass."""
        begin = Fraction(0)
        while True:
            end = begin
            with self._media.demux() as container:
                for access in read_pass(container, self._stream(container), self._format.codec):
                    end = begin + access.decode + access.duration
                    yield from self._cut(access, begin)
            if end == begin:
                raise self._media.refuse("has no encoded frames")
            if not self._loop:
                return
            begin = end

    def _cut(self, access: AccessUnit, begin: Fraction) -> Iterator[Unit]:
        pieces = [access.data]
        if self._format.alignment == "nalUnit":
            pieces = [byte_stream([unit]) for unit in nal_units(access.data)]
        for piece in pieces:
            fill = partial(self._fill, piece)
            yield Unit(begin + access.decode, begin + access.present, access.duration, fill, access.key)

    def _fill(self, piece: bytes, payload: memoryview) -> int:
        if len(piece) > self._format.max_size:
            raise self._media.refuse(f"has a frame of {len(piece)} bytes; set encoded.maxSize to at least that")
        payload[: len(piece)] = piece
        return len(piece)

    def _stream(self, container: InputContainer) -> EncodedStream:
        stream: EncodedStream
        if self._format.media == "video":
            stream = chosen_stream(self._media, container, VideoStream)
        else:
            stream = chosen_stream(self._media, container, AudioStream)
        found = stream.codec_context.codec.canonical_name
        if found != CODECS[self._format.codec].ffmpeg:
            raise self._media.refuse(f"has {found}, the connection's payload says {self._format.codec}")
        return stream
