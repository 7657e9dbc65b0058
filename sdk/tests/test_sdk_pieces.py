import io
import math
import pickle
import select
import struct
import zlib
from argparse import Namespace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

import mediamesh
from mediamesh import folders
from mediamesh.attention import Attention
from mediamesh.cli import pattern, png, receiving, streams, wav, y4m
from mediamesh.cli.progress import Progress
from mediamesh.cli.table import aligned
from mediamesh.deadline import Deadline
from mediamesh.errors import UnsuitableFile
from mediamesh.retry import FIRST, LONGEST, Timer, pause
from mediamesh.wish import Wish
from mediamesh_core.formats import PIXEL_FORMATS, AudioFormat, BlobFormat, Format, VideoFormat


def picture(pixels: str, width: int = 16, height: int = 4) -> VideoFormat:
    return VideoFormat(width, height, "25", pixels)  # type: ignore[arg-type]


def test_the_root_is_named_or_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "SYSTEM", tmp_path)
    assert folders.root({"MEDIAMESH_DIR": "/somewhere", "XDG_RUNTIME_DIR": "/run/user/1"}, 1) == Path("/somewhere")
    assert folders.root({"XDG_RUNTIME_DIR": "/run/user/1"}, 0) == tmp_path
    assert folders.root({"XDG_RUNTIME_DIR": "/run/user/1"}, 1) == Path("/run/user/1/mediamesh")
    assert folders.root({}, 1) == tmp_path
    (tmp_path / folders.ATTACH_SOCKET).touch()
    assert folders.root({"XDG_RUNTIME_DIR": "/run/user/1"}, 1) == tmp_path


def test_deadlines() -> None:
    for endless in (None, math.inf):
        deadline = Deadline(endless)
        assert (deadline.nanoseconds(), deadline.seconds(), deadline.over()) == (-1, None, False)
    assert (Deadline(0).nanoseconds(), Deadline(0).seconds(), Deadline(0).over()) == (0, 0, True)
    assert 0 < Deadline(1000).nanoseconds() <= 10**12
    for wrong in (-1, math.nan):
        with pytest.raises(ValueError, match="a timeout is"):
            Deadline(wrong)


@given(some.integers(0, 10**6))
def test_pauses_grow_up_to_a_limit(failures: int) -> None:
    assert pause(0) == 0
    assert pause(1) == FIRST
    assert pause(failures) <= pause(failures + 1) <= LONGEST


def test_the_timer_is_due_once() -> None:
    timer = Timer()
    assert not timer.due()
    timer.start(0)
    assert select.select([timer.fileno()], [], [], 30)[0]
    assert timer.due()
    assert not timer.due()
    timer.start(1000)
    timer.stop()
    assert not select.select([timer.fileno()], [], [], 0)[0]
    timer.close()


def test_attention_sees_wakes_in_both_descriptors() -> None:
    attention = Attention()
    attention.make_outer(None)
    assert not attention.sleep(0)
    attention.wake()
    attention.wake()
    assert attention.sleep(None)
    assert attention.outer is not None
    assert select.select([attention.outer], [], [], 30)[0]
    attention.hush()
    attention.hush()
    assert not attention.sleep(0)
    attention.close()


