"""What is changed while something is broken, and what shows that it was carried out once that is mended.

A sink is added to the flow, for a pod that waits for it; one connection is made, and another deleted, both of stock
peers, which need no pods. The sink shows by its frames, the connections by what the node says that it runs.
"""

import re
from dataclasses import dataclass
from typing import Final

from e2e_flows import Flow
from e2e_operators import connection as without_pods

from mediamesh_e2e.patience import until
from mediamesh_e2e.release.applications import LIVE, application

NODE: Final = "node-a"
PATIENCE: Final = 120.0  # seconds: a leader that was killed is missed for fifteen, a kubelet's back-off adds to it


@dataclass(frozen=True, slots=True)
class Change:
    """The changes of one test; `name` is what tells them from those of others."""

    flow: Flow
    name: str

    def prepare(self) -> None:
        """Make what will be changed: a pod that waits to be a sink, and a connection to be deleted."""
        pod = application(self.flow.release.tag, "sink", self.flow.name, app=f"late-{self.name}")
        self.flow.apply(without_pods(f"old-{self.name}"))
        self.flow.applications.pods.start(pod)
        until(lambda: f"old-{self.name}" in self._running(), "the connection to be deleted", seconds=PATIENCE)

    def make(self) -> None:
        """Change it all."""
        self.flow.add_sink(f"late-{self.name}", LIVE)
        self.flow.apply(without_pods(f"new-{self.name}"))
        self.flow.delete("mediaconnection", f"old-{self.name}")

    def await_done(self) -> None:
        """Wait until all of it is as it should be."""
        received = self.flow.applications.more(f"late-{self.name}", patience=PATIENCE)
        assert received.flawless
        until(lambda: f"new-{self.name}" in self._running(), "the new connection", seconds=PATIENCE)
        until(lambda: f"old-{self.name}" not in self._running(), "the end of the deleted one", seconds=PATIENCE)

    def undo(self) -> None:
        """Leave the flow as it was."""
        self.flow.remove_sink(f"late-{self.name}")
        self.flow.delete("mediaconnection", f"new-{self.name}")
        self.flow.delete("pod", f"late-{self.name}")

    def _running(self) -> set[str]:
        """Name the connections of the namespace whose flows the node's hub has: what runs, not what is planned."""
        pod = self.flow.release.node_pod(NODE)
        told = self.flow.release.run(pod, "agent", "python3", "-c", METRICS)
        return set(re.findall(rf'mediamesh_hub_pool_frames{{connection="{self.flow.namespace}/([^"]*)"', told))


METRICS: Final = "from urllib.request import urlopen; print(urlopen('http://127.0.0.1:8080/metrics').read().decode())"
