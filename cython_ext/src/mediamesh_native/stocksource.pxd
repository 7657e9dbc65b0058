"""What a stock memif peer sends: packets, however chained, put together in frames of the pool.

A large packet is copied in portions. What the peer says is read anew for every portion, so it is checked anew as well; the
packet's descriptors are its own again only when the last byte is ours.
"""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from mediamesh_native.frames cimport end
from mediamesh_native.layout cimport (
    MM_DESC_NEXT, MM_FRAME_MAGIC, mm_desc, mm_header, mm_load16, mm_monotonic, mm_store16, mm_tai, mm_take_desc,
)
from mediamesh_native.model cimport (
    BAD_CHAIN, BAD_LENGTH, FOREIGN_BUFFER, INDEX_JUMP, NO_FAULT, Attachment, Engine_, PoolState, Stock, StockRing,
)
from mediamesh_native.stock cimport advance, next_buffer, transfer

cdef enum:
    DOUBT_NS = 1_000_000  # a store of a stock peer is seen by everybody long before
    TORN_NS = 2_000_000_000  # a peer publishes a packet at once, or nearly


cdef inline void write_header(PoolState *pool, uint32_t frame, uint64_t length, uint64_t sequence) noexcept nogil:
    """A stock peer knows no header: the hub is the first that can say when the frame came."""
    cdef mm_header *header = <mm_header *> (pool.base + frame * pool.stride)
    header.magic, header.flags, header.sequence = MM_FRAME_MAGIC, 0, sequence
    header.time, header.sent = mm_tai(), <int64_t> mm_monotonic()
    header.rtp_timestamp = header.status = header.metadata_length = header.duration = 0
    header.payload_length = length


cdef inline void wait_for_rest(Engine_ *engine, Attachment *source, StockRing *ring, uint16_t count) noexcept nogil:
    """A part of a packet is there: it may be on its way, but not for long, and not longer than the ring."""
    cdef uint64_t now = mm_monotonic()
    if ring.torn_since == 0:
        ring.torn_since = now
    if count > ring.mask or now - ring.torn_since > TORN_NS:
        end(engine, source, BAD_CHAIN)
    source.stock.doubtful_until = now + DOUBT_NS  # the clock goes on


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
    if count:
        wait_for_rest(engine, source, ring, count)
    return 0


cdef inline bint take_piece(Stock *stock, StockRing *ring, mm_desc *desc, char *to, uint64_t size) noexcept nogil:
    """Copy from the buffer that the packet has come to; False if it is not the peer's to name."""
    cdef uint64_t slot = stock.progress_ring * (ring.mask + 1) + ((ring.seen + stock.begun) & ring.mask)
    if stock.master:
        return transfer(stock, desc, stock.begun_bytes, to, size, False)
    memcpy(to, stock.buffers + slot * stock.slot_stride + stock.begun_bytes, size)
    return True


cdef inline bint gather(Engine_ *engine, Attachment *source, StockRing *ring, char *to, uint64_t *budget) noexcept nogil:
    """Copy on into a frame; True when the packet is whole. The chain is read anew, so every length is checked anew."""
    cdef Stock *stock = source.stock
    cdef uint64_t size
    cdef mm_desc desc
    while stock.begun < stock.chain:
        desc = mm_take_desc(ring.ring, (ring.seen + stock.begun) & ring.mask)
        size = desc.length - <uint64_t> stock.begun_bytes
        if desc.length < stock.begun_bytes or size > stock.chain_bytes - stock.progress or (
            not stock.master and desc.length > stock.chunk
        ):
            end(engine, source, BAD_LENGTH)
            return False
        size = min(size, budget[0])
        if not take_piece(stock, ring, &desc, to + stock.progress, size):
            end(engine, source, FOREIGN_BUFFER)
            return False
        engine.bytes_copied += size
        advance(stock, budget, size)
        if stock.begun_bytes == desc.length:
            next_buffer(stock)
        elif budget[0] == 0:
            return False
    if stock.progress != stock.chain_bytes:
        end(engine, source, BAD_LENGTH)
    return source.fault == NO_FAULT


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
    ring.torn_since = 0
    ring.seen = <uint16_t> (ring.seen + count)
    if stock.master:
        ring.own = ring.seen
        mm_store16(&ring.ring.tail, ring.own)
        return
    for i in range(count):
        post_buffer(stock, ring, which)
    mm_store16(&ring.ring.head, ring.own)
