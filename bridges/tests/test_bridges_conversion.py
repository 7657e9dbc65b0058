"""The same picture is converted to the same bytes every time, whatever room its rows leave behind them."""

from fractions import Fraction

import pytest
from bridge_doubles import picture

from mediamesh_bridges.file.conversion import Conform, Conversion
from mediamesh_bridges.file.picture import packer, unpacker
from mediamesh_core.formats import VideoFormat

TIMES = 300
"""Where swscale's threads write into each other's rows, one picture in two to one in a thousand is altered."""


def conformed(source: str, format: VideoFormat) -> set[bytes]:
    """Convert one picture again and again and return all payloads that came of it."""
    original, conform, pack = picture(format.width, format.height, source, 1), Conform(format), packer(format)
    memory, found = bytearray(format.capacity), set()
    for _ in range(TIMES):
        pack(conform(original), memoryview(memory))
        found.add(bytes(memory))
    return found


@pytest.mark.parametrize("width", [34, 50])  # rows that lines of a multiple of 16 bytes do not leave 16 bytes
@pytest.mark.parametrize(
    ("source", "pixels"),
    [
        ("yuva420p", "bgra"),
        ("yuv420p10le", "bgra"),
        ("yuyv422", "bgra"),
        ("yuv422p", "yuyv422"),
        ("yuv422p", "uyvy422"),
    ],
)
def test_a_picture_is_converted_to_the_same_bytes_every_time(source: str, pixels: str, width: int) -> None:
    assert len(conformed(source, VideoFormat(width, 34, Fraction(25), pixels))) == 1


@pytest.mark.parametrize("pixels", ["uyvy422", "yuyv422"])
def test_packed_pictures_come_back_from_their_planes(pixels: str) -> None:
    format = VideoFormat(50, 34, Fraction(25), pixels)
    sent, received = bytearray(format.capacity), bytearray(format.capacity)
    packer(format)(picture(50, 34, pixels, 1), memoryview(sent))
    record, play = Conversion("yuv422p"), Conversion(pixels)
    for _ in range(TIMES):
        packer(format)(play(record(unpacker(format)(memoryview(sent)))), memoryview(received))
        assert received == sent
