import asyncio
import contextlib
from collections.abc import Coroutine
from functools import partial
from typing import Any

import pytest
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.waiting import eventually
from sdk_plans import QUEUE, connection

import mediamesh
from mediamesh import aio


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 60), debug=True)


def has_all(sink: aio.Sink, source: aio.Source) -> bool:
    return sink.last_sequence == source.next_sequence - 1


def test_the_names_are_the_synchronous_ones() -> None:
    for name in ("Sink", "Source"):
        here = {attribute for attribute in dir(getattr(aio, name)) if not attribute.startswith("_")}
        there = {attribute for attribute in dir(getattr(mediamesh, name)) if not attribute.startswith("_")}
        assert there - here == {"ROLE", "GLANCES", "fileno"}


def test_frames_flow(hub: HubUnderTest) -> None:
    async def scenario() -> None:
        async with aio.open_sink("cam", timeout=30) as sink:
            source = await aio.open_source("cam", timeout=30)
            async with source:
                assert (sink.name, sink.endpoint, sink.format) == ("default/cam", "sink0", source.format)
                first = source.next_sequence
                for number in range(100):
                    assert await source.send(b"%d" % number, metadata=b"m") == first + number
                    with await sink.receive(30) as frame:
                        assert (bytes(frame), frame.metadata) == (b"%d" % number, b"m")
                with await source.acquire(30) as filled:
                    filled.buffer[:1] = b"z"
                    filled.length = 1
                    filled.send()
                with await sink.receive(30) as frame:
                    assert bytes(frame) == b"z"
                assert (sink.last_sequence, sink.dropped) == (first + 100, 0)

    hub.apply(connection())
    run(scenario())


def test_iteration_ends_with_the_sink(hub: HubUnderTest) -> None:
    async def consume(sink: aio.Sink) -> int:
        count = 0
        async for frame in sink:
            frame.release()
            count += 1
        return count

    async def scenario() -> None:
        for end in ("close", "interrupt"):
            async with aio.open_sink("cam", timeout=30) as sink, aio.open_source("cam", timeout=30) as source:
                consumer = asyncio.create_task(consume(sink))
                for _ in range(10):
                    await source.send(b"x", timeout=30)
                await eventually(partial(has_all, sink, source))
                getattr(sink, end)()
                assert await consumer == 10

    hub.apply(connection())
    run(scenario())


def test_who_is_interrupted_leaves_no_descriptor_in_the_loop(hub: HubUnderTest) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        for closes_at_once in (False, True):
            async with aio.open_sink("cam", timeout=30) as sink:
                waiting = asyncio.create_task(sink.receive())
                await eventually(lambda: bool(sink._waiters))
                sink.interrupt()
                if closes_at_once:
                    sink.close()
                with pytest.raises(mediamesh.Closed if closes_at_once else mediamesh.Interrupted):
                    await waiting
                assert not loop.remove_reader(sink._watched)

    hub.apply(connection())
    run(scenario())


def test_timeouts_mean_what_they_say(hub: HubUnderTest) -> None:
    async def scenario() -> None:
        async with aio.open_sink("cam", timeout=30) as sink, aio.open_source("cam", timeout=30) as source:
            for timeout in (0, 0.01):
                with pytest.raises(mediamesh.Timeout, match="no frame within"):
                    await sink.receive(timeout)
            await source.send(b"x", timeout=30)
            (await sink.receive(30)).release()
            held = [await source.acquire(30) for _ in range(QUEUE)]
            with pytest.raises(mediamesh.Timeout):
                await source.acquire(0)
            for frame in held:
                frame.cancel()

    hub.apply(connection())
    run(scenario())


def test_cancellation_takes_nothing(hub: HubUnderTest) -> None:
    async def scenario() -> None:
        async with aio.open_sink("cam", timeout=30) as sink, aio.open_source("cam", timeout=30) as source:
            received = []
            for number in range(100):
                waiting = asyncio.create_task(sink.receive())
                await asyncio.sleep(0)
                await source.send(b"%d" % number, timeout=30)
                for _ in range(number % 4):
                    await asyncio.sleep(0)
                waiting.cancel()
                with contextlib.suppress(asyncio.CancelledError), await waiting as frame:
                    received.append(bytes(frame))
                with contextlib.suppress(mediamesh.Timeout), await sink.receive(0) as frame:
                    received.append(bytes(frame))
            while len(received) < 100:
                with await sink.receive(30) as frame:
                    received.append(bytes(frame))
            assert received == [b"%d" % number for number in range(100)]

    hub.apply(connection())
    run(scenario())


def test_several_tasks_share_a_sink(hub: HubUnderTest) -> None:
    async def take(sink: aio.Sink, seen: list[int]) -> None:
        async for frame in sink:
            with frame:
                seen.append(frame.sequence)
                await asyncio.sleep(0)

    async def scenario() -> None:
        async with aio.open_sink("cam", timeout=30) as sink, aio.open_source("cam", timeout=30) as source:
            seen: list[int] = []
            tasks = [asyncio.create_task(take(sink, seen)) for _ in range(3)]
            first = source.next_sequence
            for _ in range(200):
                await source.send(b"x", timeout=30)
            await eventually(lambda: len(seen) == 200)
            sink.interrupt()
            await asyncio.gather(*tasks)
            assert sorted(seen) == list(range(first, first + 200))

    hub.apply(connection())
    run(scenario())


def test_a_hub_is_waited_for_without_blocking_the_loop(own_hub: HubUnderTest) -> None:
    async def scenario() -> None:
        async with aio.open_sink("cam", timeout=30) as sink, aio.open_source("cam", timeout=30) as source:
            last = await source.send(b"x")
            (await sink.receive(30)).release()
            own_hub.kill()
            waiting = asyncio.create_task(sink.receive(30))
            with pytest.raises(mediamesh.Timeout, match="no attachment within"):
                await source.acquire(0.05)
            await asyncio.to_thread(own_hub.restart)
            await eventually(lambda: sink.attached)
            assert await source.send(b"after", timeout=30) == last + 1
            with await waiting as frame:
                assert bytes(frame) == b"after"

    own_hub.apply(connection())
    run(scenario())


def test_opening_fails_as_told(hub: HubUnderTest) -> None:
    async def scenario() -> None:
        with pytest.raises(mediamesh.RefusedForNow, match="no connection"):
            await aio.open_sink("absent")
        with pytest.raises(mediamesh.Timeout, match="no connection"):
            await aio.open_source("absent", wait=True, timeout=1)
        waiting = asyncio.ensure_future(aio.open_sink("absent", wait=True).__aenter__())
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    hub.apply()
    run(scenario())
