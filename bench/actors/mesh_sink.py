"""A sink: takes frames, and tells how long each took and how many were missing."""

import time
from contextlib import ExitStack
from typing import Any, Self

import mediamesh
from bench.actors.native import sink_port
from bench.actors.obey import obey
from bench.actors.stamp import STAMP
from mediamesh_native.port import drain


class MeshSink:
    """A sink of one or several connections."""

    def __init__(self, root: str, connections: list[str]) -> None:
        self._stack = ExitStack()
        self._sinks = {
            name: self._stack.enter_context(mediamesh.open_sink(name, root=root, timeout=30, wait=True))
            for name in connections
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def follow(self, connection: str, *, samples: bool = True) -> dict[str, Any]:
        """Take frames until the last of the round; return what came, what was missed and the latencies in ns."""
        sink = self._sinks[connection]
        received, dropped, last, latencies = 0, sink.dropped, 0, []
        while not last:
            frame = sink.receive(30)
            now = time.monotonic_ns()
            sent, last = STAMP.unpack_from(frame)
            frame.release()
            latencies.append(now - sent)
            received += 1
        result = {"received": received, "dropped": sink.dropped - dropped}
        return {**result, "latencies": latencies} if samples else result

    def burst(self, connection: str, count: int) -> float:
        """Take `count` frames in Python; return the seconds between the first and the last."""
        sink = self._sinks[connection]
        sink.receive(30).release()
        started = time.monotonic()
        for _ in range(count - 1):
            sink.receive(30).release()
        return time.monotonic() - started

    def drained(self, connection: str, count: int) -> float:
        """Take `count` frames without the interpreter; return the seconds between the first and the last."""
        port = sink_port(self._sinks[connection])
        if drain(port, 1, 30_000_000_000) != 1:
            raise TimeoutError("the first frame did not come")
        started = time.monotonic()
        if drain(port, count - 1, 10_000_000_000) != count - 1:
            raise TimeoutError("frames are missing")
        return time.monotonic() - started


if __name__ == "__main__":
    obey(MeshSink)
