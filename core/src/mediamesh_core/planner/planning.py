"""Making plans: from what people want to what each node should run.

`plan` is pure and deterministic: the same input gives the same plans, whatever its order. One connection that is wrong
or cannot be placed costs its own verdict and nobody else's plan. Connections are taken from the oldest to the youngest,
so it is the younger of two that cannot be together which does not run.
"""

from collections.abc import Iterable, Mapping

from mediamesh_core.errors import UserError
from mediamesh_core.kinds.connection import MediaConnection
from mediamesh_core.kinds.status import MAX_ENDPOINTS
from mediamesh_core.plan import FlowPlan, NodePlan
from mediamesh_core.planner.cluster import Node, Observed, Pod
from mediamesh_core.planner.conflicts import Claims
from mediamesh_core.planner.instructions import flow_plan
from mediamesh_core.planner.landscape import Landscape, landscape
from mediamesh_core.planner.placement import place
from mediamesh_core.planner.podindex import PodIndex
from mediamesh_core.planner.verdicts import Plans, Verdict

_NOTHING = Observed()


def plan(
    connections: Iterable[MediaConnection],
    nodes: Iterable[Node],
    pods: Iterable[Pod] = (),
    observed: Observed = _NOTHING,
) -> Plans:
    """Return what each node should run, and what becomes of each connection; full names are unique."""
    index = PodIndex(pods)
    whole, claims = landscape(nodes, index, observed.placed), Claims()
    flows: dict[str, list[FlowPlan]] = {name: [] for name in whole.nodes}
    verdicts: dict[str, Verdict] = {}
    for connection in sorted(connections, key=_age):
        flow, verdict = _planned(connection, whole, claims)
        verdicts[connection.full_name] = verdict
        if verdict.accepted and verdict.node in flows and flow is not None:
            flows[verdict.node].append(flow)
    mounted = index.mounted_by_node()
    plans = (_node_plan(node, flows[node.name], mounted, observed) for node in whole.nodes.values())
    return Plans({made.node: made for made in plans}, verdicts)


def plan_here(connections: Iterable[MediaConnection], node: Node) -> NodePlan:
    """Return what a local node should run.

    Raises
    ------
    UserError
        Two connections have one name, or the first one that cannot run as it is, alone or beside the others.
    """
    wanted = list(connections)
    _check_names(wanted)
    plans = plan(wanted, [node])
    for verdict in plans.verdicts.values():
        if verdict.reason:
            raise UserError(verdict.reason, verdict.message)
    return plans.nodes[node.name]


def _check_names(connections: Iterable[MediaConnection]) -> None:
    seen: set[str] = set()
    for connection in connections:
        if connection.full_name in seen:
            raise UserError("DuplicateConnection", f"{connection.full_name} is defined twice; remove one")
        seen.add(connection.full_name)


def _age(connection: MediaConnection) -> tuple[str, str]:
    return connection.metadata.creation_timestamp, connection.full_name


def _planned(connection: MediaConnection, whole: Landscape, claims: Claims) -> tuple[FlowPlan | None, Verdict]:
    placement = place(connection, whole)
    try:
        flow = flow_plan(connection, whole.nodes.get(placement.node), placement.folders())
        claims.take(connection, placement.node, flow)
    except UserError as error:
        return None, Verdict(accepted=False, programmable=False, reason=error.reason, message=error.message)
    reason, message = placement.trouble or ("", "")
    verdict = Verdict(
        programmable=not reason,
        reason=reason,
        message=message,
        node=placement.node,
        endpoints=placement.endpoints[:MAX_ENDPOINTS],
    )
    return flow, verdict


def _node_plan(node: Node, flows: list[FlowPlan], mounted: Mapping[str, list[str]], observed: Observed) -> NodePlan:
    return NodePlan(
        node=node.name,
        revision=observed.revisions.get(node.name, 0) + 1,
        flows=tuple(sorted(flows, key=lambda flow: flow.connection)),
        pods=tuple(mounted.get(node.name, ())),
        cluster=not node.local,
    )
