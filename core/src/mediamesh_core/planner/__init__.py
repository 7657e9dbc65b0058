"""From what people want to what each node should run: pure, deterministic, linear in connections and pods."""

from mediamesh_core.planner.cluster import Node, Observed, Pod, local_node
from mediamesh_core.planner.planning import Planner, plan, plan_here
from mediamesh_core.planner.verdicts import PlacedEndpoint, Plans, Verdict

__all__ = [
    "Node",
    "Observed",
    "PlacedEndpoint",
    "Planner",
    "Plans",
    "Pod",
    "Verdict",
    "local_node",
    "plan",
    "plan_here",
]
