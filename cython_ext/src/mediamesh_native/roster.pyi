"""Attachments: a layer of `mediamesh_native.engine.Engine`."""

from typing import Literal, NamedTuple, TypeAlias

from mediamesh_native.flowtable import FlowTable
from mediamesh_native.pool import RingRegion
from mediamesh_native.stockrings import StockRings

_Policy: TypeAlias = Literal["dropOldest", "block", "disconnect"]

POLICIES: dict[str, int]

class Counters(NamedTuple):
    """Numbers of one attachment; `received`, `damaged` and `latency` are its client's own word."""

    frames: int
    received: int
    dropped: int
    occupancy: int
    latency: tuple[int, ...]
    bytes: int  # payload of `frames`
    damaged: int  # of those received

class Roster(FlowTable):
    def add_source(
        self,
        flow: int,
        rings: RingRegion,
        *,
        queue: int,
        held: bool = False,
        discontinuity: bool = False,
        next_sequence: int = 0,
    ) -> int: ...
    def hold(self, attachment: int, held: bool) -> None:
        """A held source gets no frames to fill (it waits for its sinks)."""
    def finish(self, attachment: int) -> bool:
        """Take what a source whose client is gone had sent. False: later, `events` will say Finished."""
    def add_sink(self, flow: int, rings: RingRegion, *, queue: int, policy: _Policy, newest: bool) -> int: ...
    def add_stock_sink(
        self,
        flow: int,
        rings: StockRings,
        *,
        queue: int,
        policy: _Policy,
        newest: bool,
        shared: bool = False,
        chunk: int = 2048,
    ) -> int: ...
    def add_stock_source(self, flow: int, rings: StockRings, *, discontinuity: bool = False) -> int: ...
    def remove(self, attachment: int) -> Counters:
        """Forget an attachment; every frame that it had comes back at once."""
    def counters(self, attachment: int) -> Counters: ...
