import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from mediamesh_testing.waiting import eventually, wait_until
from operator_leases import PATIENT, QUICK, Shelf

from mediamesh_operator import lease
from mediamesh_operator.election import LAST_WORDS, Election
from mediamesh_operator.errors import LeaseLost, PartEnded
from mediamesh_operator.leader import Candidate, Pauses


class Scene:
    """An election for a Lease, and what its work does; make inside of a running loop."""

    def __init__(
        self, work: Callable[["Scene"], Coroutine[Any, Any, None]] | None = None, pauses: Pauses = PATIENT
    ) -> None:
        self.shelf = Shelf()
        self.stop = asyncio.Event()
        self.threads: list[threading.Thread] = []
        self.ends = threading.Event()
        self.working = False
        self._pauses = pauses
        self._do = work or Scene._wait
        self.election = Election(self._candidate, self._work, self.ends.set)

    @contextlib.asynccontextmanager
    async def _candidate(self) -> AsyncIterator[Candidate]:
        self.threads.append(threading.current_thread())
        yield Candidate(self.shelf, "it", "a", time.monotonic, self._pauses)

    async def _work(self) -> None:
        self.threads.append(threading.current_thread())
        self.working = True
        try:
            await self._do(self)
        finally:
            self.working = False

    async def _wait(self) -> None:
        await asyncio.Event().wait()


def test_the_lease_is_renewed_in_a_thread_of_its_own_and_given_away_after_the_work_has_ended() -> None:
    async def play() -> None:
        scene = Scene()
        assert not scene.election.heard
        running = asyncio.create_task(scene.election.run(scene.stop))
        await eventually(lambda: scene.working)
        assert (scene.election.leading, scene.election.heard) == (True, True)
        away, here = scene.threads
        assert here is threading.current_thread()
        assert away is not here
        scene.stop.set()
        await running
        assert not scene.working
        assert scene.shelf.holder == ""
        assert not scene.election.leading

    asyncio.run(play())


def test_a_loop_that_is_held_up_costs_no_lease() -> None:
    async def holds_up(scene: Scene) -> None:
        renewed = scene.shelf.writes
        wait_until(lambda: scene.shelf.writes > renewed + 5, "renewals while the loop stands still")
        scene.stop.set()
        await asyncio.Event().wait()

    async def play() -> None:
        scene = Scene(holds_up)
        await scene.election.run(scene.stop)
        assert scene.shelf.lease is not None
        assert scene.shelf.lease["spec"]["leaseTransitions"] == 0

    asyncio.run(play())


def test_a_lease_that_is_lost_ends_the_work_before_the_error_is_told() -> None:
    async def play() -> None:
        scene = Scene()
        running = asyncio.create_task(scene.election.run(scene.stop))
        await eventually(lambda: scene.working)
        scene.shelf.seize("b")
        with pytest.raises(LeaseLost, match="is b's now"):
            await running
        assert not scene.working
        assert scene.shelf.holder == "b"
        assert scene.ends.is_set()

    asyncio.run(play())


def test_a_leader_whose_loop_stands_still_is_ended_when_the_lease_is_lost() -> None:
    async def hangs(scene: Scene) -> None:
        scene.shelf.stuck = True
        wait_until(scene.ends.is_set, "the order to end")

    async def play() -> None:
        scene = Scene(hangs, QUICK)
        with pytest.raises(LeaseLost, match="was not renewed"):
            await scene.election.run(scene.stop)
        assert scene.ends.is_set()

    asyncio.run(play())


def test_work_that_fails_or_ends_is_told_as_what_it_is() -> None:
    async def breaks(_: Scene) -> None:
        raise ValueError("broken")

    async def ends(_: Scene) -> None:
        await asyncio.sleep(0)

    async def play() -> None:
        for work, error in ((breaks, ValueError), (ends, PartEnded)):
            scene = Scene(work)
            with pytest.raises(error):
                await scene.election.run(scene.stop)
            assert scene.shelf.holder == ""

    asyncio.run(play())


def test_a_former_leader_is_gone_before_another_can_lead() -> None:
    assert lease.RENEW_WITHIN + LAST_WORDS <= lease.DURATION
