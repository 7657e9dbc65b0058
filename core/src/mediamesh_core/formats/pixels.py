"""Every pixel format, with the rules from which planes, strides and sizes follow.

This table is the only thing that knows how large a picture is. A plane is rows
of *groups*: `group_pixels` samples of `group_lines` lines occupy
`group_bytes` bytes, and a row is as many whole groups as it needs. That one rule covers

* planar formats (a group is one sample),
* interleaved ones (`rgb24`: one pixel in three bytes; `uyvy422`: two pixels in four),
* `v210`, whose 128-byte groups hold 48 pixels, as SMPTE users and FFmpeg's `v210` encoder lay them out,
* the pixel groups of RFC 4175 and SMPTE ST 2110-20, which for 4:2:0 span two lines.

Names are FFmpeg's where FFmpeg has one (`ffmpeg` is then true); `v210` is the
name of its codec, and the pixel groups are named as Media Communications Mesh
names them (`yuv422p10rfc4175`). A plane of a subsampled format is rounded up, as
FFmpeg rounds it. Samples of 10 or 12 bits in 16-bit words are in the low bits
(`yuv422p10le`, `nv20le`) or in the high bits (`p010le`, `y210le`, `xv36le`); the
planar ones and those of RGB have a twin in big-endian order (`yuv422p10be`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

Sampling = Literal["YCbCr-4:2:0", "YCbCr-4:2:2", "YCbCr-4:4:4", "YCbCr-4:1:1", "YCbCr-4:4:0", "RGB", "KEY"]
"""As the `sampling` parameter of SMPTE ST 2110-20 spells it; 4:1:1 as RFC 4175 does, 4:4:0 is in neither.

