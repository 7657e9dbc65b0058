"""Programs that write into named pipes: good ones, bad ones, and those that stop half way."""

import os
import select
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import planned
from mediamesh_testing.waiting import PATIENCE
from sidecar_actors import (
    FILM,
    HEADER,
    SIZE,
    SOUND,
    VIDEO,
    connection,
    ffmpeg,
    finish,
    frames,
    opened,
    serving,
)

from mediamesh.frames import Flags
from mediamesh.sink import Sink
from mediamesh.stopping import Stopping
from mediamesh_bridges.sidecar import fifo
from mediamesh_bridges.sidecar.waiting import await_event


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
    hub.apply(*planned(connection("cam", VIDEO, "block") + connection("other", VIDEO)))  # it is read late
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
    assert [flag & ~gap for flag in flags] == [0, 0, end] * 2  # a sidecar that is held up has a gap of its own
    assert not flags[0] & gap
    assert flags[3] & gap


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


def test_who_writes_while_one_that_wrote_nothing_is_let_go_is_read(
    free_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = free_dir / "in.y4m"

    def seen_late(*arguments: Any) -> int:
        happened = await_event(*arguments)
        if not happened & select.POLLIN:
            path.write_bytes(b"stream")
        return happened

    monkeypatch.setattr(fifo, "await_event", seen_late)
    with closing(Stopping()) as stopping:
        pipe = fifo.Fifo(str(path), 0o600, stopping)
        pipe.make()
        nobody = Thread(target=lambda: path.open("wb").close())
        nobody.start()
        with pipe.await_writer() as reader:
            assert reader.read(6) == b"stream"
        nobody.join()


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


def test_a_container_is_converted_to_the_connection(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(*planned(connection("cam", VIDEO) + connection("tone", SOUND, "block")))
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
