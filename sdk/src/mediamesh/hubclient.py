"""The hub's control socket, for programs: one request, one reply, in order, each behind its length.

Only processes of the hub's own user get an answer. Requests and replies are those of `hub.proto`.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mediamesh import folders
from mediamesh.errors import HubMisbehaves, HubRefused, HubUnreachable
from mediamesh_protos import hub_pb2

if TYPE_CHECKING:
    from types import TracebackType

    from mediamesh_protos import plan_pb2

LENGTH = struct.Struct(">I")
LONGEST = 16 << 20


class HubClient:
    """A connection to the hub.

    Parameters
    ----------
    root
        The hub's folder; see `mediamesh.folders`.
    timeout
        Seconds for each request.

    Raises
    ------
    HubUnreachable
        From every method as well: no hub, or none that answers in time.
    """

    def __init__(self, root: str | Path | None = None, timeout: float = 5.0) -> None:
        self._path = (folders.root() if root is None else Path(root)) / folders.HUB_SOCKET
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(str(self._path))
        except OSError as error:
            self._socket.close()
            text = f"no hub answers at {self._path} ({error.strerror or error}); start one with `mediamesh up`"
            raise HubUnreachable(text) from error

    def apply(self, plan: plan_pb2.NodePlan) -> hub_pb2.Applied:
        """Make the hub run this plan; the answer names the flows that could not be set up."""
        return self._request(hub_pb2.HubRequest(apply=plan)).applied

    def observe(self) -> hub_pb2.Observed:
        """Return what is now."""
        return self._request(hub_pb2.HubRequest(observe=hub_pb2.Observe())).observed

    def restart(self, connection: str, endpoint: str) -> None:
        """End a bridge or an application's attachments; they come back by themselves."""
        self._request(hub_pb2.HubRequest(restart=hub_pb2.Restart(connection=connection, endpoint=endpoint)))

    def shutdown(self) -> None:
        """Ask the hub to end."""
        self._request(hub_pb2.HubRequest(shutdown=hub_pb2.Shutdown()))

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _request(self, request: hub_pb2.HubRequest) -> hub_pb2.HubReply:
        message = request.SerializeToString()
        try:
            self._socket.sendall(LENGTH.pack(len(message)) + message)
            (length,) = LENGTH.unpack(self._read(LENGTH.size))
            if length > LONGEST:
                raise HubMisbehaves(f"a reply of {length} bytes")
            reply = hub_pb2.HubReply.FromString(self._read(length))
        except OSError as error:
            raise HubUnreachable(f"the hub at {self._path} does not answer: {error}") from error
        if reply.HasField("refused"):
            raise HubRefused(reply.refused.message, reply.refused.reason)
        return reply

    def _read(self, length: int) -> bytes:
        parts = []
        while length:
            part = self._socket.recv(min(length, 1 << 16))
            if not part:
                raise HubUnreachable(f"the hub at {self._path} closed the socket; does it run as the same user?")
            parts.append(part)
            length -= len(part)
        return b"".join(parts)
