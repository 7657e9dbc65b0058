# cython: language_level=3
"""Attachments: who takes part in which flow.

An attachment's number has its place in the table in the low half and a generation in the high half, so that an event which
was already on its way when the attachment was removed finds nobody.
"""

from collections import namedtuple

from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc

from mediamesh_native.fanout cimport publish, take_all_waiting, take_returns
from mediamesh_native.flowtable cimport FlowTable
from mediamesh_native.frames cimport activate, deactivate, errno, free_slot
from mediamesh_native.layout cimport MM_LATENCY_BUCKETS, MM_MASK_INT, mm_extension, mm_load16, mm_load64, mm_ring, mm_store16, ring_info
from mediamesh_native.loop cimport EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLET, EPOLLIN, TABLE, epoll_ctl, epoll_event, look_up
from mediamesh_native.model cimport (
    BLOCK, DISCONNECT, DROP_OLDEST, FRAME_FREE, FRAME_POSTED, NO_FAULT, SINK, SOURCE, Attachment, Flow, Policy, PoolState, Role,
    Slot, Stock,
)
from mediamesh_native.pool cimport RingRegion
from mediamesh_native.stocksource cimport post_buffer
from mediamesh_native.stockrings cimport StockRings

POLICIES = {"dropOldest": DROP_OLDEST, "block": BLOCK, "disconnect": DISCONNECT}

Counters = namedtuple("Counters", "frames received dropped occupancy latency bytes damaged")


