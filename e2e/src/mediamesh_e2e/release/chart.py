"""The chart as a release of a cluster: installed, upgraded and removed by helm, as its documentation tells users to."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.errors import MachineUnfit
from mediamesh_e2e.places import REPOSITORY
from mediamesh_e2e.pods import Pods
from mediamesh_e2e.release.images import REGISTRY

CHART = REPOSITORY / "charts" / "mediamesh"
NAME = "mediamesh"
NAMESPACE = "mediamesh-system"
KINDS = ("mediaconnections", "medianetworks", "medianodes")
WAIT = ("--wait", "--timeout=3m")
FIRST_CHILD = "read -r first rest </proc/1/task/1/children; echo $first"


@dataclass(frozen=True, slots=True)
class Release:
    """A release that is installed; `tag` is the one of its images."""

    backend: Backend
    tag: str

    @property
    def pods(self) -> Pods:
        """Its own pods."""
        return Pods(self.backend.kubectl, NAMESPACE)

    def upgrade(self, *, tag: str = "", chart: Path = CHART, values: Mapping[str, Any] | None = None) -> None:
        """Make the release what the values say, or put it there, and wait until all of it is ready."""
        self.submit(*WAIT, tag=tag, chart=chart, values=values)
        self.await_rollout()

    def submit(self, *words: str, tag: str = "", chart: Path = CHART, values: Mapping[str, Any] | None = None) -> None:
        """Give the cluster what the release is to be, and wait only for what helm's `words` say."""
        told = {**(values or {}), "images": {"registry": REGISTRY, "tag": tag or self.tag}}
        settings = [f"--set-json={key}={json.dumps(value)}" for key, value in told.items()]
        placed = ["--namespace", NAMESPACE, "--create-namespace"]
        self.backend.kubectl.helm("upgrade", "--install", NAME, str(chart), *placed, *settings, *words)

    def rollback(self) -> None:
        """Make the release what it was before, and wait until all of it is ready."""
        self.backend.kubectl.helm("rollback", NAME, "--namespace", NAMESPACE, *WAIT)
        self.await_rollout()

    def await_rollout(self) -> None:
        """Wait until the nodes have the newest pods, and no others, and each has said that it is ready."""
        daemons = ["rollout", "status", f"daemonset/{NAME}-node", "--namespace", NAMESPACE, "--timeout=180s"]
        self.backend.kubectl(*daemons, timeout=200)
        self.await_nodes()

    def uninstall(self) -> None:
        """Remove the release as a user does, and wait until its pods are gone."""
        self.backend.kubectl.helm(
            "uninstall", NAME, "--namespace", NAMESPACE, "--ignore-not-found", "--wait", "--timeout=2m"
        )
        gone = ["--for=delete", "pods", "--all", "--timeout=60s"]
        self.backend.kubectl("wait", "--namespace", NAMESPACE, *gone)

    def await_nodes(self) -> None:
        """Wait until every node has said that its agent and hub are ready."""
        self.backend.kubectl("wait", "--for=create", "crd/medianodes.mediamesh.io", "--timeout=30s")
        names = [each["metadata"]["name"] for each in self.backend.kubectl.get("nodes")["items"]]
        for name in names:
            self.backend.kubectl("wait", "--for=create", f"medianode/{name}", "--timeout=60s")
            self.backend.kubectl("wait", "--for=condition=Ready", f"medianode/{name}", "--timeout=60s")

    def node_pod(self, node: str) -> str:
        """Give the name of the pod of agent and hub on a node; of two, as in an upgrade, one that is ready."""
        found = self._pods("node", f"--field-selector=spec.nodeName={node}")
        return str(max(found, key=_is_ready)["metadata"]["name"])

    def operator_pods(self) -> list[str]:
        """Give the names of the operator's pods, the leader first."""
        leader = self.backend.kubectl.get("lease", f"{NAME}-operator", namespace=NAMESPACE)["spec"]["holderIdentity"]
        return sorted(self.named("operator"), key=lambda name: not leader.startswith(name))

    def run(self, pod: str, container: str, *command: str) -> str:
        """Run a program in a container of the release."""
        words = ["exec", "--namespace", NAMESPACE, pod, "--container", container, "--", *command]
        return self.backend.kubectl(*words).strip()

    def container(self, pod: str, name: str) -> str:
        """Give the identity of a container of a pod, as containerd has it."""
        statuses = self.pods.get(pod)["status"]["containerStatuses"]
        (found,) = (each["containerID"] for each in statuses if each["name"] == name)
        return str(found).removeprefix("containerd://")

    def kill(self, pod: str, container: str) -> None:
        """End the first process of a container as `kill -9` does; only where the machines are ours."""
        if not (cluster := self.backend.cluster):
            raise MachineUnfit("the processes of containers can be killed on the backend local only")
        cluster.nodes[self.pods.get(pod)["spec"]["nodeName"]].kill_container(self.container(pod, container))

    def kill_hub(self, node: str) -> None:
        """End a node's hub as a crash would."""
        self.run(self.node_pod(node), "hub", "sh", "-c", f"kill -9 $({FIRST_CHILD})")

    def node_reason(self, node: str) -> str:
        """Give why a node is Ready, or is not."""
        conditions = self.backend.kubectl.get("medianode", node)["status"]["conditions"]
        return next(str(each["reason"]) for each in conditions if each["type"] == "Ready")

    def handovers(self, node: str) -> int:
        """Give how often one hub of a node has taken over from another, since the first one that had nobody to."""
        return int(self.backend.kubectl.get("medianode", node)["status"]["hub"].get("handovers", 0))

    def settle(self) -> None:
        """Wait until all of its pods are ready again, and every node has said so."""
        ready = ["--for=condition=Ready", "pods", "--all", "--timeout=110s"]
        self.backend.kubectl("wait", "--namespace", NAMESPACE, *ready)
        self.await_nodes()

    def named(self, component: str) -> list[str]:
        """Give the names of a component's pods that are not being deleted."""
        return [pod["metadata"]["name"] for pod in self._pods(component)]

    def _pods(self, component: str, *words: str) -> list[Any]:
        chosen = ["pods", f"--selector=app.kubernetes.io/component={component}", *words]
        found = self.backend.kubectl.get(*chosen, namespace=NAMESPACE)["items"]
        return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


def _is_ready(pod: Any) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


@contextmanager
def released(
    backend: Backend, tag: str, values: Mapping[str, Any] | None = None, chart: Path = CHART
) -> Iterator[Release]:
    """Install the chart on a cluster that has nothing of ours, and leave it so."""
    forget_kinds(backend)
    release = Release(backend, tag)
    try:
        release.upgrade(values=values, chart=chart)
        yield release
    finally:
        release.uninstall()
        forget_kinds(backend)


def forget_kinds(backend: Backend) -> None:
    """Delete the kinds, and every object of them."""
    backend.kubectl("delete", "crd", *(f"{kind}.mediamesh.io" for kind in KINDS), "--ignore-not-found")
