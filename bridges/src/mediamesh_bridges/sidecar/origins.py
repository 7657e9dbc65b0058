"""The places an inlet begins at: a pipe that programs write, MPEG-TS and RTP to a port, and a server's answer.

What a pipe holds is told by its suffix or `as=`. Whatever FFmpeg decodes (containers, MPEG-TS, RTP, HTTP) is given
the size, pixel format and sample rate of the connection, as the file bridge does it; y4m, wav and raw must fit.

FFmpeg is given our streams, not addresses, so it opens nothing by itself. RTP is the exception: its sockets are
FFmpeg's own, on the address of the line, and its calls return once a second so that a request to stop is heard.
"""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Generator
from contextlib import suppress
from functools import partial
from typing import cast

import av
from av.container import InputContainer

from mediamesh.stopping import Stopping
from mediamesh_bridges.errors import StreamUnusable
from mediamesh_bridges.file.readers import container_reader
from mediamesh_bridges.file.unit import Reader, Unit
from mediamesh_bridges.sidecar import sdp
from mediamesh_bridges.sidecar.datagrams import LARGEST, DatagramReader
from mediamesh_bridges.sidecar.fifo import Fifo, FifoReader
from mediamesh_bridges.sidecar.live_media import LOOK, LiveMedia
from mediamesh_bridges.sidecar.plain_units import ByteFile, annexb_reader, plain_reader
from mediamesh_bridges.sidecar.stream_writers import BYTE_STREAMS
from mediamesh_bridges.sidecar.targets import Target
from mediamesh_core.formats import Format

PLAIN = ("y4m", "wav", "raw")
SECOND = 1.0
ANSWER = 5.0
"""Seconds for an HTTP server to answer, and to go on."""
_AT_ONCE = 1 << 16


class PipeOrigin:
    """A named pipe that others write."""

    def __init__(self, target: Target, kind: str, mode: int, stopping: Stopping) -> None:
        self._target = target
        self._kind = kind
        self._fifo = Fifo(target.path, mode, stopping)
        self.prepare = self._fifo.make
        self.close = self._fifo.close

    def await_arrival(self) -> PipeArrival:
        """Wait for the first byte."""
        return PipeArrival(self._fifo.await_writer(), self._kind, str(self._target))


class PipeArrival:
    """A writer of the pipe."""

    live = lasting = False

    def __init__(self, raw: FifoReader, kind: str, name: str) -> None:
        self._file = io.BufferedReader(raw, _AT_ONCE)
        self._kind = kind
        self._media = LiveMedia(name, partial(_opened, self._file), live=False)
        self.halt = raw.halt

    def reader(self, format: Format) -> Reader:
        """Read what the kind says."""
        if self._kind in PLAIN:
            return plain_reader(self._kind, self._file, format)
        if self._kind in BYTE_STREAMS:
            return annexb_reader(BYTE_STREAMS[self._kind], self._file, format)
        return container_reader(self._media, format, loop=False)

    def close(self) -> None:
        """Close our end."""
        self._media.close()
        self._file.close()


class DatagramOrigin:
    """A port that MPEG-TS is sent to."""

    def __init__(self, target: Target, stopping: Stopping) -> None:
        self._target = target
        self._stopping = stopping
        self._reader: DatagramReader | None = None

    def prepare(self) -> None:
        """Bind the port."""
        self._reader = DatagramReader(self._target, self._stopping)

    def await_arrival(self) -> DatagramArrival:
        """Wait for the first datagram."""
        reader = cast("DatagramReader", self._reader)
        reader.await_first()
        reader.resume()
        return DatagramArrival(reader, str(self._target))

    def close(self) -> None:
        """Close the port."""
        if self._reader is not None:
            self._reader.close()


class DatagramArrival:
    """A sender, until it is silent."""

    live, lasting = True, False

    def __init__(self, file: DatagramReader, name: str) -> None:
        opened = partial(av.open, cast("object", file), "r", format="mpegts", options=LOOK, buffer_size=LARGEST)
        self._media = LiveMedia(name, opened, live=True)
        self.halt = file.halt
        self.close = self._media.close

    def reader(self, format: Format) -> Reader:
        """Read the stream that fits."""
        return container_reader(self._media, format, loop=False)


