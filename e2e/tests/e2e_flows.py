"""A connection with its applications in a namespace of its own, on a cluster where the chart is installed."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from mediamesh_e2e.patience import until
from mediamesh_e2e.pods import Pods
from mediamesh_e2e.release.applications import LIVE, Applications, Received, application, connection
from mediamesh_e2e.release.chart import Release

PROMISED: Mapping[str, Mapping[str, Any]] = {"live": LIVE, "whole": {"policy": "block", "queue": 8}}


@dataclass(frozen=True, slots=True)
class Flow:
    """A connection by its name; `begun` is what its sinks had received when the test began."""

    release: Release
    applications: Applications
    name: str = "cam"
    begun: Mapping[str, Received] = field(default_factory=dict)

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

    def assert_nothing_lost(self) -> None:
        """See more frames come to the same sinks, of the same source, each since the first once, none flagged since."""
        for sink, had in self.begun.items():
            assert self.applications.more(sink).continues(had)

    def add_sink(self, app: str, delivery: Mapping[str, Any]) -> None:
        """Add a sink to the connection as it is."""
        self.set_sinks(
            [*self.sinks_wanted(), {"name": app, "pod": {"matchLabels": {"app": app}}, "delivery": delivery}]
        )

    def remove_sink(self, app: str) -> None:
        """Take a sink from the connection."""
        self.set_sinks([sink for sink in self.sinks_wanted() if sink["name"] != app])

    def sinks_wanted(self) -> Any:
        """Give the sinks of its spec."""
        return self.release.backend.kubectl.get("mediaconnection", self.name, namespace=self.namespace)["spec"]["sinks"]

    def set_sinks(self, sinks: list[Any]) -> None:
        """Make these the sinks of its spec."""
        patch = json.dumps({"spec": {"sinks": sinks}})
        words = ["mediaconnection", self.name, "--namespace", self.namespace, "--type=merge", "--patch", patch]
        self.release.backend.kubectl("patch", *words)


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


@contextmanager
def lasting_flow(release: Release, pods: Pods) -> Iterator[Flow]:
    """Start a flow with a sink of each kind of delivery that promises something, to be looked at over several tests.

    A sink more makes the pool larger once, at the price of a frame flagged as a discontinuity; that comes first.
    """
    with flow(release, pods, sinks=PROMISED) as made:
        made.add_sink("room", LIVE)
        until(lambda: "room" in made.states(), "room for a sink more", seconds=60)
        made.remove_sink("room")
        until(lambda: "room" not in made.states(), "its end", seconds=60)
        yield replace(made, begun={sink: made.applications.more(sink) for sink in PROMISED})
