"""A cluster of this package's own making."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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

    def provide(self, image: Image) -> str:
        """Import the image on all nodes at once."""
        with archived(image) as archive, ThreadPoolExecutor() as pool:
            list(pool.map(lambda node: node.import_image(archive), self.cluster.nodes.values()))
        return image.reference


@contextmanager
def local() -> Iterator[Local]:
    """Start a cluster, and end it."""
    with start() as cluster:
        yield Local(cluster)
