"""What a run has left behind: looked up in the kernel's own lists, so that a promise to tidy up is a fact."""

import os
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  (only looked at)


def shared_memory() -> frozenset[str]:
    """Return the names in /dev/shm, to be compared later."""
    return frozenset(path.name for path in SHARED_MEMORY.iterdir())


def leftovers(root: Path, shared_before: frozenset[str]) -> list[str]:
    """Name the processes and sockets of a root folder that are still there, and new shared memory of ours."""
    processes = [f"process {pid}: {command}" for pid, command in _processes(root)]
    table = Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()
    sockets = [f"socket {line.split()[-1]}" for line in table if str(root) in line]
    files = [f"file {path}" for path in root.rglob("*.sock")]
    shared = [f"shared memory {name}" for name in shared_memory() - shared_before if _may_be_ours(name)]
    return processes + sockets + files + shared


def _may_be_ours(name: str) -> bool:
    return "mediamesh" in name and not name.startswith("mediamesh-bench-")


def _processes(root: Path) -> list[tuple[int, str]]:
    """Find the processes that have the folder in their environment; all that the hub and the demo start do."""
    mark = f"MEDIAMESH_DIR={root}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid():
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    found.append((int(folder.name), command.strip()))
            except OSError:
                continue  # ended meanwhile, or somebody else's
    return found
