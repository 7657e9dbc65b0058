"""A cluster of kind: Kubernetes in containers of Docker, one for the control plane and two for the nodes."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mediamesh_e2e.errors import MachineUnfit, ProgramFailed
from mediamesh_e2e.images.image import Image, archived
from mediamesh_e2e.kubectl import Kubectl
from mediamesh_e2e.nodenames import NodeNames
from mediamesh_e2e.programs import run

NAME = "mediamesh-e2e"
ROLES = ("control-plane", "worker", "worker")
WORKERS = (f"{NAME}-worker", f"{NAME}-worker2")


class Kind:
    """The cluster, whose nodes get images by `kind load`."""

    cluster = None

    def __init__(self, kubeconfig: Path, logs: Path) -> None:
        self.kubectl = Kubectl(kubeconfig, names=NodeNames(WORKERS))
        self.logs = logs

    def provide(self, image: Image) -> str:
        """Load the image's archive into all nodes."""
        with archived(image) as archive:
            run(["kind", "load", "image-archive", archive, "--name", NAME])
        return image.reference


@contextmanager
def kind() -> Iterator[Kind]:
    """Create a cluster, and delete it; one that a killed run left is deleted first."""
    try:
        run(["docker", "info"])
        run(["kind", "delete", "cluster", "--name", NAME])
    except ProgramFailed as error:
        raise MachineUnfit(f"the backend kind needs Docker and kind: {error}") from error
    folder = Path(tempfile.mkdtemp(prefix="mediamesh-e2e-"))
    nodes = [{"role": role} for role in ROLES]
    definition = json.dumps({"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": nodes})
    kubeconfig = folder / "kubeconfig"
    create = ["kind", "create", "cluster", "--name", NAME, "--kubeconfig", str(kubeconfig), "--wait", "300s"]
    try:
        run([*create, "--config", "-"], given=definition)
        yield Kind(kubeconfig, folder)
    finally:
        run(["kind", "export", "logs", folder / "nodes", "--name", NAME])
        run(["kind", "delete", "cluster", "--name", NAME])
