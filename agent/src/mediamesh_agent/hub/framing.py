"""Messages on the control socket: a 32-bit big-endian length, then protobuf.

Read straight from the socket and not through a buffered stream: a handover passes descriptors on this very socket, and
a byte read ahead would take them along and lose them.
"""

import asyncio
import socket
import struct

from google.protobuf.message import DecodeError, Message

from mediamesh_agent.hub.errors import HubError
from mediamesh_protos import hub_pb2

MOST_MESSAGE = 16 << 20
_LENGTH = struct.Struct(">I")


class Malformed(HubError):
    """What came is no request."""


def framed(message: Message) -> bytes:
    """Return the bytes to send."""
    data = message.SerializeToString()
    return _LENGTH.pack(len(data)) + data


async def read_request(sock: socket.socket, patience: float) -> hub_pb2.HubRequest | None:
    """Read the next request, however long it takes to begin; None if the client left between two.

    Raises
    ------
    Malformed
        Too long, not a request, cut off, or not complete `patience` seconds after its first byte.
    """
    head = await asyncio.get_running_loop().sock_recv(sock, 1)
    if not head:
        return None
    try:
        async with asyncio.timeout(patience):
            return parse(await _rest(sock, head))
    except TimeoutError:
        raise Malformed("PeerSilent", f"the request was not complete after {patience:g} s") from None
    except (EOFError, ConnectionError):
        raise Malformed("BadRequest", "the client left in the middle of a request") from None


async def _rest(sock: socket.socket, head: bytes) -> bytes:
    (length,) = _LENGTH.unpack(head + await _exactly(sock, _LENGTH.size - 1))
    if length > MOST_MESSAGE:
        raise Malformed("TooLong", f"a request of {length} bytes: at most {MOST_MESSAGE} are taken")
    return await _exactly(sock, length)


async def _exactly(sock: socket.socket, count: int) -> bytes:
    loop = asyncio.get_running_loop()
    data = bytearray()
    while len(data) < count:
        more = await loop.sock_recv(sock, min(count - len(data), 1 << 18))
        if not more:
            raise EOFError
        data += more
    return bytes(data)


def parse(data: bytes) -> hub_pb2.HubRequest:
    """Return the request; Malformed if it is none."""
    try:
        return hub_pb2.HubRequest.FromString(data)
    except DecodeError:
        raise Malformed("BadRequest", "the message is not a HubRequest") from None
