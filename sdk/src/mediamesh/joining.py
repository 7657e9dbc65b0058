"""One try to attach, as far as it gets without waiting: ask, be admitted, map the memory.

A hub may hang, an application may want to be interrupted, and asyncio must not be blocked, so nothing here waits.
`advance` goes on from where the last call stopped, whenever the socket has something to read.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

from mediamesh.attachment import Attachment, Line, add_region
from mediamesh.errors import HubMisbehaves, HubUnreachable, Refused, RefusedForNow
from mediamesh.folders import ATTACH_SOCKET
from mediamesh.frames import ReceivedFrame, SourceFrame
from mediamesh_core import formats
from mediamesh_native.memif.handshake import ConnectRequested, Limits, MasterHandshake, RegionAdded, RingAdded
from mediamesh_native.memif.messages import M2S, S2M
from mediamesh_native.memif.transport import close_all
from mediamesh_native.port import SinkPort, SourcePort

if TYPE_CHECKING:
    from mediamesh.wish import Wish
    from mediamesh_protos import attach_pb2

LIMIT = 5.0
"""Seconds that a hub may take to let us attach before we try again."""
API_VERSION = 1
LONGEST_REPLY = 4096
LONGEST_REGION = 250


class Joining:
    """A connected socket and what came over it so far.

    Raises
    ------
    HubUnreachable
        Nobody listens.
    """

    def __init__(self, wish: Wish, next_sequence: int, control: int) -> None:
        self._wish = wish
        self._control = control
        self._line: Line | None = None
        self._attached: attach_pb2.Attached | None = None
        self._regions: dict[int, RegionAdded] = {}
        self._rings: dict[int, RingAdded] = {}
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            self._ask(next_sequence)
        except BaseException:
            self.socket.close()
            raise

    def advance(self) -> Attachment | None:
        """Go on; return the attachment once it stands.

        Raises
        ------
        HubUnreachable, RefusedForNow
            Try again later.
        Refused, HubMisbehaves
            Trying again does not help.
        """
        if self._line is None:
            self._attached = self._reply()
            if self._attached is None:
                return None
            name = f"mediamesh/1 {self._wish.client}"
            limits = Limits(regions=LONGEST_REGION + 1, rings=1)
            self._line = Line(self.socket, MasterHandshake(name=name, limits=limits, now=time.monotonic()))
        return self._handshake(self._line)

    def close(self) -> None:
        """Give up; an attachment that stands has taken what it needs."""
        close_all([region.fd for region in self._regions.values()] + [ring.fd for ring in self._rings.values()])
        self._regions.clear()
        self._rings.clear()
        self.socket.close()

    def _ask(self, next_sequence: int) -> None:
        path = self._wish.root / ATTACH_SOCKET
        request = _request(self._wish, next_sequence)  # its import takes long on a busy machine
        try:
            self.socket.connect(str(path))
            self.socket.send(request)
        except OSError as error:
            text = f"no hub answers at {path} ({error.strerror or error}); {_advice()}"
            raise HubUnreachable(text) from error

    def _reply(self) -> attach_pb2.Attached | None:
        from mediamesh_protos import attach_pb2  # noqa: PLC0415  # protobuf costs what an import must not

        try:
            data = self.socket.recv(LONGEST_REPLY)
        except BlockingIOError:
            return None
        except OSError as error:
            raise HubUnreachable(f"the hub is gone ({error})") from error
        if not data:
            raise HubUnreachable("the hub closed the socket without an answer")
        reply = attach_pb2.AttachReply.FromString(data)
        if reply.HasField("refusal"):
            raise _refusal(reply.refusal)
        return reply.attached

    def _handshake(self, line: Line) -> Attachment | None:
        for event in line.events():
            if isinstance(event, RegionAdded):
                self._regions[event.index] = event
            elif isinstance(event, RingAdded):
                self._rings[event.flags] = event
            elif isinstance(event, ConnectRequested):
                return self._attach(line)
        return None

    def _attach(self, line: Line) -> Attachment:
        attached = self._attached
        if attached is None or len(self._rings) != 2 or 0 not in self._regions:
            raise HubMisbehaves("the hub announced an attachment without region 0 or without both of its rings")
        format = formats.from_json(attached.payload)
        port = self._port(attached)
        try:
            for index in sorted(self._regions):
                add_region(port, self._regions.pop(index))
            line.confirm()
        except BaseException:
            port.close()
            raise
        names = (attached.connection, attached.endpoint)
        return Attachment(self.socket, line, port, format, names, attached.queue)

    def _port(self, attached: attach_pb2.Attached) -> SourcePort | SinkPort:
        memory = self._regions.pop(0)
        try:
            return self._map(attached, memory, self._rings.pop(S2M), self._rings.pop(M2S))
        finally:
            os.close(memory.fd)

    def _map(
        self, attached: attach_pb2.Attached, memory: RegionAdded, s2m: RingAdded, m2s: RingAdded
    ) -> SourcePort | SinkPort:
        layout = {
            "socket": self._control,
            "rings": memory.fd,
            "rings_size": memory.size,
            "s2m_offset": s2m.offset,
            "s2m_log2": s2m.log2,
            "s2m_event": s2m.fd,
            "m2s_offset": m2s.offset,
            "m2s_log2": m2s.log2,
            "m2s_event": m2s.fd,
            "header_size": attached.header_size,
            "capacity": attached.capacity,
        }
        try:
            if self._wish.role == "sink":
                return SinkPort(**layout, frame_class=ReceivedFrame)
            port = SourcePort(**layout, frame_class=SourceFrame)
        except BaseException:
            close_all([s2m.fd, m2s.fd])
            raise
        port.next_sequence = attached.next_sequence
        return port


def _request(wish: Wish, next_sequence: int) -> bytes:
    from mediamesh_protos import attach_pb2  # noqa: PLC0415  # protobuf costs what an import must not

    starts = {"": attach_pb2.START_UNSPECIFIED, "newest": attach_pb2.START_NEWEST, "next": attach_pb2.START_NEXT}
    request = attach_pb2.AttachRequest(
        api_version=API_VERSION,
        connection=wish.connection,
        endpoint=wish.endpoint,
        role=attach_pb2.ROLE_SOURCE if wish.role == "source" else attach_pb2.ROLE_SINK,
        client=wish.client,
        token=wish.token,
        wait_for_sinks=wish.wait_for_sinks,
        start=starts[wish.start],
        queue=wish.queue,
        next_sequence=next_sequence,
    )
    return request.SerializeToString()


def _advice() -> str:
    """Say where to look for the hub, to somebody in a pod and to somebody who is not."""
    in_pod = "KUBERNETES_SERVICE_HOST" in os.environ
    return "does `kubectl get medianodes` say Ready of this node?" if in_pod else "is `mediamesh up` running?"


def _refusal(refusal: attach_pb2.Refusal) -> Refused | RefusedForNow:
    kind = RefusedForNow if refusal.transient else Refused
    return kind(refusal.message, refusal.reason)
