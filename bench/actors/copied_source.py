"""The source of the copying fan-out: writes the frame and signals it."""

import mmap
import os
from typing import Self

from bench.actors.obey import obey
from bench.actors.pace import ticks

CHUNK = 1 << 16


class CopiedSource:
    """Writes every byte of every frame, as the mesh's source does."""

    def __init__(self, memory: int, size: int, new: int) -> None:
        self._size, self._new = size, new
        self._memory = mmap.mmap(memory, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._memory.close()

    def paced(self, count: int, rate: float) -> None:
        """Send `count` frames."""
        for number in ticks(count, rate):
            piece = bytes([number & 255]) * CHUNK
            for start in range(0, self._size - CHUNK, CHUNK):
                self._memory[start : start + CHUNK] = piece
            os.eventfd_write(self._new, 1)


if __name__ == "__main__":
    obey(CopiedSource)
