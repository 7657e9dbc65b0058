"""Replicas of the operator as processes beside the cluster, and agents that only speak."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediamesh_testing.waiting import wait_until

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.errors import ProgramFailed
from mediamesh_e2e.places import REPOSITORY
from mediamesh_e2e.pods import Pods, pod
from mediamesh_e2e.scale.agent import SimulatedAgent
from mediamesh_e2e.scale.operator import BUNDLE, OperatorProcess, free_port, replica

ACCOUNT = "mediamesh-node"
LEASE = "mediamesh-operator"
REPORTS_EVERY = 1.0  # seconds: agents of tests that wait for reports


@dataclass(slots=True)
class Stage:
    """A namespace with an agent's pod on node-a, and where replicas of the operator serve."""

    backend: Backend
    pods: Pods
    folder: Path
    image: str
    port: int

    @property
    def namespace(self) -> str:
        return self.pods.namespace

    def furnish(self) -> None:
        """Make the kinds, the agents' service account and the agent's pod."""
        kubectl = self.backend.kubectl
        kubectl("apply", "--server-side", "-f", str(REPOSITORY / "crds"))
        kubectl("create", "serviceaccount", ACCOUNT, "--namespace", self.namespace)
        self.pods.start(pod("agent", self.image, node="node-a", spec={"serviceAccountName": ACCOUNT}))

    @contextlib.contextmanager
    def operator(self, identity: str) -> Iterator[OperatorProcess]:
        environment = self.backend.kubectl.environment
        log = self.folder / f"{identity}.log"
        with replica(self.namespace, identity, log, agents=self.port, environment=environment) as running:
            yield running

    def token(self, account: str = ACCOUNT, audience: str = "mediamesh-operator", bound: str = "agent") -> str:
        words = ["create", "token", account, "--namespace", self.namespace, "--audience", audience]
        if bound:
            uid = self.pods.get(bound)["metadata"]["uid"]
            words += ["--bound-object-kind=Pod", f"--bound-object-name={bound}", f"--bound-object-uid={uid}"]
        return self.backend.kubectl(*words).strip()

    def agent(self, token: str, node: str = "node-a") -> SimulatedAgent:
        return SimulatedAgent(node, f"127.0.0.1:{self.port}", self.trusted, token, REPORTS_EVERY)

    def trusted(self) -> bytes:
        """Return what agents are told to trust, once they are."""

        def bundle() -> str:
            with contextlib.suppress(ProgramFailed):
                found: str = self.get("configmap", BUNDLE)["data"]["ca.crt"]
                return found
            return ""

        return wait_until(bundle, "the CA's bundle").encode()

    def get(self, *words: str) -> Any:
        return self.backend.kubectl.get(*words, namespace=self.namespace)

    def apply(self, name: str, *, queue: int = 4) -> None:
        """Make a connection between two peers on the host of node-a."""
        self.backend.kubectl.apply(connection(name, queue), namespace=self.namespace)

    def condition(self, name: str, kind: str) -> tuple[str, str]:
        """Return status and reason of a condition; empty while there is none."""
        found = self.get("mediaconnection", name).get("status", {}).get("conditions", [])
        return next(((each["status"], each["reason"]) for each in found if each["type"] == kind), ("", ""))

    def wait_for(self, name: str, kind: str, reason: str) -> None:
        wait_until(
            lambda: self.condition(name, kind)[1] == reason, lambda: f"{reason}: {self.get('mediaconnection', name)}"
        )

    def holder(self) -> str:
        with contextlib.suppress(ProgramFailed):
            return str(self.get("lease", LEASE)["spec"].get("holderIdentity") or "")
        return ""

    def said(self, identity: str, message: str) -> list[dict[str, Any]]:
        """Return the lines of a replica's log with that message."""
        lines = map(json.loads, (self.folder / f"{identity}.log").read_text().splitlines())
        return [line for line in lines if line["message"] == message]


def connection(name: str, queue: int = 4) -> dict[str, Any]:
    """Return a connection that needs no pod."""
    peer = {"role": "server", "nodeName": "node-a"}
    return {
        "apiVersion": "mediamesh.io/v1alpha1",
        "kind": "MediaConnection",
        "metadata": {"name": name},
        "spec": {
            "payload": {"blob": {"maxSize": 1000}},
            "source": {"name": "in", "memif": peer | {"socket": f"in-{name}.sock"}},
            "sinks": [{"name": "out", "memif": peer | {"socket": f"out-{name}.sock"}, "delivery": {"queue": queue}}],
        },
    }


def stage(backend: Backend, pods: Pods, folder: Path, image: str) -> Stage:
    """Return a furnished stage."""
    made = Stage(backend, pods, folder, image, free_port())
    made.furnish()
    return made