def test_a_wish_leaves_out_what_is_empty() -> None:
    wish = Wish.of("cam", "sink", {"endpoint": "", "token": None, "root": "/here", "queue": 2})
    assert (wish.endpoint, wish.token, wish.root, wish.queue, wish.wait) == ("", "", Path("/here"), 2, False)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"nonsense": 1}, r"a sink has no option 'nonsense' \(it has: endpoint, token, queue, .* start\)$"),
        ({"wait_for_sinks": 1}, "a sink has no option 'wait_for_sinks'"),
        ({"format": "nv12"}, r"no option 'format' .*the format is the connection's own, `\.format` tells it"),
    ],
)
def test_an_unknown_option_is_told_in_the_words_of_the_user(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        mediamesh.open_sink("cam", root="/nowhere", **options)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"queue": -1}, "queue is -1; it has to be a whole number from 0 to 65535"),
        ({"queue": 2**32}, "queue is 4294967296; it has to be"),
        ({"queue": "4"}, "queue is '4'; it has to be a whole number"),
        ({"start": "oldest"}, "start is 'oldest'; it can be newest or next"),
        ({"endpoint": 5}, "endpoint is 5; it has to be a text"),
    ],
)
def test_a_wrong_option_is_told_with_what_it_may_be(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(mediamesh.BadOption, match=complaint):
        mediamesh.open_sink("cam", root="/nowhere", timeout=0, **options)


def test_a_connection_has_a_name() -> None:
    with pytest.raises(mediamesh.BadOption, match="connection is empty"):
        mediamesh.open_source("", root="/nowhere", timeout=0)


def test_an_end_that_was_never_opened() -> None:
    with mediamesh.Sink("cam", root="/nowhere") as sink:
        assert repr(sink) == "<mediamesh.Sink cam/ detached>"
        with pytest.raises(mediamesh.Closed, match="open it first"):
            sink.format  # noqa: B018
        with pytest.raises(mediamesh.Timeout, match=r"no hub answers at /nowhere/attach\.sock"):
            sink.receive(0.02)


def test_errors_survive_pickling() -> None:
    error = pickle.loads(pickle.dumps(mediamesh.Refused("go away", "NotYours")))
    assert (type(error), error.reason, error.message, str(error)) == (
        mediamesh.Refused,
        "NotYours",
        "go away",
        "go away",
    )
    assert mediamesh.Timeout("late").reason == "Timeout"


@given(some.lists(some.binary(min_size=96, max_size=96), max_size=4))
def test_y4m_round_trip(pictures: list[bytes]) -> None:
    format = picture("yuv420p")
    stream = y4m.header(format) + b"".join(b"FRAME\n" + data for data in pictures)
    assert list(y4m.pictures(io.BytesIO(stream), format)) == pictures


@pytest.mark.parametrize(
    ("stream", "complaint"),
    [
        (b"", "does not begin with YUV4MPEG2"),
        (b"RIFF....WAVE", "does not begin with YUV4MPEG2"),
        (b"YUV4MPEG2 W16 H8 F25:1\n", "the stream has 16x8 420jpeg, the connection 16x4 420jpeg"),
        (b"YUV4MPEG2 W16 H4 C422\n", "the stream has 16x4 422, the connection"),
        (b"YUV4MPEG2 W16 H4\nPICTURE\n", "does not begin with FRAME"),
        (b"YUV4MPEG2 " + b"X" * 2000 + b"\n", "a line is longer than 1024 bytes"),
    ],
)
def test_y4m_that_does_not_fit(stream: bytes, complaint: str) -> None:
    with pytest.raises(UnsuitableFile, match=complaint):
        list(y4m.pictures(io.BytesIO(stream), picture("yuv420p")))


def test_y4m_ends_before_a_broken_picture() -> None:
    stream = b"YUV4MPEG2 W16 H4\nFRAME\n" + bytes(96) + b"FRAME Ip\n" + bytes(95)
    assert list(y4m.pictures(io.BytesIO(stream), picture("yuv420p"))) == [bytes(96)]


@given(some.binary(max_size=400))
def test_wav_round_trip(samples: bytes) -> None:
    format = AudioFormat("pcm_s24le", 2, 48000, 16)
    for header in (wav.header(format), wav.header(format, len(samples))):
        blocks = list(wav.blocks(io.BytesIO(header + samples), format))
        assert b"".join(blocks) == samples[: len(samples) // 6 * 6]
        assert all(len(block) == 96 for block in blocks[:-1])


def test_wav_without_an_end_goes_on_beyond_what_its_header_can_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wav, "UNKNOWN", 4)  # stands for 4 GiB
    format = AudioFormat("pcm_s16le", 1, 8000, 4)
    assert b"".join(wav.blocks(io.BytesIO(wav.header(format, 4) + bytes(100)), format)) == bytes(100)


def test_wav_keeps_nothing_of_a_chunk_that_nobody_wants() -> None:
    sizes = []

    class Pipe(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            sizes.append(size)
            return super().read(size)

    stream = b"RIFF\0\0\0\0WAVELIST" + struct.pack("<I", 2**32 - 2) + bytes(5000)
    with pytest.raises(UnsuitableFile, match="holds no samples"):
        list(wav.blocks(Pipe(stream), AudioFormat("pcm_s16le", 1, 8000, 4)))
    assert max(size or 0 for size in sizes) <= 1024


def test_wav_with_other_chunks_and_the_extensible_header() -> None:
    format = AudioFormat("pcm_s16le", 1, 8000, 4)
    facts = struct.pack("<HHIIHHHHIH14s", 0xFFFE, 1, 8000, 16000, 2, 16, 22, 16, 4, 1, bytes(14))
    chunks = b"LIST" + struct.pack("<I", 3) + b"abc\0" + b"fmt " + struct.pack("<I", len(facts)) + facts
    stream = b"RIFF\0\0\0\0WAVE" + chunks + b"data" + struct.pack("<I", 4) + b"1234junk"
    assert list(wav.blocks(io.BytesIO(stream), format)) == [b"1234"]


@pytest.mark.parametrize(
    ("stream", "complaint"),
    [
        (b"", "does not begin with RIFF WAVE"),
        (b"RIFF\0\0\0\0WAVE", "holds no samples"),
        (b"RIFF\0\0\0\0WAVEfmt \2\0\0\0ab", "is broken"),
        (wav.header(AudioFormat("pcm_u8", 1, 8000, 8)), "1 channels at 8000 Hz with 8 bits, the connection"),
    ],
)
def test_wav_that_does_not_fit(stream: bytes, complaint: str) -> None:
    with pytest.raises(UnsuitableFile, match=complaint):
        list(wav.blocks(io.BytesIO(stream), AudioFormat("pcm_s16le", 1, 8000, 4)))


@pytest.mark.parametrize("pixels", sorted(PIXEL_FORMATS))
@pytest.mark.parametrize(("width", "height"), [(64, 4), (50, 2), (1, 1), (7, 3)])
def test_bars_fill_a_picture_of_any_size(pixels: str, width: int, height: int) -> None:
    format = picture(pixels, width, height)
    assert len(pattern.payload("bars", format)) == format.capacity


def test_bars_have_the_colours_of_bt_709() -> None:
    luma, blue, red = (bytes([value]) for value in (180, 128, 128))
    payload = pattern.payload("bars", picture("yuv420p", 16, 2))
    assert (payload[:1], payload[32:33], payload[40:41]) == (luma, blue, red)
    assert payload[14] == 16  # black
    assert pattern.payload("bars", picture("rgb24", 8, 1))[:6] == bytes([191, 191, 191, 191, 191, 0])
    assert struct.unpack_from("<H", pattern.payload("bars", picture("p010le", 16, 2)))[0] == 721 << 6


def test_png() -> None:
    data = png.encode(bytes(range(12)), 2, 2)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    packed = data[data.index(b"IDAT") + 4 : data.index(b"IEND") - 8]
    assert zlib.decompress(packed) == b"\0" + bytes(range(6)) + b"\0" + bytes(range(6, 12))
    with pytest.raises(ValueError, match="are no 2x2 pixels"):
        png.encode(b"", 2, 2)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress() -> None:
    now = [0.0]
    for out, shown in ((io.StringIO(), ""), (Terminal(), "cam: 2 frames, 2.0 MB, 2.0/s [############............] 4")):
        now[0] = 0.0
        with Progress("cam", 4, out=out, clock=lambda: now[0]) as progress:
            progress.count(1_000_000)
            now[0] = 0.5
            progress.count(1_000_000)
        assert out.getvalue().endswith(f"{shown}\n" if shown else "")
        assert bool(out.getvalue()) is bool(shown)


def test_progress_of_so_many_seconds_begins_with_the_first_frame() -> None:
    now = [0.0]
    progress = Progress("cam", seconds=8.0, out=io.StringIO(), clock=lambda: now[0])
    now[0] = 5.0
    assert progress.line().endswith(f"[{24 * '.'}] 8 s")
    progress.count(1)
    now[0] = 7.0
    assert progress.line().endswith(f"[{6 * '#'}{18 * '.'}] 8 s")
    now[0] = 99.0
    assert progress.line().endswith(f"[{24 * '#'}] 8 s")


@pytest.mark.parametrize(
    ("kind", "format"),
    [("y4m", picture("yuv420p", 16, 8)), ("wav", AudioFormat("pcm_s16le", 2, 8000, 4)), ("raw", BlobFormat(100))],
)
def test_a_file_tells_how_many_frames_it_has(kind: str, format: Format, tmp_path: Path) -> None:
    path = tmp_path / "film"
    with path.open("wb") as file:
        writer = streams.writer(kind, file, format, streams.header(kind, format))
        for length in (format.capacity, format.capacity, format.capacity if kind == "y4m" else format.capacity - 4):
            writer.write(memoryview(bytes(length)))
        writer.finish()
    assert streams.frames_in(str(path), kind, format) == 3
    assert streams.frames_in(str(tmp_path), kind, format) is None
    assert streams.frames_in("-", kind, format) is None


def test_tables_put_numbers_to_the_right() -> None:
    assert aligned(("NAME", "N"), [("a", 5), ("bcdef", 10)]) == ["NAME    N", "a       5", "bcdef  10"]
    assert aligned(("NAME", "N"), []) == ["NAME  N"]


@pytest.mark.parametrize("name", ["film.y4m", "film.wav"])
@pytest.mark.parametrize("before", [None, b"of yesterday"])
def test_a_refused_recording_makes_and_empties_no_file(name: str, before: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / name
    if before is not None:
        file.write_bytes(before)
    sink: Any = SimpleNamespace(format=VideoFormat(64, 36, Fraction(25), "uyvy422"))
    with pytest.raises(UnsuitableFile, match=r"use \.raw"):
        receiving._record(sink, Namespace(file=str(file), kind=None, codec=None, force=True))
    assert (file.read_bytes() if file.exists() else None) == before
