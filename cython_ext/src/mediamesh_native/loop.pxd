"""The rounds of the engine thread: who is looked at, and when."""

from libc.stdint cimport uint32_t, uint64_t
from posix.unistd cimport read

from mediamesh_native.fanout cimport flush, take_returns
from mediamesh_native.frames cimport activate
from mediamesh_native.intake cimport is_starved, serve_sink, serve_source, stock_pending
from mediamesh_native.layout cimport mm_monotonic
from mediamesh_native.model cimport NO_FAULT, SOURCE, Attachment, Engine_, Flow
from mediamesh_native.stock cimport stock_rekick, stock_unread

cdef extern from "<sys/epoll.h>" nogil:
    const unsigned EPOLLIN
    const unsigned EPOLLET
    const int EPOLL_CTL_ADD
    const int EPOLL_CTL_DEL
    ctypedef union epoll_data_t:
        uint64_t u64
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_ctl(int epoll, int operation, int fd, epoll_event *event)
    int epoll_wait(int epoll, epoll_event *events, int room, int timeout)

cdef enum:
    TABLE = 1 << 16
    EVENTS = 64
    TICK_MS = 1

cdef extern from *:
    """
    #define MM_WAKE UINT64_MAX
    """
    const uint64_t MM_WAKE


cdef inline Attachment *look_up(Engine_ *engine, uint32_t number) noexcept nogil:
    """The attachment of that number, or NULL if it is gone: its place may have a new tenant."""
    cdef Attachment *found = engine.table[number & <uint32_t> (TABLE - 1)]
    return found if found != NULL and found.id == number else NULL


cdef inline void serve(Engine_ *engine, Attachment *peer) noexcept nogil:
    if peer.fault != NO_FAULT:
        return
    if peer.role == SOURCE:
        if serve_source(engine, peer):
            activate(engine, peer)
    elif serve_sink(engine, peer):
        activate(engine, peer)
    if peer.flow.source != NULL and peer.flow.stalled and peer.role != SOURCE and serve_source(engine, peer.flow.source):
        activate(engine, peer.flow.source)


cdef inline void serve_active(Engine_ *engine) noexcept nogil:
    """Go on with those that had more than one turn's worth."""
    cdef uint32_t count = engine.active_count
    cdef uint32_t i
    cdef uint32_t *work = engine.active
    cdef Attachment *peer
    engine.active = engine.active_before  # whoever is activated meanwhile has a turn in the next round
    engine.active_before = work
    engine.active_count = 0
    for i in range(count):
        peer = look_up(engine, work[i])
        if peer != NULL:
            peer.active = False
            serve(engine, peer)


cdef inline void serve_all(Engine_ *engine) noexcept nogil:
    cdef Flow *flow = engine.flows
    while flow != NULL:
        if flow.source != NULL:
            serve(engine, flow.source)
        flow = flow.next


cdef inline void serve_events(Engine_ *engine, epoll_event *events, int count) noexcept nogil:
    cdef int i
    cdef Attachment *peer
    cdef uint64_t ignored
    if count > 0:
        engine.wakeups += 1
    for i in range(count):
        if events[i].data.u64 == MM_WAKE:
            read(engine.wake_event, &ignored, 8)
            continue
        peer = look_up(engine, <uint32_t> events[i].data.u64)
        if peer != NULL:
            serve(engine, peer)


cdef inline bint tick_peer(Engine_ *engine, Attachment *peer, uint64_t now) noexcept nogil:
    """Look after one stock peer: nothing tells us when it takes or gives; True while that must be watched.

    DPDK's memif publishes a packet and then looks whether we are awake, with no barrier between the two. The processor may
    look first, see that we are, and publish just after we looked for the last time: no signal follows. Its store is
    under way by then, so one more look a little later finds the packet.
    """
    if peer.fault != NO_FAULT:
        return False
    if peer.role == SOURCE:
        if stock_pending(engine, peer):
            serve(engine, peer)
        if peer.fault != NO_FAULT or peer.flow.pool == NULL:
            return False
        return is_starved(peer.flow) or now < peer.stock.doubtful_until
    take_returns(engine, peer)
    if peer.stock.fifo_count or peer.flow.stalled:
        serve(engine, peer)
    stock_rekick(engine, peer, now)
    return peer.fault == NO_FAULT and (peer.free_slot_count < peer.queue or stock_unread(peer))


cdef inline bint tick(Engine_ *engine) noexcept nogil:
    """Look after all stock peers; True while the clock has to go on."""
    cdef uint32_t i
    cdef bint watch = False
    cdef uint64_t now = mm_monotonic()
    cdef Attachment *peer
    for i in range(engine.stock_count):
        peer = look_up(engine, engine.stocks[i])
        if peer != NULL and tick_peer(engine, peer, now):
            watch = True
    return watch
