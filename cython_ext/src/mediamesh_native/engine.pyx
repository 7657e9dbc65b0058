# cython: language_level=3
"""The engine: one native thread that moves descriptors between sources and sinks.

It sleeps in epoll on the eventfds of all rings, and works on one flow at a time: intake.pxd says what happens to a source's
frames, fanout.pxd what happens to a sink, stock.pxd and stocksource.pxd what is different for a stock memif peer, frames.pxd who owns a frame, loop.pxd who is looked at when.
A frame is never touched: only its descriptor moves, so the cost does not depend on its size.

This class is built in layers, one idea each: EngineThread (thread and lock), FlowTable (flows and pools), Roster (attachments), and
here what the owner is told and how everything is handed over to another process.
"""

from collections import namedtuple

from libc.stdint cimport uint32_t, uint64_t
from posix.unistd cimport read

from mediamesh_native.frames cimport activate, end, report
from mediamesh_native.layout cimport MM_MASK_INT, mm_store16
from mediamesh_native.loop cimport TABLE
from mediamesh_native.model cimport NO_FAULT, RINGS_LOST, SINK, SOURCE, Attachment, Flow, PoolState, Role
from mediamesh_native.pool cimport RingRegion
from mediamesh_native.roster cimport Roster
from mediamesh_native.snapshot cimport describe_peer, describe_pool, restore_peer, restore_pool, restore_stock
from mediamesh_native.stockrings cimport StockRings

from mediamesh_native.enginethread import EngineCounters
from mediamesh_native.flowtable import FlowCounters
from mediamesh_native.roster import Counters

FAULTS = {
    1: "IndexJump",
    2: "ForeignBuffer",
    3: "BadLength",
    4: "BadReturn",
    5: "ClaimJump",
    6: "SlowSink",
    7: "EventBlocked",
    8: "BadChain",
    9: "Finished",
    10: "RingsLost",
}
STATE_VERSION = 3

Ended = namedtuple("Ended", "attachment reason")
Drained = namedtuple("Drained", "flow region")


