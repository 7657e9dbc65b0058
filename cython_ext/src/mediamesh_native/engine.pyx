# cython: language_level=3
"""The engine: one native thread that moves descriptors between sources and sinks.

It sleeps in epoll on the eventfds of all rings, and works on one flow at a time: intake.pxd says
what happens to a source's frames, fanout.pxd what happens to a sink, frames.pxd who owns a frame. A frame is
never touched: only its descriptor moves, so the cost does not depend on its size.

Control calls come from the hub's main thread. They take the engine's lock for a few microseconds; the engine
lets a waiting caller in between two rounds.
"""

import os
import warnings
from collections import namedtuple

from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from posix.unistd cimport read, write

from mediamesh_native.fanout cimport flush, free_slot, publish, stop_asking, take_returns
from mediamesh_native.frames cimport activate, drop_frame, errno, post_frames, report
from mediamesh_native.loop cimport (
    EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLET, EPOLLIN, EVENTS, MM_WAKE, TABLE, TICK_MS, epoll_ctl, epoll_event, epoll_wait, look_up,
    serve, serve_active, serve_all, serve_events, tick,
)
from mediamesh_native.layout cimport MM_LATENCY_BUCKETS, MM_MASK_INT, mm_extension, mm_load64, mm_monotonic, mm_ring, mm_store16, ring_info
from mediamesh_native.model cimport (
    BLOCK, DISCONNECT, DROP_OLDEST, FRAME_POSTED, NO_FAULT, SINK, SOURCE, Attachment, Engine_, Fault, Flow, Policy, PoolState, Role, Slot,
)
from mediamesh_native.pool cimport Pool, RingRegion
from mediamesh_native.snapshot cimport describe_peer, describe_pool, restore_peer, restore_pool
from mediamesh_native.stock cimport post_buffer
from mediamesh_native.stockrings cimport StockRings

from mediamesh_native import live

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    ctypedef unsigned long pthread_t
    ctypedef int clockid_t
    int pthread_mutex_init(pthread_mutex_t *mutex, void *attributes)
    int pthread_mutex_lock(pthread_mutex_t *mutex)
    int pthread_mutex_unlock(pthread_mutex_t *mutex)
    int pthread_create(pthread_t *thread, void *attributes, void *(*run)(void *) noexcept nogil, void *argument)
    int pthread_join(pthread_t thread, void **result)
    int pthread_kill(pthread_t thread, int number)
    int pthread_getcpuclockid(pthread_t thread, clockid_t *clock)
    int sched_yield()

cdef extern from * nogil:
    """
    #define _GNU_SOURCE 1
    #include <pthread.h>
    #include <signal.h>
    #include <time.h>
    static void mm_no_action(int number) { (void)number; }
    /* The signal that interrupts a write that hangs: no SA_RESTART. */
    static int mm_install_interrupt(void) {
        struct sigaction action = {0};
        action.sa_handler = mm_no_action;
        return sigaction(SIGRTMIN + 5, &action, 0);
    }
    static int mm_interrupt_number(void) { return SIGRTMIN + 5; }
    /* The engine thread leaves all signals but that one to the main thread. */
    static void mm_quiet_thread(void) {
        sigset_t all;
        sigfillset(&all);
        sigdelset(&all, SIGRTMIN + 5);
        pthread_sigmask(SIG_SETMASK, &all, 0);
    }
    static double mm_thread_seconds(pthread_t thread) {
        clockid_t clock;
        struct timespec spent;
        if (pthread_getcpuclockid(thread, &clock) || clock_gettime(clock, &spent)) return 0;
        return (double)spent.tv_sec + spent.tv_nsec * 1e-9;
    }
    static int mm_lock_for(pthread_mutex_t *mutex, int milliseconds) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += milliseconds * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);
    }
    static int mm_add_waiting(int *count, int change) { return __atomic_add_fetch(count, change, __ATOMIC_SEQ_CST); }
    static int mm_waiting(int *count) { return __atomic_load_n(count, __ATOMIC_ACQUIRE); }
    """
    int mm_install_interrupt()
    int mm_interrupt_number()
    void mm_quiet_thread()
    double mm_thread_seconds(pthread_t thread)
    int mm_lock_for(pthread_mutex_t *mutex, int milliseconds)
    int mm_add_waiting(int *count, int change)
    int mm_waiting(int *count)

