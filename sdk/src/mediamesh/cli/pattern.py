"""Test pictures, made from the table of planes alone: no library, any size, most pixel formats.

Bars are those of EBU 75/0/75/0 (ITU-R BT.471): grey, yellow, cyan, green, magenta, red, blue, black.
"""

from __future__ import annotations

import struct

from mediamesh.errors import UnsuitableFile
from mediamesh_core.formats import Format, Plane, VideoFormat

PATTERNS = ("bars",)
_COLOURS = ((1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0))
_SATURATION = 0.75


def payload(name: str, format: Format) -> bytes:
    """Return one picture; raises UnsuitableFile where there is none for the format."""
    if name not in PATTERNS or not isinstance(format, VideoFormat):
        raise UnsuitableFile(f"pattern {name} is for video connections")
    planes, rules = format.planes, format.pixels.planes
    return b"".join(_plane(plane, format, rule.group_bytes) for plane, rule in zip(planes, rules, strict=True))


def _plane(plane: Plane, format: VideoFormat, group_bytes: int) -> bytes:
    item = int(plane.dtype[-1])
    if group_bytes != len(plane.components) * item or item > 2:
        raise UnsuitableFile(f"there is no pattern for {format.pixel_format}, whose samples are no bytes; send a file")
    shift = _shift(plane, format)
    groups = plane.stride // group_bytes
    values = [
        _value(component, group * len(_COLOURS) // groups, format) << shift
        for group in range(groups)
        for component in plane.components
    ]
    order = ">" if plane.dtype[0] == ">" else "<"
    return struct.pack(f"{order}{len(values)}{'BH'[item - 1]}", *values) * plane.shape[0]


def _shift(plane: Plane, format: VideoFormat) -> int:
    """Bits below a sample that is kept in the high bits of its word."""
    high = format.pixel_format.startswith(("p0", "p2", "p4", "y21", "xv"))
    return 8 * int(plane.dtype[-1]) - format.pixels.depth if high else 0


def _value(component: str, bar: int, format: VideoFormat) -> int:
    red, green, blue = (_SATURATION * part for part in _COLOURS[bar])
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    most = (1 << format.pixels.depth) - 1
    unit = 1 << (format.pixels.depth - 8)
    level = {"Y": (16 + 219 * luma) * unit, "Cb": (128 + 224 * (blue - luma) / 1.8556) * unit}
    level |= {"Cr": (128 + 224 * (red - luma) / 1.5748) * unit, "R": red * most, "G": green * most, "B": blue * most}
    return min(round(level.get(component, most)), most)
