"""The link to one stock memif peer that is server: connected to, served while it lasts, then connected to again.

The hub is the slave here and the memory is its own. Serving, the peer is an attachment like any other, except that its
rings are served by copying (or, `shared`, straight out of the pool, which then cannot be sealed and has to be
announced anew, by connecting anew, when the source changes).

A link is only who looks after an attachment: it goes on with one that is there when it begins, a predecessor's for
example, and leaves it there when it is cancelled. `unlink` is what ends it.
"""

import asyncio
import os
import socket
from typing import NoReturn

from mediamesh_agent.hub.attachment import Attachment
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


async def shake_hands(service: Service, handshake: StockHandshake, sock: socket.socket, folder: str) -> Attachment:
    """Bring a peer that is connected to where it is served; raises HubError, MemifError or OSError."""
    service.guard(folder, peer_of(sock)[0])
    return await handshake.run()


def served(service: Service, endpoint: StockEndpoint) -> Attachment | None:
    """Return the attachment of the peer at an endpoint, if there is one."""
    flow = service.flows.get(endpoint.connection)
    places = flow.attachments.values() if flow is not None else ()
    peers = (one for one in places if one.serving and one.grant.kind == "memif")
    return next((one for one in peers if one.grant.endpoint == endpoint.endpoint), None)


def unlink(service: Service, endpoint: StockEndpoint) -> None:
    """End the attachment of the peer at an endpoint, if there is one."""
    attachment = served(service, endpoint)
    if attachment is not None:
        service.end(attachment, AttachmentEnded("EndpointChanged", f"the {endpoint} is unlinked"))


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
                attachment = served(self._service, self._endpoint) or await self._attach()
                await attachment.over.wait()
                pause, told = FIRST_PAUSE, ""
            except (HubError, MemifError, OSError) as error:
                if told != str(error):
                    note(self._service, self._endpoint, error)
                told = str(error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _attach(self) -> Attachment:
        sock = self._connect()
        handshake = StockHandshake(self._service, {self._plan.id: self._endpoint}, sock)
        try:
            return await shake_hands(self._service, handshake, sock, self._plan.folder)
        except BaseException:
            sock.close()
            raise

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
