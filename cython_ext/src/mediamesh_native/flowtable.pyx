# cython: language_level=3
"""Flows and their pools.

A flow has one current pool. Those it had before stay until the last of their frames has come back: sinks may hold them as
long as they like, and the region number is free again only then.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from mediamesh_native.enginethread cimport EngineThread
from mediamesh_native.frames cimport activate, drop_frame, report
from mediamesh_native.model cimport Flow, PoolState
from mediamesh_native.pool cimport Pool

from collections import namedtuple

FlowCounters = namedtuple("FlowCounters", "frames bytes next_sequence pool_frames pool_free stalled")


cdef class FlowTable(EngineThread):
    """Adds, changes and removes flows."""

    def __init__(self, *, polling=False):
        EngineThread.__init__(self, polling=polling)
        self._flows = {}

    cdef Flow *_flow(self, number) except NULL:
        self._ensure_open()
        address = self._flows.get(number)
        if address is None:
            raise KeyError(f"no flow {number}")
        return <Flow *> <size_t> address

    def add_flow(self, *, next_sequence=0):
        """Add a flow without a source, a pool or sinks; returns its number."""
        self._ensure_open()
        self.next_flow += 1
        self._new_flow(self.next_flow, next_sequence)
        return self.next_flow

    cdef Flow *_new_flow(self, uint32_t number, uint64_t next_sequence) except NULL:
        cdef Flow *flow = <Flow *> calloc(1, sizeof(Flow))
        if flow == NULL:
            raise MemoryError
        flow.id = number
        flow.next_sequence = next_sequence
        self._lock()
        flow.next = self.state.flows
        self.state.flows = flow
        self._unlock()
        self._flows[number] = <size_t> flow
        return flow

    def remove_flow(self, number):
        """Forget a flow whose attachments are all removed; its pools are the owner's again."""
        cdef Flow *flow = self._flow(number)
        cdef Flow **place = &self.state.flows
        if flow.source != NULL or flow.sink_count:
            raise ValueError(f"flow {number} still has attachments")
        self._lock()
        while place[0] != flow:
            place = &place[0].next
        place[0] = flow.next
        self._unlock()
        while flow.pools != NULL:
            self._forget_pool(flow, flow.pools)
        free(flow.sinks)
        free(flow)
        del self._flows[number]

    def set_pool(self, number, Pool pool, region):
        """Take frames from `pool`, known to clients as `region`, from now on.

        Only while there is no source that fills the old one: a stock source fills none, so it may stay.
        """
        cdef Flow *flow = self._flow(number)
        cdef PoolState *fresh
        if flow.source != NULL and flow.source.stock == NULL:
            raise ValueError(f"flow {number} still has a source")
        if (number, region) in self._owned:
            raise ValueError(f"region {region} of flow {number} is still referenced")
        fresh = self._new_pool(flow, pool, region)
        self._lock()
        if flow.source != NULL:
            flow.source.stock.chain = 0  # the packet that was coming in comes in anew
            activate(self.state, flow.source)
        if flow.newest_pool != NULL:
            drop_frame(self.state, flow.newest_pool, flow.newest)
            flow.newest_pool = NULL
        if flow.pool != NULL:
            flow.pool.replaced = True
            if flow.pool.live == 0:
                report(self.state)
        flow.pool = fresh
        self._unlock()
        self._wake()

    cdef PoolState *_new_pool(self, Flow *flow, Pool pool, uint32_t region) except NULL:
        cdef PoolState *state = <PoolState *> calloc(1, sizeof(PoolState))
        cdef uint32_t i
        if state == NULL:
            raise MemoryError
        state.region, state.frames, state.capacity, state.stride = region, pool.frames, pool.capacity, pool.stride
        state.state = <unsigned char *> calloc(pool.frames, 1)
        state.refs = <uint32_t *> calloc(pool.frames, 4)
        state.sequence = <uint64_t *> calloc(pool.frames, 8)
        state.flags = <uint32_t *> calloc(pool.frames, 4)
        state.length = <uint32_t *> calloc(pool.frames, 4)
        state.free = <uint32_t *> calloc(pool.frames, 4)
        state.base = pool.mapped()
        state.writable = pool.writable
        state.flow = flow
        for i in range(pool.frames):
            state.free[i] = pool.frames - 1 - i
        state.free_count = pool.frames
        state.next = flow.pools
        flow.pools = state
        self._owned[flow.id, region] = pool
        return state

    cdef void _forget_pool(self, Flow *flow, PoolState *pool):
        cdef PoolState **place = &flow.pools
        while place[0] != pool:
            place = &place[0].next
        place[0] = pool.next
        del self._owned[flow.id, pool.region]
        free(pool.state)
        free(pool.refs)
        free(pool.sequence)
        free(pool.flags)
        free(pool.length)
        free(pool.free)
        free(pool)

    def flow_counters(self, number):
        """The numbers of one flow."""
        cdef Flow *flow = self._flow(number)
        self._lock()
        frames = flow.pool.frames if flow.pool != NULL else 0
        available = flow.pool.free_count if flow.pool != NULL else 0
        result = FlowCounters(flow.frames, flow.bytes, flow.next_sequence, frames, available, bool(flow.stalled))
        self._unlock()
        return result
