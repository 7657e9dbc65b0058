import asyncio

import pytest
from mediamesh_testing.waiting import eventually
from operator_leases import PATIENT, QUICK, Shelf

from mediamesh_operator.errors import ApiForbidden, ApiUnreachable, LeaseLost, PartEnded
from mediamesh_operator.leader import Candidate, Pauses


class Stage:
    """Candidates for one Lease, and who works."""

    def __init__(self, pauses: Pauses = PATIENT) -> None:
        self.pauses = pauses
        self.shelf = Shelf()
        self.working: set[str] = set()
        self.stop = {name: asyncio.Event() for name in "ab"}
        self.candidates: dict[str, Candidate] = {}

    def start(self, name: str) -> "asyncio.Task[None]":
        clock = asyncio.get_running_loop().time
        self.candidates[name] = candidate = Candidate(self.shelf, "it", name, clock, self.pauses)

        async def work() -> None:
            self.working.add(name)
            try:
                await asyncio.Event().wait()
            finally:
                self.working.discard(name)

        return asyncio.create_task(candidate.lead(work, self.stop[name]))


def test_one_leads_and_the_other_follows_when_it_stops() -> None:
    async def scene() -> None:
        stage = Stage()
        first = stage.start("a")
        await eventually(lambda: stage.working == {"a"})
        second = stage.start("b")
        await eventually(lambda: stage.candidates["b"].heard)
        assert (stage.candidates["a"].leading, stage.candidates["b"].leading) == (True, False)
        stage.stop["a"].set()
        await first
        await eventually(lambda: stage.working == {"b"})
        stage.stop["b"].set()
        await second
        assert stage.shelf.holder == ""

    asyncio.run(scene())


def test_a_standby_that_is_stopped_takes_nothing_from_the_leader() -> None:
    async def scene() -> None:
        stage = Stage()
        first = stage.start("a")
        await eventually(lambda: stage.working == {"a"})
        second = stage.start("b")
        await eventually(lambda: stage.candidates["b"].heard)
        stage.stop["b"].set()
        await second
        assert stage.shelf.holder == "a"
        stage.stop["a"].set()
        await first

    asyncio.run(scene())


def test_it_renews_for_as_long_as_it_works() -> None:
    async def scene() -> None:
        stage = Stage()
        running = stage.start("a")
        await eventually(lambda: stage.shelf.writes > 5)
        assert stage.shelf.lease is not None
        assert stage.shelf.lease["spec"]["leaseTransitions"] == 0
        stage.stop["a"].set()
        await running

    asyncio.run(scene())


def test_who_loses_the_lease_stops_working() -> None:
    async def scene() -> None:
        stage = Stage()
        running = stage.start("a")
        await eventually(lambda: stage.working == {"a"})
        stage.shelf.seize("b")
        with pytest.raises(LeaseLost, match="is b's now"):
            await running
        assert not stage.working
        assert stage.shelf.holder == "b"

    asyncio.run(scene())


@pytest.mark.parametrize("how", ["down", "stuck"])
def test_who_cannot_renew_stops_working_by_itself(how: str) -> None:
    async def scene() -> None:
        stage = Stage(QUICK)
        running = stage.start("a")
        await eventually(lambda: stage.working or running.done())  # a slow machine loses it without our help
        setattr(stage.shelf, how, ApiUnreachable("gone") if how == "down" else True)
        with pytest.raises(LeaseLost, match="was not renewed"):
            await running
        assert not stage.working

    asyncio.run(scene())


def test_an_api_server_that_is_away_for_a_moment_costs_nothing() -> None:
    async def scene() -> None:
        stage = Stage()
        running = stage.start("a")
        await eventually(lambda: stage.working == {"a"})
        stage.shelf.down = ApiUnreachable("restarting")
        await eventually(lambda: not stage.candidates["a"].heard)
        stage.shelf.down = None
        await eventually(lambda: stage.candidates["a"].heard)
        assert stage.working == {"a"}
        stage.stop["a"].set()
        await running

    asyncio.run(scene())


def test_work_that_fails_ends_the_leader_and_gives_the_lease_away() -> None:
    async def scene() -> None:
        shelf = Shelf()
        candidate = Candidate(shelf, "it", "a", asyncio.get_running_loop().time, PATIENT)

        async def broken() -> None:
            raise ValueError("broken")

        with pytest.raises(ValueError, match="broken"):
            await candidate.lead(broken, asyncio.Event())
        assert shelf.holder == ""
        assert not candidate.leading

    asyncio.run(scene())


def test_work_that_just_ends_is_a_failure_too() -> None:
    async def scene() -> None:
        candidate = Candidate(Shelf(), "it", "a", asyncio.get_running_loop().time, PATIENT)

        async def short() -> None:
            await asyncio.sleep(0)

        with pytest.raises(PartEnded):
            await candidate.lead(short, asyncio.Event())

    asyncio.run(scene())


def test_who_may_not_read_the_lease_is_told_so_and_keeps_asking(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        stage = Stage()
        stage.shelf.down = ApiForbidden("403")
        running = stage.start("a")
        await eventually(lambda: stage.candidates["a"].heard)
        stage.shelf.down = None
        await eventually(lambda: stage.working == {"a"})
        stage.stop["a"].set()
        await running

    asyncio.run(scene())
    assert "the Lease cannot be had" in caplog.text
