"""Pictures of a file, decoded and converted to the connection's format, on the connection's frame grid."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from fractions import Fraction
from functools import partial

from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from mediamesh_bridges.file.conversion import Conform
from mediamesh_bridges.file.media import Media, chosen_stream, decoded
from mediamesh_bridges.file.picture import packer
from mediamesh_bridges.file.timeline import VIDEO_CLOCK, Placed, Stamped, place_on_grid
from mediamesh_bridges.file.unit import Unit
from mediamesh_core.formats import VideoFormat


class VideoReader:
    """Plays a file as uncompressed video."""

    clock_rate = VIDEO_CLOCK

    def __init__(self, media: Media, format: VideoFormat, *, loop: bool) -> None:
        self._media = media
        self._format = format
        self._loop = loop
        self._conform = Conform(format)
        self._pack = packer(format)

    def units(self) -> Generator[Unit, None, None]:
        """Read pass after pass; each begins in the slot after the last picture of the one before."""
        slot = 0
        while True:
            first = slot
            for placed in self._one_pass(first):
                slot = placed.slot + 1
                yield self._unit(placed)
            if slot == first:
                raise self._media.refuse("has no pictures")
            if not self._loop:
                return

    def _one_pass(self, first_slot: int) -> Iterator[Placed[VideoFrame]]:
        with self._media.demux() as container:
            stream = chosen_stream(self._media, container, VideoStream)
            stream.thread_type = "SLICE" if self._media.live else "AUTO"  # frame threads hold back a picture each
            rate = stream.average_rate or self._format.frame_rate
            pictures = _stamped(decoded(self._media, container, stream), 1 / Fraction(rate))
            conforming = (Stamped(self._conform(each.picture), each.at, each.duration) for each in pictures)
            yield from place_on_grid(conforming, self._format.frame_rate, first_slot)

    def _unit(self, placed: Placed[VideoFrame]) -> Unit:
        position = placed.slot / self._format.frame_rate
        return Unit(position, position, self._format.frame_duration, partial(self._pack, placed.picture))


def _stamped(frames: Iterable[VideoFrame], usual: Fraction) -> Iterator[Stamped[VideoFrame]]:
    """Yield decoded pictures; where the file has no timestamp or duration, one follows from the frame rate."""
    expected = Fraction(0)
    for picture in frames:
        at, duration = expected, usual
        if picture.time_base is not None:
            at = expected if picture.pts is None else picture.pts * picture.time_base
            duration = picture.duration * picture.time_base if picture.duration else usual
        yield Stamped(picture, at, duration)
        expected = at + duration
