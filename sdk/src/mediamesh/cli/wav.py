"""RIFF WAVE, readable from a pipe and writable to one.

The lengths in the header of a stream are not known when it is written; they say "all that follows" until `finish` can
put the true ones there.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import BinaryIO

from mediamesh.errors import UnsuitableFile
from mediamesh_core.formats import AudioFormat, Format

UNKNOWN = 0xFFFFFFFF
LONGEST_FORMAT = 1024
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
KINDS = {"pcm_u8": PCM, "pcm_s16le": PCM, "pcm_s24le": PCM, "pcm_s32le": PCM, "pcm_f32le": FLOAT, "pcm_f64le": FLOAT}
HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
FACTS = struct.Struct("<HHIIHH")


def audio_of(format: Format) -> AudioFormat:
    """Return the format if wav holds it; raises UnsuitableFile."""
    if not isinstance(format, AudioFormat) or format.sample_format not in KINDS:
        raise UnsuitableFile(f"wav holds {', '.join(KINDS)} only; use .raw for this connection")
    return format


def header(format: Format, data: int = UNKNOWN) -> bytes:
    """Return what stands in front of so many bytes of samples."""
    audio = audio_of(format)
    block = audio.channels * audio.sample_size
    total = UNKNOWN if data == UNKNOWN else data + HEADER.size - 8
    facts = KINDS[audio.sample_format], audio.channels, audio.sample_rate, audio.sample_rate * block, block
    return HEADER.pack(b"RIFF", total, b"WAVE", b"fmt ", FACTS.size, *facts, 8 * audio.sample_size, b"data", data)


def blocks(file: BinaryIO, format: Format) -> Iterator[bytes]:
    """Yield blocks as the format has them; the last may be short."""
    audio = audio_of(format)
    length = _find_samples(file, audio)
    left = math.inf if length == UNKNOWN else length
    whole = audio.channels * audio.sample_size
    while left and (block := file.read(int(min(left, audio.capacity)))):
        left -= len(block)
        if usable := len(block) - len(block) % whole:
            yield block[:usable]


def _find_samples(file: BinaryIO, audio: AudioFormat) -> int:
    if file.read(12)[8:] != b"WAVE":
        raise UnsuitableFile("this is no wav stream: it does not begin with RIFF WAVE")
    while len(head := file.read(8)) == 8:
        name, length = head[:4], int.from_bytes(head[4:], "little")
        if name == b"data":
            return length
        length += length % 2
        if name == b"fmt ":
            body = file.read(min(length, LONGEST_FORMAT))
            _check(body, audio)
            length -= len(body)
        _pass_over(file, length)
    raise UnsuitableFile("this wav stream holds no samples")


def _pass_over(file: BinaryIO, length: int) -> None:
    """Read what nobody wants, without keeping it: a stream may announce 4 GiB of it."""
    while length and (piece := file.read(min(length, LONGEST_FORMAT))):
        length -= len(piece)


def _check(body: bytes, audio: AudioFormat) -> None:
    if len(body) < FACTS.size:
        raise UnsuitableFile("the header of this wav stream is broken")
    kind, channels, rate, _, _, bits = FACTS.unpack_from(body)
    if kind == EXTENSIBLE and len(body) >= 26:
        kind = int.from_bytes(body[24:26], "little")
    theirs = kind, channels, rate, bits
    mine = KINDS[audio.sample_format], audio.channels, audio.sample_rate, 8 * audio.sample_size
    if theirs != mine:
        text = f"{channels} channels at {rate} Hz with {bits} bits"
        raise UnsuitableFile(f"the stream has {text}, the connection {audio}; convert it, for example by ffmpeg")
