"""The port that agents come to: lets TLS through and nothing else.

gRPC's server does not tell when somebody speaks plaintext to a TLS port, so the port is ours: the first byte of a
connection is looked at (22 begins a TLS handshake), and what is TLS is passed on to gRPC's server on a unix socket,
byte for byte. Whoever speaks something else, or nothing, is sent away, logged and counted. The socket towards gRPC
is bound to an abstract name with the peer's address, so that refusals further in can tell it.
"""

import asyncio
import contextlib
import itertools
import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from prometheus_client import Counter

log = logging.getLogger(__name__)
PATIENCE: Final = 10.0
MOST: Final = 8192
"""Connections at once."""
_TLS_HANDSHAKE: Final = 22
_CHUNK: Final = 64 * 1024
_number = itertools.count()


@dataclass(slots=True)
class Door:
    """Passes connections on to the unix socket `inside`."""

    inside: Path
    refused: Counter
    patience: float = PATIENCE
    most: int = MOST
    _open: set["asyncio.Task[None]"] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def opened(self, host: str, port: int) -> AsyncIterator[int]:
        """Accept connections while the context lasts; gives the port (0 lets the kernel choose).

        The host `::` is every address, of IPv4 too.
        """
        server = await asyncio.start_server(self._accept, sock=_bound(host, port), limit=_CHUNK)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for task in tuple(self._open):
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            await server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._enter(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = _name(writer)
        try:
            first = await self._first_bytes(reader)
            if unwelcome := self._unwelcome(first):
                self.refused.labels(unwelcome).inc()
                log.warning("peer refused", extra={"reason": unwelcome, "peer": peer})
            elif first:
                await self._join(first, reader, writer, peer)
        except OSError as error:
            log.debug("connection lost", extra={"peer": peer, "detail": str(error)})
        finally:
            writer.close()

    async def _first_bytes(self, reader: asyncio.StreamReader) -> bytes | None:
        """Return what the peer says first: b"": it has left; None: nothing."""
        try:
            async with asyncio.timeout(self.patience):
                return await reader.read(_CHUNK)
        except TimeoutError:
            return None

    def _unwelcome(self, first: bytes | None) -> str:
        if first is None:
            return "Silent"
        if len(self._open) > self.most:
            return "TooManyPeers"
        return "Plaintext" if first and first[0] != _TLS_HANDSHAKE else ""

    async def _join(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        """Carry bytes both ways until one side has ended; TLS knows no half of a connection."""
        inner_reader, inner_writer = await _connected(self.inside, peer)
        inner_writer.write(first)
        ways = [asyncio.create_task(_copy(reader, inner_writer)), asyncio.create_task(_copy(inner_reader, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            inner_writer.close()


def _bound(host: str, port: int) -> socket.socket:
    """Bind; left to itself, asyncio takes `::` for IPv6 alone."""
    if host in ("", "::") and socket.has_dualstack_ipv6():
        return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    if host in ("", "::"):
        return socket.create_server(("", port))
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


async def _connected(path: Path, peer: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    outward = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        outward.bind(f"\0mediamesh/{next(_number)}/{peer}")
        await asyncio.get_running_loop().sock_connect(outward, str(path))
        return await asyncio.open_unix_connection(sock=outward, limit=_CHUNK)
    except BaseException:
        outward.close()
        raise


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()


def _name(writer: asyncio.StreamWriter) -> str:
    host, port = (writer.get_extra_info("peername") or ("unknown", 0))[:2]
    return f"{host}:{port}"
