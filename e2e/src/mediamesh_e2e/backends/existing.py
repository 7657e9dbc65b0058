"""A cluster that is there already, named by `KUBECONFIG`; its images come by a registry, named by `REGISTRY`."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mediamesh_e2e.errors import MachineUnfit
from mediamesh_e2e.images.image import Image, archived
from mediamesh_e2e.kubectl import Kubectl
from mediamesh_e2e.programs import run


class Existing:
    """The cluster, whose nodes pull images from the registry that they are pushed to."""

    cluster = None

    def __init__(self, kubeconfig: Path, logs: Path) -> None:
        self.kubectl = Kubectl(kubeconfig)
        self.logs = logs

    def provide(self, image: Image) -> str:
        """Push the image with skopeo."""
        registry = os.environ.get("REGISTRY")
        if not registry:
            raise MachineUnfit("REGISTRY is not set: where may images be pushed that the cluster can pull?")
        reference = f"{registry}/{image.reference.partition('/')[2]}"
        with archived(image) as archive:
            run(["skopeo", "copy", "--quiet", f"oci-archive:{archive}", f"docker://{reference}"])
        return reference


@contextmanager
def existing() -> Iterator[Existing]:
    """Use the cluster, if it answers."""
    kubeconfig = os.environ.get("KUBECONFIG")
    if not kubeconfig:
        raise MachineUnfit("KUBECONFIG is not set: which cluster may be used?")
    backend = Existing(Path(kubeconfig), Path(tempfile.mkdtemp(prefix="mediamesh-e2e-")))
    backend.kubectl("version", timeout=30)
    yield backend
