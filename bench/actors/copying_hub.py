"""A fan-out that copies: what our hub would be if it gave every sink a buffer of its own, as MCM's does.

One shared memory holds the source's frame and one buffer per sink. An eventfd says that the source's frame is new; the
hub copies it with memmove to each sink's buffer and signals the sink's eventfd. Nothing else is done, so this is the
least that a copying hub can cost.
"""

import ctypes
import mmap
import os
import time
from typing import Self

from bench.actors.obey import obey


class CopyingHub:
    """Also plays the source: it is told how many frames come at what rate, and counts only the fan-out's own CPU."""

    def __init__(self, memory: int, size: int, events: list[int], new: int) -> None:
        self._size, self._events, self._new = size, events, new
        self._memory = mmap.mmap(memory, size * (1 + len(events)))
        self._anchor = ctypes.c_char.from_buffer(self._memory)
        self._base = ctypes.addressof(self._anchor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        del self._anchor
        self._memory.close()

    def fan_out(self, count: int) -> float:
        """Serve `count` frames; return the CPU seconds of this thread."""
        before = time.thread_time()
        for _ in range(count):
            os.eventfd_read(self._new)
            for number, event in enumerate(self._events):
                ctypes.memmove(self._base + (1 + number) * self._size, self._base, self._size)
                os.eventfd_write(event, 1)
        return time.thread_time() - before


if __name__ == "__main__":
    obey(CopyingHub)
