"""The pods' folders: kubelet makes one at a pod's first mount, and leaves it behind.

The plan names all pods of the node that mount our volume. A folder goes when the plan does not name its pod, although
the plan is newer than the folder, and the folder has been seen for `OLD_ENOUGH` seconds: kubelet may make a folder
before the operator has heard of its pod. A folder's own times are not believed, since they change with what is in it.
Only what has the name of a pod's uid is looked at.
"""

import logging
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mediamesh_agent.node import emptying

log = logging.getLogger(__name__)

OLD_ENOUGH: Final = 120.0
_UID: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")
Seen = tuple[str, int]
"""Name and inode: a folder that was made again is another one."""


@dataclass(slots=True)
class PodFolders:
    """All folders below one; times are seconds of one monotonic clock."""

    path: Path
    removed: int = 0
    _first_seen: dict[Seen, float] = field(default_factory=dict)

    def tend(self, pods: Collection[str], known_at: float, now: float) -> None:
        """Remove the folders that no pod has; `pods` is what the operator said at `known_at`."""
        try:
            with emptying.opened(str(self.path)) as folder:
                self._tend(folder, frozenset(pods), known_at, now)
        except FileNotFoundError:
            self._first_seen.clear()
        except OSError as error:
            log.warning("the folders of pods cannot be looked at: %s", error)

    def _tend(self, folder: int, pods: frozenset[str], known_at: float, now: float) -> None:
        self._first_seen = {seen: self._first_seen.get(seen, now) for seen in _pod_folders(folder)}
        for (name, _), since in self._first_seen.items():
            if name not in pods and since <= known_at and since + OLD_ENOUGH <= now:
                self._remove(name, folder)

    def _remove(self, name: str, folder: int) -> None:
        fields = {"pod": name}
        try:
            emptying.remove(name, folder)
        except OSError as error:
            log.warning("the folder of a pod that is gone stays: %s", error, extra={"fields": fields})
        else:
            self.removed += 1
            log.info("the folder of a pod that is gone was removed", extra={"fields": fields})


def is_uid(name: str) -> bool:
    """Whether this is the uid of a pod, with hyphens or (of a pod that kubelet reads from a file) without."""
    return _UID.fullmatch(name) is not None


def _pod_folders(folder: int) -> Iterator[Seen]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_uid(entry.name) and entry.is_dir(follow_symlinks=False):
                yield entry.name, entry.inode()
