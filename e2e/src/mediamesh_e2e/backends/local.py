"""A cluster of this package's own making."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mediamesh_e2e.cluster.cluster import Cluster, start
from mediamesh_e2e.images.image import Image, archived
from mediamesh_e2e.kubectl import Kubectl


class Local:
    """The cluster, whose nodes are given images directly."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.kubectl = Kubectl(cluster.kubeconfig, cluster.tools.clients)
        self.logs: Path = cluster.logs
        self._provided: dict[str, str] = {}

    def provide(self, image: Image) -> str:
        """Import the image on all nodes at once; one that they have under another name gets a second one."""
        content = repr(replace(image, reference=""))
        if known := self._provided.get(content):
            for node in self.cluster.nodes.values():
                node.tag_image(known, image.reference)
        else:
            with archived(image) as archive, ThreadPoolExecutor() as pool:
                list(pool.map(lambda node: node.import_image(archive), self.cluster.nodes.values()))
            self._provided[content] = image.reference
        return image.reference


@contextmanager
def local() -> Iterator[Local]:
    """Start a cluster, and end it."""
    with start() as cluster:
        yield Local(cluster)
