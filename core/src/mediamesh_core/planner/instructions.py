"""What a node is told of one connection, once it is known who stands where.

An endpoint that nobody can stand at for now is still there, as one that no pod may attach to: names, queues and the
size of the pool are the spec's, so that nothing else changes when somebody comes.
"""

import json
from collections.abc import Mapping

from mediamesh_core.kinds.connection import MediaConnection, Sink, Source
from mediamesh_core.kinds.endpoints import FileSink, FileSource, MemifEndpoint
from mediamesh_core.plan import EndpointPlan, FlowPlan, MemifPlan, SinkPlan, SourcePlan
from mediamesh_core.planner.cluster import Node
from mediamesh_core.planner.poolsizes import check_pool, source_queue

Folders = Mapping[str, tuple[str, ...]]
"""By endpoint, of those who stand there; "" is the root of the hub."""

_NOBODY = EndpointPlan("pod")


def flow_plan(connection: MediaConnection, node: Node | None, folders: Folders) -> FlowPlan:
    """Return what the node runs for a connection.

    Raises
    ------
    UserError
        Its pool is too small or too large.
    """
    spec, capacity = connection.spec, connection.spec.payload.capacity
    queue = spec.source.queue or source_queue(capacity)
    prefix = "" if node is None or node.local else f"{connection.metadata.namespace}/"
    return FlowPlan(
        connection=connection.full_name,
        uid=connection.metadata.uid,
        payload=spec.payload.canonical,
        capacity=capacity,
        frames=check_pool(connection, capacity, queue),
        huge_pages=spec.pool.huge_pages,
        polling=node is not None and node.polling,
        source=SourcePlan(spec.source.name, queue, _endpoint(spec.source, folders, prefix), spec.source.wait_for_sinks),
        sinks=tuple(_sink(sink, folders, prefix) for sink in spec.sinks),
    )


def _sink(sink: Sink, folders: Folders, prefix: str) -> SinkPlan:
    delivery = sink.delivery
    return SinkPlan(
        name=sink.name,
        policy=delivery.policy,
        queue=delivery.queue,
        start=delivery.start,
        max_attachments=sink.attachments,
        endpoint=_endpoint(sink, folders, prefix),
    )


def _endpoint(end: Source | Sink, folders: Folders, prefix: str) -> EndpointPlan:
    places = folders.get(end.name, ())
    if end.pod is not None:
        return EndpointPlan("pod", folders=places, token=end.pod.token)
    if end.memif is not None and places:
        return EndpointPlan("memif", memif=_memif(end.memif, places[0]))
    if end.file is not None and places:
        return EndpointPlan("bridge", bridge="file", config=_settings(end.file, prefix))
    if end.bridge is not None and places:
        return EndpointPlan("bridge", bridge=end.bridge.name, config=_canonical(end.bridge.config))
    return _NOBODY


def _settings(file: FileSource | FileSink, prefix: str) -> str:
    """Return a file's settings; in a cluster each namespace has a media folder of its own."""
    config = file.model_dump(by_alias=True, exclude_none=True, exclude={"node_name"})
    config["path"] = prefix + config["path"]
    return _canonical(config)


def _canonical(config: Mapping[str, object]) -> str:
    return json.dumps(config, sort_keys=True, separators=(",", ":"))


def _memif(peer: MemifEndpoint, folder: str) -> MemifPlan:
    return MemifPlan(
        role=peer.role,
        socket=peer.socket,
        folder=folder,
        id=peer.id,
        secret=peer.secret,
        access=peer.access,
        chunk=peer.chunk or 0,
        rings=peer.rings,
    )
