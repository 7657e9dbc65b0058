"""Why a connection cannot run whole, told to a person: the reason of `Programmed`, and what to do."""

from collections.abc import Iterable, Mapping, Sequence

from mediamesh_core.kinds.connection import Sink, Source
from mediamesh_core.planner.cluster import Node, Pod
from mediamesh_core.planner.ends import named_node, selector
from mediamesh_core.planner.verdicts import (
    NO_AGENT,
    NO_MEDIA,
    NO_NODE,
    NO_SOURCE,
    NO_TRANSPORT,
    NOT_MOUNTED,
    SINK_NOT_MOUNTED,
    SOURCE_NOT_MOUNTED,
    PlacedEndpoint,
)

Trouble = tuple[str, str]
"""A reason and a message."""

_SHOWN = 3
_MOUNT = "mount the volume of mediamesh, or annotate it with mediamesh.io/inject"


def of_source(source: Source, namespace: str, found: Sequence[Pod], chosen: Pod | None) -> Trouble | None:
    """Say why no pod is the source."""
    if chosen is not None and chosen.ready:
        return None
    if found and chosen is None:
        return SOURCE_NOT_MOUNTED, f"{_pods(found)} of source {source.name} has no folder: {_MOUNT}"
    if found:
        return NO_SOURCE, f"source {source.name}: {_pods(found)} is not ready"
    return NO_SOURCE, f"source {source.name}: namespace {namespace} has no {_described(selector(source) or {})}"


def of_node(node: Node | None, name: str) -> Trouble | None:
    """Say why the node of a flow cannot be told to run it."""
    if node is not None and node.ready:
        return None
    if not name:
        return NO_AGENT, "no agent is connected; see the pods of the DaemonSet of mediamesh"
    return NO_AGENT, f"the agent of node {name} is not connected; what runs there goes on"


def of_host(end: Source | Sink, node: Node | None) -> str:
    """Return the reason why a file or a peer on the host cannot be on this node."""
    if node is None:
        return NO_NODE if named_node(end) else NO_AGENT
    return NO_MEDIA if end.file is not None and not node.media else ""


def of_sinks(endpoints: Iterable[PlacedEndpoint], node: str) -> Trouble | None:
    """Say why sinks do not take part: the first reason that there is."""
    ends: dict[tuple[str, str], list[PlacedEndpoint]] = {}
    for end in endpoints:
        if end.reason in _OF_SINKS and end.role == "sink":
            ends.setdefault((end.reason, end.name), []).append(end)
    if not ends:
        return None
    ((reason, name), apart), *others = ends.items()
    more = f"; and {len(others)} more of its sinks" if others else ""
    if reason == NO_TRANSPORT:
        return reason, _apart(name, apart, node) + more
    trouble, message = told(reason, f"sink {name}", apart[0].node, [end.pod for end in apart])
    return trouble, message + more


_OF_SINKS = frozenset({NO_TRANSPORT, NOT_MOUNTED, NO_NODE, NO_MEDIA, NO_AGENT})


def told(reason: str, end: str, node: str, pods: Sequence[str] = ()) -> Trouble:
    """Say why an endpoint cannot run on a node."""
    if reason == NOT_MOUNTED:
        return SINK_NOT_MOUNTED, f"{end}: pod {_few(pods)} has no folder: {_MOUNT}"
    messages = {
        NO_NODE: f"{end}: there is no node {node}",
        NO_MEDIA: f"{end}: node {node} has no media folder; name another node",
        NO_AGENT: f"{end}: no agent is connected; see the pods of the DaemonSet of mediamesh",
    }
    return reason, messages[reason]


def _apart(name: str, apart: Sequence[PlacedEndpoint], node: str) -> str:
    elsewhere = _few(sorted({end.node for end in apart}))
    who = f"{len(apart)} pods of sink {name} are" if len(apart) > 1 else f"sink {name} is"
    return f"{who} on {elsewhere} and the source on {node}; nothing carries frames between nodes: put them on one"


def _pods(found: Sequence[Pod]) -> str:
    return f"pod {_few([pod.name for pod in found])}"


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _described(labels: Mapping[str, str]) -> str:
    wanted = sorted(f"{key}={value}" for key, value in labels.items())
    return f"pod with {_few(wanted)}" if wanted else "pod"
