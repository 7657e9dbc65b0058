"""The hub's control socket, spoken synchronously and without looking at what is said."""

import socket
import struct
from pathlib import Path
from typing import Any, Self

from mediamesh_protos import hub_pb2
from mediamesh_testing.waiting import PATIENCE


class ControlClient:
    """One connection to the socket."""

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
