"""Small JPEG pictures of raw video, by PyAV, which is optional: without it there is no preview.

Rows are copied out of the payload into FFmpeg's picture, whose rows are padded; FFmpeg then scales and encodes, on
one thread: several of swscale's write into each other's rows (see `conversion` of the bridges), and it is one picture.
Only pixel formats that FFmpeg has under the same name are shown.
"""

from collections.abc import Callable
from math import prod
from typing import Final

from mediamesh_core.formats import Format, VideoFormat

Encoder = Callable[[memoryview], bytes]
WIDTH: Final = 480
_ITEM = {"u1": 1, "<u2": 2, ">u2": 2, "u2": 2}


def encoder(format: Format) -> Encoder | None:
    """Return what makes a JPEG of a payload of this format; None if that cannot be done here."""
    if not isinstance(format, VideoFormat) or not format.pixels.ffmpeg:
        return None
    try:
        import av  # noqa: PLC0415  # an optional package
    except ImportError:
        return None
    height = max(2, round(format.height * WIDTH / format.width / 2) * 2)
    rows = [prod(plane.shape[1:]) * _ITEM[plane.dtype] for plane in format.planes]

    def encode(payload: memoryview) -> bytes:
        picture = av.VideoFrame(format.width, format.height, format.pixel_format)
        for plane, target, used in zip(format.planes, picture.planes, rows, strict=True):
            _copy_rows(
                payload[plane.offset : plane.offset + plane.size],
                plane.stride,
                memoryview(target),
                target.line_size,
                used,
            )
        small = picture.reformat(WIDTH, height, "yuvj420p", threads=1)
        context = av.CodecContext.create("mjpeg", "w")
        context.width, context.height, context.pix_fmt = WIDTH, height, "yuvj420p"
        context.time_base = 1 / format.frame_rate
        small.pts = None
        return b"".join(bytes(packet) for packet in (*context.encode(small), *context.encode(None)))

    return encode


def _copy_rows(source: memoryview, stride: int, target: memoryview, line_size: int, used: int) -> None:
    if stride == line_size == used:
        target[: len(source)] = source
        return
    for row in range(len(source) // stride):
        target[row * line_size : row * line_size + used] = source[row * stride : row * stride + used]
