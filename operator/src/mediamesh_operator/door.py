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
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from prometheus_client import Counter

from mediamesh_operator.addresses import bound

log = logging.getLogger(__name__)
PATIENCE: Final = 10.0
MOST: Final = 8192
"""Connections at once."""
_TLS_HANDSHAKE: Final = 22
_number = itertools.count()


class _Side(asyncio.Protocol):
    """One side of a connection. What comes first is kept; from `join` on what comes goes to the other side at once."""

    transport: asyncio.Transport

    def __init__(self, ended: asyncio.Event, met: Callable[["_Side"], None] | None = None) -> None:
        """`ended` is set when it has; `met` is told when it has begun."""
        self.first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        """b"": it has left."""
        self.ended = ended
        self._met = met
        self._other: _Side | None = None

    @property
    def peer(self) -> str:
        """Whom it is to, as host:port."""
        host, port = (self.transport.get_extra_info("peername") or ("unknown", 0))[:2]
        return f"{host}:{port}"

    def join(self, other: "_Side") -> None:
        """Pass on what comes."""
        self._other = other
        self.transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # of a stream: it reads and writes
        if self._met:
            self._met(self)

    def data_received(self, data: bytes) -> None:
        if self._other is not None:
            self._other.transport.write(data)
        else:
            self.transport.pause_reading()
            self.first.set_result(data)

    def pause_writing(self) -> None:
        if self._other is not None:
            self._other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._other is not None:
            self._other.transport.resume_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.first.done():
            self.first.set_result(b"")
        self.ended.set()


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
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Side(asyncio.Event(), self._accept), sock=bound(host, port))
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for task in tuple(self._open):
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            await server.wait_closed()

    def _accept(self, outer: _Side) -> None:
        task = asyncio.create_task(self._enter(outer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _enter(self, outer: _Side) -> None:
        peer = outer.peer
        try:
            first = await self._first_bytes(outer)
            if unwelcome := self._unwelcome(first):
                self.refused.labels(unwelcome).inc()
                log.warning("peer refused", extra={"reason": unwelcome, "peer": peer})
            elif first:
                await self._join(first, outer, peer)
        except OSError as error:
            log.debug("connection lost", extra={"peer": peer, "detail": str(error)})
        finally:
            outer.transport.close()

    async def _first_bytes(self, outer: _Side) -> bytes | None:
        """Return what the peer says first: b"": it has left; None: nothing."""
        try:
            async with asyncio.timeout(self.patience):
                return await asyncio.shield(outer.first)
        except TimeoutError:
            return None

    def _unwelcome(self, first: bytes | None) -> str:
        if first is None:
            return "Silent"
        if len(self._open) > self.most:
            return "TooManyPeers"
        return "Plaintext" if first and first[0] != _TLS_HANDSHAKE else ""

    async def _join(self, first: bytes, outer: _Side, peer: str) -> None:
        """Carry bytes both ways until one side has ended; TLS knows no half of a connection."""
        inner = await _connected(self.inside, peer, outer.ended)
        try:
            inner.join(outer)
            inner.transport.write(first)
            outer.join(inner)
            await outer.ended.wait()
        finally:
            inner.transport.close()


async def _connected(path: Path, peer: str, ended: asyncio.Event) -> _Side:
    loop = asyncio.get_running_loop()
    outward = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        outward.bind(f"\0mediamesh/{next(_number)}/{peer}")
        await loop.sock_connect(outward, str(path))
        return (await loop.create_unix_connection(lambda: _Side(ended), sock=outward))[1]
    except BaseException:
        outward.close()
        raise
