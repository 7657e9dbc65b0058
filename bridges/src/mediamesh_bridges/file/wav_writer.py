"""WAV files that are readable at every moment.

FFmpeg's muxer writes the lengths into the header when the file ends, so a killed recorder would leave a header
that says nothing. This writer brings the header up to date twice a second of sound, and `repair` does it for a
leftover, from the length of the file. Room for 64-bit lengths is kept from the start: beyond 4 GiB the file turns
into RF64 in place (EBU Tech 3306).

Source of the layout: Microsoft, Multimedia Programming Interface and Data Specifications 1.0 (1991), and
`WAVEFORMATEXTENSIBLE` for more than two channels. Sound in WAV is little endian, and 8 bits are unsigned.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from mediamesh_bridges.file.recorded import Recorded
from mediamesh_bridges.file.sound import samples_in, silence, to_file
from mediamesh_core.formats import AudioFormat

_DS64_BODY = 28
_FORMAT_AT = 12 + 8 + _DS64_BODY
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_MOST_32 = 0xFFFFFFFF
_LONGEST_HEADER = 128


class WavStream:
    """The same where nothing can be put right later: the lengths say "all that follows"."""

    def __init__(self, file: BinaryIO, format: AudioFormat) -> None:
        self._file = file
        self._format = format
        self._samples = 0
        header = _header(format)
        unknown = struct.pack("<I", _MOST_32)
        file.write(header[:4] + unknown + header[8:-4] + unknown)

    def write(self, recorded: Recorded) -> None:
        """Append a block, with silence in front of it where samples are missing."""
        missing = recorded.position - self._samples
        if missing > 0:
            self._file.write(silence(self._format, missing))
        self._file.write(to_file(self._format, recorded.payload))
        self._samples = recorded.position + samples_in(self._format, recorded.payload)

    def finish(self) -> None:
        """Nothing is missing."""


class WavWriter:
    """Blocks of samples, with silence where blocks are missing."""

    def __init__(self, file: BinaryIO, format: AudioFormat) -> None:
        self._file = file
        self._format = format
        self._frame_bytes = format.channels * format.sample_size
        self._update_every = max(1, format.sample_rate // 2) * self._frame_bytes
        self._header = _header(format)
        self._written = 0
        self._announced = 0
        file.write(_with_lengths(self._header, 0))

    def write(self, recorded: Recorded) -> None:
        """Append a block, with silence in front of it where samples are missing."""
        missing = recorded.position - self._written // self._frame_bytes
        if missing > 0:
            self._append(silence(self._format, missing))
        self._append(to_file(self._format, recorded.payload))
        if self._written - self._announced >= self._update_every:
            self._announce()

    def finish(self) -> None:
        """Complete the file."""
        if self._written % 2:
            self._file.write(b"\0")
        self._announce()

    def _append(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self._written += len(data)

    def _announce(self) -> None:
        self._file.seek(0)
        self._file.write(_with_lengths(self._header, self._written))
        self._file.seek(0, os.SEEK_END)
        self._announced = self._written


def repair(file: BinaryIO) -> None:
    """Bring the header of a leftover up to date with the length of the file."""
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    header = file.read(_LONGEST_HEADER)
    data = header.find(b"data", _FORMAT_AT)
    if header[:4] in (b"RIFF", b"RF64") and data >= 0:
        file.seek(0)
        file.write(_with_lengths(header[: data + 8], length - data - 8))


def _header(format: AudioFormat) -> bytes:
    """Return a header whose lengths are all 0."""
    body = _format_body(format)
    junk = struct.pack("<4sI", b"JUNK", _DS64_BODY) + bytes(_DS64_BODY)
    riff = struct.pack("<4sI4s", b"RIFF", 0, b"WAVE")
    return riff + junk + struct.pack("<4sI", b"fmt ", len(body)) + body + struct.pack("<4sI", b"data", 0)


def _format_body(format: AudioFormat) -> bytes:
    size, channels, rate = format.sample_size, format.channels, format.sample_rate
    tag = _FLOAT if format.sample_format.startswith("pcm_f") else _PCM
    rates = struct.pack("<HIIHH", channels, rate, rate * channels * size, channels * size, size * 8)
    if channels <= 2:
        return struct.pack("<H", tag) + rates
    extension = struct.pack("<HHIH", 22, size * 8, 0, tag)
    return struct.pack("<H", _EXTENSIBLE) + rates + extension + _SUBFORMAT_TAIL


def _with_lengths(header: bytes, data: int) -> bytes:
    """Return the header with the lengths of a file that has so many bytes of sound."""
    riff = len(header) - 8 + data + data % 2
    if riff <= _MOST_32:
        return b"RIFF" + struct.pack("<I", riff) + header[8:-4] + struct.pack("<I", data)
    ds64 = struct.pack("<4sIQQQI", b"ds64", _DS64_BODY, riff, data, 0, 0)
    return (
        b"RF64"
        + struct.pack("<I", _MOST_32)
        + header[8:12]
        + ds64
        + header[_FORMAT_AT:-4]
        + struct.pack("<I", _MOST_32)
    )
