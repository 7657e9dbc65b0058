import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import grpc
import pytest
from mediamesh_testing.waiting import eventually
from operator_agents import Agent, Port, issued, serving
from operator_tokens import RULE, token

from mediamesh_operator import certificates
from mediamesh_operator.errors import ApiForbidden, ApiUnreachable
from mediamesh_protos import agents_pb2, hub_pb2, plan_pb2

Code = grpc.StatusCode


def served(test: Callable[[Port], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @wraps(test)
    async def scene() -> None:
        async with serving() as port:
            await test(port)

    def run() -> None:
        asyncio.run(scene())

    run.__name__ = test.__name__
    return run


async def connected(port: Port, node: str = "node-a") -> None:
    await eventually(lambda: (session := port.sessions.get(node)) is not None and session.report is not None)


@served
async def test_an_agent_gets_the_plan_of_its_node_and_is_heard(port: Port) -> None:
    async with port.agent(port.reviewers.issue()) as agent:
        await agent.begin()
        await connected(port)
        session = port.sessions.get("node-a")
        assert session is not None
        session.offer(plan_pb2.NodePlan(node="node-a", revision=3, digest="d"))
        assert (await agent.plan()).revision == 3
        await agent.report(
            "d", flows=[hub_pb2.ObservedFlow(connection=f"studio/{node}") for node in ("node-a", "node-b")]
        )
        await eventually(lambda: session.report is not None and session.report.hub.flows)
        assert session.report is not None
        assert [flow.connection for flow in session.report.hub.flows] == ["studio/node-a"]
    await eventually(lambda: port.sessions.get("node-a") is None)


@served
async def test_an_agent_for_another_node_is_refused(port: Port) -> None:
    async with port.agent(port.reviewers.issue("node-a")) as agent:
        await agent.hello("node-b")
        assert await agent.end() == (Code.PERMISSION_DENIED, "AgentForAnotherNode")
    assert port.refusals("AgentForAnotherNode") == 1
    assert len(port.sessions) == 0


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (None, "TokenMissing"),
        ("", "TokenMissing"),
        ("forged", "TokenInvalid"),
        (token(), "TokenInvalid"),
        (token(exp=1), "TokenExpired"),
        (token(aud=["kubernetes"]), "WrongAudience"),
        (token(sub="system:serviceaccount:studio:default"), "NotOurServiceAccount"),
    ],
)
def test_who_has_no_good_token_is_refused_before_it_can_say_anything(shown: str | None, reason: str) -> None:
    async def scene() -> None:
        async with serving() as port, port.agent(shown) as agent:
            code, said = await agent.end()
            expected = Code.PERMISSION_DENIED if reason == "NotOurServiceAccount" else Code.UNAUTHENTICATED
            assert (code, said) == (expected, reason)
            assert port.refusals(reason) == 1

    asyncio.run(scene())


def test_a_refusal_is_logged_with_who_it_was(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with serving() as port, port.agent(port.reviewers.issue("node-a", "uid-7")) as agent:
            await agent.hello("node-b")
            await agent.end()

    asyncio.run(scene())
    (said,) = [vars(each) for each in caplog.records if each.getMessage() == "agent refused"]
    assert (said["reason"], said["node"], said["pod"]) == ("AgentForAnotherNode", "node-a", "agent-uid-7")
    assert "127.0.0.1" in said["peer"]


@served
async def test_while_the_api_server_is_away_agents_are_asked_to_come_back(port: Port) -> None:
    shown = port.reviewers.issue()
    port.reviewers.down = ApiUnreachable("restarting")
    async with port.agent(shown) as agent:
        assert await agent.end() == (Code.UNAVAILABLE, "ApiUnreachable")
    port.reviewers.down = None
    async with port.agent(shown) as agent:
        await agent.begin()
        await connected(port)


@served
async def test_an_operator_that_may_not_review_tokens_says_so_in_its_log_only(port: Port) -> None:
    shown = port.reviewers.issue()
    port.reviewers.down = ApiForbidden("no tokenreviews for you")
    async with port.agent(shown) as agent:
        assert await agent.end() == (Code.INTERNAL, "ApiForbidden")
        assert "tokenreviews" not in await agent.call.details()


@served
async def test_the_younger_pods_agent_takes_over(port: Port) -> None:
    port.created |= {"old": "2026-11-01T10:00:00Z", "young": "2026-11-01T11:00:00Z"}
    old_token, young_token = port.reviewers.issue(uid="old"), port.reviewers.issue(uid="young")
    async with port.agent(old_token) as old, port.agent(young_token) as young:
        await old.begin()
        await connected(port)
        await young.begin()
        assert await old.end() == (Code.FAILED_PRECONDITION, "Superseded")
        await connected(port)
        async with port.agent(old_token) as again:
            await again.hello()  # it is refused for that: whatever it said next might find the stream at its end
            assert await again.end() == (Code.FAILED_PRECONDITION, "Superseded")
        session = port.sessions.get("node-a")
        assert session is not None
        assert session.identity.pod_uid == "young"
    assert port.refusals("Superseded") == 2


@served
async def test_a_stream_ends_when_its_token_does_and_another_takes_its_place(port: Port) -> None:
    async with port.agent(port.reviewers.issue(exp=time.time() + 3)) as agent:
        await agent.begin()
        await connected(port)
        assert (await agent.end())[0] is Code.OK
    async with port.agent(port.reviewers.issue()) as agent:
        await agent.begin()
        await connected(port)
    assert port.refusals("TokenExpired") == 0


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([b"\xff" * 100], "Malformed"),
        ([b""], "Malformed"),
        ([agents_pb2.AgentMessage(report=agents_pb2.Report())], "Malformed"),
        ([agents_pb2.AgentMessage(hello=agents_pb2.Hello(node="node-a", api_version=2))], "WrongVersion"),
        ([agents_pb2.AgentMessage(hello=agents_pb2.Hello(node="node-a", api_version=1))] * 2, "Malformed"),
        ([agents_pb2.AgentMessage(hello=agents_pb2.Hello(node="node-a", api_version=1)), b"\xff"], "Malformed"),
    ],
)
def test_who_speaks_otherwise_is_refused(messages: list[bytes | agents_pb2.AgentMessage], reason: str) -> None:
    async def scene() -> None:
        async with serving() as port, port.agent(port.reviewers.issue()) as agent:
            for message in messages:
                await agent.say(message)
            assert await agent.end() == (Code.INVALID_ARGUMENT, reason)
            assert port.refusals(reason) == 1
            assert len(port.sessions) == 0

    asyncio.run(scene())


