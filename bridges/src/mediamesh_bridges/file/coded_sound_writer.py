"""Uncompressed sound into a container that wants it coded: AAC, Opus, MP2, FLAC or MP3.

FFmpeg's PCM decoder makes frames of the samples, and its encoder resamples them to what it takes where it has to.
"""

from __future__ import annotations

from fractions import Fraction
from typing import BinaryIO, cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.codec import Codec
from av.error import FFmpegError

from mediamesh_bridges.errors import BadSetting
from mediamesh_bridges.file.audio_reader import LAYOUTS
from mediamesh_bridges.file.containers import open_container
from mediamesh_bridges.file.encoders import first_encoder
from mediamesh_bridges.file.recorded import Recorded
from mediamesh_bridges.file.sound import file_sample_format, samples_in, silence, to_file
from mediamesh_core.formats import AudioFormat

_BITS_PER_CHANNEL = 128_000


class CodedSoundWriter:
    """Blocks of samples, with silence where blocks are missing."""

    def __init__(self, file: BinaryIO, format: AudioFormat, suffix: str, encoders: tuple[str, ...]) -> None:
        if format.channels not in LAYOUTS:
            known = ", ".join(map(str, LAYOUTS))
            raise BadSetting(f"file.path: {suffix} holds {known} channels, not {format.channels}; use .wav or .mkv")
        self._format = format
        self._time_base = Fraction(1, format.sample_rate)
        self._written = 0
        self._decoder = _pcm_decoder(format)
        self._container = open_container(file, suffix)
        encoder = first_encoder(encoders, "audio")
        try:
            self._stream = self._add_stream(encoder)
            self._container.start_encoding()
        except (ValueError, FFmpegError) as error:
            what = f"{format.channels} channels at {format.sample_rate} Hz as {encoder.name}"
            raise BadSetting(f"file.path: {suffix} cannot hold {what}; use .wav or .mkv") from error

    def write(self, recorded: Recorded) -> None:
        """Append a block, with silence in front of it where samples are missing."""
        missing = recorded.position - self._written
        if missing > 0:
            self._encode(silence(self._format, missing), missing)
        self._encode(bytes(to_file(self._format, recorded.payload)), samples_in(self._format, recorded.payload))

    def finish(self) -> None:
        """Write what the encoder holds back, then the index."""
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def _encode(self, data: bytes, samples: int) -> None:
        for frame in self._decoder.decode(av.Packet(data)):
            frame.pts, frame.time_base = self._written, self._time_base
            self._container.mux(self._stream.encode(frame))
        self._written += samples

    def _add_stream(self, encoder: Codec) -> AudioStream:
        rates = encoder.audio_rates or [self._format.sample_rate]
        rate = self._format.sample_rate if self._format.sample_rate in rates else max(rates)
        stream = self._container.add_stream(encoder.name, rate=rate, layout=LAYOUTS[self._format.channels])
        if not isinstance(stream, AudioStream):
            raise TypeError(encoder.name)
        accepted = [each.name for each in encoder.audio_formats or ()]
        deep = [name for name in accepted if name.startswith("s32")] if self._format.sample_size > 2 else []
        stream.codec_context.format = (deep or accepted)[0]
        stream.codec_context.bit_rate = _BITS_PER_CHANNEL * self._format.channels
        return stream


def _pcm_decoder(format: AudioFormat) -> AudioCodecContext:
    decoder = cast("AudioCodecContext", av.CodecContext.create(file_sample_format(format), "r"))
    decoder.sample_rate, decoder.layout = format.sample_rate, LAYOUTS[format.channels]
    return decoder
