"""Uncompressed sound into a container: the samples as they are, in little endian."""

from __future__ import annotations

from fractions import Fraction
from typing import BinaryIO

import av
from av.audio.stream import AudioStream
from av.error import FFmpegError

from mediamesh_bridges.errors import BadSetting
from mediamesh_bridges.file.containers import open_container
from mediamesh_bridges.file.recorded import Recorded
from mediamesh_bridges.file.sound import file_sample_format, samples_in, silence, to_file
from mediamesh_core.formats import AudioFormat

_LAYOUTS = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1", "7.1")


class PcmWriter:
    """Blocks of samples, with silence where blocks are missing."""

    def __init__(self, file: BinaryIO, format: AudioFormat, suffix: str) -> None:
        self._format = format
        self._time_base = Fraction(1, format.sample_rate)
        self._written = 0
        self._container = open_container(file, suffix)
        try:
            self._stream = self._add_stream()
            self._container.start_encoding()
        except (ValueError, FFmpegError) as error:
            what = f"{format.channels} channels of {format.sample_format}"
            raise BadSetting(f"file.path: {suffix} cannot hold {what}; use .wav or .mkv") from error

    def write(self, recorded: Recorded) -> None:
        """Append a block, with silence in front of it where samples are missing."""
        missing = recorded.position - self._written
        if missing > 0:
            self._mux(silence(self._format, missing), missing)
        self._mux(bytes(to_file(self._format, recorded.payload)), samples_in(self._format, recorded.payload))

    def finish(self) -> None:
        """Write the index."""
        self._container.close()

    def _add_stream(self) -> AudioStream:
        channels = self._format.channels
        layout = _LAYOUTS[channels - 1] if channels <= len(_LAYOUTS) else f"{channels} channels"
        name, rate = file_sample_format(self._format), self._format.sample_rate
        stream = self._container.add_stream(name, rate=rate, layout=layout)
        if not isinstance(stream, AudioStream):
            raise TypeError(name)
        return stream

    def _mux(self, data: bytes, samples: int) -> None:
        packet = av.Packet(data)
        packet.stream = self._stream
        packet.time_base = self._time_base
        packet.pts = packet.dts = self._written
        packet.duration = samples
        self._container.mux(packet)
        self._written += samples
