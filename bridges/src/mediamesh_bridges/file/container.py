"""Containers that FFmpeg writes, set up so that what was written so far can be read after a `kill -9`.

Matroska is readable up to its last whole cluster; clusters are cut at key frames and at least once a second. MP4
and QuickTime are written in fragments of half a second, which need no index. When such a file is finished
FFmpeg adds the index and turns it into an ordinary one in place (`hybrid_fragmented`), so nothing is copied. Every
packet is passed on to the kernel at once.
"""

from __future__ import annotations

from typing import BinaryIO, Final

import av
from av.container import OutputContainer

FORMATS: Final = {".mkv": "matroska", ".mp4": "mp4", ".mov": "mov"}

_MOVIE = {"movflags": "+hybrid_fragmented+default_base_moof", "frag_duration": "500000"}
_OPTIONS = {".mkv": {"cluster_time_limit": "1000"}, ".mp4": _MOVIE, ".mov": _MOVIE}
_WRITTEN_AT_ONCE = 1 << 18


def open_container(file: BinaryIO, suffix: str) -> OutputContainer:
    """Return a container that is written into `file`; nothing is written before its first packet."""
    options = {"flush_packets": "1"} | _OPTIONS[suffix]
    return av.open(file, "w", format=FORMATS[suffix], container_options=options, buffer_size=_WRITTEN_AT_ONCE)
