"""Bind mounts, by the system calls: read-only views of one folder at another place, made and taken away idempotently.

Through a view nobody writes, runs anything or opens devices; a container runtime that shows it to a container keeps of
that what the container's own mount says, which is that it is read-only. The flags of a bind mount can only be set
by a second call, so between the two the view is writable; nobody has it yet, since kubelet waits for our answer.
"""

import ctypes
import os
from pathlib import Path
from typing import Final

from mediamesh_agent.errors import AgentError
from mediamesh_core.errors import UserError

_READ_ONLY, _NO_SETUID, _NO_DEVICES, _NO_PROGRAMS = 0x1, 0x2, 0x4, 0x8
_REMOUNT, _BIND = 0x20, 0x1000
_VIEW: Final = _READ_ONLY | _NO_SETUID | _NO_DEVICES | _NO_PROGRAMS
_DETACH, _NO_LINKS = 0x2, 0x8
_libc: Final = ctypes.CDLL(None, use_errno=True)


class PlaceTaken(AgentError, UserError):
    """Something else is mounted where a view should be."""


def show(source: Path, target: Path) -> None:
    """Have `target` be a read-only view of `source`; fine if it is already.

    Raises
    ------
    PlaceTaken
        Another folder is mounted there.
    OSError
        The system refuses.
    """
    target.mkdir(mode=0o750, parents=True, exist_ok=True)
    if not is_mounted(target):
        _mount(source, target, _BIND)
    elif not os.path.samestat(source.stat(), target.stat()):
        raise PlaceTaken(f"another folder is mounted at {target}")
    _mount(source, target, _BIND | _REMOUNT | _VIEW)


def hide(target: Path) -> None:
    """Take a view away, and the folder it was on; fine if there is none. Raises OSError if the system refuses."""
    while is_mounted(target):
        _call(_libc.umount2, os.fsencode(target), _DETACH | _NO_LINKS)
    if target.is_dir() and not target.is_symlink():
        target.rmdir()


def is_mounted(path: Path) -> bool:
    """Whether something is mounted at a path itself; the device would not tell, a view has that of its source."""
    try:
        return _mount_id(path) != _mount_id(path.parent)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _mount_id(path: Path) -> str:
    descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return mount_of(descriptor)
    finally:
        os.close(descriptor)


def mount_of(descriptor: int) -> str:
    """Return the number of the mount that something open is on."""
    lines = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii").splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith("mnt_id"))


def _mount(source: Path, target: Path, flags: int) -> None:
    _call(_libc.mount, os.fsencode(source), os.fsencode(target), None, ctypes.c_ulong(flags), None)


def _call(function: "ctypes._NamedFuncPointer", *arguments: object) -> None:
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(arguments[0]))
