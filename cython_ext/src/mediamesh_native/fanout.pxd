"""What happens between the hub and one sink: publish, withdraw, take back.

A sink has `queue` slots. A slot is a reference to a frame: taken when the frame is put on the sink's ring,
given up when the sink returns it or when the hub withdraws it unread. Slots carry a tag that changes with every use,
so a return that was invented or repeated is noticed.
"""

from libc.stdint cimport uint16_t, uint32_t, uint64_t

from mediamesh_native.frames cimport activate, end, free_slot, hold_frame, wake_receiver
from mediamesh_native.layout cimport (
    MM_HEADER_SIZE, MM_MASK_INT, mm_desc, mm_fence, mm_info, mm_load16, mm_load64, mm_store16, mm_swap64, mm_take_desc,
)
from mediamesh_native.stock cimport stock_deliver, stock_put, stock_reclaim, stock_withdraw
from mediamesh_native.model cimport (
    BAD_RETURN, BLOCK, CLAIM_JUMP, DISCONNECT, DROP_OLDEST, INDEX_JUMP, NO_FAULT, SLOW_SINK,
    Attachment, Engine_, Flow, PoolState, Slot,
)


cdef inline bint take_back(Engine_ *engine, Attachment *sink, uint32_t metadata) noexcept nogil:
    cdef uint16_t index = <uint16_t> (metadata & 0xFFFF)
    if index >= sink.queue or not sink.slots[index].used or sink.slots[index].tag != <uint16_t> (metadata >> 16):
        end(engine, sink, BAD_RETURN)
        return False
    free_slot(engine, sink, index)
    return True


cdef inline void take_returns(Engine_ *engine, Attachment *sink) noexcept nogil:
    """Read the sink's return ring as far as it has been written."""
    cdef uint16_t tail, count
    if sink.stock != NULL:
        stock_reclaim(engine, sink)
        return
    tail = mm_load16(&sink.m2s.tail)
    count = <uint16_t> (tail - sink.m2s_seen)
    if count == 0 or sink.fault != NO_FAULT:
        return
    if count > sink.queue:
        end(engine, sink, INDEX_JUMP)
        return
    while sink.m2s_seen != tail:
        if not take_back(engine, sink, mm_take_desc(sink.m2s, sink.m2s_seen & sink.m2s_mask).metadata):
            return
        sink.m2s_seen += 1
    sink.m2s_head = <uint16_t> (tail + sink.m2s_mask + 1)
    mm_store16(&sink.m2s.head, sink.m2s_head)


cdef inline bint claim_is_sound(Engine_ *engine, Attachment *sink, uint64_t claim) noexcept nogil:
    if claim < sink.claimed or claim > sink.head:
        end(engine, sink, CLAIM_JUMP)
        return False
    sink.claimed = claim
    return True


cdef inline void flush(Engine_ *engine, Attachment *sink) noexcept nogil:
    """Publish what was put on the ring, once for a batch."""
    if sink.dirty:
        sink.dirty = False
        if sink.stock != NULL:
            sink.dirty = stock_deliver(engine, sink)
            if sink.dirty:
                activate(engine, sink)
            return
        mm_store16(&sink.s2m.head, <uint16_t> sink.head)
        wake_receiver(engine, sink, sink.s2m, sink.s2m_signal)


cdef inline bint withdraw_oldest(Engine_ *engine, Attachment *sink) noexcept nogil:
    """Take the oldest frame that waits on the ring away from the sink; False if none waits."""
    cdef uint64_t claim
    cdef uint16_t position, index
    if sink.stock != NULL:
        return stock_withdraw(engine, sink)
    flush(engine, sink)
    while True:
        claim = mm_load64(&sink.extension.claim)
        if not claim_is_sound(engine, sink, claim) or claim == sink.head:
            return False
        if mm_swap64(&sink.extension.claim, claim, claim + 1):
            break
    sink.claimed = claim + 1
    position = <uint16_t> (claim & sink.s2m_mask)
    index = sink.ring_slot[position]
    # A sink that returned a frame it never took has already emptied the slot.
    if sink.slots[index].used and sink.slots[index].tag == sink.ring_tag[position]:
        free_slot(engine, sink, index)
    sink.dropped += 1
    return sink.free_slot_count > 0