class RtpOrigin:
    """A port that RTP is sent to."""

    def __init__(self, target: Target, codec: str) -> None:
        self._target = target
        self._codec = codec

    def prepare(self) -> None:
        """Nothing: the port is bound when the connection's format is known."""

    def await_arrival(self) -> RtpArrival:
        """Begin at once."""
        return RtpArrival(self._target, self._codec)

    def close(self) -> None:
        """Nothing is left."""


class RtpArrival:
    """Whoever sends, one after the other.

    FFmpeg takes the packets of another sender, which count from anywhere, for old ones that come late. So after a
    silence that follows frames the port is opened anew.
    """

    live = lasting = True

    def __init__(self, target: Target, codec: str) -> None:
        self._target = target
        self._codec = codec
        self._media: LiveMedia | None = None
        self._last: _Noted | None = None

    def reader(self, format: Format) -> Reader:
        """Listen for what the connection's format says."""
        if self._media is None:
            text = sdp.description(sdp.media_of(format, self._codec), self._target)
            self._media = LiveMedia(str(self._target), partial(self._listening, text), live=True)
        if self._last is not None and self._last.begun:
            self._media.close()
        self._last = _Noted(container_reader(self._media, format, loop=False))
        return self._last

    def halt(self) -> None:
        """Wait for the call that returns within a second."""

    def close(self) -> None:
        """Close the port."""
        if self._media is not None:
            self._media.close()

    def _listening(self, text: str) -> InputContainer:
        options = LOOK | {"protocol_whitelist": "rtp,udp", "localaddr": self._target.host}
        return av.open(io.BytesIO(text.encode()), "r", format="sdp", options=options, timeout=SECOND)


class _Noted:
    """A reader that notes whether anything came."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.clock_rate = reader.clock_rate
        self.begun = False

    def units(self) -> Generator[Unit, None, None]:
        """Read on."""
        for unit in self._reader.units():
            self.begun = True
            yield unit


class HttpOrigin:
    """A server of the pod whose answer is media without an end."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def prepare(self) -> None:
        """Nothing: the server is another's."""

    def await_arrival(self) -> HttpArrival:
        """Ask; raises StreamUnusable if the server gives nothing, OSError if there is none."""
        connection = http.client.HTTPConnection(*self._target.address, timeout=ANSWER)
        try:
            connection.connect()
            own = connection.sock  # a connection that is to end after the answer forgets it
            return HttpArrival(own, self._answer(connection), str(self._target))
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Nothing is left."""

    def _answer(self, connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
        try:
            connection.request("GET", self._target.path, headers={"User-Agent": "mediamesh"})
            response = connection.getresponse()
        except http.client.HTTPException as error:
            raise StreamUnusable(f"{self._target} is no HTTP server: {error!r}") from error
        if response.status != http.client.OK:
            raise StreamUnusable(f"{self._target} answers {response.status} {response.reason}")
        return response


class HttpArrival:
    """An answer."""

    live, lasting = True, False

    def __init__(self, own: socket.socket, response: http.client.HTTPResponse, name: str) -> None:
        self._socket = own
        self._response = response
        self._media = LiveMedia(name, partial(_opened, response), live=True)

    def reader(self, format: Format) -> Reader:
        """Read whatever FFmpeg recognises."""
        return container_reader(self._media, format, loop=False)

    def halt(self) -> None:
        """Let the answer end."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._media.close()
        self._response.close()
        self._socket.close()


class _Partial:
    """A stream whose reads return what there is; one that fails is at its end."""

    def __init__(self, file: ByteFile | http.client.HTTPResponse) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes."""
        try:
            return self._file.read1(size)
        except (OSError, http.client.HTTPException):
            return b""


def _opened(file: ByteFile | http.client.HTTPResponse) -> InputContainer:
    return av.open(cast("object", _Partial(file)), "r", options=LOOK, buffer_size=_AT_ONCE)
