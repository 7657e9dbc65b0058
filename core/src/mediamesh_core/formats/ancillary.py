"""Ancillary data of SMPTE ST 2110-40: one frame is the ancillary packets of one picture.

The payload is a sequence of ancillary data packets as RFC 8331, section 2.1, lays them out
(line, offset, stream, DID, SDID, count, words, checksum; 10-bit words, padded to 32 bits),
without the RTP payload header. Its length says how much there is; a
picture without ancillary data is an empty frame.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from mediamesh_core.formats.fields import Fields, check_integer
from mediamesh_core.formats.plane import Plane
from mediamesh_core.formats.rates import exact_rate, rate_text

DEFAULT_SIZE = 65536
"""Bytes; the largest packet has 332, and a busy picture a few dozen packets."""
MAX_SIZE = 1 << 24


@dataclass(frozen=True, slots=True)
class AncillaryFormat:
    """Ancillary packets, picture by picture."""

    frame_rate: Fraction
    max_size: int = DEFAULT_SIZE
    """Most bytes of one picture's packets."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame_rate", exact_rate(self.frame_rate, "ancillary.frameRate"))
        check_integer("ancillary.maxSize", self.max_size, 4, MAX_SIZE)

    @property
    def capacity(self) -> int:
        """Most bytes of a frame."""
        return self.max_size

    @property
    def planes(self) -> tuple[Plane, ...]:
        """None: the packets have different lengths."""
        return ()

    @property
    def frame_duration(self) -> Fraction:
        """Seconds from one picture to the next."""
        return 1 / self.frame_rate

    def to_spec(self) -> dict[str, object]:
        """Return it as `spec.payload` of a MediaConnection has it."""
        return {"ancillary": {"frameRate": rate_text(self.frame_rate), "maxSize": self.max_size}}

    @classmethod
    def from_fields(cls, spec: object) -> Self:
        """Make it from what stands under `ancillary`."""
        fields = Fields("ancillary", spec)
        rate = exact_rate(fields.needed("frameRate"), "ancillary.frameRate")
        size = fields.integer("maxSize", DEFAULT_SIZE)
        fields.finish()
        return cls(rate, size)
