"""The election in a thread of its own, with an event loop and a connection to the API server of its own.

A Lease has to be renewed in time however much there is to do, so nothing else shares its loop. The work stays in the
loop of the caller: the candidate, once it leads, has it begun there, and when the candidate is through, whatever the
reason, has it cancelled there and waits until it has ended, since only then the Lease may be given away.

Work that does not end when it has to, because the loop is held up or a part of it hangs, ends with the process:
another may lead `lease.DURATION` after the last renewal, and a leader stops after `lease.RENEW_WITHIN` without one. A
loop that is held up for longer is not noticed here: kubelet asks it for `/healthz`.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from mediamesh_operator import lease
from mediamesh_operator.leader import Candidate

LAST_WORDS: Final = lease.DURATION - lease.RENEW_WITHIN
"""Seconds that a former leader has to end."""
Work = Callable[[], Coroutine[Any, Any, None]]


def end_soon() -> threading.Timer:
    """See to it that the process ends, even if one of its parts hangs."""
    timer = threading.Timer(LAST_WORDS, os._exit, (1,))
    timer.daemon = True
    timer.start()
    return timer


class Election:
    """A candidate, seen from the loop in which its work runs."""

    def __init__(
        self,
        candidate: Callable[[], AbstractAsyncContextManager[Candidate]],
        work: Work,
        end_soon: Callable[[], object] = end_soon,
    ) -> None:
        """`candidate` gives one in the other thread; `end_soon` is told when the work has to end."""
        self._made = candidate
        self._work = work
        self._end_soon = end_soon
        self._candidate: Candidate | None = None

    @property
    def leading(self) -> bool:
        """Whether the Lease is ours."""
        return self._candidate is not None and self._candidate.leading

    @property
    def heard(self) -> bool:
        """Whether the API server answered the last time."""
        return self._candidate is not None and self._candidate.heard

    async def run(self, stop: asyncio.Event) -> None:
        """Stand for election, and lead, until `stop`; raises what `Candidate.lead` raises."""
        here = asyncio.get_running_loop()
        await asyncio.to_thread(asyncio.run, self._stand(here, stop))

    async def _stand(self, there: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
        stopped, work = asyncio.Event(), _Elsewhere(there, self._work, self._end_soon)
        stopping = work.follow(stop, stopped)
        try:
            async with self._made() as self._candidate:
                await self._candidate.lead(work.run, stopped)
        finally:
            stopping.cancel()


class _Elsewhere:
    """Work in another loop than the one that waits for it."""

    def __init__(self, there: asyncio.AbstractEventLoop, work: Work, end_soon: Callable[[], object]) -> None:
        self._there = there
        self._work = work
        self._end_soon = end_soon
        self._task: asyncio.Task[None] | None = None

    def follow(self, theirs: asyncio.Event, ours: asyncio.Event) -> Any:
        """Set our event once theirs is set."""
        here = asyncio.get_running_loop()

        async def wait() -> None:
            await theirs.wait()
            here.call_soon_threadsafe(ours.set)

        return asyncio.run_coroutine_threadsafe(wait(), self._there)

    async def run(self) -> None:
        """Have the work done there; who is cancelled meanwhile waits until it has ended."""
        here = asyncio.get_running_loop()
        ended = here.create_future()
        self._there.call_soon_threadsafe(self._begin, here, ended)
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            self._end_soon()
            self._there.call_soon_threadsafe(self._cancel)
            await asyncio.gather(ended, return_exceptions=True)
            raise

    def _begin(self, waiting: asyncio.AbstractEventLoop, ended: "asyncio.Future[None]") -> None:
        self._task = self._there.create_task(self._work())
        self._task.add_done_callback(lambda task: waiting.call_soon_threadsafe(_pass_on, task, ended))

    def _cancel(self) -> None:
        """The loop calls in the order in which it was asked to, so the work has begun."""
        if self._task is not None:
            self._task.cancel()


def _pass_on(task: "asyncio.Task[None]", ended: "asyncio.Future[None]") -> None:
    if task.cancelled():
        ended.cancel()
    elif error := task.exception():
        ended.set_exception(error)
    else:
        ended.set_result(None)
