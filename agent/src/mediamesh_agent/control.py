"""The asyncio client of a hub's control socket.

Framing as in `hub.proto`: a 32-bit big-endian length, then the message; one request, one reply, in order. A
request that fails half-way leaves the stream in an unknown place, so any failure closes the connection and the
next request opens a new one: a caller sees either an answer or `HubUnreachable`, and need not know whether the
hub died, restarted or handed over in between.
"""

import asyncio
import contextlib
import struct
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError

from mediamesh_agent.errors import HubRefused, HubUnreachable
from mediamesh_protos import hub_pb2, plan_pb2

MAX_MESSAGE: Final = 16 * 1024 * 1024
_LENGTH = struct.Struct(">I")


class HubControl:
    """Requests to the hub that listens on `path`; one at a time, each within `timeout` seconds."""

    def __init__(self, path: Path, *, timeout: float = 10.0) -> None:
        self._path = path
        self._timeout = timeout
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def apply(self, plan: plan_pb2.NodePlan) -> hub_pb2.Applied:
        """Send the full desired state."""
        return (await self._request(hub_pb2.HubRequest(apply=plan), "applied")).applied

    async def observe(self) -> hub_pb2.Observed:
        """Return what is, now."""
        return (await self._request(hub_pb2.HubRequest(observe=hub_pb2.Observe()), "observed")).observed

    async def restart(self, connection: str, endpoint: str) -> None:
        """End a bridge or an application's attachments; supervision or the application brings them back."""
        request = hub_pb2.Restart(connection=connection, endpoint=endpoint)
        await self._request(hub_pb2.HubRequest(restart=request), "done")

    async def shutdown(self) -> None:
        """Ask the hub to end its bridges, then itself."""
        await self._request(hub_pb2.HubRequest(shutdown=hub_pb2.Shutdown()), "done")

    async def close(self) -> None:
        """Close the connection; the next request would open another."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()
            await asyncio.gather(streams[1].wait_closed(), return_exceptions=True)

    async def _request(self, request: hub_pb2.HubRequest, expected: str) -> hub_pb2.HubReply:
        async with self._lock:
            reply = await self._answer(request)
        if reply.WhichOneof("reply") == "refused":
            raise HubRefused(reply.refused.message, reason=reply.refused.reason)
        if reply.WhichOneof("reply") != expected:
            await self.close()
            raise HubUnreachable(f"{self._path} answered {reply.WhichOneof('reply')} instead of {expected}")
        return reply

    async def _answer(self, request: hub_pb2.HubRequest) -> hub_pb2.HubReply:
        if self._streams is not None:
            with contextlib.suppress(HubUnreachable):
                return await self._exchange(request)
        return await self._exchange(request)

    async def _exchange(self, request: hub_pb2.HubRequest) -> hub_pb2.HubReply:
        complete = False
        try:
            async with asyncio.timeout(self._timeout):
                reader, writer = await self._connected()
                reply = await _round_trip(reader, writer, request.SerializeToString())
            complete = True
        except (OSError, EOFError, DecodeError) as error:
            raise HubUnreachable(f"no answer on {self._path}: {error!r}") from error
        finally:
            if not complete:
                await self.close()
        return reply

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_unix_connection(self._path)
        return self._streams


async def _round_trip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes) -> hub_pb2.HubReply:
    writer.write(_LENGTH.pack(len(message)) + message)
    await writer.drain()
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > MAX_MESSAGE:
        raise EOFError(f"a reply of {length} bytes is longer than {MAX_MESSAGE}")
    return hub_pb2.HubReply.FromString(await reader.readexactly(length))
