"""Attaches to a connection again and again, and times each time."""

import time
from typing import Self

import mediamesh
from bench.actors.obey import obey


class Attacher:
    """A process that has imported everything and attached once, as any application has when it reattaches."""

    def __init__(self, root: str, connection: str) -> None:
        self._root, self._connection = root, connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held between commands."""

    def sink(self) -> float:
        """Attach as a sink and take the newest frame, then leave; return the seconds until the frame was there."""
        started = time.monotonic()
        with mediamesh.open_sink(self._connection, root=self._root, timeout=30, start="newest") as sink:
            sink.receive(30).release()
            return time.monotonic() - started

    def source(self) -> float:
        """Attach as the source, get a frame to fill, leave; return the seconds until the frame was there."""
        started = time.monotonic()
        with mediamesh.open_source(self._connection, root=self._root, timeout=30) as source:
            source.acquire(30).cancel()
            return time.monotonic() - started


if __name__ == "__main__":
    obey(Attacher)
