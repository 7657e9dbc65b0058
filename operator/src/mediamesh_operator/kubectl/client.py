"""The cluster, through the person's own kubectl."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mediamesh_core.errors import UserError
from mediamesh_operator.errors import OperatorError

Body = dict[str, Any]
PARTS = "app.kubernetes.io/name=mediamesh"
NODE_PARTS = f"{PARTS},app.kubernetes.io/component=node"


class KubectlFailed(OperatorError, UserError):
    """kubectl is not there, or refused; the message is its own."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """Runs kubectl with the global options that the person gave."""

    options: tuple[str, ...] = ()
    program: str = "kubectl"

    def run(self, *arguments: str) -> str:
        """Return what kubectl prints.

        Raises
        ------
        KubectlFailed
            It ended with another status than 0.
        """
        command = [self.program, *self.options, *arguments]
        try:
            done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
        except OSError as error:
            raise KubectlFailed(f"{self.program} cannot be started: {error.strerror}") from error
        if done.returncode:
            raise KubectlFailed(done.stderr.strip() or f"kubectl {arguments[0]} ended with status {done.returncode}")
        return done.stdout

    def all(self, kind: str, *selection: str) -> list[Body]:
        """Return all objects of a kind; `selection` is such as "-n", "studio" or "-l", "app=x"."""
        items: list[Body] = json.loads(self.run("get", kind, *selection, "-o", "json"))["items"]
        return items

    def one(self, kind: str, name: str, *selection: str) -> Body:
        """Return one object."""
        body: Body = json.loads(self.run("get", kind, name, *selection, "-o", "json"))
        return body

    def metrics(self, pod: Body) -> str:
        """Return the metrics page of a pod of ours, by way of the API server."""
        meta = pod["metadata"]
        return self.run(
            "get", "--raw", f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}:8080/proxy/metrics"
        )

    def node_pods(self) -> list[Body]:
        """Return the pods that are agent and hub of a node, and run."""
        pods = self.all("pods", "-A", "-l", NODE_PARTS)
        return [pod for pod in pods if pod.get("status", {}).get("phase") == "Running"]


def scope(namespace: str | None, *, everywhere: bool) -> Sequence[str]:
    """Return the options that select a namespace."""
    if everywhere:
        return ("-A",)
    return ("-n", namespace) if namespace else ()
