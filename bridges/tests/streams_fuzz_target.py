"""What the fuzzer, the replay of its corpus and hypothesis do with some bytes: read them as a stream, in every kind.

The first byte chooses the kind, the second how the stream is cut into reads.
"""

import io

from mediamesh_bridges.errors import BadLine, StreamUnusable
from mediamesh_bridges.sidecar.lines import parse_lines
from mediamesh_bridges.sidecar.plain_units import annexb_reader, plain_reader
from mediamesh_core.formats import AudioFormat, BlobFormat, EncodedFormat, Format, VideoFormat

PICTURE = VideoFormat(8, 4, "25", "yuv420p")  # type: ignore[arg-type]
SOUND = AudioFormat("pcm_s16le", 2, 48000, 16)
H264 = EncodedFormat("h264", 1000, frame_rate="25")  # type: ignore[arg-type]
NALS = EncodedFormat("hevc", 1000, alignment="nalUnit")
KINDS: list[tuple[str, Format]] = [
    ("y4m", PICTURE),
    ("wav", SOUND),
    ("raw", PICTURE),
    ("raw", SOUND),
    ("raw", BlobFormat(100)),
    ("h264", H264),
    ("hevc", NALS),
]
LONGEST_MESSAGE = 400


class Pieces(io.RawIOBase):
    """Bytes that come in pieces of a size, as they come out of a pipe."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__()
        self._left = memoryview(data)
        self._size = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray, /) -> int:  # type: ignore[override]
        count = min(len(buffer), self._size, len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def run(data: bytes) -> None:
    """Whatever the bytes are, they are frames of the connection or refused by the one error of streams."""
    read_lines(data.decode("utf-8", "surrogateescape"))
    if len(data) < 2:
        return
    kind, format = KINDS[data[0] % len(KINDS)]
    read_stream(kind, format, Pieces(data[2:], 1 + data[1]))


def read_stream(kind: str, format: Format, pieces: Pieces) -> None:
    room = memoryview(bytearray(format.capacity))
    last = -1
    try:
        with io.BufferedReader(pieces, 64) as file:  # type: ignore[type-var]
            reader = annexb_reader(kind, file, format) if kind in {"h264", "hevc"} else plain_reader(kind, file, format)
            for unit in reader.units():
                length = unit.fill(room)
                assert 0 < length <= format.capacity
                assert not isinstance(format, VideoFormat) or length == format.capacity
                assert unit.position >= last
                last = unit.position  # type: ignore[assignment]
    except StreamUnusable as error:
        check_message(error.message)


def read_lines(text: str) -> None:
    try:
        lines = parse_lines(text.splitlines())
    except BadLine as error:
        check_message(error.message)
        return
    for line in lines:
        assert parse_lines([str(line)])[0].target == line.target


def check_message(message: str) -> None:
    """One short line."""
    assert "\n" not in message
    assert len(message) < LONGEST_MESSAGE, message
