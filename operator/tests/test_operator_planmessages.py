import hashlib

from mediamesh_core.plan import EndpointPlan, FlowPlan, MemifPlan, NodePlan, SinkPlan, SourcePlan
from mediamesh_operator.planmessages import PlanMessages
from mediamesh_protos import plan_pb2


def flow(name: str = "studio/cam1", frames: int = 8) -> FlowPlan:
    source = SourcePlan("camera", 4, EndpointPlan("pod", folders=("pods/uid-1",)))
    peer = EndpointPlan("memif", memif=MemifPlan("server", "peer.sock"))
    return FlowPlan(
        name, "uid", "{}", 100, frames, False, False, source, (SinkPlan("wall", "block", 2, "next", 1, peer),)
    )


def plan(*flows: FlowPlan, node: str = "node-a", revision: int = 1) -> NodePlan:
    return NodePlan(node, revision, flows, pods=("uid-1",), cluster=True)


def test_a_message_says_what_the_plan_says() -> None:
    message = PlanMessages().made_of({"node-a": plan(flow(), revision=7)})["node-a"]
    assert (message.node, message.revision, message.cluster, list(message.pods)) == ("node-a", 7, True, ["uid-1"])
    assert message.flows[0].source.endpoint.folders == ["pods/uid-1"]
    assert not message.flows[0].source.endpoint.HasField("memif")
    assert message.flows[0].sinks[0].endpoint.memif.socket == "peer.sock"


def test_the_digest_is_of_everything_but_revision_and_digest() -> None:
    message = PlanMessages().made_of({"node-a": plan(flow(), revision=7)})["node-a"]
    bare = plan_pb2.NodePlan()
    bare.CopyFrom(message)
    bare.ClearField("revision")
    bare.ClearField("digest")
    assert message.digest == hashlib.sha256(bare.SerializeToString(deterministic=True)).hexdigest()


def test_another_leader_gives_the_same_plan_the_same_digest() -> None:
    one = PlanMessages().made_of({"node-a": plan(flow(), revision=1)})
    other = PlanMessages().made_of({"node-a": plan(flow(), revision=9)})
    assert one["node-a"].digest == other["node-a"].digest


def test_only_what_has_changed_is_made_anew() -> None:
    messages = PlanMessages()
    first = messages.made_of({"node-a": plan(flow()), "node-b": plan(flow("studio/cam2"), node="node-b")})
    second = messages.made_of(
        {"node-a": plan(flow(frames=9), revision=2), "node-b": plan(flow("studio/cam2"), node="node-b", revision=5)}
    )
    assert second["node-a"].digest != first["node-a"].digest
    assert second["node-b"] is first["node-b"]
    assert second["node-b"].revision == 5
    assert messages.of("node-b") is second["node-b"]


def test_nodes_that_are_gone_are_forgotten() -> None:
    messages = PlanMessages()
    messages.made_of({"node-a": plan(flow())})
    assert messages.made_of({}) == {}
    assert messages.of("node-a") is None
