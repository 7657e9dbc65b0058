"""What the agent tells the operator: who it is, and what is.

Pure. A report says all there is; when one is sent, the `cadence` says. Latency histograms stay here: they are for
metrics, and large.
"""

from importlib.metadata import version
from typing import Final

from mediamesh_agent.agent import Facts
from mediamesh_protos import agents_pb2, hub_pb2

API_VERSION: Final = 1
_HUB_COUNTERS: Final = (
    "clock",
    "engine_cpu_seconds",
    "engine_wakeups",
    "engine_signals",
    "bytes_copied",
    "memory_bytes",
)
_FLOW_COUNTERS: Final = ("frames", "bytes", "next_sequence", "pool_free")
_ATTACHMENT_COUNTERS: Final = ("frames", "bytes", "received", "damaged", "dropped", "occupancy")
_END_COUNTERS: Final = ("count", "time")


def hello(node: str, facts: agents_pb2.NodeFacts) -> agents_pb2.AgentMessage:
    """Return the first message of a stream."""
    said = agents_pb2.Hello(api_version=API_VERSION, node=node, version=version("mediamesh-agent"), facts=facts)
    return agents_pb2.AgentMessage(hello=said)


def report(facts: Facts) -> agents_pb2.Report:
    """Return what is."""
    problems = facts.problems
    made = agents_pb2.Report(problem=problems.get("plan") or problems.get("hub") or "")
    if facts.observed is not None:
        made.hub.CopyFrom(facts.observed)
        made.errors.extend(facts.errors)
        for flow in made.hub.flows:
            for attachment in flow.attachments:
                del attachment.latency[:]
    return made


def state(made: agents_pb2.Report) -> bytes:
    """Return what is equal for two reports between which nothing has changed but counters."""
    stripped = agents_pb2.Report()
    stripped.CopyFrom(made)
    hub = stripped.hub
    _clear(hub, _HUB_COUNTERS)
    for flow in hub.flows:
        _clear(flow, _FLOW_COUNTERS)
        for attachment in flow.attachments:
            _clear(attachment, _ATTACHMENT_COUNTERS)
    for end in hub.ended:
        _clear(end, _END_COUNTERS)
    return stripped.SerializeToString(deterministic=True)


def _clear(
    message: hub_pb2.Observed | hub_pb2.ObservedFlow | hub_pb2.ObservedAttachment | hub_pb2.ObservedEnd,
    names: tuple[str, ...],
) -> None:
    for name in names:
        message.ClearField(name)  # type: ignore[arg-type]  # each class knows its own names only
