"""Which writer makes which kind of file from which kind of payload."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO

from mediamesh_bridges.errors import BadSetting
from mediamesh_bridges.file import wav_writer
from mediamesh_bridges.file.coded_sound_writer import CodedSoundWriter
from mediamesh_bridges.file.containers import CONTAINERS, PCM, Container
from mediamesh_bridges.file.encoded_writer import EncodedWriter
from mediamesh_bridges.file.pcm_writer import PcmWriter
from mediamesh_bridges.file.plain_writers import RawWriter, Y4mWriter
from mediamesh_bridges.file.recorded import Writer
from mediamesh_bridges.file.settings import RAW, RecordSettings
from mediamesh_bridges.file.video_writer import VideoWriter
from mediamesh_bridges.file.wav_writer import WavWriter
from mediamesh_core.formats import AudioFormat, EncodedFormat, Format, VideoFormat


def open_writer(file: BinaryIO, format: Format, settings: RecordSettings) -> Writer:
    """Return the writer for a file of this suffix; `BadSetting` if there is none for this payload."""
    suffix = settings.suffix
    container = CONTAINERS.get(suffix)
    if settings.codec is not None and not (isinstance(format, VideoFormat) and container and container.video):
        raise BadSetting("file.codec: is for uncompressed video in a container, such as .mkv, .mp4 and .mov, only")
    if suffix == RAW:
        return RawWriter(file)
    if isinstance(format, VideoFormat) and suffix == ".y4m":
        return Y4mWriter(file, format)
    if isinstance(format, AudioFormat) and suffix == ".wav":
        return WavWriter(file, format)
    if container is not None and (writer := _in_container(file, format, settings, container)):
        return writer
    (kind,) = format.to_spec()
    raise BadSetting(f"file.path: {suffix} cannot hold {kind}; use .raw")


def _in_container(file: BinaryIO, format: Format, settings: RecordSettings, container: Container) -> Writer | None:
    if isinstance(format, VideoFormat) and container.video:
        return VideoWriter(file, format, settings.suffix, settings.codec)
    if isinstance(format, AudioFormat) and container.audio == (PCM,):
        return PcmWriter(file, format, settings.suffix)
    if isinstance(format, AudioFormat) and container.audio:
        return CodedSoundWriter(file, format, settings.suffix, container.audio)
    if isinstance(format, EncodedFormat) and container.encoded != ():
        return EncodedWriter(file, format, settings.suffix)
    return None


def repair_for(path: str) -> Callable[[BinaryIO], None]:
    """Return what makes the file of a recording that ended early readable to its end."""
    return wav_writer.repair if path.endswith(".wav") else _readable_as_it_is


def _readable_as_it_is(file: BinaryIO) -> None:
    del file


def check_writer(format: Format, settings: RecordSettings) -> None:
    """Raise `BadSetting` where `open_writer` would, without a file."""
    open_writer(io.BytesIO(), format, settings)
