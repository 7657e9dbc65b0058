"""Stock memif peers: frames cut into descriptors that they can digest, and put together again.

A stock sink has slots like any other sink, but frames wait in the hub (`fifo`), where dropping the oldest is easy, and go
out whole: a chain is published only when all of it fits, because DPDK follows a chain beyond what was published.

Copies are done in portions, so that a large frame for one peer does not hold up the others. Foreign
memory that its owner can still truncate is never mapped: pread and pwrite fail where a load would kill the hub.
"""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from mediamesh_native.frames cimport end, free_slot, wake_receiver
from mediamesh_native.layout cimport (
    MM_DESC_NEXT, MM_FRAME_MAGIC, MM_HEADER_SIZE, mm_desc, mm_header, mm_load16, mm_monotonic, mm_ring, mm_store16, mm_tai,
    mm_take_desc,
)
from mediamesh_native.model cimport (
    BAD_CHAIN, BAD_LENGTH, FOREIGN_BUFFER, INDEX_JUMP, NO_FAULT, Attachment, Engine_, Flow, PoolState, Slot, Stock, StockRegion,
    StockRing,
)

cdef extern from "<unistd.h>" nogil:
    ssize_t pread(int fd, void *to, size_t count, int64_t offset)
    ssize_t pwrite(int fd, const void *source, size_t count, int64_t offset)

cdef enum:
    PORTION = 1 << 18  # bytes copied for one peer before others get their turn
    REKICK_NS = 5000000


