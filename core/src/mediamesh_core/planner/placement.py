"""Where a flow lives, and which endpoints can take part there.

A flow lives where its source is (`sources`); sinks elsewhere have to wait for a transport. Nothing here depends on
another connection, so a change of one moves no other.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from mediamesh_core.kinds.connection import MediaConnection, Sink
from mediamesh_core.planner import troubles
from mediamesh_core.planner.cluster import Pod
from mediamesh_core.planner.ends import named_node, selector
from mediamesh_core.planner.landscape import Landscape
from mediamesh_core.planner.sources import Home, all_but, host_source, pod_source
from mediamesh_core.planner.troubles import Trouble
from mediamesh_core.planner.verdicts import (
    NO_NODE,
    NO_POD,
    NO_SOURCE,
    NO_TRANSPORT,
    NOT_MOUNTED,
    STANDBY,
    PlacedEndpoint,
)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one connection is."""

    node: str
    """"": nowhere."""
    endpoints: tuple[PlacedEndpoint, ...]
    trouble: Trouble | None = None

    def folders(self) -> dict[str, tuple[str, ...]]:
        """Return the folders of those who take part, by endpoint; "" is the root, for all that is in no pod."""
        found: dict[str, list[str]] = {}
        for end in self.endpoints:
            if not end.reason:
                found.setdefault(end.name, []).append(f"pods/{end.pod_uid}" if end.pod_uid else "")
        return {name: tuple(sorted(folders)) for name, folders in found.items()}


def place(connection: MediaConnection, landscape: Landscape) -> Placement:
    """Return where the connection is."""
    if local := landscape.local:
        return _beside_the_hub(connection, local)
    home = host_source(connection, landscape) if _is_host(connection) else pod_source(connection, landscape)
    endpoints = [*home.source]
    for sink in connection.spec.sinks:
        endpoints += _sink(sink, connection.metadata.namespace, home, landscape)
    trouble = home.trouble or troubles.of_node(landscape.node(home.node), home.node)
    return Placement(home.node, tuple(endpoints), trouble or troubles.of_sinks(endpoints, home.node))


def _is_host(connection: MediaConnection) -> bool:
    return selector(connection.spec.source) is None


def _beside_the_hub(connection: MediaConnection, node: str) -> Placement:
    spec = connection.spec
    source = PlacedEndpoint(spec.source.name, "source", spec.source.chosen(), node)
    sinks = (PlacedEndpoint(sink.name, "sink", sink.chosen(), node) for sink in spec.sinks)
    return Placement(node, (source, *sinks))


def _sink(sink: Sink, namespace: str, home: Home, landscape: Landscape) -> Iterator[PlacedEndpoint]:
    if (labels := selector(sink)) is None:
        return _host_sink(sink, home, landscape)
    found = landscape.matching(namespace, labels)
    return _pods(sink, found, home) if sink.pod is not None else _peer(sink, found, home)


def _host_sink(sink: Sink, home: Home, landscape: Landscape) -> Iterator[PlacedEndpoint]:
    """A recording, or a peer on the host: on the flow's node unless it names another."""
    node = named_node(sink) or home.node
    unfit = troubles.of_host(sink, landscape.node(node))
    reason = unfit if unfit == NO_NODE else _distance(node, home) or unfit
    yield PlacedEndpoint(sink.name, "sink", sink.chosen(), node, reason=reason)


def _pods(sink: Sink, found: tuple[Pod, ...], home: Home) -> Iterator[PlacedEndpoint]:
    """Every pod that matches, ready or not: a consumer may well become ready by its first frame."""
    mounted = [pod for pod in found if pod.mounted]
    if not found:
        yield PlacedEndpoint(sink.name, "sink", "pod", reason=NO_POD)
    for pod in mounted or found:
        reason = _distance(pod.node, home) if mounted else NOT_MOUNTED
        yield PlacedEndpoint(sink.name, "sink", "pod", pod.node, pod.name, pod.uid, reason)


def _peer(sink: Sink, found: tuple[Pod, ...], home: Home) -> Iterator[PlacedEndpoint]:
    """The one pod with the peer: the oldest on the flow's node, a ready one first."""
    here = [pod for pod in found if pod.mounted and pod.node == home.node]
    chosen = min(here, key=lambda pod: not pod.ready, default=None)
    return all_but(chosen, found, sink, "sink", otherwise=STANDBY if chosen else NO_TRANSPORT)


def _distance(node: str, home: Home) -> str:
    if not home.node:
        return NO_SOURCE
    return "" if node == home.node else NO_TRANSPORT