cdef class Roster(FlowTable):
    """Adds, counts and removes attachments."""

    cdef Attachment *_peer(self, number) except NULL:
        cdef Attachment *found
        self._ensure_open()
        found = look_up(self.state, <uint32_t> number)
        if found == NULL:
            raise KeyError(f"no attachment {number}")
        return found

    cdef int _number(self, Flow *flow, Attachment *peer) except -1:
        cdef uint32_t index = 1
        while index < TABLE and self.state.table[index] != NULL:
            index += 1
        if index == TABLE:
            raise RuntimeError("65,535 attachments are the most that one hub serves")
        self.state.table_size = max(self.state.table_size, index + 1)
        self.state.generation[index] = (self.state.generation[index] + 1) & 0x7FFF
        peer.id = (self.state.generation[index] << 16) | index
        peer.flow = flow
        return 0

    cdef Attachment *_connect_rings(self, RingRegion rings, uint32_t queue, Role role) except NULL:
        cdef Attachment *peer
        if rings.closed or queue > 1 << rings.s2m_log2:
            raise ValueError("the rings are closed or too small")
        peer = <Attachment *> calloc(1, sizeof(Attachment))
        if peer == NULL:
            raise MemoryError
        peer.role, peer.queue = role, queue
        peer.s2m = <mm_ring *> (rings.base + rings.s2m_offset)
        peer.m2s = <mm_ring *> (rings.base + rings.m2s_offset)
        peer.extension = <mm_extension *> (rings.base + rings.extension_offset)
        peer.info = ring_info(peer.s2m, rings.s2m_log2)
        peer.s2m_mask = <uint16_t> ((1 << rings.s2m_log2) - 1)
        peer.m2s_mask = <uint16_t> ((1 << rings.m2s_log2) - 1)
        peer.s2m_signal, peer.m2s_event = rings.s2m_signal, rings.m2s_event
        return peer

    cdef _enlist(self, Attachment *peer, rings):
        """Put the attachment in the table. The lock is held."""
        self.state.table[peer.id & (TABLE - 1)] = peer
        self._owned[peer.id] = rings

    cdef _watch(self, Attachment *peer, int fd):
        cdef epoll_event event
        event.events = EPOLLIN | EPOLLET
        event.data.u64 = peer.id
        if epoll_ctl(self.state.epoll, EPOLL_CTL_ADD, fd, &event):
            raise OSError(errno, "epoll_ctl")

    def add_source(self, flow, RingRegion rings, *, queue, held=False, discontinuity=False, next_sequence=0):
        """Let the client of `rings` fill the flow's frames. The flow must have a pool and no source."""
        cdef Flow *target = self._flow(flow)
        cdef Attachment *peer
        if target.source != NULL or target.pool == NULL:
            raise ValueError(f"flow {flow} has a source already, or no pool")
        peer = self._connect_rings(rings, queue, SOURCE)
        self._number(target, peer)
        peer.held = held
        self._lock()
        try:
            self._enlist(peer, rings)
            self._watch(peer, peer.m2s_event)
            if next_sequence > target.next_sequence:
                target.next_sequence = next_sequence
            target.discontinuity = target.discontinuity or discontinuity
            target.source = peer
            mm_store16(&peer.m2s.flags, MM_MASK_INT)
            activate(self.state, peer)
        except BaseException:
            self._forget(peer)
            raise
        finally:
            self._unlock()
        self._wake()
        return peer.id

    def hold(self, attachment, held):
        """A held source gets no frames to fill (it waits for its sinks)."""
        cdef Attachment *peer = self._peer(attachment)
        self._lock()
        peer.held = held
        activate(self.state, peer)
        self._unlock()
        self._wake()

    def finish(self, attachment):
        """The client of a source is gone: take what it had sent. False: not done yet, `events` will say Finished."""
        cdef Attachment *peer = self._peer(attachment)
        cdef bint pending
        self._lock()
        pending = peer.role == SOURCE and peer.stock == NULL and peer.fault == NO_FAULT
        pending = pending and mm_load16(&peer.m2s.tail) != peer.m2s_seen
        if pending:
            peer.finishing = True
            activate(self.state, peer)
        self._unlock()
        self._wake()
        return not pending

    def add_sink(self, flow, RingRegion rings, *, queue, policy, newest):
        """Give the flow's frames to the client of `rings`; with `newest`, the newest one at once."""
        cdef Flow *target = self._flow(flow)
        cdef Policy how = POLICIES[policy]
        cdef Attachment *peer = self._connect_rings(rings, queue, SINK)
        peer.policy = how
        self._number(target, peer)
        self._make_slots(peer)
        self._lock()
        try:
            self._enlist(peer, rings)
            self._watch(peer, peer.m2s_event)
            mm_store16(&peer.m2s.flags, MM_MASK_INT)
            peer.m2s_head = <uint16_t> (peer.m2s_mask + 1)
            mm_store16(&peer.m2s.head, peer.m2s_head)
            self._begin(target, peer, newest)
        except BaseException:
            self._forget(peer)
            raise
        finally:
            self._unlock()
        self._wake()
        return peer.id

    cdef _begin(self, Flow *flow, Attachment *sink, bint newest):
        self._join(flow, sink)
        if newest and flow.newest_pool != NULL:
            publish(self.state, sink, flow.newest_pool, flow.newest)
            activate(self.state, sink)  # control calls signal nobody: a peer could make that hang

    def add_stock_sink(self, flow, StockRings rings, *, queue, policy, newest, shared=False, chunk=2048):
        """Give the flow's frames to a stock memif peer, at most `chunk` bytes per descriptor.

        `shared`: the descriptors point into the flow's present pool, which the peer has as region 1; frames of a later pool
        are counted as dropped until the peer is connected anew.
        """
        cdef Flow *target = self._flow(flow)
        cdef Policy how = POLICIES[policy]
        cdef Attachment *peer
        if not 0 < chunk <= 65535 or (not rings.stock.master and not shared and (
            rings.stock.buffers == NULL or chunk > rings.stock.chunk
        )):
            raise ValueError(f"descriptors of {chunk} bytes do not fit the buffers of these rings")
        if rings.media_s2m == rings.stock.master:
            raise ValueError("a sink's media goes out on S2M rings as slave, on M2S rings as master")
        peer = self._connect_stock(rings, queue, SINK)
        peer.policy = how
        self._number(target, peer)
        self._make_slots(peer)
        peer.stock.shared, peer.stock.pool, peer.stock.chunk = shared, target.pool, chunk
        self._make_queue(peer)
        self._lock()
        try:
            self._enlist(peer, rings)
            self._enlist_stock(peer)
            self._begin(target, peer, newest)
        finally:
            self._unlock()
        self._wake()
        return peer.id

    def add_stock_source(self, flow, StockRings rings, *, discontinuity=False):
        """Put what a stock memif peer sends into the flow's frames: one packet, however chained, is one frame.

        The flow must have a pool that is not sealed yet, and no source.
        """
        cdef Flow *target = self._flow(flow)
        cdef Attachment *peer
        cdef uint32_t i, position
        if target.source != NULL or target.pool == NULL:
            raise ValueError(f"flow {flow} has a source already, or no pool")
        if not target.pool.writable:
            raise ValueError(f"the pool of flow {flow} is sealed: what a stock peer sends cannot be put into it")
        if rings.media_s2m != rings.stock.master or (not rings.stock.master and rings.stock.buffers == NULL):
            raise ValueError("a source's media comes on M2S rings with buffers as slave, on S2M rings as master")
        peer = self._connect_stock(rings, 1, SOURCE)
        self._number(target, peer)
        self._lock()
        try:
            self._enlist(peer, rings)
            self._enlist_stock(peer)
            target.discontinuity = target.discontinuity or discontinuity
            target.source = peer
            for i in range(peer.stock.ring_count):
                self._watch(peer, peer.stock.rings[i].event)
                if not peer.stock.master:
                    for position in range(<uint32_t> peer.stock.rings[i].mask + 1):
                        post_buffer(peer.stock, &peer.stock.rings[i], i)
                    mm_store16(&peer.stock.rings[i].ring.head, peer.stock.rings[i].own)
            activate(self.state, peer)
        finally:
            self._unlock()
        self._wake()
        return peer.id

    cdef Attachment *_connect_stock(self, StockRings rings, uint32_t queue, Role role) except NULL:
        cdef Attachment *peer
        if rings.closed and not rings.lost or rings.attached:
            raise ValueError("the rings are closed, or attached already")
        peer = <Attachment *> calloc(1, sizeof(Attachment))
        if peer == NULL:
            raise MemoryError
        peer.role, peer.queue, peer.stock = role, queue, &rings.stock
        rings.attached = True
        return peer

    cdef _enlist_stock(self, Attachment *peer):
        self.state.stocks[self.state.stock_count] = peer.id
        self.state.stock_count += 1

    cdef void _delist_stock(self, Attachment *peer) noexcept:
        cdef uint32_t i
        if peer.role == SOURCE:
            for i in range(peer.stock.ring_count):
                epoll_ctl(self.state.epoll, EPOLL_CTL_DEL, peer.stock.rings[i].event, NULL)
        for i in range(self.state.stock_count):
            if self.state.stocks[i] == peer.id:
                self.state.stock_count -= 1
                self.state.stocks[i] = self.state.stocks[self.state.stock_count]
                return

    cdef _make_slots(self, Attachment *sink):
        cdef uint32_t i, size = sink.s2m_mask + 1
        sink.slots = <Slot *> calloc(sink.queue, sizeof(Slot))
        sink.free_slots = <uint16_t *> calloc(sink.queue, 2)
        sink.ring_slot = <uint16_t *> calloc(size, 2)
        sink.ring_tag = <uint16_t *> calloc(size, 2)
        if sink.slots == NULL or sink.free_slots == NULL or sink.ring_slot == NULL or sink.ring_tag == NULL:
            raise MemoryError
        for i in range(sink.queue):
            sink.free_slots[i] = <uint16_t> (sink.queue - 1 - i)
        sink.free_slot_count = sink.queue

    cdef _make_queue(self, Attachment *sink):
        """Where frames wait for a stock sink, and where those are that it reads in place."""
        cdef Stock *stock = sink.stock
        stock.fifo = <uint16_t *> calloc(sink.queue, 2)
        if stock.fifo == NULL:
            raise MemoryError
        if not stock.master:
            stock.slot_of = <uint16_t *> calloc(stock.ring_count * (stock.rings[0].mask + 1), 2)
            if stock.slot_of == NULL:
                raise MemoryError

    cdef _join(self, Flow *flow, Attachment *sink):
        if flow.sink_count == flow.sink_room:
            flow.sink_room = 2 * flow.sink_room or 4
            flow.sinks = <Attachment **> realloc(flow.sinks, flow.sink_room * sizeof(Attachment *))
            if flow.sinks == NULL:
                raise MemoryError
        flow.sinks[flow.sink_count] = sink
        flow.sink_count += 1

    def remove(self, attachment):
        """Forget an attachment; every frame that it had comes back at once. Returns its last counters."""
        cdef Attachment *peer = self._peer(attachment)
        cdef Flow *flow = peer.flow
        self._lock()
        counters = self._count(peer)
        if peer.role == SOURCE:
            self._take_posted(flow)
        else:
            self._leave(flow, peer)
        self._forget(peer)
        if flow.source != NULL:
            activate(self.state, flow.source)
        self._unlock()
        self._wake()
        return counters

    cdef void _forget(self, Attachment *peer):
        """Take an attachment out of everything, however far it got in."""
        if peer.flow.source == peer:
            peer.flow.source = NULL
            peer.flow.stalled = False
        if peer.stock != NULL:
            self._delist_stock(peer)
        else:
            epoll_ctl(self.state.epoll, EPOLL_CTL_DEL, peer.m2s_event, NULL)
        deactivate(self.state, peer)
        self.state.table[peer.id & (TABLE - 1)] = NULL
        self._owned.pop(peer.id, None)
        free(peer.slots)
        free(peer.free_slots)
        free(peer.ring_slot)
        free(peer.ring_tag)
        free(peer)

    cdef void _take_posted(self, Flow *flow) noexcept:
        """What the source had in hand is free. It may still write there: its pool is replaced before it is used again."""
        cdef PoolState *pool = flow.pool
        cdef uint32_t i
        for i in range(pool.frames):
            if pool.state[i] == FRAME_POSTED:
                pool.state[i] = FRAME_FREE
                pool.free[pool.free_count] = i
                pool.free_count += 1

    cdef void _leave(self, Flow *flow, Attachment *sink) noexcept:
        cdef uint32_t i
        if sink.stock == NULL and not self.closing:
            take_all_waiting(sink)
        for i in range(sink.queue):
            if sink.slots[i].used:
                free_slot(self.state, sink, <uint16_t> i)
        for i in range(flow.sink_count):
            if flow.sinks[i] == sink:
                flow.sinks[i] = flow.sinks[flow.sink_count - 1]
                flow.sink_count -= 1
                return

    cdef _count(self, Attachment *peer):
        cdef uint32_t i
        cdef list latency = []
        if peer.role == SOURCE:
            return Counters(peer.frames, 0, peer.dropped, peer.posted, (), peer.bytes, 0)
        take_returns(self.state, peer)
        if peer.stock != NULL:
            return Counters(peer.frames, 0, peer.dropped, peer.queue - peer.free_slot_count, (), peer.bytes, 0)
        for i in range(MM_LATENCY_BUCKETS):
            latency.append(mm_load64(&peer.extension.latency[i]))
        return Counters(
            peer.frames, mm_load64(&peer.extension.received), peer.dropped, peer.queue - peer.free_slot_count, tuple(latency),
            peer.bytes, mm_load64(&peer.extension.damaged),
        )

    def counters(self, attachment):
        """The numbers of one attachment; `received`, `damaged` and `latency` are the client's own word."""
        cdef Attachment *peer = self._peer(attachment)
        self._lock()
        result = self._count(peer)
        self._unlock()
        return result
