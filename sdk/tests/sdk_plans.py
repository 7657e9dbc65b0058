"""Connections for the tests of the SDK: one source "camera", and a sink for each policy."""

from mediamesh_testing.plans import flow, pod, sink

from mediamesh_core import formats
from mediamesh_protos import plan_pb2

BLOB = formats.BlobFormat(1000)
QUEUE = 4


def connection(
    name: str = "cam",
    format: formats.Format = BLOB,
    *,
    policies: tuple[str, ...] = ("block",),
    attachments: int = 2,
    token: str = "",
) -> plan_pb2.FlowPlan:
    """Return the plan of one flow: source "camera", sinks "sink0", "sink1", ..."""
    end = pod(token=token)
    sinks = [
        sink(f"sink{number}", policy=policy, queue=QUEUE, max_attachments=attachments, endpoint=end)
        for number, policy in enumerate(policies)
    ]
    return flow(
        f"default/{name}",
        uid=name,
        payload=formats.to_json(format),
        capacity=format.capacity,
        frames=1 + QUEUE + QUEUE * attachments * len(policies),
        source=plan_pb2.SourcePlan(name="camera", queue=QUEUE, endpoint=end),
        sinks=sinks,
    )
