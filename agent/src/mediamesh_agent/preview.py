"""The pictures on the page: the agent is itself a sink of the connections that have one for it.

A pod sink named `page` belongs to the page. Each has a thread with an ordinary SDK sink, so that
neither waiting for frames nor encoding disturbs the agent's loop. Every frame is received and given back; at most ten
a second are encoded, and only while somebody looks.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from mediamesh.errors import Closed, Error, Interrupted
from mediamesh.frames import ReceivedFrame
from mediamesh.sink import Sink
from mediamesh_agent import jpeg
from mediamesh_agent.local import LocalAgent
from mediamesh_agent.page import PREVIEW_SINK

PERIOD: Final = 0.1
_REST = 1.0


class Preview:
    """One connection's pictures, newest only."""

    def __init__(self, connection: str, root: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Condition()
        self._picture = b""
        self._watchers = 0
        self._next = 0.0
        self._stopping = threading.Event()
        self._connection, self._root = connection, root
        self._sink: Sink | None = None
        self._thread = threading.Thread(target=self._receive, name=f"preview {connection}")
        self._thread.start()

    async def pictures(self) -> AsyncIterator[bytes]:
        """Yield JPEGs as they come, leaving out those for which the reader is too slow."""
        self._watchers += 1
        try:
            while True:
                async with self._news:
                    await self._news.wait()
                yield self._picture
        finally:
            self._watchers -= 1

    async def close(self) -> None:
        """Detach and wait for the thread."""
        self._stopping.set()
        if self._sink is not None:
            self._sink.interrupt()
        await asyncio.to_thread(self._thread.join)

    def _receive(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(Interrupted, Closed), self._new_sink() as sink:
                self._serve(sink)
            self._stopping.wait(_REST)

    def _new_sink(self) -> Sink:
        self._sink = Sink(self._connection, endpoint=PREVIEW_SINK, root=self._root, client="page", wait=True)
        if self._stopping.is_set():
            self._sink.interrupt()
        return self._sink

    def _serve(self, sink: Sink) -> None:
        """Receive until interrupted, or until the hub does not want this sink any more."""
        with contextlib.suppress(Error):
            sink.open()
            for frame in sink:
                with frame:
                    self._look(frame)

    def _look(self, frame: ReceivedFrame) -> None:
        now = time.monotonic()
        if not self._watchers or now < self._next:
            return
        self._next = now + PERIOD
        encode = jpeg.encoder(frame.format)
        if encode is not None:
            with frame.buffer as payload:
                picture = encode(payload)
            asyncio.run_coroutine_threadsafe(self._publish(picture), self._loop)

    async def _publish(self, picture: bytes) -> None:
        self._picture = picture
        async with self._news:
            self._news.notify_all()


class Previews:
    """A preview for every connection of the plan that has a sink for the page."""

    def __init__(self) -> None:
        self._previews: dict[str, Preview] = {}

    def find(self, connection: str) -> Preview | None:
        """Return the preview of a connection."""
        return self._previews.get(connection)

    async def follow(self, agent: LocalAgent) -> None:
        """Keep the previews as the plan has them, until cancelled."""
        try:
            while True:
                await self._match(_wanted(agent), agent.settings.hub.root)
                await agent.news()
        finally:
            await self._match(set(), agent.settings.hub.root)

    async def _match(self, wanted: set[str], root: Path) -> None:
        for connection in self._previews.keys() - wanted:
            await self._previews.pop(connection).close()
        for connection in wanted - self._previews.keys():
            self._previews[connection] = Preview(connection, root)


def _wanted(agent: LocalAgent) -> set[str]:
    return {
        flow.connection
        for flow in agent.desired.plan.flows
        for sink in flow.sinks
        if sink.name == PREVIEW_SINK and sink.endpoint.kind == "pod"
    }
