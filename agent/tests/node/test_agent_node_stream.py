"""The agent of a node between a real hub and an operator with real TLS."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import pytest
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import flow
from mediamesh_testing.rawclient import RawClient
from mediamesh_testing.waiting import eventually
from node_operator import NODE, Node, Operator, planned

from mediamesh_agent.node import stream as streams

Scenario = Callable[[Operator, Node], Awaitable[None]]


def play(hub: HubUnderTest, folder: Path, scenario: Scenario) -> None:
    """Play a scenario with an operator that listens and an agent that works."""

    async def main() -> None:
        operator = Operator(folder / "operator")
        async with operator.listening(), Node(hub.root, operator.place()).working() as node:
            await scenario(operator, node)

    asyncio.run(main())


def flows(hub: HubUnderTest) -> list[str]:
    return [one.connection for one in hub.observe().flows]


def test_a_plan_is_carried_out_and_reported_with_its_digest(hub: HubUnderTest, free_dir: Path) -> None:
    async def scenario(operator: Operator, _node: Node) -> None:
        stream = await operator.stream()
        await stream.said(lambda report: report.HasField("hub"), "that there is a hub")
        assert stream.hello is not None
        assert (stream.hello.api_version, stream.hello.node, stream.hello.facts.cpus) == (1, NODE, 2)
        assert stream.token == "Bearer first"
        plan = planned(flow())
        await stream.plan(plan)
        await stream.said(lambda report: report.hub.digest == plan.digest, "the digest")
        assert stream.reports[-1].problem == ""
        await stream.said(lambda report: [one.connection for one in report.hub.flows] == ["default/cam"], "the flow")

    play(hub, free_dir, scenario)
    assert flows(hub) == ["default/cam"]


def test_changes_of_state_are_reported_and_failures_with_their_reason(hub: HubUnderTest, free_dir: Path) -> None:
    async def scenario(operator: Operator, _node: Node) -> None:
        stream = await operator.stream()
        await stream.plan(planned(flow(), flow("default/huge", frames=1 << 20, capacity=1 << 30)))
        await stream.said(lambda report: report.errors, "the error")
        assert [(one.connection, one.reason) for one in stream.reports[-1].errors] == [("default/huge", "PoolTooLarge")]
        with RawClient(hub.root) as client:
            client.attach("source")
            await stream.said(lambda report: "Flowing" in {one.state for one in report.hub.flows}, "the source")
        await stream.said(lambda report: "Flowing" not in {one.state for one in report.hub.flows}, "its end")

    play(hub, free_dir, scenario)


def test_without_the_operator_the_hub_goes_on_and_a_new_token_and_ca_are_read(
    hub: HubUnderTest, free_dir: Path
) -> None:
    async def main() -> None:
        operator = Operator(free_dir / "operator")
        async with operator.listening():
            node = Node(hub.root, operator.place())
            working = node.working()
            await working.__aenter__()
            plan = planned(flow())
            stream = await operator.stream()
            await stream.plan(plan)
            await stream.said(lambda report: report.hub.digest == plan.digest, "the digest")
        await eventually(lambda: not node.received.connected, "the end of the stream")
        assert flows(hub) == ["default/cam"]
        operator.token.write_text("second")
        async with operator.listening():
            stream = await operator.stream(2)
            assert stream.token == "Bearer second"
            await stream.said(lambda report: report.hub.digest == plan.digest, "the same plan")
            await working.__aexit__(None, None, None)

    asyncio.run(main())


def test_a_stream_that_ends_in_order_is_opened_again(hub: HubUnderTest, free_dir: Path) -> None:
    async def scenario(operator: Operator, node: Node) -> None:
        stream = await operator.stream()
        await stream.said(lambda report: report.HasField("hub"), "how the hub is")  # it has nothing more to say
        stream.end()
        await operator.stream(2)
        assert node.stream.ended == {"Closed": 1}

    play(hub, free_dir, scenario)


def test_what_somebody_else_told_the_hub_is_put_right(hub: HubUnderTest, free_dir: Path) -> None:
    async def scenario(operator: Operator, _node: Node) -> None:
        stream, plan = await operator.stream(), planned(flow())
        await stream.plan(plan)
        await stream.said(lambda report: report.hub.digest == plan.digest, "the plan")
        await asyncio.to_thread(hub.apply, revision=77)
        await stream.said(lambda report: report.hub.revision > 77 and report.hub.digest == plan.digest, "it again")

    play(hub, free_dir, scenario)


def test_a_hub_that_was_killed_gets_its_plan_again(hub: HubUnderTest, free_dir: Path) -> None:
    async def scenario(operator: Operator, _node: Node) -> None:
        stream, plan = await operator.stream(), planned(flow())
        await stream.plan(plan)
        await stream.said(lambda report: report.hub.digest == plan.digest, "the plan")
        hub.kill()
        await stream.said(lambda report: not report.HasField("hub") and report.problem, "that there is no hub")
        (hub.root / "plan.pb").unlink()
        hub.restart()
        await stream.said(lambda report: report.hub.digest == plan.digest, "the plan again")

    play(hub, free_dir, scenario)


def test_who_was_superseded_leaves_the_hub_alone_and_waits(
    hub: HubUnderTest, free_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "SUPERSEDED_FOR", 0.01)

    async def scenario(operator: Operator, node: Node) -> None:
        stream, plan = await operator.stream(), planned(flow())
        await stream.plan(plan)
        await stream.said(lambda report: report.hub.digest == plan.digest, "the plan")
        operator.refusal = (grpc.StatusCode.FAILED_PRECONDITION, "Superseded: the younger pod agent-2 is the agent")
        stream.end()
        await eventually(lambda: node.stream.ended["Superseded"] >= 2, "to be refused")
        await asyncio.to_thread(hub.apply, flow("default/other"), revision=2)
        await eventually(lambda: node.observed().revision == 2, "a look at the hub")
        assert not node.received.differs(node.observed())

    play(hub, free_dir, scenario)
    assert flows(hub) == ["default/other"]


@pytest.mark.parametrize(
    ("detail", "reason"),
    [("TokenExpired: the token has expired", "TokenExpired"), ("no words of ours", "Unauthenticated")],
)
def test_a_refusal_is_counted_by_its_reason(hub: HubUnderTest, free_dir: Path, detail: str, reason: str) -> None:
    async def main() -> None:
        operator = Operator(free_dir / "operator")
        operator.refusal = (grpc.StatusCode.UNAUTHENTICATED, detail)
        async with operator.listening(), Node(hub.root, operator.place()).working() as node:
            await eventually(lambda: node.stream.ended[reason], reason)
            assert not node.received.connected

    asyncio.run(main())


def test_who_is_not_the_operator_is_told_nothing(hub: HubUnderTest, free_dir: Path) -> None:
    """A certificate of another CA, and one for another name."""

    async def main() -> None:
        operator, other = Operator(free_dir / "operator"), Operator(free_dir / "other")
        async with operator.listening(), other.listening("elsewhere.test"):
            operator.ca.write_bytes(b"")
            async with Node(hub.root, operator.place()).working() as node:
                await eventually(lambda: node.stream.ended["Unavailable"], "no trust")
            async with Node(hub.root, other.place()).working() as node:
                await eventually(lambda: node.stream.ended["Unavailable"], "another name")
            assert (operator.streams, other.streams) == ([], [])
            async with Node(hub.root, other.place(server_name="elsewhere.test")).working():
                await other.stream()

    asyncio.run(main())


@pytest.mark.parametrize("missing", ["ca", "token"])
def test_files_that_are_not_there_yet_are_waited_for(hub: HubUnderTest, free_dir: Path, missing: str) -> None:
    async def main() -> None:
        operator = Operator(free_dir / "operator")
        async with operator.listening():
            path: Path = getattr(operator, missing)
            path.rename(path.with_suffix(".later"))
            async with Node(hub.root, operator.place()).working() as node:
                await eventually(lambda: node.stream.ended["FileNotFoundError"], "the complaint")
                path.with_suffix(".later").rename(path)
                await operator.stream()

    asyncio.run(main())


def test_the_plan_of_another_node_is_ignored(hub: HubUnderTest, free_dir: Path) -> None:
    async def scenario(operator: Operator, node: Node) -> None:
        stream, plan = await operator.stream(), planned()
        await stream.plan(planned(flow(), node="node-b"))
        await stream.plan(plan)
        await stream.said(lambda report: report.hub.digest == plan.digest, "its own plan")
        assert node.received.count == 1

    play(hub, free_dir, scenario)
    assert flows(hub) == []
