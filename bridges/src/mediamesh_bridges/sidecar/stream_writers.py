"""Which writer makes which kind of stream from which payload.

The recorder's writers do, where they need not seek and hold nothing back; what is written is never converted for y4m,
wav and raw. Kinds of pipes are named by the suffix of the path, or by `as=`.
"""

from __future__ import annotations

from typing import BinaryIO

from mediamesh_bridges.errors import BadSetting
from mediamesh_bridges.file.coded_sound_writer import CodedSoundWriter
from mediamesh_bridges.file.containers import PCM, container_of
from mediamesh_bridges.file.pcm_writer import PcmWriter
from mediamesh_bridges.file.plain_writers import RawWriter, Y4mWriter
from mediamesh_bridges.file.recorded import Writer
from mediamesh_bridges.file.video_writer import VideoWriter
from mediamesh_bridges.file.wav_writer import WavStream
from mediamesh_bridges.sidecar.live_encoded import LiveEncodedWriter
from mediamesh_core.formats import AudioFormat, EncodedFormat, Format, VideoFormat

BYTE_STREAMS = {"h264": "h264", "264": "h264", "hevc": "hevc", "h265": "hevc", "265": "hevc"}
BYTE_STREAMS |= {"vvc": "vvc", "h266": "vvc", "266": "vvc"}
"""Suffixes of Annex B byte streams, and their codecs."""
CONTAINERS = ("ts", "mkv", "webm", "nut", "flv", "ogg", "mpg")
"""What FFmpeg writes without seeking."""
KINDS = ("y4m", "wav", "raw", *BYTE_STREAMS, *CONTAINERS)


def open_stream(kind: str, file: BinaryIO, format: Format) -> Writer:
    """Return the writer of a new stream; raises BadSetting if it cannot hold the format."""
    try:
        return _opened(kind, file, format)
    except BadSetting as error:  # names the field of a connection, which a line does not have
        raise BadSetting(error.message.removeprefix("file.path: ").removeprefix("file.codec: ")) from error


def _opened(kind: str, file: BinaryIO, format: Format) -> Writer:
    if kind == "raw":
        return RawWriter(file)
    if kind == "y4m":
        return _y4m(file, format)
    if kind == "wav":
        return _wav(file, format)
    if isinstance(format, EncodedFormat) and BYTE_STREAMS.get(kind) == format.codec:
        return RawWriter(file)  # its frames are pieces of such a stream
    return _muxed(f".{BYTE_STREAMS.get(kind, kind)}", file, format)


def _y4m(file: BinaryIO, format: Format) -> Writer:
    if isinstance(format, VideoFormat):
        return Y4mWriter(file, format)
    raise BadSetting(f"y4m holds uncompressed video, not {_name(format)}; use as=raw")


def _wav(file: BinaryIO, format: Format) -> Writer:
    if isinstance(format, AudioFormat):
        return WavStream(file, format)
    raise BadSetting(f"wav holds uncompressed sound, not {_name(format)}; use as=raw")


def _muxed(suffix: str, file: BinaryIO, format: Format) -> Writer:
    container = container_of(suffix)
    if isinstance(format, VideoFormat) and container and container.video:
        return VideoWriter(file, format, suffix, None, live=True)
    if isinstance(format, AudioFormat) and container and container.audio:
        if container.audio == (PCM,):
            return PcmWriter(file, format, suffix)
        return CodedSoundWriter(file, format, suffix, container.audio)
    if isinstance(format, EncodedFormat) and container:
        return LiveEncodedWriter(file, format, suffix)
    raise BadSetting(f"{suffix} cannot hold {_name(format)}; use as=raw")


def _name(format: Format) -> str:
    (kind,) = format.to_spec()
    return format.codec if isinstance(format, EncodedFormat) else kind
