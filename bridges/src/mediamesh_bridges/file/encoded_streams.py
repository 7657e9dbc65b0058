"""How a container learns what an encoded stream is, without a decoder's or an encoder's work.

For most codecs FFmpeg's own parser reads it (size, profile, parameter sets) from the first frames. AAC and
Opus frames do not say it; FFmpeg's encoders make the description from sample rate and channels. Of the
remaining video codecs a container wants nothing but the size of the picture.
"""

from __future__ import annotations

import io
from typing import Final

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.stream import Stream

from mediamesh_bridges.errors import BadSetting, RecordingFailed
from mediamesh_bridges.file.audio_reader import LAYOUTS
from mediamesh_bridges.file.av1 import TEMPORAL_DELIMITER
from mediamesh_core.formats import CODECS, EncodedFormat

PARSED_FRAMES = 16
"""So many frames are enough for every parser; audio parsers want several."""

_PARSERS: Final = {
    "h264": "h264",
    "hevc": "hevc",
    "vvc": "vvc",
    "av1": "obu",
    "mpeg2video": "mpegvideo",
    "mpeg4": "m4v",
    "mjpeg": "mjpeg",
    "dnxhd": "dnxhd",
    "mp2": "mp3",
    "mp3": "mp3",
    "ac3": "ac3",
    "eac3": "eac3",
}
"""FFmpeg's demuxer for the bare stream."""
_ENCODERS: Final = {"aac": "aac", "opus": "libopus"}
_SIZED: Final = frozenset({"vp8", "vp9", "prores", "jpeg2000", "htj2k"})


def is_parsed(format: EncodedFormat) -> bool:
    """Tell whether the stream is recognised by its first frames."""
    return format.codec in _PARSERS


def check(format: EncodedFormat) -> None:
    """Raise `BadSetting` if such a stream cannot be described to a container."""
    codec = format.codec
    if codec in _SIZED and (format.width is None or format.height is None):
        raise BadSetting(f"encoded.width, encoded.height: are needed to record {codec}")
    if codec in _ENCODERS and (format.sample_rate is None or format.channels not in LAYOUTS):
        raise BadSetting(f"encoded.sampleRate, encoded.channels (1, 2, 6 or 8): are needed to record {codec}")
    if codec not in (*_PARSERS, *_ENCODERS, *_SIZED):
        raise BadSetting(f"file.path: {codec} can be recorded with suffix .raw only")


def add_stream(container: OutputContainer, format: EncodedFormat, first_frames: list[bytes]) -> Stream:
    """Add the stream of a format to a container; `first_frames` are its first `PARSED_FRAMES` frames."""
    codec = format.codec
    if codec in _PARSERS:
        before_each = TEMPORAL_DELIMITER if codec == "av1" else b""
        return _as_parsed(container, _PARSERS[codec], b"".join(before_each + frame for frame in first_frames))
    if codec in _ENCODERS:
        return container.add_stream(_ENCODERS[codec], rate=format.sample_rate, layout=LAYOUTS[format.channels or 2])
    size = {"width": format.width, "height": format.height}
    return container.add_mux_stream(CODECS[codec].ffmpeg, rate=format.frame_rate, **size)


def _as_parsed(container: OutputContainer, parser: str, stream: bytes) -> Stream:
    try:
        with av.open(io.BytesIO(stream), "r", format=parser) as parsed:
            return container.add_stream_from_template(parsed.streams[0], opaque=True)
    except (FFmpegError, IndexError) as error:
        raise RecordingFailed(f"the first frames are no {parser} stream: {error}") from error
