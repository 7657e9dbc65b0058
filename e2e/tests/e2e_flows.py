"""A connection with its applications in a namespace of its own, on a cluster where the chart is installed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mediamesh_e2e.pods import Pods
from mediamesh_e2e.release.applications import LIVE, Applications, application, connection
from mediamesh_e2e.release.chart import Release


@dataclass(frozen=True, slots=True)
class Flow:
    """A connection by its name."""

    release: Release
    applications: Applications
    name: str = "cam"

    @property
    def namespace(self) -> str:
        return self.applications.pods.namespace

    def apply(self, *manifests: Mapping[str, Any]) -> None:
        self.release.backend.kubectl.apply(*manifests, namespace=self.namespace)

    def delete(self, kind: str, *names: str) -> None:
        self.release.backend.kubectl("delete", kind, *names, "--namespace", self.namespace, "--wait=true")

    def status(self) -> Any:
        """Give the connection's status; empty while there is none."""
        found = self.release.backend.kubectl.get("mediaconnection", self.name, namespace=self.namespace)
        return found.get("status", {})

    def states(self) -> dict[str, str]:
        """Give the state of each endpoint by the name of its pod, or its own where it has none."""
        return {each.get("pod") or each["name"]: each["state"] for each in self.status().get("endpoints", [])}

    def sinks(self) -> set[str]:
        """Give the pods that the status has as sinks."""
        endpoints = self.status().get("endpoints", [])
        return {each["pod"] for each in endpoints if each["role"] == "sink" and each.get("pod")}

    def add_sink(self, app: str, delivery: Mapping[str, Any]) -> None:
        """Add a sink to the connection as it is."""
        sink = {"name": app, "pod": {"matchLabels": {"app": app}}, "delivery": delivery}
        spec = self.release.backend.kubectl.get("mediaconnection", self.name, namespace=self.namespace)["spec"]
        changed = {**connection(self.name, sinks={}), "spec": {**spec, "sinks": [*spec["sinks"], sink]}}
        self.apply(changed)


@contextmanager
def flow(release: Release, pods: Pods, *, sinks: Mapping[str, Mapping[str, Any]] = {"sink": LIVE}) -> Iterator[Flow]:
    """Start source and sinks of a connection `cam`, and wait until frames flow."""
    made = Flow(release, Applications(pods))
    made.apply(connection("cam", sinks=sinks))
    apps = [application(release.tag, "sink", "cam", app=app) for app in sinks]
    pods.start(application(release.tag, "source", "cam", app="source"), *apps)
    for app in sinks:
        made.applications.more(app, 10)
    yield made
    made.delete("mediaconnection", "cam")
