"""UDP on loopback: MPEG-TS in and out, RTP out.

FFmpeg's muxers do the framing, each write of theirs is one packet; the sockets are ours, so that a request to stop is
heard, a port stays bound while programs come and go, and nothing is heard from beyond the address of the line. RTCP
packets (RFC 5761, section 4: payload types 192 to 223 are theirs) go to the next port. A receiver that is not there is
nobody's fault: datagrams of a socket without a peer vanish without an error.

The packets of a large picture would overflow a receiver's buffer, which is some hundred packets, if they came at once:
after each `BURST` of them the receiver is given a moment.
"""

from __future__ import annotations

import select
import socket
import time
from typing import TYPE_CHECKING

from mediamesh.errors import Interrupted
from mediamesh.stopping import Stopping
from mediamesh_bridges.errors import AddressTaken
from mediamesh_bridges.sidecar.targets import Target
from mediamesh_bridges.sidecar.waiting import await_event

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

TS_PACKETS = 7 * 188
"""Bytes of a datagram of MPEG-TS."""
RTP_PACKET = 1200
"""Bytes of an RTP packet at most: what every tunnel lets through."""
LARGEST = 1 << 16
SILENCE = 2.0
"""Seconds without a datagram, after which the sender is taken to be gone."""
BURST = 32
MOMENT = 0.0005
_RECEIVE_BUFFER = 4 << 20


class DatagramWriter:
    """Sends what is written, one datagram a write."""

    def __init__(self, target: Target) -> None:
        self._socket = _socket(target)
        self._address = target.address
        self._control = (target.host, target.port + 1) if target.scheme == "rtp" else self._address
        self._sent = 0

    def fileno(self) -> int:
        """Return the descriptor; nothing ever happens to it."""
        return self._socket.fileno()

    def write(self, data: ReadableBuffer) -> int:
        """Send one datagram."""
        with memoryview(data) as packet:
            self._socket.sendto(packet, self._control if 192 <= packet[1] <= 223 else self._address)
            length = packet.nbytes
        self._sent += 1
        if self._sent % BURST == 0:
            time.sleep(MOMENT)
        return length

    def begin_frame(self) -> None:
        """Begin a burst anew."""
        self._sent = 0

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class DatagramReader:
    """What comes to a port, as a stream that FFmpeg reads; at its end after `SILENCE`."""

    def __init__(self, target: Target, stopping: Stopping) -> None:
        self._stopping = stopping
        self._halt = Stopping()
        self._socket = _socket(target)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        try:
            self._socket.bind(target.address)
        except OSError as error:
            self.close()
            raise AddressTaken(f"{target} cannot be bound: {error.strerror}; choose another port") from error

    def await_first(self) -> None:
        """Wait for a datagram and leave it there; raises Interrupted."""
        if not await_event(self._socket.fileno(), select.POLLIN, [self._stopping]):
            raise Interrupted("asked to stop")

    def read(self, size: int) -> bytes:
        """Return the next datagram, of at most `size` bytes, or nothing if it is over."""
        stops = (self._stopping, self._halt)
        while not any(stop.is_set() for stop in stops):
            if not await_event(self._socket.fileno(), select.POLLIN, stops, SILENCE):
                self.halt()  # FFmpeg asks again at the end
                break
            if datagram := self._socket.recv(size):  # an empty one would look like the end
                return datagram
        return b""

    def halt(self) -> None:
        """Be at the end until `resume`, whoever reads."""
        self._halt.set()

    def resume(self) -> None:
        """Read on."""
        self._halt.close()
        self._halt = Stopping()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        self._halt.close()


def _socket(target: Target) -> socket.socket:
    family = socket.AF_INET6 if ":" in target.host else socket.AF_INET
    return socket.socket(family, socket.SOCK_DGRAM)
