"""The floor of any event-driven fan-out: one eventfd write per sleeping process, and nothing else."""

import os
import time
from typing import Self

from bench.actors.obey import obey
from bench.actors.pace import ticks


class Waker:
    """Wakes sinks (`bench.actors.copied_sink`) at a rate."""

    def __init__(self, events: list[int]) -> None:
        self._events = events

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for event in self._events:
            os.close(event)

    def wake(self, count: int, rate: float) -> float:
        """Wake everybody `count` times; return the CPU seconds of the writes alone."""
        spent = 0.0
        for _ in ticks(count, rate):
            before = time.thread_time()
            for event in self._events:
                os.eventfd_write(event, 1)
            spent += time.thread_time() - before
        return spent


if __name__ == "__main__":
    obey(Waker)
