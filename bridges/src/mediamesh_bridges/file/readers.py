"""Which reader plays which kind of file as which kind of payload."""

from __future__ import annotations

from mediamesh_bridges.errors import BadSetting
from mediamesh_bridges.file.audio_reader import AudioReader
from mediamesh_bridges.file.encoded_reader import EncodedReader
from mediamesh_bridges.file.media import Media, MediaPath
from mediamesh_bridges.file.picture import ffmpeg_pixels
from mediamesh_bridges.file.raw_reader import RawReader
from mediamesh_bridges.file.settings import RAW, PlaySettings
from mediamesh_bridges.file.unit import Reader
from mediamesh_bridges.file.video_reader import VideoReader
from mediamesh_core.formats import AncillaryFormat, AudioFormat, BlobFormat, EncodedFormat, Format, VideoFormat


def open_reader(media: MediaPath, format: Format, *, loop: bool) -> Reader:
    """Return the reader of a file for a payload; `BadSetting` if there is none."""
    if isinstance(format, VideoFormat | AudioFormat) and media.path.endswith(RAW):
        return RawReader(media, format, loop=loop)
    return container_reader(media, format, loop=loop)


def container_reader(media: Media, format: Format, *, loop: bool) -> Reader:
    """Return the reader of what FFmpeg recognises by itself; `BadSetting` if there is none."""
    if isinstance(format, VideoFormat):
        return VideoReader(media, format, loop=loop)
    if isinstance(format, AudioFormat):
        return AudioReader(media, format, loop=loop)
    if isinstance(format, EncodedFormat):
        return EncodedReader(media, format, loop=loop)
    raise _no_reader(format)


def check_reader(format: Format, settings: PlaySettings) -> None:
    """Raise `BadSetting` where `open_reader` would, without a file."""
    if isinstance(format, AncillaryFormat | BlobFormat):
        raise _no_reader(format)
    if isinstance(format, VideoFormat) and not settings.path.endswith(RAW):
        ffmpeg_pixels(format)


def _no_reader(format: Format) -> BadSetting:
    (kind,) = format.to_spec()
    return BadSetting(f"file: a file cannot be played as {kind}; the payload has to be video, audio or encoded")
