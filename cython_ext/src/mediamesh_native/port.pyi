"""The client's end of an attachment: what an application's process maps and touches."""

from mediamesh_native.attachment import Port as Port
from mediamesh_native.frame import Frame as Frame
from mediamesh_native.frame import SinkFrame as SinkFrame
from mediamesh_native.frame import SourceFrame as SourceFrame
from mediamesh_native.live import live_objects as live_objects
from mediamesh_native.sleeper import Wait as Wait

class SinkPort(Port):
    last_sequence: int  # of the frame taken last, -1 before
    def take(self) -> SinkFrame | None:
        """The next frame, or None: then `wait`. None also while its region is not known: `wait` says CONTROL."""

class SourcePort(Port):
    def acquire(self) -> SourceFrame | None:
        """A free frame, or None: then `wait`."""

def drain(port: SinkPort, count: int, timeout_ns: int) -> int:
    """Benchmarks: take and release `count` frames without the interpreter; returns how many came."""

def pump(port: SourcePort, count: int, length: int, timeout_ns: int) -> int:
    """Benchmarks: acquire and send `count` frames of `length` bytes without the interpreter."""
