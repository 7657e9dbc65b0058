"""Reference counts of frames, and handing free frames to the source."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t
from posix.unistd cimport write

from mediamesh_native.bell cimport MM_BELL_SOCKET, MM_BELL_UNNEEDED, mm_bell_wake
from mediamesh_native.layout cimport MM_HEADER_SIZE, MM_MASK_INT, mm_desc, mm_fence, mm_load16, mm_monotonic, mm_ring, mm_store16
from mediamesh_native.model cimport (
    EVENT_BLOCKED, FRAME_FREE, FRAME_LIVE, FRAME_POSTED, NO_FAULT, SOURCE_REGION,
    Attachment, Engine_, Fault, Flow, PoolState, Slot,
)

cdef extern from "<errno.h>" nogil:
    int errno
    int EINTR

cdef extern from "<sys/socket.h>" nogil:
    const int MSG_DONTWAIT
    const int MSG_NOSIGNAL
    ssize_t send(int fd, const void *data, size_t length, int flags)


cdef inline void report(Engine_ *engine) noexcept nogil:
    cdef uint64_t one = 1
    write(engine.report_event, &one, 8)


cdef inline void activate(Engine_ *engine, Attachment *peer) noexcept nogil:
    """Have another look at `peer` in the next round, without waiting for anything."""
    if not peer.active:
        peer.active = True
        engine.active[engine.active_count] = peer.id
        engine.active_count += 1


cdef inline void deactivate(Engine_ *engine, Attachment *peer) noexcept nogil:
    """Leave no entry for a peer that goes: each has one at most, so there is room for all."""
    cdef uint32_t i
    if not peer.active:
        return
    for i in range(engine.active_count):
        if engine.active[i] == peer.id:
            engine.active_count -= 1
            engine.active[i] = engine.active[engine.active_count]
            return


cdef inline void end(Engine_ *engine, Attachment *peer, Fault fault) noexcept nogil:
    """Stop serving `peer`; its owner is told why and removes it."""
    if peer.fault == NO_FAULT:
        peer.fault = fault
        report(engine)


cdef inline void signal_peer(Engine_ *engine, Attachment *peer, int event) noexcept nogil:
    """Wake a client of ours. Nothing it does makes this wait; if it cannot be told, enough signals wait for it, or it is gone."""
    cdef char one = 1
    cdef int how = MM_BELL_SOCKET if peer.stock != NULL else mm_bell_wake(&peer.extension.bell)
    if how == MM_BELL_UNNEEDED:
        return
    engine.signals += 1
    if peer.stock != NULL:
        signal_stock(engine, peer, event)
    elif how == MM_BELL_SOCKET:
        send(event, &one, 1, MSG_DONTWAIT | MSG_NOSIGNAL)


cdef inline void signal_stock(Engine_ *engine, Attachment *peer, int event) noexcept nogil:
    """Write an eventfd that a stock peer shares with us, as memif has it.

    The peer can clear O_NONBLOCK (it is a property of the shared description) and fill the counter, so
    this write may block: the owner's `check_stuck` interrupts it with a signal, and the peer is ended.
    """
    cdef uint64_t one = 1
    engine.kicking = peer.id
    engine.kick_since = mm_monotonic()
    if write(event, &one, 8) < 0 and errno == EINTR:
        end(engine, peer, EVENT_BLOCKED)
    engine.kick_since = 0


cdef inline void wake_receiver(Engine_ *engine, Attachment *peer, mm_ring *ring, int event) noexcept nogil:
    """Signal the receiver of `ring` unless it said that it is awake. The caller has just stored an index."""
    mm_fence()
    if not mm_load16(&ring.flags) & MM_MASK_INT:
        signal_peer(engine, peer, event)


cdef inline void hold_frame(PoolState *pool, uint32_t frame) noexcept nogil:
    if pool.refs[frame] == 0:
        pool.live += 1
    pool.refs[frame] += 1


cdef inline void drop_frame(Engine_ *engine, PoolState *pool, uint32_t frame) noexcept nogil:
    """One reference less; the last one frees the frame, or the whole pool if it was replaced."""
    pool.refs[frame] -= 1
    if pool.refs[frame]:
        return
    pool.live -= 1
    pool.state[frame] = FRAME_FREE
    pool.free[pool.free_count] = frame
    pool.free_count += 1
    if pool.replaced and pool.live == 0:
        report(engine)


cdef inline void free_slot(Engine_ *engine, Attachment *sink, uint16_t index) noexcept nogil:
    """A sink's reference to a frame ends."""
    cdef Slot *slot = &sink.slots[index]
    slot.used = False
    slot.tag += 1
    sink.free_slots[sink.free_slot_count] = index
    sink.free_slot_count += 1
    drop_frame(engine, slot.pool, slot.frame)


cdef inline void wake_source(Engine_ *engine, Attachment *source) noexcept nogil:
    """Signal a source that sleeps for want of a frame, if it has got some since."""
    if source.posted_quietly:
        source.posted_quietly = 0
        wake_receiver(engine, source, source.s2m, source.s2m_signal)


cdef inline void post_frames(Engine_ *engine, Flow *flow) noexcept nogil:
    """Give the source free frames, up to its queue. It is woken for half a queue, or when the engine has nothing else to do for it."""
    cdef Attachment *source = flow.source
    cdef PoolState *pool = flow.pool
    cdef mm_desc *desc
    cdef uint32_t frame
    if source == NULL or source.stock != NULL or pool == NULL or source.held or source.fault != NO_FAULT:
        return
    while source.posted < source.queue and pool.free_count:
        pool.free_count -= 1
        frame = pool.free[pool.free_count]
        pool.state[frame] = FRAME_POSTED
        desc = &source.m2s.desc[source.m2s_head & source.m2s_mask]
        desc.flags = 0
        desc.region = SOURCE_REGION
        desc.length = <uint32_t> (MM_HEADER_SIZE + pool.capacity)
        desc.offset = <uint32_t> (frame * pool.stride)
        desc.metadata = 0
        source.m2s_head += 1
        source.posted += 1
        source.posted_quietly += 1
    if source.posted_quietly:
        mm_store16(&source.m2s.head, source.m2s_head)
        if 2 * source.posted_quietly >= source.queue:
            wake_source(engine, source)
