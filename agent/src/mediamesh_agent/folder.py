"""What lies in a root folder, and who may work on it.

One agent works on a folder: it holds a lock on the folder itself (not on a file in it, so nothing has to be
removed afterwards, and the kernel lets go when the agent dies). Running bridges are found by the POSIX locks
they hold below `bridges/`, which name their holder's pid.
"""

import contextlib
import fcntl
import os
import signal
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

from mediamesh_agent.errors import AgentAlreadyRuns
from mediamesh_agent.hub.bridge_process import lock_holder

AGENT_SOCKET = "agent.sock"


@contextlib.contextmanager
def sole_agent(root: Path) -> Iterator[None]:
    """Hold the folder for as long as the context lasts; one that was made for it and is still empty then goes again."""
    made = [folder for folder in (root, *root.parents) if not folder.exists()]
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(descriptor, root)
        try:
            yield
        finally:
            _remove_empty(made)  # while it is locked: nobody else has begun to work on it
    finally:
        os.close(descriptor)


def _lock(descriptor: int, root: Path) -> None:
    """Lock a folder that is still there; between its opening and now another agent may have removed it."""
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink:
            return
    text = f"another `mediamesh up` runs on {root}; stop it, or give this one a folder of its own with --root"
    raise AgentAlreadyRuns(text)


def _remove_empty(folders: Iterable[Path]) -> None:
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()


def running_bridges(root: Path) -> list[int]:
    """Return the pids of the bridges that run."""
    holders = (lock_holder(path) for path in sorted((root / "bridges").glob("*")) if path.is_file())
    return [pid for pid in holders if pid]


def kill_bridges(root: Path) -> list[int]:
    """SIGKILL every bridge that still runs on the folder; return their pids."""
    pids = running_bridges(root)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return pids


def remove_dead_sockets(root: Path) -> None:
    """Unlink the sockets of hubs that listen no more."""
    for path in (*root.glob("*.sock"), *root.glob("pods/*/*.sock")):
        if path.name != AGENT_SOCKET and not _listens(path):
            path.unlink(missing_ok=True)


def _listens(path: Path) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
        with socket.socket(socket.AF_UNIX, kind) as probe, contextlib.suppress(OSError):
            probe.connect(str(path))
            return True
    return False
