"""WAV files: identical samples, headers that are right at every moment, and files beyond 4 GiB."""

from __future__ import annotations

import io
import struct
import wave

import av
import numpy as np
import pytest
from bridge_doubles import noise

from mediamesh_bridges.file.recorded import Recorded
from mediamesh_bridges.file.wav_writer import WavWriter, repair
from mediamesh_core.formats import SAMPLE_FORMATS, AudioFormat

BLOCK = 480


def written(format: AudioFormat, blocks: list[tuple[int, bytes]], *, finish: bool = True) -> io.BytesIO:
    file = io.BytesIO()
    writer = WavWriter(file, format)
    for position, block in blocks:
        writer.write(Recorded(memoryview(block), position))
    if finish:
        writer.finish()
    file.seek(0)
    return file


def sound_in(file: io.BytesIO) -> tuple[str, int, bytes]:
    """What FFmpeg reads: codec, channels, bytes of sound."""
    with av.open(file, "r", format="wav") as container:
        stream = container.streams.audio[0]
        data = b"".join(bytes(packet) for packet in container.demux(stream))
        return stream.codec_context.name, stream.channels, data


def little(format: AudioFormat, data: bytes) -> bytes:
    if format.sample_format == "pcm_s8":
        return bytes(value ^ 0x80 for value in data)
    if format.sample_format.endswith("be"):
        return np.frombuffer(data, np.uint8).reshape(-1, format.sample_size)[:, ::-1].tobytes()
    return data


@pytest.mark.parametrize("sample_format", SAMPLE_FORMATS)
@pytest.mark.parametrize("channels", [1, 2, 5, 16])
def test_samples_are_identical(sample_format: str, channels: int) -> None:
    format = AudioFormat(sample_format, channels, 48_000, BLOCK)
    blocks = [noise(format.capacity, number) for number in range(3)]
    codec, found, data = sound_in(written(format, [(BLOCK * n, block) for n, block in enumerate(blocks)]))
    assert data == little(format, b"".join(blocks))
    assert found == channels
    assert codec == ("pcm_u8" if sample_format == "pcm_s8" else sample_format.replace("be", "le"))


def test_the_standard_library_reads_it_too() -> None:
    format = AudioFormat("pcm_s16le", 2, 44_100, BLOCK)
    block = noise(format.capacity, 1)
    with wave.open(written(format, [(0, block)])) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 44_100)
        assert file.readframes(10_000) == block


def test_missing_blocks_are_silence() -> None:
    format = AudioFormat("pcm_s16le", 1, 48_000, 2)
    assert sound_in(written(format, [(0, b"\1\1\1\1"), (4, b"\2\2\2\2")]))[2] == b"\1\1\1\1" + bytes(4) + b"\2\2\2\2"
    quiet = AudioFormat("pcm_u8", 1, 48_000, 2)
    assert sound_in(written(quiet, [(0, b"\1\1"), (4, b"\2\2")]))[2] == b"\1\1\x80\x80\2\2"


def test_the_header_is_never_more_than_half_a_second_behind() -> None:
    format = AudioFormat("pcm_s16le", 2, 48_000, BLOCK)
    blocks = [(BLOCK * number, noise(format.capacity, number)) for number in range(120)]
    data = sound_in(written(format, blocks, finish=False))[2]
    assert data == b"".join(block for _, block in blocks[:100])


def test_a_leftover_is_repaired_to_its_last_sample() -> None:
    format = AudioFormat("pcm_s24le", 3, 48_000, BLOCK)
    blocks = [(BLOCK * number, noise(format.capacity, number)) for number in range(7)]
    file = written(format, blocks, finish=False)
    repair(file)
    file.seek(0)
    assert sound_in(file)[2] == b"".join(block for _, block in blocks)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no sound at all" * 20])
def test_what_is_no_recording_is_not_repaired(content: bytes) -> None:
    file = io.BytesIO(content)
    repair(file)
    assert file.getvalue() == content


class HugeFile(io.BytesIO):
    """Keeps the beginning and pretends that the rest is there."""

    def __init__(self) -> None:
        super().__init__()
        self.length = 0

    def write(self, data: bytes | memoryview, /) -> int:  # type: ignore[override]
        if self.tell() < 4096:
            super().write(bytes(data[:4096]))
        self.length += len(data)
        return len(data)


def test_beyond_4_gib_the_file_becomes_rf64_in_place() -> None:
    format = AudioFormat("pcm_s32le", 128, 192_000, 1 << 18)
    file = HugeFile()
    writer = WavWriter(file, format)
    block = memoryview(bytes(format.capacity))
    count = (4 << 30) // format.capacity + 1
    for number in range(count):
        writer.write(Recorded(block, number << 18))
    writer.finish()
    header = file.getvalue()
    assert (header[:4], header[8:16]) == (b"RF64", b"WAVEds64")
    assert struct.unpack_from("<QQ", header, 20)[1] == count * format.capacity
    assert struct.unpack_from("<I", header, header.index(b"data") + 4)[0] == 0xFFFFFFFF
