"""A received picture as RGB, converted by PyAV (FFmpeg's swscale); rgb24 needs nothing.

On one thread: several write vectors beyond the ends of their rows into each other's, which alters pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediamesh.cli import pixelgroups
from mediamesh.errors import UnsuitableFile
from mediamesh_core.formats import Format, VideoFormat

if TYPE_CHECKING:
    import av

HIGH_DEFINITION = 720
"""Lines from which on YCbCr is that of ITU-R BT.709; below it is that of BT.601."""


def to_rgb(payload: memoryview, format: Format) -> tuple[bytes, int, int]:
    """Return rows of RGB bytes, width and height.

    Raises
    ------
    UnsuitableFile
        The connection carries no pictures, or PyAV is not installed.
    """
    if not isinstance(format, VideoFormat):
        raise UnsuitableFile("a snapshot needs a connection with uncompressed video")
    if format.pixel_format == "rgb24":
        return bytes(payload), format.width, format.height
    matrix = "itu709" if format.height >= HIGH_DEFINITION else "itu601"
    picture = _picture(payload, format).reformat(format="rgb24", src_colorspace=matrix, threads=1)
    return _rows(picture.planes[0], 3 * format.width), format.width, format.height


def _picture(payload: memoryview, format: VideoFormat) -> av.VideoFrame:
    try:
        import av  # noqa: PLC0415  # an extra, and slow to import
    except ImportError as error:
        raise UnsuitableFile(f"a snapshot of {format.pixel_format} needs PyAV; install mediamesh[av]") from error
    if format.pixel_format == "v210":
        return _decoded(av, payload, format)
    name, planes = format.pixel_format, _as_they_are(payload, format)
    if not format.pixels.ffmpeg:
        name, planes = pixelgroups.planar_name(format), pixelgroups.planes(payload, format)
    picture = av.VideoFrame(format.width, format.height, name)
    for target, (rows, stride) in zip(picture.planes, planes, strict=True):
        _fill(target, rows, stride)
    return picture


def _as_they_are(payload: memoryview, format: VideoFormat) -> list[tuple[bytes, int]]:
    return [(bytes(payload[plane.offset : plane.offset + plane.size]), plane.stride) for plane in format.planes]


def _decoded(library: Any, payload: memoryview, format: VideoFormat) -> av.VideoFrame:
    decoder = library.CodecContext.create(format.pixel_format, "r")
    decoder.width, decoder.height = format.width, format.height
    picture: av.VideoFrame = decoder.decode(library.Packet(bytes(payload)))[0]
    return picture


def _fill(target: Any, rows: bytes, stride: int) -> None:
    """Copy rows without padding into a plane whose rows have some."""
    if target.line_size == stride:
        target.update(rows)
        return
    padding = bytes(target.line_size - stride)
    target.update(b"".join(rows[at : at + stride] + padding for at in range(0, len(rows), stride)))


def _rows(plane: Any, width: int) -> bytes:
    data = bytes(plane)
    return b"".join(data[at : at + width] for at in range(0, plane.line_size * plane.height, plane.line_size))
