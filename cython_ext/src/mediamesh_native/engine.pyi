"""The engine: one native thread that moves descriptors between sources and sinks."""

from typing import Literal, NamedTuple

from mediamesh_native.pool import Pool, RingRegion
from mediamesh_native.stockrings import StockRings

Policy = Literal["dropOldest", "block", "disconnect"]

class Ended(NamedTuple):
    """The engine stopped serving an attachment; the owner must `remove` it and close its socket."""

    attachment: int
    reason: str

class Drained(NamedTuple):
    """An old pool is referenced by nobody any more; the owner closes it."""

    flow: int
    region: int

class FlowCounters(NamedTuple):
    frames: int
    bytes: int
    next_sequence: int
    pool_frames: int
    pool_free: int

class Counters(NamedTuple):
    frames: int
    received: int
    dropped: int
    occupancy: int
    latency: tuple[int, ...]

class EngineCounters(NamedTuple):
    cpu_seconds: float
    wakeups: int
    signals: int
    bytes_copied: int

class Engine:
    """All methods are thread-safe and short."""

    event_fd: int  # readable when `events` has something
    closed: bool
    def __init__(self, *, polling: bool = False) -> None: ...
    def start(self) -> None: ...
    def events(self) -> list[Ended | Drained]: ...
    def add_flow(self, *, next_sequence: int = 0) -> int: ...
    def remove_flow(self, flow: int) -> None:
        """All its attachments must be removed first; its pools are the owner's again."""
    def set_pool(self, flow: int, pool: Pool, region: int) -> None:
        """Frames are taken from `pool` from now on. The pool it replaces gives `Drained` when the last reference is gone."""
    def add_source(self, flow: int, rings: RingRegion, *, queue: int, held: bool = False, discontinuity: bool = False, next_sequence: int = 0) -> int: ...
    def hold(self, attachment: int, held: bool) -> None:
        """A held source gets no frames to fill (it waits for its sinks)."""
    def add_sink(self, flow: int, rings: RingRegion, *, queue: int, policy: Policy, newest: bool) -> int: ...
    def add_stock_sink(
        self, flow: int, rings: StockRings, *, queue: int, policy: Policy, newest: bool, shared: bool = False, chunk: int = 2048
    ) -> int: ...
    def add_stock_source(self, flow: int, rings: StockRings, *, discontinuity: bool = False) -> int: ...
    def remove(self, attachment: int) -> Counters:
        """Every frame the attachment had comes back at once."""
    def flow_counters(self, flow: int) -> FlowCounters: ...
    def counters(self, attachment: int) -> Counters: ...
    def engine_counters(self) -> EngineCounters: ...
    def check_stuck(self, older_than_ns: int = 20_000_000) -> bool:
        """A peer can make an eventfd block. Called every few ms by the owner: interrupts a signal that hangs and ends that attachment."""
    def freeze(self) -> dict[str, object]:
        """Stop the thread between two frames and describe everything (plain ints, strings, lists); `start` resumes."""
    @staticmethod
    def thaw(state: dict[str, object], pools: dict[tuple[int, int], Pool], rings: dict[int, RingRegion], *, polling: bool = False) -> "Engine":
        """The engine that `freeze` described; numbers of flows and attachments stay the same."""
    def close(self) -> None: ...
