import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from mediamesh_testing.waiting import eventually
from operator_bodies import AGENTS, ROOT, node, pod

from mediamesh_operator import census
from mediamesh_operator.errors import ApiUnreachable, ObjectMissing, OperatorError, WatchDeaf
from mediamesh_operator.world import World

KINDS = ("nodes", "pods")


class Register:
    """The lists of an API server."""

    def __init__(self, **listed: set[str]) -> None:
        self.listed = {kind: listed.get(kind, set()) for kind in KINDS}
        self.down: OperatorError | None = None
        self.asked = 0

    @property
    def kinds(self) -> Sequence[str]:
        return KINDS

    async def uids(self, kind: str) -> AsyncIterator[str]:
        await asyncio.sleep(0)
        self.asked += 1
        if self.down is not None:
            raise self.down
        for uid in self.listed[kind]:
            yield uid


@pytest.fixture
def world() -> World:
    return World(AGENTS, ROOT)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census, "LOOK", 0.001)
    monkeypatch.setattr(census, "_RETRY", 0.001)


def test_the_world_is_complete_once_all_that_is_listed_is_known(world: World) -> None:
    async def scene() -> None:
        waiting = asyncio.create_task(census.complete(world, Register(nodes={"uid-node-a"}, pods={"uid-camera-0"})))
        world.put_node(node())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        world.put_pod(pod())
        await waiting

    asyncio.run(scene())


def test_what_is_deleted_before_the_watch_saw_it_is_not_waited_for(world: World) -> None:
    async def scene() -> None:
        register = Register(pods={"uid-short"})
        waiting = asyncio.create_task(census.complete(world, register))
        await eventually(lambda: register.asked > 2)
        assert not waiting.done()
        register.listed["pods"] = set()
        await waiting

    asyncio.run(scene())


def test_what_has_come_and_gone_under_way_is_not_waited_for(world: World) -> None:
    world.put_pod(pod())
    world.drop_pod(pod())
    asyncio.run(census.complete(world, Register(pods={"uid-camera-0"})))
    assert (world.complete, world.gone) == (True, set())
    world.drop_pod(pod())
    assert world.gone == set()


def test_an_api_server_that_is_away_is_asked_again(world: World, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        register = Register()
        register.down = ApiUnreachable("restarting")
        waiting = asyncio.create_task(census.complete(world, register))
        await eventually(lambda: register.asked > 3)
        assert not waiting.done()
        register.down = None
        await waiting

    asyncio.run(scene())
    assert "the cluster cannot be listed" in caplog.text


def test_the_kinds_may_come_later(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        register = Register(nodes={"one"})
        register.down = ObjectMissing("404")
        waiting = asyncio.create_task(census.kinds_served(register))
        await eventually(lambda: register.asked > 3)
        assert not waiting.done()
        register.down = None
        await waiting

    asyncio.run(scene())
    assert caplog.text.count("waiting for the kinds") == 1


def test_what_is_gone_unheard_is_forgotten(world: World) -> None:
    async def scene() -> None:
        told: list[tuple[str, str]] = []
        world.put_node(node("node-a"))
        world.put_node(node("node-b"))
        register = Register(nodes={"uid-node-a"})
        keeping = asyncio.create_task(
            census.keep(world, register, lambda kind, name: told.append((kind, name)), every=0.001)
        )
        await eventually(lambda: set(world.nodes) == {"node-a"})
        assert told == [("census", "nodes")]
        register.down = ApiUnreachable("away")
        asked = register.asked
        await eventually(lambda: register.asked > asked + 3)
        keeping.cancel()
        await asyncio.wait([keeping])

    asyncio.run(scene())


def test_what_comes_while_it_is_listed_is_not_forgotten(world: World) -> None:
    class Late(Register):
        async def uids(self, kind: str) -> AsyncIterator[str]:
            if kind == "nodes" and "node-b" not in world.nodes:
                world.put_node(node("node-b"))
            async for uid in super().uids(kind):
                yield uid

    async def scene() -> None:
        register = Late()
        keeping = asyncio.create_task(census.keep(world, register, lambda *_: None, every=0.001))
        await eventually(lambda: register.asked == len(KINDS))
        assert set(world.nodes) == {"node-b"}
        keeping.cancel()
        await asyncio.wait([keeping])

    asyncio.run(scene())


def test_a_watch_that_tells_nothing_of_what_is_there_ends_the_process(world: World) -> None:
    with pytest.raises(WatchDeaf, match="1 pods are there"):
        asyncio.run(census.keep(world, Register(pods={"unheard"}), lambda *_: None, every=0.001, patience=0.001))
