"""Interlaced recordings: a player finds both fields of every picture, and knows which one is earlier."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.codec import Codec
from av.filter import Graph
from av.video.frame import VideoFrame
from bridge_doubles import picture

from mediamesh_bridges.errors import BadSetting
from mediamesh_bridges.file.containers import CONTAINERS
from mediamesh_bridges.file.interlacing import FieldMarks, check_fields
from mediamesh_bridges.file.picture import packer
from mediamesh_bridges.file.recorded import Recorded
from mediamesh_bridges.file.video_writer import VideoWriter
from mediamesh_core.formats import VideoFormat

RATE = Fraction(25)
ORDERS = {"tff": 2, "bff": 3}
PROGRESSIVE_ONLY = (".webm", ".gif", ".wmv", ".asf")
HOLDERS = [suffix for suffix, container in CONTAINERS.items() if container.video and suffix not in PROGRESSIVE_ONLY]
ENCODERS = [(suffix, name) for suffix in HOLDERS for name in CONTAINERS[suffix].video]
CHOSEN = [(".mov", "prores_ks"), (".mkv", "mpeg2video"), (".mkv", "libx264")]


def record(path: Path, format: VideoFormat, codec: str | None) -> None:
    memory = memoryview(bytearray(format.capacity))
    with path.open("w+b") as file:
        writer = VideoWriter(file, format, path.suffix, codec)
        for number in range(4):
            packer(format)(picture(format.width, format.height, format.pixel_format, number), memory)
            writer.write(Recorded(memory, number))
        writer.finish()


def rearranged(picture: VideoFrame, order: str) -> list[bytes]:
    """What FFmpeg makes of a picture that is to have this field earlier: the same, if it is so already."""
    graph = Graph()
    entry = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=picture.time_base
    )
    graph.link_nodes(entry, graph.add("fieldorder", order), graph.add("buffersink")).configure()
    graph.vpush(picture)
    return [bytes(plane) for plane in graph.vpull().reformat(format="yuv422p", threads=1).planes]


def earlier_field(picture: VideoFrame) -> str:
    made = picture.reformat(format="yuv422p", threads=1)
    planes = [bytes(plane) for plane in made.planes]
    (order,) = (order for order in ORDERS if rearranged(made, order) == planes)
    return order


@pytest.mark.parametrize("field_order", ORDERS)
@pytest.mark.parametrize(("suffix", "codec"), [*ENCODERS, *CHOSEN])
def test_every_picture_is_played_as_two_fields_in_their_order(
    tmp_path: Path, suffix: str, codec: str, field_order: str
) -> None:
    format = VideoFormat(192, 128, RATE, "yuv422p", "interlaced", field_order)
    record(tmp_path / f"cam{suffix}", format, codec)
    with av.open(str(tmp_path / f"cam{suffix}"), "r") as container:
        stream = container.streams.video[0]
        said = stream.codec_context.field_order
        pictures = list(container.decode(stream))
    assert len(pictures) == 4
    assert all(each.interlaced_frame for each in pictures)
    assert {earlier_field(each) for each in pictures} == {field_order}
    assert said == ORDERS[field_order] or codec == "mpeg4" or suffix == ".nut"  # only their pictures say it


def test_the_container_says_it_where_the_codec_leaves_it_to_the_container(tmp_path: Path) -> None:
    format = VideoFormat(192, 128, RATE, "yuv422p10le", "interlaced", "bff")
    record(tmp_path / "cam.mov", format, "v210")
    assert b"fiel\x02\x06" in (tmp_path / "cam.mov").read_bytes()  # two fields, the bottom one first


@pytest.mark.parametrize("suffix", HOLDERS)
def test_progressive_pictures_stay_progressive(tmp_path: Path, suffix: str) -> None:
    record(tmp_path / f"cam{suffix}", VideoFormat(192, 128, RATE, "yuv422p"), None)
    with av.open(str(tmp_path / f"cam{suffix}"), "r") as container:
        assert not any(each.interlaced_frame for each in container.decode(video=0))


def test_a_marked_picture_keeps_its_memory_and_its_time() -> None:
    format = VideoFormat(64, 48, RATE, "yuv422p", "interlaced", "bff")
    plain = picture(64, 48, "yuv422p", 1)
    plain.pts, plain.time_base = 7, 1 / RATE
    marked = FieldMarks(format, "yuv422p")(plain)
    assert marked.planes[0].buffer_ptr == plain.planes[0].buffer_ptr
    assert (marked.pts, marked.time_base, marked.interlaced_frame) == (7, 1 / RATE, True)


@pytest.mark.parametrize("name", ["libx265", "libvpx-vp9", "wmv2"])
def test_encoders_without_interlaced_pictures_are_refused(name: str) -> None:
    check_fields(Codec(name, "w"), VideoFormat(64, 48, RATE, "yuv422p"))
    with pytest.raises(BadSetting, match="cannot keep interlaced"):
        check_fields(Codec(name, "w"), VideoFormat(64, 48, RATE, "yuv422p", "interlaced"))
