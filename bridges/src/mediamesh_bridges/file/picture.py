"""Pictures between FFmpeg's frames and the payload of a flow's frames.

FFmpeg pads the rows of its pictures, a payload does not, so plane by plane and row by row is the one copy that is
made, straight into (or out of) the frame of the pool. Three kinds of pixel formats differ in the way:

* those that FFmpeg has under the same name: their planes are copied;
* those that FFmpeg has under another name (pixel groups of RFC 4175 whose samples are whole bytes): the same;
* those that FFmpeg knows as codecs (`v210`, and `bitpacked` for 10-bit pixel groups): coded and decoded. Coding to
  v210 moves the 10-bit codes that SDI reserves (0 to 3, 1020 to 1023) to the nearest legal one.

The remaining pixel groups of RFC 4175 have no counterpart in FFmpeg; they can be played and recorded raw only.
"""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import Final, Protocol, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from mediamesh_bridges.errors import BadSetting, FileUnusable
from mediamesh_core.formats import VideoFormat

Bytes = np.ndarray[tuple[int, int], np.dtype[np.uint8]]

_SAME_LAYOUT = {
    "yuv422p8rfc4175": "uyvy422",
    "rgb8rfc4175": "rgb24",
    "rgb16rfc4175": "rgb48be",
    "key8rfc4175": "gray",
    "key16rfc4175": "gray16be",
}
_CODECS = {"v210": "v210", "yuv422p10rfc4175": "bitpacked"}
_CODED_AS: Final = "yuv422p10le"


class Packer(Protocol):
    """Puts one of FFmpeg's pictures into a payload and returns its length."""

    def __call__(self, picture: VideoFrame, payload: memoryview) -> int:
        """Fill `payload` from its beginning."""


class Unpacker(Protocol):
    """Makes a picture of FFmpeg's from a payload, which may be reused afterwards."""

    def __call__(self, payload: memoryview) -> VideoFrame:
        """Copy the payload."""


def ffmpeg_pixels(format: VideoFormat) -> str:
    """Return FFmpeg's pixel format in which pictures of this format are decoded, scaled and encoded."""
    name = format.pixel_format
    if format.pixels.ffmpeg:
        return name
    if name in _CODECS:
        return _CODED_AS
    if name in _SAME_LAYOUT:
        return _SAME_LAYOUT[name]
    raise BadSetting(f"FFmpeg cannot convert pixelFormat {name}: use a file with suffix .raw, or yuv422p10rfc4175")


def packer(format: VideoFormat) -> Packer:
    """Return what writes pictures of `ffmpeg_pixels(format)` into payloads."""
    if format.pixel_format in _CODECS:
        return _CodecPacker(format)
    return _PlanePacker(format)


def unpacker(format: VideoFormat) -> Unpacker:
    """Return what makes pictures of `ffmpeg_pixels(format)` from payloads."""
    if format.pixel_format in _CODECS:
        return _CodecUnpacker(format)
    return _PlaneUnpacker(format)


class _PlanePacker:
    def __init__(self, format: VideoFormat) -> None:
        self._format = format
        self._length = format.capacity

    def __call__(self, picture: VideoFrame, payload: memoryview) -> int:
        for target, source in zip(
            _payload_rows(self._format, payload), _picture_rows(self._format, picture), strict=True
        ):
            np.copyto(target, source)
        return self._length


class _PlaneUnpacker:
    def __init__(self, format: VideoFormat) -> None:
        self._format = format
        self._pixels = ffmpeg_pixels(format)

    def __call__(self, payload: memoryview) -> VideoFrame:
        picture = VideoFrame(self._format.width, self._format.height, self._pixels)
        for source, target in zip(
            _payload_rows(self._format, payload), _picture_rows(self._format, picture), strict=True
        ):
            np.copyto(target, source)
        return picture


class _CodecPacker:
    def __init__(self, format: VideoFormat) -> None:
        self._length = format.capacity
        self._encoder = _opened(format, "w")

    def __call__(self, picture: VideoFrame, payload: memoryview) -> int:
        picture.pts = None
        for packet in self._encoder.encode(picture):
            payload[: self._length] = memoryview(packet)
        return self._length


class _CodecUnpacker:
    def __init__(self, format: VideoFormat) -> None:
        self._length = format.capacity
        self._decoder = _opened(format, "r")

    def __call__(self, payload: memoryview) -> VideoFrame:
        (picture,) = self._decoder.decode(av.Packet(bytes(payload[: self._length])))
        return picture


def _opened(format: VideoFormat, mode: str) -> VideoCodecContext:
    context = cast(
        "VideoCodecContext", av.CodecContext.create(_CODECS[format.pixel_format], "w" if mode == "w" else "r")
    )
    context.width, context.height = format.width, format.height
    context.pix_fmt = _CODED_AS
    context.thread_count = 1  # so that each picture comes out at once
    if mode == "w":
        context.time_base = 1 / Fraction(format.frame_rate)
    elif format.pixel_format != "v210":
        context.codec_tag = "UYVY"
        context.bits_per_coded_sample = 20
    return context


def _payload_rows(format: VideoFormat, payload: memoryview) -> list[Bytes]:
    """Return each plane of a payload as rows of bytes, without a copy."""
    whole = np.frombuffer(payload, np.uint8)
    return [whole[plane.offset : plane.offset + plane.size].reshape(-1, plane.stride) for plane in format.planes]


def _picture_rows(format: VideoFormat, picture: VideoFrame) -> list[Bytes]:
    """Return each plane of FFmpeg's picture as rows of bytes without their padding, without a copy."""
    rows = []
    for plane, row_bytes in zip(picture.planes, _row_bytes(format), strict=True):
        if plane.line_size < 0:
            raise FileUnusable("the file stores its pictures bottom up, which is not supported")
        rows.append(np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, :row_bytes])
    return rows


def _row_bytes(format: VideoFormat) -> list[int]:
    return [prod(plane.shape[1:]) * np.dtype(plane.dtype).itemsize for plane in format.planes]
