"""Plans of one flow and its ends, with what most tests want unless they say otherwise."""

import dataclasses
from typing import Any

from google.protobuf.json_format import ParseDict

from mediamesh_core import kinds, planner
from mediamesh_protos import plan_pb2

BLOB = '{"blob":{"maxSize":65536}}'
CAPACITY = 65536


def pod(*folders: str, token: str = "") -> plan_pb2.EndpointPlan:
    return plan_pb2.EndpointPlan(kind="pod", folders=folders or ("",), token=token)


def bridge(name: str, config: str = "{}") -> plan_pb2.EndpointPlan:
    return plan_pb2.EndpointPlan(kind="bridge", bridge=name, config=config)


def stock(role: str, name: str = "m.sock", **more: Any) -> plan_pb2.EndpointPlan:
    """An endpoint at which a stock memif peer stands, as client or as server."""
    memif = {"role": role, "socket": name, "id": 7, "access": "copy", "rings": 1, **more}
    return plan_pb2.EndpointPlan(kind="memif", memif=plan_pb2.MemifPlan(**memif))


def sending(role: str, connection: str = "default/a", **more: Any) -> plan_pb2.FlowPlan:
    """A flow whose frames go to a stock peer."""
    return flow(connection, frames=64, sinks=[sink("wire", policy="block", endpoint=stock(role, **more))])


def receiving(role: str, connection: str = "default/b", **more: Any) -> plan_pb2.FlowPlan:
    """A flow whose frames come from a stock peer."""
    source = plan_pb2.SourcePlan(name="wire", queue=4, endpoint=stock(role, **more))
    return flow(connection, source=source, sinks=[sink(policy="block")])


def sink(name: str = "out", **changes: Any) -> plan_pb2.SinkPlan:
    plan = {"policy": "dropOldest", "queue": 4, "start": "next", "max_attachments": 4, "endpoint": pod()}
    return plan_pb2.SinkPlan(name=name, **{**plan, **changes})


def flow(connection: str = "default/cam", **changes: Any) -> plan_pb2.FlowPlan:
    source = plan_pb2.SourcePlan(name="in", queue=4, endpoint=pod())
    plan = {"uid": "1", "payload": BLOB, "capacity": CAPACITY, "frames": 32, "source": source, "sinks": [sink()]}
    return plan_pb2.FlowPlan(connection=connection, **{**plan, **changes})


def lossless(connection: str = "default/cam", **changes: Any) -> plan_pb2.FlowPlan:
    """A flow whose sinks hold the source back rather than lose a frame."""
    plan = {"frames": 128, "sinks": [sink(policy="block", queue=8, max_attachments=12)]}
    return flow(connection, **{**plan, **changes})


def node_plan(*flows: plan_pb2.FlowPlan, revision: int = 1) -> plan_pb2.NodePlan:
    return plan_pb2.NodePlan(node="test", revision=revision, flows=flows)


def planned(yaml: str) -> list[plan_pb2.FlowPlan]:
    """The flows that the planner makes of connections in YAML."""
    plan = planner.plan_here(kinds.load(yaml), planner.local_node("test"))
    return list(ParseDict(dataclasses.asdict(plan), plan_pb2.NodePlan()).flows)
