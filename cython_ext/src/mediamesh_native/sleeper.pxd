from libc.stdint cimport int64_t, uint32_t, uint64_t

from mediamesh_native.layout cimport mm_extension
from mediamesh_native.lookout cimport Lookout
from mediamesh_native.signals cimport Signals


cdef class Sleeper(Signals):
    cdef mm_extension *extension
    cdef Lookout lookout
    cdef bint by_bell  # we sleep on the bell, and the lookout on all descriptors
    cdef bint closing
    cdef int waiters
    cdef uint32_t burst  # frames since the last sleep

    cdef void _before_sleep(self) noexcept nogil
    cdef int _ensure_open(self) except -1
    cdef bint _linger(self) noexcept nogil
    cdef void _choose(self, int64_t timeout_ns) noexcept
    cdef int _sleep(self, uint64_t deadline) noexcept nogil
    cdef int _sleep_on_bell(self, uint64_t deadline) noexcept nogil
    cdef int _sleep_on_descriptors(self, uint64_t deadline) noexcept nogil
    cdef int _look_for_lookout(self) noexcept nogil
    cdef bint _may_sleep(self) noexcept nogil
    cdef void _give_bell_back(self) noexcept nogil
    cdef void _leave_bell(self) noexcept
    cdef void _end_wait(self)
    cdef void _release_all(self)
