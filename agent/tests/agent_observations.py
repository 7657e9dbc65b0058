"""Observations and plans for the tests of the agent's pure parts."""

from collections.abc import Sequence

from mediamesh_native.latency import BUCKETS
from mediamesh_protos import hub_pb2, plan_pb2

VIDEO = '{"video":{"frameRate":"25","height":720,"pixelFormat":"yuv420p","scan":"progressive","width":1280}}'
FILM = "default/film"


def histogram(**counts: int) -> tuple[int, ...]:
    """A latency histogram: `b5=3` is three in bucket 5."""
    values = [0] * BUCKETS
    for name, count in counts.items():
        values[int(name[1:])] = count
    return tuple(values)


def attachment(number: int, endpoint: str, frames: int, **more: object) -> hub_pb2.ObservedAttachment:
    fields = {"role": "sink", "kind": "pod", "client": "app", "pid": 4000 + number, "queue": 4, "received": frames}
    return hub_pb2.ObservedAttachment(attachment=number, endpoint=endpoint, frames=frames, **{**fields, **more})  # type: ignore[arg-type]


def observed(
    *attachments: hub_pb2.ObservedAttachment,
    clock: float = 100.0,
    frames: int = 0,
    size: int = 1000,
    bridges: Sequence[hub_pb2.ObservedBridge] = (),
    held_back_by: Sequence[str] = (),
    **more: object,
) -> hub_pb2.Observed:
    flow = hub_pb2.ObservedFlow(
        connection=FILM,
        state="Flowing",
        payload=VIDEO,
        frames=frames,
        bytes=frames * size,
        next_sequence=frames,
        pool_frames=20,
        pool_free=15,
        pool_bytes=1 << 20,
        sealed=True,
        attachments=attachments,
        held_back_by=held_back_by,
    )
    return hub_pb2.Observed(pid=77, version="0.1.0", clock=clock, flows=[flow], bridges=bridges, **more)  # type: ignore[arg-type]


def plan() -> plan_pb2.NodePlan:
    pod = plan_pb2.EndpointPlan(kind="pod", folders=[""])
    sinks = [
        plan_pb2.SinkPlan(name=name, policy="dropOldest", queue=4, endpoint=pod, max_attachments=4)
        for name in ("checker", "page")
    ]
    source = plan_pb2.SourcePlan(name="film", queue=4, endpoint=plan_pb2.EndpointPlan(kind="bridge", bridge="file"))
    flow = plan_pb2.FlowPlan(connection=FILM, payload=VIDEO, capacity=1382400, frames=20, source=source, sinks=sinks)
    return plan_pb2.NodePlan(node="here", revision=1, flows=[flow])
