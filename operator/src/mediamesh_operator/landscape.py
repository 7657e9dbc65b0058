"""What the planner is told: the world and the agents, in its words.

A node is one that can be told what to run while its agent has been heard lately. A leader that has just begun has
heard nobody; for `HEARING` seconds a node with an agent's pod counts as well, so that nothing is said of it, or moved
away from it, that is only true of the leader. Which node a connection was on is read from its status.
"""

from collections.abc import Collection
from typing import Final

from mediamesh_core.planner import Node, Observed, Planner, Plans
from mediamesh_operator.sessions import Sessions
from mediamesh_operator.world import World

HEARING: Final = 20.0


def ready_nodes(world: World, sessions: Sessions, *, beginning: bool) -> frozenset[str]:
    """Return the nodes that can be told what to run; `beginning`: the leader has just begun."""
    staffed = {known.pod.node for known in world.pods.values() if known.agent} if beginning else set()
    return frozenset(world.nodes.keys() & (sessions.nodes_heard() | staffed))


def planned(planner: Planner, world: World, sessions: Sessions, ready: Collection[str]) -> Plans:
    """Return what each node should run now; `world` keeps what has not changed as the same object."""
    connections = [each.spec for each in world.connections.values() if each.spec is not None]
    nodes = [Node(name, ready=name in ready) for name in world.nodes]
    pods = [known.pod for known in world.pods.values() if not known.agent]
    return planner.plan(connections, nodes, pods, Observed(_revisions(world, sessions), _placed(world)))


def _revisions(world: World, sessions: Sessions) -> dict[str, int]:
    heard = ((name, sessions.heard(name)) for name in world.nodes)
    return {name: each.report.hub.revision for name, each in heard if each is not None and each.report is not None}


def _placed(world: World) -> dict[str, str]:
    placed = ((name, str(each.status.get("node") or "")) for name, each in world.connections.items())
    return {name: node for name, node in placed if node}
