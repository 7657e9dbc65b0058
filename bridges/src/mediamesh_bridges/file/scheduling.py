"""Keeping an encoder from taking the processors for itself.

SVT-AV1, opened by root, puts the thread that opens it and all of its own under SCHED_FIFO at the highest priority. Who
runs so is never interrupted for anything ordinary: a recorder would stop the hub that feeds it, and every other flow of
the node. It asks nobody and has no option for it, so what it did is undone as soon as it has been opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_THREADS = Path("/proc/self/task")


@contextmanager
def scheduling_kept() -> Iterator[None]:
    """Give all threads of the process, at the end of the block, the scheduling that the calling one has now."""
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for thread in [int(path.name) for path in _THREADS.iterdir()]:
            with suppress(ProcessLookupError):  # ended meanwhile
                if os.sched_getscheduler(thread) != policy:
                    os.sched_setscheduler(thread, policy, parameters)
