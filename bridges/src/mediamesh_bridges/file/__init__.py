"""Playing and recording files; `bridge` is what the entry point `file` names."""

from mediamesh_bridges.file.bridge import FileBridge

bridge = FileBridge()

__all__ = ["FileBridge", "bridge"]
