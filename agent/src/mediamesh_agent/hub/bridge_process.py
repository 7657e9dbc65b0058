"""A bridge's process: started or found, watched by pidfd, heard through a FIFO.

Output goes through FIFOs and not through pipes because of the day the hub dies: a FIFO that the bridge itself has
open for reading and writing never breaks, and the next hub opens it by name and reads on. The lock is a POSIX
lock, so the kernel says who holds it (`F_GETLK`) and forgets it with the process. A pid can be reused between
looking and opening a pidfd; a second look at the lock rules that out. A bridge that is done for good says so in
the lock file: of a process that is not its child a hub learns no exit status.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import json
import logging
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

_FLOCK = struct.Struct("@hhqqi4x")
_MOST_LINE = 1000
_LINES_PER_SECOND = 20
_READ_SIZE = 65536
DONE = b"done"


@dataclass(frozen=True, slots=True)
class Instruction:
    """Which endpoint a bridge serves, and how."""

    connection: str
    endpoint: str
    role: str
    bridge: str
    config: str  # canonical JSON

    @property
    def digest(self) -> str:
        """A file name that says all of it."""
        text = json.dumps([self.connection, self.endpoint, self.role, self.bridge, self.config])
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def __str__(self) -> str:
        return f"bridge {self.bridge} of {self.connection} {self.endpoint}"


def lock_holder(path: Path) -> int:
    """Return the pid that holds the POSIX lock on a file; 0 if nobody does."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return 0
    try:
        answer = fcntl.fcntl(fd, fcntl.F_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        kind, _, _, _, pid = _FLOCK.unpack(answer)
    finally:
        os.close(fd)
    return pid if kind != fcntl.F_UNLCK and pid > 0 else 0


class LineReader:
    """Reads lines from a FIFO, forwards them to the log within bounds and keeps the last one."""

    def __init__(self, path: Path, name: str) -> None:
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        self.last = ""
        self._name = name
        self._rest = b""
        self._second = 0
        self._lines = 0

    def read(self, now: float) -> None:
        """Take what is there."""
        try:
            data = os.read(self.fd, _READ_SIZE)
        except BlockingIOError:
            return
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[-_MOST_LINE:]
        for line in lines:
            self._take(line[:_MOST_LINE].decode("utf-8", "replace").strip(), now)

    def _take(self, line: str, now: float) -> None:
        if not line:
            return
        self.last = line
        if int(now) != self._second:
            self._second, self._lines = int(now), 0
        self._lines += 1
        if self._lines <= _LINES_PER_SECOND:
            log.info("%s: %s", self._name, line)
        elif self._lines == _LINES_PER_SECOND + 1:
            log.info("%s: says more than %d lines a second, the rest is left out", self._name, _LINES_PER_SECOND)


class BridgeProcess:
    """One living process and what it says."""

    def __init__(
        self, pid: int, pidfd: int, readers: Sequence[LineReader], lock: Path, child: "subprocess.Popen[bytes] | None"
    ) -> None:
        self.pid = pid
        self._pidfd = pidfd
        self._out, self._err = readers
        self.lock = lock
        self._child = child

    @property
    def last_error(self) -> str:
        """The last line on stderr."""
        return self._err.last

    def watch(self, loop: asyncio.AbstractEventLoop, on_exit: Callable[[], None]) -> None:
        """Read what it says and call `on_exit` when it has ended."""
        loop.add_reader(self._pidfd, on_exit)
        for reader in (self._out, self._err):
            loop.add_reader(reader.fd, self._read, reader, loop)

    @staticmethod
    def _read(reader: LineReader, loop: asyncio.AbstractEventLoop) -> None:
        reader.read(loop.time())

    def finish(self, loop: asyncio.AbstractEventLoop) -> int | None:
        """Reap the ended process; returns its exit status, None if only its parent could know it."""
        for reader in (self._out, self._err):
            reader.read(loop.time())
        self.let_go(loop)
        if self._child is not None:
            return self._child.wait()
        return 0 if says_done(self.lock) else None

    def let_go(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop watching."""
        loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        for reader in (self._out, self._err):
            loop.remove_reader(reader.fd)
            os.close(reader.fd)

    def signal(self, number: int) -> None:
        """Send a signal to this very process."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    def kill(self) -> None:
        """End it and all that it started, by force: it leads a session of its own."""
        log.warning("process %d did not end in time and is killed", self.pid)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.signal(signal.SIGKILL)


class Launcher:
    """Starts bridges and finds those that run."""

    def __init__(
        self, root: Path, bridges: Path, command: Sequence[str] = (sys.executable, "-m", "mediamesh.bridge")
    ) -> None:
        self._root = root
        self._bridges = bridges
        self._command = command

    def lock(self, instruction: Instruction) -> Path:
        """Return the file that the process holds a lock on."""
        return self._bridges / f"{instruction.digest}.lock"

    def spawn(self, instruction: Instruction) -> BridgeProcess:
        """Start a process."""
        lock = self.lock(instruction)
        lock.unlink(missing_ok=True)
        readers = self._readers(lock, str(instruction))
        try:
            child = self._run(instruction, lock)
        except OSError:
            for reader in readers:
                os.close(reader.fd)
            raise
        return BridgeProcess(child.pid, os.pidfd_open(child.pid), readers, lock, child)

    def _run(self, instruction: Instruction, lock: Path) -> "subprocess.Popen[bytes]":
        with contextlib.ExitStack() as stack:
            out, err = (os.open(lock.with_suffix(end), os.O_RDWR | os.O_CLOEXEC) for end in (".out", ".err"))
            stack.callback(os.close, out)
            stack.callback(os.close, err)
            return subprocess.Popen(
                [*self._command, instruction.bridge],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**os.environ, **self._environment(instruction, lock)},
                start_new_session=True,
            )

    def _environment(self, instruction: Instruction, lock: Path) -> dict[str, str]:
        words = {
            "connection": instruction.connection,
            "endpoint": instruction.endpoint,
            "role": instruction.role,
            "config": json.loads(instruction.config or "{}"),
            "lock": str(lock),
        }
        return {"MEDIAMESH_DIR": str(self._root), "MEDIAMESH_BRIDGE": json.dumps(words)}

    def adopt(self, instruction: Instruction, pid: int = 0) -> BridgeProcess | None:
        """Find the process that serves this instruction; `pid` is a predecessor's word for it."""
        lock = self.lock(instruction)
        found = lock_holder(lock) or pid
        if not found:
            return None
        try:
            pidfd = os.pidfd_open(found)
        except OSError:
            return None
        if not pid and lock_holder(lock) != found:
            os.close(pidfd)
            return None
        return BridgeProcess(found, pidfd, self._readers(lock, str(instruction)), lock, None)

    def send_away(self, pid: int, lock: Path) -> None:
        """Tell a process that nobody wants to end, and kill it if it does not."""
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            return
        loop = asyncio.get_running_loop()
        process = BridgeProcess(pid, pidfd, self._readers(lock, f"process {pid}"), lock, None)
        timer = loop.call_later(5.0, process.kill)

        def gone() -> None:
            timer.cancel()
            process.finish(loop)
            self.remove(lock)

        process.watch(loop, gone)
        process.signal(signal.SIGTERM)

    def has_finished(self, instruction: Instruction) -> bool:
        """Return whether a process served this instruction under an earlier hub and was done for good."""
        lock = self.lock(instruction)
        return not lock_holder(lock) and says_done(lock)

    def clean(self, instruction: Instruction) -> None:
        """Remove the files of a bridge that has ended."""
        self.remove(self.lock(instruction))

    @staticmethod
    def remove(lock: Path) -> None:
        """Remove a lock file and its FIFOs."""
        for path in (lock, lock.with_suffix(".out"), lock.with_suffix(".err")):
            path.unlink(missing_ok=True)

    @staticmethod
    def _readers(lock: Path, name: str) -> list[LineReader]:
        return [LineReader(lock.with_suffix(end), name) for end in (".out", ".err")]


def says_done(lock: Path) -> bool:
    """Return whether the bridge whose lock file this is was done for good."""
    try:
        with open(lock, "rb", buffering=0, opener=_without_links) as file:
            return file.read(_MOST_LINE).strip() == DONE
    except OSError:
        return False


def _without_links(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
