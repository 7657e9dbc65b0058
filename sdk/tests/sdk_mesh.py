"""A real hub in a folder of its own, with connections that a test asks for."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mediamesh.errors import HubUnreachable
from mediamesh.hubclient import HubClient
from mediamesh_core import formats
from mediamesh_protos import plan_pb2

PATIENCE = 30.0
BLOB = formats.BlobFormat(1000)
QUEUE = 4


def wait_until(condition: Callable[[], Any], what: str = "the condition") -> Any:
    """Return what `condition` says once it is true; look again after a pause until then."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"{what} did not come true"
        time.sleep(0.005)
    return found


def connection(
    name: str = "cam",
    format: formats.Format = BLOB,
    *,
    policies: tuple[str, ...] = ("block",),
    attachments: int = 2,
    token: str = "",
) -> plan_pb2.FlowPlan:
    """Return the plan of one flow: source "camera", sinks "sink0", "sink1", ..."""
    endpoint = plan_pb2.EndpointPlan(kind="pod", folders=[""], token=token)
    sinks = [
        plan_pb2.SinkPlan(
            name=f"sink{number}",
            policy=policy,
            queue=QUEUE,
            start="next",
            max_attachments=attachments,
            endpoint=endpoint,
        )
        for number, policy in enumerate(policies)
    ]
    return plan_pb2.FlowPlan(
        connection=f"default/{name}",
        uid=name,
        payload=formats.to_json(format),
        capacity=format.capacity,
        frames=1 + QUEUE + QUEUE * attachments * len(policies),
        source=plan_pb2.SourcePlan(name="camera", queue=QUEUE, endpoint=endpoint),
        sinks=sinks,
    )


class Mesh:
    """The hub's process and its folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._revision = 0

    def start(self) -> None:
        """Start the hub; it remembers the plan of the one before."""
        log = (self.root.parent / "hub.log").open("ab")
        with log:
            command = [sys.executable, "-m", "mediamesh_agent.hub", "--root", str(self.root)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self._answers, "the hub's answer")

    def kill(self) -> None:
        """End the hub without a warning."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(PATIENCE)

    def stop(self) -> None:
        """End the hub properly."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(PATIENCE)

    def apply(self, *flows: plan_pb2.FlowPlan) -> None:
        """Make the hub run these connections and no others."""
        self._revision += 1
        with HubClient(self.root) as client:
            applied = client.apply(plan_pb2.NodePlan(node="test", revision=self._revision, flows=flows))
        assert not applied.errors, applied

    def observe(self) -> Any:
        """Return what the hub says."""
        with HubClient(self.root) as client:
            return client.observe()

    def attachments(self, role: str) -> list[Any]:
        """Return the observed attachments of one role."""
        return [end for flow in self.observe().flows for end in flow.attachments if end.role == role]

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.root.parent / "hub.log").read_text()
        with contextlib.suppress(HubUnreachable):
            return bool(self.observe().pid == self._process.pid)
        return False


@contextlib.contextmanager
def running_mesh(folder: Path) -> Iterator[Mesh]:
    """Run a hub below `folder`, which `MEDIAMESH_DIR` names meanwhile."""
    mesh = Mesh(folder / "mesh")
    before = os.environ.get("MEDIAMESH_DIR")
    os.environ["MEDIAMESH_DIR"] = str(mesh.root)
    try:
        mesh.start()
        yield mesh
    finally:
        mesh.stop()
        os.environ.pop("MEDIAMESH_DIR")
        if before is not None:
            os.environ["MEDIAMESH_DIR"] = before
