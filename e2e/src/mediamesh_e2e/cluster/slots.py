"""Taking a slot for a cluster, and removing what a killed run has left in it.

A slot is held by a lock on a file, which the kernel takes back from whoever dies. So what is found in a slot whose lock
could be taken belongs to nobody, and is removed before the slot is used.
"""

import fcntl
import os
import shutil
from pathlib import Path

from mediamesh_e2e.cluster import network
from mediamesh_e2e.cluster.cgroups import NodeCgroups
from mediamesh_e2e.cluster.layout import SLOTS, Layout
from mediamesh_e2e.errors import MachineUnfit

LOGS = "logs"


class Slot:
    """A slot that this process holds until `release`."""

    def __init__(self, layout: Layout, lock: int) -> None:
        self.layout = layout
        self._lock = lock

    def release(self) -> None:
        """Remove all of the cluster but its logs, and give the slot back."""
        remove_leftovers(self.layout)
        os.close(self._lock)


def take() -> Slot:
    """Take the first free slot, empty; raise `MachineUnfit` when all are taken."""
    for number in range(SLOTS):
        if slot := _try(Layout(number)):
            remove_leftovers(slot.layout)
            shutil.rmtree(slot.layout.folder / LOGS, ignore_errors=True)
            (slot.layout.folder / LOGS).mkdir(parents=True)
            return slot
    raise MachineUnfit(f"{SLOTS} clusters run already")


def clean() -> list[str]:
    """Remove what killed runs have left in any slot that nobody holds; give the names of those that are in use."""
    in_use = []
    for layout in map(Layout, range(SLOTS)):
        if slot := _try(layout):
            slot.release()
        else:
            in_use.append(layout.prefix)
    return in_use


def remove_leftovers(layout: Layout) -> None:
    """Remove namespaces, links, cgroups and files of a slot; its processes have died with whoever started them."""
    network.remove(layout)
    for node in layout.nodes:
        NodeCgroups(node.cgroup).remove()
    if layout.folder.exists():
        for entry in layout.folder.iterdir():
            if entry.name != LOGS:
                shutil.rmtree(entry)


def _try(layout: Layout) -> Slot | None:
    lock = os.open(_lock_file(layout), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return Slot(layout, lock)


def _lock_file(layout: Layout) -> Path:
    return Path("/run") / f"{layout.prefix}.lock"  # of this computer, not of a user: the names are
