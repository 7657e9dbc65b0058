"""C declarations of layout.h."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "layout.h" nogil:
    const uint32_t MM_COOKIE
    const uint16_t MM_MASK_INT
    const uint16_t MM_DESC_NEXT
    const uint32_t MM_FRAME_MAGIC
    const uint32_t MM_HEADER_SIZE
    const uint32_t MM_METADATA_OFFSET
    const uint32_t MM_METADATA_MAX
    const uint32_t MM_FLAG_DISCONTINUITY
    const unsigned MM_LATENCY_BUCKETS

    ctypedef struct mm_desc:
        uint16_t flags
        uint16_t region
        uint32_t length
        uint32_t offset
        uint32_t metadata

    ctypedef struct mm_ring:
        uint32_t cookie
        uint16_t flags
        uint16_t head
        uint16_t tail
        mm_desc desc[0]

    ctypedef struct mm_info:
        uint64_t sequence
        uint32_t flags
        uint32_t reserved

    ctypedef struct mm_extension:
        uint64_t claim
        uint64_t received
        uint64_t returned
        uint64_t damaged
        uint64_t latency[96]
        uint32_t bell

    ctypedef struct mm_header:
        uint32_t magic
        uint32_t flags
        uint64_t sequence
        int64_t time
        uint32_t rtp_timestamp
        uint32_t status
        uint64_t payload_length
        uint32_t metadata_length
        uint32_t duration
        int64_t sent

    uint16_t mm_load16(const uint16_t *p)
    void mm_store16(uint16_t *p, uint16_t v)
    uint32_t mm_load32(const uint32_t *p)
    void mm_store32(uint32_t *p, uint32_t v)
    uint64_t mm_load64(const uint64_t *p)
    void mm_store64(uint64_t *p, uint64_t v)
    bint mm_swap64(uint64_t *p, uint64_t expected, uint64_t desired)
    void mm_fence()
    mm_desc mm_take_desc(const mm_ring *ring, uint16_t slot)
    uint64_t mm_monotonic()
    int64_t mm_tai()
    unsigned mm_latency_bucket(uint64_t ns)


cdef inline mm_info *ring_info(mm_ring *ring, unsigned log2) noexcept nogil:
    """The info array behind the descriptors of an S2M ring of ours."""
    return <mm_info *> (<char *> ring + 128 + (<size_t> 16 << log2))
