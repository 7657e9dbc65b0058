"""Emptying a folder whose content somebody hostile may have made.

Everything is done relative to opened folders and nothing through links, so nothing outside can be reached. A tree may
be deeper than any stack or table of descriptors: it is not descended into, but folded up. The folders inside a folder
are moved up to the top before their parent is removed, so two descriptors are enough for any depth. What is mounted
below is left alone, with the folder that it is in.
"""

import contextlib
import itertools
import os
import stat
from collections.abc import Iterator
from typing import Final

from mediamesh_agent.node.mounts import mount_of

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_AT_ONCE: Final = 1024


@contextlib.contextmanager
def opened(name: str, parent: int | None = None) -> Iterator[int]:
    """Open a folder, never through a link; raises OSError if it is none."""
    descriptor = os.open(name, _FOLDER, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def remove(name: str, parent: int) -> None:
    """Remove a folder and all that is in it.

    Raises
    ------
    OSError
        Something cannot be removed; as much as possible of the rest is gone.
    """
    with opened(name, parent) as top:
        _Emptying(top).run()
    os.rmdir(name, dir_fd=parent)


class _Emptying:
    def __init__(self, top: int) -> None:
        self._top = top
        self._mount = mount_of(top)
        self._numbers = itertools.count()
        self._stuck: dict[str, OSError] = {}

    def run(self) -> None:
        while names := self._names(self._top, leaving_out=self._stuck):
            for name in names:
                try:
                    self._remove(name)
                except OSError as error:
                    self._stuck[name] = error
        if self._stuck:
            raise next(iter(self._stuck.values()))

    def _remove(self, name: str) -> None:
        if not _is_folder(name, self._top):
            os.unlink(name, dir_fd=self._top)
            return
        with opened(name, self._top) as inner:
            if mount_of(inner) != self._mount:
                raise OSError(f"something is mounted at {name!r}")
            self._fold(inner)
        os.rmdir(name, dir_fd=self._top)

    def _fold(self, inner: int) -> None:
        """Empty a folder: its folders go up to the top."""
        while names := self._names(inner):
            for name in names:
                if _is_folder(name, inner):
                    os.rename(name, self._free_name(), src_dir_fd=inner, dst_dir_fd=self._top)
                else:
                    os.unlink(name, dir_fd=inner)

    def _free_name(self) -> str:
        """Return a name that nothing at the top has."""
        while True:
            name = f"folded-{next(self._numbers)}"
            try:
                os.stat(name, dir_fd=self._top, follow_symlinks=False)
            except FileNotFoundError:
                return name

    @staticmethod
    def _names(folder: int, leaving_out: dict[str, OSError] | None = None) -> list[str]:
        with os.scandir(folder) as entries:
            names = (entry.name for entry in entries if not leaving_out or entry.name not in leaving_out)
            return list(itertools.islice(names, _AT_ONCE))


def _is_folder(name: str, parent: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
