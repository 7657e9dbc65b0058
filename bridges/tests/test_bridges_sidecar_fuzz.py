"""Any bytes at all are frames of the connection or one error: a kept corpus, and streams that hypothesis invents."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams_fuzz_target import KINDS, Pieces, read_lines, read_stream, run

CORPUS = sorted((Path(__file__).parent / "corpus" / "streams").iterdir())
TOKENS = st.sampled_from(
    [
        b"YUV4MPEG2 W8 H4 F25:1 C420jpeg\n",
        b"YUV4MPEG2 ",
        b"W99999999999999999999 ",
        b"FRAME\n",
        b"FRAME Ixyz\n",
        bytes(48),
        b"RIFF\xff\xff\xff\xffWAVE",
        b"fmt \x10\0\0\0\x01\0\x02\0\x80\xbb\0\0\0\xee\x02\0\x04\0\x10\0",
        b"fmt \xff\xff\xff\xff",
        b"LIST\xff\xff\xff\x7f",
        b"data\xff\xff\xff\xff",
        b"data\x10\0\0\0",
        b"\0\0\0\1\x67\x42\xc0\x0a",
        b"\0\0\1\x68\xce",
        b"\0\0\1\x65" + bytes(40),
        b"\0\0\1\x41\x9a",
        b"\0\0\0\1\x40\1",
        b"\n",
    ]
)
WORDS = st.sampled_from(
    [
        "receive",
        "send",
        "cam1",
        "pipe:/media/a.y4m",
        "pipe://x/a",
        "rtp://127.0.0.1:5004",
        "rtp://[::1]:5004",
        "udp://127.0.0.1:5005",
        "http://127.0.0.1:8090/a?b",
        "http://[::1",
        "udp://10.0.0.1:5",
        "rtp://127.0.0.1:65535",
        "as=raw",
        "mode=999",
        "sdp=",
        "endpoint=a",
        "'",
        '"',
        "#",
        "\n",
        "\u2028",
    ]
)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_kept_streams_are_read_or_refused(path: Path) -> None:
    run(path.read_bytes())


@given(st.binary(max_size=300))
def test_bytes_are_read_or_refused(data: bytes) -> None:
    run(data)


@given(st.sampled_from(KINDS), st.lists(TOKENS | st.binary(max_size=8), max_size=12).map(b"".join), st.integers(1, 64))
def test_pieces_of_streams_are_read_or_refused(kind: tuple[str, object], data: bytes, size: int) -> None:
    read_stream(kind[0], kind[1], Pieces(data, size))  # type: ignore[arg-type]


@given(st.lists(WORDS, max_size=12).map(" ".join))
def test_lines_are_understood_or_refused(text: str) -> None:
    read_lines(text)
