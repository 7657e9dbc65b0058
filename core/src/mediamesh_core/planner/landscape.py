"""The cluster as placing looks at it: nodes by name, pods by label, and where everything was."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mediamesh_core.planner.cluster import Node
from mediamesh_core.planner.podindex import PodIndex


@dataclass(frozen=True, slots=True)
class Landscape:
    """What a placement depends on besides its connection."""

    nodes: Mapping[str, Node]
    pods: PodIndex
    placed: Mapping[str, str] = field(default_factory=dict)
    local: str = ""
    """The local node, if that is the one to plan for."""
    able: tuple[str, ...] = ()
    """Nodes with an agent, by name."""
    recording: tuple[str, ...] = ()
    """Those of them with a media folder."""


def landscape(nodes: Iterable[Node], pods: PodIndex, placed: Mapping[str, str]) -> Landscape:
    """Sort the nodes by what they can do."""
    by_name = {node.name: node for node in sorted(nodes, key=lambda node: node.name)}
    able = [node for node in by_name.values() if node.ready]
    return Landscape(
        nodes=by_name,
        pods=pods,
        placed=placed,
        local=next((node.name for node in able if node.local), ""),
        able=tuple(node.name for node in able),
        recording=tuple(node.name for node in able if node.media),
    )
