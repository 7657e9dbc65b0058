"""Which node a flow lives on, by its source.

Of the pods that match a source the oldest ready one is it. While none is ready the flow stays where it was, so that its
sinks stay attached until the next source comes; a pod that is attached and not ready for a moment is not thrown out
either. A source without a pod (a file, a peer on the host) goes where its sinks are: it stays where it was as long
as it serves one there, otherwise it goes to the node with most of them, then to the first by name.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mediamesh_core.kinds.connection import MediaConnection, Sink, Source
from mediamesh_core.planner import troubles
from mediamesh_core.planner.cluster import Pod
from mediamesh_core.planner.ends import named_node, selector
from mediamesh_core.planner.landscape import Landscape
from mediamesh_core.planner.troubles import Trouble
from mediamesh_core.planner.verdicts import NO_POD, NOT_MOUNTED, NOT_READY, STANDBY, PlacedEndpoint


@dataclass(frozen=True, slots=True)
class Home:
    """Where a flow lives, and its source."""

    node: str
    """"": nowhere."""
    source: tuple[PlacedEndpoint, ...]
    trouble: Trouble | None = None


def pod_source(connection: MediaConnection, landscape: Landscape) -> Home:
    """Place a flow whose source is an application, or a memif peer in a pod."""
    source, namespace = connection.spec.source, connection.metadata.namespace
    found = landscape.matching(namespace, selector(source) or {})
    was = landscape.was(connection.full_name)
    chosen = _chosen([pod for pod in found if pod.mounted], was)
    node = chosen.node if chosen else was if landscape.node(was) else ""
    ends = tuple(all_but(chosen, found, source, "source", otherwise=STANDBY))
    return Home(node, ends, troubles.of_source(source, namespace, found, chosen))


def _chosen(mounted: Sequence[Pod], was: str) -> Pod | None:
    """Return the oldest ready one, else the oldest where the flow was, else the oldest."""
    return min(mounted, key=lambda pod: (not pod.ready, not pod.ready and pod.node != was), default=None)


def all_but(
    chosen: Pod | None, found: Sequence[Pod], end: Source | Sink, role: str, *, otherwise: str
) -> Iterator[PlacedEndpoint]:
    """Yield the endpoint that one pod is, with all that could be it; ready ones are `otherwise`."""
    if not found:
        yield PlacedEndpoint(end.name, role, end.chosen(), reason=NO_POD)
    some_mounted = any(pod.mounted for pod in found)
    for pod in found:
        if pod.mounted or not some_mounted:
            reason = NOT_MOUNTED if not pod.mounted else otherwise if pod.ready else NOT_READY
            reason = "" if pod is chosen else reason
            yield PlacedEndpoint(end.name, role, end.chosen(), pod.node, pod.name, pod.uid, reason)


def host_source(connection: MediaConnection, landscape: Landscape) -> Home:
    """Place a flow whose source is a file, or a memif peer on the host."""
    source = connection.spec.source
    node = named_node(source) or _nearest(connection, landscape)
    reason = troubles.of_host(source, landscape.node(node))
    end = PlacedEndpoint(source.name, "source", source.chosen(), node, reason=reason)
    known = node if landscape.node(node) else ""
    return Home(known, (end,), troubles.told(reason, f"source {source.name}", node) if reason else None)


def _nearest(connection: MediaConnection, landscape: Landscape) -> str:
    served = _served(connection, landscape)
    was = landscape.was(connection.full_name)
    if landscape.node(was) and (was in served or not served):
        return was
    able = landscape.able(recording=connection.spec.source.file is not None)
    best = min(served, key=lambda name: (name not in able, -served[name], name), default="")
    return best or next(iter(able), "")


def _served(connection: MediaConnection, landscape: Landscape) -> dict[str, int]:
    """Count the sinks on each node."""
    served: Counter[str] = Counter()
    for sink in connection.spec.sinks:
        served.update(_nodes_of(sink, connection.metadata.namespace, landscape))
    return {name: count for name, count in served.items() if landscape.node(name)}


def _nodes_of(sink: Sink, namespace: str, landscape: Landscape) -> Sequence[str]:
    if selector(sink) is None:
        return [node] if (node := named_node(sink)) else []
    nodes = [pod.node for pod in landscape.matching(namespace, selector(sink) or {}) if pod.mounted]
    return nodes if sink.pod is not None else sorted(set(nodes))
