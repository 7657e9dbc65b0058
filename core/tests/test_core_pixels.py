"""The table of pixel formats against FFmpeg, which knows most of them, and against the standards for the rest."""

from fractions import Fraction
from itertools import pairwise

import av
import av.video.codeccontext
import numpy as np
import pytest

from mediamesh_core.formats import PIXEL_FORMATS, PixelFormat, Plane, VideoFormat

OF_FFMPEG = [row for row in PIXEL_FORMATS.values() if row.ffmpeg]
SIZES = [(720, 576), (50, 34), (51, 33), (1, 1)]
RATE = Fraction(25)
SAMPLES = {"Y": 40, "Cb": 80, "Cr": 160, "G": 40, "B": 80, "R": 160, "A": 255, "X": 255}
"""What a picture of one colour has in each component, in 8 bits."""


IN_HIGH_BITS = ("p0", "p2", "p4", "y2", "xv")
"""Names of the formats whose samples are in the high bits of 16."""


def video(name: str, width: int, height: int) -> VideoFormat:
    return VideoFormat(width, height, RATE, name)


def encoded(codec: str, frame: av.VideoFrame) -> bytes:
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, av.video.codeccontext.VideoCodecContext)
    context.width, context.height, context.time_base = frame.width, frame.height, 1 / RATE
    context.pix_fmt = frame.format.name
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def one_colour(row: PixelFormat, width: int, height: int) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, "gbrp" if row.sampling == "RGB" else "yuv444p")
    for plane, sample in zip(frame.planes, (40, 80, 160), strict=True):
        plane.update(bytes([sample]) * plane.buffer_size)
    return frame.reformat(format=row.name, threads=1)  # several of swscale's threads write into each other's rows


def seen(plane: Plane, payload: bytes) -> np.ndarray:
    """Look at a plane as its description says, and as the SDK does."""
    return np.frombuffer(payload, plane.dtype, count=plane.size // int(plane.dtype[-1]), offset=plane.offset).reshape(
        plane.shape
    )


def ids(row: PixelFormat) -> str:
    return row.name


@pytest.mark.parametrize("row", OF_FFMPEG, ids=ids)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_size_is_ffmpegs(row: PixelFormat, width: int, height: int) -> None:
    frame = av.VideoFrame(width, height, row.name)
    assert len(encoded("rawvideo", frame)) == video(row.name, width, height).capacity


@pytest.mark.parametrize("row", OF_FFMPEG, ids=ids)
def test_planes_are_where_ffmpeg_has_them(row: PixelFormat) -> None:
    frame = av.VideoFrame(51, 33, row.name)
    for number, plane in enumerate(frame.planes):
        plane.update(bytes([number + 1]) * plane.buffer_size)
    payload = encoded("rawvideo", frame)
    planes = video(row.name, 51, 33).planes
    assert len(planes) == len(frame.planes)
    for number, (ours, theirs) in enumerate(zip(planes, frame.planes, strict=True)):
        assert (ours.width, ours.height) == (theirs.width, theirs.height)
        assert set(payload[ours.offset : ours.offset + ours.size]) == {number + 1}


@pytest.mark.parametrize("row", OF_FFMPEG, ids=ids)
def test_depth_and_subsampling_are_ffmpegs(row: PixelFormat) -> None:
    names = {"RGB": "RGBA", "KEY": "Y"}.get(row.sampling, "YUVA")
    planes = video(row.name, 48, 32).planes
    for theirs, letter in zip(av.VideoFormat(row.name, 48, 32).components, names, strict=False):
        assert theirs.bits == row.depth
        assert {"U": "Cb", "V": "Cr"}.get(letter, letter) in planes[theirs.plane].components


@pytest.mark.parametrize("row", [row for row in OF_FFMPEG if row.sampling != "KEY"], ids=ids)
def test_components_lie_in_the_order_that_is_named(row: PixelFormat) -> None:
    payload = encoded("rawvideo", one_colour(row, 16, 8))
    for plane in video(row.name, 16, 8).planes:
        word = seen(plane, payload)[0].flat
        if plane.dtype == "<u4":
            samples = [int(word[0]) >> shift & 0x3FF for shift in (0, 10, 20)]
            names, depth = plane.components[:3], 10
        else:
            samples = [int(sample) for sample in word[: len(plane.components)]]
            names, depth = plane.components, 16 if row.name.startswith(IN_HIGH_BITS) else row.depth
        assert [round(sample * 2**8 / 2**depth) for sample in samples] == [
            pytest.approx(SAMPLES[name], abs=1) for name in names
        ]


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 720), (720, 576), (50, 50), (46, 2), (2, 2)])
def test_v210_is_what_the_encoder_writes(width: int, height: int) -> None:
    frame = av.VideoFrame(width, height, "yuv422p10le")
    assert len(encoded("v210", frame)) == video("v210", width, height).capacity


