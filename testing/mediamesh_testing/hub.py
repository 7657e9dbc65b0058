"""A real hub: its process, what it says, and what can be done to it."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mediamesh_agent.hub.options import HANDED_OVER
from mediamesh_protos import hub_pb2, plan_pb2
from mediamesh_testing.control import ControlClient
from mediamesh_testing.plans import node_plan
from mediamesh_testing.waiting import PATIENCE, wait_until


class HubUnderTest:
    """A hub's process; `log` is what it and its successors wrote."""

    def __init__(self, root: Path, *options: str, environment: dict[str, str] | None = None) -> None:
        self.root = root
        self.log_file = root.with_name(root.name + ".log")
        self._options = options
        self._environment = {**os.environ, **(environment or {})}
        self.process = self.launch()
        self.await_ready(self.process)

    def launch(self, *more: str) -> "subprocess.Popen[bytes]":
        with self.log_file.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "mediamesh_agent.hub", "--root", str(self.root), *self._options, *more],
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment,
            )

    def await_ready(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        poll = select.poll()  # a test may have more descriptors open than select can take
        poll.register(process.stdout, select.POLLIN)
        assert poll.poll(1000 * PATIENCE), "the hub says nothing"
        assert process.stdout.readline() == b"ready\n", self.log

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def ask(self, **request: Any) -> hub_pb2.HubReply:
        with ControlClient(self.root) as control:
            return control.ask(**request)

    def apply(self, *flows: plan_pb2.FlowPlan, revision: int = 1) -> hub_pb2.Applied:
        """Have it run these flows and no others; none may be refused."""
        applied = self.offer(*flows, revision=revision)
        assert not applied.errors, applied
        return applied

    def offer(self, *flows: plan_pb2.FlowPlan, revision: int = 1) -> hub_pb2.Applied:
        """Give it a plan; flows may be refused."""
        reply = self.ask(apply=node_plan(*flows, revision=revision))
        assert reply.HasField("applied"), reply
        return reply.applied

    def observe(self) -> hub_pb2.Observed:
        return self.ask(observe=hub_pb2.Observe()).observed

    def flow(self, connection: str = "default/cam") -> hub_pb2.ObservedFlow:
        return next(one for one in self.observe().flows if one.connection == connection)

    def attachments(self, role: str) -> list[hub_pb2.ObservedAttachment]:
        """Return those of one role, of all flows."""
        return [one for flow in self.observe().flows for one in flow.attachments if one.role == role]

    def bridge(self, endpoint: str) -> hub_pb2.ObservedBridge:
        return next(one for one in self.observe().bridges if one.endpoint == endpoint)

    def ended(self, reason: str) -> int:
        """Count attachments that ended for this reason."""
        return sum(end.count for end in self.observe().ended if end.reason == reason)

    def succeed(self) -> None:
        """Let a successor take over."""
        successor = self.launch("--take-over")
        self.await_ready(successor)
        assert self.reap() == HANDED_OVER
        self.process = successor

    def restart(self) -> None:
        """Start a hub after the last one has ended."""
        self.process = self.launch()
        self.await_ready(self.process)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.reap()

    def kill(self) -> None:
        self.process.kill()
        self.reap()

    def kill_bridge(self, endpoint: str) -> None:
        """End a bridge as hard as can be, and wait until it runs again."""
        before = self.bridge(endpoint).pid
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: self.bridge(endpoint).pid not in (0, before), f"{endpoint} to run again")

    def reap(self) -> int:
        status = self.process.wait(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status


@contextmanager
def running_hub(root: Path, *options: str, environment: dict[str, str] | None = None) -> Iterator[HubUnderTest]:
    hub = HubUnderTest(root, *options, environment=environment)
    try:
        yield hub
    finally:
        if hub.process.returncode is None:
            assert hub.stop() == 0, hub.log
