"""Files that need PyAV, through the bridge `file`: the same reader and recorder that a connection would use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mediamesh import bridge
from mediamesh.errors import UnknownBridge, UnsuitableFile
from mediamesh.sink import Sink
from mediamesh.source import Source


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


def run(end: Source | Sink, name: str, settings: dict[str, object], *, force: bool = False) -> None:
    """Let the bridge `file` play or record `name` at an end that is open."""
    path = Path(name).absolute()
    if not path.parent.is_dir():
        raise UnsuitableFile(f"there is no folder {path.parent}; make it first")
    if end.ROLE == "sink":
        _make_room(path, force=force)
    found = _file_bridge(name)
    config = {"path": path.name if end.ROLE == "source" else path.name.replace("%", "%%"), **settings}
    found.validate(config, end.ROLE, end.format)
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


def _make_room(path: Path, *, force: bool) -> None:
    if not path.exists():
        return
    if not force:
        raise UnsuitableFile(f"{path} exists already; choose another name, or overwrite it with --force")
    path.unlink()


def _file_bridge(name: str) -> bridge.Bridge:
    try:
        return bridge.find("file")
    except UnknownBridge as error:
        text = f"{name} needs PyAV; install mediamesh-bridges, or use a .y4m, .wav or .raw file"
        raise UnsuitableFile(text) from error
