"""Files that cannot hold the payload, by what is known of them without opening one.

`.wav` is for audio, `.y4m` for uncompressed video, Matroska, MP4 and QuickTime for all but ancillary packets and blobs,
`.raw` for anything. Whether a container has a certain codec or pixel format is for the bridge to say.

Odd widths and heights are right for subsampled formats: planes are rounded up as FFmpeg rounds them. Only the two
formats that FFmpeg reads and writes through a codec, v210 and yuv422p10rfc4175, come in pairs of pixels there.
"""

from pathlib import PurePosixPath

from mediamesh_core.kinds.base import refuse
from mediamesh_core.kinds.payload import Payload

_CONTAINERS = (".mkv", ".mp4", ".mov")
_RAW = ".raw"
_PLAYED = ("video", "audio", "encoded")
_RECORDED = {
    "video": (*_CONTAINERS, ".y4m", _RAW),
    "audio": (*_CONTAINERS, ".wav", _RAW),
    "encoded": (*_CONTAINERS, _RAW),
    "ancillary": (_RAW,),
    "blob": (_RAW,),
}
_NEVER_PLAYED = {"video": (".wav",), "audio": (".y4m",), "encoded": (".y4m",)}
_IN_PAIRS = ("v210", "yuv422p10rfc4175")


def check_playable(payload: Payload, path: str) -> None:
    """Refuse a file source that can never give this payload."""
    kind, suffix = payload.chosen(), PurePosixPath(path).suffix
    if kind not in _PLAYED:
        refuse(f"a file cannot be played as {kind}; the payload has to be {', '.join(_PLAYED)}", "source.file")
    if suffix in _NEVER_PLAYED[kind]:
        refuse(f"{path[-80:]!r}: a {suffix} file has no {kind} in it; play another file", "source.file.path")
    _check_pairs(payload, suffix)


def check_recordable(payload: Payload, path: str, codec: str | None, sink: int) -> None:
    """Refuse the recording of sink number `sink` if its file cannot hold this payload."""
    kind, suffix, field = payload.chosen(), PurePosixPath(path).suffix, f"sinks[{sink}].file"
    if suffix not in _RECORDED[kind]:
        fix = f"end it in {' or '.join(_RECORDED[kind])}"
        refuse(f"{path[-80:]!r}: {suffix} cannot hold {kind}; {fix}", f"{field}.path")
    if codec is not None and (kind != "video" or suffix not in _CONTAINERS):
        refuse(f"{codec!r} is for uncompressed video in {', '.join(_CONTAINERS)} only; leave it out", f"{field}.codec")
    _check_pairs(payload, suffix if suffix in _CONTAINERS else _RAW)


def _check_pairs(payload: Payload, suffix: str) -> None:
    video = payload.video
    if video is not None and suffix != _RAW and video.pixel_format in _IN_PAIRS and video.width % 2:
        fix = f"make it even, use {_RAW}, or another pixelFormat"
        refuse(f"{video.width} is odd, and FFmpeg has {video.pixel_format} in pairs; {fix}", "payload.video.width")
