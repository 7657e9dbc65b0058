"""Uncompressed video: one frame is one picture.

An interlaced picture holds both fields, line by line in turn, as FFmpeg keeps
them; `field_order` says which field is earlier. `psf` is a progressive picture that is *carried* as
two segments. The frame rate counts pictures in every case.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Self

from mediamesh_core.formats.fields import MAX_BYTES, Fields, FormatError, check_choice, check_integer
from mediamesh_core.formats.pixels import PIXEL_FORMATS, PixelFormat, PlaneRule
from mediamesh_core.formats.plane import Plane
from mediamesh_core.formats.rates import exact_rate, rate_text

SCANS = ("progressive", "interlaced", "psf")
FIELD_ORDERS = ("tff", "bff")
COLORIMETRIES = (
    "BT601",
    "BT709",
    "BT2020",
    "BT2100",
    "ST2065-1",
    "ST2065-3",
    "XYZ",
    "ALPHA",
    "UNSPECIFIED",
)
"""SMPTE ST 2110-20, section 7.5."""
TRANSFER_CHARACTERISTICS = (
    "SDR",
    "PQ",
    "HLG",
    "LINEAR",
    "BT2100LINPQ",
    "BT2100LINHLG",
    "ST2065-1",
    "ST428-1",
    "DENSITY",
    "ST2115LOGS3",
    "UNSPECIFIED",
)
"""SMPTE ST 2110-20, section 7.6 (TCS)."""
RANGES = ("NARROW", "FULLPROTECT", "FULL")
"""SMPTE ST 2110-20, section 7.3 (RANGE)."""
MAX_SIDE = 32767
"""Of a picture in pixels: SMPTE ST 2110-20, section 7.2."""


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """Uncompressed pictures of one size, rate and pixel format.

    Raises `FormatError` for a value that is not in the tables, out of range, or too large for a frame.
    """

    width: int
    height: int
    frame_rate: Fraction
    """Pictures per second, exact."""
    pixel_format: str
    scan: str = "progressive"
    """progressive, interlaced or psf."""
    field_order: str = ""
    """Which field is earlier: tff (default) or bff; empty unless `scan` is interlaced."""
    colorimetry: str = ""
    """One of `COLORIMETRIES`; empty where nobody said so, as the two that follow."""
    transfer_characteristic: str = ""
    """One of `TRANSFER_CHARACTERISTICS`."""
    signal_range: str = ""
    """One of `RANGES`."""

    def __post_init__(self) -> None:
        check_integer("video.width", self.width, 1, MAX_SIDE)
        check_integer("video.height", self.height, 1, MAX_SIDE)
        check_choice("video.pixelFormat", self.pixel_format, PIXEL_FORMATS)
        object.__setattr__(self, "frame_rate", exact_rate(self.frame_rate, "video.frameRate"))
        self._check_scan()
        self._check_colours()
        if self.capacity > MAX_BYTES:
            raise FormatError("video.height", f"a picture has {self.capacity} bytes, the most is {MAX_BYTES}")

    def _check_scan(self) -> None:
        check_choice("video.scan", self.scan, SCANS)
        if self.scan != "progressive" and self.height % 2:
            raise FormatError("video.height", f"{self.height} is odd, which {self.scan} video cannot be")
        if self.scan == "interlaced":
            object.__setattr__(
                self, "field_order", check_choice("video.fieldOrder", self.field_order or "tff", FIELD_ORDERS)
            )
        elif self.field_order:
            raise FormatError("video.fieldOrder", f"{self.scan} video has no field order; leave it out")

    def _check_colours(self) -> None:
        for name, value, allowed in self._colours():
            if value:
                check_choice(f"video.{name}", value, allowed)
        if self.colorimetry == "BT2100" and self.signal_range == "FULLPROTECT":
            raise FormatError("video.range", "BT2100 is NARROW or FULL, never FULLPROTECT")

    def _colours(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        return (
            ("colorimetry", self.colorimetry, COLORIMETRIES),
            ("transferCharacteristic", self.transfer_characteristic, TRANSFER_CHARACTERISTICS),
            ("range", self.signal_range, RANGES),
        )

    @property
    def capacity(self) -> int:
        """Bytes of a picture; every frame has exactly as many."""
        return sum(plane.size for plane in self.planes)

    @property
    def planes(self) -> tuple[Plane, ...]:
        """The planes in the order in which they lie in the frame."""
        return _laid_out(self.pixels, self.width, self.height)

    @property
    def pixels(self) -> PixelFormat:
        """The row of the table for `pixel_format`."""
        return PIXEL_FORMATS[self.pixel_format]

    @property
    def frame_duration(self) -> Fraction:
        """Seconds from one picture to the next."""
        return 1 / self.frame_rate

    def to_spec(self) -> dict[str, object]:
        """Return it as `spec.payload` of a MediaConnection has it."""
        spec: dict[str, object] = {
            "width": self.width,
            "height": self.height,
            "frameRate": rate_text(self.frame_rate),
            "pixelFormat": self.pixel_format,
            "scan": self.scan,
        }
        spec |= {"fieldOrder": self.field_order} if self.field_order else {}
        return {"video": spec | {name: value for name, value, _ in self._colours() if value}}

    @classmethod
    def from_fields(cls, spec: object) -> Self:
        """Make it from what stands under `video`."""
        fields = Fields("video", spec)
        width, height = fields.integer("width"), fields.integer("height")
        rate = exact_rate(fields.needed("frameRate"), "video.frameRate")
        pixel_format = fields.text("pixelFormat")
        scan, field_order = fields.text("scan", "progressive"), fields.text("fieldOrder", "")
        colours = [fields.text(name, "") for name in ("colorimetry", "transferCharacteristic", "range")]
        fields.finish()
        return cls(width, height, rate, pixel_format, scan, field_order, *colours)


@lru_cache(maxsize=256)
def _laid_out(pixels: PixelFormat, width: int, height: int) -> tuple[Plane, ...]:
    planes: list[Plane] = []
    offset = 0
    for rule in pixels.planes:
        planes.append(_plane(rule, width, height, offset))
        offset += planes[-1].size
    return tuple(planes)


def _plane(rule: PlaneRule, picture_width: int, picture_height: int, offset: int) -> Plane:
    width = _whole(picture_width, rule.columns_per_sample)
    height = _whole(picture_height, rule.lines_per_sample)
    stride = _whole(width, rule.group_pixels) * rule.group_bytes
    rows = _whole(height, rule.group_lines)
    columns = stride // (int(rule.dtype[-1]) * rule.channels)
    shape = (rows, columns) if rule.channels == 1 else (rows, columns, rule.channels)
    return Plane(rule.components, offset, stride, width, height, rule.dtype, shape, stride * rows)


def _whole(amount: int, unit: int) -> int:
    return -(-amount // unit)