@served
async def test_garbage_in_the_middle_ends_that_stream_and_no_other(port: Port) -> None:
    async with port.agent(port.reviewers.issue()) as agent, port.agent(port.reviewers.issue("node-b")) as other:
        await agent.begin()
        await other.begin("node-b")
        await connected(port)
        await connected(port, "node-b")
        await agent.say(b"\x0a\xff\xff")
        assert (await agent.end())[1] == "Malformed"
        await other.report("still here")
        assert port.sessions.get("node-b") is not None


@served
async def test_an_agent_that_leaves_before_it_said_anything_is_no_trouble(port: Port) -> None:
    async with port.agent(port.reviewers.issue()) as agent:
        await agent.call.done_writing()
        assert (await agent.end())[1] == "Malformed"


@pytest.mark.parametrize("said", [0, 1])
def test_who_says_nothing_is_sent_away(said: int) -> None:
    async def scene() -> None:
        async with serving(patience=1.0) as port, port.agent(port.reviewers.issue()) as agent:
            if said:
                await agent.hello()
            assert await agent.end() == (Code.DEADLINE_EXCEEDED, "Silent")
            assert port.refusals("Silent") == 1
            assert len(port.sessions) == 0

    asyncio.run(scene())


@served
async def test_a_message_that_is_too_large_ends_the_stream(port: Port) -> None:
    async with port.agent(port.reviewers.issue()) as agent:
        await agent.begin()
        await connected(port)
        await agent.say(agents_pb2.AgentMessage(report=agents_pb2.Report(problem="x" * (5 * 1024 * 1024))))
        assert (await agent.end())[0] is Code.RESOURCE_EXHAUSTED
    await eventually(lambda: port.sessions.get("node-a") is None)


@served
async def test_a_flood_is_held_back_and_others_are_served(port: Port) -> None:
    report = agents_pb2.AgentMessage(report=agents_pb2.Report(problem="x" * 100_000)).SerializeToString()

    async def flood(agent: Agent) -> None:
        while True:
            await agent.say(report)

    async with port.agent(port.reviewers.issue()) as agent, port.agent(port.reviewers.issue("node-b")) as other:
        await agent.begin()
        await connected(port)
        flooding = asyncio.create_task(flood(agent))
        await eventually(lambda: _taken(port) > 10)
        await other.begin("node-b")
        await connected(port, "node-b")
        session = port.sessions.get("node-b")
        assert session is not None
        session.offer(plan_pb2.NodePlan(node="node-b", digest="d"))
        assert (await other.plan()).digest == "d"
        assert _taken(port) < 200
        flooding.cancel()
        await asyncio.wait([flooding])


def _taken(port: Port) -> float:
    return port.metrics.registry.get_sample_value("mediamesh_operator_reports_total") or 0


@served
async def test_a_new_certificate_is_shown_without_a_restart_and_open_streams_go_on(port: Port) -> None:
    next_authority = certificates.make_authority(port.shown.certificate.made)
    async with port.agent(port.reviewers.issue()) as early:
        await early.begin()
        await connected(port)
        port.source.certificate = issued(next_authority)
        await port.shown.load()
        async with port.agent(port.reviewers.issue("node-b"), trusting=next_authority) as late:
            await late.begin("node-b")
            await connected(port, "node-b")
        async with port.agent(port.reviewers.issue("node-c")) as stale:
            assert (await stale.end())[0] is Code.UNAVAILABLE
        session = port.sessions.get("node-a")
        assert session is not None
        session.offer(plan_pb2.NodePlan(node="node-a", digest="d"))
        assert (await early.plan()).digest == "d"


@served
async def test_the_audience_is_asked_for_in_every_review(port: Port) -> None:
    async with port.agent(port.reviewers.issue()) as agent:
        await agent.begin()
        await connected(port)
    assert len(port.reviewers.asked) == 1
    assert RULE.audience == "mediamesh-operator"
