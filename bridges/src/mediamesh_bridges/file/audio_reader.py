"""Sound of a file, decoded, resampled and cut into the connection's blocks.

Samples are counted, timestamps of the file are not looked at: the sound goes on without a gap from one pass to
the next, in blocks that may hold the end of one and the beginning of the other. The last block of a file that does
not loop may be shorter.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction
from typing import Final, cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from mediamesh_bridges.file.media import Media, chosen_stream, decoded
from mediamesh_bridges.file.unit import Unit
from mediamesh_core.formats import AudioFormat

LAYOUTS: Final = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
"""Channel counts between which FFmpeg knows how to mix."""


class AudioReader:
    """Plays a file as PCM audio."""

    def __init__(self, media: Media, format: AudioFormat, *, loop: bool) -> None:
        self._media = media
        self._format = format
        self._loop = loop
        self._to_pcm: _ToPcm | None = None

    @property
    def clock_rate(self) -> int:
        """Ticks of the RTP clock are samples."""
        return self._format.sample_rate

    def units(self) -> Generator[Unit, None, None]:
        """Yield blocks, exactly their number of samples apart."""
        waiting = bytearray()
        sent = 0
        size = self._format.capacity
        for piece in self._samples():
            waiting += piece
            while len(waiting) >= size:
                yield self._unit(bytes(memoryview(waiting)[:size]), sent)
                del waiting[:size]
                sent += self._format.samples_per_frame
        if waiting:
            yield self._unit(bytes(waiting), sent)

    def _samples(self) -> Iterator[bytes]:
        while True:
            some = False
            for piece in self._one_pass():
                some = some or bool(piece)
                yield piece
            if not self._loop:
                if self._to_pcm is not None:
                    yield self._to_pcm.rest()
                return
            if not some:
                raise self._media.refuse("has no sound")

    def _one_pass(self) -> Iterator[bytes]:
        with self._media.demux() as container:
            stream = chosen_stream(self._media, container, AudioStream)
            if self._to_pcm is None:
                self._to_pcm = _ToPcm(self._media, self._format, stream)
            for frame in decoded(self._media, container, stream):
                yield self._to_pcm(frame)

    def _unit(self, block: bytes, sent: int) -> Unit:
        position = Fraction(sent, self._format.sample_rate)
        samples = len(block) // (self._format.channels * self._format.sample_size)

        def fill(payload: memoryview) -> int:
            payload[: len(block)] = block
            return len(block)

        return Unit(position, position, Fraction(samples, self._format.sample_rate), fill)


class _ToPcm:
    """Turns decoded sound into bytes of the connection's sample format; lives through all passes."""

    def __init__(self, media: Media, format: AudioFormat, stream: AudioStream) -> None:
        layout = _layout(media, stream, format.channels)
        self._encoder = cast("AudioCodecContext", av.CodecContext.create(format.sample_format, "w"))
        formats = self._encoder.codec.audio_formats or []
        self._encoder.sample_rate = format.sample_rate
        self._encoder.layout = layout
        self._encoder.format = formats[0].name
        self._encoder.time_base = Fraction(1, format.sample_rate)
        self._resampler = AudioResampler(formats[0].name, layout, format.sample_rate)

    def __call__(self, frame: AudioFrame) -> bytes:
        frame.pts = None
        return self._coded(self._resampler.resample(frame))

    def rest(self) -> bytes:
        """Return the samples that the resampler still holds."""
        return self._coded(self._resampler.resample(None))

    def _coded(self, frames: list[AudioFrame]) -> bytes:
        return b"".join(bytes(packet) for frame in frames for packet in self._encoder.encode(frame))


def _layout(media: Media, stream: AudioStream, channels: int) -> str:
    own = stream.layout
    if own.nb_channels == channels:
        return own.name
    if own.nb_channels not in LAYOUTS or channels not in LAYOUTS:
        raise media.refuse(f"has {own.nb_channels} channels, which cannot be mixed to the connection's {channels}")
    return LAYOUTS[channels]