cdef enum:
    PATIENCE_MS = 20

FAULTS = {
    1: "IndexJump",
    2: "ForeignBuffer",
    3: "BadLength",
    4: "BadReturn",
    5: "ClaimJump",
    6: "SlowSink",
    7: "EventBlocked",
    8: "BadChain",
}
POLICIES = {"dropOldest": DROP_OLDEST, "block": BLOCK, "disconnect": DISCONNECT}
STATE_VERSION = 1

Ended = namedtuple("Ended", "attachment reason")
Drained = namedtuple("Drained", "flow region")
FlowCounters = namedtuple("FlowCounters", "frames bytes next_sequence pool_frames pool_free")
Counters = namedtuple("Counters", "frames received dropped occupancy latency")
EngineCounters = namedtuple("EngineCounters", "cpu_seconds wakeups signals bytes_copied")


cdef struct Shared:
    Engine_ state
    pthread_mutex_t lock
    int waiting


cdef void *run(void *argument) noexcept nogil:
    cdef Shared *shared = <Shared *> argument
    cdef Engine_ *engine = &shared.state
    cdef epoll_event events[EVENTS]
    cdef int count, patience = -1
    cdef uint32_t spin = 0
    mm_quiet_thread()
    while True:
        spin += 1
        count = 0
        if not engine.polling or spin & 63 == 0:
            count = epoll_wait(engine.epoll, events, EVENTS, 0 if engine.active_count or engine.polling else patience)
        pthread_mutex_lock(&shared.lock)
        if engine.stopping:
            pthread_mutex_unlock(&shared.lock)
            return NULL
        serve_events(engine, events, count)
        if engine.polling:
            serve_all(engine)
        if engine.active_count:
            serve_active(engine)
        patience = TICK_MS if engine.stock_count and tick(engine) else -1
        pthread_mutex_unlock(&shared.lock)
        while mm_waiting(&shared.waiting):
            sched_yield()


