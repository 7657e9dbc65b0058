"""Whether a foreign descriptor is what it was announced to be, asked of the kernel.

A file that can shrink under a mapping kills whoever reads it (SIGBUS), so memory that is to be touched must carry
F_SEAL_SHRINK, and its size counts only after that. VPP seals nothing, but lets others do it. Huge pages are never
*steady*, sealed or not: where they are used up, touching a hole is a SIGBUS as well. Only tmpfs, memfd and hugetlbfs
files know seals, hence asking for them also excludes disk files, devices and network file systems, which could block
a reader for ever.
"""

import fcntl
import mmap
import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

from mediamesh_native.memif.errors import DescriptorRefused

_EVENTFD: Final = "anon_inode:[eventfd]"


class Memory(NamedTuple):
    """Shared memory of a peer; `page` in bytes."""

    sealed: bool
    page: int

    @property
    def huge(self) -> bool:
        """Whether it is made of huge pages, which nobody else's memory limit knows of."""
        return self.page > mmap.PAGESIZE

    @property
    def steady(self) -> bool:
        """Whether a mapping can be touched whatever its owner does."""
        return self.sealed and not self.huge


def check_memory_fd(fd: int, size: int) -> Memory:
    """Check that `fd` is shared memory of at least `size` bytes; seal it against shrinking if it is not and may be.

    The descriptor stays the caller's.

    Raises
    ------
    DescriptorRefused
        `RegionNotMemory` or `RegionTooSmall`.
    """
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise DescriptorRefused("RegionNotMemory", f"{_target(fd)!r} is not a regular file")
    sealed = bool(_seals(fd) & fcntl.F_SEAL_SHRINK) or _seal(fd)
    actual = os.fstat(fd).st_size
    if actual < size:
        raise DescriptorRefused("RegionTooSmall", f"{_target(fd)!r} has {actual} bytes, {size} were announced")
    return Memory(sealed, os.fstatvfs(fd).f_bsize)


def check_eventfd(fd: int) -> None:
    """Check that `fd` is an eventfd and make it non-blocking.

    The flag belongs to the open file, which the peer has too: it can take the flag away again. Whoever signals
    must survive a write that blocks.

    Raises
    ------
    DescriptorRefused
        `NotAnEventfd`.
    """
    if _target(fd) != _EVENTFD:
        raise DescriptorRefused("NotAnEventfd", f"{_target(fd)!r} is not an eventfd")
    os.set_blocking(fd, False)


def _seals(fd: int) -> int:
    try:
        return fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    except OSError as error:
        raise DescriptorRefused("RegionNotMemory", f"{_target(fd)!r} is neither tmpfs nor hugetlbfs") from error


def _seal(fd: int) -> bool:
    try:
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    except OSError:
        return False
    return True


def _target(fd: int) -> str:
    return str(Path(f"/proc/self/fd/{fd}").readlink())
