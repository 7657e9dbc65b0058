"""Streams that are nothing but payloads, or nearly: y4m, wav, raw and Annex B, as units for the player.

They are sent as they are written, and refused if they are not what the connection says: who writes pictures that way
counts on every byte. Each unit is read whole before it is handed on, so one that a writer did not finish is left out.

Bytes without a rate (blobs, and encoded video whose connection names none) are timed as they come. Annex B has no
times either: pictures lie on the grid of the connection's frame rate in decoding order, so whoever reorders pictures
should send MPEG-TS.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from fractions import Fraction
from functools import partial
from typing import BinaryIO, Protocol, cast

import av
from av.video.codeccontext import VideoCodecContext

from mediamesh.cli import wav, y4m
from mediamesh_bridges.errors import StreamUnusable
from mediamesh_bridges.file.annexb import Codec, ParameterSets, byte_stream, nal_units
from mediamesh_bridges.file.timeline import NANOSECONDS, VIDEO_CLOCK
from mediamesh_bridges.file.unit import Reader, Unit
from mediamesh_core.errors import UserError
from mediamesh_core.formats import CODECS, AncillaryFormat, AudioFormat, BlobFormat, EncodedFormat, Format, VideoFormat


class ByteFile(Protocol):
    """What is read: `io.BufferedReader` over whatever it may be."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, fewer only at the end."""

    def read1(self, size: int, /) -> bytes:
        """Return what there is, at least one byte before the end."""


_AT_ONCE = 1 << 16
_LONGEST_WAIT = 4
"""Frames of the connection's maximum size that a parser may hold back before it is no stream."""


def plain_reader(kind: str, file: ByteFile, format: Format) -> Reader:
    """Return the reader of a stream; raises StreamUnusable where the kind cannot be the format."""
    if kind == "y4m":
        return _Plain(format, y4m.pictures(cast("BinaryIO", file), format))
    if kind == "wav":
        return _Plain(format, wav.blocks(cast("BinaryIO", file), format))
    if kind == "raw" and isinstance(format, VideoFormat | AudioFormat):
        return _Plain(format, _raw(file, format))
    if kind == "raw" and isinstance(format, BlobFormat):
        return _Timed(format, ((data, False) for data in iter(partial(file.read1, format.capacity), b"")))
    if kind == "raw" and isinstance(format, EncodedFormat) and format.codec in ("h264", "hevc", "vvc"):
        return annexb_reader(format.codec, file, format)
    what = "ancillary data" if isinstance(format, AncillaryFormat) else format.codec  # type: ignore[union-attr]
    raise StreamUnusable(f"bare {what} does not say where a frame ends; send a container, such as .ts or .mkv")


def annexb_reader(codec: str, file: ByteFile, format: Format) -> Reader:
    """Return the reader of a byte stream of NAL units."""
    if not isinstance(format, EncodedFormat) or format.codec != codec:
        (kind,) = format.to_spec()
        mine = format.codec if isinstance(format, EncodedFormat) else kind
        raise StreamUnusable(f"the stream is {codec}, the connection carries {mine}")
    return _Timed(format, _pieces(file, format))


class _Plain:
    """Pictures and blocks, one behind the other on the connection's grid."""

    def __init__(self, format: Format, payloads: Iterable[bytes]) -> None:
        self._payloads = payloads
        self._duration = cast("VideoFormat | AudioFormat", format).frame_duration
        self.clock_rate = format.sample_rate if isinstance(format, AudioFormat) else VIDEO_CLOCK

    def units(self) -> Generator[Unit, None, None]:
        try:
            for number, payload in enumerate(self._payloads):
                position = number * self._duration
                yield Unit(position, position, self._duration, _filling(payload))
        except UserError as error:
            raise StreamUnusable(error.message) from error


class _Timed:
    """Pieces with their key flags, on a grid if there is one."""

    clock_rate = VIDEO_CLOCK

    def __init__(self, format: BlobFormat | EncodedFormat, units: Iterable[tuple[bytes, bool]]) -> None:
        self._format = format
        self._units = units
        rate = format.frame_rate if isinstance(format, EncodedFormat) else None
        self._duration = 1 / rate if rate else Fraction(0)
        self._begun = time.monotonic_ns()

    def units(self) -> Generator[Unit, None, None]:
        for number, (data, key) in enumerate(self._units):
            position = number * self._duration if self._duration else self._now()
            for piece in self._cut(data):
                yield Unit(position, position, self._duration, _filling(piece), key)

    def _cut(self, data: bytes) -> list[bytes]:
        pieces = [data]
        if isinstance(self._format, EncodedFormat) and self._format.alignment == "nalUnit":
            pieces = [byte_stream([unit]) for unit in nal_units(data)]
        if any(len(piece) > self._format.max_size for piece in pieces):
            raise StreamUnusable(f"a frame has {len(data)} bytes; set encoded.maxSize to at least that")
        return pieces

    def _now(self) -> Fraction:
        return Fraction(time.monotonic_ns() - self._begun, NANOSECONDS)


def _raw(file: ByteFile, format: VideoFormat | AudioFormat) -> Iterator[bytes]:
    """Yield whole payloads; the last block of sound may be short, a picture may not."""
    while payload := file.read(format.capacity):
        if isinstance(format, VideoFormat) and len(payload) < format.capacity:
            return
        whole = len(payload)
        if isinstance(format, AudioFormat):
            whole -= whole % (format.channels * format.sample_size)
        if whole:
            yield payload[:whole]


def _pieces(file: ByteFile, format: EncodedFormat) -> Iterator[tuple[bytes, bool]]:
    """Yield access units, the parameter sets in each key frame, from the first key frame on."""
    context = cast("VideoCodecContext", av.CodecContext.create(CODECS[format.codec].ffmpeg, "r"))
    sets = ParameterSets(cast("Codec", format.codec), format.extradata)
    begun, waiting = False, 0
    for data in _read_on(file):
        packets = context.parse(data or None)
        waiting = 0 if packets else waiting + len(data)
        if waiting > _LONGEST_WAIT * format.max_size:
            raise StreamUnusable(f"this is no byte stream of {format.codec}: it has no end of a picture")
        for packet in packets:
            begun = begun or packet.is_keyframe
            if begun:
                yield sets.complete(bytes(packet), key=packet.is_keyframe), packet.is_keyframe


def _read_on(file: ByteFile) -> Iterator[bytes]:
    """Yield what comes, and at the end nothing, once."""
    while data := file.read1(_AT_ONCE):
        yield data
    yield b""


def _filling(data: bytes) -> Callable[[memoryview], int]:
    def fill(payload: memoryview) -> int:
        payload[: len(data)] = data
        return len(data)

    return fill
