"""The engine's private picture of flows, pools and attachments.

Only the engine thread (or a control call that holds the engine's lock) touches it. Nothing in here
is shared with another process: what peers may write is reached through `s2m`, `m2s` and `extension` alone, and copied
before it is believed.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from mediamesh_native.layout cimport mm_extension, mm_info, mm_ring

cdef enum:
    FRAME_FREE = 0
    FRAME_POSTED = 1  # the source has it
    FRAME_LIVE = 2  # sent; `refs` says how many hold it

cdef enum:
    SOURCE_REGION = 1  # what every source calls its pool; sinks know it under the flow's own number

cdef enum Policy:
    DROP_OLDEST = 0
    BLOCK = 1
    DISCONNECT = 2

cdef enum Role:
    SOURCE = 0
    SINK = 1

cdef enum Fault:
    """Why the engine ended an attachment; the words are in engine.pyx, FAULTS."""
    NO_FAULT = 0
    INDEX_JUMP = 1
    FOREIGN_BUFFER = 2
    BAD_LENGTH = 3
    BAD_RETURN = 4
    CLAIM_JUMP = 5
    SLOW_SINK = 6
    EVENT_BLOCKED = 7
    BAD_CHAIN = 8
    FINISHED = 9
    RINGS_LOST = 10

cdef struct PoolState:
    uint32_t region
    uint32_t frames
    uint64_t capacity
    uint64_t stride
    uint32_t live  # frames with references
    uint32_t free_count
    bint replaced  # no longer the flow's current pool
    bint reported
    uint8_t *state
    uint32_t *refs
    uint64_t *sequence
    uint32_t *flags  # what the hub adds to the frame's own
    uint32_t *length  # payload bytes, as the source's descriptor said
    uint32_t *free
    char *base  # mapped only for copies
    bint writable
    Flow *flow
    PoolState *next

cdef struct Slot:
    PoolState *pool
    uint32_t frame
    uint16_t tag
    bint used

cdef struct StockRing:
    mm_ring *ring
    uint16_t mask
    int event
    uint16_t own  # the index that we write: head as slave, tail as master
    uint16_t seen  # the peer's index as far as processed
    uint64_t torn_since  # the peer has published a part of a packet; 0: it has not

cdef struct StockRegion:
    int fd
    uint64_t size
    char *base  # NULL: only read, by the kernel
    bint steady  # else it may be truncated under us, and only the kernel touches it

cdef struct Stock:
    # What is different about a stock memif peer (VPP, DPDK, libmemif).
    bint master  # our role; the peer is then slave and owns the memory
    bint shared  # sinks: descriptors point into the pool (region 1, fixed when attached); else each frame is copied
    PoolState *pool  # shared: the one the peer has mapped
    uint32_t chunk  # most bytes that one descriptor may carry
    uint32_t ring_count
    StockRing *rings  # those that carry our media, in its direction
    uint32_t next_ring
    uint32_t region_count
    StockRegion *regions
    char *buffers  # as slave: one chunk per ring position, region 1
    uint32_t slot_stride
    uint16_t *slot_of  # as slave, shared: ring and position of a frame's last chunk -> slot + 1
    uint16_t *fifo  # slots that wait, oldest first
    uint32_t fifo_start
    uint32_t fifo_count
    uint64_t progress  # bytes of the oldest, or of the packet that comes in, that are copied
    uint32_t progress_ring
    uint32_t begun  # the peer's descriptors that are done with
    uint32_t begun_bytes  # of the next one
    uint32_t chain  # sources: descriptors of the packet that comes in; 0: none does
    uint64_t chain_bytes
    uint32_t frame  # that it goes into
    bint oversize  # the frame just looked at can never be sent
    uint64_t moved_at  # when the peer last took or gave something
    bint waiting  # for a buffer or a position of the peer's
    uint64_t doubtful_until  # a source may have missed that we sleep; look again then

cdef struct Attachment:
    uint32_t id
    Stock *stock  # NULL for clients of ours
    Role role
    Flow *flow
    mm_ring *s2m
    mm_ring *m2s
    mm_info *info
    mm_extension *extension
    uint16_t s2m_mask
    uint16_t m2s_mask
    int s2m_signal  # a socket, ours alone
    int m2s_event  # an eventfd that the client has too: watched, never read, never written
    Fault fault
    bint reported
    bint active  # in the engine's list of those to look at again
    uint32_t queue
    uint64_t frames
    uint64_t bytes
    uint64_t dropped
    # source
    bint held
    bint finishing  # its client is gone; what it sent is still to be taken
    uint32_t burst  # frames since the ring was last found empty
    uint32_t lingered  # rounds that found it empty since
    uint16_t m2s_head  # posted
    uint16_t m2s_seen  # tail as far as processed
    uint32_t posted
    uint32_t posted_quietly  # since the source was last signalled
    # sink
    Policy policy
    bint dirty  # descriptors written, head not yet published
    bint wants_returns
    uint64_t head  # frames put on the S2M ring, ever
    uint64_t claimed  # the claim word as last checked
    Slot *slots
    uint16_t *free_slots
    uint32_t free_slot_count
    uint16_t *ring_slot  # S2M ring position -> slot
    uint16_t *ring_tag

cdef struct Flow:
    uint32_t id
    uint64_t next_sequence
    uint64_t frames
    uint64_t bytes
    bint discontinuity  # the next frame gets the flag
    bint stalled  # a frame waits for a `block` sink
    PoolState *pool
    PoolState *pools  # all that are still referenced
    PoolState *newest_pool
    uint32_t newest
    Attachment *source
    Attachment **sinks
    uint32_t sink_count
    uint32_t sink_room
    Flow *next

cdef struct Engine_:
    int epoll
    int wake_event  # stop, and control calls that made work
    int report_event  # tells the owner that `events` has something
    bint stopping
    bint polling
    uint64_t wakeups
    uint64_t signals
    uint64_t bytes_copied
    uint64_t kick_since
    uint32_t kicking  # stock peer whose eventfd is being written
    Flow *flows
    Attachment **table
    uint32_t *generation
    uint32_t table_size
    uint32_t active_count
    uint32_t *active
    uint32_t *active_before  # the list that is being worked through
    uint32_t stock_count  # stock peers, which have to be looked at by the clock
    uint32_t *stocks
