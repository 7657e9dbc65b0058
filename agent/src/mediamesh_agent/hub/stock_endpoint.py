"""What a plan says of the stock memif peers that it wants linked."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mediamesh_protos import plan_pb2


@dataclass(frozen=True, slots=True)
class StockEndpoint:
    """One memif endpoint of a plan; equal ones need not be linked anew."""

    connection: str
    endpoint: str
    role: str
    memif: bytes  # the serialized MemifPlan

    @property
    def plan(self) -> plan_pb2.MemifPlan:
        """How to find the peer."""
        return plan_pb2.MemifPlan.FromString(self.memif)

    def __str__(self) -> str:
        return f"memif peer of {self.connection} {self.endpoint}"


def stock_endpoints(flows: Iterable[plan_pb2.FlowPlan]) -> Iterator[StockEndpoint]:
    """Yield the memif endpoints of a plan."""
    for flow in flows:
        ends = [("source", flow.source.name, flow.source.endpoint)]
        ends += [("sink", sink.name, sink.endpoint) for sink in flow.sinks]
        for role, name, endpoint in ends:
            if endpoint.kind == "memif":
                memif = endpoint.memif.SerializeToString(deterministic=True)
                yield StockEndpoint(flow.connection, name, role, memif)
