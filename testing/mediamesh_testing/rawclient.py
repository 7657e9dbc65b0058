"""Masters of a link without manners: a client of the attach socket, and whoever else the hub talks to as slave."""

import os
import socket
from pathlib import Path
from typing import Any, Self

from mediamesh_native.memif import transport
from mediamesh_native.memif.handshake import ConnectRequested, MasterHandshake, RegionAdded, RingAdded
from mediamesh_native.memif.messages import MESSAGE_SIZE
from mediamesh_protos import attach_pb2
from mediamesh_testing.waiting import PATIENCE


class RawMaster:
    """One socket to a hub that owns the memory. It does exactly what a test tells it."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
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

    def heard_out(self) -> bytes:
        """Return the last packet before the hub closed the socket."""
        last = b""
        try:
            while packet := self.hear():
                last = packet
        except ConnectionResetError:
            pass  # what it had not read is thrown back at us, behind its last word
        return last

    def step(self) -> None:
        """Take one message of the hub and answer it."""
        self.listen()
        self.flush()

    def listen(self) -> None:
        """Take one message of the hub; the answer waits for `flush`."""
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


class RawClient(RawMaster):
    """A client of the attach socket."""

    def __init__(self, root: Path, folder: str = "") -> None:
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connected.connect(str(root / folder / "attach.sock"))  # before it has a timeout: a full backlog is waited for
        super().__init__(connected)

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
