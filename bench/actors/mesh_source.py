"""A source: sends paced frames with a stamp, or as many as it can."""

import time
from contextlib import ExitStack
from typing import Any, Self

import mediamesh
from bench.actors.native import source_port
from bench.actors.obey import obey
from bench.actors.pace import ticks
from bench.actors.stamp import STAMP
from mediamesh_native.port import pump

CHUNK = 1 << 16


class MeshSource:
    """The source of one or several connections, all open at the same time."""

    def __init__(self, root: str, connections: list[str]) -> None:
        self._stack = ExitStack()
        self._sources = {
            name: self._stack.enter_context(mediamesh.open_source(name, root=root, timeout=30, wait=True))
            for name in connections
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def paced(self, connection: str, count: int, rate: float, length: int, *, fill: bool = False) -> dict[str, Any]:
        """Send `count` frames of `length` bytes; with `fill` every byte of each is written."""
        source, last = self._sources[connection], count - 1
        started, late = time.monotonic(), 0
        for number in ticks(count, rate):
            frame = source.acquire(10)
            if fill:
                _fill(frame, length, number)
            frame.length = length
            STAMP.pack_into(frame, 0, time.monotonic_ns(), number == last)
            frame.send()
            late += time.monotonic() - started > (number + 1) / rate
        return {"sent": count, "seconds": time.monotonic() - started, "late": late}

    def burst(self, connection: str, count: int, length: int) -> float:
        """Send without a pause, in Python; return the seconds."""
        source = self._sources[connection]
        started = time.monotonic()
        for _ in range(count):
            frame = source.acquire(10)
            frame.length = length
            frame.send()
        return time.monotonic() - started

    def pumped(self, connection: str, count: int, length: int) -> int:
        """Send without a pause and without the interpreter; return how many were."""
        port = source_port(self._sources[connection])
        return pump(port, count, length, 10_000_000_000)


def _fill(frame: mediamesh.SourceFrame, length: int, number: int) -> None:
    piece = bytes([number & 255]) * min(CHUNK, length)
    with memoryview(frame) as view:
        for start in range(0, length, len(piece)):
            stop = min(start + len(piece), length)
            view[start:stop] = piece[: stop - start]


if __name__ == "__main__":
    obey(MeshSource)
