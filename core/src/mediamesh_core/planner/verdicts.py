"""What becomes of each connection: accepted or not, where its flow is, where its endpoints stand.

Reasons are CamelCase words that never change; they go into conditions as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mediamesh_core.plan import NodePlan

STANDBY = "Standby"
"""A pod that matches the source beside the one that is it; or a further peer of one memif endpoint."""
NOT_READY = "NotReady"
"""A pod that matches the source, but is not ready."""
NOT_MOUNTED = "NotMounted"
"""A pod that matches, but does not mount our volume."""
NO_TRANSPORT = "NoTransport"
"""It is on another node than the flow."""
NO_POD = "NoPod"
"""No pod matches."""
NO_NODE = "NoNode"
"""There is no such node."""
NO_AGENT = "NoAgent"
"""No agent of the node is connected."""
NO_MEDIA = "NoMedia"
"""The node has no media folder."""
NO_SOURCE = "NoSource"
"""No ready pod matches the source."""
SOURCE_NOT_MOUNTED = "SourceNotMounted"
"""Pods match the source, and none of them mounts our volume."""
SINK_NOT_MOUNTED = "SinkNotMounted"
"""Pods match a sink, and none of them mounts our volume."""


class PlacedEndpoint(NamedTuple):
    """An endpoint of a connection, or one pod of it; a tuple, as a plan makes very many of them."""

    name: str
    role: str
    """"source" or "sink"."""
    kind: str
    """"pod", "memif" or "file"."""
    node: str = ""
    pod: str = ""
    """Name of the pod; "" where there is none."""
    pod_uid: str = ""
    reason: str = ""
    """Why it does not take part; "": it does, and the node says how."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the planner says of one connection."""

    accepted: bool = True
    """It is right, by itself and together with the others; if not, no node runs it."""
    programmable: bool = True
    """All of it can run where it is."""
    reason: str = ""
    """Why it is not accepted or not programmable; "": it is both."""
    message: str = ""
    node: str = ""
    """Where the flow is; "": nowhere."""
    endpoints: tuple[PlacedEndpoint, ...] = ()
    """In the order of the spec, source first; pods of one endpoint oldest first, as many as a status can hold."""


@dataclass(frozen=True, slots=True)
class Plans:
    """What every node should run, and what that means for each connection."""

    nodes: Mapping[str, NodePlan]
    """By name of the node; one for each node, be it empty."""
    verdicts: Mapping[str, Verdict]
    """By full name of the connection."""
