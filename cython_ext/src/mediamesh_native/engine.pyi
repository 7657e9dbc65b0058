"""The engine: one native thread that moves descriptors between sources and sinks."""

from collections.abc import Mapping
from typing import NamedTuple

from mediamesh_native.enginethread import EngineCounters as EngineCounters
from mediamesh_native.flowtable import FlowCounters as FlowCounters
from mediamesh_native.pool import Pool, RingRegion
from mediamesh_native.roster import Counters as Counters
from mediamesh_native.roster import Roster
from mediamesh_native.stockrings import StockRings

FAULTS: dict[int, str]
STATE_VERSION: int

class Ended(NamedTuple):
    """The engine stopped serving an attachment; the owner must `remove` it and close its socket."""

    attachment: int
    reason: str

class Drained(NamedTuple):
    """An old pool is referenced by nobody any more; the owner closes it."""

    flow: int
    region: int

class Engine(Roster):
    """All methods are thread-safe and short. `event_fd` is readable when `events` has something."""

    def events(self) -> list[Ended | Drained]: ...
    def freeze(self) -> dict[str, object]:
        """Stop the thread between two frames and describe everything (plain ints, strings, lists); `start` resumes."""
    @staticmethod
    def thaw(
        state: dict[str, object],
        pools: dict[tuple[int, int], Pool],
        rings: Mapping[int, RingRegion | StockRings],
        *,
        polling: bool = False,
    ) -> Engine:
        """The engine that `freeze` described; numbers of flows and attachments stay the same."""
    def close(self) -> None: ...
