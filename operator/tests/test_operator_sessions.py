import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import pytest

from mediamesh_operator.errors import AgentRefused
from mediamesh_operator.identity import AgentIdentity
from mediamesh_operator.sessions import GRACE, Session, Sessions
from mediamesh_protos import agents_pb2, hub_pb2, plan_pb2

CREATED = {"old": "2026-11-01T10:00:00Z", "young": "2026-11-01T11:00:00Z", "twin": "2026-11-01T11:00:00Z"}


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(test)
    def run(**arguments: Any) -> None:
        asyncio.run(test(**arguments))

    return run


class Desk:
    """Sessions with a clock that stands until it is set, and what they told of."""

    def __init__(self) -> None:
        self.now = 100.0
        self.told: list[tuple[str, float]] = []
        self.sessions = Sessions(
            lambda: self.now, lambda uid: CREATED.get(uid, ""), lambda node, delay: self.told.append((node, delay))
        )

    def open(self, pod: str = "young", node: str = "node-a") -> Session:
        identity = AgentIdentity(node, pod, f"agent-{pod}", 1e12)
        return self.sessions.open(identity, agents_pb2.Hello(node=node, version=pod))

    def report(self, session: Session, digest: str = "") -> None:
        self.sessions.reported(session, agents_pb2.Report(hub=hub_pb2.Observed(digest=digest)))


def plan(digest: str) -> plan_pb2.NodePlan:
    return plan_pb2.NodePlan(node="node-a", digest=digest)


@in_a_loop
async def test_of_two_agents_of_a_node_that_of_the_younger_pod_is_served() -> None:
    desk = Desk()
    old = desk.open("old")
    young = desk.open("young")
    assert desk.sessions.get("node-a") is young
    assert (await old.ending).reason == "Superseded"
    with pytest.raises(AgentRefused) as refused:
        desk.open("old")
    assert refused.value.reason == "Superseded"
    assert "agent-young" in refused.value.message
    assert desk.sessions.get("node-a") is young
    assert not young.ending.done()


@in_a_loop
async def test_the_same_pod_comes_back_in_the_place_of_its_dead_stream() -> None:
    desk = Desk()
    first, second = desk.open(), desk.open()
    assert first.ending.done()
    assert desk.sessions.get("node-a") is second
    desk.sessions.close(first)
    assert desk.sessions.get("node-a") is second


@in_a_loop
async def test_two_pods_of_one_second_do_not_take_turns() -> None:
    desk = Desk()
    desk.open("twin")
    winner = desk.open("young")
    with pytest.raises(AgentRefused):
        desk.open("twin")
    assert desk.sessions.get("node-a") is winner


@in_a_loop
async def test_a_pod_that_nobody_has_heard_of_is_the_youngest() -> None:
    desk = Desk()
    desk.open("young")
    new = desk.open("unheard-of")
    assert desk.sessions.get("node-a") is new


@in_a_loop
async def test_each_node_has_its_own() -> None:
    desk = Desk()
    a, b = desk.open(node="node-a"), desk.open(node="node-b")
    assert (len(desk.sessions), set(desk.sessions)) == (2, {a, b})
    assert desk.told == [("node-a", 0.0), ("node-b", 0.0)]


@in_a_loop
async def test_a_plan_is_sent_if_the_hub_has_another() -> None:
    desk = Desk()
    session = desk.open()
    desk.report(session, "before")
    session.offer(plan("now"))
    assert (await session.next_plan()).digest == "now"


@in_a_loop
async def test_a_plan_that_the_hub_has_is_not_sent() -> None:
    desk = Desk()
    session = desk.open()
    desk.report(session, "now")
    session.offer(plan("now"))
    session.offer(plan("next"))
    assert (await session.next_plan()).digest == "next"


@in_a_loop
async def test_nothing_is_sent_before_the_first_report() -> None:
    desk = Desk()
    session = desk.open()
    session.offer(plan("now"))
    waiting = asyncio.create_task(session.next_plan())
    await asyncio.sleep(0)
    assert not waiting.done()
    desk.report(session, "now")
    session.offer(plan("now"))
    await asyncio.sleep(0)
    assert not waiting.done()
    session.offer(plan("next"))
    assert (await waiting).digest == "next"


@in_a_loop
async def test_of_several_plans_only_the_newest_is_sent_and_once() -> None:
    desk = Desk()
    session = desk.open()
    desk.report(session)
    for digest in ("one", "two", "two"):
        session.offer(plan(digest))
    assert (await session.next_plan()).digest == "two"
    desk.report(session, "one")
    session.offer(plan("two"))
    waiting = asyncio.create_task(session.next_plan())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


@in_a_loop
async def test_a_plan_that_is_taken_back_before_it_was_sent_is_what_counts() -> None:
    desk = Desk()
    session = desk.open()
    desk.report(session, "one")
    session.offer(plan("one"))
    session.offer(plan("two"))
    session.offer(plan("one"))
    assert (await session.next_plan()).digest == "one"


@in_a_loop
async def test_what_a_node_said_counts_for_a_while_after_its_stream() -> None:
    desk = Desk()
    session = desk.open()
    desk.report(session, "now")
    desk.sessions.close(session)
    assert desk.told[-1] == ("node-a", GRACE)
    desk.now += GRACE - 1
    heard = desk.sessions.heard("node-a")
    assert heard is not None
    assert heard.report is not None
    assert (heard.connected, heard.report.hub.digest) == (False, "now")
    desk.now += 1
    assert desk.sessions.heard("node-a") is None


@in_a_loop
async def test_a_new_stream_without_a_report_yet_shows_what_was_said_before() -> None:
    desk = Desk()
    desk.report(desk.open("old"), "before")
    session = desk.open("young")
    heard = desk.sessions.heard("node-a")
    assert heard is not None
    assert heard.report is not None
    assert (heard.connected, heard.hello.version, heard.report.hub.digest) == (True, "young", "before")
    desk.report(session, "now")
    desk.now += 10 * GRACE
    again = desk.sessions.heard("node-a")
    assert again is not None
    assert again.report is not None
    assert again.report.hub.digest == "now"


@in_a_loop
async def test_a_node_that_never_spoke_is_unknown() -> None:
    desk = Desk()
    assert desk.sessions.heard("node-a") is None
    session = desk.open()
    desk.sessions.close(session)
    assert desk.sessions.heard("node-a") is None


@in_a_loop
async def test_a_report_of_a_superseded_agent_is_not_its_nodes() -> None:
    desk = Desk()
    old = desk.open("old")
    young = desk.open("young")
    desk.report(young, "young")
    desk.report(old, "old")
    heard = desk.sessions.heard("node-a")
    assert heard is not None
    assert heard.report is not None
    assert heard.report.hub.digest == "young"