cdef class Engine(Roster):
    """Flows, their sources and sinks, and the thread that serves them."""

    def events(self):
        """What has happened since the last call: attachments that ended, pools that nobody uses."""
        cdef uint64_t ignored
        cdef uint32_t i
        cdef Flow *flow
        cdef PoolState *pool
        cdef PoolState *after
        cdef list found = []
        self._ensure_open()
        read(self.event_fd, &ignored, 8)
        self._lock()
        for i in range(self.state.table_size):
            if self.state.table[i] != NULL and self.state.table[i].fault != NO_FAULT and not self.state.table[i].reported:
                self.state.table[i].reported = True
                found.append(Ended(self.state.table[i].id, FAULTS[self.state.table[i].fault]))
        flow = self.state.flows
        while flow != NULL:
            pool = flow.pools
            while pool != NULL:
                after = pool.next
                if pool.replaced and pool.live == 0:
                    found.append(Drained(flow.id, pool.region))
                    self._forget_pool(flow, pool)
                pool = after
            flow = flow.next
        self._unlock()
        return found

    def freeze(self):
        """Stop the thread between two frames and describe everything; `start` resumes instead."""
        cdef uint32_t i
        self._ensure_open()
        self._stop()
        return {
            "version": STATE_VERSION,
            "next_flow": self.next_flow,
            "generations": [self.state.generation[i] for i in range(self.state.table_size)],
            "cpu_seconds": self.spent,
            "wakeups": self.state.wakeups,
            "signals": self.state.signals,
            "bytes_copied": self.state.bytes_copied,
            "flows": [self._describe_flow(number) for number in self._flows],
        }

    cdef _describe_flow(self, number):
        cdef Flow *flow = self._flow(number)
        cdef PoolState *pool = flow.pools
        cdef uint32_t i
        pools, sinks = [], []
        while pool != NULL:
            pools.append(describe_pool(pool))
            pool = pool.next
        for i in range(flow.sink_count):
            sinks.append(describe_peer(flow.sinks[i]))
        return {
            "id": flow.id,
            "next_sequence": flow.next_sequence,
            "frames": flow.frames,
            "bytes": flow.bytes,
            "discontinuity": int(flow.discontinuity),
            "current": flow.pool.region if flow.pool != NULL else 0,
            "newest": [flow.newest_pool.region, flow.newest] if flow.newest_pool != NULL else [],
            "pools": pools,
            "source": describe_peer(flow.source) if flow.source != NULL else {},
            "sinks": sinks,
        }

    @staticmethod
    def thaw(state, pools, rings, *, polling=False):
        """The engine that `freeze` described, not yet started; numbers stay the same."""
        cdef Engine engine
        if state["version"] != STATE_VERSION:
            raise ValueError(f"engine state {state['version']} is not {STATE_VERSION}")
        engine = Engine(polling=polling)
        engine.next_flow = state["next_flow"]
        engine.spent = state["cpu_seconds"]
        engine.state.wakeups = state["wakeups"]
        engine.state.signals = state["signals"]
        engine.state.bytes_copied = state["bytes_copied"]
        try:
            engine._restore_generations(state["generations"])
            for described in state["flows"]:
                engine._restore_flow(described, pools, rings)
        except BaseException:
            engine.close()
            raise
        report(engine.state)  # what was not yet told is told now
        return engine

    cdef _restore_generations(self, list generations):
        """Numbers that are free now are not given to others: who was removed may still be spoken of."""
        cdef uint32_t i
        self.state.table_size = len(generations)
        for i in range(self.state.table_size):
            self.state.generation[i] = generations[i]

    cdef _restore_flow(self, dict described, dict pools, dict rings):
        cdef Flow *flow = self._new_flow(described["id"], described["next_sequence"])
        cdef PoolState *pool
        by_region = {}
        flow.frames, flow.bytes = described["frames"], described["bytes"]
        flow.discontinuity = described["discontinuity"]
        for saved in reversed(described["pools"]):
            pool = self._new_pool(flow, pools[flow.id, saved["region"]], saved["region"])
            restore_pool(pool, saved)
            by_region[pool.region] = <size_t> pool
            if pool.region == described["current"]:
                flow.pool = pool
        if described["newest"]:
            region, flow.newest = described["newest"]
            flow.newest_pool = <PoolState *> <size_t> by_region[region]
        if described["source"]:
            flow.source = self._restore_peer(flow, described["source"], rings, by_region)
            if flow.source.stock != NULL:
                self._take_posted(flow)  # the packet that was coming in comes in anew
        for saved in described["sinks"]:
            self._join(flow, self._restore_peer(flow, saved, rings, by_region))

    cdef Attachment *_restore_peer(self, Flow *flow, dict saved, dict rings, dict by_region) except NULL:
        cdef RingRegion region
        cdef Attachment *peer
        cdef Role role = SOURCE if saved["role"] == 0 else SINK
        if "stock" in saved:
            return self._restore_stock(flow, saved, rings[saved["id"]], role, by_region)
        region = rings[saved["id"]]
        peer = self._connect_rings(region, saved["queue"], role)
        peer.id, peer.flow = saved["id"], flow
        if peer.role == SINK:
            self._make_slots(peer)
        restore_peer(peer, saved, by_region)
        self._enlist(peer, region)
        self._watch(peer, peer.m2s_event)
        if peer.role == SOURCE:
            mm_store16(&peer.m2s.flags, MM_MASK_INT)
        activate(self.state, peer)  # whatever came while nobody looked is found in the first round
        return peer

    cdef Attachment *_restore_stock(self, Flow *flow, dict saved, StockRings rings, Role role, dict by_region) except NULL:
        cdef Attachment *peer = self._connect_stock(rings, saved["queue"], role)
        cdef uint32_t i
        peer.id, peer.flow = saved["id"], flow
        if role == SINK:
            self._make_slots(peer)
        restore_peer(peer, saved, by_region)
        if rings.lost:
            end(self.state, peer, RINGS_LOST)
        else:
            if role == SINK:
                self._make_queue(peer)
            restore_stock(peer, saved["stock"], by_region)
        self._enlist(peer, rings)
        self._enlist_stock(peer)
        if role == SOURCE:
            for i in range(peer.stock.ring_count):
                self._watch(peer, peer.stock.rings[i].event)
        activate(self.state, peer)
        return peer

    def close(self):
        """Stop the thread and forget everything; rings and pools are the owner's again."""
        if self.closed:
            return
        self.closing = True
        self._stop()
        for number in list(self._flows):
            self._clear_flow(number)
        self._close_thread()

    cdef _clear_flow(self, number):
        cdef Flow *flow = self._flow(number)
        while flow.sink_count:
            self.remove(flow.sinks[0].id)
        if flow.source != NULL:
            self.remove(flow.source.id)
        self.remove_flow(number)
