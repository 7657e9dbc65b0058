/* Memory that two processes share, and the atomic accesses to it.
 *
 * Wire layouts: memif 2.0 rings (see docs/design/0001) and our frame header.
 * Every index is read with acquire and written with release semantics by one
 * single store: a torn or doubled index store is a phantom packet at the peer.
 */
#ifndef MEDIAMESH_LAYOUT_H
#define MEDIAMESH_LAYOUT_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define MM_COOKIE 0x3E31F20u
#define MM_MASK_INT 1u
#define MM_DESC_NEXT 1u
#define MM_FRAME_MAGIC 0x314D4D46u
#define MM_HEADER_SIZE 4096u
#define MM_METADATA_OFFSET 128u
#define MM_METADATA_MAX (MM_HEADER_SIZE - MM_METADATA_OFFSET)
#define MM_FLAG_DISCONTINUITY 2u
#define MM_LATENCY_BUCKETS 96u

typedef struct {
  uint16_t flags;
  uint16_t region;
  uint32_t length;
  uint32_t offset;
  uint32_t metadata;
} mm_desc;

typedef struct {
  uint32_t cookie;
  uint16_t flags; /* written by the receiver of the ring */
  uint16_t head;  /* written by the slave */
  uint8_t pad0[56];
  uint16_t tail; /* written by the master */
  uint8_t pad1[62];
  mm_desc desc[];
} mm_ring;

/* What the hub says of the frame in the same slot of an S2M ring of ours. */
typedef struct {
  uint64_t sequence;
  uint32_t flags;
  uint32_t reserved;
} mm_info;

/* Extension page of region 0; one writer per cache line but for claim. */
typedef struct {
  uint64_t claim; /* both sides, compare and swap only */
  uint8_t pad0[56];
  uint64_t received; /* client */
  uint64_t returned; /* client */
  uint64_t damaged; /* client */
  uint8_t pad1[40];
  uint64_t latency[MM_LATENCY_BUCKETS]; /* client */
  uint32_t bell; /* both sides; see bell.h */
  uint8_t pad2[60];
} mm_extension;

typedef struct {
  uint32_t magic;
  uint32_t flags;
  uint64_t sequence;
  int64_t time;
  uint32_t rtp_timestamp;
  uint32_t status;
  uint64_t payload_length;
  uint32_t metadata_length;
  uint32_t duration;
  int64_t sent;
} mm_header;

_Static_assert(sizeof(mm_desc) == 16, "memif descriptor");
_Static_assert(offsetof(mm_ring, head) == 6, "memif head");
_Static_assert(offsetof(mm_ring, tail) == 64, "memif tail");
_Static_assert(offsetof(mm_ring, desc) == 128, "memif descriptors");
_Static_assert(sizeof(mm_info) == 16, "info");
_Static_assert(offsetof(mm_extension, received) == 64, "client's line");
_Static_assert(offsetof(mm_extension, latency) == 128, "histogram");
_Static_assert(offsetof(mm_extension, bell) == 896, "bell");
_Static_assert(sizeof(mm_header) == 56, "frame header");

static inline uint16_t mm_load16(const uint16_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void mm_store16(uint16_t *p, uint16_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline uint32_t mm_load32(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void mm_store32(uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline uint64_t mm_load64(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void mm_store64(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline int mm_swap64(uint64_t *p, uint64_t expected, uint64_t desired) {
  return __atomic_compare_exchange_n(p, &expected, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
/* Between a store of mine and a load of the peer's that must not pass it. */
static inline void mm_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

/* A private copy, taken once: what is checked is what is used. */
static inline mm_desc mm_take_desc(const mm_ring *ring, uint16_t slot) {
  mm_desc copy;
  const volatile uint64_t *from = (const volatile uint64_t *)&ring->desc[slot];
  uint64_t words[2] = {from[0], from[1]};
  __builtin_memcpy(&copy, words, sizeof copy);
  return copy;
}

static inline uint64_t mm_clock(clockid_t which) {
  struct timespec now;
  clock_gettime(which, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
static inline uint64_t mm_monotonic(void) { return mm_clock(CLOCK_MONOTONIC); }
static inline int64_t mm_tai(void) { return (int64_t)mm_clock(CLOCK_TAI); }

/* Quarter octaves from 1024 ns; see latency.py. */
static inline unsigned mm_latency_bucket(uint64_t ns) {
  if (ns < 1024) return 0;
  unsigned octave = 63u - (unsigned)__builtin_clzll(ns);
  unsigned bucket = 1 + (octave - 10) * 4 + (unsigned)((ns >> (octave - 2)) & 3);
  return bucket < MM_LATENCY_BUCKETS ? bucket : MM_LATENCY_BUCKETS - 1;
}

#endif
