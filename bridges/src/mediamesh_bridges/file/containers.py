"""Containers that FFmpeg writes: what each holds, and how it is set up so that it is readable after a `kill -9`.

The table is the only place that knows a suffix. Matroska and NUT get FFV1 for pictures: lossless, so that a recording
is the frames that were sent. The others get what their players expect, of high quality. Sound stays PCM where the
container has it. Encoded media goes in as it is, where the container has a place for the codec.

Matroska is readable up to its last whole cluster; clusters are cut at key frames and at least once a second. MP4
and QuickTime are written in fragments of half a second, which need no index. When such a file is finished
FFmpeg adds the index and turns it into an ordinary one in place (`hybrid_fragmented`), so nothing is copied. The
others are made for streams, or hold their index back to the end and can be read without. Every packet is passed
on to the kernel at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, Final

import av

if TYPE_CHECKING:
    from av.container import OutputContainer

PCM: Final = "pcm"
_H264 = ("libx264", "mpeg4")
_LOSSLESS = ("ffv1",)
_FRAGMENTS = (("movflags", "+hybrid_fragmented+default_base_moof"), ("frag_duration", "500000"))
_CLUSTERS = (("cluster_time_limit", "1000"),)
_MPEG_VIDEO = ("h264", "mpeg2video", "mpeg4")
_MPEG_SOUND = ("mp2", "mp3", "ac3", "eac3")
_PACKETS = (("packetsize", "1200"),)


@dataclass(frozen=True, slots=True)
class Container:
    """One suffix."""

    muxer: str
    video: tuple[str, ...] = ()
    """FFmpeg's encoders for uncompressed pictures, the first that there is; none: it holds no pictures."""
    audio: tuple[str, ...] = ()
    """The same for uncompressed sound; `PCM` is the samples as they are."""
    encoded: tuple[str, ...] | None = ()
    """Codecs of encoded media; None: whatever FFmpeg can put there."""
    options: tuple[tuple[str, str], ...] = ()
    """Of the muxer."""
    written_at_once: int = 1 << 18
    """Bytes at most."""


CONTAINERS: Final[dict[str, Container]] = {
    ".mkv": Container("matroska", _LOSSLESS, (PCM,), None, _CLUSTERS),
    ".mp4": Container("mp4", _H264, (PCM,), None, _FRAGMENTS),
    ".mov": Container("mov", _H264, (PCM,), None, _FRAGMENTS),
    ".m4v": Container("mp4", _H264, (), None, _FRAGMENTS),
    ".m4a": Container("mp4", (), ("aac",), ("aac", "mp3", "ac3", "eac3", "opus"), _FRAGMENTS),
    ".ts": Container("mpegts", _H264, ("aac", "mp2"), (*_MPEG_VIDEO, "hevc", "vvc", *_MPEG_SOUND, "aac", "opus")),
    ".mpg": Container("vob", ("mpeg2video",), ("mp2",), (*_MPEG_VIDEO, *_MPEG_SOUND)),
    ".avi": Container("avi", _H264, (PCM,), (*_MPEG_VIDEO, "mjpeg", *_MPEG_SOUND)),
    ".webm": Container("webm", ("libvpx-vp9", "libvpx"), ("libopus",), ("vp8", "vp9", "av1", "opus"), _CLUSTERS),
    ".mxf": Container("mxf", ("mpeg2video",), (), ("h264", "mpeg2video", "dnxhd", "prores", "jpeg2000")),
    ".nut": Container("nut", _LOSSLESS, (PCM,), None),
    ".flv": Container("flv", ("libx264",), ("aac",), ("h264", "hevc", "aac", "mp3")),
    ".ogg": Container("ogg", (), ("libopus",), ("opus", "vp8")),
    ".flac": Container("flac", (), ("flac",)),
    ".mp3": Container("mp3", (), ("libmp3lame",), ("mp3",)),
    ".gif": Container("gif", ("gif",)),
    ".wmv": Container("asf", ("wmv2",), ("wmav2",), ("mjpeg", "mp3")),
    ".wma": Container("asf", (), ("wmav2",)),
    ".3gp": Container("3gp", _H264, ("aac",), ("h264", "hevc", "aac"), _FRAGMENTS),
    ".caf": Container("caf", (), (PCM,)),
    ".mka": Container("matroska", (), (PCM,), None, _CLUSTERS),
    ".opus": Container("opus", (), ("libopus",), ("opus",)),
}
_ALSO = {".ts": (".m2ts", ".mts"), ".mpg": (".mpeg", ".vob"), ".ogg": (".oga",), ".wmv": (".asf",)}
CONTAINERS.update({also: CONTAINERS[suffix] for suffix, others in _ALSO.items() for also in others})


STREAMS: Final[dict[str, Container]] = {
    ".h264": Container("h264", _H264[:1], (), ("h264",)),
    ".hevc": Container("hevc", ("libx265",), (), ("hevc",)),
    ".udp": replace(CONTAINERS[".ts"], written_at_once=7 * 188),
    ".rtp": Container("rtp", _H264[:1], ("pcm_s24be",), ("h264", "hevc", "vp8", "vp9", "aac", "opus"), _PACKETS, 2000),
    ".rtp16": Container("rtp", (), ("pcm_s16be",), (), _PACKETS, 2000),
}
"""The same for streams that are no files, under names of our own: byte streams, and packets, one a write."""


def container_of(suffix: str) -> Container | None:
    """Return the row of a suffix."""
    return CONTAINERS.get(suffix) or STREAMS.get(suffix)


def open_container(file: BinaryIO, suffix: str) -> OutputContainer:
    """Return a container that is written into `file`; nothing is written before its first packet."""
    container = (CONTAINERS | STREAMS)[suffix]
    options = {"flush_packets": "1"} | dict(container.options)
    return av.open(file, "w", format=container.muxer, container_options=options, buffer_size=container.written_at_once)