One component alone is a KEY signal.
"""


@dataclass(frozen=True, slots=True)
class PlaneRule:
    """How one plane follows from the width and the height of the picture."""

    components: tuple[str, ...]
    dtype: str = "u1"
    group_bytes: int = 1
    group_pixels: int = 1
    group_lines: int = 1
    columns_per_sample: int = 1
    lines_per_sample: int = 1
    channels: int = 1
    """Items in the last dimension of the array; 1: the array has two dimensions."""


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """One row of the table."""

    name: str
    sampling: Sampling
    depth: int
    """Significant bits of a sample."""
    ffmpeg: bool
    """FFmpeg has an uncompressed pixel format of this name and this layout."""
    planes: tuple[PlaneRule, ...]


_SUBSAMPLING: dict[Sampling, tuple[int, int]] = {
    "YCbCr-4:2:0": (2, 2),
    "YCbCr-4:2:2": (2, 1),
    "YCbCr-4:4:4": (1, 1),
    "YCbCr-4:1:1": (4, 1),
    "YCbCr-4:4:0": (1, 2),
}
_PREFIXES: dict[str, Sampling] = {"420": "YCbCr-4:2:0", "422": "YCbCr-4:2:2", "444": "YCbCr-4:4:4"}


def _word(depth: int) -> tuple[str, int]:
    return ("u1", 1) if depth == 8 else ("<u2", 2)


def _suffix(depth: int) -> str:
    return "" if depth == 8 else f"{depth}le"


def _planar(name: str, sampling: Sampling, depth: int, components: str) -> PixelFormat:
    """One plane for each component; Cb and Cr subsampled."""
    dtype, size = _word(depth)
    names = {"U": "Cb", "V": "Cr"}
    columns, lines = _SUBSAMPLING.get(sampling, (1, 1))
    chroma = {"columns_per_sample": columns, "lines_per_sample": lines}
    planes = tuple(PlaneRule((names.get(c, c),), dtype, size, **(chroma if c in names else {})) for c in components)
    return PixelFormat(name, sampling, depth, ffmpeg=True, planes=planes)


def _semi_planar(name: str, sampling: Sampling, depth: int, chroma: tuple[str, str] = ("Cb", "Cr")) -> PixelFormat:
    """A plane of Y and a plane of Cb and Cr in turn."""
    dtype, size = _word(depth)
    columns, lines = _SUBSAMPLING[sampling]
    pairs = PlaneRule(chroma, dtype, 2 * size, columns_per_sample=columns, lines_per_sample=lines, channels=2)
    return PixelFormat(name, sampling, depth, ffmpeg=True, planes=(PlaneRule(("Y",), dtype, size), pairs))


def _pixels(name: str, sampling: Sampling, depth: int, *components: str) -> PixelFormat:
    """One plane, all components of a pixel side by side, each in its own word."""
    dtype, size = _word(depth)
    count = len(components)
    rule = PlaneRule(components, dtype, count * size, channels=count)
    return PixelFormat(name, sampling, depth, ffmpeg=True, planes=(rule,))


def _pairs(name: str, depth: int, *components: str) -> PixelFormat:
    """One plane of 4:2:2: two pixels in four words; seen as (rows, pixels, 2), luma beside Cb and Cr in turn."""
    dtype, size = _word(depth)
    rule = PlaneRule(components, dtype, 4 * size, group_pixels=2, channels=2)
    return PixelFormat(name, "YCbCr-4:2:2", depth, ffmpeg=True, planes=(rule,))


def _words(name: str, sampling: Sampling, *components: str) -> PixelFormat:
    """One plane, a pixel of 10-bit samples in one 32-bit word, first component in the lowest bits."""
    rule = PlaneRule(components, "<u4", 4)
    return PixelFormat(name, sampling, 10, ffmpeg=True, planes=(rule,))


def _pgroup(name: str, sampling: Sampling, depth: int, group: tuple[int, int, int], *components: str) -> PixelFormat:
    """One plane of pixel groups (bytes, pixels of a line, lines), bits packed big-endian."""
    size, pixels, lines = group
    rule = PlaneRule(components, group_bytes=size, group_pixels=pixels, group_lines=lines)
    return PixelFormat(name, sampling, depth, ffmpeg=False, planes=(rule,))


def _planar_formats() -> Iterator[PixelFormat]:
    for digits, sampling in _PREFIXES.items():
        for depth in (8, 9, 10, 12, 14, 16):
            yield _planar(f"yuv{digits}p{_suffix(depth)}", sampling, depth, "YUV")
    for digits, sampling in _PREFIXES.items():
        for depth in (8, 10, 12, 16):
            if (digits, depth) != ("420", 12):
                yield _planar(f"yuva{digits}p{_suffix(depth)}", sampling, depth, "YUVA")
    yield _planar("yuv411p", "YCbCr-4:1:1", 8, "YUV")
    yield _planar("yuv440p", "YCbCr-4:4:0", 8, "YUV")
    for depth in (8, 10, 12, 14, 16):
        yield _planar(f"gbrp{_suffix(depth)}", "RGB", depth, "GBR")
    for depth in (8, 10, 12, 16):
        yield _planar(f"gbrap{_suffix(depth)}", "RGB", depth, "GBRA")
    for depth in (8, 10, 12, 14, 16):
        yield _planar(f"gray{_suffix(depth)}", "KEY", depth, "Y")


def _semi_planar_formats() -> Iterator[PixelFormat]:
    yield _semi_planar("nv12", "YCbCr-4:2:0", 8)
    yield _semi_planar("nv21", "YCbCr-4:2:0", 8, ("Cr", "Cb"))
    yield _semi_planar("nv16", "YCbCr-4:2:2", 8)
    yield _semi_planar("nv24", "YCbCr-4:4:4", 8)
    yield _semi_planar("nv20le", "YCbCr-4:2:2", 10)
    for letter, sampling in zip("024", _PREFIXES.values(), strict=True):
        for depth in (10, 12, 16):
            yield _semi_planar(f"p{letter}{depth}le", sampling, depth)


def _packed_yuv_formats() -> Iterator[PixelFormat]:
    yield _pairs("uyvy422", 8, "Cb", "Y", "Cr", "Y")
    yield _pairs("yuyv422", 8, "Y", "Cb", "Y", "Cr")
    yield _pairs("yvyu422", 8, "Y", "Cr", "Y", "Cb")
    for depth in (10, 12, 16):
        yield _pairs(f"y2{depth}le", depth, "Y", "Cb", "Y", "Cr")
    v210 = PlaneRule(("Cb", "Y", "Cr", "Y"), "<u4", group_bytes=128, group_pixels=48)
    yield PixelFormat("v210", "YCbCr-4:2:2", 10, ffmpeg=False, planes=(v210,))
    yield _words("xv30le", "YCbCr-4:4:4", "Cb", "Y", "Cr", "X")
    yield _pixels("xv36le", "YCbCr-4:4:4", 12, "Cb", "Y", "Cr", "X")
    yield _pixels("xv48le", "YCbCr-4:4:4", 16, "Cb", "Y", "Cr", "X")
    yield _pixels("vuyx", "YCbCr-4:4:4", 8, "Cr", "Cb", "Y", "X")
    yield _pixels("vuya", "YCbCr-4:4:4", 8, "Cr", "Cb", "Y", "A")
    yield _pixels("ayuv64le", "YCbCr-4:4:4", 16, "A", "Y", "Cb", "Cr")


def _packed_rgb_formats() -> Iterator[PixelFormat]:
    for name in ("rgb24", "bgr24", "rgba", "bgra", "argb", "abgr", "rgb0", "bgr0", "0rgb", "0bgr"):
        components = (letter.upper() for letter in name.removesuffix("24").replace("0", "x"))
        yield _pixels(name, "RGB", 8, *components)
    for name in ("rgb48le", "bgr48le", "rgba64le", "bgra64le"):
        yield _pixels(name, "RGB", 16, *name[:-4].upper())
    yield _words("x2rgb10le", "RGB", "B", "G", "R", "X")
    yield _words("x2bgr10le", "RGB", "R", "G", "B", "X")


def _big_endian_formats() -> Iterator[PixelFormat]:
    """The planar and RGB formats of 16-bit words once more, with the other order of bytes.

    Of the others FFmpeg has the names, but neither converts all of them nor puts them into files.
    """
    for rows in (_planar_formats, _packed_rgb_formats):
        for row in rows():
            if row.planes[0].dtype == "<u2":
                planes = tuple(replace(plane, dtype=">u2") for plane in row.planes)
                yield replace(row, name=f"{row.name.removesuffix('le')}be", planes=planes)


# SMPTE ST 2110-20:2022, section 6.2 (tables of pixel group construction), and RFC 4175, section 4.3, which alone has
# 4:2:0 in 16 bits. A group is the fewest samples that fill whole octets.
_PGROUPS_422 = {8: (4, 2, 1), 10: (5, 2, 1), 12: (6, 2, 1), 16: (8, 2, 1)}
_PGROUPS_444 = {8: (3, 1, 1), 10: (15, 4, 1), 12: (9, 2, 1), 16: (6, 1, 1)}
_PGROUPS_420 = {8: (6, 2, 2), 10: (15, 4, 2), 12: (9, 2, 2), 16: (12, 2, 2)}
_PGROUPS_KEY = {8: (1, 1, 1), 10: (5, 4, 1), 12: (3, 2, 1), 16: (2, 1, 1)}


def _pgroup_formats() -> Iterator[PixelFormat]:
    for depth, group in _PGROUPS_422.items():
        yield _pgroup(f"yuv422p{depth}rfc4175", "YCbCr-4:2:2", depth, group, "Cb", "Y", "Cr", "Y")
    for depth, group in _PGROUPS_444.items():
        yield _pgroup(f"yuv444p{depth}rfc4175", "YCbCr-4:4:4", depth, group, "Cb", "Y", "Cr")
    for depth, group in _PGROUPS_444.items():
        yield _pgroup(f"rgb{depth}rfc4175", "RGB", depth, group, "R", "G", "B")
    for depth, group in _PGROUPS_420.items():
        yield _pgroup(f"yuv420p{depth}rfc4175", "YCbCr-4:2:0", depth, group, "Y", "Y", "Y", "Y", "Cb", "Cr")
    for depth, group in _PGROUPS_KEY.items():
        yield _pgroup(f"key{depth}rfc4175", "KEY", depth, group, "Y")


PIXEL_FORMATS: dict[str, PixelFormat] = {
    row.name: row
    for rows in (
        _planar_formats,
        _semi_planar_formats,
        _packed_yuv_formats,
        _packed_rgb_formats,
        _big_endian_formats,
        _pgroup_formats,
    )
    for row in rows()
}
"""By name, in the order of the families above."""
