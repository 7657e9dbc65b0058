"""What the planner is told of the cluster: its nodes, its pods, and what was before."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Node:
    """A node that can run flows."""

    name: str
    local: bool = False
    """Applications are processes beside the hub, not pods; such a node is planned alone."""
    polling: bool = False
    """Its hub shall poll instead of sleeping."""
    ready: bool = True
    """An agent of it is connected, so that it can be told what to run."""
    media: bool = True
    """It has a media folder, so that files can be played and recorded there."""


@dataclass(frozen=True, slots=True)
class Pod:
    """An application on a node."""

    uid: str
    namespace: str
    node: str
    """"" while it has none; it is passed over."""
    labels: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    ready: bool = True
    """By its conditions, and it is not about to end."""
    created: str = ""
    """`creationTimestamp` as the API server writes it (RFC 3339 in UTC), which sorts as text."""
    mounted: bool = True
    """It mounts our volume, so that it has a folder."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What was before, so that a plan keeps what need not change."""

    revisions: Mapping[str, int] = field(default_factory=dict)
    """Of the plan in force, by node; the next plan's is one more."""
    placed: Mapping[str, str] = field(default_factory=dict)
    """The node that each connection had, by full name: `status.node`."""


def local_node(name: str, *, polling: bool = False) -> Node:
    """Return the node of `mediamesh up`: this machine, without pods."""
    return Node(name, local=True, polling=polling)
