"""Pictures on a pipe in a container that players know."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pytest
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.waiting import PATIENCE
from sdk_plans import connection

import mediamesh
from mediamesh.cli import nut, streams
from mediamesh.cli.nut import NAMELESS, NutWriter
from mediamesh.errors import UnsuitableFile
from mediamesh_core.formats import PIXEL_FORMATS, AudioFormat, BlobFormat, VideoFormat

RAW = sorted(name for name, pixels in PIXEL_FORMATS.items() if pixels.ffmpeg and name not in NAMELESS)


class Pipe(io.RawIOBase):
    """What cannot seek."""

    def __init__(self) -> None:
        self.taken = io.BytesIO()

    def write(self, data: Any) -> int:
        return self.taken.write(data)

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def picture(pixels: str) -> VideoFormat:
    return VideoFormat(48, 16, "30000/1001", pixels)  # type: ignore[arg-type]


def piped(format: VideoFormat, payloads: list[bytes]) -> io.BytesIO:
    pipe = Pipe()
    writer = NutWriter(pipe, format)  # type: ignore[arg-type]
    for payload in payloads:
        writer.write(memoryview(payload))
    writer.finish()
    pipe.taken.seek(0)
    return pipe.taken


@pytest.mark.parametrize("pixels", [*RAW, "v210"])
def test_a_player_finds_everything_in_the_stream(pixels: str) -> None:
    format = picture(pixels)
    payloads = [os.urandom(format.capacity) for _ in range(3)]
    with av.open(piped(format, payloads), "r") as container:
        (stream,) = container.streams.video
        assert (stream.width, stream.height, stream.average_rate) == (48, 16, format.frame_rate)
        assert stream.codec_context.name == ("v210" if pixels == "v210" else "rawvideo")
        assert stream.pix_fmt == {"v210": "yuv422p10le"}.get(pixels, pixels)
        packets = [packet for packet in container.demux(stream) if packet.size]
        assert [bytes(packet) for packet in packets] == payloads
        assert [(packet.pts or 0) * packet.time_base for packet in packets] == [n / format.frame_rate for n in range(3)]


@pytest.mark.parametrize(
    ("format", "kind"),
    [
        (picture("yuv422p10le"), "y4m"),
        (picture("uyvy422"), "nut"),
        (picture("v210"), "nut"),
        (picture("p010le"), "raw"),
        (picture("yuv422p10rfc4175"), "raw"),
        (AudioFormat("pcm_s16le", 2, 48000, 480), "wav"),
        (AudioFormat("pcm_s24be", 2, 48000, 480), "raw"),
        (BlobFormat(10), "raw"),
    ],
)
def test_a_pipe_has_the_best_that_the_payload_fits(
    format: Any, kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert streams.kind_of("-", None, format, streams.WRITTEN) == kind
    assert streams.kind_of("-", None, format, streams.READ) == kind.replace("nut", "raw")
    monkeypatch.setattr(nut, "find_spec", lambda _: None)
    assert streams.kind_of("-", None, format, streams.WRITTEN) == kind.replace("nut", "raw")
    with pytest.raises(UnsuitableFile, match="needs PyAV"):
        streams.header("nut", format)


def test_receive_pipes_what_a_player_knows(hub: HubUnderTest) -> None:
    format = picture("uyvy422")
    hub.apply(connection("packed", format))
    command = [sys.executable, "-m", "mediamesh", "receive", "packed", "-", "--count", "2"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as receiving,
        mediamesh.open_source("packed", timeout=30, wait_for_sinks=1) as source,
    ):
        for _ in range(2):
            source.send(b"\x55" * format.capacity, timeout=30)
        out, _ = receiving.communicate(timeout=PATIENCE)
    assert receiving.returncode == 0
    with av.open(io.BytesIO(out), "r") as container:
        assert [frame.format.name for frame in container.decode(video=0)] == ["uyvy422"] * 2
