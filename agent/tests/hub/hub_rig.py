"""What the tests of the hub are made with: plans, a hub's process, its control socket, a client without manners."""

import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from mediamesh_native.memif import transport
from mediamesh_native.memif.handshake import ConnectRequested, MasterHandshake, RegionAdded, RingAdded
from mediamesh_native.memif.messages import MESSAGE_SIZE
from mediamesh_protos import attach_pb2, hub_pb2, plan_pb2

PATIENCE = 20.0
BLOB = '{"blob":{"maxSize":65536}}'
CAPACITY = 65536


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Look again and again, within a bound."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"waited in vain for: {what}"
        time.sleep(0.005)


def pod(*folders: str, token: str = "") -> plan_pb2.EndpointPlan:
    return plan_pb2.EndpointPlan(kind="pod", folders=folders or ("",), token=token)


def bridge(name: str, config: str = "{}") -> plan_pb2.EndpointPlan:
    return plan_pb2.EndpointPlan(kind="bridge", bridge=name, config=config)


def sink(name: str = "out", **changes: Any) -> plan_pb2.SinkPlan:
    plan = {"policy": "dropOldest", "queue": 4, "start": "next", "max_attachments": 4, "endpoint": pod()}
    return plan_pb2.SinkPlan(name=name, **{**plan, **changes})


def flow(connection: str = "default/cam", **changes: Any) -> plan_pb2.FlowPlan:
    source = plan_pb2.SourcePlan(name="in", queue=4, endpoint=pod())
    plan = {"uid": "1", "payload": BLOB, "capacity": CAPACITY, "frames": 32, "source": source, "sinks": [sink()]}
    return plan_pb2.FlowPlan(connection=connection, **{**plan, **changes})


def node_plan(*flows: plan_pb2.FlowPlan, revision: int = 1) -> plan_pb2.NodePlan:
    return plan_pb2.NodePlan(node="test", revision=revision, flows=flows)


class ControlClient:
    """The control socket, spoken synchronously."""

    def __init__(self, root: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.socket.connect(str(root / "hub.sock"))  # blocking: with a timeout a full backlog is an error
        except OSError:
            self.socket.close()
            raise
        self.socket.settimeout(PATIENCE)

    def send(self, data: bytes) -> None:
        self.socket.sendall(struct.pack(">I", len(data)) + data)

    def reply(self) -> hub_pb2.HubReply | None:
        """Return the next reply; None if the hub has closed the connection."""
        head = self.socket.recv(4, socket.MSG_WAITALL)
        if len(head) < 4:
            return None
        (length,) = struct.unpack(">I", head)
        return hub_pb2.HubReply.FromString(self.socket.recv(length, socket.MSG_WAITALL) if length else b"")

    def ask(self, **request: Any) -> hub_pb2.HubReply:
        self.send(hub_pb2.HubRequest(**request).SerializeToString())
        reply = self.reply()
        assert reply is not None
        return reply

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


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
        readable, _, _ = select.select([process.stdout], [], [], PATIENCE)
        assert readable, "the hub says nothing"
        assert process.stdout.readline() == b"ready\n", self.log

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def ask(self, **request: Any) -> hub_pb2.HubReply:
        with ControlClient(self.root) as control:
            return control.ask(**request)

    def apply(self, *flows: plan_pb2.FlowPlan, revision: int = 1) -> hub_pb2.Applied:
        reply = self.ask(apply=node_plan(*flows, revision=revision))
        assert reply.HasField("applied"), reply
        return reply.applied

    def observe(self) -> hub_pb2.Observed:
        return self.ask(observe=hub_pb2.Observe()).observed

    def flow(self, connection: str = "default/cam") -> hub_pb2.ObservedFlow:
        return next(one for one in self.observe().flows if one.connection == connection)

    def ended(self, reason: str) -> int:
        """Count attachments that ended for this reason."""
        return sum(end.count for end in self.observe().ended if end.reason == reason)

    def succeed(self) -> None:
        """Let a successor take over."""
        successor = self.launch("--take-over")
        self.await_ready(successor)
        assert self.reap() == 0
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


class RawClient:
    """A client of the attach socket that does exactly what a test tells it."""

    def __init__(self, root: Path, folder: str = "") -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.connect(str(root / folder / "attach.sock"))
        self.socket.settimeout(PATIENCE)
        self.machine: MasterHandshake | None = None
        self.fds: list[int] = []
        self.regions: dict[int, RegionAdded] = {}
        self.rings: dict[int, RingAdded] = {}

    def say(self, data: bytes) -> None:
        self.socket.send(data)

    def hear(self) -> bytes:
        """Return the next packet; empty at the end."""
        return self.socket.recv(8192)

    def request(self, role: str = "sink", connection: str = "cam", **more: Any) -> attach_pb2.AttachReply:
        number = {"source": attach_pb2.ROLE_SOURCE, "sink": attach_pb2.ROLE_SINK}[role]
        asked = {"api_version": 1, "connection": connection, "role": number, "client": "raw", **more}
        self.say(attach_pb2.AttachRequest(**asked).SerializeToString())
        return attach_pb2.AttachReply.FromString(self.hear())

    def refusal(self, role: str = "sink", connection: str = "cam", **more: Any) -> attach_pb2.Refusal:
        reply = self.request(role, connection, **more)
        assert reply.HasField("refusal"), reply
        return reply.refusal

    def attach(self, role: str = "sink", connection: str = "cam", **more: Any) -> attach_pb2.Attached:
        reply = self.request(role, connection, **more)
        assert reply.HasField("attached"), reply
        self.shake_hands()
        return reply.attached

    def shake_hands(self) -> None:
        """Do the whole handshake without mapping anything."""
        self.machine = MasterHandshake(name="raw", now=0.0, patience=1e9)
        self.flush()
        while not self.machine.connected:
            self.step()

    def step(self) -> None:
        """Take one message of the hub and answer it."""
        assert self.machine is not None
        data, fds, _, _ = socket.recv_fds(self.socket, MESSAGE_SIZE, 4)
        assert data, "the hub closed the socket"
        self.fds += fds
        for event in self.machine.receive(data, fds, 0.0):
            if isinstance(event, RegionAdded):
                self.regions[event.index] = event
            elif isinstance(event, RingAdded):
                self.rings[event.flags] = event
            elif isinstance(event, ConnectRequested):
                self.machine.confirm()
        self.flush()

    def flush(self) -> None:
        assert self.machine is not None
        for data, fd in self.machine.data_to_send():
            transport.send(self.socket, data, fd)

    def close(self) -> None:
        self.socket.close()
        for fd in self.fds:
            os.close(fd)
        self.fds.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
