"""An inlet: what a program gives, into a connection.

One visit of a program is one pass of the file bridge's player. A program that writes into a pipe is held to the pace
of the connection, as a file is; what comes over a socket has a pace of its own and is passed on at once. The source is
attached from the first byte to the last, so that a standby may take over while no program is there; an RTP inlet
keeps it, because FFmpeg has to know the format before it can listen.

Reading and decoding run ahead in a thread of their own. When the visit is over, whoever ended it, that thread is woken
by `halt` before it is waited for.
"""

from __future__ import annotations

import logging
from contextlib import closing, suppress
from typing import Protocol

from mediamesh.source import Source
from mediamesh.stopping import Stopping
from mediamesh_bridges.errors import FormatChanged, Silence
from mediamesh_bridges.file.clock import SystemClock
from mediamesh_bridges.file.pacing import LiveSchedule, Schedule
from mediamesh_bridges.file.player import OutgoingFrame, Player
from mediamesh_bridges.file.prefetch import prefetched
from mediamesh_bridges.file.unit import Reader
from mediamesh_bridges.sidecar.interruption import Interruption
from mediamesh_bridges.sidecar.lines import Line
from mediamesh_core.formats import Format, label

UNITS_AHEAD = 4
_log = logging.getLogger(__name__)


class Arrival(Protocol):
    """A program that gives something."""

    @property
    def live(self) -> bool:
        """Whether it has a pace of its own."""

    @property
    def lasting(self) -> bool:
        """Whether to read on after a silence."""

    def reader(self, format: Format) -> Reader:
        """Read it as a connection's format; raises StreamUnusable or BadSetting."""

    def halt(self) -> None:
        """Let whoever reads come to an end soon."""

    def close(self) -> None:
        """Let go of the program."""


class Origin(Protocol):
    """Where an inlet begins."""

    def prepare(self) -> None:
        """Make what programs look for: a pipe, a bound port."""

    def await_arrival(self) -> Arrival:
        """Wait for a program; raises Interrupted."""

    def close(self) -> None:
        """Let go of what `prepare` has made."""


class Inlet:
    """Serves one line."""

    def __init__(self, line: Line, origin: Origin, stopping: Stopping) -> None:
        self._line = line
        self._origin = origin
        self._stopping = stopping
        self._interruption = Interruption(stopping)
        self._begun_before = False
        self.prepare = origin.prepare
        self.close = origin.close

    def serve(self) -> None:
        """Serve one visit, from its beginning to its end."""
        arrival = self._origin.await_arrival()
        with closing(arrival), self._source() as source, self._interruption.of(source):
            source.open()
            _log.info("%s: begins, %s", self._line, label(source.format))
            self._take(arrival, _OneFormat(source))
        _log.info("%s: the writer has left", self._line)

    def _take(self, arrival: Arrival, source: _OneFormat) -> None:
        while not self._stopping.is_set():
            with suppress(Silence):
                self._play(arrival, source)
            if not arrival.lasting:
                return

    def _play(self, arrival: Arrival, source: _OneFormat) -> None:
        reader = arrival.reader(source.format)
        schedule = (LiveSchedule if arrival.live else Schedule)(reader.clock_rate)
        player = Player(source, SystemClock(self._stopping), schedule, begins_anew=self._begun_before)
        with prefetched(reader.units(), UNITS_AHEAD) as units:
            try:
                player.play(units)
            finally:
                self._begun_before = self._begun_before or source.used
                arrival.halt()

    def _source(self) -> Source:
        options = self._line.options
        endpoint, token = options.get("endpoint", ""), options.get("token", "")
        return Source(self._line.connection, endpoint=endpoint, token=token, wait=True, client="sidecar")


class _OneFormat:
    """The source, for as long as its frames are what the reader reads for."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.format = source.format
        self.used = False

    def acquire(self) -> OutgoingFrame:
        """Return a frame of the same format; raises FormatChanged."""
        frame = self._source.acquire()
        if frame.format != self.format:
            frame.cancel()
            raise FormatChanged(f"{self._source.name} carries {label(frame.format)} now; the stream begins anew")
        self.used = True
        return frame
