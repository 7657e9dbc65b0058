"""One flow: its pools, its source, its sinks.

Sinks know pools under region numbers that run 1..250 and around; every source calls its own pool region 1. A sink
that has not read its socket for a while must not take an older mapping for a new pool, so it knows only the newest
eight numbers, at most four pools of a flow live at a time, and a sink that leaves three announcements unanswered is
ended. The pool for
the next source (`spare`) is made ahead. A pool is given back when the engine says that its last frame has come home.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from mediamesh_agent.hub.attachment import Attachment
from mediamesh_agent.hub.errors import HubError, Refused
from mediamesh_agent.hub.pools import Geometry, PoolMaker
from mediamesh_native.pool import Pool
from mediamesh_protos import plan_pb2

REGIONS = 250
LIVE_POOLS = 4
_MOST_REMEMBERED = 1024


@dataclass(slots=True, eq=False)
class LivePool:
    """A pool that clients know under a region number."""

    pool: Pool
    geometry: Geometry


@dataclass(slots=True, eq=False)
class Flow:
    """A connection's frames on this node. `number` is the engine's."""

    plan: plan_pb2.FlowPlan
    number: int
    maker: PoolMaker
    pools: dict[int, LivePool] = field(default_factory=dict)
    spare: LivePool | None = None
    offered: LivePool | None = None
    making: "asyncio.Task[None] | None" = None
    current: int = 0
    generation: int = 0
    error: HubError | None = None
    attachments: dict[int, Attachment] = field(default_factory=dict)
    seen: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    frames_before: int = 0
    bytes_before: int = 0

    @property
    def name(self) -> str:
        """The connection's full name."""
        return self.plan.connection

    @property
    def geometry(self) -> Geometry:
        """What the plan wants the pool to be."""
        return Geometry(self.plan.frames, self.plan.capacity, self.plan.huge_pages)

    @property
    def frames(self) -> int:
        """Frames that sinks may count on: those of the pool that is being filled, else of the planned one."""
        if self.source is not None and self.current:
            return self.pools[self.current].geometry.frames
        return self.plan.frames

    @property
    def source(self) -> Attachment | None:
        """The source, also one that is still attaching."""
        return next((one for one in self.attachments.values() if one.grant.role == "source"), None)

    @property
    def has_source(self) -> bool:
        """Whether the place of the source is taken."""
        return self.source is not None

    @property
    def sinks(self) -> list[Attachment]:
        """All sinks that are serving."""
        return [one for one in self.attachments.values() if one.grant.role == "sink" and one.serving]

    @property
    def shared(self) -> bool:
        """Whether the plan has a stock peer that maps the pool, which then cannot be sealed."""
        return any(sink.endpoint.kind == "memif" and sink.endpoint.memif.access == "shared" for sink in self.plan.sinks)

    def attached(self, endpoint: str) -> int:
        """Count the attachments of an endpoint, half-way ones too."""
        return sum(one.grant.endpoint == endpoint for one in self.attachments.values())

    def queued(self) -> int:
        """Sum the frames that all sinks together may hold."""
        return sum(one.grant.queue for one in self.attachments.values() if one.grant.role == "sink")

    def count_attach(self, endpoint: str, folder: str, client: str) -> int:
        """Say how often this client was at this endpoint before."""
        if len(self.seen) >= _MOST_REMEMBERED:
            self.seen.clear()
        self.seen[endpoint, folder, client] += 1
        return self.seen[endpoint, folder, client] - 1

    # --- pools

    def prepare(self) -> "asyncio.Task[None]":
        """Have the pool for the next source made, unless it is there or under way."""
        if self.making is None or self.making.done():
            self.making = asyncio.create_task(self._make_spare(), name=f"pool of {self.name}")
        return self.making

    async def _make_spare(self) -> None:
        if self.spare is not None and self.spare.geometry == self.geometry:
            return
        self.drop_spare()
        geometry = self.geometry
        try:
            pool = await self.maker.make(geometry)
        except HubError as error:
            self.error = error
        else:
            self.error = None
            self.spare = LivePool(pool, geometry)

    async def offer_pool(self) -> tuple[int, LivePool]:
        """Set aside the next source's pool and region number, or refuse the source."""
        region = self._next_region()
        await asyncio.shield(self.prepare())
        return region, self._set_aside()

    def offer_spare(self) -> int:
        """Set aside the pool that was made ahead, and return its region number; raises Refused if there is none."""
        region = self._next_region()
        self._set_aside()
        return region

    def _set_aside(self) -> LivePool:
        if self.spare is None:
            error = self.error
            text = error.message if error else "there was no memory for the pool, or it was given up for another flow"
            raise Refused(error.reason if error else "OutOfMemory", text, transient=True)
        self.offered, self.spare = self.spare, None
        return self.offered

    @property
    def crowded(self) -> bool:
        """Whether old pools leave no room for another one."""
        return len(self.pools) >= LIVE_POOLS or self.current % REGIONS + 1 in self.pools

    @property
    def outgrown(self) -> bool:
        """Whether the pool in use has fewer frames than the plan asks for."""
        return self.current in self.pools and self.pools[self.current].geometry.frames < self.plan.frames

    def _next_region(self) -> int:
        region = self.current % REGIONS + 1
        if self.crowded:
            text = f"sinks of {self.name} still hold frames of the last {len(self.pools)} sources"
            raise Refused("PoolsInUse", text, transient=True)
        return region

    def install(self, region: int) -> Pool:
        """Make the offered pool the current one: its source is connected and has mapped it."""
        if self.offered is None:
            raise RuntimeError(f"{self.name} has offered no pool")
        self.pools[region], self.offered = self.offered, None
        self.current = region
        self.generation += 1
        return self.pools[region].pool

    def withdraw_offer(self) -> None:
        """Forget a pool whose client did not become the source: it may have mapped it, so nobody else ever gets it."""
        if self.offered is not None:
            live, self.offered = self.offered, None
            self.maker.close(live.pool, live.geometry)

    def drained(self, region: int) -> None:
        """Give back an old pool: no frame of it is anywhere."""
        live = self.pools.pop(region)
        self.maker.close_later(live.pool, live.geometry)

    def drop_spare(self) -> None:
        """Give up the pool that was made ahead."""
        if self.spare is not None:
            live, self.spare = self.spare, None
            self.maker.close(live.pool, live.geometry)

    def close_pools(self) -> None:
        """Give everything back; the engine has forgotten the flow."""
        if self.making is not None:
            self.making.cancel()
        self.drop_spare()
        self.withdraw_offer()
        for live in self.pools.values():
            self.maker.close(live.pool, live.geometry)
        self.pools.clear()

    @property
    def pool_bytes(self) -> int:
        """Memory of all pools of this flow."""
        waiting = [live for live in (self.spare, self.offered) if live is not None]
        return sum(live.geometry.size for live in (*waiting, *self.pools.values()))
