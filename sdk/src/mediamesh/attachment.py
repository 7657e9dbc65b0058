"""An attach socket once the hub said yes: memif messages that never block, and the port they build.

The hub speaks whenever it likes: lock-step until the link is up, afterwards one ADD_REGION for each new pool. All
that is readable is handled, then the caller sleeps on the socket together with everything else.
"""

import contextlib
import os
import socket
import time
from collections.abc import Iterator

from mediamesh.errors import HubMisbehaves, HubUnreachable
from mediamesh_core.formats import Format
from mediamesh_native.memif.errors import ProtocolViolation
from mediamesh_native.memif.handshake import Event, MasterHandshake, PeerDisconnected, RegionAdded
from mediamesh_native.memif.messages import Disconnect, encode
from mediamesh_native.memif.transport import close_all, receive, send
from mediamesh_native.port import SinkPort, SourcePort


class Line:
    """A socket and the memif machine behind it."""

    def __init__(self, sock: socket.socket, machine: MasterHandshake) -> None:
        self._socket = sock
        self._machine = machine
        self._flush()

    def confirm(self) -> None:
        """Tell the hub that everything is mapped."""
        self._machine.confirm()
        self._flush()

    def events(self) -> Iterator[Event]:
        """Handle all that can be read now. The answer to a message goes out after its event was taken care of.

        Raises
        ------
        HubUnreachable
            The hub ended the attachment or is gone.
        HubMisbehaves
            It said what memif does not allow.
        """
        while (message := self._read()) is not None:
            for event in self._understand(*message):
                if isinstance(event, PeerDisconnected):
                    raise HubUnreachable(f"the hub ended the attachment: {event.reason or 'it gave no reason'}")
                yield event
            self._flush()

    def _read(self) -> tuple[bytes, list[int]] | None:
        try:
            received = receive(self._socket)
        except BlockingIOError:
            return None
        except OSError as error:
            raise HubUnreachable(f"the hub is gone ({error})") from error
        if received is None:
            raise HubUnreachable("the hub is gone")
        return received.data, received.fds

    def _understand(self, data: bytes, fds: list[int]) -> list[Event]:
        try:
            return self._machine.receive(data, fds, time.monotonic())
        except ProtocolViolation as violation:
            raise HubMisbehaves(violation.message, violation.reason) from violation
        finally:
            close_all(self._machine.take_unwanted())

    def _flush(self) -> None:
        try:
            for data, fd in self._machine.data_to_send():
                send(self._socket, data, fd)
        except OSError as error:
            raise HubUnreachable(f"the hub is gone ({error})") from error


class Attachment:
    """A place in a flow: the port, and the socket whose end is the attachment's end."""

    def __init__(
        self,
        sock: socket.socket,
        line: Line,
        port: SourcePort | SinkPort,
        format: Format,
        names: tuple[str, str],
        queue: int,
    ) -> None:
        self.socket = sock
        self.port = port
        self.format = format
        self.connection, self.endpoint = names
        self.queue = queue
        self._line = line

    def serve(self) -> None:
        """Take the pools that the hub announced; raises as `Line.events`."""
        for event in self._line.events():
            if isinstance(event, RegionAdded):
                add_region(self.port, event)

    def close(self, farewell: str) -> None:
        """Close port and socket. Who leaves says why, unless it is ""; a socket that just ends looks like a crash."""
        self.port.close()
        if farewell:
            with contextlib.suppress(OSError):  # gone, or not reading: then it need not know
                send(self.socket, encode(Disconnect(0, farewell)))
        self.socket.close()


def add_region(port: SourcePort | SinkPort, region: RegionAdded) -> None:
    """Map a pool that the hub announced."""
    try:
        port.add_region(region.index, region.fd, region.size)
    finally:
        os.close(region.fd)
