"""One recording on its way from a hidden part to a finished file.

A part is locked (`flock`) by the process that writes it. The lock dies with the process, so whoever can take it
has found a leftover. A recording is published by a hard link to a name that is free, which is atomic and cannot
replace anything, and by removing the part; a crash between the two leaves a part with two links, which is
simply removed. Where the file system knows no hard links (FAT, some network mounts) it is renamed.
"""

from __future__ import annotations

import errno
import fcntl
import io
import os
import stat
from typing import TYPE_CHECKING, Self

from mediamesh_bridges.file.naming import numbered, part_name, recovered_name

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator

    from _typeshed import ReadableBuffer

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS})


class PartFile(io.FileIO):
    """The bytes of a recording, which also knows what went wrong with it first.

    After a failure nothing more reaches the file, and writes pretend to succeed: a muxer that is closed repairs the
    beginning of a file on the assumption that all of it arrived, and that would spoil what is readable so far.
    """

    failure: Exception | None = None

    def size(self) -> int:
        """Return how many bytes the file has."""
        return os.fstat(self.fileno()).st_size

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of `data`, raising the first failure only."""
        view = memoryview(data).cast("B")
        if self.failure is None:
            try:
                self._write_all(view)
            except OSError as error:
                self.failure = error
                raise
        return len(view)

    def stop(self, failure: Exception) -> None:
        """Let nothing more reach the file, because of something that the file did not notice."""
        self.failure = failure

    def _write_all(self, view: memoryview) -> None:
        written = 0
        while written < len(view):
            written += super().write(view[written:]) or 0


class Part:
    """A recording that is being written in a folder under a hidden name, to be published under another."""

    def __init__(self, folder: int, descriptor: int, part: str, name: str) -> None:
        self._folder = os.dup(folder)
        self._part = part
        self._name = name
        self.file = PartFile(descriptor, "r+b")

    @classmethod
    def begin(cls, folder: int, wanted: str) -> Self:
        """Create and lock the part of `wanted`, or of `wanted` with a number where that is taken."""
        for name in numbered(wanted):
            part = part_name(name)
            if not _exists(folder, name) and (descriptor := _create(folder, part)) is not None:
                return cls(folder, descriptor, part, name)
        raise AssertionError  # numbered() has no end

    @classmethod
    def leftover(cls, folder: int, part: str) -> Self | None:
        """Take over a part that a process left behind; None if its writer lives, or it is gone, empty or no file."""
        descriptor = _open_leftover(folder, part)
        if descriptor is None:
            return None
        taken = cls(folder, descriptor, part, recovered_name(part))
        state = os.fstat(descriptor)
        if state.st_nlink == 1 and state.st_size > 0:
            return taken
        taken.discard()
        return None

    def publish(self) -> str:
        """Give the recording its name, or the next one that is free, and return that name."""
        os.fsync(self.file.fileno())
        for name in numbered(self._name):
            if _move(self._folder, self._part, name):
                break
        os.fsync(self._folder)
        self.close()
        return name

    def cut(self, size: int, repair: Callable[[io.FileIO], None]) -> None:
        """After a failure: keep the first `size` bytes, and make them a file that is readable to its end."""
        with io.FileIO(os.dup(self.file.fileno()), "r+b") as file:
            file.truncate(size)
            repair(file)

    def discard(self) -> None:
        """Remove a recording in which nothing is."""
        os.unlink(self._part, dir_fd=self._folder)
        self.close()

    def close(self) -> None:
        """Let go of the file, leaving it as it is."""
        if not self.file.closed:
            self.file.close()
            os.close(self._folder)


def recover(folder: int, pattern: re.Pattern[str], repair: Callable[[io.FileIO], None]) -> Iterator[str]:
    """Publish every leftover in a folder whose name fits, after `repair`; yield the new names."""
    for name in sorted(os.listdir(folder)):
        if pattern.fullmatch(name) and (part := Part.leftover(folder, name)) is not None:
            repair(part.file)
            yield part.publish()


def _move(folder: int, part: str, name: str) -> bool:
    """Make `part` appear as `name`; False if that is taken."""
    try:
        os.link(part, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if _exists(folder, name):
            return False
        os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        return True
    os.unlink(part, dir_fd=folder)
    return True


def _create(folder: int, part: str) -> int | None:
    """Create and lock a new file; None if the name is taken or somebody took the new file for a leftover."""
    try:
        descriptor = os.open(
            part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=folder
        )
    except FileExistsError:
        return None
    if _lock(descriptor) and os.fstat(descriptor).st_nlink == 1:
        return descriptor
    os.close(descriptor)
    return None


def _open_leftover(folder: int, part: str) -> int | None:
    """Open and lock a part whose writer is dead; None if it cannot be, or is another file now."""
    try:
        descriptor = os.open(part, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode) and _lock(descriptor) and _is_named(folder, part, descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _is_named(folder: int, name: str, descriptor: int) -> bool:
    """Tell whether a file still has this name: somebody else may have published it before we had the lock."""
    try:
        named = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(descriptor))


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _exists(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
