"""Sockets at places that somebody else can write: found without following anything, then reached by inode.

A pod may put symbolic links, FIFOs or devices where we expect its memif socket, and swap them at any moment.
So every component is opened relative to the one before with O_PATH | O_NOFOLLOW (which opens a link itself,
not its target, and blocks on nothing), looked at, and used. The connection goes through `/proc/self/fd/N`, which leads
to the very inode that was looked at, whatever the name means by then; that also lifts the 107-byte limit of socket
addresses. `openat2` could do the walk in one call, but not say what it found.
"""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from mediamesh_native.memif.errors import SocketRefused

BACKLOG: Final = 128
LONGEST_ADDRESS: Final = 107

_KINDS: Final[tuple[tuple[Callable[[int], bool], str, str], ...]] = (
    (stat.S_ISLNK, "SocketPathIsLink", "a symbolic link"),
    (stat.S_ISFIFO, "SocketPathIsFifo", "a FIFO"),
    (stat.S_ISREG, "SocketPathIsFile", "a regular file"),
    (stat.S_ISDIR, "SocketPathIsFolder", "a folder"),
    (stat.S_ISSOCK, "SocketPathIsSocket", "a socket"),
)
_REASONS: Final[Mapping[int, str]] = MappingProxyType(
    {
        errno.ENOENT: "SocketMissing",
        errno.EACCES: "SocketAccessDenied",
        errno.EPERM: "SocketAccessDenied",
        errno.ECONNREFUSED: "NobodyListens",
        errno.EAGAIN: "PeerBusy",
        errno.EPROTOTYPE: "SocketTypeMismatch",
        errno.EADDRINUSE: "SocketNameTaken",
        errno.ENAMETOOLONG: "SocketNameTooLong",
    },
)


def open_socket_path(root: int | str, folder: str, name: str) -> int:
    """Return an O_PATH descriptor (the caller's) of the socket `name` in `folder` below `root`.

    Parameters
    ----------
    root
        A descriptor or path that is trusted.
    folder
        Relative to root, "" for root itself; no component may be a link or `..`.
    name
        One component.

    Raises
    ------
    SocketRefused
        `SocketPathOutside`, `SocketPathIsLink`, `SocketPathIsFifo`, `SocketPathIsFile`, `SocketPathIsFolder`,
        `SocketPathIsSocket` (in place of a folder), `SocketPathIsOther`, `SocketMissing`, `SocketAccessDenied`.
    """
    *folders, last = _components(folder, name)
    with contextlib.ExitStack() as opened:
        parent = root if isinstance(root, int) else _opened(opened, root, None)
        for component in folders:
            parent = _opened(opened, component, parent)
            _require(parent, stat.S_ISDIR, component)
        found = _open(last, parent)
    try:
        _require(found, stat.S_ISSOCK, last)
    except SocketRefused:
        os.close(found)
        raise
    return found


def connect_path(path_fd: int) -> socket.socket:
    """Return a non-blocking SOCK_SEQPACKET socket connected to what `open_socket_path` found.

    Raises
    ------
    SocketRefused
        `NobodyListens`, `PeerBusy` (its backlog is full: try again later), `SocketTypeMismatch`, `SocketAccessDenied`.
    """
    address = f"/proc/self/fd/{path_fd}"
    return _connect(address, Path(address).readlink().name)


def connect_abstract(name: str) -> socket.socket:
    """Return a non-blocking SOCK_SEQPACKET socket connected to the abstract address `@name` (the `@` may be given)."""
    return _connect(_abstract(name), _abstract(name))


def listen_in_folder(folder_fd: int, name: str) -> socket.socket:
    """Return a non-blocking SOCK_SEQPACKET listener at `name` in an open folder, however deep that is.

    Raises
    ------
    SocketRefused
        `SocketNameTaken`, `SocketPathOutside`, `SocketAccessDenied`, `SocketNameTooLong`.
    """
    (component,) = _components("", name)
    return _listen(f"/proc/self/fd/{folder_fd}/{component}", component)


def listen_abstract(name: str) -> socket.socket:
    """Return a non-blocking SOCK_SEQPACKET listener at the abstract address `@name` (the `@` may be given)."""
    return _listen(_abstract(name), _abstract(name))


def _components(folder: str, name: str) -> list[str]:
    parts = [*PurePosixPath(folder).parts, name]
    if ".." in parts or folder.startswith("/") or "/" in name or "\0" in folder + name or name in {"", "."}:
        raise SocketRefused("SocketPathOutside", f"{folder!r} and {name!r} do not name a socket below the folder")
    return parts


def _abstract(name: str) -> str:
    return "\0" + name.removeprefix("@")


def _opened(stack: contextlib.ExitStack, name: str, parent: int | None) -> int:
    fd = _open(name, parent)
    stack.callback(os.close, fd)
    return fd


def _open(name: str, parent: int | None) -> int:
    flags = os.O_PATH | os.O_CLOEXEC | (0 if parent is None else os.O_NOFOLLOW)
    with _named(name):
        return os.open(name, flags, dir_fd=parent)


def _require(fd: int, is_wanted: Callable[[int], bool], name: str) -> None:
    mode = os.fstat(fd).st_mode
    if is_wanted(mode):
        return
    for is_kind, reason, words in _KINDS:
        if is_kind(mode):
            raise SocketRefused(reason, f"{name!r} is {words}")
    raise SocketRefused("SocketPathIsOther", f"{name!r} is a device")


def _connect(address: str, shown: str) -> socket.socket:
    return _bound(address, shown, lambda sock: sock.connect(address))


def _listen(address: str, shown: str) -> socket.socket:
    def bind_and_listen(sock: socket.socket) -> None:
        sock.bind(address)
        sock.listen(BACKLOG)

    return _bound(address, shown, bind_and_listen)


def _bound(address: str, shown: str, attach: Callable[[socket.socket], None]) -> socket.socket:
    if len(os.fsencode(address)) > LONGEST_ADDRESS:
        raise SocketRefused("SocketNameTooLong", f"a socket's name has at most {LONGEST_ADDRESS} bytes")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        with _named(shown.replace("\0", "@", 1)):
            attach(sock)
    except BaseException:
        sock.close()
        raise
    return sock


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, "SocketUnreachable")
        raise SocketRefused(reason, f"{name!r}: {error.strerror or error}") from error
