"""The doors: one listening socket per folder, and the crowd in front of them.

Anybody who can reach a socket can connect to it ten thousand times and say nothing. So every silent step has
a deadline, and the number of clients that are between connecting and serving is bounded: who comes when the
place is full pushes out the oldest of the folder that has most, so a pod can only push out its own.
"""

import asyncio
import errno
import logging
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable

from mediamesh_agent.hub.admission import Peer
from mediamesh_agent.hub.root import ATTACH_BACKLOG, ATTACH_SOCKET, Root

log = logging.getLogger(__name__)

MOST_PENDING = 1024
_ACCEPT_AT_ONCE = 32
_PAUSE = 0.1
_CREDENTIALS = struct.Struct("=iII")
_NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

Welcome = Callable[[socket.socket, Peer], Awaitable[None]]


def peer_of(sock: socket.socket) -> tuple[int, int]:
    """Return (pid, uid) of whoever connected, as the kernel knows them."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(raw)
    return pid, uid


class Doors:
    """All listening attach sockets; `welcome` takes a new client from the first message until it serves or is gone."""

    def __init__(self, root: Root, welcome: Welcome) -> None:
        self._root = root
        self._welcome = welcome
        self.listeners: dict[str, socket.socket] = {}
        self.pushed_out = 0
        self._pending: dict[str, dict[asyncio.Task[None], None]] = {}
        self._open = False

    @property
    def pending(self) -> int:
        """How many clients are between connecting and serving."""
        return sum(len(crowd) for crowd in self._pending.values())

    def arrange(self, folders: Iterable[str]) -> dict[str, OSError]:
        """Have exactly these folders' sockets; returns what went wrong, by folder."""
        wanted = set(folders)
        failed = {}
        for folder in self.listeners.keys() - wanted:
            self._remove(folder)
        for folder in sorted(wanted - self.listeners.keys()):
            try:
                listening = self._root.listen(
                    folder, ATTACH_SOCKET, _mode(folder), ATTACH_BACKLOG, socket.SOCK_SEQPACKET
                )
                self.adopt(folder, listening)
            except OSError as error:
                failed[folder] = error
        return failed

    def adopt(self, folder: str, listener: socket.socket) -> None:
        """Take over a listening socket."""
        self.listeners[folder] = listener
        if self._open:
            self._watch(folder)

    def open(self) -> None:
        """Let clients in."""
        self._open = True
        for folder in self.listeners:
            self._watch(folder)

    def shut(self) -> None:
        """Let nobody in; who comes now waits in the socket's backlog."""
        self._open = False
        for listener in self.listeners.values():
            asyncio.get_running_loop().remove_reader(listener)

    async def settle(self, patience: float) -> None:
        """Wait until nobody is half-way, or send those away after `patience` seconds."""
        tasks = [task for crowd in self._pending.values() for task in crowd]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=patience)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def remove_all(self) -> None:
        """Close the sockets and take their names away."""
        for folder in list(self.listeners):
            self._remove(folder)

    def _remove(self, folder: str) -> None:
        listener = self.listeners.pop(folder)
        asyncio.get_running_loop().remove_reader(listener)
        listener.close()
        self._root.unlink(folder, ATTACH_SOCKET)

    def _watch(self, folder: str) -> None:
        listener = self.listeners.get(folder)
        if self._open and listener is not None:
            asyncio.get_running_loop().add_reader(listener, self._accept, folder, listener)

    def _accept(self, folder: str, listener: socket.socket) -> None:
        for _ in range(_ACCEPT_AT_ONCE):
            try:
                sock, _ = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                self._not_now(folder, listener, error)
                return
            sock.setblocking(False)
            self._admit(sock, folder)

    def _not_now(self, folder: str, listener: socket.socket, error: OSError) -> None:
        """Out of descriptors: make room and try again in a moment, rather than spin."""
        if error.errno not in _NO_DESCRIPTORS:
            return
        log.warning("no descriptor left for a client of folder %r: %s", folder, error.strerror)
        self._push_out()
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        loop.call_later(_PAUSE, self._watch, folder)

    def _admit(self, sock: socket.socket, folder: str) -> None:
        if self.pending >= MOST_PENDING:
            self._push_out()
        pid, _ = peer_of(sock)
        crowd = self._pending.setdefault(folder, {})
        task = asyncio.ensure_future(self._take(sock, Peer(folder, pid)))
        crowd[task] = None
        task.add_done_callback(lambda done: self._settled(folder, sock, done))

    async def _take(self, sock: socket.socket, peer: Peer) -> None:
        await self._welcome(sock, peer)

    def _settled(self, folder: str, sock: socket.socket, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            sock.close()  # it may never have come to its first step
        crowd = self._pending[folder]
        crowd.pop(task, None)
        if not crowd:
            del self._pending[folder]
        if not task.cancelled() and task.exception() is not None:
            log.error("attaching failed", exc_info=task.exception())

    def _push_out(self) -> None:
        if not self._pending:
            return
        crowd = max(self._pending.values(), key=len)
        oldest = next(iter(crowd))
        crowd.pop(oldest)
        crowd[oldest] = None  # cancelling takes a turn of the loop: the next push goes to the next one
        self.pushed_out += 1
        oldest.cancel()


def _mode(folder: str) -> int:
    """Return who may connect: in a pod's folder, which only the pod sees, any user; in the hub's own, ours."""
    return 0o666 if folder else 0o600
