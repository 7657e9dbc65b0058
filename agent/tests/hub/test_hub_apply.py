from pathlib import Path

import pytest
from mediamesh_testing.hub import HubUnderTest, running_hub
from mediamesh_testing.plans import flow, pod, sink
from mediamesh_testing.rawclient import RawClient
from mediamesh_testing.waiting import PATIENCE, wait_until

import mediamesh
from mediamesh_protos import hub_pb2, plan_pb2


def serving(hub: HubUnderTest) -> set[int]:
    return {one.attachment for one in hub.flow().attachments}


@pytest.fixture
def attached(hub: HubUnderTest) -> RawClient:
    """A sink that is attached before the plan changes."""
    hub.apply(flow())
    client = RawClient(hub.root)
    client.attach("sink")
    wait_until(lambda: serving(hub), "the sink")
    return client


def test_the_same_plan_changes_nothing(hub: HubUnderTest, attached: RawClient) -> None:
    with attached:
        before = serving(hub)
        assert hub.apply(flow(), revision=2).revision == 2
        assert serving(hub) == before
        assert hub.observe().revision == 2


def test_the_hub_says_of_which_plan_it_is(hub: HubUnderTest) -> None:
    hub.ask(apply=plan_pb2.NodePlan(node="test", revision=7, digest="ab12"))
    assert (hub.observe().revision, hub.observe().digest) == (7, "ab12")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (flow(payload='{"blob":{"maxSize":1000}}', capacity=1000), b"FlowChanged"),
        (flow(uid="2"), b"FlowChanged"),
        (flow(sinks=[sink(queue=2)]), b"EndpointChanged"),
        (flow(sinks=[sink(policy="block")]), b"EndpointChanged"),
        (flow(sinks=[sink("another")]), b"EndpointChanged"),
        (flow(sinks=[sink(endpoint=pod("pods/b"))]), b"EndpointWithdrawn"),
        (flow("default/other"), b"FlowRemoved"),
    ],
    ids=["payload", "made again", "queue", "policy", "another sink", "another pod", "another flow"],
)
def test_what_changed_is_ended_with_a_reason(
    hub: HubUnderTest, attached: RawClient, change: plan_pb2.FlowPlan, reason: bytes
) -> None:
    with attached:
        hub.apply(change, revision=2)
        assert reason in attached.hear()
        assert attached.hear() == b""
    assert not hub.observe().ended, "a change of the plan is no failure"


@pytest.mark.parametrize(
    "change",
    [
        flow(sinks=[sink(max_attachments=1)]),
        flow(sinks=[sink(start="newest")]),
        flow(sinks=[sink(endpoint=pod("", "pods/b"))]),
        flow(sinks=[sink(endpoint=pod(token="new"))]),
        flow(sinks=[sink(), sink("more")], frames=48),
        flow(frames=20),
        flow(source=plan_pb2.SourcePlan(name="in", queue=2, endpoint=pod())),
    ],
    ids=["how many", "start", "another pod", "token", "another sink", "smaller pool", "source's queue"],
)
def test_what_did_not_change_for_a_sink_leaves_it_alone(
    hub: HubUnderTest, attached: RawClient, change: plan_pb2.FlowPlan
) -> None:
    with attached:
        before = serving(hub)
        hub.apply(change, revision=2)
        assert serving(hub) == before


def test_a_frame_in_the_hand_of_a_source_that_is_to_move_is_not_lost(hub: HubUnderTest) -> None:
    hub.apply(flow())
    with (
        mediamesh.open_source("cam", root=hub.root) as source,
        mediamesh.open_sink("cam", root=hub.root) as receiver,
    ):
        frame = source.acquire(PATIENCE)
        hub.apply(flow(sinks=[sink(), sink("more")], frames=64), revision=2)
        first = frame.send()
        second = source.send(b"in the larger pool", timeout=PATIENCE)

        received = []
        for _ in range(2):
            with receiver.receive(PATIENCE) as taken:
                received.append(taken.sequence)
    assert received == [first, second]
    assert hub.flow().pool_frames == 64
    assert not hub.observe().ended, "a source that was asked to move is no failure"


def test_a_source_that_is_idle_moves_as_well(hub: HubUnderTest) -> None:
    hub.apply(flow())
    with mediamesh.open_source("cam", root=hub.root) as source:
        hub.apply(flow(sinks=[sink(), sink("more")], frames=64), revision=2)
        wait_until(lambda: not any(one.role == "source" for one in hub.flow().attachments), "the end of the old pool")
        source.send(b"in the larger pool", timeout=PATIENCE)
        assert hub.flow().pool_frames == 64