cdef class Engine:
    """Flows, their sources and sinks, and the thread that serves them."""

    cdef Shared *shared
    cdef Engine_ *state
    cdef pthread_t thread
    cdef readonly bint running
    cdef readonly bint closed
    cdef readonly int event_fd
    cdef double spent
    cdef uint32_t next_flow
    cdef dict _flows  # number -> address
    cdef dict _owned  # keeps rings and pools alive while they are in use

    def __cinit__(self):
        self.closed = True
        self.shared = <Shared *> calloc(1, sizeof(Shared))
        if self.shared == NULL:
            raise MemoryError
        self.state = &self.shared.state
        pthread_mutex_init(&self.shared.lock, NULL)

    def __init__(self, *, polling=False):
        cdef epoll_event event
        self.state.table = <Attachment **> calloc(TABLE, sizeof(Attachment *))
        self.state.generation = <uint32_t *> calloc(TABLE, sizeof(uint32_t))
        self.state.active = <uint32_t *> calloc(TABLE, sizeof(uint32_t))
        self.state.stocks = <uint32_t *> calloc(TABLE, sizeof(uint32_t))
        if self.state.table == NULL or self.state.generation == NULL or self.state.active == NULL:
            raise MemoryError
        self.state.polling = polling
        self._flows, self._owned = {}, {}
        epoll = os_epoll()
        self.state.epoll = epoll
        self.state.wake_event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.event_fd = self.state.report_event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        event.events = EPOLLIN
        event.data.u64 = MM_WAKE
        epoll_ctl(self.state.epoll, EPOLL_CTL_ADD, self.state.wake_event, &event)
        mm_install_interrupt()
        self.closed = False
        live.opened("engine")

    # --- the thread

    def start(self):
        """Start (or, after `freeze`, resume) the thread."""
        self._ensure_open()
        if self.running:
            return
        self.state.stopping = False
        if pthread_create(&self.thread, NULL, run, self.shared):
            raise RuntimeError("the engine thread cannot be started")
        self.running = True

    cdef void _stop(self):
        if not self.running:
            return
        self.state.stopping = True
        self._wake()
        self.spent += mm_thread_seconds(self.thread)
        with nogil:
            pthread_join(self.thread, NULL)
        self.running = False

    cdef void _wake(self) noexcept:
        cdef uint64_t one = 1
        write(self.state.wake_event, &one, 8)

    cdef void _lock(self) noexcept:
        """Take the engine's lock. It is held for microseconds, unless a peer blocks the engine: then help it out."""
        cdef int late = 1
        mm_add_waiting(&self.shared.waiting, 1)
        while late:
            with nogil:
                late = mm_lock_for(&self.shared.lock, PATIENCE_MS)
            if late:
                self._interrupt(PATIENCE_MS * 1_000_000)
        mm_add_waiting(&self.shared.waiting, -1)

    cdef bint _interrupt(self, uint64_t older_than_ns) noexcept:
        cdef uint64_t since = self.state.kick_since
        if not self.running or not since or mm_monotonic() - since < older_than_ns:
            return False
        pthread_kill(self.thread, mm_interrupt_number())
        return True

    cdef void _unlock(self) noexcept:
        pthread_mutex_unlock(&self.shared.lock)

    def _ensure_open(self):
        if self.closed:
            raise ValueError("the engine is closed")

    # --- flows

    cdef Flow *_flow(self, number) except NULL:
        self._ensure_open()
        address = self._flows.get(number)
        if address is None:
            raise KeyError(f"no flow {number}")
        return <Flow *> <size_t> address

    cdef Attachment *_peer(self, number) except NULL:
        cdef Attachment *found
        self._ensure_open()
        found = look_up(self.state, <uint32_t> number)
        if found == NULL:
            raise KeyError(f"no attachment {number}")
        return found

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
        """Take frames from `pool`, known to clients as `region`, from now on. Only while there is no source."""
        cdef Flow *flow = self._flow(number)
        cdef PoolState *fresh
        if flow.source != NULL:
            raise ValueError(f"flow {number} still has a source")
        if (number, region) in self._owned:
            raise ValueError(f"region {region} of flow {number} is still referenced")
        fresh = self._new_pool(flow, pool, region)
        self._lock()
        if flow.newest_pool != NULL:
            drop_frame(self.state, flow.newest_pool, flow.newest)
            flow.newest_pool = NULL
        if flow.pool != NULL:
            flow.pool.replaced = True
            if flow.pool.live == 0:
                report(self.state)
        flow.pool = fresh
        self._unlock()

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

    # --- attachments

    cdef int _number(self, Flow *flow, Attachment *peer) except -1:
        cdef uint32_t index = 1
        while index < TABLE and self.state.table[index] != NULL:
            index += 1
        if index == TABLE:
            raise RuntimeError("65,535 attachments are the most that one hub serves")
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
        peer.s2m_event, peer.m2s_event = rings.s2m_event, rings.m2s_event
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
            mm_store16(&peer.m2s.flags, MM_MASK_INT if self.state.polling else 0)
            post_frames(self.state, target)
        finally:
            self._unlock()
        return peer.id

    def hold(self, attachment, held):
        """A held source gets no frames to fill (it waits for its sinks)."""
        cdef Attachment *peer = self._peer(attachment)
        self._lock()
        peer.held = held
        if peer.role == SOURCE:
            post_frames(self.state, peer.flow)
        self._unlock()

    def add_sink(self, flow, RingRegion rings, *, queue, policy, newest):
        """Give the flow's frames to the client of `rings`; with `newest`, the newest one at once."""
        cdef Flow *target = self._flow(flow)
        cdef Attachment *peer = self._connect_rings(rings, queue, SINK)
        self._number(target, peer)
        peer.policy = POLICIES[policy]
        self._make_slots(peer)
        self._lock()
        try:
            self._enlist(peer, rings)
            self._watch(peer, peer.m2s_event)
            mm_store16(&peer.m2s.flags, MM_MASK_INT)
            peer.m2s_head = <uint16_t> (peer.m2s_mask + 1)
            mm_store16(&peer.m2s.head, peer.m2s_head)
            self._begin(target, peer, newest)
        finally:
            self._unlock()
        return peer.id

    cdef _begin(self, Flow *flow, Attachment *sink, bint newest):
        self._join(flow, sink)
        if newest and flow.newest_pool != NULL:
            publish(self.state, sink, flow.newest_pool, flow.newest)
            flush(self.state, sink)

    def add_stock_sink(self, flow, StockRings rings, *, queue, policy, newest, shared=False, chunk=2048):
        """Give the flow's frames to a stock memif peer, at most `chunk` bytes per descriptor.

        `shared`: the descriptors point into the flow's present pool, which the peer has as region 1; frames of a later pool
        are counted as dropped until the peer is connected anew.
        """
        cdef Flow *target = self._flow(flow)
        cdef Attachment *peer = self._connect_stock(rings, queue, SINK)
        self._number(target, peer)
        peer.policy = POLICIES[policy]
        self._make_slots(peer)
        peer.stock.shared, peer.stock.pool, peer.stock.chunk = shared, target.pool, chunk
        peer.stock.fifo = <uint16_t *> calloc(queue, 2)
        if not peer.stock.master:
            peer.stock.slot_of = <uint16_t *> calloc(peer.stock.ring_count * (peer.stock.rings[0].mask + 1), 2)
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
        if rings.closed:
            raise ValueError("the rings are closed")
        peer = <Attachment *> calloc(1, sizeof(Attachment))
        if peer == NULL:
            raise MemoryError
        peer.role, peer.queue, peer.stock = role, queue, &rings.stock
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
        if peer.stock != NULL:
            self._delist_stock(peer)
        else:
            epoll_ctl(self.state.epoll, EPOLL_CTL_DEL, peer.m2s_event, NULL)
        self.state.table[peer.id & (TABLE - 1)] = NULL
        if peer.role == SOURCE:
            flow.source = NULL
            flow.stalled = False
        else:
            self._leave(flow, peer)
        if flow.source != NULL:
            serve(self.state, flow.source)
        self._unlock()
        self._wake()
        del self._owned[attachment]
        free(peer.slots)
        free(peer.free_slots)
        free(peer.ring_slot)
        free(peer.ring_tag)
        free(peer)
        return counters

    cdef void _leave(self, Flow *flow, Attachment *sink) noexcept:
        cdef uint32_t i
        for i in range(sink.queue):
            if sink.slots[i].used:
                free_slot(self.state, sink, <uint16_t> i)
        for i in range(flow.sink_count):
            if flow.sinks[i] == sink:
                flow.sinks[i] = flow.sinks[flow.sink_count - 1]
                flow.sink_count -= 1
                return

    # --- what is

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
        for i in range(TABLE):
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

    cdef _count(self, Attachment *peer):
        cdef uint32_t i
        cdef list latency = []
        if peer.role == SOURCE:
            return Counters(peer.frames, 0, peer.dropped, peer.posted, ())
        take_returns(self.state, peer)
        if peer.stock != NULL:
            return Counters(peer.frames, 0, peer.dropped, peer.queue - peer.free_slot_count, ())
        for i in range(MM_LATENCY_BUCKETS):
            latency.append(mm_load64(&peer.extension.latency[i]))
        return Counters(
            peer.frames, mm_load64(&peer.extension.received), peer.dropped, peer.queue - peer.free_slot_count, tuple(latency)
        )

    def counters(self, attachment):
        """The numbers of one attachment; `received` and `latency` are the client's own word."""
        cdef Attachment *peer = self._peer(attachment)
        self._lock()
        result = self._count(peer)
        self._unlock()
        return result

    def flow_counters(self, number):
        """The numbers of one flow."""
        cdef Flow *flow = self._flow(number)
        self._lock()
        frames = flow.pool.frames if flow.pool != NULL else 0
        available = flow.pool.free_count if flow.pool != NULL else 0
        result = FlowCounters(flow.frames, flow.bytes, flow.next_sequence, frames, available)
        self._unlock()
        return result

    def engine_counters(self):
        """The numbers of the engine itself."""
        spent = self.spent + (mm_thread_seconds(self.thread) if self.running else 0.0)
        return EngineCounters(spent, self.state.wakeups, self.state.signals, self.state.bytes_copied)

    def check_stuck(self, older_than_ns=20_000_000):
        """Interrupt a signal to a peer that has blocked the engine for so long; True if there was one."""
        return self._interrupt(older_than_ns)

    # --- handing over

    def freeze(self):
        """Stop the thread between two frames and describe everything; `start` resumes instead."""
        self._ensure_open()
        if self.state.stock_count:
            raise ValueError("stock peers cannot be handed over: remove them first")
        self._stop()
        return {
            "version": STATE_VERSION,
            "next_flow": self.next_flow,
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
        cdef Engine engine = Engine(polling=polling)
        if state["version"] != STATE_VERSION:
            raise ValueError(f"engine state {state['version']} is not {STATE_VERSION}")
        engine.next_flow = state["next_flow"]
        engine.spent = state["cpu_seconds"]
        engine.state.wakeups = state["wakeups"]
        engine.state.signals = state["signals"]
        engine.state.bytes_copied = state["bytes_copied"]
        for described in state["flows"]:
            engine._restore_flow(described, pools, rings)
        return engine

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
        for saved in described["sinks"]:
            self._join(flow, self._restore_peer(flow, saved, rings, by_region))

    cdef Attachment *_restore_peer(self, Flow *flow, dict saved, dict rings, dict by_region) except NULL:
        cdef RingRegion region = rings[saved["id"]]
        cdef Attachment *peer = self._connect_rings(region, saved["queue"], SOURCE if saved["role"] == 0 else SINK)
        peer.id, peer.flow = saved["id"], flow
        self.state.generation[peer.id & (TABLE - 1)] = peer.id >> 16
        if peer.role == SINK:
            self._make_slots(peer)
        restore_peer(peer, saved, by_region)
        self._enlist(peer, region)
        self._watch(peer, peer.m2s_event)
        if peer.role == SOURCE:
            # Whatever came while nobody looked is found in the first round.
            mm_store16(&peer.m2s.flags, MM_MASK_INT)
            activate(self.state, peer)
        return peer

    def close(self):
        """Stop the thread and forget everything; rings and pools are the owner's again."""
        if self.closed:
            return
        self._stop()
        for number in list(self._flows):
            self._clear_flow(number)
        self.closed = True
        for fd in (self.state.epoll, self.state.wake_event, self.event_fd):
            os.close(fd)
        free(self.state.table)
        free(self.state.generation)
        free(self.state.active)
        free(self.state.stocks)
        live.closed("engine")

    cdef _clear_flow(self, number):
        cdef Flow *flow = self._flow(number)
        while flow.sink_count:
            self.remove(flow.sinks[0].id)
        if flow.source != NULL:
            self.remove(flow.source.id)
        self.remove_flow(number)

    def __dealloc__(self):
        if not self.closed:
            warnings.warn("an engine was dropped open", ResourceWarning)
            self.close()
        free(self.shared)


cdef int os_epoll() except -1:
    import select
    poll = select.epoll(flags=select.EPOLL_CLOEXEC)
    try:
        return os.dup(poll.fileno())
    finally:
        poll.close()
