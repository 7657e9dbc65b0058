"""What a source and a sink share in the client's process: mapped rings and pools, sleeping, closing."""

import enum

from mediamesh_native.frame import Frame

class Wait(enum.IntEnum):
    """What ended a wait."""

    TIMEOUT = 0
    READY = 1
    CONTROL = 2

class Mapping:
    def __init__(self, fd: int, size: int, stride: int, writable: bool) -> None: ...

class Port:
    """What both roles share: rings, regions, sleeping, closing."""

    outstanding: int  # frames in hand
    forgotten: int  # frames that were dropped without release
    next_sequence: int  # of a source
    closed: bool
    def __init__(
        self,
        *,
        socket: int,  # watched for CONTROL, stays the caller's
        rings: int,  # fd of region 0, stays the caller's
        rings_size: int,
        s2m_offset: int,
        s2m_log2: int,
        s2m_event: int,  # the socket on which the hub wakes us: taken over, closed with the port
        m2s_offset: int,
        m2s_log2: int,
        m2s_event: int,  # the hub's eventfd: taken over as well
        header_size: int,
        capacity: int,
        frame_class: type[Frame] | None = None,
    ) -> None: ...
    def add_region(self, index: int, fd: int, size: int) -> None:
        """Map a pool (the fd stays the caller's). The newest eight are known; frames keep their own mapping."""
    def wait(self, timeout_ns: int) -> Wait:
        """Sleep without the GIL until a frame may be there, the socket has something or time is up (-1: never).

        Raises InterruptedError never: signals are handled (PyErr_CheckSignals) and waiting goes on.
        """
    def fileno(self) -> int:
        """An epoll descriptor, readable (level) while a frame or a control message may be there."""
    def close(self) -> None:
        """Unmap and close. Frames in hand become closed; their views stay readable until dropped."""
