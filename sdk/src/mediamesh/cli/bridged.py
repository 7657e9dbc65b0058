"""Files that need PyAV, through the bridge `file`: the same reader and recorder that a connection would use.

The bridge tells what is wrong by the fields of a connection, `file.path: ...`; here they are FILE and --codec.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mediamesh import bridge
from mediamesh.cli.streams import check_writable
from mediamesh.errors import UnknownBridge, UnsuitableFile
from mediamesh.sink import Sink
from mediamesh.source import Source
from mediamesh_core.errors import UserError

BYTES_AHEAD = 256 << 20
MOST_AHEAD = 100
"""Frames that are copied while an encoder is busy: it is the connection that says how short the sink's queue is."""


@dataclass(frozen=True, slots=True)
class OpenedContext(bridge.BridgeContext):
    """The context of a bridge whose end is there already."""

    end: Source | Sink | None = None

    def open_source(self) -> Source:
        """Return the end."""
        if not isinstance(self.end, Source):
            raise TypeError("this context has no source")
        return self.end

    def open_sink(self) -> Sink:
        """Return the end."""
        if not isinstance(self.end, Sink):
            raise TypeError("this context has no sink")
        return self.end


def check_media(name: str) -> float | None:
    """Return how many seconds a file lasts, None if it does not say.

    Raises UnsuitableFile if nothing can be played out of it, before anybody waits for a place to send it to.
    """
    _file_bridge(name)
    if not Path(name).is_file():
        raise UnsuitableFile(f"{name}: is no regular file; only .y4m, .wav and .raw, or --as, are read as they come")
    import av  # noqa: PLC0415  # the bridge has it
    from av.error import FFmpegError  # noqa: PLC0415

    try:
        with av.open(name) as container:
            media = container.streams.video or container.streams.audio
            seconds = container.duration / av.time_base if container.duration else None
    except FFmpegError as error:
        raise UnsuitableFile(f"{name}: is no media file that FFmpeg knows: {error.strerror}") from error
    if not media:
        raise UnsuitableFile(f"{name}: has neither pictures nor sound")
    return seconds


def run(end: Source | Sink, name: str, settings: dict[str, object], *, force: bool = False) -> None:
    """Let the bridge `file` play or record `name` at an end that is open."""
    path = Path(name).absolute()
    found = _file_bridge(name)
    config = {"path": path.name if end.ROLE == "source" else path.name.replace("%", "%%"), **settings}
    _validate(found, config, end, name)
    if end.ROLE == "sink":
        config["framesAhead"] = max(1, min(MOST_AHEAD, BYTES_AHEAD // end.capacity))
        check_writable(name, force=force)
        path.unlink(missing_ok=True)
    context = OpenedContext(
        bridge=found,
        connection=end.name,
        endpoint=end.endpoint,
        role=end.ROLE,
        config=config,
        media_root=path.parent,
        end=end,
    )
    try:
        found.run(context)
    finally:
        context.stopping.close()


def _validate(found: bridge.Bridge, config: dict[str, object], end: Source | Sink, name: str) -> None:
    try:
        found.validate(config, end.ROLE, end.format)
    except UserError as error:
        field, colon, what = error.message.partition(": ")
        words = {"file": name, "file.path": name, "file.codec": "--codec"}
        raise UnsuitableFile(f"{words[field]}: {what}" if colon and field in words else error.message) from error


def _file_bridge(name: str) -> bridge.Bridge:
    try:
        return bridge.find("file")
    except UnknownBridge as error:
        text = f"{name} needs PyAV; install mediamesh-bridges, or use a .y4m, .wav or .raw file"
        raise UnsuitableFile(text) from error
