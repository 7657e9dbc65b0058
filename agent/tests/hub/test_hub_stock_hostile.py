"""Stock memif clients that mean harm: each ends with a reason, and the peer that is waited for comes through."""

import asyncio
import select
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from mediamesh_testing.hub import HubUnderTest, running_hub
from mediamesh_testing.plans import flow, sending, sink
from mediamesh_testing.stockclient import StockClient
from mediamesh_testing.waiting import PATIENCE, eventually, wait_until
from mediamesh_testing.words import ONE_OF_EACH

from mediamesh_agent.hub import stock
from mediamesh_agent.hub.stock_door import MOST_CANDIDATES, StockDoor
from mediamesh_agent.hub.stock_endpoint import StockEndpoint
from mediamesh_agent.hub.stock_link import StockLink
from mediamesh_native.memif.messages import (
    MESSAGE_SIZE,
    S2M,
    Ack,
    AddRegion,
    Connected,
    Disconnect,
    Message,
    encode,
)
from mediamesh_protos import plan_pb2

PEER = plan_pb2.EndpointPlan(
    kind="memif", memif=plan_pb2.MemifPlan(role="client", socket="m.sock", id=7, access="copy", rings=1)
)
FED = flow("default/b", source=plan_pb2.SourcePlan(name="wire", queue=4, endpoint=PEER), sinks=[sink(policy="block")])


@pytest.fixture
def hub(root: Path) -> Iterator[HubUnderTest]:
    with running_hub(root) as running:
        running.apply(FED)
        wait_until((running.root / "m.sock").exists, "the socket")
        yield running


def came(hub: HubUnderTest) -> StockClient:
    return StockClient(hub.root / "m.sock")


def drip(client: StockClient) -> Disconnect:
    """Say something honest every half second until sent away."""
    fd = client.memory(4096)
    answer = client.say(client.init)
    index = 0
    while not isinstance(answer, Disconnect):
        if select.select([client.socket], [], [], 0.5)[0]:
            answer = client.hear()
        else:
            answer = client.say(AddRegion(index, 4096), fd)
            index += 1
    return answer


def test_whoever_dawdles_keeps_nobody_out_and_is_sent_away(hub: HubUnderTest) -> None:
    with came(hub) as dripping, came(hub) as silent, came(hub) as real:
        silent.socket.setblocking(False)
        dripping.say(dripping.init)
        assert isinstance(real.connect(), Connected)
        assert real.connected
    wait_until(lambda: not hub.flow("default/b").attachments, "the peer's end")
    with came(hub) as dripping:
        assert "5 s" in drip(dripping).reason
    wait_until(lambda: hub.ended("HandshakeTooLong") == 1, "the end of who dripped")
    with came(hub) as real:
        assert isinstance(real.connect(), Connected)


SERVING = 4
GARBAGE = [b"\0", b"\2\0", b"\x63\0".ljust(MESSAGE_SIZE, b"\0"), b"\xff" * MESSAGE_SIZE, bytes(4000)]
WORDS = [encode(message) for message in ONE_OF_EACH if not isinstance(message, Disconnect)] + GARBAGE
"""None is right at any step: of another interface, without a descriptor, out of turn or no message at all."""


def come(client: StockClient, step: int) -> None:
    """Do as an honest client does, up to `step`."""
    if step == SERVING:
        assert isinstance(client.connect(), Connected)
    steps: list[Callable[[], Message | None]] = [
        lambda: client.say(client.init),
        lambda: client.say(AddRegion(0, 1 << 17), client.memory(1 << 17)),
        lambda: client.ring(S2M, offset=0),
    ]
    for say in steps[: step % SERVING]:
        assert isinstance(say(), Ack)


def last_word(client: StockClient) -> Message | None:
    last = None
    try:
        while word := client.hear():
            last = word
    except ConnectionResetError:
        pass  # what the hub had not read is thrown back at us, behind its last word
    return last


