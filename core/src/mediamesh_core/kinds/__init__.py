"""The kinds that people write, group `mediamesh.io/v1alpha1`, and how they are read.

`load` takes the text of a YAML file and gives `MediaConnection` objects, or one
`UserError` that lists everything that is wrong with it; `from_object` does so with an object of the
API server. This package alone imports pydantic and
yaml: what goes further into mediamesh are formats and plans.
"""

from mediamesh_core.kinds.connection import API_VERSION, Delivery, MediaConnection, Pool, Sink, Source, Spec
from mediamesh_core.kinds.endpoints import FileSink, FileSource, MemifEndpoint, PodEndpoint
from mediamesh_core.kinds.loading import InvalidKinds, from_object, load, network_from_object
from mediamesh_core.kinds.metadata import Metadata
from mediamesh_core.kinds.network import MediaNetwork
from mediamesh_core.kinds.node import NodeStatus
from mediamesh_core.kinds.payload import Payload
from mediamesh_core.kinds.status import Condition, ConnectionStatus, EndpointStatus

__all__ = [
    "API_VERSION",
    "Condition",
    "ConnectionStatus",
    "Delivery",
    "EndpointStatus",
    "FileSink",
    "FileSource",
    "InvalidKinds",
    "MediaConnection",
    "MediaNetwork",
    "MemifEndpoint",
    "Metadata",
    "NodeStatus",
    "Payload",
    "PodEndpoint",
    "Pool",
    "Sink",
    "Source",
    "Spec",
    "from_object",
    "load",
    "network_from_object",
]
