"""A sink of the copying fan-out: sleeps until its copy is there."""

import os
from typing import Self

from bench.actors.obey import obey


class CopiedSink:
    """Waits on its eventfd."""

    def __init__(self, event: int) -> None:
        self._event = event

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._event)

    def follow(self, count: int) -> int:
        """Take `count` signals; a sink that is late takes several at once."""
        received = 0
        while received < count:
            received += os.eventfd_read(self._event)
        return received


if __name__ == "__main__":
    obey(CopiedSink)
