"""The recorder's file, played back: whether it plays, and whether it is the film.

The file is decoded by PyAV alone. Its timestamps must be one picture apart: a missing picture shows as a gap. Its
pictures are compared with the film's by digest where the file is coded without loss, else nothing can be said about
single bits and only the count of the pictures and the gaps are looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av

from mediamesh_agent.demo.clip import digest, rows
from mediamesh_agent.demo.proof import Proof
from mediamesh_core.formats import VideoFormat

LOSSLESS = frozenset({"ffv1", "rawvideo", "huffyuv", "ffvhuff"})


@dataclass(frozen=True, slots=True)
class Recording:
    """What is in a recorded file."""

    path: Path
    codec: str
    frames: int
    lost: int
    altered: int | None
    """None: the codec is not lossless."""


def examine(path: Path, format: VideoFormat, expected: Sequence[bytes]) -> Recording:
    """Decode a whole recording."""
    proof, times = Proof(expected), list[int]()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        codec, lossless = stream.codec_context.name, stream.codec_context.name in LOSSLESS
        for picture in container.decode(stream):
            times.append(round(picture.time * format.frame_rate))
            if lossless:
                proof.see(times[-1], digest(rows(picture, format)), discontinuity=False)
    lost = (times[-1] - times[0] + 1 - len(times)) if times else 0
    return Recording(path, codec, len(times), lost, proof.report.wrong if lossless else None)
