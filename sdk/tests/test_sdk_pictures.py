from fractions import Fraction

import av
import numpy as np
import pytest

from mediamesh.cli import pattern, pixelgroups
from mediamesh.cli.picture import to_rgb
from mediamesh.errors import UnsuitableFile
from mediamesh_core.formats import PIXEL_FORMATS, BlobFormat, VideoFormat

GROUPS = sorted(name for name in PIXEL_FORMATS if "rfc4175" in name)


def picture(pixels: str, width: int = 48, height: int = 4) -> VideoFormat:
    return VideoFormat(width, height, "25", pixels)  # type: ignore[arg-type]


@pytest.mark.parametrize("pixels", sorted(PIXEL_FORMATS))
@pytest.mark.parametrize(("width", "height"), [(48, 4), (50, 6)])
def test_every_pixel_format_becomes_rgb(pixels: str, width: int, height: int) -> None:
    format = picture(pixels, width, height)
    rgb, *size = to_rgb(memoryview(bytes(format.capacity)), format)
    assert (len(rgb), *size) == (3 * width * height, width, height)


@pytest.mark.parametrize("pixels", GROUPS)
def test_groups_are_taken_apart(pixels: str) -> None:
    """Every sample gets a value of its own; the groups are written here bit by bit."""
    format = picture(pixels)
    depth, rule = format.pixels.depth, format.pixels.planes[0]
    rng = np.random.default_rng(depth)
    count = 8 * format.capacity // depth
    samples = rng.integers(0, 1 << depth, count)
    bits = "".join(f"{sample:0{depth}b}" for sample in samples)
    payload = int(bits, 2).to_bytes(format.capacity, "big")
    planes = pixelgroups.planes(memoryview(payload), format)
    dtype = "u1" if depth == 8 else "<u2"
    arrays = [np.frombuffer(rows, dtype).reshape(-1, stride // np.dtype(dtype).itemsize) for rows, stride in planes]
    assert sum(array.size for array in arrays) == count
    assert sorted(value for array in arrays for value in array.reshape(-1).tolist()) == sorted(samples.tolist())
    first = dict(zip(rule.components, samples.tolist(), strict=False))
    names = {"rgb": "GBR", "key": "Y"}.get(pixels[:3], ("Y", "Cb", "Cr"))
    for name, array in zip(names[1:], arrays[1:], strict=True):
        assert array[0, 0] == first[name]
    if rule.group_lines == 2:
        assert arrays[0][:2, :2].reshape(-1).tolist() == samples[:4].tolist()


def test_colours_come_out_right() -> None:
    grey = bytes([128, 180, 128, 180]) * 24
    rgb, *_ = to_rgb(memoryview(grey), picture("yuv422p8rfc4175", 48, 1))
    assert 188 <= min(rgb) <= max(rgb) <= 193
    red, *_ = to_rgb(memoryview(bytes([255, 0, 0]) * 48), picture("rgb8rfc4175", 48, 1))
    assert red == bytes([255, 0, 0]) * 48


@pytest.mark.parametrize(("height", "green"), [(576, (145, 54, 34)), (720, (173, 42, 26))])
def test_the_matrix_follows_the_height(height: int, green: tuple[int, int, int]) -> None:
    luma, blue, red = green
    format = picture("yuv444p", 16, height)
    payload = b"".join(bytes([value]) * (16 * height) for value in (luma, blue, red))
    rgb, *_ = to_rgb(memoryview(payload), format)
    assert rgb[0] < 8
    assert rgb[1] > 245
    assert rgb[2] < 8


def test_only_pictures_become_pictures() -> None:
    with pytest.raises(UnsuitableFile, match="uncompressed video"):
        to_rgb(memoryview(b""), BlobFormat(1))


BARS = ((191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191), (0, 0, 0))


def colours(pixels: str, width: int) -> list[tuple[int, ...]]:
    """What FFmpeg sees in the middle of each bar, beside the lowest edge."""
    format = picture(pixels, width, 720)  # from 720 lines on YCbCr is BT.709, as the bars are
    data = pattern.payload("bars", format)
    assert len(data) == format.capacity
    rgb, *_ = to_rgb(memoryview(data), format)
    row = 3 * width * 719
    places = [row + 3 * (width * (2 * bar + 1) // 16) for bar in range(8)]
    return [tuple(rgb[place : place + 3]) for place in places]


@pytest.mark.parametrize("pixels", sorted(PIXEL_FORMATS))
@pytest.mark.parametrize("width", [192, 200])
def test_ffmpeg_sees_bars_in_every_pixel_format(pixels: str, width: int) -> None:
    expected: tuple[tuple[int, ...], ...] = BARS
    if PIXEL_FORMATS[pixels].sampling == "KEY":
        lumas = (0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in BARS)
        expected = tuple((round(16 + 219 / 255 * luma),) * 3 for luma in lumas)  # FFmpeg takes grey as it is
    for seen, wanted in zip(colours(pixels, width), expected, strict=True):
        assert all(abs(one - other) <= 3 for one, other in zip(seen, wanted, strict=True)), (seen, wanted)


def test_v210_bars_are_what_ffmpeg_makes_of_planar_ones() -> None:
    planar, packed = picture("yuv422p10le", 96, 4), picture("v210", 96, 4)
    source = av.VideoFrame(96, 4, "yuv422p10le")
    data = pattern.payload("bars", planar)
    for target, plane in zip(source.planes, planar.planes, strict=True):
        rows = np.frombuffer(data, np.uint8)[plane.offset :][: plane.size].reshape(4, plane.stride)
        padded = np.zeros((4, target.line_size), np.uint8)
        padded[:, : plane.stride] = rows
        target.update(padded.tobytes())
    encoder = av.CodecContext.create("v210", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 96, 4, "yuv422p10le", Fraction(1, 25)
    (packet,) = encoder.encode(source)
    assert bytes(packet) == pattern.payload("bars", packed)
