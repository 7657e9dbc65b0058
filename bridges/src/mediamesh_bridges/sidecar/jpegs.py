"""Frames as JPEG: pictures are encoded, other codecs decoded first, and what is JPEG already stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import cast

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from mediamesh_bridges.errors import BadSetting
from mediamesh_bridges.file.conversion import ffmpeg_colorspace
from mediamesh_bridges.file.picture import unpacker
from mediamesh_core.formats import CODECS, EncodedFormat, Format, VideoFormat

QUALITY = "4"
"""FFmpeg's scale for the quantiser: 2 is best, 31 worst."""

Jpegs = Callable[[memoryview], list[bytes]]


def jpegs_of(format: Format) -> Jpegs:
    """Return what makes JPEG pictures of payloads: one of each, none or several where a decoder reorders.

    Raises
    ------
    BadSetting
        The format has no pictures, or FFmpeg cannot read them.
    """
    if isinstance(format, VideoFormat):
        unpack, encode = unpacker(format), _Encoder()
        return lambda payload: [encode(unpack(payload))]
    if isinstance(format, EncodedFormat) and format.codec == "mjpeg":
        return lambda payload: [bytes(payload)]
    if isinstance(format, EncodedFormat) and format.media == "video":
        return _Decoded(format)
    (kind,) = format.to_spec()
    raise BadSetting(f"http shows pictures, which a connection with {kind} does not have; use a pipe, rtp: or udp:")


class _Decoded:
    def __init__(self, format: EncodedFormat) -> None:
        self._decoder = cast("VideoCodecContext", av.CodecContext.create(CODECS[format.codec].ffmpeg, "r"))
        self._decoder.thread_type = "SLICE"
        if format.extradata:
            self._decoder.extradata = format.extradata
        self._encode = _Encoder()

    def __call__(self, payload: memoryview) -> list[bytes]:
        try:
            pictures = self._decoder.decode(av.Packet(bytes(payload)))
        except FFmpegError:
            return []  # damaged, or not begun yet: the next key frame heals it
        return [self._encode(picture) for picture in pictures]


class _Encoder:
    """An encoder for pictures of one size; another one when the size changes."""

    def __init__(self) -> None:
        self._context: VideoCodecContext | None = None
        self._reformatter = VideoReformatter()

    def __call__(self, picture: VideoFrame) -> bytes:
        space = ffmpeg_colorspace(picture)
        full = self._reformatter.reformat(
            picture,
            format="yuvj420p",
            src_colorspace=space,
            dst_colorspace=int(Colorspace.ITU601),
            dst_color_range=int(ColorRange.JPEG),
            threads=1,  # see `conversion`
        )
        full.pts = None
        return b"".join(bytes(packet) for packet in self._fitting(full).encode(full))

    def _fitting(self, picture: VideoFrame) -> VideoCodecContext:
        context = self._context
        if context is None or (context.width, context.height) != (picture.width, picture.height):
            context = av.CodecContext.create("mjpeg", "w")
            context.width, context.height, context.pix_fmt = picture.width, picture.height, "yuvj420p"
            context.time_base = Fraction(1, 25)
            context.thread_count = 1
            context.options = {"qmin": QUALITY, "qmax": QUALITY}
            self._context = context
        return context
