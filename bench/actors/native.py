"""The native port below an end of the SDK: the loops without the interpreter exist for benchmarks, and work on it."""

from typing import Any

from mediamesh import Sink, Source
from mediamesh_native.port import SinkPort, SourcePort


def source_port(source: Source) -> SourcePort:
    """Return the port of a source that is attached."""
    port: SourcePort = _attached(source)
    return port


def sink_port(sink: Sink) -> SinkPort:
    """Return the port of a sink that is attached."""
    port: SinkPort = _attached(sink)
    return port


def _attached(end: Source | Sink) -> Any:
    port = end._tether.port  # noqa: SLF001  (nobody else has a reason to ask for it)
    if port is None:
        raise ConnectionError(f"{end} is not attached")
    return port
