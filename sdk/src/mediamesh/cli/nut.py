"""NUT: uncompressed pictures of any kind for a pipe, described well enough that a player needs no options.

Y4M knows planar YCbCr only. FFmpeg's own container takes nearly every pixel format of FFmpeg uncompressed, is written
where nothing can seek, and costs a header for each picture. PyAV writes it.
"""

from __future__ import annotations

from fractions import Fraction
from importlib.util import find_spec
from typing import TYPE_CHECKING, BinaryIO, cast

from mediamesh.errors import UnsuitableFile
from mediamesh_core.formats import Format, VideoFormat

if TYPE_CHECKING:
    import av
    from av.container import OutputContainer

CODECS = {"v210": ("v210", "yuv422p10le")}
"""Pixel formats that are codecs to FFmpeg, and what their encoders want to be told."""
NAMELESS = frozenset(
    [
        "ayuv64le",
        "nv16",
        "nv20le",
        "nv24",
        "p010le",
        "p012le",
        "p016le",
        "p210le",
        "p212le",
        "p216le",
        "p410le",
        "p412le",
        "p416le",
        "vuyx",
        "x2bgr10le",
        "x2rgb10le",
        "xv36le",
        "y212le",
    ]
)
"""FFmpeg has no four letters for these in NUT: a player would take them for something else."""


def holds(format: Format) -> bool:
    """Return whether a stream of pictures in this format can be written here."""
    if not isinstance(format, VideoFormat) or format.pixel_format in NAMELESS or find_spec("av") is None:
        return False
    return format.pixels.ffmpeg or format.pixel_format in CODECS


def check(format: Format) -> None:
    """Raise UnsuitableFile if the format cannot be written."""
    if not holds(format):
        raise UnsuitableFile(
            "nut holds uncompressed video in most of FFmpeg's pixel formats, and needs PyAV; use --as raw"
        )


class NutWriter:
    """Writes pictures to a file or pipe."""

    def __init__(self, file: BinaryIO, format: VideoFormat) -> None:
        import av  # noqa: PLC0415  # an extra, and slow to import

        self._packet = av.Packet
        self._number = 0
        self._tick = 1 / format.frame_rate
        self._container: OutputContainer = av.open(file, "w", format="nut")
        codec, pixels = CODECS.get(format.pixel_format, ("rawvideo", format.pixel_format))
        self._stream = cast("av.VideoStream", self._container.add_stream(codec, rate=format.frame_rate))
        self._stream.width, self._stream.height, self._stream.pix_fmt = format.width, format.height, pixels

    def write(self, payload: memoryview) -> None:
        """Add a picture."""
        packet = self._packet(bytes(payload))
        packet.stream, packet.time_base = self._stream, Fraction(self._tick)
        packet.pts = packet.dts = self._number
        packet.is_keyframe = True
        self._container.mux_one(packet)
        self._number += 1

    def finish(self) -> None:
        """Write the end."""
        self._container.close()