cdef inline uint32_t pieces(Stock *stock, uint64_t length) noexcept nogil:
    return <uint32_t> ((length + stock.chunk - 1) // stock.chunk) if length else 1


cdef inline bint transfer(Stock *stock, mm_desc *desc, char *ours, uint32_t length, bint out) noexcept nogil:
    """Copy between our memory and the peer's region; False if the descriptor points outside it."""
    cdef StockRegion *region
    if desc.region >= stock.region_count:
        return False
    region = &stock.regions[desc.region]
    if <uint64_t> desc.offset + length > region.size:
        return False
    if region.base == NULL:
        if out:
            return pwrite(region.fd, ours, length, desc.offset) == <ssize_t> length
        return pread(region.fd, ours, length, desc.offset) == <ssize_t> length
    if out:
        memcpy(region.base + desc.offset, ours, length)
    else:
        memcpy(ours, region.base + desc.offset, length)
    return True


cdef inline void pop_fifo(Attachment *sink) noexcept nogil:
    cdef Stock *stock = sink.stock
    stock.fifo_start = (stock.fifo_start + 1) % sink.queue
    stock.fifo_count -= 1
    stock.progress = 0


cdef inline void stock_reclaim_ring(Engine_ *engine, Attachment *sink, uint32_t which) noexcept nogil:
    """As slave: positions that the peer is done with; what it still has of a shared frame ends there."""
    cdef Stock *stock = sink.stock
    cdef StockRing *ring = &stock.rings[which]
    cdef uint16_t tail = mm_load16(&ring.ring.tail)
    cdef uint16_t *slot
    if <uint16_t> (tail - ring.seen) > <uint16_t> (ring.own - ring.seen):
        end(engine, sink, INDEX_JUMP)
        return
    if tail != ring.seen:
        stock.moved_at = mm_monotonic()
    while ring.seen != tail:
        slot = &stock.slot_of[which * (ring.mask + 1) + (ring.seen & ring.mask)]
        if slot[0]:
            free_slot(engine, sink, slot[0] - 1)
            slot[0] = 0
        ring.seen += 1


cdef inline void stock_reclaim(Engine_ *engine, Attachment *sink) noexcept nogil:
    cdef uint32_t which
    if sink.stock.master or sink.fault != NO_FAULT:
        return
    for which in range(sink.stock.ring_count):
        stock_reclaim_ring(engine, sink, which)


cdef inline bint stock_withdraw(Engine_ *engine, Attachment *sink) noexcept nogil:
    """Drop the oldest frame that has not been begun."""
    cdef Stock *stock = sink.stock
    cdef uint32_t place, first
    if stock.fifo_count < (2 if stock.progress else 1):
        return False
    place = stock.fifo_start
    if stock.progress:
        # The one being copied stays; the one behind it goes, and the first takes its place.
        first = stock.fifo[place]
        place = (place + 1) % sink.queue
        free_slot(engine, sink, stock.fifo[place])
        stock.fifo[place] = <uint16_t> first
    else:
        free_slot(engine, sink, stock.fifo[place])
    stock.fifo_start = (stock.fifo_start + 1) % sink.queue
    stock.fifo_count -= 1
    sink.dropped += 1
    return True


cdef inline bint send_as_slave(Engine_ *engine, Attachment *sink, Slot *slot, uint16_t index, uint64_t *budget) noexcept nogil:
    """Put the frame on one of our S2M rings; False if there is no room, or the budget is spent."""
    cdef Stock *stock = sink.stock
    cdef StockRing *ring
    cdef uint64_t length = slot.pool.length[slot.frame]
    cdef uint64_t start = slot.frame * slot.pool.stride + MM_HEADER_SIZE
    cdef uint32_t count = pieces(stock, length), piece, size
    cdef uint16_t position
    cdef mm_desc *desc
    if count > <uint32_t> stock.rings[0].mask + 1:
        stock.oversize = True
        return True
    if stock.progress == 0:
        stock.progress_ring = stock.next_ring
        stock_reclaim_ring(engine, sink, stock.progress_ring)
    ring = &stock.rings[stock.progress_ring]
    if <uint16_t> (ring.own - ring.seen) + count > <uint32_t> ring.mask + 1:
        stock.waiting = True
        return False
    piece = <uint32_t> (stock.progress // stock.chunk)
    while piece < count:
        size = <uint32_t> (length - <uint64_t> piece * stock.chunk if piece == count - 1 else stock.chunk)
        position = <uint16_t> ((ring.own + piece) & ring.mask)
        desc = &ring.ring.desc[position]
        desc.metadata = 0
        desc.flags = MM_DESC_NEXT if piece < count - 1 else 0
        desc.length = size
        if stock.shared:
            desc.region = 1
            desc.offset = <uint32_t> (start + <uint64_t> piece * stock.chunk)
        else:
            if size > budget[0] and stock.progress:
                return False
            desc.region = 1
            desc.offset = (stock.progress_ring * (ring.mask + 1) + position) * stock.slot_stride
            memcpy(stock.buffers + desc.offset, slot.pool.base + start + <uint64_t> piece * stock.chunk, size)
            engine.bytes_copied += size
            budget[0] -= size if size < budget[0] else budget[0]
            stock.progress = <uint64_t> (piece + 1) * stock.chunk
        piece += 1
    ring.own = <uint16_t> (ring.own + count)
    if stock.shared:
        stock.slot_of[stock.progress_ring * (ring.mask + 1) + ((ring.own - 1) & ring.mask)] = index + 1
    mm_store16(&ring.ring.head, ring.own)
    wake_receiver(engine, sink, ring.ring, ring.event)
    stock.next_ring = (stock.progress_ring + 1) % stock.ring_count
    return True


cdef inline bint posted_for(Engine_ *engine, Attachment *sink, StockRing *ring, uint64_t length) noexcept nogil:
    """Whether the peer has posted enough buffers for the whole frame."""
    cdef uint16_t count = <uint16_t> (mm_load16(&ring.ring.head) - ring.own)
    cdef uint16_t i
    cdef uint64_t room = 0
    if count > <uint32_t> ring.mask + 1:
        end(engine, sink, INDEX_JUMP)
        return False
    for i in range(count):
        room += mm_take_desc(ring.ring, (ring.own + i) & ring.mask).length
        if room >= length:
            return True
    return False


cdef inline bint send_as_master(Engine_ *engine, Attachment *sink, Slot *slot) noexcept nogil:
    """Copy the frame into buffers that the peer posted; False if there are too few."""
    cdef Stock *stock = sink.stock
    cdef StockRing *ring = &stock.rings[stock.next_ring]
    cdef uint64_t length = slot.pool.length[slot.frame], done = 0
    cdef char *payload = slot.pool.base + slot.frame * slot.pool.stride + MM_HEADER_SIZE
    cdef uint16_t used = 0
    cdef uint32_t size
    cdef mm_desc desc
    if not posted_for(engine, sink, ring, length):
        if sink.fault == NO_FAULT and <uint16_t> (mm_load16(&ring.ring.head) - ring.own) > ring.mask:
            stock.oversize = True  # the peer has posted all it can, and it is not enough
            return True
        stock.waiting = True
        return False
    while True:
        if used > ring.mask:
            end(engine, sink, BAD_CHAIN)
            return False
        desc = mm_take_desc(ring.ring, (ring.own + used) & ring.mask)
        size = <uint32_t> (length - done if length - done < desc.length else desc.length)
        if not transfer(stock, &desc, payload + done, size, True):
            end(engine, sink, FOREIGN_BUFFER)
            return False
        engine.bytes_copied += size
        done += size
        ring.ring.desc[(ring.own + used) & ring.mask].length = size
        ring.ring.desc[(ring.own + used) & ring.mask].flags = MM_DESC_NEXT if done < length else 0
        used += 1
        if done >= length:
            break
    ring.own = <uint16_t> (ring.own + used)
    mm_store16(&ring.ring.tail, ring.own)
    wake_receiver(engine, sink, ring.ring, ring.event)
    stock.moved_at = mm_monotonic()
    stock.next_ring = (stock.next_ring + 1) % stock.ring_count
    return True


cdef inline bint stock_deliver(Engine_ *engine, Attachment *sink) noexcept nogil:
    """Send what waits, as far as the peer has room; True if only the budget stopped us."""
    cdef Stock *stock = sink.stock
    cdef uint64_t budget = PORTION
    cdef uint16_t index
    cdef bint sent
    stock.waiting = False
    while stock.fifo_count and sink.fault == NO_FAULT:
        if budget == 0:
            return True
        index = stock.fifo[stock.fifo_start]
        if stock.master:
            sent = send_as_master(engine, sink, &sink.slots[index])
            budget -= min(budget, sink.slots[index].pool.length[sink.slots[index].frame])
        else:
            sent = send_as_slave(engine, sink, &sink.slots[index], index, &budget)
        if not sent:
            return not stock.waiting and sink.fault == NO_FAULT
        pop_fifo(sink)
        if stock.oversize:
            stock.oversize = False
            sink.dropped += 1
            free_slot(engine, sink, index)
        elif stock.master or not stock.shared:
            free_slot(engine, sink, index)
    return False


cdef inline void stock_put(Attachment *sink, uint16_t index) noexcept nogil:
    """A frame for this sink; `stock_deliver` sends it."""
    cdef Stock *stock = sink.stock
    stock.fifo[(stock.fifo_start + stock.fifo_count) % sink.queue] = index
    stock.fifo_count += 1


cdef inline void stock_rekick(Engine_ *engine, Attachment *sink, uint64_t now) noexcept nogil:
    """libmemif clears its eventfd after reading the ring, and can so miss a signal: repeat it while nothing moves."""
    cdef Stock *stock = sink.stock
    cdef uint32_t which
    cdef StockRing *ring
    if now - stock.moved_at < REKICK_NS:
        return
    stock.moved_at = now
    for which in range(stock.ring_count):
        ring = &stock.rings[which]
        if not stock.master and ring.own != mm_load16(&ring.ring.tail):
            wake_receiver(engine, sink, ring.ring, ring.event)


cdef inline bint stock_unread(Attachment *sink) noexcept nogil:
    """As slave: whether the peer has positions on its ring that it has not taken."""
    cdef uint32_t which
    for which in range(sink.stock.ring_count):
        if not sink.stock.master and sink.stock.rings[which].own != mm_load16(&sink.stock.rings[which].ring.tail):
            return True
    return False


# --- sources


cdef inline void write_header(PoolState *pool, uint32_t frame, uint64_t length, uint64_t sequence) noexcept nogil:
    """A stock peer knows no header: the hub is the first that can say when the frame came."""
    cdef mm_header *header = <mm_header *> (pool.base + frame * pool.stride)
    header.magic, header.flags, header.sequence = MM_FRAME_MAGIC, 0, sequence
    header.time, header.sent = mm_tai(), <int64_t> mm_monotonic()
    header.rtp_timestamp = header.status = header.metadata_length = header.duration = 0
    header.payload_length = length


cdef inline int chain_length(Engine_ *engine, Attachment *source, StockRing *ring, uint16_t available, uint64_t *bytes) noexcept nogil:
    """How many descriptors the next packet has; 0 if it is not complete yet or the peer was ended."""
    cdef uint16_t count = 0
    cdef mm_desc desc
    bytes[0] = 0
    while count < available:
        desc = mm_take_desc(ring.ring, (ring.seen + count) & ring.mask)
        bytes[0] += desc.length
        count += 1
        if not desc.flags & MM_DESC_NEXT:
            return count
    if count > ring.mask:
        end(engine, source, BAD_CHAIN)
    return 0


cdef inline bint gather(Engine_ *engine, Attachment *source, StockRing *ring, uint32_t which, int count, char *to, uint64_t room) noexcept nogil:
    """Copy a chain into a frame. The chain is read a second time, so every length is checked again."""
    cdef Stock *stock = source.stock
    cdef uint64_t done = 0
    cdef int i
    cdef mm_desc desc
    cdef uint16_t position
    for i in range(count):
        position = <uint16_t> ((ring.seen + i) & ring.mask)
        desc = mm_take_desc(ring.ring, position)
        if done + desc.length > room:
            end(engine, source, BAD_LENGTH)
            return False
        if stock.master:
            if not transfer(stock, &desc, to + done, desc.length, False):
                end(engine, source, FOREIGN_BUFFER)
                return False
        else:
            if desc.length > stock.chunk:
                end(engine, source, BAD_LENGTH)
                return False
            memcpy(to + done, stock.buffers + (which * (ring.mask + 1) + position) * <uint64_t> stock.slot_stride, desc.length)
        done += desc.length
    engine.bytes_copied += done
    return True


cdef inline void post_buffer(Stock *stock, StockRing *ring, uint32_t which) noexcept nogil:
    """As slave: give the peer one buffer of ours to fill. All fields anew: peers change them."""
    cdef uint16_t position = ring.own & ring.mask
    cdef mm_desc *desc = &ring.ring.desc[position]
    desc.flags = 0
    desc.region = 1
    desc.length = stock.chunk
    desc.offset = (which * (ring.mask + 1) + position) * stock.slot_stride
    desc.metadata = 0
    ring.own += 1


cdef inline uint16_t stock_available(Engine_ *engine, Attachment *source, StockRing *ring) noexcept nogil:
    """Descriptors that the peer has sent and we have not looked at."""
    cdef uint16_t count
    cdef uint32_t most
    if source.stock.master:
        count = <uint16_t> (mm_load16(&ring.ring.head) - ring.seen)
        most = <uint32_t> ring.mask + 1
    else:
        count = <uint16_t> (mm_load16(&ring.ring.tail) - ring.seen)
        most = <uint16_t> (ring.own - ring.seen)
    if count > most:
        end(engine, source, INDEX_JUMP)
        return 0
    return count


cdef inline void stock_consumed(Stock *stock, StockRing *ring, uint32_t which, int count) noexcept nogil:
    """The packet is ours; its descriptors go back to the peer."""
    cdef int i
    ring.seen = <uint16_t> (ring.seen + count)
    if stock.master:
        ring.own = ring.seen
        mm_store16(&ring.ring.tail, ring.own)
        return
    for i in range(count):
        post_buffer(stock, ring, which)
    mm_store16(&ring.ring.head, ring.own)
