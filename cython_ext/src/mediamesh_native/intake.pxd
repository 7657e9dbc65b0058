"""What happens between the source and its flow: check, number, fan out, post again."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t

from mediamesh_native.fanout cimport ask_for_returns, flush, lacks_room, publish, stop_asking, take_returns
from mediamesh_native.frames cimport drop_frame, end, hold_frame, post_frames, wake_source
from mediamesh_native.layout cimport (
    MM_DESC_NEXT, MM_FLAG_DISCONTINUITY, MM_HEADER_SIZE, MM_MASK_INT, mm_desc, mm_fence, mm_load16, mm_monotonic, mm_store16,
    mm_take_desc,
)
from mediamesh_native.stock cimport PORTION, begin_frame
from mediamesh_native.stocksource cimport DOUBT_NS, chain_length, gather, stock_available, stock_consumed, write_header
from mediamesh_native.model cimport (
    BAD_CHAIN, BAD_LENGTH, FINISHED, FOREIGN_BUFFER, FRAME_LIVE, FRAME_POSTED, INDEX_JUMP, NO_FAULT, SOURCE_REGION,
    Attachment, Engine_, Fault, Flow, PoolState, Stock, StockRing,
)

cdef enum:
    BATCH = 64  # frames of one flow before the others get their turn
    ROUNDS = 16
    BURST = 16  # so many frames in a row, and more are likely to come at once:
    LINGER = 4  # then the engine looks so often again before it sleeps


cdef inline Fault check_sent(Attachment *source, mm_desc *desc) noexcept nogil:
    """Whether `desc` names a frame that this source was given and that it may have filled so far."""
    cdef PoolState *pool = source.flow.pool
    cdef uint64_t frame
    if desc.flags & MM_DESC_NEXT:
        return BAD_CHAIN
    frame = desc.offset // pool.stride
    if desc.region != SOURCE_REGION or desc.offset % pool.stride or frame >= pool.frames:
        return FOREIGN_BUFFER
    if pool.state[frame] != FRAME_POSTED:
        return FOREIGN_BUFFER
    if desc.length < MM_HEADER_SIZE or desc.length > MM_HEADER_SIZE + pool.capacity:
        return BAD_LENGTH
    return NO_FAULT


cdef inline void keep_newest(Engine_ *engine, Flow *flow, PoolState *pool, uint32_t frame) noexcept nogil:
    """The newest frame stays for a sink that comes late."""
    hold_frame(pool, frame)
    if flow.newest_pool != NULL:
        drop_frame(engine, flow.newest_pool, flow.newest)
    flow.newest_pool = pool
    flow.newest = frame


cdef inline void fan_out(Engine_ *engine, Flow *flow, PoolState *pool, uint32_t frame, uint32_t length) noexcept nogil:
    """Number one frame and give it to every sink."""
    cdef uint32_t i
    pool.state[frame] = FRAME_LIVE
    pool.length[frame] = length
    pool.sequence[frame] = flow.next_sequence
    pool.flags[frame] = MM_FLAG_DISCONTINUITY if flow.discontinuity else 0
    flow.discontinuity = False
    flow.next_sequence += 1
    flow.frames += 1
    flow.bytes += length
    hold_frame(pool, frame)
    for i in range(flow.sink_count):
        if flow.sinks[i].fault == NO_FAULT:
            publish(engine, flow.sinks[i], pool, frame)
    keep_newest(engine, flow, pool, frame)
    drop_frame(engine, pool, frame)


cdef inline bint must_wait(Engine_ *engine, Flow *flow) noexcept nogil:
    """Whether a `block` sink has no room: then the source's frames stay with the source."""
    cdef uint32_t i
    for i in range(flow.sink_count):
        if lacks_room(engine, flow.sinks[i]):
            flush(engine, flow.sinks[i])
            ask_for_returns(engine, flow.sinks[i])
            if lacks_room(engine, flow.sinks[i]):
                return True
    return False


