"""A received picture as RGB, converted by PyAV (FFmpeg's swscale); rgb24 needs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediamesh.errors import UnsuitableFile
from mediamesh_core.formats import Format, VideoFormat

if TYPE_CHECKING:
    import av


def to_rgb(payload: memoryview, format: Format) -> tuple[bytes, int, int]:
    """Return rows of RGB bytes, width and height.

    Raises
    ------
    UnsuitableFile
        The connection carries no pictures, PyAV is not installed, or FFmpeg does not know the pixel format.
    """
    if not isinstance(format, VideoFormat):
        raise UnsuitableFile("a snapshot needs a connection with uncompressed video")
    if format.pixel_format == "rgb24":
        return bytes(payload), format.width, format.height
    picture = _picture(payload, format).reformat(format="rgb24")
    return _rows(picture.planes[0], 3 * format.width), format.width, format.height


def _picture(payload: memoryview, format: VideoFormat) -> av.VideoFrame:
    try:
        import av  # noqa: PLC0415  # an extra, and slow to import
    except ImportError as error:
        raise UnsuitableFile(f"a snapshot of {format.pixel_format} needs PyAV; install mediamesh[av]") from error
    if format.pixel_format == "v210":
        return _decoded(av, payload, format)
    if not format.pixels.ffmpeg:
        raise UnsuitableFile(f"FFmpeg does not know {format.pixel_format}; record it with `mediamesh receive`")
    picture = av.VideoFrame(format.width, format.height, format.pixel_format)
    for target, plane in zip(picture.planes, format.planes, strict=True):
        _fill(target, payload[plane.offset : plane.offset + plane.size], plane.stride)
    return picture


def _decoded(library: Any, payload: memoryview, format: VideoFormat) -> av.VideoFrame:
    decoder = library.CodecContext.create(format.pixel_format, "r")
    decoder.width, decoder.height = format.width, format.height
    picture: av.VideoFrame = decoder.decode(library.Packet(bytes(payload)))[0]
    return picture


def _fill(target: Any, rows: memoryview, stride: int) -> None:
    """Copy rows without padding into a plane whose rows have some."""
    if target.line_size == stride:
        target.update(rows)
        return
    padding = bytes(target.line_size - stride)
    target.update(b"".join(bytes(rows[at : at + stride]) + padding for at in range(0, len(rows), stride)))


def _rows(plane: Any, width: int) -> bytes:
    data = bytes(plane)
    return b"".join(data[at : at + width] for at in range(0, plane.line_size * plane.height, plane.line_size))