@pytest.mark.parametrize("step", range(SERVING + 1))
def test_a_wrong_word_at_any_step_ends_it_with_a_reason(hub: HubUnderTest, step: int) -> None:
    for number, word in enumerate(WORDS, 1):
        with came(hub) as client:
            come(client, step)
            client.socket.send(word)
            answer = last_word(client)
            assert isinstance(answer, Disconnect), (word, answer)
        wait_until(lambda: sum(end.count for end in hub.observe().ended) == number, f"the end by {word!r}")  # noqa: B023
        wait_until(lambda: not hub.flow("default/b").attachments, "its place to be free")
    assert not {end.reason for end in hub.observe().ended} & {"PeerGone", "PeerSilent"}
    with came(hub) as real:
        assert isinstance(real.connect(), Connected)


def test_of_too_many_the_oldest_is_sent_away(hub: HubUnderTest) -> None:
    with ExitStack() as crowd:
        silent = [crowd.enter_context(came(hub)) for _ in range(3 * MOST_CANDIDATES)]
        with came(hub) as real:
            assert isinstance(real.connect(), Connected)
        assert select.select([silent[0].socket], [], [], PATIENCE)[0]
        assert silent[0].hear() is None
    assert hub.ended("PushedOut") >= MOST_CANDIDATES


def test_who_comes_second_is_told_that_the_place_is_taken(hub: HubUnderTest) -> None:
    with came(hub) as first:
        first.connect()
        with StockClient(hub.root / "m.sock") as second:
            answer = second.say(second.init)
            assert isinstance(answer, Disconnect)
            assert "has a source already" in answer.reason
        assert first.connected
    assert hub.ended("SourceBusy") == 1


@pytest.mark.parametrize("offset", [1 << 20, 3])
def test_a_ring_that_cannot_be_is_told_to_the_peer(hub: HubUnderTest, offset: int) -> None:
    with came(hub) as client:
        client.say(client.init)
        client.say(AddRegion(0, 1 << 16), client.memory(1 << 16))
        answer = client.ring(S2M, offset=offset)
        assert isinstance(answer, Disconnect)
        assert "ring" in answer.reason


@pytest.mark.parametrize(("kind", "role"), [(StockLink, "server"), (StockDoor, "client")])
def test_a_link_that_fails_as_nobody_foresaw_begins_again(
    kind: type[StockLink | StockDoor], role: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries = 0

    async def fail(_: StockLink | StockDoor) -> None:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0)
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(stock, "LONGEST_PAUSE", 0)
    monkeypatch.setattr(kind, "keep", fail)
    links = stock.StockLinks(cast("Any", None), cast("Any", SimpleNamespace(flows={})))
    plan = plan_pb2.MemifPlan(role=role, socket="m.sock")
    endpoint = StockEndpoint("default/b", "wire", "source", plan.SerializeToString())

    async def watch() -> None:
        await links.arrange([endpoint])
        await eventually(lambda: tries > 2, "more tries")
        await links.close()

    asyncio.run(watch())
    assert "unforeseen" in caplog.text
    assert ("default/b wire" if role == "server" else "m.sock") in caplog.text


@pytest.mark.parametrize("name", ["hub.sock", "attach.sock", "plan.pb", "hub.lock"])
def test_a_plan_that_puts_a_peer_in_the_place_of_the_hub_s_own_costs_that_flow_alone(
    hub: HubUnderTest, name: str
) -> None:
    before = {path.name: path.stat().st_ino for path in hub.root.iterdir() if path.name != "plan.pb"}
    applied = hub.offer(FED, sending("client", name=name), revision=2)
    assert [(error.connection, error.reason) for error in applied.errors] == [("default/a", "BadPlan")]
    assert {one.connection: one.reason for one in hub.observe().flows} == {"default/a": "BadPlan", "default/b": ""}
    after = {path.name: path.stat().st_ino for path in hub.root.iterdir() if path.name != "plan.pb"}
    assert {key: after[key] for key in before} == before
    assert (hub.root / "plan.pb").is_file()
