"""Interlaced pictures on their way into an encoder, so that a player finds both fields and knows the earlier one.

Four places want to be told, and none follows from another: the encoder's stream (`field_order`, from which
a container takes what it says itself), its tools for interlaced pictures, each picture, and x264 once more in its own
words, since it begins the stream before it has seen a picture. PyAV cannot mark a picture, but FFmpeg's filter
`setfield` can.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from av.codec import Codec
from av.codec.context import Flags
from av.filter import Graph
from av.video.codeccontext import VideoCodecContext
from av.video.format import VideoFormat as PixelFormat
from av.video.frame import VideoFrame

from mediamesh_bridges.errors import BadSetting
from mediamesh_core.formats import VideoFormat

_ORDERS: Final = {"tff": 2, "bff": 3}  # AV_FIELD_TT, AV_FIELD_BB
_TOOLS: Final = Flags.interlaced_dct | Flags.interlaced_me
_PROGRESSIVE_ONLY: Final = frozenset({"av1", "flv1", "gif", "hevc", "vp8", "vp9", "vvc", "wmv2"})
"""Codecs without interlaced pictures, or whose encoders have none."""


def check_fields(encoder: Codec, format: VideoFormat) -> None:
    """Raise `BadSetting` for interlaced video that would come out of a file as progressive."""
    if format.field_order and encoder.canonical_name in _PROGRESSIVE_ONLY:
        raise BadSetting(f"file.codec: {encoder.name} cannot keep interlaced pictures; use .mkv, .mp4 or .mov")


def field_options(encoder: str, format: VideoFormat) -> dict[str, str]:
    """Return the private options that an encoder wants for this format's fields."""
    return {"x264-params": f"{format.field_order}=1"} if encoder == "libx264" and format.field_order else {}


def announce_fields(context: VideoCodecContext, format: VideoFormat) -> None:
    """Tell an encoder that is not open yet which fields come."""
    if format.field_order:
        context.field_order = _ORDERS[format.field_order]
        context.flags |= _TOOLS


class FieldMarks:
    """Marks each picture as what the format says, without copying it; progressive ones are as they come."""

    def __init__(self, format: VideoFormat, pixels: str) -> None:
        self._graph = _marking(format, pixels) if format.field_order else None

    def __call__(self, picture: VideoFrame) -> VideoFrame:
        """Return the marked picture, with its time."""
        if self._graph is None:
            return picture
        self._graph.vpush(picture)
        return self._graph.vpull()


def _marking(format: VideoFormat, pixels: str) -> Graph:
    graph = Graph()
    entry = graph.add_buffer(
        width=format.width,
        height=format.height,
        format=PixelFormat(pixels),
        time_base=1 / Fraction(format.frame_rate),
    )
    graph.link_nodes(entry, graph.add("setfield", format.field_order), graph.add("buffersink")).configure()
    return graph
