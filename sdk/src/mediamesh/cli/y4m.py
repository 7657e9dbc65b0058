"""YUV4MPEG2: a line that describes the pictures, then each picture behind a line of its own.

The payload of a planar connection is byte for byte what Y4M holds, so nothing is converted here: other pixel
formats are refused with the way out. Names of colour spaces are those of FFmpeg's and mjpegtools' readers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from mediamesh.errors import UnsuitableFile
from mediamesh_core.formats import Format, VideoFormat

LONGEST_LINE = 1024
MARK = b"FRAME\n"
SPACES = {
    "yuv420p": "420jpeg",
    "yuv411p": "411",
    "yuv422p": "422",
    "yuv444p": "444",
    "yuva444p": "444alpha",
    "gray": "mono",
} | {
    f"{ours}{depth}le": f"{theirs}{depth}"
    for ours, theirs in (("yuv420p", "420p"), ("yuv422p", "422p"), ("yuv444p", "444p"), ("gray", "mono"))
    for depth in (9, 10, 12, 14, 16)
}
ALIASES = {"420": "420jpeg", "420mpeg2": "420jpeg", "420paldv": "420jpeg"}


def space_of(format: Format) -> tuple[VideoFormat, str]:
    """Return the format and its name in Y4M; raises UnsuitableFile."""
    if not isinstance(format, VideoFormat):
        raise UnsuitableFile("y4m holds uncompressed video only; this connection carries something else, use .raw")
    space = SPACES.get(format.pixel_format)
    if space is None:
        raise UnsuitableFile(f"y4m cannot hold {format.pixel_format}; use .raw, or .mkv which converts")
    return format, space


def header(format: Format) -> bytes:
    """Return the first line."""
    video, space = space_of(format)
    rate = video.frame_rate
    interlace = {"": "p", "tff": "t", "bff": "b"}[video.field_order]
    size = f"W{video.width} H{video.height} F{rate.numerator}:{rate.denominator}"
    return f"YUV4MPEG2 {size} I{interlace} A1:1 C{space}\n".encode()


def pictures(file: BinaryIO, format: Format) -> Iterator[bytes]:
    """Yield the pictures of a stream that fits the format."""
    video, space = space_of(format)
    _check(_line(file), video, space)
    while mark := _line(file):
        if not mark.startswith(b"FRAME"):
            raise UnsuitableFile("this is no y4m stream: a picture does not begin with FRAME")
        picture = file.read(video.capacity)
        if len(picture) < video.capacity:
            return
        yield picture


def _line(file: BinaryIO) -> bytes:
    line = file.readline(LONGEST_LINE)
    if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
        raise UnsuitableFile(f"this is no y4m stream: a line is longer than {LONGEST_LINE} bytes")
    return line


def _check(line: bytes, video: VideoFormat, space: str) -> None:
    words = line.decode("ascii", "replace").split()
    if not words or words[0] != "YUV4MPEG2":
        raise UnsuitableFile("this is no y4m stream: it does not begin with YUV4MPEG2")
    said = {word[0]: word[1:] for word in words[1:]}
    colours = said.get("C", "420jpeg")
    theirs = (said.get("W"), said.get("H"), ALIASES.get(colours, colours))
    if theirs != (str(video.width), str(video.height), space):
        mine = f"{video.width}x{video.height} {space}"
        stream = f"{theirs[0]}x{theirs[1]} {theirs[2]}"
        raise UnsuitableFile(f"the stream has {stream}, the connection {mine}; convert it, for example by ffmpeg")
