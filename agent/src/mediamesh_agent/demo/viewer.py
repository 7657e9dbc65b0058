"""The NumPy sink: where does the film move? Its heat map is a flow of its own, and the page shows it.

Each picture's luma is looked at in the pool itself, without a copy, thinned out to the size of the map, and compared
with the one before. What moved glows and fades. The map is written straight into a frame of the connection
`demo/motion`, of which this process is the source: an application can stand in the middle of a mesh.
"""

import contextlib
import sys

import numpy as np
from numpy.typing import NDArray

from mediamesh.errors import Detached, Interrupted, Timeout
from mediamesh.source import Source
from mediamesh_agent.demo.consumer import arguments, attached, frames
from mediamesh_agent.demo.report import Report, own_path

MOTION = "demo/motion"
_FADE = 0.88
_GAIN = 6.0
_REPORT_EVERY = 10
_STOPS = (0, 80, 150, 210, 255)
_COLOURS = ((0, 0, 0), (70, 10, 110), (215, 50, 60), (250, 170, 30), (255, 250, 210))

Heat = NDArray[np.float32]


class MotionMap:
    """Turns the luma of pictures into a coloured map of motion."""

    def __init__(self, rows: int, columns: int) -> None:
        self._shape = (rows, columns)
        self._before: NDArray[np.int16] | None = None
        self._heat: Heat = np.zeros(self._shape, np.float32)
        self._palette = _palette()

    def look(self, luma: NDArray[np.uint8], drawn: NDArray[np.uint8]) -> None:
        """Take the next picture and draw its map into `drawn` (rows, columns, 3)."""
        rows, columns = self._shape
        thin = luma[:: luma.shape[0] // rows, :: luma.shape[1] // columns][:rows, :columns].astype(np.int16)
        if self._before is not None:
            self._heat = np.maximum(self._heat * _FADE, np.abs(thin - self._before) * np.float32(_GAIN)).clip(0, 255)
        self._before = thin
        shade = (thin // 4).astype(np.uint8)[..., None]
        np.maximum(self._palette[self._heat.astype(np.uint8)], shade, out=drawn)


def _palette() -> NDArray[np.uint8]:
    channels = [np.interp(np.arange(256), _STOPS, channel) for channel in zip(*_COLOURS, strict=True)]
    return np.stack(channels, axis=1).astype(np.uint8)


def main() -> int:
    """Run until SIGTERM."""
    args = arguments(__doc__ or "")
    report, path = Report(), own_path(args.reports, args.endpoint)
    with attached(args) as sink, Source(MOTION, client="demo viewer", wait=True) as source:
        sink.open()
        source.open()
        motion = MotionMap(*source.format.planes[0].shape[:2])
        for frame in frames(sink):
            with frame, contextlib.suppress(Timeout, Detached):
                _pass_on(frame.planes()[0], motion, source, frame.time)
            report.frames += 1
            if report.frames % _REPORT_EVERY == 0:
                report.write(path)
        report.write(path)
    return 0


def _pass_on(luma: NDArray[np.uint8], motion: MotionMap, source: Source, moment: int) -> None:
    with source.acquire(timeout=0.5) as drawn:
        motion.look(luma, drawn.array())
        drawn.time = moment
        drawn.length = drawn.capacity
        drawn.send()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Interrupted:
        sys.exit(0)
