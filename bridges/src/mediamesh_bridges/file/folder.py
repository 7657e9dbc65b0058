"""The media folder: the only part of the file system a file endpoint can reach.

Paths in a connection are written by tenants, the bridge runs as the hub's user. So each component of a path is
opened by itself, relative to the folder before it and without following a symbolic link: there is no moment at
which a name could be exchanged for a link to somewhere else. The folder itself is the operator's and may be a link.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from mediamesh_bridges.errors import FileUnusable, OutsideMediaFolder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def components(path: str) -> tuple[str, ...]:
    """Split a path of a file endpoint; raise `OutsideMediaFolder` for one that does not stay below."""
    parts = PurePosixPath(path).parts
    if not parts or path.endswith("/") or "\0" in path:
        message = f"path {path!r} names no file"
        raise OutsideMediaFolder(message)
    if path.startswith("/") or ".." in parts:
        message = f"path {path!r} leaves the media folder: use a relative path without '..'"
        raise OutsideMediaFolder(message)
    return parts


@contextmanager
def open_folder(root: Path, folders: Sequence[str], *, create: bool = False) -> Iterator[int]:
    """Give a descriptor of a folder below `root`, made where it is missing if `create`."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in folders:
            inner = _enter(descriptor, name, create=create)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def open_media(root: Path, path: str) -> int:
    """Open a regular file below `root` for reading and return its descriptor."""
    *folders, name = components(path)
    try:
        with open_folder(root, folders) as folder:
            descriptor = os.open(name, _FILE, dir_fd=folder)
    except OSError as error:
        message = f"cannot open {path!r} below {root}: {error.strerror}"
        raise FileUnusable(message) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        message = f"{path!r} below {root} is not a regular file"
        raise FileUnusable(message)
    return descriptor


def _enter(folder: int, name: str, *, create: bool) -> int:
    if create:
        try:
            os.mkdir(name, dir_fd=folder)
        except FileExistsError:
            return _open_below(folder, name)
    return _open_below(folder, name)


def _open_below(folder: int, name: str) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except NotADirectoryError as error:
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            message = f"{name!r} is a symbolic link: paths in the media folder may not pass through one"
            raise OutsideMediaFolder(message) from error
        raise
