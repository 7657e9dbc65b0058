"""Plans as they are sent: messages with their digest, made anew only for nodes whose plan is another.

The digest is that of the message without revision and digest, so two leaders give the same plan the same one, and a
hub that has it is left in peace. Conversion costs far more than planning; flows and whole plans that are equal to the
last round's are not converted again.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from mediamesh_core.plan import FlowPlan, NodePlan
from mediamesh_protos import plan_pb2


@dataclass(slots=True)
class PlanMessages:
    """The messages of the last round."""

    _plans: dict[str, tuple[NodePlan, plan_pb2.NodePlan]] = field(default_factory=dict)
    _flows: dict[str, tuple[FlowPlan, plan_pb2.FlowPlan]] = field(default_factory=dict)

    def of(self, node: str) -> plan_pb2.NodePlan | None:
        """Return that of a node in the last round."""
        return self._plans[node][1] if node in self._plans else None

    def made_of(self, plans: Mapping[str, NodePlan]) -> Mapping[str, plan_pb2.NodePlan]:
        """Return the message of every plan, by node."""
        self._plans = {node: self._plan(replace(plan, revision=0), plan.revision) for node, plan in plans.items()}
        flows = (flow.connection for plan, _ in self._plans.values() for flow in plan.flows)
        self._flows = {connection: self._flows[connection] for connection in flows}
        return {node: message for node, (_, message) in self._plans.items()}

    def _plan(self, plan: NodePlan, revision: int) -> tuple[NodePlan, plan_pb2.NodePlan]:
        known = self._plans.get(plan.node)
        if known is None or known[0] != plan:
            known = plan, self._message(plan)
        known[1].revision = revision
        return known

    def _message(self, plan: NodePlan) -> plan_pb2.NodePlan:
        message = plan_pb2.NodePlan(node=plan.node, pods=plan.pods, cluster=plan.cluster)
        message.flows.extend(self._flow(flow) for flow in plan.flows)
        message.digest = hashlib.sha256(message.SerializeToString(deterministic=True)).hexdigest()
        return message

    def _flow(self, flow: FlowPlan) -> plan_pb2.FlowPlan:
        known = self._flows.get(flow.connection)
        if known is None or known[0] != flow:
            message = plan_pb2.FlowPlan(**asdict(flow))
            known = self._flows[flow.connection] = flow, message
        return known[1]
