"""How quick the release is, and what it takes at rest: on a cluster of its own, with real pods.

Rest is measured first, while the cluster is idle. Then connections are made one after the other, each for a source and
a sink that wait for it. Then sinks are started one after the other for a flow that runs.

Times are of one clock, that of this computer: when the API server has answered, and the times that containerd puts in
front of the lines of logs. A sink's container says when it begins, and its first frame is worth a line. Kubernetes says
that a pod is Ready a while after that begin, so that `from_begin` is more than what is promised.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mediamesh_e2e.backends.local import local
from mediamesh_e2e.cluster.api import Api
from mediamesh_e2e.patience import until
from mediamesh_e2e.pods import Pods
from mediamesh_e2e.release.applications import LIVE, Applications, application, connection
from mediamesh_e2e.release.chart import Release, released
from mediamesh_e2e.release.images import provide_images
from mediamesh_e2e.release.rest import Rest, at_rest

NODE = "node-a"
NAMESPACE = "figures"
PATIENCE = 60.0
SETTLED = 10.0
"""Seconds from the end of the installation to rest."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of the measurement; `rest` are seconds."""

    connections: int = 20
    sinks: int = 20
    rest: float = 60.0


@dataclass(slots=True)
class Figures:
    """Times in seconds."""

    rest: Rest
    apply_to_ready: list[float] = field(default_factory=list)
    ready_to_frame: list[float] = field(default_factory=list)
    """0 where the frame was there before anybody could see that the pod is Ready."""
    from_begin: list[float] = field(default_factory=list)
    """From the begin of the sink's container to its first frame: Python and its imports are in it."""


def measure(size: Size) -> Figures:
    """Start a cluster with the chart, take all figures, end it; as root."""
    with local() as backend, released(backend, provide_images(backend)) as release:
        time.sleep(SETTLED)
        figures = Figures(rest=at_rest(release, NODE, size.rest))
        backend.kubectl("create", "namespace", NAMESPACE)
        backend.kubectl("wait", "--namespace", NAMESPACE, "--for=create", "serviceaccount/default", "--timeout=30s")
        measurement = _Measurement(release, Applications(Pods(backend.kubectl, NAMESPACE)), backend.cluster.control.api)
        figures.apply_to_ready = measurement.connections(size.connections)
        for number in range(size.sinks):
            seen, begun = measurement.sink(f"viewer-{number}")
            figures.ready_to_frame.append(seen)
            figures.from_begin.append(begun)
        return figures


@dataclass(frozen=True, slots=True)
class _Measurement:
    release: Release
    applications: Applications
    api: Api

    def connections(self, count: int) -> list[float]:
        """Apply so many connections, whose pods run and wait; return the seconds until each was Ready."""
        names = [f"flow-{number}" for number in range(count)]
        tag = self.release.tag
        for name in names:  # a few at a time: kubelets start pods slowly
            self.applications.pods.start(
                application(tag, "source", name, app=f"{name}-source"),
                application(tag, "sink", name, app=f"{name}-sink"),
            )
        return [self._apply(name) for name in names]

    def _apply(self, name: str) -> float:
        wanted = connection(name, source=f"{name}-source", sinks={f"{name}-sink": LIVE})
        path = f"/apis/mediamesh.io/v1alpha1/namespaces/{NAMESPACE}/mediaconnections"
        began = time.monotonic()
        self.api.create(path, wanted)
        until(lambda: _condition(self.api.get(f"{path}/{name}")), f"{name} to be Ready", seconds=PATIENCE)
        took = time.monotonic() - began
        self.applications.more(f"{name}-sink", 5)
        return took

    def sink(self, name: str) -> tuple[float, float]:
        """Start one more sink of the first flow; return the seconds from Ready, and from its begin, to a frame."""
        pod = application(self.release.tag, "sink", "flow-0", app="flow-0-sink", name=name)
        container = pod["spec"]["containers"][0]
        container["command"] = ["sh", "-c", 'echo begins; exec "$@"', "sink", *container["command"]]
        self.applications.pods.kubectl.apply(pod, namespace=NAMESPACE)
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{name}"
        until(lambda: _condition(self.api.get(path)), f"{name} to be Ready", seconds=PATIENCE)
        ready = time.time()
        self.applications.more(name, 1)
        begin, first = self._times(name)
        self.applications.pods.kubectl("delete", "pod", name, "--namespace", NAMESPACE, "--wait=true")
        return max(0.0, first - ready), first - begin

    def _times(self, name: str) -> tuple[float, float]:
        """Return when a container has written its first two lines."""
        said = self.applications.pods.kubectl("logs", "--namespace", NAMESPACE, name, "--timestamps")
        begin, first = (_seconds(line.split()[0]) for line in said.splitlines()[:2])
        return begin, first


def _condition(found: Any) -> bool:
    conditions = found.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _seconds(stamp: str) -> float:
    """Return a time of RFC 3339 with nanoseconds as seconds of the epoch."""
    return datetime.fromisoformat(f"{stamp[:26]}+00:00").timestamp()
