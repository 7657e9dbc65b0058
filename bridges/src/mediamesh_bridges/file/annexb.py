"""Byte streams of H.264, H.265 and H.266 (Annex B of each): finding the NAL units, and what decoding can begin with.

A receiver may join at any key frame, so a key frame has to carry the parameter sets. MP4 and Matroska keep them
outside the frames; the bitstream filters put them back at every instantaneous refresh, but not at other key
frames and not where the file is a byte stream already. `ParameterSets` closes that gap: it remembers the newest
sets that went by and repeats them in front of a key frame that has none.

Source: ITU-T H.264, H.265 and H.266: Annex B, and the tables of nal_unit_type in 7.4.1 and 7.4.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Codec = Literal["h264", "hevc", "vvc"]


@dataclass(frozen=True, slots=True)
class _Types:
    """nal_unit_type of one codec: where it stands in the header and what matters here."""

    byte: int
    shift: int
    mask: int
    needed: frozenset[int]
    """Parameter sets without which no picture can be decoded."""
    sets: frozenset[int]
    delimiter: int


CODECS: dict[str, _Types] = {
    "h264": _Types(0, 0, 0x1F, frozenset({7, 8}), frozenset({7, 8, 13, 15}), 9),
    "hevc": _Types(0, 1, 0x3F, frozenset({32, 33, 34}), frozenset({32, 33, 34}), 35),
    "vvc": _Types(1, 3, 0x1F, frozenset({15, 16}), frozenset({12, 13, 14, 15, 16}), 20),
}
START_CODE = b"\0\0\0\1"
_START = re.compile(re.escape(b"\0\0\1"))


def nal_units(stream: bytes) -> list[bytes]:
    """Return the NAL units without start codes and without the zero bytes around them."""
    starts = [found.end() for found in _START.finditer(stream)]
    ends = [*(start - 3 for start in starts[1:]), len(stream)]
    return [unit for start, end in zip(starts, ends, strict=False) if (unit := stream[start:end].rstrip(b"\0"))]


def byte_stream(units: Iterable[bytes]) -> bytes:
    """Return NAL units as a byte stream with four-byte start codes."""
    return b"".join(START_CODE + unit for unit in units)


def unit_type(unit: bytes, codec: Codec) -> int:
    """Return nal_unit_type of a NAL unit without its start code; -1 for one that is cut short."""
    types = CODECS[codec]
    return (unit[types.byte] >> types.shift) & types.mask if len(unit) > types.byte else -1


def is_parameter_set(unit: bytes, codec: Codec) -> bool:
    """Tell whether a NAL unit is a parameter set."""
    return unit_type(unit, codec) in CODECS[codec].sets


class ParameterSets:
    """Sees to it that every key frame of a stream carries its parameter sets."""

    def __init__(self, codec: Codec, extradata: bytes = b"") -> None:
        self._codec = codec
        known = nal_units(extradata) if _is_byte_stream(extradata) else []  # else the bitstream filter adds them
        self._known = [unit for unit in known if is_parameter_set(unit, codec)]

    def complete(self, access_unit: bytes, *, key: bool) -> bytes:
        """Return the access unit, with the newest known parameter sets added if it is a key frame without."""
        units = nal_units(access_unit)
        own = [unit for unit in units if is_parameter_set(unit, self._codec)]
        if {unit_type(unit, self._codec) for unit in own} >= CODECS[self._codec].needed:
            self._known = own
            return access_unit
        if not key or not units:
            return access_unit
        return byte_stream(self._with_known(units, own))

    def _with_known(self, units: list[bytes], own: list[bytes]) -> list[bytes]:
        """Add them after an access unit delimiter, which has to stay first."""
        first = 1 if unit_type(units[0], self._codec) == CODECS[self._codec].delimiter else 0
        return [*units[:first], *(unit for unit in self._known if unit not in own), *units[first:]]


def _is_byte_stream(data: bytes) -> bool:
    return data.startswith((START_CODE, START_CODE[1:]))
