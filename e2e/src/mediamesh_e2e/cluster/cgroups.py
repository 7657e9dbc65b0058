"""The cgroups of a node: one of its own in every hierarchy, which the node sees as the root.

Both versions are served. With version 1 there is a hierarchy for each controller (or for several), and a node's cgroup
may hold processes and children. With version 2 there is one hierarchy, and a cgroup that hands controllers on to its
children may not hold processes: the node's lie in a child of it, `init`. But a process sees as its root the cgroup that
it was in when it got its namespace, so PID 1 begins in the upper one, and is moved when it has seen that (`settle`).
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mediamesh_e2e.patience import until

MOUNTS = Path("/proc/self/mountinfo")
V2_LEAF = "init"
PROCESSES = "cgroup.procs"


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted cgroup hierarchy: where, of which type (`cgroup` or `cgroup2`), and its mount options."""

    path: Path
    type: str
    options: str

    @property
    def below(self) -> str:
        """Its place below `/sys/fs/cgroup`, empty if that is it."""
        return "" if self.path.name == "cgroup" else self.path.name

    @property
    def sole(self) -> bool:
        """Whether this is version 2 with all controllers."""
        return self.type == "cgroup2" and not self.below


def hierarchies(mounts: str) -> tuple[Hierarchy, ...]:
    """Read the cgroup hierarchies out of the text of a `mountinfo` file (see proc_pid_mountinfo(5))."""
    rows = (line.split(" - ", 1) for line in mounts.splitlines())
    return tuple(
        Hierarchy(Path(front.split()[4]), back.split()[0], _controllers(*back.split()[:3:2]))
        for front, back in rows
        if back.split()[0] in {"cgroup", "cgroup2"}
    )


def _controllers(kind: str, super_options: str) -> str:
    if kind == "cgroup2":
        return ""  # has options for the first mount only
    words = [word for word in super_options.split(",") if word not in {"ro", "rw"}]
    # a named hierarchy has no controllers, and mount(8) wants that said
    return ",".join(["none", *words] if any(word.startswith("name=") for word in words) else words)


class NodeCgroups:
    """The cgroups of one name in all hierarchies of this machine."""

    def __init__(self, name: str) -> None:
        self.hierarchies = hierarchies(MOUNTS.read_text())
        self._name = name

    def make(self) -> None:
        """Make them, ready to take processes."""
        for hierarchy in self.hierarchies:
            folder = self._folder(hierarchy)
            folder.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):  # empty ones take no process in version 1
                if hierarchy.type == "cgroup" and (folder / setting).exists():
                    (folder / setting).write_text((hierarchy.path / setting).read_text())
            if hierarchy.sole:
                _hand_on_controllers(hierarchy.path)
                (folder / V2_LEAF).mkdir(exist_ok=True)

    def roots(self) -> list[Path]:
        """List the files to write a process to so that it can make them the roots of its namespace."""
        return [self._folder(hierarchy) / PROCESSES for hierarchy in self.hierarchies]

    def settle(self) -> None:
        """Move those that have made their namespace out of the way, so that controllers can be handed on."""
        for folder in (self._folder(hierarchy) for hierarchy in self.hierarchies if hierarchy.sole):
            for process in (folder / PROCESSES).read_text().split():
                (folder / V2_LEAF / PROCESSES).write_text(process)
            _hand_on_controllers(folder)

    def doors(self) -> list[Path]:
        """List the files to write a process to so that it enters them later."""
        return [
            self._folder(hierarchy) / (V2_LEAF if hierarchy.sole else "") / PROCESSES for hierarchy in self.hierarchies
        ]

    def remove(self) -> None:
        """Remove them with all below them; processes in them must have been killed, and may still be on their way."""
        for hierarchy in self.hierarchies:
            _remove(self._folder(hierarchy))

    def _folder(self, hierarchy: Hierarchy) -> Path:
        return hierarchy.path / self._name


def _hand_on_controllers(folder: Path) -> None:
    controllers = (folder / "cgroup.controllers").read_text().split()
    (folder / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in controllers))


def _remove(folder: Path) -> None:
    until(lambda: _gone(folder), f"removal of {folder}", seconds=10)


def _gone(folder: Path) -> bool:
    for inner in _deepest_first(folder):
        with suppress(OSError):  # busy while a killed process ends; looked at again
            inner.rmdir()
    return not folder.exists()


def _deepest_first(folder: Path) -> Iterator[Path]:
    return (Path(inner) for inner, _, _ in os.walk(folder, topdown=False))
