"""Flows and their pools: a layer of `mediamesh_native.engine.Engine`."""

from typing import NamedTuple

from mediamesh_native.enginethread import EngineThread
from mediamesh_native.pool import Pool

class FlowCounters(NamedTuple):
    """Totals of one flow, and its pool as it is now."""

    frames: int
    bytes: int
    next_sequence: int
    pool_frames: int
    pool_free: int
    stalled: bool  # what the source sent waits for a `block` sink

class FlowTable(EngineThread):
    def add_flow(self, *, next_sequence: int = 0) -> int: ...
    def remove_flow(self, number: int) -> None:
        """Forget a flow whose attachments are all removed; its pools are the owner's again."""
    def set_pool(self, number: int, pool: Pool, region: int) -> None:
        """Take frames from `pool`; only a stock source may stay. The old one gives `Drained` when its last is back."""
    def flow_counters(self, number: int) -> FlowCounters: ...
