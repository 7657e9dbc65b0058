"""What a source and a sink share in the client's process: mapped rings and pools, and closing them."""

from mediamesh_native.frame import Frame
from mediamesh_native.sleeper import Sleeper

class Mapping:
    def __init__(self, fd: int, size: int, stride: int, writable: bool) -> None: ...

class Port(Sleeper):
    """What both roles share: rings, regions, closing."""

    outstanding: int  # frames in hand
    forgotten: int  # frames that were dropped without release
    next_sequence: int  # of a source
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
