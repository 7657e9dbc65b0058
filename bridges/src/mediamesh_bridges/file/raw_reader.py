"""A file that is nothing but payloads, one after the other, as the recorder writes with the suffix `.raw`."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction
from functools import partial
from io import FileIO
from os import SEEK_END

from mediamesh_bridges.file.media import MediaPath
from mediamesh_bridges.file.timeline import VIDEO_CLOCK
from mediamesh_bridges.file.unit import Unit
from mediamesh_core.formats import AudioFormat, VideoFormat


class RawReader:
    """Plays payloads, read by the kernel straight into the frames."""

    def __init__(self, media: MediaPath, format: VideoFormat | AudioFormat, *, loop: bool) -> None:
        self._media = media
        self._format = format
        self._loop = loop

    @property
    def clock_rate(self) -> int:
        """90 kHz, or the sample rate."""
        return self._format.sample_rate if isinstance(self._format, AudioFormat) else VIDEO_CLOCK

    def units(self) -> Generator[Unit, None, None]:
        """Yield the whole payloads of the file; a rest at its end that is none is left out."""
        size, duration = self._format.capacity, self._format.frame_duration
        with self._media.open() as file:
            frames = file.seek(0, SEEK_END) // size
            if not frames:
                raise self._media.refuse(f"has less than the {size} bytes of one frame")
            number = 0
            while self._loop or number < frames:
                position = number * Fraction(duration)
                yield Unit(position, position, duration, partial(self._fill, file, number % frames))
                number += 1

    def _fill(self, file: FileIO, index: int, payload: memoryview) -> int:
        size = self._format.capacity
        file.seek(index * size)
        filled = 0
        while filled < size:
            count = file.readinto(payload[filled:size])
            if not count:
                raise self._media.refuse("became shorter while it was played")
            filled += count
        return size
