"""Named pipes that an unmodified ffmpeg reads and writes, through a real hub."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import planned
from mediamesh_testing.waiting import PATIENCE, wait_until
from sidecar_actors import (
    DEEP,
    FILM,
    H264,
    HEADER,
    SIZE,
    SOUND,
    TONE,
    VIDEO,
    attached,
    connection,
    ffmpeg,
    finish,
    opened,
    serving,
    stop,
)

from mediamesh.source import Source


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


def test_each_reader_begins_with_a_header_and_the_newest_picture(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(*planned(connection("cam", VIDEO)))
    pipe = free_dir / "out.y4m"
    with serving(hub.root, f"receive cam pipe:{pipe}") as sidecar, opened(Source("cam", root=hub.root)) as source:
        for visit in range(1, 4):
            last = sent(source, 3)[-1]
            wait_until(lambda: hub.flow().next_sequence == source.next_sequence, "the newest picture")
            reader = os.open(pipe, os.O_RDONLY)
            try:
                stream = read_exactly(reader, len(HEADER) + 6 + SIZE)
            finally:
                os.close(reader)
            assert stream == HEADER + b"FRAME\n" + last
            sidecar.await_word("the reader has left", visit)
            wait_until(lambda: not attached(hub, "sink"), "the sink's end")


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
    with serving(hub.root, f"send cam pipe:{fifo_in}", f"receive cam pipe:{fifo_out}") as sidecar:
        writing = ffmpeg(*film, "-c:v", "libx264", "-g", "10", "-bf", "0", "-f", "h264", str(fifo_in))
        for visit in range(1, 3):
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
            sidecar.await_word("the reader has left", visit)  # who came sooner would get the rest of that stream
        stop(writing)


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
