"""Huge pages of the kernel for a test, and for one test at a time: their number is the whole machine's."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HUGE_PAGE = 2 << 20
_RESERVED = Path("/proc/sys/vm/nr_hugepages")
_KINDS = Path("/sys/kernel/mm/hugepages")
_FREE = _KINDS / "hugepages-2048kB" / "free_hugepages"


@contextmanager
def huge_pages(count: int) -> Iterator[int]:
    """Reserve so many more while the block lasts and give the number that is free; only root can, others fail."""
    turn = os.open(_KINDS, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        before = _RESERVED.read_text()
        if count:
            _RESERVED.write_text(str(int(before) + count))
        try:
            yield int(_FREE.read_text())
        finally:
            if count:
                _RESERVED.write_text(before)
    finally:
        os.close(turn)
