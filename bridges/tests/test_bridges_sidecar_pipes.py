"""Named pipes that an unmodified ffmpeg reads and writes, through a real hub."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from mediamesh_testing.hub import HubUnderTest, running_hub
from mediamesh_testing.plans import planned
from mediamesh_testing.waiting import PATIENCE, wait_until
from sidecar_actors import connection, ffmpeg, finish, serving, stop

from mediamesh.frames import Flags
from mediamesh.sink import Sink
from mediamesh.source import Source

End = TypeVar("End", Source, Sink)
VIDEO = "video: {width: 64, height: 48, frameRate: 100, pixelFormat: yuv420p}"
DEEP = "video: {width: 64, height: 48, frameRate: 100, pixelFormat: yuv422p10le}"
SOUND = "audio: {sampleFormat: pcm_s24le, channels: 2, sampleRate: 48000, samplesPerFrame: 480}"
H264 = "encoded: {codec: h264, width: 64, height: 48, frameRate: 50}"
SIZE = 64 * 48 * 3 // 2
FILM = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=100")
TONE = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000")


@pytest.fixture
def hub(free_dir: Path) -> Iterator[HubUnderTest]:
    with running_hub(free_dir / "mesh") as running:
        yield running


def attached(hub: HubUnderTest, role: str) -> bool:
    return bool(hub.attachments(role))


def opened(end: End) -> End:
    end.open(PATIENCE)
    return end


def frames(sink: Sink, number: int) -> list[bytes]:
    taken = []
    for _ in range(number):
        with sink.receive(PATIENCE) as frame, frame.buffer as payload:
            taken.append(bytes(payload))
    return taken


@pytest.mark.parametrize(
    ("payload", "suffix", "film", "encoding"),
    [
        (VIDEO, "y4m", FILM, ("-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe")),
        (DEEP, "y4m", FILM, ("-pix_fmt", "yuv422p10le", "-strict", "-1", "-f", "yuv4mpegpipe")),
        (VIDEO, "raw", FILM, ("-pix_fmt", "yuv420p", "-f", "rawvideo")),
        (VIDEO, "nut", FILM, ("-pix_fmt", "yuv420p", "-c:v", "ffv1", "-f", "nut")),
        (SOUND, "wav", TONE, ("-ac", "2", "-c:a", "pcm_s24le", "-f", "wav")),
        (SOUND, "raw", TONE, ("-ac", "2", "-f", "s24le")),
    ],
    ids=["y4m", "y4m10", "raw", "nut", "wav", "pcm"],
)
def test_what_ffmpeg_writes_into_a_pipe_ffmpeg_reads_from_another(
    hub: HubUnderTest, free_dir: Path, payload: str, suffix: str, film: tuple[str, ...], encoding: tuple[str, ...]
) -> None:
    """Through ffmpeg, sidecar, hub, sidecar and ffmpeg again, not a bit is changed."""
    hub.apply(*planned(connection("cam", payload, "block")))
    fifo_in, fifo_out = free_dir / f"in.{suffix}", free_dir / f"out.{suffix}"
    raw = ("-f", "rawvideo") if "video" in payload else ("-f", "s24le")
    told = _told(payload) if suffix == "raw" else ()
    with serving(hub.root, f"send cam pipe:{fifo_in}", f"receive cam pipe:{fifo_out}"):
        reading = ffmpeg(*told, "-i", str(fifo_out), "-t", "0.4", *raw, "-", stdout=subprocess.PIPE)
        wait_until(lambda: attached(hub, "sink"), "the reader")
        writing = ffmpeg(*film, "-t", "2", *encoding, str(fifo_in))
        received = finish(reading)
        stop(writing)
    expected = finish(ffmpeg(*film, "-t", "0.4", *encoding[:2], *raw, "-", stdout=subprocess.PIPE))
    assert len(received) == len(expected)
    assert hashlib.sha256(received).hexdigest() == hashlib.sha256(expected).hexdigest()


def _told(payload: str) -> tuple[str, ...]:
    if "video" in payload:
        return ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", "64x48", "-framerate", "100")
    return ("-f", "s24le", "-ac", "2", "-ar", "48000")


def sent(source: Source, number: int) -> list[bytes]:
    """Send pictures that all differ; return them."""
    pictures = [os.urandom(SIZE) for _ in range(number)]
    for picture in pictures:
        source.send(picture, timeout=PATIENCE)
    return pictures


def read_exactly(descriptor: int, number: int) -> bytes:
    data = b""
    while len(data) < number:
        piece = os.read(descriptor, number - len(data))
        assert piece, f"the stream ended after {len(data)} of {number} bytes"
        data += piece
    return data


HEADER = b"YUV4MPEG2 W64 H48 F100:1 Ip A1:1 C420jpeg\n"


def test_each_reader_begins_with_a_header_and_the_newest_picture(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(*planned(connection("cam", VIDEO)))
    pipe = free_dir / "out.y4m"
    with serving(hub.root, f"receive cam pipe:{pipe}") as sidecar, opened(Source("cam", root=hub.root)) as source:
        for visit in range(1, 4):
            last = sent(source, 3)[-1]
            reader = os.open(pipe, os.O_RDONLY)
            try:
                stream = read_exactly(reader, len(HEADER) + 6 + SIZE)
            finally:
                os.close(reader)
            assert stream == HEADER + b"FRAME\n" + last
            sidecar.await_word("the reader has left", visit)
            assert not attached(hub, "sink")


def test_a_slow_reader_loses_whole_pictures(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(*planned(connection("cam", VIDEO)))
    pipe = free_dir / "out.y4m"
    with serving(hub.root, f"receive cam pipe:{pipe}"), opened(Source("cam", root=hub.root)) as source:
        reader = os.open(pipe, os.O_RDONLY)
        wait_until(lambda: attached(hub, "sink"), "the outlet")
        pictures = sent(source, 600)  # the pipe has room for 227
        wait_until(lambda: hub.attachments("sink")[0].dropped > 0, "the first loss")
        assert read_exactly(reader, len(HEADER)) == HEADER
        places = [pictures.index(_picture(reader))]
        while places[-1] < len(pictures) - 1:  # the newest one always comes
            places.append(pictures.index(_picture(reader)))
        os.close(reader)
    assert places == sorted(set(places))


def _picture(reader: int) -> bytes:
    assert read_exactly(reader, 6) == b"FRAME\n"
    return read_exactly(reader, SIZE)


def test_a_blocked_sink_without_a_reader_holds_nobody_back(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(*planned(connection("cam", VIDEO, "block")))
    with serving(hub.root, f"receive cam pipe:{free_dir / 'out.y4m'}"), opened(Source("cam", root=hub.root)) as source:
        sent(source, 100)


def test_a_pipe_is_there_before_its_connection(hub: HubUnderTest, free_dir: Path) -> None:
    pipe = free_dir / "out.y4m"
    with serving(hub.root, f"receive cam pipe:{pipe}"):
        reader = os.open(pipe, os.O_RDONLY)
        hub.apply(*planned(connection("cam", VIDEO)))
        wait_until(lambda: attached(hub, "sink"), "the outlet")
        with opened(Source("cam", root=hub.root)) as source:
            (picture,) = sent(source, 1)
            assert read_exactly(reader, len(HEADER) + 6 + SIZE).endswith(picture)
        os.close(reader)


def test_a_reader_survives_the_hub(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(*planned(connection("cam", VIDEO)))
    pipe = free_dir / "out.y4m"
    with serving(hub.root, f"receive cam pipe:{pipe}"):
        reader = os.open(pipe, os.O_RDONLY)
        wait_until(lambda: attached(hub, "sink"), "the outlet")
        with opened(Source("cam", root=hub.root)) as source:
            (first,) = sent(source, 1)
            assert read_exactly(reader, len(HEADER) + 6 + SIZE).endswith(first)
            hub.kill()
            hub.restart()
            hub.apply(*planned(connection("cam", VIDEO)))
            wait_until(lambda: attached(hub, "sink"), "the outlet again")
            (second,) = sent(source, 1)
            assert read_exactly(reader, 6 + SIZE) == b"FRAME\n" + second
        os.close(reader)


def test_another_format_ends_the_stream_and_begins_a_new_one(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(*planned(connection("cam", VIDEO)))
    pipe = free_dir / "out.raw"
    with serving(hub.root, f"receive cam pipe:{pipe} as=y4m") as sidecar:
        with pipe.open("rb", buffering=0) as reader:
            wait_until(lambda: attached(hub, "sink"), "the outlet")
            hub.apply(*planned(connection("cam", VIDEO.replace("width: 64", "width: 32"))), revision=2)
            sidecar.await_word("begins, 64x48")
            with opened(Source("cam", root=hub.root, wait=True)) as source:
                wait_until(lambda: attached(hub, "sink"), "the outlet again")
                source.send(bytes(SIZE // 2), timeout=PATIENCE)
                assert reader.readall() in (HEADER, b"")
        with opened(Source("cam", root=hub.root)) as source, pipe.open("rb", buffering=0) as reader:
            wait_until(lambda: attached(hub, "sink"), "the outlet once more")
            source.send(bytes(SIZE // 2), timeout=PATIENCE)
            assert read_exactly(reader.fileno(), 18).startswith(b"YUV4MPEG2 W32 H48 ")


@pytest.mark.parametrize(
    ("payload", "suffix", "reason"),
    [
        (VIDEO.replace("yuv420p", "uyvy422"), "y4m", "BadSetting: .y4m has no uyvy422"),
        (SOUND, "y4m", "BadSetting: y4m holds uncompressed video, not audio; use as=raw"),
        (H264, "wav", "BadSetting: wav holds uncompressed sound, not h264; use as=raw"),
        (SOUND, "h264", "BadSetting: .h264 cannot hold audio; use as=raw"),
    ],
)
def test_what_a_pipe_cannot_hold_is_told_once(
    hub: HubUnderTest, free_dir: Path, payload: str, suffix: str, reason: str
) -> None:
    hub.apply(*planned(connection("cam", payload)))
    pipe = free_dir / f"out.{suffix}"
    with serving(hub.root, f"receive cam pipe:{pipe}") as sidecar:
        for _ in range(3):
            assert pipe.read_bytes() == b""
        sidecar.await_word(reason)
    assert sidecar.log.count(reason) == 1


def write_on(pipe: Path, garbage: bytes) -> None:
    with pipe.open("wb", buffering=0) as writer:
        while True:  # until the sidecar lets go
            writer.write(garbage)


@pytest.mark.parametrize(
    ("suffix", "garbage", "reason"),
    [
        ("y4m", b"GIF89a\n" + bytes(3000), "it does not begin with YUV4MPEG2"),
        ("y4m", b"YUV4MPEG2 " + b"X" * (1 << 20), "longer than"),
        ("y4m", b"YUV4MPEG2 W640 H480 F25:1 C420jpeg\nFRAME\n" + bytes(9000), "the stream has 640x480 420jpeg"),
        ("y4m", HEADER + b"FRAME\n" + bytes(SIZE) + b"FRAM\n" + bytes(SIZE), "does not begin with FRAME"),
        ("mkv", os.urandom(20000), "cannot be read"),
        ("ts", b"YUV4MPEG2" * 2000, "cannot be read"),
    ],
)
def test_garbage_is_refused_and_the_next_writer_is_welcome(
    hub: HubUnderTest, free_dir: Path, suffix: str, garbage: bytes, reason: str
) -> None:
    hub.apply(*planned(connection("cam", VIDEO) + connection("other", VIDEO)))
    pipe = free_dir / f"in.{suffix}"
    with (
        serving(hub.root, f"send cam pipe:{pipe}", f"send other pipe:{free_dir / 'b.y4m'}") as sidecar,
        opened(Sink("cam", root=hub.root)) as sink,
    ):
        with pytest.raises(BrokenPipeError):
            write_on(pipe, garbage)
        sidecar.await_word(reason)
        encoding = ("-f", "yuv4mpegpipe") if suffix == "y4m" else ("-c:v", "libx264", "-qp", "0")
        finish(ffmpeg(*FILM, "-t", "0.3", "-pix_fmt", "yuv420p", *encoding, str(pipe)))
        assert len(frames(sink, 20)) == 20


def test_each_writer_is_a_discontinuity_and_ends_its_stream(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(*planned(connection("cam", VIDEO, "block")))
    pipe = free_dir / "in.y4m"
    flags = []
    with serving(hub.root, f"send cam pipe:{pipe}") as sidecar, opened(Sink("cam", root=hub.root)) as sink:
        for visit in range(1, 3):
            pipe.write_bytes(HEADER + 3 * (b"FRAME\n" + bytes(SIZE)) + b"FRAME\n" + bytes(SIZE // 2))
            for _ in range(3):
                with sink.receive(PATIENCE) as frame:
                    flags.append(frame.flags)
            sidecar.await_word("the writer has left", visit)
    end, gap = Flags.END_OF_STREAM, Flags.DISCONTINUITY
    assert flags[:3] == [0, 0, end]
    assert flags[3] & gap
    assert flags[4:] == [0, end]


def test_a_writer_that_writes_nothing_is_nobody(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(*planned(connection("cam", VIDEO)))
    pipe = free_dir / "in.y4m"
    with serving(hub.root, f"send cam pipe:{pipe}") as sidecar, opened(Sink("cam", root=hub.root)) as sink:
        for _ in range(5):
            pipe.open("wb").close()
        pipe.write_bytes(HEADER + b"FRAME\n" + bytes(SIZE))
        assert frames(sink, 1) == [bytes(SIZE)]
        sidecar.await_word("the writer has left")
    assert sidecar.log.count("begins") == 1


def test_a_writer_that_stalls_stops_nobody(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(*planned(connection("cam", VIDEO) + connection("other", VIDEO)))
    stalled, other = free_dir / "in.y4m", free_dir / "other.y4m"
    with (
        serving(hub.root, f"send cam pipe:{stalled}", f"send other pipe:{other}") as sidecar,
        stalled.open("wb", buffering=0) as writer,
    ):
        writer.write(HEADER + b"FRAME\n" + bytes(SIZE // 2))
        sidecar.await_word("begins")
        with opened(Sink("other", root=hub.root)) as sink:
            other.write_bytes(HEADER + b"FRAME\n" + bytes(SIZE))
            assert frames(sink, 1) == [bytes(SIZE)]
    assert sidecar.process.returncode == 0


def test_a_stalled_reader_does_not_hold_up_the_end(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(*planned(connection("cam", VIDEO)))
    pipe = free_dir / "out.y4m"
    with serving(hub.root, f"receive cam pipe:{pipe}"):
        reader = os.open(pipe, os.O_RDONLY)
        wait_until(lambda: attached(hub, "sink"), "the outlet")
        with opened(Source("cam", root=hub.root)) as source:
            sent(source, 600)
            wait_until(lambda: hub.attachments("sink")[0].dropped > 0, "a full pipe")
    os.close(reader)


@pytest.mark.parametrize("alignment", ["accessUnit", "nalUnit"])
def test_annex_b_goes_both_ways_and_begins_with_a_key_frame(hub: HubUnderTest, free_dir: Path, alignment: str) -> None:
    hub.apply(*planned(connection("cam", H264.replace("h264,", f"h264, alignment: {alignment},"))))
    fifo_in, fifo_out = free_dir / "in.h264", free_dir / "out.h264"
    film = ("-re", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=50", "-pix_fmt", "yuv420p")
    with serving(hub.root, f"send cam pipe:{fifo_in}", f"receive cam pipe:{fifo_out}"):
        writing = ffmpeg(*film, "-c:v", "libx264", "-g", "10", "-bf", "0", "-f", "h264", str(fifo_in))
        for _ in range(2):
            reading = ffmpeg(
                "-probesize",
                "100000",
                "-f",
                "h264",
                "-i",
                str(fifo_out),
                "-frames:v",
                "20",
                "-f",
                "md5",
                "-",
                stdout=-1,
            )
            assert finish(reading).startswith(b"MD5=")
        stop(writing)


def test_a_container_is_converted_to_the_connection(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(*planned(connection("cam", VIDEO) + connection("tone", SOUND)))
    pipe, sound = free_dir / "in.ts", free_dir / "in.mkv"
    with (
        serving(hub.root, f"send cam pipe:{pipe}", f"send tone pipe:{sound}"),
        opened(Sink("cam", root=hub.root)) as sink,
        opened(Sink("tone", root=hub.root)) as ear,
    ):
        large = ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-t", "2", "-c:v", "mpeg2video", str(pipe))
        assert [len(picture) for picture in frames(sink, 50)] == [SIZE] * 50
        finish(large)
        low = ffmpeg("-f", "lavfi", "-i", "sine=sample_rate=8000", "-t", "1", "-c:a", "pcm_s16le", str(sound))
        assert [len(block) for block in frames(ear, 50)] == [480 * 6] * 50
        finish(low)


def test_a_foreign_file_at_the_path_is_refused(free_dir: Path) -> None:
    (free_dir / "a.y4m").write_text("not a pipe")
    (free_dir / "b.y4m").symlink_to(free_dir / "c.y4m")
    os.mkfifo(free_dir / "c.y4m")
    for name in ("a.y4m", "b.y4m"):
        command = [sys.executable, "-m", "mediamesh", "sidecar", f"receive cam pipe:{free_dir / name}"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 1
        assert f"{name} exists and is no pipe; remove it" in ended.stderr
    assert (free_dir / "a.y4m").read_text() == "not a pipe"
