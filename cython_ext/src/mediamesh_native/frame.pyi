"""Frames in hand: what applications read and write."""

from types import TracebackType
from typing import Self

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
    def closed(self) -> bool: ...
    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

class SinkFrame(Frame):
    """A received frame: read-only. Goes back to the hub by `release`, as soon as no view of it is alive."""

    @property
    def length(self) -> int: ...
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
