"""Writing to the API server what is other there: some objects at once, each again later if it could not be written.

What to write is computed at the moment of writing, from the newest that is known; a name in the queue only says that
somebody should look. So a thousand changes of one object are one write, and an object that is as it should be is none.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from prometheus_client import Counter

from mediamesh_operator.errors import ApiUnreachable, ObjectConflict, ObjectMissing, OperatorError
from mediamesh_operator.workqueue import WorkQueue

AT_ONCE: Final = 8
_PASSING: Final = (ApiUnreachable, ObjectConflict)
log = logging.getLogger(__name__)


class Writer:
    """Writes objects of one kind; `write` returns whether there was something to write."""

    def __init__(self, kind: str, write: Callable[[str], Awaitable[bool]], writes: Counter) -> None:
        self._kind = kind
        self._write = write
        self._writes = writes
        self._queue: WorkQueue[str] = WorkQueue(time.monotonic)
        self._places = asyncio.Semaphore(AT_ONCE)

    def __len__(self) -> int:
        return len(self._queue)

    def look(self, name: str) -> None:
        """Have an object looked at."""
        self._queue.add(name)

    async def run(self) -> None:
        """Write what is to be written, again and again."""
        while True:
            batch = await self._queue.batch()
            done = await asyncio.gather(*(self._attempt(name) for name in batch))
            succeeded = {name for name, success in zip(batch, done, strict=True) if success}
            self._queue.succeeded(succeeded)
            self._queue.failed(batch - succeeded)

    async def _attempt(self, name: str) -> bool:
        """Return whether nobody need look at it again."""
        async with self._places:
            try:
                if await self._write(name):
                    self._writes.labels(self._kind, "written").inc()
            except ObjectMissing:
                return True
            except OperatorError as error:
                self._writes.labels(self._kind, error.reason).inc()
                level = logging.INFO if isinstance(error, _PASSING) else logging.ERROR
                told = {"kind": self._kind, "name": name, "reason": error.reason, "detail": error.message}
                log.log(level, "an object could not be written", extra={"object": told})
                return False
            except Exception:
                self._writes.labels(self._kind, "Bug").inc()
                log.exception("an object cannot be written", extra={"object": {"kind": self._kind, "name": name}})
                return False
        return True
