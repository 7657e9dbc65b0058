"""The hub's folder: one hub at a time, and sockets that nobody can lead astray.

The hub that holds an exclusive flock on `hub.lock` owns the folder. Only its holder removes sockets that a
dead hub left, so two hubs that start at the same moment can never unlink each other's. The lock belongs to the
open file, not to the process: a successor gets the descriptor itself and the lock is never free in between.

Folders below the root are mounted into pods, whose processes may be root in there. They are therefore opened one
component at a time without following links, and sockets are bound through `/proc/self/fd/<folder>/<name>`, which
also keeps every path below the 107 bytes that `sun_path` has.
"""

import contextlib
import fcntl
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from mediamesh_agent.hub.errors import HubError

ATTACH_SOCKET = "attach.sock"
CONTROL_SOCKET = "hub.sock"
LOCK_FILE = "hub.lock"
PLAN_FILE = "plan.pb"
NEW_PLAN_FILE = f"{PLAN_FILE}.new"
BRIDGES = "bridges"
OF_THE_AGENT = ("agent.sock", "hub.log", "pods")
OWN_NAMES = frozenset({ATTACH_SOCKET, CONTROL_SOCKET, LOCK_FILE, PLAN_FILE, NEW_PLAN_FILE, BRIDGES, *OF_THE_AGENT})
"""A socket of a peer, put in the place of one of these, would cost the node its hub or its agent."""
ATTACH_BACKLOG = 4096
CONTROL_BACKLOG = 64

_COMPONENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}")
_UNBORN = ".listening"  # no socket of a connection begins with a dot
_MAX_DEPTH = 4
_DIRECTORY = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Root:
    """The opened root folder with its lock held. `close` gives both back."""

    def __init__(self, path: Path, fd: int, lock: int) -> None:
        self.path = path
        self.fd = fd
        self.lock = lock

    @classmethod
    def take(cls, path: Path) -> Self:
        """Make the folder where needed, lock it and remove what a dead hub left."""
        fd = _open_root(path)
        try:
            lock = os.open(LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600, dir_fd=fd)
            _lock(lock, path)
        except BaseException:
            os.close(fd)
            raise
        return cls(path, fd, lock)

    @classmethod
    def inherit(cls, path: Path, lock: int) -> Self:
        """Open the folder with the lock that the predecessor handed over."""
        return cls(path, _open_root(path), lock)

    @property
    def bridges(self) -> Path:
        """Where running bridges keep their lock files."""
        folder = self.path / BRIDGES
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def listen(self, folder: str, name: str, mode: int, backlog: int, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """Put a socket in `folder`, in place of whatever has that name now; it appears when it listens, not before."""
        with self.opened(folder) as fd:
            _unlink(_UNBORN, fd)
            listener = socket.socket(socket.AF_UNIX, kind)
            try:
                with _umask(~mode & 0o777):
                    listener.bind(f"/proc/self/fd/{fd}/{_UNBORN}")
                listener.listen(backlog)
                listener.setblocking(False)
                os.rename(_UNBORN, name, src_dir_fd=fd, dst_dir_fd=fd)
            except BaseException:
                listener.close()
                _unlink(_UNBORN, fd)
                raise
        return listener

    def unlink(self, folder: str, name: str) -> None:
        """Remove a socket; fine if it or its folder is gone."""
        with contextlib.suppress(OSError), self.opened(folder, make=False) as fd:
            _unlink(name, fd)

    @contextlib.contextmanager
    def opened(self, folder: str, *, make: bool = True) -> Iterator[int]:
        """Open a folder below the root, component by component, never through a link."""
        with contextlib.ExitStack() as opened:
            fd = self.fd
            for component in components(folder):
                fd = _step(fd, component, make=make)
                opened.callback(os.close, fd)
            yield fd

    def close(self) -> None:
        """Give the folder and the lock back."""
        os.close(self.lock)
        os.close(self.fd)


def components(folder: str) -> list[str]:
    """Split the name of a folder below the root; "" is the root itself."""
    parts = folder.split("/") if folder else []
    if len(parts) > _MAX_DEPTH or not all(_COMPONENT.fullmatch(part) for part in parts):
        message = f"folder {folder!r} is not a plain path below the hub's root"
        raise HubError("BadFolder", message)
    return parts


def _step(parent: int, component: str, *, make: bool) -> int:
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(component, 0o755, dir_fd=parent)
    return os.open(component, _DIRECTORY, dir_fd=parent)


def _open_root(path: Path) -> int:
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    fd = os.open(path, os.O_DIRECTORY | os.O_CLOEXEC)
    if os.fstat(fd).st_uid != os.geteuid():
        os.close(fd)
        message = f"{path} belongs to another user: choose a folder of your own with --root"
        raise HubError("ForeignRoot", message)
    return fd


def _lock(fd: int, path: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        message = f"another hub runs on {path}: stop it, or start this one with --take-over"
        raise HubError("RootTaken", message) from None


@contextlib.contextmanager
def _umask(mask: int) -> Iterator[None]:
    """Bind with exact rights: a chmod afterwards would leave a gap and could be led through a link."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _unlink(name: str, fd: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=fd)
