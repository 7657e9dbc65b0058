"""The metrics that only an agent in a cluster has; defined like all others."""

from collections.abc import Iterable

from prometheus_client.registry import Collector

from mediamesh_agent.metrics import Family, family, single
from mediamesh_agent.node.folders import PodFolders
from mediamesh_agent.node.stream import OperatorStream


class NodeCollector(Collector):
    """Gives `prometheus_client` the families of the operator's stream and of the pods' folders."""

    def __init__(self, stream: OperatorStream, folders: PodFolders) -> None:
        self._stream = stream
        self._folders = folders

    def collect(self) -> Iterable[Family]:
        """Return all families."""
        received = self._stream.received
        yield single("mediamesh_agent_operator_connected", received.connected)
        yield single("mediamesh_agent_plans_received_total", received.count)
        yield single("mediamesh_agent_pod_folders_removed_total", self._folders.removed)
        ended = [((reason,), count) for reason, count in self._stream.ended.items()]
        yield family("mediamesh_agent_operator_streams_ended_total", ended)