def test_a_running_source_moves_to_a_larger_pool(hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAMESH_DIR", str(hub.root))
    hub.apply(flow())
    with mediamesh.open_source("cam") as source, mediamesh.open_sink("cam") as taking:
        source.send(b"before", timeout=PATIENCE)
        with taking.receive(timeout=PATIENCE) as frame:
            assert bytes(frame) == b"before"
        hub.apply(flow(sinks=[sink(), sink("more")], frames=64), revision=2)
        source.send(b"after", timeout=PATIENCE)
        with taking.receive(timeout=PATIENCE) as frame:
            assert bytes(frame) == b"after"
            assert frame.sequence == 1
            assert frame.flags & mediamesh.Flags.DISCONTINUITY
        assert hub.flow().pool_frames == 64


def test_a_flow_that_cannot_be_is_reported_and_the_others_run(hub: HubUnderTest) -> None:
    broken = [
        flow("no-namespace"),
        flow("default/queue", source=plan_pb2.SourcePlan(name="in", queue=0, endpoint=pod())),
        flow("default/policy", sinks=[sink(policy="hope")]),
        flow("default/twice", sinks=[sink(), sink()]),
        flow("default/escape", sinks=[sink(endpoint=pod("../etc"))]),
        flow("default/kind", sinks=[sink(endpoint=plan_pb2.EndpointPlan(kind="magic"))]),
        flow("default/huge", capacity=1 << 31, frames=64),
    ]
    applied = hub.offer(flow(), *broken)
    reasons = {error.connection: error.reason for error in applied.errors}
    assert set(reasons) == {one.connection for one in broken}
    assert reasons["default/escape"] == "BadFolder"
    assert reasons["default/huge"] == "PoolTooLarge"
    states = {one.connection: one.state for one in hub.observe().flows}
    assert states["default/cam"] == "Waiting"
    assert states["default/huge"] == "Failed"


def test_what_failed_is_tried_again_with_the_next_plan(hub: HubUnderTest) -> None:
    assert hub.offer(flow(capacity=1 << 31, frames=64)).errors
    hub.apply(flow(), revision=2)
    assert hub.flow().state == "Waiting"


def test_memory_is_refused_before_it_is_taken(root: Path) -> None:
    size = 32 * (4096 + 65536)
    with running_hub(root, "--memory-limit", str(3 * size)) as hub:
        applied = hub.offer(flow("default/a"), flow("default/b"), flow("default/c"))
        assert [(error.connection, error.reason) for error in applied.errors] == [("default/c", "OutOfMemory")]
        assert hub.observe().memory_bytes == 2 * size
        assert hub.observe().memory_limit_bytes == 3 * size


def test_a_new_flow_does_not_take_the_memory_of_a_running_one(root: Path) -> None:
    size = 32 * (4096 + 65536)
    with running_hub(root, "--memory-limit", str(2 * size)) as hub:
        hub.apply(flow("default/old"))
        applied = hub.offer(flow("default/new"), flow("default/old"), revision=2)
        assert [error.connection for error in applied.errors] == ["default/new"]


def test_sequence_and_totals_go_on_when_a_flow_is_rebuilt(hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAMESH_DIR", str(hub.root))
    hub.apply(flow())
    with mediamesh.open_source("cam") as source:
        for _ in range(5):
            source.send(b"x", timeout=PATIENCE)
        wait_until(lambda: hub.flow().frames == 5, "the frames")
    hub.apply(flow(uid="2"), revision=2)
    seen = hub.flow()
    assert (seen.frames, seen.next_sequence) == (5, 5)


def test_the_last_plan_outlives_the_hub(hub: HubUnderTest) -> None:
    hub.apply(flow(), revision=7)
    assert (hub.root / "plan.pb").stat().st_mode & 0o777 == 0o600
    hub.kill()
    hub.restart()
    assert hub.observe().revision == 7
    with RawClient(hub.root) as client:
        assert client.attach("sink").endpoint == "out"


def test_a_broken_plan_file_is_no_reason_not_to_start(hub: HubUnderTest) -> None:
    hub.apply(flow())
    hub.kill()
    (hub.root / "plan.pb").write_bytes(b"\xff" * 100)
    hub.restart()
    assert not hub.observe().flows


def test_an_attachment_can_be_ended_by_hand(hub: HubUnderTest, attached: RawClient) -> None:
    with attached:
        restart = hub_pb2.Restart(connection="default/cam", endpoint="out")
        assert hub.ask(restart=restart).HasField("done")
        assert b"Restarted" in attached.hear()
    refused = hub.ask(restart=restart).refused
    assert refused.reason == "NoSuchPart"
