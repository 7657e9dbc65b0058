"""The client's end of an attachment: what an application's process maps and touches."""

import enum
from types import TracebackType
from typing import Self

class Wait(enum.IntEnum):
    """What ended a wait."""

    TIMEOUT = 0
    READY = 1
    CONTROL = 2

class Frame:
    """One frame in hand. Supports the buffer protocol (payload, 1-D unsigned bytes)."""

    sequence: int
    time: int  # TAI ns
    rtp_timestamp: int
    duration: int  # 1/90000 s
    status: int
    flags: int
    metadata: bytes
    sent: int  # CLOCK_MONOTONIC ns
    @property
    def length(self) -> int: ...
    @property
    def closed(self) -> bool: ...
    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

class SinkFrame(Frame):
    """A received frame: read-only. Goes back to the hub by `release`, as soon as no view of it is alive."""

    def release(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> None: ...

class SourceFrame(Frame):
    """A frame to fill: writable, `capacity` bytes; `length` says how many are sent."""

    length: int
    @property
    def capacity(self) -> int: ...
    def send(self) -> int:
        """Hand the frame to the flow; returns its sequence number. Fields not set: time = now, rest = 0."""
    def cancel(self) -> None:
        """Give the frame back unsent."""
    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> None: ...

class _Port:
    outstanding: int  # frames in hand
    closed: bool
    def __init__(
        self,
        *,
        socket: int,  # watched for CONTROL, stays the caller's
        rings: int,  # fd of region 0, stays the caller's
        rings_size: int,
        s2m_offset: int,
        s2m_log2: int,
        s2m_event: int,  # eventfds: taken over, closed with the port
        m2s_offset: int,
        m2s_log2: int,
        m2s_event: int,
        header_size: int,
        capacity: int,
        frame_class: type[Frame] | None = None,
    ) -> None: ...
    def add_region(self, index: int, fd: int, size: int) -> None:
        """Map a pool (the fd stays the caller's). A number used before: the older mapping lives while its frames do."""
    def wait(self, timeout_ns: int) -> Wait:
        """Sleep without the GIL until a frame may be there, the socket has something or time is up (-1: never).

        Raises InterruptedError never: signals are handled (PyErr_CheckSignals) and waiting goes on.
        """
    def fileno(self) -> int:
        """An epoll descriptor, readable (level) while a frame or a control message may be there."""
    def close(self) -> None:
        """Unmap and close. Frames in hand become closed; their views stay readable until dropped."""

class SinkPort(_Port):
    last_sequence: int  # of the frame taken last, -1 before
    def take(self) -> SinkFrame | None:
        """The next frame, or None: then `wait`. A frame in a region not yet known also reads as None: `wait` answers CONTROL."""

class SourcePort(_Port):
    next_sequence: int
    def acquire(self) -> SourceFrame | None:
        """A free frame, or None: then `wait`."""

def live_objects() -> dict[str, int]:
    """How many ports, mappings, pools, ring regions and engines of this process are open; tests see them return."""
def drain(port: SinkPort, count: int, timeout_ns: int) -> int:
    """Benchmarks: take and release `count` frames without the interpreter; returns how many came."""
def pump(port: SourcePort, count: int, length: int, timeout_ns: int) -> int:
    """Benchmarks: acquire and send `count` frames of `length` bytes without the interpreter."""

