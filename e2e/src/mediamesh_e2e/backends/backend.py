"""What the tests ask of a cluster, wherever it comes from."""

from pathlib import Path
from typing import Protocol

from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.images.image import Image
from mediamesh_e2e.kubectl import Kubectl


class Backend(Protocol):
    """A running cluster."""

    @property
    def kubectl(self) -> Kubectl:
        """Its clients, as an administrator."""

    @property
    def cluster(self) -> Cluster | None:
        """The handles for faults, where the cluster is ours to break."""

    @property
    def logs(self) -> Path:
        """The folder for what is worth keeping after a failure."""

    def provide(self, image: Image) -> str:
        """Build an image and bring it where all nodes find it; give the reference for pods."""
