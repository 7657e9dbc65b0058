"""The control socket: one request, one reply, in order, for processes of the hub's own user only.

The socket file has mode 0600, and who connects is looked at once more by the kernel's word for it, because a
descriptor of a connection can be passed on and a folder's rights can be wrong.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable

from mediamesh_agent.hub.door import peer_of
from mediamesh_agent.hub.errors import HubError
from mediamesh_agent.hub.framing import Malformed, framed, read_request
from mediamesh_protos import hub_pb2

log = logging.getLogger(__name__)

PATIENCE = 5.0
MOST_CLIENTS = 64

Answer = Callable[[hub_pb2.HubRequest, socket.socket], Awaitable[hub_pb2.HubReply | None]]


class Control:
    """Serves the control socket; `answer` replies to a request, or with None if it has taken over the conversation."""

    def __init__(self, listener: socket.socket, answer: Answer, *, uid: int | None = None) -> None:
        self.listener = listener
        self.strangers = 0
        self._uid = os.geteuid() if uid is None else uid
        self._answer = answer
        self._clients: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Take clients."""
        asyncio.get_running_loop().add_reader(self.listener, self._accept)

    def shut(self) -> None:
        """Take no more clients."""
        asyncio.get_running_loop().remove_reader(self.listener)

    async def close(self) -> None:
        """Take no more clients and send those away who are there."""
        self.shut()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self.listener.close()

    def _accept(self) -> None:
        try:
            sock, _ = self.listener.accept()
        except OSError:
            return
        sock.setblocking(False)
        _, uid = peer_of(sock)
        if uid != self._uid or len(self._clients) >= MOST_CLIENTS:
            self.strangers += 1
            log.warning("control socket: a client of user %d is sent away (%d so far)", uid, self.strangers)
            sock.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(sock))
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)

    async def _serve(self, sock: socket.socket) -> None:
        try:
            while await self._exchange(sock):
                pass
        except OSError as error:
            log.debug("control socket: a client is gone: %s", error)
        finally:
            sock.close()

    async def _exchange(self, sock: socket.socket) -> bool:
        """Answer one request; False if the conversation is over."""
        loop = asyncio.get_running_loop()
        try:
            request = await read_request(sock, PATIENCE)
        except Malformed as error:
            log.warning("control socket: %s", error.message)
            await loop.sock_sendall(sock, framed(_refused(error)))
            return False
        if request is None:
            return False
        try:
            reply = await self._answer(request, sock)
        except HubError as error:
            reply = _refused(error)
        if reply is not None:
            await loop.sock_sendall(sock, framed(reply))
        return reply is not None


def _refused(error: HubError) -> hub_pb2.HubReply:
    return hub_pb2.HubReply(refused=hub_pb2.Refused(reason=error.reason, message=error.message))
