"""Pods as tests make them and see them: described, started, asked, and looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mediamesh_e2e.kubectl import Kubectl, Manifest


def pod(
    name: str,
    image: str,
    command: Sequence[str] = (),
    *,
    node: str | None = None,
    labels: Mapping[str, str] | None = None,
    container: Mapping[str, Any] | None = None,
    spec: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Give a pod of one container, `main`; `container` and `spec` add fields to those two or replace them."""
    main: dict[str, Any] = {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent"}
    if command:
        main["command"] = list(command)
    placed = {"nodeSelector": {"kubernetes.io/hostname": node}} if node else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": dict(labels or {})},
        "spec": {
            "containers": [{**main, **(container or {})}],
            "terminationGracePeriodSeconds": 1,
            **placed,
            **(spec or {}),
        },
    }


@dataclass(frozen=True, slots=True)
class Pods:
    """The pods of a namespace."""

    kubectl: Kubectl
    namespace: str

    def start(self, *manifests: Manifest) -> None:
        """Create pods, or what goes with them, and wait until all pods of the namespace are ready."""
        self.kubectl.apply(*manifests, namespace=self.namespace)
        self.kubectl("wait", "--namespace", self.namespace, "--for=condition=Ready", "pods", "--all", "--timeout=60s")

    def get(self, name: str) -> Any:
        """Read a pod."""
        return self.kubectl.get("pod", name, namespace=self.namespace)

    def address(self, name: str) -> str:
        """Give the address of a pod."""
        return str(self.get(name)["status"]["podIP"])

    def container(self, name: str) -> tuple[str, int]:
        """Give the identity of the container that runs in a pod, and how often it was restarted."""
        (status,) = self.get(name)["status"]["containerStatuses"]
        return status["containerID"], status["restartCount"]

    def run(self, name: str, *command: str) -> str:
        """Run a program in a pod and give what it wrote, without the white space around it."""
        return self.kubectl("exec", "--namespace", self.namespace, name, "--", *command).strip()
