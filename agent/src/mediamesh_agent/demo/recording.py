"""The recorder's file, played back: whether it plays, and whether it is the film.

The file is decoded by PyAV alone. A gap in its timestamps is one of two things: pictures are missing, or the source
fell behind its rate (a sink with policy `block` held it back) and went on later with the next picture. Which one it is
the picture after the gap tells, where the file is coded without loss; there every picture is compared with the film's
by digest. Of other files nothing is known but how many pictures they have.
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
    pauses: int = 0
    """Gaps over which no picture is missing."""


def examine(path: Path, format: VideoFormat, expected: Sequence[bytes]) -> Recording:
    """Decode a whole recording."""
    playback, frames = Playback(expected), 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        codec, lossless = stream.codec_context.name, stream.codec_context.name in LOSSLESS
        for picture in container.decode(stream):
            frames += 1
            if lossless:
                playback.see(round(picture.time * format.frame_rate), digest(rows(picture, format)))
    report = playback.proof.report
    return Recording(path, codec, frames, report.lost, report.wrong if lossless else None, playback.pauses)


class Playback:
    """Follows the film through the pictures of a file, which have times and no numbers."""

    def __init__(self, expected: Sequence[bytes]) -> None:
        self.proof = Proof(expected)
        self.pauses = 0
        self._time = 0
        self._number = 0

    def see(self, time: int, found: bytes) -> None:
        """Take the picture that is shown at a time, in pictures from the beginning."""
        step = time - self._time
        if step > 1 and self.proof.would_follow(found):
            self.pauses += 1
            step = 1
        self._time, self._number = time, self._number + step
        self.proof.see(self._number, found, discontinuity=False)
