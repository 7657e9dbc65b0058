"""Sources and sinks for asyncio, with the names of the synchronous ones.

    async with mediamesh.aio.open_sink("studio/cam1") as sink:
        async for frame in sink:
            with frame:
                print(frame.sequence)

Nothing is done in threads: the loop watches the descriptor of the synchronous end, and a frame is taken in the
same step in which its `await` returns, so a call that is cancelled has taken nothing. Frames, options and
errors are those of `mediamesh`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from mediamesh import sink as sync_sink
from mediamesh import source as sync_source
from mediamesh.deadline import PATIENCE
from mediamesh.errors import Closed, Interrupted
from mediamesh.frames import ReceivedFrame, SourceFrame

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import TracebackType
    from typing import Unpack

    from typing_extensions import Buffer

    from mediamesh.options import SinkOptions, SourceOptions
    from mediamesh.source import Fields
    from mediamesh_core.formats import Format

__all__ = ["Opening", "Sink", "Source", "open_sink", "open_source"]

Synchronous = TypeVar("Synchronous", sync_source.Source, sync_sink.Sink)
Result = TypeVar("Result")


class _End(Generic[Synchronous]):
    """What both share; the synchronous end is made but not opened yet."""

    def __init__(self, end: Synchronous) -> None:
        self._end: Synchronous = end
        self._waiters: list[asyncio.Future[None]] = []
        self._watched = -1

    @property
    def name(self) -> str:
        """Full name of the connection, "namespace/name"."""
        return self._end.name

    @property
    def endpoint(self) -> str:
        """Name of the endpoint."""
        return self._end.endpoint

    @property
    def format(self) -> Format:
        """What a frame holds."""
        return self._end.format

    @property
    def capacity(self) -> int:
        """Bytes that a payload can have at most."""
        return self._end.capacity

    @property
    def attached(self) -> bool:
        """Whether there is a hub, as far as the last call saw."""
        return self._end.attached

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._end.closed

    def interrupt(self) -> None:
        """Let calls that wait, and all later ones, raise `Interrupted`."""
        self._end.interrupt()

    def close(self) -> None:
        """Detach and close; tasks that wait get `Closed`. Warns of frames not given back."""
        self._let_go()
        self._end.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._let_go()
        self._end.__exit__(kind, error, traceback)

    async def open(self, timeout: float | None = None) -> Self:
        """Attach, as `mediamesh.Sink.open` does."""
        await self._repeat(lambda: self._end._poll_open() or None, timeout)  # noqa: SLF001  # its other half
        return self

    async def _repeat(self, attempt: Callable[[], Result | None], timeout: float | None) -> Result:
        if (result := attempt()) is not None:
            return result
        complaining = asyncio.get_running_loop().call_later(PATIENCE, self._complain) if timeout is None else None
        try:
            async with asyncio.timeout(timeout):
                while (result := attempt()) is None:
                    await self._readable()
        except TimeoutError:
            raise self._end._timeout(timeout) from None  # noqa: SLF001  # its other half
        finally:
            if complaining is not None:
                complaining.cancel()
        return result

    def _complain(self) -> None:
        self._end._complain()  # noqa: SLF001  # its other half

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        if not self._waiters:
            self._watched = self._end.fileno()  # once it was interrupted it would not tell
            loop.add_reader(self._watched, self._wake)
        self._waiters.append(future)
        try:
            await future
        finally:
            if future in self._waiters:
                self._waiters.remove(future)
                if not self._waiters:
                    loop.remove_reader(self._watched)

    def _wake(self) -> None:
        for future in self._waiters:
            if not future.done():
                future.set_result(None)

    def _let_go(self) -> None:
        """Let all waiting tasks look again, with the descriptor no longer watched."""
        if self._waiters:
            asyncio.get_running_loop().remove_reader(self._watched)
            self._wake()
            self._waiters.clear()


class Sink(_End[sync_sink.Sink]):
    """`mediamesh.Sink` for asyncio; for the tasks of one loop."""

    async def receive(self, timeout: float | None = None) -> ReceivedFrame:
        """Return the next frame, as `mediamesh.Sink.receive` does."""
        return await self._repeat(self._end._poll, timeout)  # noqa: SLF001  # its other half

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ReceivedFrame:
        try:
            return await self.receive()
        except (Interrupted, Closed):
            raise StopAsyncIteration from None

    @property
    def last_sequence(self) -> int:
        """Sequence number of the frame received last; -1 before the first."""
        return self._end.last_sequence

    @property
    def dropped(self) -> int:
        """How many frames of the flow this sink did not get since its first one."""
        return self._end.dropped

    def release(self, frame: ReceivedFrame) -> None:
        """Give a frame back; the same as `frame.release()`."""
        frame.release()


class Source(_End[sync_source.Source]):
    """`mediamesh.Source` for asyncio; for the tasks of one loop."""

    async def acquire(self, timeout: float | None = None) -> SourceFrame:
        """Return a frame to fill, as `mediamesh.Source.acquire` does."""
        return await self._repeat(self._end._poll, timeout)  # noqa: SLF001  # its other half

    async def send(self, data: Buffer, *, timeout: float | None = None, **fields: Unpack[Fields]) -> int:
        """Copy `data` into a frame and send it, as `mediamesh.Source.send` does."""
        with await self.acquire(timeout) as frame:
            return sync_source.send_copy(frame, data, fields)

    @property
    def next_sequence(self) -> int:
        """Sequence number that the next frame to be sent will have."""
        return self._end.next_sequence


Async = TypeVar("Async", Source, Sink)


class Opening(Generic[Async]):
    """What `open_source` and `open_sink` return: `await` it or use it with `async with`."""

    def __init__(self, end: Async, timeout: float | None) -> None:
        self._end: Async = end
        self._timeout = timeout

    def __await__(self) -> Generator[object, None, Async]:
        return self._open().__await__()

    async def __aenter__(self) -> Async:
        return await self._open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._end.__aexit__(kind, error, traceback)

    async def _open(self) -> Async:
        try:
            await self._end.open(self._timeout)
        except BaseException:
            self._end.close()
            raise
        return self._end


def open_source(connection: str, *, timeout: float | None = None, **options: Unpack[SourceOptions]) -> Opening[Source]:
    """Attach as the source of a connection, as `mediamesh.open_source` does."""
    return Opening(Source(sync_source.Source(connection, **options)), timeout)


def open_sink(connection: str, *, timeout: float | None = None, **options: Unpack[SinkOptions]) -> Opening[Sink]:
    """Attach as a sink of a connection, as `mediamesh.open_sink` does."""
    return Opening(Sink(sync_sink.Sink(connection, **options)), timeout)
