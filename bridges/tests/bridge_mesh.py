"""A hub of its own, with bridges as it starts them, for tests that want the whole way of a frame."""

from __future__ import annotations

import dataclasses
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from google.protobuf.json_format import ParseDict

from mediamesh.hubclient import HubClient
from mediamesh_core import kinds, planner
from mediamesh_protos import hub_pb2, plan_pb2

PATIENCE = 60.0


def wait_until(condition: Callable[[], object], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"still not: {what}"
        time.sleep(0.02)  # between two looks, not as synchronisation


class Mesh:
    """A running hub and its media folder."""

    def __init__(self, root: Path, media: Path) -> None:
        self.media = media
        self.root = root
        self._log = root.with_name(root.name + ".log")
        self._revision = 0
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mediamesh_agent.hub", "--root", str(root)],
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "MEDIAMESH_MEDIA": str(media)},
            )
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        assert readable, self.log
        assert self.process.stdout.readline() == b"ready\n", self.log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def apply(self, yaml: str) -> None:
        """Run the connections of a YAML text and nothing else."""
        self._revision += 1
        connections = kinds.load(yaml) if yaml else []
        plan = planner.plan(connections, [planner.local_node("here")])["here"]
        message = ParseDict(dataclasses.asdict(dataclasses.replace(plan, revision=self._revision)), plan_pb2.NodePlan())
        with HubClient(self.root) as hub:
            assert not hub.apply(message).errors

    def observe(self) -> hub_pb2.Observed:
        with HubClient(self.root) as hub:
            return hub.observe()

    def bridge(self, endpoint: str) -> hub_pb2.ObservedBridge:
        return next(bridge for bridge in self.observe().bridges if bridge.endpoint == endpoint)

    def kill(self, endpoint: str) -> None:
        """End a bridge as hard as can be, and wait until it runs again."""
        before = self.bridge(endpoint)
        os.kill(before.pid, signal.SIGKILL)
        wait_until(lambda: self.bridge(endpoint).pid not in (0, before.pid), f"{endpoint} restarted")

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0, self.log
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def running_mesh(root: Path, media: Path) -> Iterator[Mesh]:
    mesh = Mesh(root, media)
    try:
        yield mesh
    finally:
        if mesh.process.returncode is None:
            mesh.end()
