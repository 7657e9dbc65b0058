"""An outlet: frames of a connection to a program that takes them.

One visit of a program is one stream. The sink is attached only while somebody is there, so that a `block` sink holds
nobody back for a reader that does not exist, and a reader begins with the newest frame; encoded video begins with the
next key frame. A program that reads slowly keeps this thread in `write`: frames pile up in the hub, whose delivery
policy drops whole ones. When the connection comes back with another format, the stream ends and the next one begins.
"""

from __future__ import annotations

import logging
import select
from contextlib import closing, suppress
from typing import Protocol

from av.error import FFmpegError

from mediamesh.errors import Interrupted, Timeout
from mediamesh.frames import ReceivedFrame
from mediamesh.sink import Sink
from mediamesh.stopping import Stopping
from mediamesh_bridges.errors import FormatChanged
from mediamesh_bridges.file.positions import Positions, positions
from mediamesh_bridges.file.received import KEY_FRAME
from mediamesh_bridges.file.recorded import Writer
from mediamesh_bridges.sidecar.interruption import Interruption
from mediamesh_bridges.sidecar.lines import Line
from mediamesh_core.formats import EncodedFormat, Format, label

_log = logging.getLogger(__name__)


class Visit(Protocol):
    """A program that is there."""

    def writer(self, format: Format) -> Writer:
        """Begin a stream; raises BadSetting if it cannot hold the format."""

    def fileno(self) -> int:
        """Return a descriptor that polls an error when the program is gone."""

    def gone(self) -> bool:
        """Return whether the program is known to be gone."""

    def close(self) -> None:
        """End the stream."""


class Destination(Protocol):
    """Where an outlet leads."""

    def prepare(self) -> None:
        """Make what programs look for: a pipe, a bound port."""

    def await_visit(self) -> Visit:
        """Wait for a program; raises Interrupted."""

    def close(self) -> None:
        """Let go of what `prepare` has made."""


class Outlet:
    """Serves one line."""

    def __init__(self, line: Line, destination: Destination, stopping: Stopping) -> None:
        self._line = line
        self._destination = destination
        self._interruption = Interruption(stopping)
        self.prepare = destination.prepare
        self.close = destination.close

    def serve(self) -> None:
        """Serve one visit, from its beginning to its end."""
        visit = self._destination.await_visit()
        try:
            with closing(visit), self._sink() as sink, self._interruption.of(sink):
                sink.open()
                _log.info("%s: begins, %s", self._line, label(sink.format))
                _pour(sink, visit)
        except BrokenPipeError:
            _log.info("%s: the reader has left", self._line)  # and who comes now gets a stream of its own

    def _sink(self) -> Sink:
        options = self._line.options
        return Sink(
            self._line.connection,
            endpoint=options.get("endpoint", ""),
            token=options.get("token", ""),
            wait=True,
            start="newest",
            client="sidecar",
        )


def _pour(sink: Sink, visit: Visit) -> None:
    format = sink.format
    stream = _Stream(format, visit.writer(format))
    try:
        while True:
            with _next(sink, visit) as frame:
                if frame.format != format:
                    raise FormatChanged(f"{sink.name} carries {label(frame.format)} now; the stream begins anew")
                stream.add(frame)
    finally:
        stream.finish()


def _next(sink: Sink, visit: Visit) -> ReceivedFrame:
    """Return the next frame; raises BrokenPipeError when there is nobody left to give it to."""
    poll = select.poll()
    poll.register(visit.fileno(), 0)
    poll.register(sink.fileno(), select.POLLIN)
    while not visit.gone():
        with suppress(Timeout):
            return sink.receive(0)
        if any(descriptor == visit.fileno() for descriptor, _ in poll.poll()):
            break
    raise BrokenPipeError


class _Stream:
    """The frames of one visit on their way into a writer."""

    def __init__(self, format: Format, writer: Writer) -> None:
        self._writer = writer
        self._positions: Positions = positions(format)
        self._waits_for_key = isinstance(format, EncodedFormat) and format.media == "video"

    def add(self, frame: ReceivedFrame) -> None:
        """Write a frame that is whole, from the first one on with which a receiver can begin."""
        self._waits_for_key = self._waits_for_key and not frame.flags & KEY_FRAME
        if self._waits_for_key:
            return
        with frame.buffer as payload:
            recorded = self._positions.recorded(frame, payload)
            if recorded is not None:
                self._writer.write(recorded)

    def finish(self) -> None:
        """End the stream; the program may be gone already."""
        with suppress(OSError, FFmpegError, Interrupted):
            self._writer.finish()
