"""RFC 4175 / SMPTE ST 2110-20 pixel groups taken apart into planes, as FFmpeg knows them.

A group is a string of bits: samples of equal depth, most significant bit first, in the order of the components. For
4:2:0 it covers two lines. One picture takes some tenths of a second, which is enough for looking at one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from mediamesh_core.formats import VideoFormat
from mediamesh_core.formats.pixels import PlaneRule

_SUBSAMPLED = {"YCbCr-4:2:2": 2, "YCbCr-4:4:4": 1, "YCbCr-4:2:0": 2}
_FAMILIES = {
    "YCbCr-4:2:2": ("yuv422p", ("Y", "Cb", "Cr")),
    "YCbCr-4:4:4": ("yuv444p", ("Y", "Cb", "Cr")),
    "YCbCr-4:2:0": ("yuv420p", ("Y", "Cb", "Cr")),
    "RGB": ("gbrp", ("G", "B", "R")),
    "KEY": ("gray", ("Y",)),
}


def planar_name(format: VideoFormat) -> str:
    """Return FFmpeg's planar pixel format of the same samples."""
    family, _ = _FAMILIES[format.pixels.sampling]
    return family if format.pixels.depth == 8 else f"{family}{format.pixels.depth}le"


def planes(payload: memoryview, format: VideoFormat) -> list[tuple[bytes, int]]:
    """Return each plane's rows without padding, and the bytes of a row."""
    (plane,), (rule,) = format.planes, format.pixels.planes
    _, names = _FAMILIES[format.pixels.sampling]
    found: dict[str, list[bytes]] = {name: [] for name in names}
    for start in range(0, plane.size, plane.stride):
        samples = _samples(payload[start : start + plane.stride], rule, format.pixels.depth)
        for name, row in _rows(samples, rule):
            found[name].append(_packed(row[: _width(name, format)], format.pixels.depth))
    heights = {name: format.height if name == "Y" or rule.group_lines == 1 else len(found[name]) for name in names}
    return [(b"".join(found[name][: heights[name]]), len(found[name][0])) for name in names]


def _samples(row: memoryview, rule: PlaneRule, depth: int) -> list[int]:
    size = rule.group_bytes
    shifts = range(8 * size - depth, -1, -depth)
    mask = (1 << depth) - 1
    groups = (int.from_bytes(row[at : at + size], "big") for at in range(0, len(row), size))
    return [group >> shift & mask for group in groups for shift in shifts]


def _rows(samples: Sequence[int], rule: PlaneRule) -> Iterator[tuple[str, Sequence[int]]]:
    """Yield rows of one component each, top to bottom."""
    columns = [samples[index :: len(rule.components)] for index in range(len(rule.components))]
    if rule.group_lines == 2:
        upper_left, upper_right, lower_left, lower_right, blue, red = columns
        yield "Y", _woven(upper_left, upper_right)
        yield "Y", _woven(lower_left, lower_right)
        yield from (("Cb", blue), ("Cr", red))
        return
    for name in dict.fromkeys(rule.components):
        of_name = [column for column, component in zip(columns, rule.components, strict=True) if component == name]
        yield name, _woven(*of_name) if len(of_name) == 2 else of_name[0]


def _woven(even: Sequence[int], odd: Sequence[int]) -> list[int]:
    return [sample for pair in zip(even, odd, strict=True) for sample in pair]


def _width(name: str, format: VideoFormat) -> int:
    step = _SUBSAMPLED[format.pixels.sampling] if name in {"Cb", "Cr"} else 1
    return -(-format.width // step)


def _packed(row: Sequence[int], depth: int) -> bytes:
    return bytes(row) if depth == 8 else struct.pack(f"<{len(row)}H", *row)
