"""Making plans: from what people want to what each node should run.

`plan` is pure and deterministic: the same input gives the same plans, whatever
the order of the connections. Today it plans one node: a *local* one, where every application is a process
beside the hub and attaches at the root folder, or one whose pods it is told, each with a folder of its own.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mediamesh_core.conflicts import check_conflicts
from mediamesh_core.errors import UserError
from mediamesh_core.formats import to_json
from mediamesh_core.kinds.connection import MediaConnection, Sink, Source
from mediamesh_core.kinds.endpoints import FileSink, FileSource, MemifEndpoint, PodEndpoint
from mediamesh_core.plan import EndpointPlan, FlowPlan, MemifPlan, NodePlan, SinkPlan, SourcePlan
from mediamesh_core.poolsizes import check_pool, source_queue


@dataclass(frozen=True, slots=True)
class Node:
    """A node that can run flows."""

    name: str
    local: bool
    """Applications are processes beside the hub, not pods."""
    polling: bool = False
    """Its hub shall poll instead of sleeping."""


@dataclass(frozen=True, slots=True)
class Pod:
    """An application on a node."""

    uid: str
    namespace: str
    node: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observed:
    """What a node said last."""

    revision: int = 0
    """Of the plan it has in force; the next plan's is one more."""


def local_node(name: str, *, polling: bool = False) -> Node:
    """Return the node of `mediamesh up`: this machine, without pods."""
    return Node(name, local=True, polling=polling)


def plan(
    connections: Iterable[MediaConnection],
    nodes: Sequence[Node],
    pods: Iterable[Pod] = (),
    observed: Mapping[str, Observed] | None = None,
) -> dict[str, NodePlan]:
    """Return what each node should run, by its name.

    Raises
    ------
    UserError
        Connections contradict each other, or one needs more memory than a pool can have.
    """
    if len(nodes) != 1:
        raise UserError("OneNodeOnly", f"connections can be planned for one node, not for {len(nodes)}")
    ordered = sorted(connections, key=lambda connection: connection.full_name)
    check_conflicts(ordered)
    present, known = tuple(pods), observed or {}
    return {
        node.name: NodePlan(
            node=node.name,
            revision=known.get(node.name, Observed()).revision + 1,
            flows=tuple(_flow(connection, node, present) for connection in ordered),
        )
        for node in nodes
    }


def _flow(connection: MediaConnection, node: Node, pods: Sequence[Pod]) -> FlowPlan:
    spec, media = connection.spec, connection.spec.payload.format
    queue = spec.source.queue or source_queue(media.capacity)
    source = _endpoint(spec.source, connection, node, pods)
    return FlowPlan(
        connection=connection.full_name,
        uid=connection.metadata.uid,
        payload=to_json(media),
        capacity=media.capacity,
        frames=check_pool(connection, media.capacity, queue),
        huge_pages=spec.pool.huge_pages,
        polling=node.polling,
        source=SourcePlan(spec.source.name, queue, source, spec.source.wait_for_sinks),
        sinks=tuple(_sink(sink, connection, node, pods) for sink in spec.sinks),
    )


def _sink(sink: Sink, connection: MediaConnection, node: Node, pods: Sequence[Pod]) -> SinkPlan:
    return SinkPlan(
        name=sink.name,
        policy=sink.delivery.policy,
        queue=sink.delivery.queue,
        start=sink.delivery.start,
        max_attachments=sink.attachments,
        endpoint=_endpoint(sink, connection, node, pods),
    )


def _endpoint(end: Source | Sink, connection: MediaConnection, node: Node, pods: Sequence[Pod]) -> EndpointPlan:
    if end.pod is not None:
        folders = _folders(end.pod, connection.metadata.namespace, node, pods)
        return EndpointPlan("pod", folders=folders, token=end.pod.token)
    if end.memif is not None:
        return EndpointPlan("memif", memif=_memif(end.memif))
    settings: FileSource | FileSink | None = end.file
    if settings is None:
        raise UserError("NoEndpoint", f"{connection.full_name}: {end.name} is neither pod, memif nor file")
    config = settings.model_dump(by_alias=True, exclude_none=True)
    return EndpointPlan("bridge", bridge="file", config=json.dumps(config, sort_keys=True, separators=(",", ":")))


def _folders(pod: PodEndpoint, namespace: str, node: Node, pods: Sequence[Pod]) -> tuple[str, ...]:
    if node.local:
        return ("",)
    wanted = pod.match_labels.items()
    here = (each for each in pods if each.node == node.name and each.namespace == namespace)
    return tuple(sorted(f"pods/{each.uid}" for each in here if wanted <= each.labels.items()))


def _memif(peer: MemifEndpoint) -> MemifPlan:
    return MemifPlan(
        role=peer.role,
        socket=peer.socket,
        id=peer.id,
        secret=peer.secret,
        access=peer.access,
        chunk=peer.chunk or 0,
        rings=peer.rings,
    )
