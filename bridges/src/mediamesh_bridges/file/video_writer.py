"""Uncompressed video into a container.

Matroska gets FFV1 by default: lossless, so that a recording is the frames that were sent, with a checksum in every
slice, at a third to a half of the size. It costs CPU, about 40 ms for an 8-bit picture of 1080p and twice that for
10-bit 4:2:2, shared among the cores; where that is too much, `.raw` costs none. MP4 and QuickTime get H.264 of high
quality, which every player knows. The encoder gets the connection's own pixel format where it can, else one to which
FFmpeg converts without loss; an encoder that is lossless is never given anything less. B pictures are left out: they
would delay what reaches the disk, and a file in fragments cannot say that its first picture is shown at 0.
"""

from __future__ import annotations

import os
from fractions import Fraction
from typing import BinaryIO, Final

from av.codec import Codec
from av.codec.codec import PixFmtLoss, find_best_pix_fmt_of_list
from av.error import FFmpegError
from av.video.stream import VideoStream

from mediamesh_bridges.errors import BadSetting
from mediamesh_bridges.file.containers import CONTAINERS, STREAMS, open_container
from mediamesh_bridges.file.conversion import Conversion
from mediamesh_bridges.file.encoders import first_encoder
from mediamesh_bridges.file.interlacing import FieldMarks, announce_fields, check_fields, field_options
from mediamesh_bridges.file.picture import ffmpeg_pixels, unpacker
from mediamesh_bridges.file.recorded import Recorded
from mediamesh_bridges.file.scheduling import scheduling_kept
from mediamesh_core.formats import VideoFormat

_LOSSLESS = "ffv1"
_OPTIONS: Final[dict[str, dict[str, str]]] = {
    "ffv1": {"level": "3", "slicecrc": "1"},
    "libx264": {"preset": "veryfast", "crf": "18", "bf": "0"},
    "mpeg4": {"qscale": "2"},
    "mpeg2video": {"qscale": "2"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "lag-in-frames": "0", "crf": "18", "b": "0"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "crf": "10", "b": "20M"},
}
_AT_ONCE: Final[dict[str, dict[str, str]]] = {
    "libx264": {"tune": "zerolatency"},
    "libx265": {"tune": "zerolatency", "preset": "ultrafast", "x265-params": "log-level=none"},
}
"""For somebody who looks on: each picture comes out before the next goes in."""
_MANY_SLICES: Final = {"slices": "16"}  # of FFV1: what its threads share; small pictures cannot be cut so finely
_LARGE = 256


class VideoWriter:
    """Pictures, encoded."""

    def __init__(
        self, file: BinaryIO, format: VideoFormat, suffix: str, codec: str | None, *, live: bool = False
    ) -> None:
        self._format = format
        self._live = live
        encoder = first_encoder((CONTAINERS | STREAMS)[suffix].video if codec is None else (codec,), "video")
        check_fields(encoder, format)
        self._unpack = unpacker(format)
        self._pixels = _encoded_pixels(encoder, format)
        self._convert = Conversion(self._pixels)
        self._mark = FieldMarks(format, self._pixels)
        self._container = open_container(file, suffix)
        try:
            self._stream = self._add_stream(encoder.name)
            with scheduling_kept():
                self._container.start_encoding()
        except (ValueError, FFmpegError) as error:
            what = f"{self._pixels} as {encoder.name}"
            raise BadSetting(f"file.codec: {suffix} cannot hold {what}: {error}") from error

    def write(self, recorded: Recorded) -> None:
        """Encode a picture at its slot of the frame grid."""
        picture = self._convert(self._unpack(recorded.payload))
        picture.pts = recorded.position
        picture.time_base = 1 / self._format.frame_rate
        self._container.mux(self._stream.encode(self._mark(picture)))

    def finish(self) -> None:
        """Write what the encoder holds back, then the index."""
        self._container.mux(self._stream.encode())
        self._container.close()

    def _add_stream(self, encoder: str) -> VideoStream:
        rate = self._format.frame_rate
        large = encoder == _LOSSLESS and min(self._format.width, self._format.height) >= _LARGE
        options = _OPTIONS.get(encoder, {}) | (_MANY_SLICES if large else {}) | field_options(encoder, self._format)
        options |= _AT_ONCE.get(encoder, {}) if self._live else {}
        stream = self._container.add_stream(encoder, rate=rate, options=options)
        if not isinstance(stream, VideoStream):
            raise TypeError(encoder)
        stream.width, stream.height, stream.pix_fmt = self._format.width, self._format.height, self._pixels
        stream.time_base = 1 / Fraction(rate)
        stream.gop_size = 1 if encoder == _LOSSLESS else max(1, round(rate))
        stream.thread_count = os.cpu_count() or 1
        stream.thread_type = "SLICE" if self._live else "AUTO"  # frame threads hold back a picture each
        announce_fields(stream.codec_context, self._format)
        return stream


def _encoded_pixels(encoder: Codec, format: VideoFormat) -> str:
    own = ffmpeg_pixels(format)
    accepted = [pixels.name for pixels in encoder.video_formats or ()]
    if not accepted or own in accepted:
        return own
    best, loss = find_best_pix_fmt_of_list(accepted, own, has_alpha=True)
    if best is None or (encoder.name == _LOSSLESS and loss != PixFmtLoss.NONE):
        raise BadSetting(f"file.path: {encoder.name} cannot keep {format.pixel_format} as it is; use suffix .raw")
    return best.name
