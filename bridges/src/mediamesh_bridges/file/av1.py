"""AV1 temporal units (low-overhead OBUs): key frames that can be decoded by themselves.

As with H.264, a receiver may join at any key frame, but MP4 and Matroska may keep the sequence header in the
container's own configuration (`av1C`) only.

Source: AV1 Bitstream and Decoding Process Specification, 5.3; AV1 Codec ISO Media File Format Binding, 2.3.
"""

from __future__ import annotations

from collections.abc import Iterator

TEMPORAL_DELIMITER = b"\x12\x00"
_SEQUENCE_HEADER = 1
_CONFIGURATION_MARKER = 0x81
_CONFIGURATION_BYTES = 4


class SequenceHeader:
    """Sees to it that every key frame of a stream carries its sequence header."""

    def __init__(self, extradata: bytes = b"") -> None:
        is_configuration = extradata[:1] == bytes((_CONFIGURATION_MARKER,))
        self._known = _sequence_header(extradata[_CONFIGURATION_BYTES:]) if is_configuration else b""

    def complete(self, unit: bytes, *, key: bool) -> bytes:
        """Return the temporal unit, with the known sequence header in front if it is a key frame without."""
        own = _sequence_header(unit)
        if own:
            self._known = own
            return unit
        if not key:
            return unit
        return self._known + unit.removeprefix(TEMPORAL_DELIMITER)


def _sequence_header(obus: bytes) -> bytes:
    return next((obu for kind, obu in _obus(obus) if kind == _SEQUENCE_HEADER), b"")


def _obus(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and bytes of each OBU; one without a size reaches to the end."""
    begin = 0
    while begin < len(data):
        header = data[begin]
        payload = begin + 1 + (header >> 2 & 1)
        end = len(data)
        if header & 2:
            size, payload = _leb128(data, payload)
            end = min(payload + size, end)
        yield header >> 3 & 15, data[begin:end]
        begin = end


def _leb128(data: bytes, begin: int) -> tuple[int, int]:
    """Return the value of a variable-length number and where it ends."""
    value = 0
    for count, byte in enumerate(data[begin : begin + 8]):
        value |= (byte & 0x7F) << (7 * count)
        if not byte & 0x80:
            return value, begin + count + 1
    return len(data), len(data)
