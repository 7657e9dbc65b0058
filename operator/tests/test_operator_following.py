import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientTimeout
from mediamesh_testing.waiting import eventually
from operator_bodies import AGENTS, ROOT, pod
from operator_lists import Lists, line, listing

from mediamesh_operator import following
from mediamesh_operator.edge import Edge
from mediamesh_operator.errors import ApiUnreachable, VersionGone
from mediamesh_operator.following import Follower
from mediamesh_operator.storage import api
from mediamesh_operator.world import World

Play = Callable[[Lists, Callable[[World], Coroutine[Any, Any, None]]], World]
Read = Callable[[Lists], list[Any]]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PAUSE", 0.001)


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Give what follows the pods of an API server while a scene lasts, and returns what is known then."""

    def played(lists: Lists, scene: Callable[[World], Coroutine[Any, Any, None]]) -> World:
        world = World(AGENTS, ROOT)

        async def run() -> None:
            async with listing(lists, tmp_path, monkeypatch) as store:
                edge = Edge(world, lambda *_: None)
                follower = Follower("pods", store, edge, edge.pod)
                running = asyncio.create_task(follower.run())
                await follower.listed.wait()
                await scene(world)
                running.cancel()
                await asyncio.wait([running])
                assert running.cancelled()

        asyncio.run(run())
        return world

    return played


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Give what reads the changes of an API server since version 40, to their end."""

    def changes(lists: Lists) -> list[Any]:
        async def run() -> list[Any]:
            async with listing(lists, tmp_path, monkeypatch) as store:
                return [event async for event in store.changes("pods", "40")]

        return asyncio.run(run())

    return changes


def known(world: World, *names: str) -> bool:
    return set(world.pods) == {f"uid-{name}" for name in names}


def at(version: str, name: str) -> dict[str, Any]:
    body = pod(name)
    body["metadata"]["resourceVersion"] = version
    return body


def bookmark(version: str) -> bytes:
    return line("BOOKMARK", {"metadata": {"resourceVersion": version}})


GONE = {"kind": "Status", "code": 410, "message": "too old resource version"}


def test_all_pages_are_listed_and_then_followed(play: Play) -> None:
    lists = Lists(pages=[[pod("one"), pod("two")], [pod("three")]])
    lists.watches = [[line("ADDED", at("41", "four")), line("DELETED", at("42", "one"))]]

    async def scene(world: World) -> None:
        await eventually(lambda: known(world, "two", "three", "four"))

    play(lists, scene)
    assert [query.get("continue", "") for query in lists.asked] == ["", "1", ""]
    assert lists.since() == ["40"]
    assert {query["fieldSelector"] for query in lists.asked} == {
        "spec.nodeName!=,status.phase!=Failed,status.phase!=Succeeded"
    }


@pytest.mark.parametrize(
    "broken", [[], [b'{"type": "ADDED", "obj'], [b"[]\n"]], ids=["ended", "half a line", "no object"]
)
def test_a_stream_that_breaks_off_is_taken_up_where_it_was(play: Play, broken: list[bytes]) -> None:
    lists = Lists(watches=[[line("ADDED", at("41", "one")), bookmark("44"), *broken], 503, []])

    async def scene(world: World) -> None:
        await eventually(lambda: len(lists.since()) >= 3)
        assert known(world, "one")

    play(lists, scene)
    assert lists.since() == ["40", "44", "44"]
    assert len(lists.asked) == 4


@pytest.mark.parametrize("said", [410, [line("ERROR", GONE)]], ids=["status", "event"])
def test_a_version_that_is_forgotten_means_a_new_list_and_what_is_not_in_it_is_gone(play: Play, said: Any) -> None:
    lists = Lists(pages=[[pod("stays")]], watches=[[line("ADDED", at("41", "went"))], said, []])

    async def scene(world: World) -> None:
        await eventually(lambda: len(lists.since()) >= 3)
        assert known(world, "stays")

    play(lists, scene)
    assert lists.since() == ["40", "41", "40"]


def test_a_list_that_fails_is_asked_for_again(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    lists = Lists(pages=[[pod("one")], [pod("two")]], refusals=[403, 0, 410])

    async def scene(world: World) -> None:
        assert known(world, "one", "two")

    play(lists, scene)
    assert [query.get("continue", "") for query in lists.asked][:5] == ["", "", "1", "", "1"]
    assert caplog.text.count("a kind is listed anew") == 2


def test_one_object_that_cannot_be_read_hides_no_other(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    strange = pod("strange") | {"spec": {"volumes": 1}}
    lists = Lists(pages=[[strange, pod("one")]])

    async def scene(world: World) -> None:
        await eventually(lambda: known(world, "one"))

    play(lists, scene)
    assert "an object cannot be read" in caplog.text


def test_what_has_gone_wrong_is_said_in_our_words(read: Read) -> None:
    with pytest.raises(VersionGone, match="too old resource version"):
        read(Lists(watches=[[line("ERROR", GONE)], []]))
    with pytest.raises(VersionGone, match="as the test wants it"):
        read(Lists(watches=[410]))
    with pytest.raises(ApiUnreachable):
        read(Lists(watches=[[line("ERROR", GONE | {"code": 500})], []]))


def test_a_stream_that_says_nothing_is_given_up(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_ENDLESS", ClientTimeout(total=None, sock_read=0.05))
    with pytest.raises(ApiUnreachable):
        read(Lists())


def test_a_line_without_an_end_is_given_up(read: Read) -> None:
    with pytest.raises(ApiUnreachable, match="Got more than"):
        read(Lists(watches=[[b"x" * 2**20] * 12]))
