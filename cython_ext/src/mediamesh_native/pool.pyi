"""Frame pools and ring regions: memory that the hub makes and owns."""

class PoolError(OSError):
    """The memory cannot be had; `reason` is CamelCase (PoolTooLarge, OutOfMemory, HugePagesShort)."""

    reason: str
    def __init__(self, code: int, reason: str, message: str) -> None: ...

class Pool:
    """One sealed memfd with `frames` frames; allocated, mapped and faulted in before the constructor returns.

    Takes long for large pools and releases the GIL: call it in a worker thread.
    """

    fd: int
    frames: int
    capacity: int
    stride: int
    size: int
    sealed: bool
    closed: bool
    def __init__(self, frames: int, capacity: int, *, huge_pages: bool = False, fd: int = -1) -> None:
        """`fd`: adopt an existing pool of that geometry (handed over)."""
    def seal(self) -> None:
        """Add F_SEAL_FUTURE_WRITE: nobody else can ever map it writable. The producer must have mapped it."""
    def close(self) -> None: ...

class RingRegion:
    """Region 0 of one attachment of ours: both rings and the extension page."""

    fd: int
    size: int
    s2m_offset: int
    s2m_log2: int
    s2m_signal: int  # the hub's end of a socket pair: one byte wakes the client
    s2m_event: int  # the client's end of it, -1 once it is given away
    m2s_offset: int
    m2s_log2: int
    m2s_event: int
    extension_offset: int
    closed: bool
    def __init__(self, queue: int, *, fd: int = -1, s2m_signal: int = -1, m2s_event: int = -1) -> None:
        """`fd`: adopt existing rings of that geometry (handed over)."""
    def given_away(self) -> None:
        """Close the client's end: it has been sent to the client."""
    def close(self) -> None: ...

HEADER_SIZE: int
