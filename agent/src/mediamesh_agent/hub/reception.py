"""From a client's first message to a serving attachment.

The client speaks first, once, at most 4096 bytes; it gets a place or a typed refusal. Then comes memif's handshake, in
which the hub is the slave: it announces region 0 (this attachment's own rings) and, to a source, its pool as region 1.

The client thinks itself attached as soon as it has sent CONNECTED. A sink that then makes its source send must
get that frame, so the engine serves a sink from the moment CONNECT goes out.
"""

import asyncio
import socket
import time
from collections.abc import Callable

from google.protobuf.message import DecodeError

from mediamesh_agent.hub.attachment import Attachment
from mediamesh_agent.hub.errors import AttachmentEnded, HubError, Refused
from mediamesh_native.memif import transport
from mediamesh_native.memif.errors import ProtocolViolation
from mediamesh_native.memif.handshake import PeerConnected, PeerDisconnected, SlaveHandshake, State
from mediamesh_native.memif.messages import M2S, S2M, printable
from mediamesh_native.pool import HEADER_SIZE, Pool, RingRegion
from mediamesh_protos import attach_pb2

PATIENCE = 2.0
MOST_REQUEST = 4096
MOST_NAME = 64


async def read_request(sock: socket.socket) -> attach_pb2.AttachRequest:
    """Read the first message or raise Refused; AttachmentEnded if there is nobody to refuse."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(PATIENCE):
            data = await loop.sock_recv(sock, MOST_REQUEST + 1)
    except TimeoutError:
        raise Refused("PeerSilent", f"no attach request within {PATIENCE:g} s", transient=True) from None
    except OSError as error:
        raise AttachmentEnded("PeerGone", f"the client is gone ({error.strerror})") from None
    if not data:
        raise AttachmentEnded("PeerGone", "the client went away before it said what it wants")
    return _parse(data)


def _parse(data: bytes) -> attach_pb2.AttachRequest:
    if len(data) > MOST_REQUEST:
        raise Refused("BadRequest", f"an attach request has at most {MOST_REQUEST} bytes")
    try:
        request = attach_pb2.AttachRequest.FromString(data)
    except DecodeError:
        raise Refused("BadRequest", "the first message is not an AttachRequest") from None
    request.client = printable(request.client[:MOST_NAME])
    return request


def refuse(sock: socket.socket, refusal: HubError) -> None:
    """Answer with a refusal, if the client still listens, and close the socket."""
    message = attach_pb2.Refusal(reason=refusal.reason, message=refusal.message, transient=refusal.transient)
    try:
        transport.send(sock, attach_pb2.AttachReply(refusal=message).SerializeToString())
    except OSError:
        return
    finally:
        sock.close()


def reply_to(attachment: Attachment, payload: str, capacity: int, next_sequence: int) -> bytes:
    """Build the answer that grants the place."""
    grant = attachment.grant
    attached = attach_pb2.Attached(
        attachment=attachment.number,
        connection=grant.connection,
        endpoint=grant.endpoint,
        payload=payload,
        capacity=capacity,
        header_size=HEADER_SIZE,
        queue=grant.queue,
        policy=grant.policy or "",
        next_sequence=next_sequence,
    )
    return attach_pb2.AttachReply(attached=attached).SerializeToString()


class Handshake:
    """The memif handshake of one attachment, as slave."""

    def __init__(
        self,
        sock: socket.socket,
        rings: RingRegion,
        pool: Pool | None,
        on_connecting: Callable[[], None],
    ) -> None:
        regions = [(rings.fd, rings.size)]
        if pool is not None:
            regions.append((pool.fd, pool.size))
        self._socket = sock
        self._rings = rings
        self._on_connecting = on_connecting
        self._machine = SlaveHandshake(regions, _announced(rings), now=time.monotonic(), patience=PATIENCE)

    async def run(self) -> None:
        """Shake hands; raises AttachmentEnded, or Refused with the same meaning, if the client does not."""
        while not self._machine.connected:
            events = self._receive(await self._next_message())
            for event in events:
                if isinstance(event, PeerDisconnected):
                    raise AttachmentEnded("PeerGone", f"the client left during the handshake: {event.reason}")
                if isinstance(event, PeerConnected):
                    return
            if self._machine.state is State.CONNECTING:
                self._on_connecting()
            self._send()

    async def _next_message(self) -> bytes:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PATIENCE):
                data = await loop.sock_recv(self._socket, 256)
        except TimeoutError:
            text = f"nothing said for {PATIENCE:g} s at '{self._machine.state.value}'"
            raise AttachmentEnded("PeerSilent", text) from None
        except OSError as error:
            raise AttachmentEnded("PeerGone", f"the client is gone ({error.strerror})") from None
        if not data:
            raise AttachmentEnded("PeerGone", "the client went away during the handshake")
        return data

    def _receive(self, data: bytes) -> list[object]:
        try:
            return list(self._machine.receive(data, (), time.monotonic()))
        except ProtocolViolation as violation:
            raise AttachmentEnded(violation.reason, violation.message) from None

    def _send(self) -> None:
        try:
            for data, fd in self._machine.data_to_send():
                transport.send(self._socket, data, fd)
                if fd == self._rings.s2m_event:
                    self._rings.given_away()
        except OSError as error:
            raise AttachmentEnded("PeerGone", f"the client does not read ({error.strerror})") from None


def _announced(rings: RingRegion) -> list[tuple[int, int, int, int, int, int]]:
    return [
        (S2M, 0, 0, rings.s2m_offset, rings.s2m_log2, rings.s2m_event),
        (M2S, 0, 0, rings.m2s_offset, rings.m2s_log2, rings.m2s_event),
    ]
