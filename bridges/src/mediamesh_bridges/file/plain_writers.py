"""Recordings that are only payloads, with a line of text in front or without: y4m and raw.

Both are written straight from the frame's memory and are complete after every frame. Neither has timestamps: a
missing picture is missing.
"""

from __future__ import annotations

from typing import BinaryIO

from mediamesh_bridges.errors import BadSetting
from mediamesh_bridges.file.recorded import Recorded
from mediamesh_core.formats import VideoFormat

_COLOUR_SPACES = {
    "yuv420p": "420jpeg",
    "yuv411p": "411",
    "yuv422p": "422",
    "yuv444p": "444",
    "yuva444p": "444alpha",
    "gray": "mono",
} | {
    f"{name}p{depth}le": f"{name[3:]}p{depth} XYSCSS={name[3:]}P{depth}"
    for name in ("yuv420", "yuv422", "yuv444")
    for depth in (9, 10, 12, 14, 16)
} | {f"gray{depth}le": f"mono{depth}" for depth in (10, 12, 16)}  # fmt: skip
_INTERLACE = {"": "p", "tff": "t", "bff": "b"}


class RawWriter:
    """Payloads, one after the other: elementary streams if they are encoded."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, recorded: Recorded) -> None:
        """Append a payload."""
        self._file.write(recorded.payload)

    def finish(self) -> None:
        """Nothing is missing."""


class Y4mWriter:
    """YUV4MPEG2: pictures of planar formats, byte for byte as the flow has them."""

    def __init__(self, file: BinaryIO, format: VideoFormat) -> None:
        self._file = file
        file.write(_stream_header(format))

    def write(self, recorded: Recorded) -> None:
        """Append a picture."""
        self._file.write(b"FRAME\n")
        self._file.write(recorded.payload)

    def finish(self) -> None:
        """Nothing is missing."""


def _stream_header(format: VideoFormat) -> bytes:
    if format.pixel_format not in _COLOUR_SPACES:
        planar = ", ".join(_COLOUR_SPACES)
        raise BadSetting(f"file.path: .y4m has no {format.pixel_format}, only {planar}; use .mkv or .raw")
    rate = format.frame_rate
    shape = f"W{format.width} H{format.height} F{rate.numerator}:{rate.denominator}"
    scan, colours = _INTERLACE[format.field_order], _COLOUR_SPACES[format.pixel_format]
    return f"YUV4MPEG2 {shape} I{scan} A1:1 C{colours}\n".encode("ascii")
