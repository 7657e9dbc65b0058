"""A cluster that is there already, named by `KUBECONFIG`; its images come by a registry, named by `REGISTRY`.

Two of its nodes are used: those that `NODES` names (`one,other`), else the first two that take any pod.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mediamesh_e2e.errors import MachineUnfit
from mediamesh_e2e.images.image import Image, archived
from mediamesh_e2e.kubectl import Kubectl
from mediamesh_e2e.nodenames import NODES, NodeNames
from mediamesh_e2e.programs import run

PASSING = "node.kubernetes.io/not-ready"
"""The taint of a node that begins; the scheduler waits for its end, as whoever makes a pod does."""


class Existing:
    """The cluster, whose nodes pull images from the registry that they are pushed to."""

    cluster = None

    def __init__(self, kubectl: Kubectl, logs: Path) -> None:
        self.kubectl = kubectl
        self.logs = logs

    def provide(self, image: Image) -> str:
        """Push the image with skopeo."""
        registry = os.environ.get("REGISTRY")
        if not registry:
            raise MachineUnfit("REGISTRY is not set: where may images be pushed that the cluster can pull?")
        reference = pushed(image.reference, registry)
        with archived(image) as archive:
            run(["skopeo", "copy", "--quiet", f"oci-archive:{archive}", f"docker://{reference}"])
        return reference


def pushed(reference: str, registry: str) -> str:
    """Return a reference as the registry has it; those of a release are its own already."""
    return reference if reference.startswith(f"{registry}/") else f"{registry}/{reference.partition('/')[2]}"


def chosen(nodes: list[Any]) -> list[str]:
    """Return the names of two nodes; raises `MachineUnfit` where there are not as many."""
    if told := os.environ.get("NODES"):
        names = told.split(",")
    else:
        names = sorted(node["metadata"]["name"] for node in nodes if not _taints(node))[: len(NODES)]
    if len(set(names)) != len(NODES):
        raise MachineUnfit(f"two nodes that take any pod are needed; name them by NODES=one,other (found: {names})")
    return names


def _taints(node: Any) -> list[str]:
    taints = [each for each in node["spec"].get("taints", ()) if each["effect"] != "PreferNoSchedule"]
    return [taint["key"] for taint in taints if taint["key"] != PASSING]


@contextmanager
def existing() -> Iterator[Existing]:
    """Use the cluster, if it answers."""
    kubeconfig = os.environ.get("KUBECONFIG")
    if not kubeconfig:
        raise MachineUnfit("KUBECONFIG is not set: which cluster may be used?")
    plain = Kubectl(Path(kubeconfig))
    plain("version", timeout=30)
    names = NodeNames(chosen(plain.get("nodes")["items"]))
    kubectl = Kubectl(Path(kubeconfig), names=names)
    yield Existing(kubectl, Path(tempfile.mkdtemp(prefix="mediamesh-e2e-")))
