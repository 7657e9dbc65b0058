"""Which pods or which node an end of a connection names."""

from collections.abc import Mapping

from mediamesh_core.kinds.connection import Sink, Source


def selector(end: Source | Sink) -> Mapping[str, str] | None:
    """Return the labels of the pods that can stand at an end; None for a file, a bridge or a peer on the host."""
    if end.pod is not None:
        return end.pod.match_labels
    return end.memif.pod.match_labels if end.memif is not None and end.memif.pod is not None else None


def named_node(end: Source | Sink) -> str:
    """Return the node that an end names itself, or ""."""
    on_host = end.file or end.memif or end.bridge
    return (on_host.node_name if on_host is not None else None) or ""
