"""The making of frame pools: in a worker thread, ahead of time, within the budget.

Faulting in half a gigabyte takes a good part of a second, so a flow's next pool is made before anybody asks for it: at
apply, and again as soon as a source has gone. Two are made at a time at most; more would only wait for the same
memory bus. A pool made ahead is given up again when the memory is needed for a source that is there now.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mediamesh_agent.hub.errors import HubError
from mediamesh_agent.hub.memory import Budget, pool_bytes
from mediamesh_native.pool import Pool, PoolError

_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Geometry:
    """What a pool is made of."""

    frames: int
    capacity: int
    huge_pages: bool

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return pool_bytes(self.frames, self.capacity, huge_pages=self.huge_pages)


@dataclass(slots=True)
class PoolMaker:
    """Makes and closes pools, and knows how much memory they take together.

    `spares` yields functions that give up a pool nobody uses yet, in the order of least harm.
    """

    budget: Budget
    taken: int = 0
    lent: int = 0  # bytes of stock peers that the hub may have to pay for
    spares: Callable[[], Iterator[Callable[[], None]]] = field(default=lambda: iter(()))
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def make(self, geometry: Geometry) -> Pool:
        """Make a pool or raise HubError with the reason why there is no memory for it."""
        async with self._gate:
            self._find_room(geometry)
            self.taken += geometry.size
            try:
                return await _in_thread(geometry)
            except BaseException:
                self.taken -= geometry.size
                raise

    def _find_room(self, geometry: Geometry) -> None:
        give_up = self.spares()
        while True:
            try:
                self.budget.check(geometry.size, taken=self.taken + self.lent, huge_pages=geometry.huge_pages)
            except HubError:
                spare = next(give_up, None)
                if spare is None:
                    raise
                spare()
            else:
                return

    def lend(self, size: int, *, planned: int) -> None:
        """Grant a stock peer's memory beside what is planned for pools, or raise HubError."""
        self.budget.check_peer(size, taken=max(self.taken, planned) + self.lent)
        self.lent += size

    def adopt(self, geometry: Geometry, fd: int) -> Pool:
        """Take over a pool that a predecessor made."""
        pool = Pool(geometry.frames, geometry.capacity, huge_pages=geometry.huge_pages, fd=fd)
        self.taken += geometry.size
        return pool

    def close(self, pool: Pool, geometry: Geometry) -> None:
        """Give a pool's memory back."""
        pool.close()
        self.taken -= geometry.size

    def close_later(self, pool: Pool, geometry: Geometry) -> None:
        """Give a pool's memory back without keeping a client waiting: half a gigabyte takes tens of milliseconds."""

        def closed(_: object) -> None:
            self.taken -= geometry.size

        asyncio.ensure_future(asyncio.to_thread(pool.close)).add_done_callback(closed)


async def _in_thread(geometry: Geometry) -> Pool:
    """Make the pool; when nobody waits for it any more, close it instead of leaving it to chance."""
    making = asyncio.ensure_future(asyncio.to_thread(_make, geometry))
    try:
        return await asyncio.shield(making)
    except asyncio.CancelledError:
        making.add_done_callback(_close_unwanted)
        raise


def _make(geometry: Geometry) -> Pool:
    try:
        return Pool(geometry.frames, geometry.capacity, huge_pages=geometry.huge_pages)
    except PoolError as error:
        raise HubError(error.reason, error.strerror or str(error), transient=True) from error
    except OSError as error:
        raise HubError("OutOfResources", f"no pool: {error.strerror}", transient=True) from error


def _close_unwanted(making: "asyncio.Future[Pool]") -> None:
    if not making.cancelled() and making.exception() is None:
        making.result().close()
