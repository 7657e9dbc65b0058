"""A named pipe whose other end comes and goes.

Its kernel rules are all there is to the mechanism. A writer that opens the pipe sleeps until there is a reader, so an
outlet waits in `open`; the request to stop opens the pipe for reading, which wakes it. A reader that does not block
gets the pipe at once, and its poll sleeps until the first writer has written; when the last writer is gone it reads
nothing more, and only a new descriptor sleeps again. What nobody has read vanishes when both ends are closed, so an
outlet closes its end as soon as its reader is gone, and the next reader begins with a header.

The folder is shared with containers that are not ours: the path must be a pipe and no link to one. It is never
removed, for a program that waits in `open` would wait on the removed one for ever. The size is raised so that a
picture is handed over in fewer turns.
"""

from __future__ import annotations

import fcntl
import io
import os
import select
import stat
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from mediamesh.errors import Interrupted
from mediamesh.stopping import Stopping
from mediamesh_bridges.errors import NoPipe
from mediamesh_bridges.sidecar.waiting import await_event

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

MODE = 0o666
ROOM = 1 << 20
LAST_WORD = 2.0
"""Seconds that a reader has, once the sidecar is to stop, to take the rest of the frame that is under way."""
_SET_SIZE = 1031  # F_SETPIPE_SZ; the module fcntl has it from Python 3.10 on some platforms only


class Fifo:
    """The path; each opening is one visit of the program at the other end."""

    def __init__(self, path: str, mode: int, stopping: Stopping) -> None:
        self._path = path
        self._mode = mode
        self._stopping = stopping
        self._release: int | None = None

    def make(self) -> None:
        """Make the pipe where there is none; raises NoPipe."""
        try:
            if not os.path.lexists(self._path):
                os.mkfifo(self._path)
                os.chmod(self._path, self._mode)  # noqa: PTH101  # past the umask
        except OSError as error:
            raise NoPipe(f"no pipe can be made at {self._path}: {error.strerror}; mount a folder there") from error
        if not stat.S_ISFIFO(os.lstat(self._path).st_mode):
            raise NoPipe(f"{self._path} exists and is no pipe; remove it, or name another path")
        self._stopping.call(self._wake)

    def await_reader(self) -> FifoWriter:
        """Wait for a program that reads; raises Interrupted."""
        if self._stopping.is_set():
            raise Interrupted("asked to stop")
        descriptor = self._opened(os.O_WRONLY)
        writer = FifoWriter(descriptor, self._stopping)
        if self._stopping.is_set():
            writer.close()
            raise Interrupted("asked to stop")
        return writer

    def await_writer(self) -> FifoReader:
        """Wait for a program that has written; raises Interrupted."""
        reader = self._reader()
        while not (happened := await_event(reader.fileno(), select.POLLIN, [self._stopping])) & select.POLLIN:
            with closing(reader):  # one that wrote nothing has come and gone, and the next may have written already
                if not happened:
                    raise Interrupted("asked to stop")
                reader = self._reader()
        return reader

    def close(self) -> None:
        """Close what the request to stop has opened."""
        if self._release is not None:
            os.close(self._release)
            self._release = None

    def _reader(self) -> FifoReader:
        return FifoReader(self._opened(os.O_RDONLY | os.O_NONBLOCK), self._stopping)

    def _opened(self, flags: int) -> int:
        descriptor = os.open(self._path, flags | os.O_CLOEXEC | os.O_NOFOLLOW)
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise NoPipe(f"{self._path} is no pipe any more; remove it, and start the sidecar again")
        with suppress(OSError):  # more than the user may have: the usual size does as well
            fcntl.fcntl(descriptor, _SET_SIZE, ROOM)
        return descriptor

    def _wake(self) -> None:
        """Be a reader, so that the outlet's `open` returns; stays open, in case it is only about to be called."""
        with suppress(OSError):
            self._release = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)


class FifoWriter:
    """The writing end, as a file that FFmpeg and our writers put streams into.

    `write` returns when all is in the pipe. BrokenPipeError: the reader is gone.
    """

    def __init__(self, descriptor: int, stopping: Stopping) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._stopping = stopping

    def fileno(self) -> int:
        """Return the descriptor; polling it tells an error when the reader is gone."""
        return self._descriptor

    def write(self, data: ReadableBuffer) -> int:
        """Put all of `data` into the pipe."""
        left = memoryview(data).cast("B")
        length = len(left)
        while left:
            with suppress(BlockingIOError):
                left = left[os.write(self._descriptor, left) :]
                continue
            self._await_room()
        return length

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Let the reader see the end."""
        os.close(self._descriptor)

    def _await_room(self) -> None:
        if self._stopping.is_set() or not await_event(self._descriptor, select.POLLOUT, [self._stopping]):
            until = time.monotonic() + LAST_WORD
            if not await_event(self._descriptor, select.POLLOUT, [], until - time.monotonic()):
                raise Interrupted("asked to stop")


class FifoReader(io.RawIOBase):
    """The reading end; at its end when the last writer is gone, or when somebody asks to stop."""

    def __init__(self, descriptor: int, stopping: Stopping) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._stopping = stopping
        self._halt = Stopping()

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def readable(self) -> bool:
        """Return True: it is for reading."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Wait for bytes and return how many there were; 0 at the end."""
        stops = (self._stopping, self._halt)
        while not any(stop.is_set() for stop in stops):
            await_event(self._descriptor, select.POLLIN, stops)
            with suppress(BlockingIOError):
                return os.readv(self._descriptor, [buffer])
        return 0

    def halt(self) -> None:
        """Be at the end from now on, whoever reads."""
        self._halt.set()

    def close(self) -> None:
        """Close the descriptor: a writer that goes on is told by SIGPIPE."""
        if not self.closed:
            os.close(self._descriptor)
            self._halt.close()
        super().close()
