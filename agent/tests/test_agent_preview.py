"""The page's pictures: made of any format that FFmpeg knows, and live from a real flow."""

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import av
import pytest
from mediamesh_testing.agents import living, until

from mediamesh.source import Source
from mediamesh_agent import jpeg
from mediamesh_core.formats import Format, VideoFormat, from_json

VIDEO = """
apiVersion: mediamesh.io/v1alpha1
kind: MediaConnection
metadata: {name: film}
spec:
  payload: {video: {width: 64, height: 36, frameRate: 25, pixelFormat: rgb24}}
  source: {name: camera, pod: {}}
  sinks: [{name: page, pod: {}}]
"""


def video(pixel_format: str, width: int = 66, height: int = 34) -> VideoFormat:
    spec = {"width": width, "height": height, "frameRate": "25", "pixelFormat": pixel_format}
    format = from_json(json.dumps({"video": spec}))
    assert isinstance(format, VideoFormat)
    return format


def picture(data: bytes) -> av.VideoFrame:
    with av.open(io.BytesIO(data), "r", format="mjpeg") as container:
        return next(container.decode(video=0))


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "nv12", "p010le", "uyvy422", "rgb24", "bgra"])
def test_every_kind_of_layout_becomes_a_picture(pixel_format: str) -> None:
    format = video(pixel_format)
    encode = jpeg.encoder(format)
    assert encode
    found = picture(encode(memoryview(bytes(format.capacity))))
    assert (found.width, found.height) == (jpeg.WIDTH, 248)


def test_colours_survive() -> None:
    format = video("rgb24")
    encode = jpeg.encoder(format)
    assert encode
    red = memoryview(bytes([250, 10, 10]) * (format.width * format.height))
    pixel = bytes(picture(encode(red)).reformat(format="rgb24", threads=1).planes[0])[:3]
    assert pixel[0] > 220
    assert max(pixel[1:]) < 40


@pytest.mark.parametrize("payload", ['{"blob":{"maxSize":10}}', '{"audio":{"channels":2,"sampleFormat":"pcm_s24be"}}'])
def test_what_is_no_picture_has_no_preview(payload: str) -> None:
    assert jpeg.encoder(from_json(payload)) is None


def test_a_format_that_ffmpeg_does_not_have_has_no_preview() -> None:
    assert jpeg.encoder(video("yuv422p10rfc4175", width=64)) is None


def test_without_pyav_there_is_no_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    format: Format = video("rgb24")
    assert jpeg.encoder(format) is None


@asynccontextmanager
async def sending(root: Path) -> AsyncIterator[None]:
    """A source in a thread: red pictures until the block ends."""
    going = True

    def send() -> None:
        with Source("film", root=root, wait=True) as source:
            source.open(timeout=30)
            while going:
                with source.acquire(timeout=30) as frame:
                    memoryview(frame)[:] = bytes([250, 0, 0]) * (64 * 36)
                    frame.length = frame.capacity
                    frame.send()

    sender = asyncio.create_task(asyncio.to_thread(send))
    try:
        yield
    finally:
        going = False
        await sender


def test_the_page_shows_what_its_sink_receives(free_dir: Path) -> None:
    async def main() -> None:
        async with living(free_dir, "other", port=0) as (agent, port), aiohttp.ClientSession() as session:
            (free_dir / "connections.yaml").write_text(VIDEO)
            await until(agent, lambda: agent.picture().part("default/film", "page") is not None)
            url = f"http://127.0.0.1:{port}/preview.mjpg"
            async with sending(free_dir / "root"):
                await until(agent, lambda: _received(agent.picture().part("default/film", "page")) > 0)
                async with session.get(url, params={"connection": "default/film"}) as got:
                    assert got.content_type == "multipart/x-mixed-replace"
                    for _ in range(3):
                        head = await got.content.readuntil(b"\r\n\r\n")
                        length = int(head.split(b"Content-Length: ")[1].split()[0])
                        found = picture(await got.content.readexactly(length))
                        assert (found.width, found.height) == (jpeg.WIDTH, 270)
                        await got.content.readexactly(2)
            async with session.get(url, params={"connection": "default/other"}) as got:
                assert got.status == 404

    asyncio.run(main())


def _received(part: object) -> int:
    received: int = getattr(part, "received", 0)
    return received
