"""The sidecar: connections for programs that know nothing of us; `command` is what the entry point `sidecar` names."""

from mediamesh_bridges.sidecar.command import SidecarCommand

command = SidecarCommand()

__all__ = ["SidecarCommand", "command"]