def test_v210_rows_are_whole_groups() -> None:
    (plane,) = video("v210", 1280, 720).planes
    assert plane.stride == 27 * 128
    assert plane.shape == (720, 27 * 32)


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (50, 50), (2, 2)])
def test_ten_bit_pixel_groups_are_what_the_bitpacked_encoder_writes(width: int, height: int) -> None:
    frame = av.VideoFrame(width, height, "yuv422p10le")
    assert len(encoded("bitpacked", frame)) == video("yuv422p10rfc4175", width, height).capacity


# Octets of a pixel group and the pixels in it: SMPTE ST 2110-20:2022, tables in section 6.2.
@pytest.mark.parametrize(
    ("name", "octets", "pixels"),
    [
        ("yuv422p8rfc4175", 4, 2),
        ("yuv422p10rfc4175", 5, 2),
        ("yuv422p12rfc4175", 6, 2),
        ("yuv422p16rfc4175", 8, 2),
        ("yuv444p8rfc4175", 3, 1),
        ("yuv444p10rfc4175", 15, 4),
        ("yuv444p12rfc4175", 9, 2),
        ("yuv444p16rfc4175", 6, 1),
        ("rgb8rfc4175", 3, 1),
        ("rgb10rfc4175", 15, 4),
        ("rgb12rfc4175", 9, 2),
        ("rgb16rfc4175", 6, 1),
        ("yuv420p8rfc4175", 6, 4),
        ("yuv420p10rfc4175", 15, 8),
        ("yuv420p12rfc4175", 9, 4),
        ("yuv420p16rfc4175", 12, 4),
        ("key8rfc4175", 1, 1),
        ("key10rfc4175", 5, 4),
        ("key12rfc4175", 3, 2),
        ("key16rfc4175", 2, 1),
    ],
)
def test_pixel_groups_are_the_standards(name: str, octets: int, pixels: int) -> None:
    assert video(name, 1920, 1080).capacity == 1920 * 1080 * octets // pixels


def test_every_pixel_group_format_is_in_that_list() -> None:
    assert sum(name.endswith("rfc4175") for name in PIXEL_FORMATS) == 20


def test_pixel_groups_of_420_span_two_lines() -> None:
    (plane,) = video("yuv420p8rfc4175", 64, 3).planes
    assert plane.stride == 32 * 6
    assert plane.shape == (2, 192)
    assert (plane.width, plane.height) == (64, 3)


@pytest.mark.parametrize("name", PIXEL_FORMATS)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_planes_fill_the_frame_and_views_fill_the_planes(name: str, width: int, height: int) -> None:
    picture = video(name, width, height)
    payload = bytes(picture.capacity)
    assert picture.planes[0].offset == 0
    for before, after in pairwise(picture.planes):
        assert after.offset == before.offset + before.size
    assert picture.planes[-1].offset + picture.planes[-1].size == picture.capacity
    for plane in picture.planes:
        view = seen(plane, payload)
        assert view.nbytes == plane.size
        assert view.strides[0] == plane.stride
        assert plane.size == plane.stride * plane.shape[0]


@pytest.mark.parametrize(
    ("name", "sampling"),
    [
        ("yuv420p", "YCbCr-4:2:0"),
        ("v210", "YCbCr-4:2:2"),
        ("yuv444p12le", "YCbCr-4:4:4"),
        ("bgra", "RGB"),
        ("gray", "KEY"),
    ],
)
def test_sampling_is_spelt_as_in_sdp(name: str, sampling: str) -> None:
    assert PIXEL_FORMATS[name].sampling == sampling


def test_contribution_video_finds_its_formats() -> None:
    planar = {f"yuv{digits}p{depth}" for digits in ("420", "422", "444") for depth in ("", "10le", "12le", "16le")}
    packed = {"uyvy422", "yuyv422", "v210", "y210le", "xv30le", "rgb24", "bgr24", "rgba", "bgra"}
    others = {"nv12", "nv16", "p010le", "p210le", "gbrp", "gbrp10le", "gbrp12le", "yuva444p10le"}
    grey = {"gray", "gray10le", "gray12le", "gray16le"}
    big_endian = {"yuv422p10be", "yuv420p16be", "rgb48be", "rgba64be", "gray16be", "gbrp12be"}
    assert planar | packed | others | grey | big_endian <= set(PIXEL_FORMATS)
