"""What serves each line: the one place that knows which target is served by what."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Protocol

from mediamesh.stopping import Stopping
from mediamesh_bridges.errors import BadLine
from mediamesh_bridges.sidecar.destinations import DatagramDestination, PipeDestination
from mediamesh_bridges.sidecar.fifo import MODE
from mediamesh_bridges.sidecar.inlet import Inlet, Origin
from mediamesh_bridges.sidecar.lines import Line
from mediamesh_bridges.sidecar.origins import DatagramOrigin, HttpOrigin, PipeOrigin, RtpOrigin
from mediamesh_bridges.sidecar.outlet import Destination, Outlet
from mediamesh_bridges.sidecar.pages import PageDestination, PageServer
from mediamesh_bridges.sidecar.stream_writers import KINDS
from mediamesh_core.suggestions import not_one_of, shown


class Joint(Protocol):
    """A line that is served."""

    def prepare(self) -> None:
        """Make what programs look for; raises what makes that impossible."""

    def serve(self) -> None:
        """Serve one visit of a program."""

    def close(self) -> None:
        """Let go of what `prepare` has made."""


def joints(lines: Iterable[Line], stopping: Stopping) -> list[tuple[Line, Joint]]:
    """Return what serves the lines; raises BadLine for options that cannot be."""
    servers: dict[tuple[str, int], PageServer] = {}
    return [(line, _joint(line, stopping, servers)) for line in lines]


def _joint(line: Line, stopping: Stopping, servers: dict[tuple[str, int], PageServer]) -> Joint:
    if line.role == "source":
        return Inlet(line, _origin(line, stopping), stopping)
    return Outlet(line, _destination(line, stopping, servers), stopping)


def _origin(line: Line, stopping: Stopping) -> Origin:
    target = line.target
    if target.scheme == "pipe":
        return PipeOrigin(target, _kind(line), _mode(line), stopping)
    if target.scheme == "udp":
        return DatagramOrigin(target, stopping)
    if target.scheme == "rtp":
        return RtpOrigin(target, line.options.get("codec", ""))
    return HttpOrigin(target)


def _destination(line: Line, stopping: Stopping, servers: dict[tuple[str, int], PageServer]) -> Destination:
    target = line.target
    if target.scheme == "pipe":
        return PipeDestination(target.path, _kind(line), _mode(line), stopping)
    if target.scheme == "http":
        server = servers.setdefault(target.address, PageServer(target))
        return PageDestination(server, target.path, stopping)
    return DatagramDestination(target, line.options.get("sdp", ""))


def _kind(line: Line) -> str:
    kind = line.options.get("as") or PurePosixPath(line.target.path).suffix.removeprefix(".").lower()
    if kind not in KINDS:
        what = "as=" if "as" in line.options else f"the suffix of {line.target.path}, "
        raise BadLine(f"{str(line)!r}: {what}{not_one_of(kind, KINDS)}; or say as=KIND")
    return kind


def _mode(line: Line) -> int:
    text = line.options.get("mode", f"{MODE:o}")
    if not (text.isascii() and text.isdigit() and set(text) <= set("01234567") and int(text, 8) <= MODE):
        raise BadLine(f"{str(line)!r}: mode {shown(text)} is not a file mode such as 660 or 666")
    return int(text, 8)