cdef inline uint32_t take_batch(Engine_ *engine, Attachment *source) noexcept nogil:
    """Accept up to BATCH frames; returns how many."""
    cdef Flow *flow = source.flow
    cdef mm_desc desc
    cdef Fault fault
    cdef uint32_t done = 0
    cdef uint16_t tail = mm_load16(&source.m2s.tail)
    cdef uint16_t pending = <uint16_t> (tail - source.m2s_seen)
    flow.stalled = False
    if pending > source.posted:
        end(engine, source, INDEX_JUMP)
        return 0
    while done < pending and done < BATCH:
        flow.stalled = must_wait(engine, flow)
        if flow.stalled:
            break
        desc = mm_take_desc(source.m2s, source.m2s_seen & source.m2s_mask)
        fault = check_sent(source, &desc)
        if fault != NO_FAULT:
            end(engine, source, fault)
            break
        source.m2s_seen += 1
        source.posted -= 1
        source.frames += 1
        source.bytes += desc.length - MM_HEADER_SIZE
        fan_out(engine, flow, flow.pool, <uint32_t> (desc.offset // flow.pool.stride), desc.length - MM_HEADER_SIZE)
        done += 1
    return done


cdef inline bint is_starved(Flow *flow) noexcept nogil:
    """Whether the source has no frame to fill, or waits for one more, and none is free."""
    cdef Attachment *source = flow.source
    if source != NULL and source.stock != NULL:
        return flow.pool.free_count == 0 and source.stock.chain == 0
    if source == NULL or flow.pool == NULL or source.held or flow.pool.free_count or source.posted == source.queue:
        return False
    return source.posted == 0 or not mm_load16(&source.s2m.flags) & MM_MASK_INT


cdef inline void finish_batch(Engine_ *engine, Flow *flow) noexcept nogil:
    """Tell the sinks, take back what they returned, give the source new frames."""
    cdef uint32_t i
    cdef bint starved
    for i in range(flow.sink_count):
        flush(engine, flow.sinks[i])
    for i in range(flow.sink_count):
        take_returns(engine, flow.sinks[i])
    post_frames(engine, flow)
    starved = is_starved(flow)
    for i in range(flow.sink_count):
        if starved:
            ask_for_returns(engine, flow.sinks[i])
        elif not flow.stalled:
            stop_asking(flow.sinks[i])
    if starved:
        post_frames(engine, flow)


cdef inline bint begin_packet(Engine_ *engine, Attachment *source, StockRing *ring, uint32_t which) noexcept nogil:
    """Set a frame aside for the next packet of a ring; False if there is no packet, or no frame for it."""
    cdef Stock *stock = source.stock
    cdef PoolState *pool = source.flow.pool
    cdef uint64_t length
    cdef int count = chain_length(engine, source, ring, stock_available(engine, source, ring), &length)
    if count == 0 or source.fault != NO_FAULT:
        return False
    if length > pool.capacity:
        end(engine, source, BAD_LENGTH)
        return False
    source.flow.stalled = must_wait(engine, source.flow)
    if source.flow.stalled or pool.free_count == 0:
        return False
    pool.free_count -= 1
    stock.frame = pool.free[pool.free_count]
    pool.state[stock.frame] = FRAME_POSTED  # it comes back if the peer goes before the packet is whole
    begin_frame(stock, which)
    stock.chain, stock.chain_bytes = count, length
    return True


cdef inline bint take_packet(Engine_ *engine, Attachment *source, StockRing *ring, uint32_t which, uint64_t *budget) noexcept nogil:
    """Copy a stock source's packet, or a portion, into a frame of the pool; True if it is whole and was passed on."""
    cdef Flow *flow = source.flow
    cdef PoolState *pool = flow.pool
    cdef Stock *stock = source.stock
    if stock.chain == 0 and not begin_packet(engine, source, ring, which):
        return False
    if stock.progress_ring != which or not gather(
        engine, source, ring, pool.base + stock.frame * pool.stride + MM_HEADER_SIZE, budget
    ):
        return False
    flow.stalled = must_wait(engine, flow)  # a sink may have come meanwhile
    if flow.stalled:
        return False
    write_header(pool, stock.frame, stock.chain_bytes, flow.next_sequence)
    stock_consumed(stock, ring, which, stock.chain)
    stock.chain = 0
    source.frames += 1
    source.bytes += stock.chain_bytes
    fan_out(engine, flow, pool, stock.frame, <uint32_t> stock.chain_bytes)
    return True


cdef inline bint stock_pending(Engine_ *engine, Attachment *source) noexcept nogil:
    """Whether a whole packet waits for somebody to look; not if the source has its turn anyway."""
    cdef Stock *stock = source.stock
    cdef uint64_t length
    cdef uint32_t which
    if source.active:
        return False
    for which in range(stock.ring_count):
        if chain_length(engine, source, &stock.rings[which], stock_available(engine, source, &stock.rings[which]), &length):
            return True
    return False


cdef inline void mask_rings(Attachment *source, uint16_t flags) noexcept nogil:
    cdef uint32_t which
    for which in range(source.stock.ring_count):
        mm_store16(&source.stock.rings[which].ring.flags, flags)


cdef inline bint serve_stock_source(Engine_ *engine, Attachment *source) noexcept nogil:
    """Like `serve_source`, for a peer that knows nothing of us; True if there is more to do."""
    cdef Flow *flow = source.flow
    cdef uint32_t which, done = 0
    cdef uint64_t budget = PORTION
    if source.fault != NO_FAULT or flow.pool == NULL or not flow.pool.writable:
        return False
    mask_rings(source, MM_MASK_INT)
    for which in range(source.stock.ring_count):
        while done < BATCH and budget and take_packet(engine, source, &source.stock.rings[which], which, &budget):
            done += 1
    finish_batch(engine, flow)
    if done or source.stock.chain or flow.stalled or engine.polling or source.fault != NO_FAULT:
        return (done or source.stock.chain) and not flow.stalled and source.fault == NO_FAULT
    mask_rings(source, 0)
    mm_fence()
    source.stock.doubtful_until = mm_monotonic() + DOUBT_NS
    return flow.pool.free_count > 0 and stock_pending(engine, source)


cdef inline bint serve_source(Engine_ *engine, Attachment *source) noexcept nogil:
    """Work until the source's ring is empty; True if it is not and others should have their turn first."""
    cdef Flow *flow = source.flow
    cdef uint32_t rounds, done
    if source.stock != NULL:
        return serve_stock_source(engine, source)
    mm_store16(&source.m2s.flags, MM_MASK_INT)
    for rounds in range(ROUNDS):
        if source.fault != NO_FAULT or flow.pool == NULL:
            return False
        done = take_batch(engine, source)
        finish_batch(engine, flow)
        if flow.stalled:
            wake_source(engine, source)
            return False
        source.burst += done
        if done == 0:
            wake_source(engine, source)
            if source.finishing and source.fault == NO_FAULT and mm_load16(&source.m2s.tail) == source.m2s_seen:
                end(engine, source, FINISHED)
            if engine.polling or source.fault != NO_FAULT:
                return False
            if source.burst >= BURST and source.lingered < LINGER:
                source.lingered += 1
                return True
            source.burst = source.lingered = 0
            mm_store16(&source.m2s.flags, 0)
            mm_fence()
            if mm_load16(&source.m2s.tail) == source.m2s_seen:
                return False
            mm_store16(&source.m2s.flags, MM_MASK_INT)
        source.lingered = 0
    return True


cdef inline bint serve_sink(Engine_ *engine, Attachment *sink) noexcept nogil:
    """A sink returned frames, or a stock sink is to be given more; whoever calls goes on with a stalled source."""
    cdef Flow *flow = sink.flow
    take_returns(engine, sink)
    if sink.stock != NULL:
        sink.dirty = True
    flush(engine, sink)
    if sink.stock == NULL and sink.wants_returns and not flow.stalled:
        finish_batch(engine, flow)
        if flow.source != NULL:
            wake_source(engine, flow.source)
    return False
