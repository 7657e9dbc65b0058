"""Test pictures, made from the table of planes alone: no library, any size, every pixel format.

Bars are those of EBU 75/0/75/0 (ITU-R BT.471): grey, yellow, cyan, green, magenta, red, blue, black. A row is made of
pieces, each of one bar: the groups of the table, or an eighth of a `v210` group, which has 48 pixels only to be padded.
A piece holds samples in one of three ways: each in a word of its own, three in a word of 32 bits from its
lowest bit on, or side by side from the highest bit on, as RFC 4175 has it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from mediamesh.errors import UnsuitableFile
from mediamesh_core.formats import Format, Plane, VideoFormat
from mediamesh_core.formats.pixels import PlaneRule

PATTERNS = ("bars",)
_COLOURS = ((1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0))
_SATURATION = 0.75
_V210_BYTES, _V210_PIXELS = 16, 6


def payload(name: str, format: Format) -> bytes:
    """Return one picture; raises UnsuitableFile where there is none for the format."""
    if name not in PATTERNS or not isinstance(format, VideoFormat):
        raise UnsuitableFile(f"pattern {name} is for video connections")
    return b"".join(_plane(*each, format) for each in zip(format.planes, format.pixels.planes, strict=True))


def _plane(plane: Plane, rule: PlaneRule, format: VideoFormat) -> bytes:
    size, pixels = rule.group_bytes, rule.group_pixels
    if format.pixel_format == "v210":
        size, pixels = _V210_BYTES, _V210_PIXELS
    bars = [_piece(rule, format, bar, size) for bar in range(len(_COLOURS))]
    across = -(-format.width // (pixels * rule.columns_per_sample))
    row = (bars[min(piece * len(bars) // across, len(bars) - 1)] for piece in range(plane.stride // size))
    return b"".join(row) * (plane.size // plane.stride)


def _piece(rule: PlaneRule, format: VideoFormat, bar: int, size: int) -> bytes:
    values = [_value(component, bar, format) for component in rule.components]
    if rule.dtype == "<u4":
        return _threes([value for value, name in zip(values, rule.components, strict=True) if name != "X"], size)
    if not format.pixels.ffmpeg:
        return _bits(values, format.pixels.depth, size)
    item, shift = int(rule.dtype[-1]), _shift(rule, format)
    order = ">" if rule.dtype[0] == ">" else "<"
    return struct.pack(f"{order}{len(values)}{'BH'[item - 1]}", *(value << shift for value in values))


def _threes(values: Sequence[int], size: int) -> bytes:
    """Put samples of 10 bits into 32-bit words; the two bits that are left mean nothing."""
    samples = [values[number % len(values)] for number in range(size // 4 * 3)]
    words = [low | middle << 10 | high << 20 for low, middle, high in zip(*(iter(samples),) * 3, strict=True)]
    return struct.pack(f"<{len(words)}I", *words)


def _bits(values: Sequence[int], depth: int, size: int) -> bytes:
    """Put samples side by side, first at the top, as often as the group has room for them."""
    packed = 0
    for number in range(8 * size // depth):
        packed = packed << depth | values[number % len(values)]
    return packed.to_bytes(size, "big")


def _shift(rule: PlaneRule, format: VideoFormat) -> int:
    """Bits below a sample that is kept in the high bits of its word."""
    high = format.pixel_format.startswith(("p0", "p2", "p4", "y21", "xv"))
    return 8 * int(rule.dtype[-1]) - format.pixels.depth if high else 0


def _value(component: str, bar: int, format: VideoFormat) -> int:
    red, green, blue = (_SATURATION * part for part in _COLOURS[bar])
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    most = (1 << format.pixels.depth) - 1
    unit = 1 << (format.pixels.depth - 8)
    level = {"Y": (16 + 219 * luma) * unit, "Cb": (128 + 224 * (blue - luma) / 1.8556) * unit}
    level |= {"Cr": (128 + 224 * (red - luma) / 1.5748) * unit, "R": red * most, "G": green * most, "B": blue * most}
    return min(round(level.get(component, most)), most)
