"""Stock memif peers: frames cut into descriptors that they can digest, and put together again.

A stock sink has slots like any other sink, but frames wait in the hub (`fifo`), where dropping the oldest is easy, and go
out whole: a chain is published only when all of it fits, because DPDK follows a chain beyond what was published.

Copies are done in portions, so that a large frame for one peer does not hold up the others. Foreign memory that its
owner can still take away is touched by the kernel only (stockrings.pyx): that fails where a load would kill the hub.
"""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from mediamesh_native.frames cimport end, free_slot, wake_receiver
from mediamesh_native.layout cimport (
    MM_DESC_NEXT, MM_HEADER_SIZE, mm_desc, mm_load16, mm_monotonic, mm_ring, mm_store16, mm_take_desc,
)
from mediamesh_native.model cimport (
    BAD_CHAIN, FOREIGN_BUFFER, INDEX_JUMP, NO_FAULT, Attachment, Engine_, Flow, Slot, Stock, StockRegion, StockRing,
)

cdef extern from "<unistd.h>" nogil:
    ssize_t pread(int fd, void *to, size_t count, int64_t offset)

cdef extern from * nogil:
    """
    #include <sys/uio.h>
    #include <unistd.h>
    /* Store into memory of ours as the kernel does for others: a page that is gone is an error, not a SIGBUS. */
    static inline int mm_store_unsteady(void *to, const void *from, size_t count) {
        struct iovec source = {(void *)from, count}, target = {to, count};
        return process_vm_writev(getpid(), &source, 1, &target, 1, 0) == (ssize_t)count;
    }
    """
    bint mm_store_unsteady(void *to, const void *source, size_t count)

cdef enum:
    PORTION = 1 << 18  # bytes copied for one peer before others get their turn
    REKICK_NS = 5000000


cdef inline uint32_t pieces(Stock *stock, uint64_t length) noexcept nogil:
    return <uint32_t> ((length + stock.chunk - 1) // stock.chunk) if length else 1


cdef inline bint transfer(Stock *stock, mm_desc *desc, uint64_t skip, char *ours, uint64_t length, bint out) noexcept nogil:
    """Copy between our memory and the peer's, `skip` bytes into the buffer; False if that is not in the region."""
    cdef StockRegion *region
    cdef uint64_t start = desc.offset + skip
    if desc.region >= stock.region_count:
        return False
    region = &stock.regions[desc.region]
    if start + length > region.size:
        return False
    if not region.steady:
        if out:
            return mm_store_unsteady(region.base + start, ours, length)
        return pread(region.fd, ours, length, start) == <ssize_t> length
    if out:
        memcpy(region.base + start, ours, length)
    else:
        memcpy(ours, region.base + start, length)
    return True


cdef inline void advance(Stock *stock, uint64_t *budget, uint64_t size) noexcept nogil:
    """So much more is copied, of the frame and of the peer's present buffer."""
    stock.progress += size
    stock.begun_bytes += <uint32_t> size
    budget[0] -= size


cdef inline void next_buffer(Stock *stock) noexcept nogil:
    stock.begun += 1
    stock.begun_bytes = 0


cdef inline void begin_frame(Stock *stock, uint32_t which) noexcept nogil:
    """Nothing of a frame on ring `which` is copied yet."""
    stock.progress_ring = which
    stock.progress = stock.begun = stock.begun_bytes = 0


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


cdef inline bint can_begin(Engine_ *engine, Attachment *sink, uint64_t length) noexcept nogil:
    """Begin a frame if the peer has posted room for all of it."""
    cdef Stock *stock = sink.stock
    cdef StockRing *ring = &stock.rings[stock.next_ring]
    if posted_for(engine, sink, ring, length):
        begin_frame(stock, stock.next_ring)
        return True
    # If the peer has posted all it can, and it is not enough, it never will be.
    stock.oversize = sink.fault == NO_FAULT and <uint16_t> (mm_load16(&ring.ring.head) - ring.own) > ring.mask
    stock.waiting = not stock.oversize
    return False


cdef inline bint fill_buffers(Engine_ *engine, Attachment *sink, Slot *slot, uint64_t *budget) noexcept nogil:
    """Copy on into posted buffers; True when the whole frame is there, False when the budget is spent or the peer has ended."""
    cdef Stock *stock = sink.stock
    cdef StockRing *ring = &stock.rings[stock.progress_ring]
    cdef uint64_t length = slot.pool.length[slot.frame], size
    cdef char *payload = slot.pool.base + slot.frame * slot.pool.stride + MM_HEADER_SIZE
    cdef uint16_t posted = <uint16_t> (mm_load16(&ring.ring.head) - ring.own), position
    cdef mm_desc desc
    while True:
        position = <uint16_t> ((ring.own + stock.begun) & ring.mask)
        desc = mm_take_desc(ring.ring, position)
        if stock.begun >= posted or stock.begun > ring.mask or desc.length < stock.begun_bytes:
            end(engine, sink, BAD_CHAIN)
            return False
        size = min(min(length - stock.progress, <uint64_t> (desc.length - stock.begun_bytes)), budget[0])
        if not transfer(stock, &desc, stock.begun_bytes, payload + stock.progress, size, True):
            end(engine, sink, FOREIGN_BUFFER)
            return False
        engine.bytes_copied += size
        advance(stock, budget, size)
        if stock.progress == length or stock.begun_bytes == desc.length:
            ring.ring.desc[position].length = stock.begun_bytes
            ring.ring.desc[position].flags = MM_DESC_NEXT if stock.progress < length else 0
            next_buffer(stock)
            if stock.progress == length:
                return True
        elif budget[0] == 0:
            return False


cdef inline bint send_as_master(Engine_ *engine, Attachment *sink, Slot *slot, uint64_t *budget) noexcept nogil:
    """Copy the frame into buffers that the peer posted; False if there are too few, or the budget is spent."""
    cdef Stock *stock = sink.stock
    cdef StockRing *ring
    if stock.progress == 0 and not can_begin(engine, sink, slot.pool.length[slot.frame]):
        return stock.oversize
    if not fill_buffers(engine, sink, slot, budget):
        return False
    ring = &stock.rings[stock.progress_ring]
    ring.own = <uint16_t> (ring.own + stock.begun)
    mm_store16(&ring.ring.tail, ring.own)
    wake_receiver(engine, sink, ring.ring, ring.event)
    stock.moved_at = mm_monotonic()
    stock.next_ring = (stock.progress_ring + 1) % stock.ring_count
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
            sent = send_as_master(engine, sink, &sink.slots[index], &budget)
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
