/* The bell: a word in the shared rings by which a client sleeps and is woken (docs/design/0001, "Waking each other").
 *
 * The hub writes OFFERED once. A client of ours that sleeps on the word says so by AWAKE and ASLEEP; whoever wakes it, its own
 * threads included, puts AWAKE and calls the kernel. Before a client looks at its rings for the last time it puts ASLEEP,
 * so either it sees what is new or the other side sees that it sleeps. Any other value: wake it on its socket.
 *
 * FUTEX_WAKE takes the spin lock of a hash bucket and waits for nothing else. It wakes one: as many as there are
 * threads waiting would be a client's choice of how long it takes.
 */
#ifndef MEDIAMESH_BELL_H
#define MEDIAMESH_BELL_H

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MM_BELL_NONE = 0, MM_BELL_OFFERED = 1, MM_BELL_AWAKE = 2, MM_BELL_ASLEEP = 3 };
/* What became of an attempt to wake. */
enum { MM_BELL_SOCKET = 0, MM_BELL_UNNEEDED = 1, MM_BELL_WOKEN = 2 };

#define MM_NO_DEADLINE (UINT64_MAX >> 2)

static inline void mm_futex_wake(uint32_t *word, int count) { syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0); }

/* The hub's side. The caller has stored an index, and a fence. */
static inline int mm_bell_wake(uint32_t *bell) {
  uint32_t seen = MM_BELL_ASLEEP;
  if (__atomic_compare_exchange_n(bell, &seen, MM_BELL_AWAKE, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    mm_futex_wake(bell, 1);
    return MM_BELL_WOKEN;
  }
  return seen == MM_BELL_AWAKE ? MM_BELL_UNNEEDED : MM_BELL_SOCKET;
}

/* The client's side: wake all threads of ours that sleep on the word. */
static inline void mm_bell_wake_all(uint32_t *bell) {
  __atomic_store_n(bell, MM_BELL_AWAKE, __ATOMIC_SEQ_CST);
  mm_futex_wake(bell, INT_MAX);
}

/* Sleep while the word has that value, until a time of CLOCK_MONOTONIC. 0, or an errno: EAGAIN, ETIMEDOUT, EINTR.
 * There is always a time: without one the kernel would go on by itself after a handler with SA_RESTART. */
static inline int mm_futex_wait(uint32_t *word, uint32_t value, uint64_t deadline) {
  if (deadline > MM_NO_DEADLINE) deadline = MM_NO_DEADLINE;
  struct timespec until = {(time_t)(deadline / 1000000000u), (long)(deadline % 1000000000u)};
  long result = syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value, &until, NULL, FUTEX_BITSET_MATCH_ANY);
  return result ? errno : 0;
}

#endif
