"""C declarations of bell.h."""

from libc.stdint cimport uint32_t, uint64_t


cdef extern from "bell.h" nogil:
    const uint32_t MM_BELL_OFFERED
    const uint32_t MM_BELL_AWAKE
    const uint32_t MM_BELL_ASLEEP
    const int MM_BELL_SOCKET
    const int MM_BELL_UNNEEDED
    const uint64_t MM_NO_DEADLINE

    int mm_bell_wake(uint32_t *bell)
    void mm_bell_wake_all(uint32_t *bell)
    int mm_futex_wait(uint32_t *word, uint32_t value, uint64_t deadline)
    void mm_futex_wake(uint32_t *word, int count)
