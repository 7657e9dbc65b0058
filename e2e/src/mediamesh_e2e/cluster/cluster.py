"""The cluster as a whole: up, and down again."""

from contextlib import AbstractContextManager
from ipaddress import IPv4Address
from pathlib import Path
from types import TracebackType
from typing import Self

from mediamesh_e2e.cluster import network, slots
from mediamesh_e2e.cluster.control import ControlPlane
from mediamesh_e2e.cluster.credentials import Credentials
from mediamesh_e2e.cluster.cuts import cut
from mediamesh_e2e.cluster.node import Node
from mediamesh_e2e.errors import StartFailed
from mediamesh_e2e.images.pause import pause_image
from mediamesh_e2e.patience import until
from mediamesh_e2e.toolchain import Toolchain, make_toolchain

PATIENCE = 60.0  # seconds until all nodes are Ready; it takes one


class Cluster:
    """A running cluster of this process; made by `start`, and gone after `stop` or the end of a `with`."""

    def __init__(self, slot: slots.Slot, tools: Toolchain) -> None:
        layout = slot.layout
        folder = layout.folder
        self._slot = slot
        self._credentials = Credentials(layout, folder / "credentials")
        self.layout = layout
        self.tools = tools
        self.logs = folder / slots.LOGS
        self.control = ControlPlane(layout, self._credentials, tools, folder)
        self.nodes = {place.name: Node(layout, place, self._credentials, tools, folder) for place in layout.nodes}

    @property
    def kubeconfig(self) -> Path:
        """The file for an administrator's client."""
        return self._credentials.kubeconfigs["admin"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def cut(self, one: str, other: str) -> AbstractContextManager[None]:
        """Let no packet pass between two addresses, of pods or machines, as long as the `with` lasts."""
        return cut(self.layout, IPv4Address(one), IPv4Address(other))

    def stop(self) -> None:
        """End everything and remove all but the logs."""
        for node in self.nodes.values():
            node.power_off()
        self.control.machine.power_off()
        self._slot.release()

    def _start(self) -> None:
        pause = pause_image()
        network.build(self.layout)
        self.control.start()
        for node in self.nodes.values():
            node.power_on()
        for node in self.nodes.values():
            node.import_image(pause)
        self.control.await_api()
        self.control.allow_kube_proxy()
        for node in self.nodes.values():
            node.join()
        until(self._nodes_ready, f"nodes, see {self.logs}", seconds=PATIENCE)

    def _nodes_ready(self) -> bool:
        if ended := [file for node in self.nodes.values() for file in node.ended()]:
            raise StartFailed(f"a program of a node ended, see {ended[0]}")
        nodes = self.control.api.get("/api/v1/nodes")["items"]
        return sum(map(_is_ready, nodes)) == len(self.nodes)


def _is_ready(node: dict[str, dict[str, list[dict[str, str]]]]) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"]["conditions"])


def start() -> Cluster:
    """Start a cluster and wait until its nodes are Ready; the calling thread must live as long as the cluster.

    Raises `MachineUnfit`, `BuildFailed` or `StartFailed`, and leaves nothing but logs then.
    """
    tools = make_toolchain()
    network.refuse_taken_addresses()
    slot = slots.take()
    cluster = Cluster(slot, tools)
    try:
        cluster._start()  # noqa: SLF001  (a half-started one is nobody else's to see)
    except BaseException:
        cluster.stop()
        raise
    return cluster