cdef inline void take_all_waiting(Attachment *sink) noexcept nogil:
    """Leave nothing for a sink to take that is removed but still runs: its frames will be filled anew."""
    cdef uint64_t claim = mm_load64(&sink.extension.claim)
    cdef int tries = sink.s2m_mask + 2  # each failure is a frame taken; a sink that writes nonsense harms itself
    while claim < sink.head and tries and not mm_swap64(&sink.extension.claim, claim, sink.head):
        claim = mm_load64(&sink.extension.claim)
        tries -= 1


cdef inline bint make_room(Engine_ *engine, Attachment *sink) noexcept nogil:
    """A free slot and a free ring position for one more frame, by the sink's policy; False: this frame is not for it."""
    if sink.free_slot_count == 0:
        flush(engine, sink)
        take_returns(engine, sink)
    if sink.fault != NO_FAULT:
        return False
    if sink.free_slot_count == 0:
        if sink.policy == DISCONNECT:
            end(engine, sink, SLOW_SINK)
            return False
        if not withdraw_oldest(engine, sink):
            return False
    if sink.stock != NULL:
        return True
    # More waiting frames than ring positions: only a sink that returns what it never took gets here.
    if sink.head - sink.claimed > sink.s2m_mask:
        if not claim_is_sound(engine, sink, mm_load64(&sink.extension.claim)):
            return False
        if sink.head - sink.claimed > sink.s2m_mask:
            end(engine, sink, BAD_RETURN)
            return False
    return True


cdef inline void publish(Engine_ *engine, Attachment *sink, PoolState *pool, uint32_t frame) noexcept nogil:
    """Put one frame on the sink's ring, or count it as dropped."""
    cdef uint16_t index, position
    cdef Slot *slot
    cdef mm_desc *desc
    cdef mm_info *info
    if sink.stock != NULL and sink.stock.shared and sink.stock.pool != pool or not make_room(engine, sink):
        sink.dropped += 1
        return
    sink.free_slot_count -= 1
    index = sink.free_slots[sink.free_slot_count]
    slot = &sink.slots[index]
    slot.pool = pool
    slot.frame = frame
    slot.used = True
    hold_frame(pool, frame)
    sink.frames += 1
    sink.bytes += pool.length[frame]
    sink.dirty = True
    if sink.stock != NULL:
        stock_put(sink, index)
        return
    position = <uint16_t> (sink.head & sink.s2m_mask)
    sink.ring_slot[position] = index
    sink.ring_tag[position] = slot.tag
    desc = &sink.s2m.desc[position]
    desc.flags = 0
    desc.region = <uint16_t> pool.region
    desc.length = MM_HEADER_SIZE + pool.length[frame]
    desc.offset = <uint32_t> (frame * pool.stride)
    desc.metadata = index | (<uint32_t> slot.tag << 16)
    info = &sink.info[position]
    info.sequence = pool.sequence[frame]
    info.flags = pool.flags[frame]
    sink.head += 1


cdef inline bint lacks_room(Engine_ *engine, Attachment *sink) noexcept nogil:
    """Whether a `block` sink cannot take one more frame now."""
    if sink.policy != BLOCK or sink.fault != NO_FAULT or sink.free_slot_count:
        return False
    take_returns(engine, sink)
    return sink.free_slot_count == 0 and sink.fault == NO_FAULT


cdef inline void ask_for_returns(Engine_ *engine, Attachment *sink) noexcept nogil:
    """Have the sink signal its next return; what came meanwhile is read at once."""
    sink.wants_returns = True
    if sink.stock != NULL:
        take_returns(engine, sink)  # nobody signals these; the engine looks by the clock
        return
    mm_store16(&sink.m2s.flags, 0)
    mm_fence()
    take_returns(engine, sink)


cdef inline void stop_asking(Attachment *sink) noexcept nogil:
    if sink.wants_returns:
        sink.wants_returns = False
        if sink.stock != NULL:
            return
        mm_store16(&sink.m2s.flags, MM_MASK_INT)
