"""A hub for one case: a real process on a folder of its own, with the plan that the case needs."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

from bench import cpu
from mediamesh.hubclient import HubClient
from mediamesh_protos import hub_pb2, plan_pb2

PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Flow:
    """One blob connection: a source and sinks that all may attach to the endpoint `out`."""

    name: str
    capacity: int
    sinks: int = 1
    queue: int = 4
    policy: str = "dropOldest"
    spare_frames: int = 0

    def plan(self) -> plan_pb2.FlowPlan:
        """Return the hub's instruction."""
        anybody = plan_pb2.EndpointPlan(kind="pod", folders=[""])
        return plan_pb2.FlowPlan(
            connection=f"default/{self.name}",
            uid=self.name,
            payload=json.dumps({"blob": {"maxSize": self.capacity}}),
            capacity=self.capacity,
            frames=1 + self.queue + self.sinks * self.queue + self.spare_frames,
            source=plan_pb2.SourcePlan(name="in", queue=self.queue, endpoint=anybody),
            sinks=[
                plan_pb2.SinkPlan(
                    name="out",
                    policy=self.policy,
                    queue=self.queue,
                    start="next",
                    max_attachments=self.sinks,
                    endpoint=anybody,
                )
            ],
        )


class MeshFailed(Exception):
    """The hub did not do what the case needs."""


class Mesh:
    """A running hub; ends with the `with` block."""

    def __init__(self, *flows: Flow, polling: bool = False) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="mm-bench-", dir="/tmp"))
        self._log = (self.root / "log").open("wb")
        command = [sys.executable, "-m", "mediamesh_agent.hub", "--root", str(self.root / "r")]
        self._process = subprocess.Popen(
            command + ["--polling"] * polling, stdout=subprocess.PIPE, stderr=self._log, env=dict(os.environ)
        )
        try:
            self._await_ready()
            self._apply(flows)
        except BaseException:
            self.close()
            raise

    @property
    def folder(self) -> str:
        """What clients call root."""
        return str(self.root / "r")

    def cpu(self) -> float:
        """CPU seconds of the whole hub, all threads."""
        return cpu.spent(self._process.pid)

    def engine_cpu(self) -> float:
        """CPU seconds of the engine's thread alone: what frames cost. The other thread ticks, frames or not."""
        return self.observe().engine_cpu_seconds

    def observe(self) -> hub_pb2.Observed:
        """Ask the hub what it sees."""
        with HubClient(self.folder, PATIENCE) as client:
            return client.observe()

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stop the process, so that a polling hub takes no CPU from its peer's turn."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the hub and remove its folder."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _await_ready(self) -> None:
        out = cast("IO[bytes]", self._process.stdout)
        readable, _, _ = select.select([out], [], [], PATIENCE)
        if not readable or out.readline() != b"ready\n":
            raise MeshFailed("the hub did not start: " + (self.root / "log").read_text())

    def _apply(self, flows: tuple[Flow, ...]) -> None:
        plan = plan_pb2.NodePlan(node="bench", revision=1, flows=[flow.plan() for flow in flows])
        with HubClient(self.folder, PATIENCE) as client:
            applied = client.apply(plan)
        if applied.errors:
            raise MeshFailed("; ".join(f"{error.connection}: {error.message}" for error in applied.errors))
