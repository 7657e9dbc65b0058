from dataclasses import dataclass, field

import pytest
from mediamesh_testing.plans import bridge, flow, pod, sink

from mediamesh_agent.hub.admission import Grant, Peer, admit
from mediamesh_agent.hub.errors import Refused
from mediamesh_protos import attach_pb2, plan_pb2


@dataclass
class Room:
    """A flow's occupancy and the bridges that run."""

    has_source: bool = False
    frames: int = 32
    sinks: list[tuple[str, int]] = field(default_factory=list)
    pids: dict[tuple[str, str], int] = field(default_factory=dict)

    def attached(self, endpoint: str) -> int:
        return sum(name == endpoint for name, _ in self.sinks)

    def queued(self) -> int:
        return sum(queue for _, queue in self.sinks)

    def pid_of(self, connection: str, endpoint: str) -> int:
        return self.pids.get((connection, endpoint), 0)


HERE = Peer("", 100)


def ask(
    plan: plan_pb2.FlowPlan | None = None, peer: Peer = HERE, room: Room | None = None, **request: object
) -> Grant | str:
    asked = {"api_version": 1, "connection": "default/cam", "role": attach_pb2.ROLE_SINK, **request}
    room = room or Room()
    try:
        return admit(attach_pb2.AttachRequest(**asked), peer, plan or flow(), room, room)  # type: ignore[arg-type]
    except Refused as refusal:
        return refusal.reason


def test_a_sink_is_granted_what_the_plan_says() -> None:
    expected = Grant("default/cam", "out", "sink", "pod", 4, "dropOldest", newest=False)
    assert ask() == expected
    assert ask(endpoint="out") == expected


def test_a_source_is_granted_what_the_plan_says() -> None:
    assert ask(role=attach_pb2.ROLE_SOURCE) == Grant("default/cam", "in", "source", "pod", 4)
    assert ask(role=attach_pb2.ROLE_SOURCE, queue=3) == Grant("default/cam", "in", "source", "pod", 3)


@pytest.mark.parametrize(
    ("planned", "asked", "newest"),
    [
        ("newest", attach_pb2.START_UNSPECIFIED, True),
        ("next", attach_pb2.START_UNSPECIFIED, False),
        ("newest", attach_pb2.START_NEXT, False),
        ("next", attach_pb2.START_NEWEST, True),
        ("newest", 77, True),
    ],
)
def test_a_sink_may_choose_its_start(planned: str, asked: int, newest: bool) -> None:
    grant = ask(flow(sinks=[sink(start=planned)]), start=asked)
    assert isinstance(grant, Grant)
    assert grant.newest is newest


def test_a_bridge_endpoint_is_for_the_supervised_process_alone() -> None:
    plan = flow(sinks=[sink("file", endpoint=bridge("file"))])
    room = Room(pids={("default/cam", "file"): 100})
    grant = ask(plan, room=room, endpoint="file")
    assert isinstance(grant, Grant)
    assert grant.kind == "bridge"
    assert ask(plan, Peer("", 101), room, endpoint="file") == "NotYourEndpoint"
    assert ask(plan, Peer("pods/a", 100), room, endpoint="file") == "NotYourEndpoint"
    assert ask(plan, Peer("", 0), Room(), endpoint="file") == "NotYourEndpoint"
    assert ask(plan, room=room) == "NotYourEndpoint", "a bridge names its endpoint"


def test_nobody_attaches_to_a_stock_endpoint() -> None:
    plan = flow(sinks=[sink("dpdk", endpoint=plan_pb2.EndpointPlan(kind="memif", folders=[""]))])
    assert ask(plan, endpoint="dpdk") == "NotYourEndpoint"


def test_the_folder_decides_and_not_the_client() -> None:
    plan = flow(sinks=[sink("a", endpoint=pod("pods/a")), sink("b", endpoint=pod("pods/b"))])
    for name in ("a", "b"):
        grant = ask(plan, Peer(f"pods/{name}", 0))
        assert isinstance(grant, Grant)
        assert grant.endpoint == name
    assert ask(plan, Peer("pods/a", 0), endpoint="b") == "NotYourEndpoint"
    assert ask(plan, HERE) == "NotYourEndpoint"


def test_who_has_no_part_in_a_connection_is_told_nothing_of_it() -> None:
    plan = flow(sinks=[sink("a", endpoint=pod("pods/a"))])
    for endpoint in ("", "a", "guessed", "in"):
        assert ask(plan, Peer("pods/stranger", 0), endpoint=endpoint) == "NotYourEndpoint"


def test_queues_count_against_the_pool() -> None:
    assert isinstance(ask(room=Room(frames=1 + 4 + 4)), Grant)
    assert ask(room=Room(frames=1 + 4 + 3)) == "PoolShares"
    assert ask(room=Room(frames=12, sinks=[("out", 4)])) == "PoolShares"
    assert isinstance(ask(room=Room(frames=12, sinks=[("out", 4)]), queue=3), Grant)


@pytest.mark.parametrize("role", [attach_pb2.ROLE_SOURCE, attach_pb2.ROLE_SINK])
def test_nobody_gets_a_longer_queue_than_planned(role: int) -> None:
    assert isinstance(ask(role=role, queue=4), Grant)
    assert ask(role=role, queue=5) == "QueueTooLong"


def test_who_is_there_takes_a_place() -> None:
    assert ask(flow(sinks=[sink(max_attachments=1)]), room=Room(sinks=[("out", 1)])) == "TooManyAttachments"
    assert ask(role=attach_pb2.ROLE_SOURCE, room=Room(has_source=True)) == "SourceBusy"


def test_a_token_is_compared_whole() -> None:
    plan = flow(sinks=[sink(endpoint=pod(token="s\N{LATIN SMALL LETTER E WITH ACUTE}same"))])
    assert ask(plan) == "WrongToken"
    assert ask(plan, token="s") == "WrongToken"
    assert isinstance(ask(plan, token="s\N{LATIN SMALL LETTER E WITH ACUTE}same"), Grant)


def test_without_a_plan_there_is_no_connection() -> None:
    request = attach_pb2.AttachRequest(api_version=1, connection="default/x", role=attach_pb2.ROLE_SINK)
    with pytest.raises(Refused, match="default/x") as refused:
        admit(request, HERE, None, None, Room())
    assert refused.value.transient


def test_versions_are_named_both() -> None:
    request = attach_pb2.AttachRequest(api_version=7)
    with pytest.raises(Refused, match=r"7.*1"):
        admit(request, HERE, flow(), Room(), Room())
