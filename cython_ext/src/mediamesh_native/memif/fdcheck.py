"""Whether a foreign descriptor is what it was announced to be, asked of the kernel.

A file that can shrink under a mapping kills whoever reads it (SIGBUS), so memory of a peer must carry F_SEAL_SHRINK,
and its size counts only after that. Only tmpfs, memfd and hugetlbfs files know seals, hence that one question also
excludes disk files, devices and network file systems, which could block a reader for ever.
"""

import fcntl
import os
import stat
from pathlib import Path
from typing import Final

from mediamesh_native.memif.errors import DescriptorRefused

_EVENTFD: Final = "anon_inode:[eventfd]"


def check_memory_fd(fd: int, size: int, *, add_seal: bool = False) -> None:
    """Check that `fd` is shared memory of at least `size` bytes that cannot shrink.

    Parameters
    ----------
    fd
        Stays the caller's.
    size
        Bytes that were announced.
    add_seal
        Put the seal on if it is missing and the file allows it: VPP slaves do not seal theirs.

    Raises
    ------
    DescriptorRefused
        `RegionNotMemory`, `RegionNotSealed` or `RegionTooSmall`.
    """
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise DescriptorRefused("RegionNotMemory", f"{_target(fd)!r} is not a regular file")
    if not _seals(fd) & fcntl.F_SEAL_SHRINK and not (add_seal and _seal(fd)):
        raise DescriptorRefused("RegionNotSealed", f"{_target(fd)!r} lacks F_SEAL_SHRINK: it could shrink while mapped")
    actual = os.fstat(fd).st_size
    if actual < size:
        raise DescriptorRefused("RegionTooSmall", f"{_target(fd)!r} has {actual} bytes, {size} were announced")


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
