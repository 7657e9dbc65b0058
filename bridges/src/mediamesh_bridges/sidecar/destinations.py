"""The places an outlet leads to, save HTTP: a pipe, and datagrams.

A pipe has a visit for each reader. Datagrams have one visit that lasts: nobody can tell whether anybody listens.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO, cast

from mediamesh.stopping import Stopping
from mediamesh_bridges.file.recorded import Recorded, Writer
from mediamesh_bridges.sidecar import sdp
from mediamesh_bridges.sidecar.datagrams import DatagramWriter
from mediamesh_bridges.sidecar.fifo import Fifo, FifoWriter
from mediamesh_bridges.sidecar.stream_writers import open_stream
from mediamesh_bridges.sidecar.targets import Target
from mediamesh_core.formats import AudioFormat, Format


class PipeDestination:
    """A named pipe that others read."""

    def __init__(self, path: str, kind: str, mode: int, stopping: Stopping) -> None:
        self._fifo = Fifo(path, mode, stopping)
        self._kind = kind
        self.prepare = self._fifo.make
        self.close = self._fifo.close

    def await_visit(self) -> PipeVisit:
        """Wait for a reader."""
        return PipeVisit(self._fifo.await_reader(), self._kind)


class PipeVisit:
    """A reader of the pipe."""

    def __init__(self, file: FifoWriter, kind: str) -> None:
        self._file = file
        self._kind = kind
        self.fileno = file.fileno
        self.close = file.close

    def writer(self, format: Format) -> Writer:
        """Begin a stream."""
        return open_stream(self._kind, cast("BinaryIO", self._file), format)

    def gone(self) -> bool:
        """Leave it to the poll."""
        return False


class DatagramDestination:
    """RTP, or MPEG-TS in UDP."""

    def __init__(self, target: Target, description: str) -> None:
        self._target = target
        self._description = description

    def prepare(self) -> None:
        """Nothing has to be there."""

    def await_visit(self) -> DatagramVisit:
        """Begin at once."""
        return DatagramVisit(self._target, self._description)

    def close(self) -> None:
        """Nothing is left."""


class DatagramVisit:
    """Whoever listens."""

    def __init__(self, target: Target, description: str) -> None:
        self._target = target
        self._description = description
        self._file = DatagramWriter(target)
        self.fileno = self._file.fileno
        self.close = self._file.close

    def writer(self, format: Format) -> Writer:
        """Begin a stream, and describe it first."""
        kind = "udp"
        if self._target.scheme == "rtp":
            kind = "rtp16" if isinstance(format, AudioFormat) and format.sample_size <= 2 else "rtp"
            self._describe(sdp.description(sdp.media_of(format), self._target))
        return _Bursts(self._file, open_stream(kind, cast("BinaryIO", self._file), format))

    def gone(self) -> bool:
        """Nobody knows."""
        return False

    def _describe(self, text: str) -> None:
        if not self._description:
            sys.stdout.write(text)
            sys.stdout.flush()
            return
        path = Path(self._description)
        new = path.with_name(f".{path.name}.new")
        new.write_text(text, newline="")
        new.replace(path)  # whoever waits for the file finds all of it


class _Bursts:
    """Tells the socket where a frame begins."""

    def __init__(self, file: DatagramWriter, writer: Writer) -> None:
        self._file = file
        self._writer = writer
        self.finish = writer.finish

    def write(self, recorded: Recorded) -> None:
        """Write a frame."""
        self._file.begin_frame()
        self._writer.write(recorded)
