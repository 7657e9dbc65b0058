"""The link to one stock memif peer that is server: connected to, served while it lasts, then connected to again.

The hub is the slave here and the memory is its own. Serving, the peer is an attachment like any other, except that its
rings are served by copying (or, `shared`, straight out of the pool, which then cannot be sealed and has to be
announced anew, by connecting anew, when the source changes).
"""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import NoReturn

from mediamesh_agent.hub.door import peer_of
from mediamesh_agent.hub.errors import AttachmentEnded, HubError
from mediamesh_agent.hub.root import Root
from mediamesh_agent.hub.service import Service
from mediamesh_agent.hub.stock_endpoint import StockEndpoint
from mediamesh_agent.hub.stock_handshake import StockHandshake
from mediamesh_native.memif import transport
from mediamesh_native.memif.errors import MemifError

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 3.0


def note(service: Service, endpoint: StockEndpoint | None, error: Exception) -> None:
    """Book why a peer is not served, with the endpoint if it is known whose peer it wanted to be."""
    end = error
    if not isinstance(end, HubError):
        end = AttachmentEnded(getattr(error, "reason", "SocketUnreachable"), getattr(error, "message", str(error)))
    names = (endpoint.connection, endpoint.endpoint) if endpoint is not None else ("", "")
    service.book.note(*names, "stock peer", end)


async def serve(
    service: Service,
    handshake: StockHandshake,
    sock: socket.socket,
    folder: str,
    on_done: Callable[[], None] = lambda: None,
) -> None:
    """Shake hands, serve until it ends; raises what went wrong before it served. `on_done`: hands are shaken."""
    try:
        service.guard(folder, peer_of(sock)[0])
        attachment = await handshake.run()
    except BaseException:
        sock.close()
        raise
    on_done()
    try:
        await attachment.over.wait()
    finally:
        service.end(attachment, AttachmentEnded("EndpointChanged", f"the {handshake.endpoint} is unlinked"))


class StockLink:
    """Keeps a peer at one endpoint."""

    def __init__(self, root: Root, service: Service, endpoint: StockEndpoint) -> None:
        self._root = root
        self._service = service
        self._endpoint = endpoint
        self._plan = endpoint.plan

    async def keep(self) -> NoReturn:
        """Try again and again until cancelled; that a peer is still not there is told once, not at every try."""
        pause, told = FIRST_PAUSE, ""
        while True:
            try:
                sock = self._connect()
                handshake = StockHandshake(self._service, {self._plan.id: self._endpoint}, sock)
                await serve(self._service, handshake, sock, self._plan.folder)
                pause, told = FIRST_PAUSE, ""
            except (HubError, MemifError, OSError) as error:
                if told != str(error):
                    note(self._service, self._endpoint, error)
                told = str(error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _connect(self) -> socket.socket:
        if self._plan.socket.startswith("@"):
            sock = transport.connect_abstract(self._plan.socket)
        else:
            found = transport.open_socket_path(self._root.fd, self._plan.folder, self._plan.socket)
            try:
                sock = transport.connect_path(found)
            finally:
                os.close(found)
        sock.setblocking(False)
        return sock
