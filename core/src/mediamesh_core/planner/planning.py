"""Making plans: from what people want to what each node should run.

`plan` is pure and deterministic: the same input gives the same plans, whatever its order. One connection that is wrong
or cannot be placed costs its own verdict and nobody else's plan. Connections are taken from the oldest to the youngest,
so it is the younger of two that cannot be together which does not run.

`Planner` gives the same plans to one who plans again and again. What it remembers is a draft of each connection, with
all that was looked at when it was made; a draft is made again when one of these looks shows something else. What
connections take from one another is settled anew each time. So a change costs a glance at every connection, and work
for those that it touches. `plan` is a planner that remembers nothing.
"""

from collections.abc import Iterable
from operator import attrgetter

from mediamesh_core.errors import UserError
from mediamesh_core.kinds.connection import MediaConnection
from mediamesh_core.plan import FlowPlan, NodePlan
from mediamesh_core.planner.cluster import Node, Observed, Pod
from mediamesh_core.planner.conflicts import Claims
from mediamesh_core.planner.drafts import Draft, draft
from mediamesh_core.planner.growth import uncollected
from mediamesh_core.planner.landscape import Landscape
from mediamesh_core.planner.verdicts import Plans, Verdict

_NOTHING = Observed()


def plan(
    connections: Iterable[MediaConnection],
    nodes: Iterable[Node],
    pods: Iterable[Pod] = (),
    observed: Observed = _NOTHING,
) -> Plans:
    """Return what each node should run, and what becomes of each connection; full names are unique."""
    return Planner().plan(connections, nodes, pods, observed)


class Planner:
    """Plans again and again; a connection that is another must be another object."""

    def __init__(self) -> None:
        self._landscape = Landscape()
        self._drafts: dict[str, Draft] = {}

    @uncollected()
    def plan(
        self,
        connections: Iterable[MediaConnection],
        nodes: Iterable[Node],
        pods: Iterable[Pod] = (),
        observed: Observed = _NOTHING,
    ) -> Plans:
        """Return what `plan` returns."""
        self._landscape.renew(nodes, pods, observed.placed)
        drafts = sorted(map(self._draft, connections), key=attrgetter("age"))
        self._drafts = {each.full_name: each for each in drafts}
        flows: dict[str, list[FlowPlan]] = {name: [] for name in self._landscape.nodes}
        verdicts = _settled(drafts, flows)
        plans = (self._node_plan(node, flows[node.name], observed) for node in self._landscape.nodes.values())
        return Plans({made.node: made for made in plans}, verdicts)

    def _draft(self, connection: MediaConnection) -> Draft:
        known = self._drafts.get(connection.full_name)
        return known if known is not None and known.holds(connection) else draft(connection, self._landscape)

    def _node_plan(self, node: Node, flows: list[FlowPlan], observed: Observed) -> NodePlan:
        return NodePlan(
            node=node.name,
            revision=observed.revisions.get(node.name, 0) + 1,
            flows=tuple(sorted(flows, key=attrgetter("connection"))),
            pods=self._landscape.pods.mounted_on(node.name),
            cluster=not node.local,
        )


def _settled(drafts: Iterable[Draft], flows: dict[str, list[FlowPlan]]) -> dict[str, Verdict]:
    """Settle who has what, and put the flows of those who run onto their nodes; return the verdicts."""
    verdicts, taken = {}, Claims()
    for each in drafts:
        verdict = verdicts[each.full_name] = each.beside(taken)
        if verdict.accepted and verdict.node in flows and each.flow is not None:
            flows[verdict.node].append(each.flow)
    return verdicts


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
